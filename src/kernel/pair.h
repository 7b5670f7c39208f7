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
    const real split = 134217729.0, least = 0x1p-1015; /* 2^27 + 1: halves of 26 bits */
#else
    const real split = 4097.0F, least = 0x1p-119F; /* 2^12 + 1 */
#endif
    real ca = split * a, cb = split * b;
    real ah = ca - (ca - a), bh = cb - (cb - b);
    real al = a - ah, bl = b - bh;
    real lo = ((ah * bh - p) + ah * bl + al * bh) + al * bl;
    return (pair){ p, p < least && p > -least ? 0 : lo }; /* below, its halves lose more than it is */
#endif
}

/* ---- arithmetic in two parts, within about 2^-100 of the result where remainders are carried; else in one ---- */

#define FULL CARRIES_REMAINDER

/* hi + lo as one number */
FORMULA real close_pair(pair a) { return FULL && a.lo - a.lo == 0 ? a.hi + a.lo : a.hi; }

FORMULA pair as_pair(real x) { return (pair){ x, 0 }; }
FORMULA pair negative(pair a) { return (pair){ -a.hi, -a.lo }; }

/* a where remainders are carried; else without its own, which comparisons would see. */
FORMULA pair carried(pair a) { return (pair){ a.hi, FULL ? a.lo : 0 }; }

/* One of two, number by number: clang 14 does not vectorise ?: of a struct. */
FORMULA pair choose(int condition, pair a, pair b) { return (pair){ condition ? a.hi : b.hi, condition ? a.lo : b.lo }; }
FORMULA pair abs_pair(pair a) { return choose(a.hi < 0, negative(a), a); }

/* a 2^k for a power of two, which is exact */
FORMULA pair scale_pair(pair a, real power) { return (pair){ a.hi * power, a.lo * power }; }

/* hi + lo, normalised. What is not finite, or overflowed on the way, has no remainder. */
FORMULA pair with_remainder(real hi, real lo)
{
    real s = hi + (lo - lo == 0 ? lo : 0), rest = lo - (s - hi);
    return (pair){ s, rest - rest == 0 ? rest : 0 };
}

FORMULA pair pair_add(pair a, pair b)
{
#if FULL
    pair s = two_sum(a.hi, b.hi);
    return with_remainder(s.hi, s.lo + (a.lo + b.lo));
#else
    return (pair){ a.hi + b.hi, 0 };
#endif
}

FORMULA pair pair_sub(pair a, pair b) { return pair_add(a, negative(b)); }

FORMULA pair pair_mul(pair a, pair b)
{
#if FULL
    pair p = two_product(a.hi, b.hi);
    return with_remainder(p.hi, p.lo + (a.hi * b.lo + a.lo * b.hi));
#else
    return (pair){ a.hi * b.hi, 0 };
#endif
}

/* The same of "tame" numbers: finite, and no product, quotient or reciprocal near the ends of the type's range. */
FORMULA pair pair_add_tame(pair a, pair b)
{
#if FULL
    pair s = two_sum(a.hi, b.hi);
    return fast_two_sum(s.hi, s.lo + (a.lo + b.lo));
#else
    return (pair){ a.hi + b.hi, 0 };
#endif
}

FORMULA pair pair_mul_tame(pair a, pair b)
{
#if FULL
    pair p = two_product(a.hi, b.hi);
    return fast_two_sum(p.hi, p.lo + (a.hi * b.lo + a.lo * b.hi));
#else
    return (pair){ a.hi * b.hi, 0 };
#endif
}

/* a / b, given 1 / b to some digits */
FORMULA pair pair_div_by(pair a, pair b, real inverse)
{
    real q = a.hi * inverse;
#if FULL
    pair back = two_product(q, b.hi);
    return fast_two_sum(q, (((a.hi - back.hi) - back.lo) + (a.lo - q * b.lo)) * inverse);
#else
    (void)b;
    return (pair){ q, 0 };
#endif
}

FORMULA pair pair_div_tame(pair a, pair b) { return pair_div_by(a, b, 1 / b.hi); }

/* p z + c: a step of Horner's rule, for |c| >= |p z| */
FORMULA pair pair_step(pair p, pair z, pair c)
{
    pair t = pair_mul_tame(p, z), s = two_sum(c.hi, t.hi);
    return (pair){ s.hi, s.lo + (t.lo + c.lo) };
}

/* a / b */
FORMULA pair pair_div_to_pair(pair a, pair b)
{
    real q = a.hi / b.hi;
#if FULL
    pair back = two_product(q, b.hi);
    real rest = (((a.hi - back.hi) - back.lo) + (a.lo - q * b.lo)) / b.hi;
    return with_remainder(q, rest);
#else
    return (pair){ q, 0 };
#endif
}

FORMULA real pair_div(pair a, pair b) { return pair_div_to_pair(a, b).hi; }

FORMULA pair pair_sqrt(pair a)
{
    real s = sqrt_(a.hi);
#if FULL
    pair back = two_product(s, s);
    real rest = (((a.hi - back.hi) - back.lo) + a.lo) / (2 * s);
    return with_remainder(s, rest);
#else
    return (pair){ s, 0 };
#endif
}

/* The same of a tame number, and 1 / its first part. */
FORMULA pair pair_sqrt_tame(pair a, real *inverse)
{
    real s = sqrt_(a.hi);
    *inverse = 1 / s;
#if FULL
    pair back = two_product(s, s);
    return fast_two_sum(s, (((a.hi - back.hi) - back.lo) + a.lo) * ((real)0.5 * *inverse));
#else
    return (pair){ s, 0 };
#endif
}

#endif
