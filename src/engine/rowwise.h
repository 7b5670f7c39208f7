/*
 * What the drivers of row losses share: where class inputs stand, and weights of rows that are not there.
 */
#ifndef LIBLOSS_ENGINE_ROWWISE_H
#define LIBLOSS_ENGINE_ROWWISE_H

#include "call.h"

/* The class input (or the second input, where there is none), and the optional class weights; NULL if not given. */
static inline const libloss__view *target_of(const libloss__call *c) { return &c->input[1]; }

static inline const libloss__view *class_weights_of(const libloss__call *c)
{
    if (c->object->class_weight < 0) return NULL;
    const libloss__view *v = &c->input[c->object->class_weight];
    return libloss__given(v) ? v : NULL;
}

static inline int by_index(const libloss__call *c) { return c->object->input[1].kind == KIND_CLASS && c->by_index; }

/* Weights of rows start .. as the arithmetic's numbers: 0 for every row that is not there. NULL if all are, unweighted. */
const void *libloss__row_weights(const libloss__call *c, int64_t start, int64_t n, const int64_t *label, void *weights);

/* How many threads this call may use, each with a workspace of its own. */
int64_t libloss__row_threads(const libloss__call *c);

/* Whether any output per class is wanted. */
int libloss__wants_derivatives(const libloss__call *c);

/* Zeros in all outputs per class of one row. */
void libloss__clear_row(const libloss__call *c, int64_t row);

#endif
