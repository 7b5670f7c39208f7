/*
 * Cells: sums of weights as integers of 128 bits in units of 2^-64, which no order of the data can change.
 */
#ifndef LIBLOSS_ENGINE_CELLS_H
#define LIBLOSS_ENGINE_CELLS_H

#include "total.h"

static inline libloss__cell cell_of(double w)
{
    libloss__cell cell = { 0, (int64_t)w };
    double rest = (w - (double)cell.high) * 0x1p64;
    if (rest < 0x1p52) rest += 0.5; /* truncated below; from 2^52 on every double is whole */
    cell.low = (uint64_t)rest;
    return cell;
}

static inline libloss__cell cell_add(libloss__cell a, libloss__cell b)
{
    libloss__cell s = { a.low + b.low, 0 };
    s.high = (int64_t)((uint64_t)a.high + (uint64_t)b.high + (s.low < a.low));
    return s;
}

/* Rounded once, to nearest even. Cells are never negative. */
static inline double cell_round(libloss__cell cell)
{
    uint64_t high = (uint64_t)cell.high, low = cell.low;
    if (high == 0) return (double)low * 0x1p-64;
    const int shift = __builtin_clzll(high);
    if (shift) {
        high = high << shift | low >> (64 - shift);
        low <<= shift;
    }
    double x = (double)(high | (low != 0)); /* the lowest of 64 bits is sticky: below what rounding to 53 bits looks at */
    for (int k = 0; k < shift; k++) x *= 0.5;
    return x;
}

#endif
