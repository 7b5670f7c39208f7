/*
 * Losses that are one plain function per unit: a row, the documents of a query, a batch, a sequence. The engine hands a unit
 * over as double, contiguous, checked and with nothing absent in it, and multiplies what comes back by the unit's factor.
 *
 * Families: rows.h (a row of classes or components), and those that put a frame of their own around the function.
 */
#ifndef LIBLOSS_KERNEL_UNIT_H
#define LIBLOSS_KERNEL_UNIT_H

#define INSIDE_F64
#ifndef CARRIES_REMAINDER
#define CARRIES_REMAINDER 1 /* for f32 data too: a unit is long */
#endif
#include "loss.h"
#include "math.h"

/* Adds x to a sum in two parts. */
FORMULA void add_to(pair *sum, double x)
{
    pair t = two_sum(sum->hi, x);
    sum->hi = t.hi;
    sum->lo += t.lo;
}

/* hi + lo; an infinite sum has no remainder. */
FORMULA double close_sum(pair s) { return s.lo - s.lo == 0 ? s.hi + s.lo : s.hi; }

FORMULA void add_pair_to(pair *sum, pair x)
{
    add_to(sum, x.hi);
    sum->lo += x.lo;
}

/* ln(a/b): near 1 from the difference, which is exact, since a difference of logarithms would cancel. Of f32 data the quotient will do. */
FORMULA pair log_quotient(pair a, double b)
{
#if !FULL
    return log_to_pair(pair_div_to_pair(a, as_pair(b)));
#endif
    pair r = two_diff(a.hi, b), x = pair_div_to_pair((pair){ r.hi, r.lo + a.lo }, as_pair(b));
    pair apart = pair_sub(log_to_pair(a), log_to_pair(as_pair(b)));
    return choose(x.hi > -0.5 && x.hi < 1, log1p_to_pair(x), apart);
}

/* A positive number m * 2^k whose exponent has no end: what adds up exponentials of any size. */
typedef struct {
    pair m;
    int64_t k;
} scaled;

FORMULA double two_to(int64_t k) { return k < -1022 ? 0 : k > 1022 ? __builtin_inf() : power_of_two((double)k); }

/* e^x, to about 2^-62: products of many stay right. Taylor's series; its first terms are taken in two parts. */
FORMULA scaled exp_scaled(double x)
{
    const int far = x > 0x1p50 || x < -0x1p50; /* only the exponent counts there, and it ends at 2^59, so that three of them add up */
    const double whole = x * 0x1.71547652b82fep+0, most = whole > 0x1p59 ? 0x1p59 : whole < -0x1p59 ? -0x1p59 : whole;
    const double k = far ? most : fma64(x, 0x1.71547652b82fep+0, ROUNDER) - ROUNDER;
    const pair big = two_product(k, LN2_HI), small = two_product(k, LN2_LO);
    const pair rest = two_sum(x - big.hi, -big.lo);
    const pair r = pair_add(rest, (pair){ -small.hi, -small.lo }), square = pair_mul(r, r);
    const pair sixth = { 0x1.5555555555555p-3, 0x1.5555555555555p-57 };
    double p = 1.0 / 6227020800.0; /* 1/13! */
    p = fma64(p, r.hi, 1.0 / 479001600.0);
    p = fma64(p, r.hi, 1.0 / 39916800.0);
    p = fma64(p, r.hi, 1.0 / 3628800.0);
    p = fma64(p, r.hi, 1.0 / 362880.0);
    p = fma64(p, r.hi, 1.0 / 40320.0);
    p = fma64(p, r.hi, 1.0 / 5040.0);
    p = fma64(p, r.hi, 1.0 / 720.0);
    p = fma64(p, r.hi, 1.0 / 120.0);
    p = fma64(p, r.hi, 1.0 / 24.0);
    const pair cube = pair_mul(pair_mul(square, r), sixth), tail = { square.hi * square.hi * p, 0 };
    const pair high = pair_add((pair){ 0.5 * square.hi, 0.5 * square.lo }, pair_add(cube, tail));
    const pair e = pair_add((pair){ 1, 0 }, pair_add(r, high));
    const int finite = x - x == 0;
    if (far && finite) return (scaled){ { 1, 0 }, (int64_t)k };
    return (scaled){ { finite ? e.hi : x > 0 ? x : x < 0 ? 0 : x, finite ? e.lo : 0 }, finite ? (int64_t)k : 0 };
}

FORMULA scaled scaled_add(scaled a, scaled b)
{
    if (a.m.hi == 0) return b;
    if (b.m.hi == 0) return a;
    if (a.k < b.k) {
        scaled c = a;
        a = b;
        b = c;
    }
    const double down = two_to(b.k - a.k);
    pair s = two_sum(a.m.hi, b.m.hi * down);
    s.lo += a.m.lo + b.m.lo * down;
    s = fast_two_sum(s.hi, s.lo);
    if (s.hi > 0x1p500) return (scaled){ { s.hi * 0x1p-500, s.lo * 0x1p-500 }, a.k + 500 };
    return (scaled){ s, a.k };
}

FORMULA scaled scaled_times(scaled a, double x)
{
    pair p = two_product(a.m.hi, x);
    return (scaled){ fast_two_sum(p.hi, p.lo + a.m.lo * x), a.k };
}

FORMULA scaled scaled_product(scaled a, scaled b)
{
    pair p = pair_mul(a.m, b.m);
    return (scaled){ p, a.k + b.k };
}

FORMULA scaled scaled_over(scaled a, scaled b) { return (scaled){ pair_div_to_pair(a.m, b.m), a.k - b.k }; }

FORMULA double scaled_value(scaled a)
{
    const int64_t half = a.k / 2;
    return a.m.hi * two_to(half) * two_to(a.k - half);
}

FORMULA double scaled_log(scaled a)
{
    pair log = log_to_pair(a.m);
    const double k = (double)a.k;
    return k == 0 ? log.hi : k * LN2_HI + (log.hi + (k * LN2_LO + log.lo));
}

/* Names the table of a loss of units: what a unit is, what has a value, the function, its scratch or NULL. */
#define UNIT_TABLE(name_, unit_, values_per_, run_, work_) TABLE_OF_UNITS(name_, unit_, values_per_, run_, work_, NULL)
#define TABLE_OF_UNITS(name_, unit_, values_per_, run_, work_, labels_) \
    extern const unit_kernels KERNEL_TABLE(name_);                      \
    const unit_kernels KERNEL_TABLE(name_) = { run_, work_, labels_ };  \
    DESCRIBE(name_, SHAPE_UNIT, values_per_, unit_)

#endif
