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

/* hi + lo; an infinite sum has no remainder. */
FORMULA double close_sum(pair s) { return s.lo - s.lo == 0 ? s.hi + s.lo : s.hi; }

/* The weight of class j. */
FORMULA double class_weight_of(const row_unit *row, int64_t j) { return row->class_weight ? row->class_weight[j] : 1; }

#define KERNELS_rows(name_)                                                                                            \
    extern const row_kernels KERNEL_TABLE(name_);                                                                      \
    const row_kernels KERNEL_TABLE(name_) = { name_ };                                                                 \
    DESCRIBE(name_, SHAPE_ROWS, PER_ROW)

#endif
