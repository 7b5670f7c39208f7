/*
 * Sorting, for losses and metrics that look at ranks.
 */
#ifndef LIBLOSS_ENGINE_ORDER_H
#define LIBLOSS_ENGINE_ORDER_H

#include <stdint.h>

typedef struct {
    uint64_t key;
    int64_t item;
} ranked;

/* Integers in the order of the numbers; of the two zeros one. No NaN. */
uint64_t libloss__rank_key(double x);

/* Sorts by ascending key; equal keys keep their order. `room` is for n more, and one of the two is where the answer lies. Linear time, no
 * recursion. */
ranked *libloss__sort(ranked *a, ranked *room, int64_t n);

/* Items 0 .. n - 1 by ascending x[item], equal ones by ascending tie[item], and then by number; tie NULL: by number alone. The answer lies
 * in the work, of ORDER_WORK doubles for each. */
enum { ORDER_WORK = 4 };
const ranked *libloss__order(const double *x, const double *tie, int64_t n, double *work);

#endif
