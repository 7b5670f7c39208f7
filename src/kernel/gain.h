/*
 * What a document is worth to a list: by its relevance, and less the further down it stands.
 */
#ifndef LIBLOSS_KERNEL_GAIN_H
#define LIBLOSS_KERNEL_GAIN_H

#include "unit.h"

/* 2^x - 1, the customary gain of relevance x; exact for whole x */
FORMULA double gain_of(double x)
{
    const double inside = x < -1000 ? -1000 : x > 1000 ? 1000 : x, k = (inside + ROUNDER) - ROUNDER, whole = power_of_two(k);
    return x - x == 0 ? whole * expm1_((x - k) * (LN2_HI + LN2_LO)) + (whole - 1) : x;
}

/* 1/log2(rank + 2) */
FORMULA pair discount_of(double rank) { return pair_div_to_pair((pair){ LN2_HI, LN2_LO }, log_to_pair(as_pair(rank + 2))); }

#endif
