/*
 * The exact sum of doubles: one two's-complement integer in units of 2^-1074, always fully carried, so equal sums are
 * equal bytes whatever the order of the terms. 34 limbs of 64 bits hold 2^63 terms of the largest double. Terms that are not
 * finite are counted apart, and once there is one the others no longer matter: the limbs stay 0, so that nobody need add
 * them up. All-zero bytes are the empty sum. (In the manner of Neal 2015, arXiv:1505.05571.)
 */
#ifndef LIBLOSS_ENGINE_SUM_H
#define LIBLOSS_ENGINE_SUM_H

#include "../kernel/tile_sum.h"

enum { SUM_LIMBS = 34 };

typedef struct {
    uint64_t limb[SUM_LIMBS];
    int64_t nan, plus_infinity, minus_infinity;
} libloss__sum;

/* Counts of totals from elsewhere may be anything: they wrap instead of overflowing. */
static inline void libloss__add_count(int64_t *into, int64_t n) { *into = (int64_t)((uint64_t)*into + (uint64_t)n); }

void libloss__sum_add(libloss__sum *s, double x);
void libloss__sum_add_doubles(libloss__sum *s, const double *x, int64_t n);
void libloss__sum_add_count(libloss__sum *s, int64_t n); /* n times 1 */
void libloss__sum_add_tile(libloss__sum *s, const tile_sum *t);
void libloss__sum_merge(libloss__sum *into, const libloss__sum *from);

/* Rounded once, to nearest even; an exact zero is +0. Infinities and NaN as an IEEE sum would give them. */
double libloss__sum_round(const libloss__sum *s);

/* fl(fl(S) / divisor) for a divisor above 0, also where S itself is beyond the largest double. */
double libloss__sum_mean(const libloss__sum *s, double divisor);

#endif
