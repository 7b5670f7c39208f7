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

/* What logits need, of -|x| (or NaN), from one exponential and one division. Float arithmetic with subnormal numbers costs up to 37 times (measured),
 * so e^-|x| and what it multiplies come 2^32 times too large, which is never subnormal; the last product takes that back. */
#define SHRINK 0x1p-32F
#define GROW 0x1p32F

typedef struct {
    float q; /* 2^32/(1 + e^|x|) */
    float little; /* 2^32 ln(1 + e^-|x|) */
} sigmoid_parts;

FORMULA sigmoid_parts sigmoid_parts_(float minus_size)
{
    const float rounder = 0x1.8p23F;
    float x = minus_size < -104.0F ? -104.0F : minus_size; /* e^-104 is 0 */
    float shifted = fma32(x, 0x1.715476p+0F, rounder), k = shifted - rounder;
    float r = fma32(k, -0x1.7f7d1cp-20F, fma32(k, -0x1.62e4p-1F, x)); /* ln 2 in two parts; k times the first is exact */
    int32_t power = (int32_t)(float_to_bits(shifted) << 23) + (127 << 23), least = (127 - 40) << 23; /* 2^k, 2^-40 */
    float m = 1 + fma32(r * r, exp_float(r), r), big = m * bits_to_float((uint32_t)power + (32U << 23));
    float e = m * bits_to_float((uint32_t)(power > least ? power : least)); /* where it is less it is nothing beside 1 */
    return (sigmoid_parts){ big / (1 + e), fma32(log1p_float(e) * e, big, big) };
}

#endif
