/*
 * Sorting, for metrics that look at ranks.
 */
#ifndef LIBLOSS_METRICS_ORDER_H
#define LIBLOSS_METRICS_ORDER_H

#include <stdint.h>

typedef struct {
    uint64_t key;
    int64_t item;
} ranked;

enum { ORDER_WORK = 4 }; /* doubles of work for each number */

/* Sorts items 0 .. n - 1 by ascending x[item], equal ones (0 and -0 too) by ascending tie[item], and then by number; tie NULL: by number
 * alone. No NaN. The answer lies in the work, of ORDER_WORK doubles for each. Linear time, no recursion. */
const ranked *libloss__order(const double *x, const double *tie, int64_t n, double *work);

#endif
