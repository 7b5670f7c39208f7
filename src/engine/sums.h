/*
 * Losses of sums: their driver, and their totals, which keep the sums themselves.
 */
#ifndef LIBLOSS_ENGINE_SUMS_H
#define LIBLOSS_ENGINE_SUMS_H

#include "call.h"
#include "total.h"

/* How many parts a total of so many units has. */
int64_t libloss__sums_parts(const libloss_object *o, int64_t units);

/* Whether a total of so many parts can be of this owner: a metric has none. */
int libloss__parts_fit(uint64_t owner, int64_t parts);

/* The reduced value of what a total has added up; `present` units have any element in them. */
double libloss__sums_total_value(const libloss_total *t, const libloss__row *row, int32_t reduction, int32_t empty, double divisor,
                                 int64_t *present);

#endif
