/*
 * What logits need, from one exponential; and the hyperbolic functions, which are the same ones in other clothes.
 */
#ifndef LIBLOSS_KERNEL_MATH_LOGISTIC_H
#define LIBLOSS_KERNEL_MATH_LOGISTIC_H

#include "math_exp.h"

/* In two parts, for formulas that go on; inside f32 data the second ones are 0. */
typedef struct {
    pair little; /* ln(1 + e^-|x|) */
    pair p, q; /* 1/(1 + e^-x) and 1/(1 + e^x), neither by subtraction from 1 */
} sigmoid_pairs;

FORMULA sigmoid_pairs sigmoid_to_pairs(pair x)
{
    pair minus = choose(x.hi < 0, x, negative(x)), little, one, part;
#if FULL
    pair e = exp_to_pair(minus), d = fast_two_sum(1, e.hi), d2 = fast_two_sum(2, e.hi);
    d.lo += e.lo;
    d2.lo += e.lo;
    double both = 1 / (d.hi * d2.hi); /* one division for 1/(1 + e) and s = e/(2 + e), where ln(1 + e) = 2 atanh(s) */
    one = pair_div_by(as_pair(1), d, both * d2.hi);
    part = pair_mul_tame(e, one);
    pair s = pair_div_by(e, d2, both * d.hi);
    double z = s.hi * s.hi;
    little = fast_two_sum(2 * s.hi, 2 * s.lo + s.hi * (z * atanh_tail_wide(z)));
    little = choose(e.hi < 0x1p-120, e, little); /* half of it may not be a number there */
#else
    double e = exp_(minus.hi < -200 ? -200 : minus.hi); /* 0 as a float, and its square and cube are still ordinary numbers */
    double both = 1 / ((1 + e) * (2 + e)), s = e * both * (1 + e);
    one = as_pair(both * (2 + e));
    part = as_pair(e * one.hi);
    little = as_pair(s * atanh_ratio(s * s));
#endif
    return (sigmoid_pairs){ .little = little, .p = choose(x.hi < 0, part, one), .q = choose(x.hi < 0, one, part) };
}

/* ln(1 + e^x) */
FORMULA pair softplus_to_pair(pair x, pair little) { return pair_add((pair){ x.hi > 0 ? x.hi : 0, x.hi > 0 ? x.lo : 0 }, little); }

typedef struct {
    double softplus; /* ln(1 + e^x) */
    double little; /* ln(1 + e^-|x|) */
    double p, q; /* 1/(1 + e^-x) and 1/(1 + e^x) */
    double pq;
} sigmoid_parts;

FORMULA sigmoid_parts sigmoid_parts_pair(pair x)
{
    sigmoid_pairs s = sigmoid_to_pairs(x);
    return (sigmoid_parts){
        .softplus = close_pair(softplus_to_pair(x, s.little)),
        .little = s.little.hi,
        .p = s.p.hi,
        .q = s.q.hi,
        .pq = close_pair(pair_mul(s.p, s.q)),
    };
}

FORMULA sigmoid_parts sigmoid_parts_(double x) { return sigmoid_parts_pair(as_pair(x)); }
FORMULA double logistic_(double x) { return sigmoid_parts_(x).p; }

FORMULA double softplus_(double x)
{
    double y = sigmoid_parts_(x).softplus;
#if FULL
    /* e^x, which must be rounded only once where it is subnormal: beside a power of two whose last bit is the result's. */
    scaled_exp e = exp_parts(as_pair(x));
    double lowest = e.m.hi < 1 ? -1021 : -1022, power = power_of_two(-1022 - e.k), beside = e.k < lowest ? power : 0;
    pair sum = fast_two_sum(beside, e.m.hi);
    double tiny = times_power_of_two((sum.hi + (sum.lo + e.m.lo)) - beside, e.k);
    y = x < -700 ? tiny : y;
#endif
    return y;
}

FORMULA double log_sigmoid_(double x) { return -softplus_(-x); }

/* ---- the same in one part: about an ULP for f64 data, in a third of the time ---- */

/* a - q b for q near a / b */
FORMULA double rest_of_division(double a, double q, double b)
{
#if HAS_FMA
    return fma64(-q, b, a);
#else
    double down = abs_(b) > 0x1p900 ? 0x1p-200 : 1; /* for the halves of two_product */
    pair back = two_product(q, b * down);
    return ((a * down - back.hi) - back.lo) / down;
#endif
}

/* e^-x for x >= 0 or NaN as (1 + u + u_lo) 2^k; from e^-760 on it is that. */
typedef struct {
    double u, u_lo;
    double power; /* 2^k, but at least 2^-100: that is nothing beside 1 */
    double grown; /* 2^(k + 256), and so nothing but a result is subnormal */
    int faint; /* k < -100 */
} decay;

#define SHRINK_DECAY 0x1p-256

FORMULA decay decay_of(pair x)
{
    double minus = x.hi > 760 ? -760 : -x.hi, lo = x.hi > 760 ? 0 : x.lo;
    double shifted = fma64(minus, 0x1.71547652b82fep+0, ROUNDER), k = shifted - ROUNDER; /* 1/ln2 */
    double most = fma64(k, -LN2_HI, minus), next = fma64(k, -LN2_LO, most), r = next - lo;
    double r_lo = fma64(k, -LN2_LO, most - next) + ((next - r) - lo);
    uint64_t power = (double_to_bits(shifted) << 52) + (UINT64_C(1023) << 52);
    int faint = k < -100;
    double grown = x.hi > 747 ? 0 : bits_to_double(power + (UINT64_C(256) << 52)); /* what is made of it is 0; a product would underflow */
    double square = r * r, tail = exp_tail(r), u = fma64(square, tail, r);
    return (decay){ u, fma64(square, tail, r - u) + r_lo, faint ? 0x1p-100 : bits_to_double(power), grown, faint };
}

/* x >= 0 (or NaN without a sign), or 0 below 2^-200: as good beside 1, and no subnormal goes in. By integers: gcc 12 moves the constants of ?: through the arithmetic
 * that follows, and pays twice. */
FORMULA double flushed(double x)
{
    int64_t above = (int64_t)(double_to_bits(x) - double_to_bits(0x1p-200));
    return bits_to_double(double_to_bits(x) & ~(uint64_t)(above >> 63));
}

typedef struct {
    double little; /* ln(1 + e^-x) */
    double p, q; /* 1/(1 + e^-x) and 1/(1 + e^x) */
} sigmoid_sides;

/* Of x >= 0 or NaN; carefully without products that are subnormal, see faint.h. */
FORMULA sigmoid_sides sides_within(pair x, const int carefully)
{
    decay y = decay_of(x);
    double m = 1 + y.u, e = m * y.power, big = m * y.grown;
    double d = 1 + e, d_lo = e - (d - 1), d2 = 2 + e, d2_lo = e - (d2 - 2);
    double both = 1 / (d * d2), by_d = both * d2, by_d2 = both * d; /* one division for 1/(1 + e) and s = e/(2 + e), as above */
    double q = big * by_d, s = e * by_d2;
    q = fma64(rest_of_division(big, q, d) - q * d_lo, by_d, q);
    q = carefully ? times_below(0x1p-1022 / SHRINK_DECAY, q, SHRINK_DECAY) : q * SHRINK_DECAY;
    double s_lo = (rest_of_division(e, s, d2) - s * d2_lo) * by_d2, z = s * s;
    double little = 2 * s + (2 * s_lo + s * (z * atanh_tail_wide(z)));
    return (sigmoid_sides){ .little = y.faint ? q : little, .p = 1 - q, .q = q };
}

FORMULA sigmoid_sides sides_of(pair x) { return sides_within(x, 0); }

FORMULA sigmoid_parts sigmoid_parts_within(pair x, const int carefully)
{
#if FULL
    int below = x.hi < 0;
    sigmoid_sides s = sides_within((pair){ flushed(abs_(x.hi)), below ? -x.lo : x.lo }, carefully);
    return (sigmoid_parts){
        .softplus = s.little + (below ? 0 : x.hi),
        .little = s.little,
        .p = below ? s.q : s.p,
        .q = below ? s.p : s.q,
        .pq = carefully ? times_below(0x1p-1022, s.q, s.p) : s.p * s.q, /* p is 1 there */
    };
#else
    (void)carefully;
    return sigmoid_parts_pair(x);
#endif
}

FORMULA sigmoid_parts sigmoid_parts_of(pair x) { return sigmoid_parts_within(x, 0); }

typedef struct {
    double log_cosh, tanh, sech2; /* sech2: 1/cosh^2, never as 1 - tanh^2 */
} hyperbolic;

/* From e^-2|r| and e^-2|r| - 1; below 7/8 the logarithm of cosh is a series in r^2. For f64 data everything is in two parts but the last sum. */
FORMULA hyperbolic hyperbolic_within(pair r, const int carefully)
{
    pair a = abs_pair(r);
    int near = a.hi < 0.875;
    decay y = decay_of(scale_pair(a, 2));
    double m = fma64(y.power, y.u, y.power - 1), one = 1 + y.u, e = y.power * one, big = y.grown * one;
    double d = 2 + m, d2 = 2 + e, both = 1 / (d * d2), by_d = both * d2, by_d2 = both * d;
    double t = -m * by_d, q = big * by_d, s = e * by_d2, z = near ? a.hi * a.hi : s * s, tail = s * (z * atanh_tail_wide(z));
    double square = near ? z : 0, fourth = -square * square;
#if FULL
    double base = y.power - 1, m_lo = (fma64(y.power, y.u, base - m) + (y.power - (base + 1))) + y.power * y.u_lo,
           one_lo = (y.u - (one - 1)) + y.u_lo, e_lo = y.power * one_lo;
    double d_lo = (m - (d - 2)) + m_lo, d2_lo = (e - (d2 - 2)) + e_lo;
    double q_lo = ((rest_of_division(big, q, d) + y.grown * one_lo) - q * d_lo) * by_d;
    double s_lo = ((rest_of_division(e, s, d2) + e_lo) - s * d2_lo) * by_d2;
    t = fma64((rest_of_division(-m, t, d) - m_lo) - t * d_lo, by_d, t);

    pair apart = fast_two_sum(a.hi, -LN2_HI), sum = fast_two_sum(apart.hi, 2 * s);
    double far = sum.hi + (sum.lo + ((apart.lo - LN2_LO) + (a.lo + (2 * s_lo + tail))));
    far = a.hi < __builtin_inf() ? far : a.hi;
    double square_lo = -rest_of_division(square, near ? a.hi : 0, near ? a.hi : 0);
    double series = 0.5 * square + fma64(fourth, log_cosh_tail(square), 0.5 * square_lo + t * a.lo);

    double some = carefully ? flushed(q) : q; /* what of q counts beside 1 */
    double some_lo = carefully ? bits_to_double(double_to_bits(q_lo) & all_ones_if_less(0, double_to_bits(some))) : q_lo;
    double part = some * SHRINK_DECAY, other = 1 - part, other_lo = ((1 - other) - part) - some_lo * SHRINK_DECAY, product = q * other;
    double quarter = product + (fma64(q, other, -product) + (q_lo * other + q * other_lo));
#else
    double far = (a.hi - LN2_HI) + ((2 * s + tail) - LN2_LO), series = fma64(fourth, log_cosh_tail(square), 0.5 * square);
    double quarter = q * (1 - q * SHRINK_DECAY);
#endif
    double sech2 = carefully ? times_below(0x1p-1022 / SHRINK_DECAY, 4 * quarter, SHRINK_DECAY) : 4 * quarter * SHRINK_DECAY;
    return (hyperbolic){ .log_cosh = near ? series : far, .tanh = copysign_(t, r.hi), .sech2 = sech2 };
}

FORMULA hyperbolic hyperbolic_of(pair r) { return hyperbolic_within(r, 0); }

#endif
