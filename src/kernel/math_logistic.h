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

/* ---- hyperbolic ---- */

/* cosh(a) - 1 for |a| <= 1: the series in a^2, whose first term is kept in two parts */
FORMULA pair coshm1_small(pair a)
{
    pair z = pair_mul(a, a), top = fast_two_sum(0.5 * z.hi, z.hi * z.hi * cosh_tail(z.hi));
    return (pair){ top.hi, top.lo + 0.5 * z.lo };
}

FORMULA double log_cosh_(pair r)
{
    const pair ln2 = { LN2_HI, LN2_LO };
    pair a = abs_pair(r);
    int near = a.hi < 1;
    pair m = coshm1_small(choose(near, a, as_pair(0)));
    pair twice = { -2 * a.hi, -2 * a.lo };
    pair e = exp_to_pair(choose(twice.hi < -200, as_pair(-200), twice)); /* nothing beside |r|, and its cube is an ordinary number */
    pair log = log1p_to_pair(choose(near, m, e));
    pair far = pair_add(pair_sub(a, ln2), log);
    return near ? log.hi : far.hi;
}

FORMULA double tanh_(pair r)
{
    pair a = abs_pair(r);
    pair m = expm1_to_pair((pair){ -2 * a.hi, -2 * a.lo }), d = fast_two_sum(2, m.hi);
    return copysign_(pair_div_tame(negative(m), (pair){ d.hi, d.lo + m.lo }).hi, r.hi);
}

/* 1 / cosh^2, never as 1 - tanh^2 */
FORMULA double sech2_(pair r)
{
    pair a = abs_pair(r);
    scaled_exp g = exp_parts((pair){ -2 * a.hi, -2 * a.lo }); /* 4 e/(1 + e)^2 */
    pair e = scale_pair(g.m, g.k < -1000 ? 0 : power_of_two(g.k < -1000 ? 0 : g.k)), d = pair_add_tame(as_pair(1), e);
    pair y = pair_div_tame(scale_pair(g.m, 4), pair_mul_tame(d, d));
    return times_power_of_two(y.hi, g.k);
}

#endif
