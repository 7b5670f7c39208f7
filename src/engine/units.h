/*
 * Where the units of a call begin and end. Rows, matrices and batches lie at equal distances; groups are told apart by
 * offsets, sequences by lengths.
 */
#ifndef LIBLOSS_ENGINE_UNITS_H
#define LIBLOSS_ENGINE_UNITS_H

#include "call.h"

typedef struct {
    int64_t start, length; /* first element in the first input; along the unit's first axis */
    int64_t first_label, labels; /* of a sequence: its part of the target */
    int64_t next_unit; /* the unit after the one that was asked for last: found without counting from the beginning */
} libloss__bounds;

/* Starts from zeros, then goes from unit to unit. */
void libloss__bounds_of(const libloss__call *c, int64_t unit, libloss__bounds *b);

/* Whether any element of a batch has a weight. */
int libloss__batch_is_present(const libloss__call *c, int64_t unit);

/* The survey of offsets, lengths, labels and of what is present in units other than rows. */
libloss_status libloss__survey_units(libloss__call *c);

#endif
