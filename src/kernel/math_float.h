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

/* e^x = m 2^k with m near 1, of |x| <= 350 or NaN */
typedef struct {
    float m;
    uint32_t k; /* modulo 2^12: the bits above are others */
} scaled_float;

FORMULA scaled_float exp_parts_float(float x)
{
    const float rounder = 0x1.8p23F;
    float shifted = fma32(x, 0x1.715476p+0F, rounder), k = shifted - rounder;
    float r = fma32(k, -0x1.7f7d1cp-20F, fma32(k, -0x1.62e4p-1F, x)); /* ln 2 in two parts; k times the first is exact */
    return (scaled_float){ 1 + fma32(r * r, exp_float(r), r), float_to_bits(shifted) };
}

/* 2^k, |k| <= 126 */
FORMULA float power_float(uint32_t k) { return bits_to_float((k << 23) + (127U << 23)); }

/* The same as a double, of any k that exp_parts_float gives */
FORMULA double wide_power_float(uint32_t k)
{
    const uint64_t bits = ((uint64_t)k << 52) + (UINT64_C(1023) << 52);
    double y;
    memcpy(&y, &bits, sizeof y);
    return y;
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
    scaled_float y = exp_parts_float(minus_size < -104.0F ? -104.0F : minus_size); /* e^-104 is 0 */
    int32_t power = (int32_t)(y.k << 23) + (127 << 23), least = (127 - 40) << 23; /* 2^k, 2^-40 */
    float big = y.m * bits_to_float((uint32_t)power + (32U << 23));
    float e = y.m * bits_to_float((uint32_t)(power > least ? power : least)); /* where it is less it is nothing beside 1 */
    return (sigmoid_parts){ big / (1 + e), fma32(log1p_float(e) * e, big, big) };
}

/* x = m 2^e with m between sqrt(1/2) and sqrt 2: ln x = e ln 2 + ln(1 + f), f = m - 1. Of x >= 2^-126; the logarithm of 0 comes out as -127 ln 2. */
#define SQRT_HALF 0x3f3504f3U /* as bits */

FORMULA float log_of_parts(int32_t whole, float f)
{
    float e = (float)(whole >> 23);
    return fma32(e, 0x1.62e4p-1F, f) + fma32(e, 0x1.7f7d1cp-20F, f * f * log_float(f)); /* ln 2 in two parts; e times the first is exact */
}

FORMULA float log_(float x)
{
    uint32_t shifted = float_to_bits(x) - SQRT_HALF;
    return log_of_parts((int32_t)shifted, bits_to_float((shifted & 0x7fffffU) + SQRT_HALF) - 1);
}

/* The same of any x >= 0; a subnormal number becomes an ordinary one as an integer. */
FORMULA float log_of_any(float x)
{
    uint32_t bits = float_to_bits(x), small = bits < (1U << 23), shifted = (small ? float_to_bits((float)(int32_t)bits) : bits) - SQRT_HALF;
    return log_of_parts((int32_t)(shifted - (small ? 149U << 23 : 0)), bits_to_float((shifted & 0x7fffffU) + SQRT_HALF) - 1);
}

/* ln(1 - x) of x from 0 to 1, 0 or at least 2^-60: rounding 1 - x may take away what counts, so only e is from there. */
FORMULA float log1m_(float x)
{
    uint32_t shifted = float_to_bits(1 - x) - SQRT_HALF;
    float scale = bits_to_float((127U << 23) - (shifted & 0xff800000U)); /* 2^-e */
    return log_of_parts((int32_t)shifted, fma32(-scale, x, scale - 1));
}

#endif
