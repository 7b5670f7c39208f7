/*
 * The spread of numbers about their mean, from three exact sums.
 */
#ifndef LIBLOSS_ENGINE_SPREAD_H
#define LIBLOSS_ENGINE_SPREAD_H

#include "sum.h"

/* sum(w*(x - mean)^2) out of the sums of w, of w*x and of w*x^2, within 2 units in the last place: the difference of products that would
 * cancel is taken in integers. NaN where a sum is not finite, 0 of nothing. */
double libloss__spread(const libloss__sum *w, const libloss__sum *wx, const libloss__sum *wxx);

/* Adds w*x to `wx` and w*x^2 to `wxx`, without rounding where nothing underflows. w NULL: 1. */
void libloss__add_moments(libloss__sum *wx, libloss__sum *wxx, const double *w, const double *x, int64_t n);

/* Adds n numbers; one at a time without what long runs need. */
static inline void libloss__sum_add_few(libloss__sum *s, const double *x, int64_t n)
{
    if (n > 1)
        libloss__sum_add_doubles(s, x, n);
    else if (n == 1)
        libloss__sum_add(s, *x);
}

#endif
