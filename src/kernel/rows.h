/*
 * Losses that are one plain function per row: the engine hands over a row as double, contiguous, with its label or
 * target row checked, and multiplies what comes back. Gradients and Hessians arrive as zeros.
 */
#ifndef LIBLOSS_KERNEL_ROWS_H
#define LIBLOSS_KERNEL_ROWS_H

#define INSIDE_F64
#include "loss.h"
#include "math.h"

typedef double row_formula(const row_unit *row);

/* Adds x to a sum in two parts. */
FORMULA void add_to(pair *sum, double x)
{
    pair t = two_sum(sum->hi, x);
    sum->hi = t.hi;
    sum->lo += t.lo;
}

FORMULA void add_pair_to(pair *sum, pair x)
{
    add_to(sum, x.hi);
    sum->lo += x.lo;
}

/* hi + lo; an infinite sum has no remainder. */
FORMULA double close_sum(pair s) { return s.lo - s.lo == 0 ? s.hi + s.lo : s.hi; }

/* ln(a/b): near 1 from the difference, which is exact, since a difference of logarithms would cancel. */
FORMULA pair log_quotient(pair a, double b)
{
    pair r = two_diff(a.hi, b), x = pair_div_to_pair((pair){ r.hi, r.lo + a.lo }, as_pair(b));
    pair apart = pair_sub(log_to_pair(a), log_to_pair(as_pair(b)));
    return choose(x.hi > -0.5 && x.hi < 1, log1p_to_pair(x), apart);
}

/* The weight of class j. */
FORMULA double class_weight_of(const row_unit *row, int64_t j) { return row->class_weight ? row->class_weight[j] : 1; }

#define KERNELS_rows(name_)                            \
    extern const row_kernels KERNEL_TABLE(name_);      \
    const row_kernels KERNEL_TABLE(name_) = { name_ }; \
    DESCRIBE(name_, SHAPE_ROWS, PER_ROW)

#endif
