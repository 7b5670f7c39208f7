/*
 * The error function and its complements, ln Gamma and digamma of positive numbers, Bessel's I0 and I1/I0 of numbers that are
 * not negative, sine and cosine. Piecewise: every piece is computed and one is chosen, so that loops vectorise.
 */
#ifndef LIBLOSS_KERNEL_MATH_SPECIAL_H
#define LIBLOSS_KERNEL_MATH_SPECIAL_H

#include "math_exp.h"

/* ---- erf ---- */

/* e^(x^2) erfc(x) for x >= 0; the argument of the series maps all of [0, inf) to [-1, 1] (M. M. Shepherd and J. G. Laframboise
 * 1981, doi:10.1090/S0025-5718-1981-0595058-X). */
FORMULA pair erfcx_to_pair(double x)
{
    double y = x > 0x1p60 ? 0x1p60 : x;
#if FULL
    pair t = pair_div_tame(two_sum(y, -4), two_sum(y, 4));
    pair c = ERFCX_SCALED_0, top = fast_two_sum(c.hi, t.hi * erfcx_scaled(t.hi)), below = two_sum(0.5, x);
    pair far = pair_div_to_pair((pair){ 0.5 * top.hi, 0.5 * (top.lo + (c.lo + t.lo * erfcx_slope(t.hi))) }, below);
    int near = x < 0.5; /* there that series has lost a bit */
    pair u = two_sum(near ? x : 0, -0.25), n0 = ERFCX_NEAR_0, n1 = ERFCX_NEAR_1;
    pair close = pair_add(pair_add(n0, pair_mul(u, n1)), as_pair(u.hi * u.hi * erfcx_near(u.hi)));
    return choose(near, close, far);
#else
    return as_pair((ERFCX_SCALED_0.hi + (y - 4) / (y + 4) * erfcx_scaled((y - 4) / (y + 4))) * 0.5 / (0.5 + x));
#endif
}

/* e^(-x^2), in two factors */
FORMULA scaled_exp gauss_parts(double x)
{
    double y = x > 40 ? 40 : x < -40 ? -40 : x; /* e^-1600 is 0 */
#if FULL
    return exp_parts(negative(two_product(y, y)));
#else
    return exp_parts(as_pair(-y * y));
#endif
}

FORMULA double erfc_(double x)
{
    scaled_exp g = gauss_parts(x);
    pair y = pair_mul(g.m, erfcx_to_pair(abs_(x)));
    double right = times_power_of_two(y.hi, g.k);
    pair whole = pair_sub(as_pair(2), (pair){ right, right > 0x1p-500 ? times_power_of_two(y.lo, g.k) : 0 });
    return x < 0 ? whole.hi : right;
}

FORMULA double erf_(double x)
{
    double size = abs_(x);
    int near = size < 0.5;
    double up = size < 0x1p-900 ? 0x1p200 : 1, down = size < 0x1p-900 ? 0x1p-200 : 1; /* a product of subnormals has no remainder */
    double n = near ? x * up : 0, z = n * n;
    pair c = ERF_RATIO_0;
    pair ratio = fast_two_sum(c.hi, z * erf_ratio(z)), small = pair_mul(as_pair(n), (pair){ ratio.hi, ratio.lo + c.lo });
    scaled_exp g = gauss_parts(size > 6 ? 6 : size); /* beyond, erfc is nothing beside 1 */
    pair y = pair_mul(g.m, erfcx_to_pair(size > 6 ? 6 : size));
    double power = power_of_two(g.k);
    pair far = pair_sub(as_pair(1), scale_pair(y, power));
    return near ? small.hi * down : copysign_(far.hi, x);
}

/* e^(x^2) erfc(x) */
FORMULA double erfcx_(double x)
{
    pair right = erfcx_to_pair(abs_(x));
    double y = x < -27 ? -27 : x > 0 ? 0 : x; /* infinite from -26.7 on */
    pair left = pair_sub(scale_pair(exp_to_pair(pair_mul(as_pair(y), as_pair(y))), 2), right);
    return x < 0 ? left.hi : right.hi;
}

/* ---- Gamma ---- */

/* A positive x as x0 + n, x0 in [1.5, 2.5) where x < 8: ln Gamma(x) = ln Gamma(x0) + sign ln(product). */
FORMULA double lgamma_(double x)
{
    int far = x >= 8;
    double y = far ? 2 : x;
    pair product = as_pair(1);
    for (int k = 0; k < 6; k++) { /* downwards: Gamma(y) = (y - 1) Gamma(y - 1) */
        int down = y >= 2.5;
        product = pair_mul(product, as_pair(down ? y - 1 : 1));
        y -= down ? 1 : 0;
    }
    int up = y < 1.5, twice = y < 0.5; /* upwards: Gamma(y) = Gamma(y + 1)/y */
    pair step = two_sum(y, up ? 1 : 0), again = two_sum(step.hi, twice ? 1 : 0);
    product = choose(up, as_pair(y), product);
    product = choose(twice, pair_mul(product, step), product);
    pair offset = two_sum(again.hi, -2); /* x0 - 2, exactly */
    offset = fast_two_sum(offset.hi, offset.lo + (again.lo + step.lo));

    pair ln = log_to_pair(choose(far, as_pair(x), product));
    double t = offset.hi;
    pair c0 = LGAMMA_RATIO_0;
    pair c1 = LGAMMA_RATIO_1, linear = pair_mul(offset, c1);
    pair ratio = pair_add(pair_add(c0, linear), as_pair(t * t * lgamma_ratio(t)));
    pair near = pair_add(pair_mul(offset, ratio), choose(up, negative(ln), ln));

    const pair half_log = { 0x1.d67f1c864beb5p-1, -0x1.65b5a1b7ff5dfp-55 }; /* ln(2 pi)/2 */
    double w = far ? 1 / x : 0;
    pair large = pair_mul(pair_add(as_pair(x), as_pair(-0.5)), pair_sub(ln, as_pair(1)));
    large = pair_add(large, pair_add((pair){ half_log.hi - 0.5, half_log.lo }, as_pair(w * stirling(w * w))));
    double huge = x * (ln.hi - 1), y_far = x < 0x1p1000 ? large.hi : huge; /* no remainders near overflow */
    double limit = x > 0 ? x : x == 0 ? __builtin_inf() : (double)__builtin_nanf(""), inside = far ? y_far : near.hi;
    int ordinary = (x > 0) & (x < __builtin_inf());
    return ordinary ? inside : limit;
}

/* (ln Gamma)' of a positive x: the series around its zero on [1, 2]; sums of reciprocals to get there. */
FORMULA double digamma_(double x)
{
    int far = x >= 8, below = x < 1;
    double y = far ? 1.5 : x;
    pair top = as_pair(0), bottom = as_pair(1); /* the sum of 1/(y - k) as a fraction */
    for (int k = 0; k < 6; k++) {
        int down = y >= 2;
        double next = down ? y - 1 : 1;
        pair cross = pair_mul(top, as_pair(next));
        top = choose(down, pair_add(cross, bottom), top);
        bottom = pair_mul(bottom, as_pair(next));
        y -= down ? 1 : 0;
    }
    pair z = two_sum(y, below ? 1 : 0);
    top = choose(below, as_pair(-1), top);
    bottom = choose(below, as_pair(x), bottom);
    pair root = DIGAMMA_ROOT, c0 = DIGAMMA_RATIO_0;
    pair from_root = two_sum(z.hi, -root.hi);
    from_root = with_remainder(from_root.hi, from_root.lo + (z.lo - root.lo));
    double t = (z.hi - 1.5) + z.lo;
    pair c1 = DIGAMMA_RATIO_1, linear = pair_mul(pair_add(as_pair(z.hi - 1.5), as_pair(z.lo)), c1);
    pair ratio = pair_add(pair_add(c0, linear), as_pair(t * t * digamma_ratio(t)));
    pair near = pair_add(pair_mul(from_root, ratio), pair_div_to_pair(top, bottom));

    double w = far ? 1 / x : 0;
    pair large = pair_sub(log_to_pair(as_pair(x)), as_pair(w * (0.5 + w * digamma_tail(w * w))));
    double limit = x > 0 ? x : x == 0 ? -__builtin_inf() : (double)__builtin_nanf("");
    return x > 0 && x < __builtin_inf() ? (far ? large.hi : near.hi) : limit;
}

/* ---- Bessel ---- */

/* e^-x I0(x) for x >= 0 */
FORMULA double i0e_(double x)
{
    int far = x >= 8;
    double n = far ? 0 : x, inverse = far ? 1 / x : 0.125, t = inverse - 0.0625;
    pair z = scale_pair(pair_mul(as_pair(n), as_pair(n)), 0.25);
    pair near = pair_mul(exp_to_pair(as_pair(-n)), pair_add(as_pair(1), pair_mul(z, i0_near(z))));
    pair c = I0_FAR_0, sum = fast_two_sum(c.hi, t * i0_far(t));
    pair large = pair_div_to_pair((pair){ sum.hi, sum.lo + c.lo }, pair_sqrt(as_pair(far ? x : 8)));
    return x == x ? (far ? large.hi : near.hi) : x;
}

/* I1(x)/I0(x) for x >= 0 */
FORMULA double bessel_ratio_(double x)
{
    int far = x >= 8;
    double n = far ? 0 : x, inverse = far ? 1 / x : 0.125, t = inverse - 0.0625;
    pair z = scale_pair(pair_mul(as_pair(n), as_pair(n)), 0.25);
    pair above = pair_add(as_pair(1), pair_mul(z, i1_near(z))), below = pair_add(as_pair(1), pair_mul(z, i0_near(z)));
    pair near = pair_div_to_pair(scale_pair(above, 0.5), below);
    pair c = RATIO_FAR_0, sum = fast_two_sum(c.hi, t * ratio_far(t));
    return x == x ? (far ? sum.hi + (sum.lo + c.lo) : pair_mul(near, as_pair(n)).hi) : x;
}

/* ---- trigonometric ---- */

typedef struct {
    double sin, cos;
} sine_cosine;

/* Of pi (hi + lo), with nothing lost at the multiples of 1/2 */
FORMULA sine_cosine sincospi_pair(pair a)
{
    double size = abs_(a.hi);
    double x = size >= 0x1p53 ? a.hi * 0 : size >= 0x1p52 ? a.hi - copysign_(0x1p52, a.hi) : a.hi; /* even from 2^53 on */
    double lo = size >= 0x1p52 ? 0 : a.lo;
    double turn = x - 2 * round_(0.5 * x); /* in [-1, 1], exact */
    double k = round_(2 * turn); /* quarters */
    pair r = fast_two_sum(turn - 0.5 * k, lo), z = pair_mul(r, r);
    pair s0 = SINPI_RATIO_0, c0 = COSPI_TAIL_0;
    pair s = fast_two_sum(s0.hi, z.hi * sinpi_ratio(z.hi)), c = fast_two_sum(c0.hi, z.hi * cospi_tail(z.hi));
    double lift = size < 0x1p-900 ? 0x1p100 : 1; /* where products have no remainder without FMA */
    double sin = pair_mul(scale_pair(r, lift), (pair){ s.hi, s.lo + s0.lo }).hi / lift;
    double cos = pair_sub(as_pair(1), pair_mul(z, (pair){ c.hi, c.lo + c0.lo })).hi;
    int odd = k == 1 || k == -1, back = k == 2 || k == -2;
    double by_sin = odd ? cos : sin, by_cos = odd ? sin : cos;
    return (sine_cosine){ back || k == -1 ? -by_sin : by_sin, back || k == 1 ? -by_cos : by_cos };
}

/* Of hi + lo radians; the error is below 1 ULP of the result or 2^-104 of the argument */
FORMULA sine_cosine sincos_pair(pair a)
{
    const pair inverse = { 0x1.45f306dc9c883p-2, -0x1.6b01ec5417056p-56 }; /* 1/pi */
    sine_cosine y = sincospi_pair(pair_mul(a, inverse));
    y.sin = a.hi < 0x1p-30 && a.hi > -0x1p-30 ? a.hi : y.sin;
    return y;
}

#endif
