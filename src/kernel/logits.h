/*
 * Losses that weigh both answers to a yes-or-no question, of a logit z:
 *     value yes softplus(-z) + no softplus(z), slope no p - yes q, bend (yes + no) p q    p = 1/(1 + e^-z), q = 1 - p
 * with masses yes and no that are not negative. Nothing is subtracted but the two parts of the slope: the smaller of p and q and
 * softplus(-|z|) come from e^-|z|, and the rest of the value is |z| times the mass on the side that z speaks against.
 *
 * Plain f32 is the fastest that keeps its bound (AVX-512, value and gradient of 1024 elements: 0.7 ns, 2.5, 3 and 3.5 ULP, without FMA 3,
 * 3.5 and 3.5; the same in double 1.2 ns, 0.51 ULP). f64 data carry a remainder only through the divisions: 1.4, 1.9 and 2.1 ULP, and up to 3.2
 * where masses are weighed and smoothed; with everything in two parts it was about 1 ULP and took 2.2 times as long.
 */
#ifndef LIBLOSS_KERNEL_LOGITS_H
#define LIBLOSS_KERNEL_LOGITS_H

#include "loss.h" /* in a build without a build system it says what is stored */
#include "real.h"

#if REAL_BITS == 32
#define JET_UNIT 0x1p-32 /* SHRINK of math_float.h */
#define FAR_FROM 60.0F /* e^-60 2^-36 = 2^-122.6 */
#define FAR_FOR_SPEED
#else
#define MAY_UNDERFLOW WHERE_IT_STALLS
#endif

#include "pointwise.h"

typedef struct {
    double value;
    double slope, bend; /* in units of JET_UNIT */
    double softplus; /* ln(1 + e^-z): what the value gains by more mass on yes; + z: on no */
} logit_jet;

/* t pulled to 1/2 by a share of smoothing, and 1 minus that. */
FORMULA real mass_of(real t, real smoothing) { return fma_(1 - smoothing, t, (real)0.5 * smoothing); }
FORMULA real rest_mass_of(real t, real smoothing) { return fma_(1 - smoothing, 1 - t, (real)0.5 * smoothing); }

#if REAL_BITS == 32

/* Below, choices are made of integers: gcc 12 moves the constants of ?: through the arithmetic that follows, and pays twice. */

/* -|x|, or -2^-60 where that is nearer to 0. */
FORMULA float minus_size(float x)
{
    const uint32_t least = (127U - 60U) << 23, size = float_to_bits(x) & 0x7fffffffU;
    return bits_to_float((size > least ? size : least) | 0x80000000U);
}

/* a / 2^32 - b c, where b >= 0 >= c, and the product is 0 or nothing subnormal: alone, a tiny a is rounded by integers. */
FORMULA float shrink_and_add(float a, float b, float c)
{
    /* the sign bit: a < 2^-94, a is no negative NaN, b = 0 */
    uint32_t alone = (float_to_bits(a) - float_to_bits(0x1p-94F)) & ~float_to_bits(a) & (float_to_bits(b) - 1);
    uint32_t tiny = (uint32_t)((int32_t)alone >> 31);
    float product = b == 0 ? 0 : b * c; /* 0 where c is infinite, too */
    float guard = bits_to_float(float_to_bits(product) | (tiny & float_to_bits(1.0F))); /* so that what is not taken is harmless */
    uint32_t sum = float_to_bits(fma32(a, SHRINK, -guard)), subnormal = float_to_bits(fma32(a, 0x1p117F, 0x1p23F)) - (150U << 23);
    return bits_to_float((subnormal & tiny) | (sum & ~tiny));
}

/* x, negated where the other is negative */
FORMULA float with_sign_of(float x, float other) { return bits_to_float(float_to_bits(x) ^ (float_to_bits(other) & 0x80000000U)); }

FORMULA logit_jet of_logit(real z, real yes, real no, const real *param)
{
    real minus = minus_size(z), both = yes + no;
    sigmoid_parts s = sigmoid_parts_(minus);
    real wrong = (int32_t)float_to_bits(z) < 0 ? yes : no; /* the mass on the side that z speaks against */
    real slope = with_sign_of(fma_(-both, s.q, wrong * GROW), z); /* wrong (1 - q) - right q */
    return (logit_jet){
        /* two terms that are never negative */
        .value = param[FAR] != 0 ? shrink_and_add(both * s.little, wrong, minus) : fma_(both * s.little, SHRINK, -(wrong * minus)),
        .slope = slope,
        .bend = both * s.q * fma_(-s.q, SHRINK, 1),
        .softplus = (double)s.little * SHRINK + (z < 0 ? -(double)z : 0),
    };
}

#else

FORMULA logit_jet of_logit(real z, real yes, real no, const real *param)
{
    real size = flushed(abs_(z)), both = yes + no;
    sigmoid_sides s = sides_at(as_pair(size), param); /* q is the smaller probability, little the surprise of the larger */
    real wrong = z < 0 ? yes : no; /* the mass on the side that z speaks against */
    /* wrong (1 - q) - right q, with a sign; what is 0 then is +0 either way */
    real slope = z < 0 ? fused(s.q, both, -wrong, param) : fused(s.q, -both, wrong, param);
    return (logit_jet){
        .value = fused(s.little, both, wrong == 0 ? 0 : wrong * size, param), /* two terms that are never negative */
        .slope = slope,
        .bend = times_ordinary(times_ordinary(s.q, both, param), s.p, param),
        .softplus = s.little + (z < 0 ? size : 0),
    };
}

#endif
#endif
