/*
 * What likelihoods with a logarithmic link share: a target times an exponential, which alone may overflow or be subnormal where the
 * product is an ordinary number, and e^x - 1 - x near 0.
 */
#ifndef LIBLOSS_KERNEL_LIKELIHOOD_H
#define LIBLOSS_KERNEL_LIKELIHOOD_H

#include "pointwise.h"

/* a t e^x for a of ordinary size and finite factors. A t near an end of the range is moved away from it before anything rounds, and the
 * power of two comes last, since t spans as many binades as e^x does. */
FORMULA double scaled_times_exp(double a, double t, pair x, const real *param)
{
#if FULL
    double lift = is_faint(param) && abs_(t) < 0x1p-1022 ? 1022 : 0, some = is_faint(param) ? lifted_if_subnormal(t) : t;
    double size = abs_(some), up = size < 1 ? 200 : 0, down = 0x1p200 < size ? 200 : 0, shift = up - down;
    scaled_exp e = exp_parts_within(x, 1500);
    return times_far_power_at(a * pair_mul(as_pair(some * power_of_two(shift)), e.m).hi, e.k - shift - lift, param);
#else
    (void)param;
    return a * t * exp_pair(x);
#endif
}

/* t e^x; 0 where t is. */
FORMULA double times_exp(double t, pair x, const real *param)
{
    double product = scaled_times_exp(1, t, x, param);
    return t == 0 ? zero_of(x.hi) : product;
}

/* e^x - 1 - x: by its series at a quarter of x, doubled twice, and where that is too far as a difference that cancels little. */
FORMULA double exp_less_line(pair x)
{
    int near = abs_(x.hi) < 1.375;
    double y = near ? 0.25 * x.hi : 0;
    double a = y * y * exp_tail(y), b = y + a, c = b * b + 2 * a, d = 2 * y + c, small = d * d + 2 * c;
    double m = expm1_(x.hi), large = m < INFINITE ? (m - x.hi) + m * x.lo : m;
    return near ? small + (x.hi + small) * x.lo : large;
}

/* ln Gamma(1 + t) for t >= 0, where rounding 1 + t would not do: it is 0 at 0 and at 1. Around 2, ln Gamma(x) is (x - 2) times a ratio. */
FORMULA double lgamma1p_(double t)
{
    int below = t < 0.5, near = t < 1.5;
    double offset = below ? t : near ? t - 1 : 0;
    const pair c0 = LGAMMA_RATIO_0, c1 = LGAMMA_RATIO_1;
    pair ratio = pair_add(pair_add(c0, pair_mul(as_pair(offset), c1)), as_pair(offset * offset * lgamma_ratio(offset)));
    pair log = log1p_to_pair(as_pair(indicator(below) * offset)), x = two_sum(t, 1);
    pair small = pair_sub(pair_mul(as_pair(offset), ratio), log);
    double far = lgamma_(x.hi);
#if FULL
    double more = x.lo * (log_(x.hi) - 0.5 / x.hi); /* digamma, nearly */
    far += more - more == 0 ? more : 0;
#endif
    return near ? small.hi : far;
}

#endif
