/*
 * A loss with its parameters: immutable, counted. One struct for the four kinds; the engine reads it, src/api makes it.
 */
#ifndef LIBLOSS_ENGINE_OBJECT_H
#define LIBLOSS_ENGINE_OBJECT_H

#include <stdatomic.h>

#include "../losses/registry.h"
#include "libloss.h"

enum { OBJECT_LOSS, OBJECT_SUM, OBJECT_CUSTOM, OBJECT_METRIC };
enum { MAX_NUMBERS = 64 }; /* of one object, in all parameters together */

struct libloss_object {
    atomic_int_fast64_t references;
    int kind;
    const char *name;
    const libloss_vtable *vtable; /* plan, forward, backward, reduce: built-ins go through the same table as strangers */
    void *self;
    uint64_t hash; /* of the canonical spec: totals of equal specs merge */

    /* parameters, each a run of doubles: parameter k is value[first[k]] .. value[first[k + 1] - 1] */
    int32_t parameters;
    int64_t first[MAX_PARAMETERS + 1];
    const loss_parameter *parameter;
    double *value;

    /* inputs */
    int32_t inputs;
    const loss_input *input;

    const libloss__row *row; /* a loss or metric of the registry */
    int8_t ignore_index, label_smoothing, labels; /* index of that parameter, or -1 */
    int8_t class_weight; /* index of that input, or -1 */

    /* a weighted sum */
    int64_t terms;
    libloss_object **term;
    double *factor;
    int8_t *place; /* place[k * MAX_INPUTS + i]: which input of the sum is input i of term k */

    /* a stranger's: what their functions get as self, their table, their description */
    void *custom_self;
    const libloss_vtable *theirs;
    const loss *their_loss;
};

static inline int libloss__is_of_sums(const libloss_object *o) { return o->kind == OBJECT_LOSS && o->row->loss->shape == SHAPE_SUMS; }

static inline int libloss__knows_its_batch(const libloss_object *o)
{
    return o->kind == OBJECT_LOSS && (o->row->loss->unit == UNIT_BATCH || o->row->loss->unit == UNIT_MATRIX);
}

/* The loss, metric or term whose values of several calls do not add up, for each depends on its whole batch; NULL: all do. A loss
 * of sums has a total that keeps these, but not as a term. */
static inline const libloss_object *libloss__not_adding_up(const libloss_object *o)
{
    if (o->kind == OBJECT_METRIC) return o->row->metric->kind == SEES_ALL ? o : NULL;
    for (int64_t k = 0; o->kind == OBJECT_SUM && k < o->terms; k++)
        if (libloss__knows_its_batch(o->term[k])) return o->term[k];
    return libloss__knows_its_batch(o) && !libloss__is_of_sums(o) ? o : NULL;
}

#endif
