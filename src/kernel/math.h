/*
 * The mathematics of kernels, in double: branch-free, without tables, so that every loop around it vectorises; the same bits
 * wherever there is a fused multiply-add. Two grades: for f64 data about 0.6 ULP per function, with the remainders that
 * losses need to stay below 2; inside f32 data (the file defines INSIDE_F64) 2^-40, with shorter series and no remainders.
 *
 * Series are Taylor's with the number of terms the grade asks for, whose coefficients 1/n! and 2/(2n + 1) need no generator;
 * the short ones in hexadecimal come from coefficients.py.
 * Ranges: exp on |r| <= ln2/2, log as 2 atanh(s) with |s| <= 3 - 2 sqrt2.
 */
#ifndef LIBLOSS_KERNEL_MATH_H
#define LIBLOSS_KERNEL_MATH_H

#include "pair.h"

#if REAL_BITS == 64

#define FULL CARRIES_REMAINDER

FORMULA double bits_to_double(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

FORMULA uint64_t double_to_bits(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* ln 2 in two parts; 11 low bits of the first are 0, so its product with an exponent is exact. */
#define LN2_HI 0x1.62e42fefa3800p-1
#define LN2_LO 0x1.ef35793c76730p-45
#define ROUNDER 0x1.8p52 /* adding and subtracting it rounds to an integer, which stands in the low bits in between */

/* 2^k for an integer k held in a double, |k| <= 1022. */
FORMULA double power_of_two(double k) { return bits_to_double((double_to_bits(k + ROUNDER) << 52) + (UINT64_C(1023) << 52)); }

/* exp(r) - 1 - r for |r| <= ln2/2 */
FORMULA double exp_tail(double r)
{
#if FULL
    double p = 1.0 / 6227020800.0;
    p = fma64(p, r, 1.0 / 479001600.0);
    p = fma64(p, r, 1.0 / 39916800.0);
    p = fma64(p, r, 1.0 / 3628800.0);
    p = fma64(p, r, 1.0 / 362880.0);
    p = fma64(p, r, 1.0 / 40320.0);
    p = fma64(p, r, 1.0 / 5040.0);
    p = fma64(p, r, 1.0 / 720.0);
    p = fma64(p, r, 1.0 / 120.0);
    p = fma64(p, r, 1.0 / 24.0);
    p = fma64(p, r, 1.0 / 6.0);
    p = fma64(p, r, 0.5);
#else
    double p = 0x1.a11313706b54dp-16;
    p = fma64(p, r, 0x1.a1516a0790f9dp-13);
    p = fma64(p, r, 0x1.6c1685918e3cfp-10);
    p = fma64(p, r, 0x1.1110c63a3c331p-7);
    p = fma64(p, r, 0x1.5555555c85fc4p-5);
    p = fma64(p, r, 0x1.55555567506dep-3);
    p = fma64(p, r, 0x1.0000000000000p-1);
#endif
    return r * r * p;
}

/* x = k ln2 + r, the remainder in two parts. */
typedef struct {
    double k, hi, lo;
} reduced;

FORMULA reduced reduce_exp(double x, double lo)
{
    double k = (x * 0x1.71547652b82fep+0 + ROUNDER) - ROUNDER; /* 1/ln2 */
    double r = x - k * LN2_HI, tail = lo - k * LN2_LO;
    double hi = r + tail;
    return (reduced){ k, hi, tail - (hi - r) };
}

/* e^(hi + lo). Underflows gradually: the power of two comes in two factors, and only the last product rounds. Inside f32 data
 * one factor does: what is beyond e^+-700 is infinite or 0 as a float. */
FORMULA double exp_pair(pair a)
{
#if FULL
    double x = a.hi < -746 ? -746 : a.hi > 710 ? 710 : a.hi;
    reduced r = reduce_exp(x, x == a.hi ? a.lo : 0); /* the remainder of a huge argument is no small number */
    double half = (r.k * 0.5 + ROUNDER) - ROUNDER;
    double e = 1 + (r.hi + (r.lo + r.hi * r.lo + exp_tail(r.hi)));
    return e * power_of_two(half) * power_of_two(r.k - half);
#else
    double x = a.hi < -700 ? -700 : a.hi > 700 ? 700 : a.hi;
    double k = fma64(x, 0x1.71547652b82fep+0, ROUNDER) - ROUNDER, r = fma64(k, -(LN2_HI + LN2_LO), x);
    return (1 + (r + exp_tail(r))) * power_of_two(k);
#endif
}

FORMULA double exp_(double x) { return exp_pair((pair){ x, 0 }); }

/* e^(hi + lo) - 1 */
FORMULA double expm1_pair(pair a)
{
    double x = a.hi < -60 ? -60 : a.hi > 710 ? 710 : a.hi; /* from -38 on the answer is -1 */
    reduced r = reduce_exp(x, x == a.hi ? a.lo : 0);
    double half = (r.k * 0.5 + ROUNDER) - ROUNDER, rest = r.k - half;
    double inverse = r.k > 1000 ? 0 : power_of_two(r.k > 1000 ? 0 : -r.k); /* 2^-k */
    double tail = r.lo + r.hi * r.lo + exp_tail(r.hi);
    pair s = two_sum(1 - inverse, r.hi);
    double y = (s.hi + (s.lo + tail)) * power_of_two(half) * power_of_two(rest);
    double tiny = a.hi < 0 ? -a.hi : a.hi;
    return tiny < 0x1p-54 ? a.hi : y;
}

FORMULA double expm1_(double x) { return expm1_pair((pair){ x, 0 }); }

/* 2 atanh(s) - 2 s, divided by s */
FORMULA double atanh_tail(double s)
{
    double z = s * s;
#if FULL
    double p = 2.0 / 23;
    p = fma64(p, z, 2.0 / 21);
    p = fma64(p, z, 2.0 / 19);
    p = fma64(p, z, 2.0 / 17);
    p = fma64(p, z, 2.0 / 15);
#else
    double p = 2.0 / 15;
#endif
    p = fma64(p, z, 2.0 / 13);
    p = fma64(p, z, 2.0 / 11);
    p = fma64(p, z, 2.0 / 9);
    p = fma64(p, z, 2.0 / 7);
    p = fma64(p, z, 2.0 / 5);
    p = fma64(p, z, 2.0 / 3);
    return z * p;
}

/* ln(hi + lo) in two parts, for |lo| <= ulp(hi). */
FORMULA pair log_to_pair(pair a)
{
    const uint64_t sqrt_half = UINT64_C(0x3fe6a09e667f3bcd);
    double small = a.hi < 0x1p-1022 ? 0x1p54 : 1;
    double x = a.hi * small;
    uint64_t shifted = double_to_bits(x) - sqrt_half;
    double field = bits_to_double(shifted >> 52 | UINT64_C(0x4330000000000000)) - 0x1p52; /* e modulo 4096 */
    double e = field > 2047 ? field - 4096 : field;
    double m = bits_to_double(double_to_bits(x) - (shifted & UINT64_C(0xfff0000000000000))); /* in [sqrt(1/2), sqrt 2) */
    double scale = bits_to_double((UINT64_C(0x3ff) << 52) - (shifted & UINT64_C(0xfff0000000000000))); /* 2^-e */
#if FULL
    pair f = two_sum(m - 1, e < 1000 && e > -1000 ? a.lo * small * scale : 0);
    double d = 2 + f.hi, d_lo = f.hi - (d - 2) + f.lo;
    double s = f.hi / d;
    pair product = two_product(s, d);
    double s_lo = (((f.hi - product.hi) - product.lo) + (f.lo - s * d_lo)) / d;
    pair top = fast_two_sum(e * LN2_HI, 2 * s);
    double tail = top.lo + (e * LN2_LO + (2 * s_lo + s * atanh_tail(s)));
#else
    double f = (m - 1) + a.lo * small * scale, s = f / (2 + f);
    pair top = { e * LN2_HI + 2 * s, 0 };
    double tail = e * LN2_LO + s * atanh_tail(s);
#endif
    double shift = small != 1 ? 54 * (LN2_HI + LN2_LO) : 0;
    double hi = top.hi - shift + tail;
    double lo = shift != 0 ? 0 : tail - (hi - top.hi);
    double limit = a.hi > 0 ? a.hi : a.hi == 0 ? -__builtin_inf() : (double)__builtin_nanf(""); /* inf, ln 0, NaN */
    int ordinary = a.hi > 0 && a.hi < __builtin_inf();
    return (pair){ ordinary ? hi : limit, ordinary ? lo : 0 };
}

FORMULA double log_(double x) { return log_to_pair((pair){ x, 0 }).hi; }

/* ln(1 + hi + lo) in two parts */
FORMULA pair log1p_to_pair(pair a)
{
    pair u = two_sum(1, a.hi);
    pair y = log_to_pair((pair){ u.hi, (u.lo - u.lo == 0 ? u.lo : 0) + a.lo });
    int tiny = a.hi < 0x1p-54 && a.hi > -0x1p-54;
    return (pair){ tiny ? a.hi : y.hi, tiny ? a.lo : y.lo };
}

FORMULA double log1p_(double x) { return log1p_to_pair((pair){ x, 0 }).hi; }

/* ---- what logits need, from one exponential ---- */

typedef struct {
    double softplus; /* ln(1 + e^x) */
    double little; /* ln(1 + e^-|x|) */
    double p, q; /* 1/(1 + e^-x) and 1/(1 + e^x), neither by subtraction from 1 */
    double pq;
} sigmoid_parts;

FORMULA sigmoid_parts sigmoid_parts_pair(pair a)
{
    double x = a.hi, e = exp_pair(x < 0 ? a : (pair){ -a.hi, -a.lo });
#if FULL
    pair d = fast_two_sum(1, e);
    double one = 1 / d.hi, part = e * one;
    pair back = two_product(part, d.hi), unit = two_product(one, d.hi); /* one step of refinement each */
    part += (((e - back.hi) - back.lo) - part * d.lo) * one;
    one += (((1 - unit.hi) - unit.lo) - one * d.lo) * one;
    double little = log1p_(e);
#else
    double both = 1 / ((1 + e) * (2 + e)), one = both * (2 + e), part = e * one; /* one division for 1/(1 + e) and s */
    double s = e * both * (1 + e), z = s * s; /* log1p(e) = 2 atanh(s), s = e/(2 + e) */
    double p = 0x1.bfb4561e8dc48p-4;
    p = fma64(p, z, 0x1.5eab67b0d884cp-4);
    p = fma64(p, z, 0x1.c8cf1b3455de3p-4);
    p = fma64(p, z, 0x1.2489ae158dab2p-3);
    p = fma64(p, z, 0x1.9999c2d1aee49p-3);
    p = fma64(p, z, 0x1.5555553081220p-2);
    p = fma64(p, z, 0x1.0000000002acdp+0);
    double little = 2 * s * p;
#endif
    return (sigmoid_parts){
        .softplus = (x > 0 ? x : 0) + (little + (x > 0 ? a.lo : 0)), /* a NaN comes through e */
        .little = little,
        .p = x < 0 ? part : one,
        .q = x < 0 ? one : part,
        .pq = part * one,
    };
}

FORMULA sigmoid_parts sigmoid_parts_(double x) { return sigmoid_parts_pair((pair){ x, 0 }); }
FORMULA double softplus_(double x) { return sigmoid_parts_(x).softplus; }
FORMULA double logistic_(double x) { return sigmoid_parts_(x).p; }

/* ---- numbers in two parts ---- */

/* a / b, rounded about once; with its remainder where that is wanted */
FORMULA pair pair_div_to_pair(pair a, pair b)
{
    double q = a.hi / b.hi;
#if FULL
    pair back = two_product(q, b.hi);
    double rest = (((a.hi - back.hi) - back.lo) + (a.lo - q * b.lo)) / b.hi;
    return fast_two_sum(q, rest - rest == 0 ? rest : 0); /* where the quotient overflows there is no remainder */
#else
    return (pair){ q, 0 };
#endif
}

FORMULA double pair_div(pair a, pair b) { return pair_div_to_pair(a, b).hi; }

/* ln(p / (1 - p)), which passes 0 at 1/2 and must not be a difference there */
FORMULA double logit_(double p)
{
    int near = p > 0.25 && p < 0.75;
    pair x = pair_div_to_pair((pair){ near ? 2 * p - 1 : 0, 0 }, two_diff(1, p));
    double middle = log1p_to_pair(x).hi, apart = log_(p) - log1p_(-p);
    return near ? middle : apart;
}

/* ---- hyperbolic ---- */

/* cosh(a) - 1 for |a| <= 1: the series in a^2, whose first term is kept in two parts */
FORMULA pair coshm1_small(pair a)
{
    pair z = two_product(a.hi, a.hi);
    z.lo += 2 * a.hi * a.lo;
    double p = 1.0 / 51090942171709440000.0 / 22.0; /* 1/22! */
    p = fma64(p, z.hi, 1.0 / 2432902008176640000.0);
    p = fma64(p, z.hi, 1.0 / 6402373705728000.0);
    p = fma64(p, z.hi, 1.0 / 20922789888000.0);
    p = fma64(p, z.hi, 1.0 / 87178291200.0);
    p = fma64(p, z.hi, 1.0 / 479001600.0);
    p = fma64(p, z.hi, 1.0 / 3628800.0);
    p = fma64(p, z.hi, 1.0 / 40320.0);
    p = fma64(p, z.hi, 1.0 / 720.0);
    p = fma64(p, z.hi, 1.0 / 24.0);
    pair top = fast_two_sum(0.5 * z.hi, z.hi * z.hi * p);
    return (pair){ top.hi, top.lo + 0.5 * z.lo };
}

FORMULA pair abs_pair(pair r) { return r.hi < 0 ? (pair){ -r.hi, -r.lo } : r; }

FORMULA double log_cosh_(pair r)
{
    pair a = abs_pair(r);
    int near = a.hi < 1;
    pair m = coshm1_small((pair){ near ? a.hi : 0, near ? a.lo : 0 });
    double e = exp_pair((pair){ -2 * a.hi, -2 * a.lo });
    pair log = log1p_to_pair((pair){ near ? m.hi : e, near ? m.lo : 0 });
    double far = (a.hi - LN2_HI) + ((log.hi + (a.lo - LN2_LO)) + log.lo);
    return near ? log.hi + log.lo : far;
}

FORMULA double tanh_(pair r)
{
    pair a = abs_pair(r);
    double m = expm1_pair((pair){ -2 * a.hi, -2 * a.lo });
    pair d = fast_two_sum(2, m);
    double t = pair_div((pair){ -m, 0 }, d);
    return copysign_(t, r.hi);
}

/* 1 / cosh^2, never as 1 - tanh^2 */
FORMULA double sech2_(pair r) { return 4 * sigmoid_parts_pair((pair){ 2 * r.hi, 2 * r.lo }).pq; }

#else

/* ---- f32: where double would cost too much; about 2 ULP ---- */

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
    float m = 0x1.6d10fcp-10F;
    m = fma32(m, r, 0x1.120b62p-7F);
    m = fma32(m, r, 0x1.55551ap-5F);
    m = fma32(m, r, 0x1.5554dep-3F);
    m = fma32(m, r, 0.5F);
    m = fma32(m, r, 1.0F);
    m = fma32(m, r, 1.0F);
    float e = m * bits_to_float((float_to_bits(shifted) << 23) + (151U << 23)) * 0x1p-24F;
    float p = 1 / (1 + e);
    float y = -0x1.a04acap-9F; /* (ln(1 + e) - e)/e^2 */
    y = fma32(y, e, 0x1.402f4cp-6F);
    y = fma32(y, e, -0x1.cdd008p-5F);
    y = fma32(y, e, 0x1.afddeap-4F);
    y = fma32(y, e, -0x1.38b908p-3F);
    y = fma32(y, e, 0x1.92b430p-3F);
    y = fma32(y, e, -0x1.ff0254p-3F);
    y = fma32(y, e, 0x1.554bd6p-2F);
    y = fma32(y, e, -0x1.ffffb8p-2F);
    double wide = e, d = 1 + wide; /* as a product of floats p q would gather three roundings more */
    return (sigmoid_parts){ .little = fma32(y * e, e, e), .p = p, .q = e * p, .pq = (float)(wide / (d * d)) };
}

#endif
#endif
