/*
 * Numbers in two parts: hi + lo, with |lo| at most half a unit in the last place of hi. A single rounding of p - t
 * is already up to one ULP of the result (two where the formula squares it), so formulas of a residual get
 * the part that the subtraction lost as well. Where reals are f64 inside f32 data, lo is far below what matters: the
 * compiler sees the constant 0 and drops the work.
 *
 * two_sum: Knuth, TAOCP 2, 4.2.2; two_product: Dekker 1971, doi:10.1007/BF01397083 (one fma where there is one).
 */
#ifndef LIBLOSS_KERNEL_PAIR_H
#define LIBLOSS_KERNEL_PAIR_H

#include "real.h"

typedef struct {
    real hi, lo;
} pair;

/* 1 where a remainder matters: the arithmetic is as narrow as the data, or the file says so because its errors would add up. */
#ifndef CARRIES_REMAINDER
#define CARRIES_REMAINDER (LIBLOSS_BITS == REAL_BITS)
#endif

FORMULA pair two_sum(real a, real b)
{
    real s = a + b, bb = s - a;
    return (pair){ s, (a - (s - bb)) + (b - bb) };
}

/* The same for |a| >= |b|, or a = 0. */
FORMULA pair fast_two_sum(real a, real b)
{
    real s = a + b;
    return (pair){ s, b - (s - a) };
}

/* a - b exactly. Where hi is not finite, or the remainder is not (overflow on the way), lo is 0. */
FORMULA pair two_diff(real a, real b)
{
#if CARRIES_REMAINDER
    real s = a - b, bb = s - a;
    real lo = (a - (s - bb)) - (b + bb);
    return (pair){ s, lo - lo == 0 ? lo : 0 };
#else
    return (pair){ a - b, 0 };
#endif
}

FORMULA pair two_product(real a, real b)
{
    real p = a * b;
#if HAS_FMA
    return (pair){ p, fma_(a, b, -p) };
#else
#if REAL_BITS == 64
    const real split = 134217729.0; /* 2^27 + 1: halves of 26 bits */
#else
    const real split = 4097.0F; /* 2^12 + 1 */
#endif
    real ca = split * a, cb = split * b;
    real ah = ca - (ca - a), bh = cb - (cb - b);
    real al = a - ah, bl = b - bh;
    return (pair){ p, ((ah * bh - p) + ah * bl + al * bh) + al * bl };
#endif
}

#endif
