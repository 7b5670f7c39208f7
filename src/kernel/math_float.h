/*
 * Plain f32, where double would cost too much; about 2 ULP.
 */
#ifndef LIBLOSS_KERNEL_MATH_FLOAT_H
#define LIBLOSS_KERNEL_MATH_FLOAT_H

#include "coefficients.h"

FORMULA float bits_to_float(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

FORMULA uint32_t float_to_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

typedef struct {
    float little; /* ln(1 + e^-size) */
    float p, q; /* 1/(1 + e^-size) and 1/(1 + e^size) */
    float pq;
} sigmoid_parts;

/* Of size >= 0 (or NaN). One division; e^-size is made 2^24 too large first, so that it underflows gradually. */
FORMULA sigmoid_parts sigmoid_parts_(float size)
{
    const float rounder = 0x1.8p23F;
    float x = 104.0F < size ? 104.0F : size; /* e^-104 is 0 */
    float shifted = fma32(x, -0x1.715476p+0F, rounder), k = shifted - rounder;
    float r = fma32(k, -0x1.7f7d1cp-20F, fma32(k, -0x1.62e4p-1F, -x)); /* ln 2 in two parts; k times the first is exact */
    float e = exp_float(r) * bits_to_float((float_to_bits(shifted) << 23) + (151U << 23)) * 0x1p-24F;
    float p = 1 / (1 + e), y = log1p_float(e);
    double wide = e, d = 1 + wide; /* as a product of floats p q would gather three roundings more */
    return (sigmoid_parts){ .little = fma32(y * e, e, e), .p = p, .q = e * p, .pq = (float)(wide / (d * d)) };
}

#endif
