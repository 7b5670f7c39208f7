/*
 * Losses that weigh both answers to a yes-or-no question, of a logit z:
 *     value yes softplus(-z) + no softplus(z), slope no p - yes q, bend (yes + no) p q    p = 1/(1 + e^-z), q = 1 - p
 * with masses yes and no that are not negative. Nothing is subtracted but the two parts of the slope: the smaller of p and q and
 * softplus(-|z|) come from e^-|z|, and the rest of the value is |z| times the mass on the side that z speaks against.
 *
 * Plain f32 is the fastest that keeps its bound (AVX-512, value and gradient of 1024 elements: 0.7 ns, 2.5, 3 and 3.5 ULP, without FMA 3,
 * 3.5 and 3.5; the same in double 1.2 ns, 0.51 ULP). f64 data carry everything in two parts (about 1 ULP).
 */
#ifndef LIBLOSS_KERNEL_LOGITS_H
#define LIBLOSS_KERNEL_LOGITS_H

#include "loss.h" /* in a build without a build system it says what is stored */
#include "real.h"

#if REAL_BITS == 32
#define JET_UNIT 0x1p-32 /* SHRINK of math_float.h */
#define FAR_FROM 60.0F /* e^-60 2^-36 = 2^-122.6 */
#endif

#include "pointwise.h"

typedef struct {
    double value;
    double slope, bend; /* in units of JET_UNIT */
    double softplus; /* ln(1 + e^-z): what the value gains by more mass on yes; + z: on no */
} logit_jet;

#if REAL_BITS == 32

/* t pulled to 1/2 by a share of smoothing. */
FORMULA pair mass_of(real t, real smoothing) { return as_pair(fma_(1 - smoothing, t, (real)0.5 * smoothing)); }
FORMULA pair weigh(real weight, pair mass) { return as_pair(weight * mass.hi); }
FORMULA pair rest_mass_of(real t, real smoothing) { return as_pair(fma_(1 - smoothing, 1 - t, (real)0.5 * smoothing)); }

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

FORMULA logit_jet of_logit(real z, pair yes, pair no, const real *param)
{
    real minus = minus_size(z), both = yes.hi + no.hi;
    sigmoid_parts s = sigmoid_parts_(minus);
    real wrong = (int32_t)float_to_bits(z) < 0 ? yes.hi : no.hi; /* the mass on the side that z speaks against */
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

/* x, or 0 below 2^-200: as good beside 1, and no subnormal goes in. By integers: see above. */
FORMULA double flushed(double x)
{
    int64_t above = (int64_t)(double_to_bits(x) - double_to_bits(0x1p-200));
    return bits_to_double(double_to_bits(x) & ~(uint64_t)(above >> 63));
}

FORMULA pair mass_of(real t, real smoothing)
{
    return pair_add_tame(pair_mul_tame(as_pair(t), two_diff(1, smoothing)), as_pair((real)0.5 * smoothing));
}
FORMULA pair rest_mass_of(real t, real smoothing)
{
    return pair_add_tame(pair_mul_tame(two_diff(1, t), two_diff(1, smoothing)), as_pair((real)0.5 * smoothing));
}
FORMULA pair weigh(real weight, pair mass) { return pair_mul_tame(as_pair(weight), mass); }

FORMULA logit_jet of_logit(real z, pair yes, pair no, const real *param)
{
    (void)param;
    real size = abs_(z), x = flushed(size);
    sigmoid_pairs s = sigmoid_to_pairs(as_pair(x)); /* q is the smaller probability, little the surprise of the larger */
    pair wrong = choose(z < 0, yes, no), right = choose(z < 0, no, yes), both = pair_add_tame(yes, no);
    real far = wrong.hi == 0 ? 0 : x; /* how much there is to pay for the wrong side */
    pair value = pair_add_tame(pair_mul_tame(both, s.little), pair_mul_tame(as_pair(far), wrong));
    real slope = pair_add_tame(pair_mul_tame(wrong, s.p), negative(pair_mul_tame(right, s.q))).hi;
    return (logit_jet){
        .value = far < INFINITE ? value.hi : far, /* two terms that are never negative */
        .slope = z < 0 ? -slope : slope,
        .bend = pair_mul_tame(both, pair_mul_tame(s.p, s.q)).hi,
        .softplus = pair_add(s.little, as_pair(z < 0 ? size : 0)).hi,
    };
}

#endif
#endif
