/*
 * Losses that are one plain function per unit: a row, the documents of a query, a batch, a sequence. The engine hands a unit
 * over as double, contiguous, checked and with nothing absent in it, and multiplies what comes back by the unit's factor.
 *
 * Families: rows.h (a row of classes or components), and those that put a frame of their own around the function.
 */
#ifndef LIBLOSS_KERNEL_UNIT_H
#define LIBLOSS_KERNEL_UNIT_H

#define INSIDE_F64
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

/* ln(a/b): near 1 from the difference, which is exact, since a difference of logarithms would cancel. */
FORMULA double log_quotient(pair a, double b)
{
    pair r = two_diff(a.hi, b), la = log_to_pair(a), lb = log_to_pair((pair){ b, 0 });
    pair x = pair_div_to_pair((pair){ r.hi, r.lo + a.lo }, (pair){ b, 0 });
    return x.hi > -0.5 && x.hi < 1 ? log1p_to_pair(x).hi : (la.hi - lb.hi) + (la.lo - lb.lo);
}

/* Names the table of a loss of units: what a unit is, what has a value, the function, its scratch or NULL. */
#define UNIT_TABLE(name_, unit_, values_per_, run_, work_)     \
    extern const unit_kernels KERNEL_TABLE(name_);             \
    const unit_kernels KERNEL_TABLE(name_) = { run_, work_ };  \
    DESCRIBE(name_, SHAPE_UNIT, values_per_, unit_)

#endif
