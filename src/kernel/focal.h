/*
 * A loss b times a power of w, which is small where the prediction is right: what is easy already is hushed. By any
 * variable, w' / w and w'' / w are all that its derivatives need of w.
 */
#ifndef LIBLOSS_KERNEL_FOCAL_H
#define LIBLOSS_KERNEL_FOCAL_H

#include "likelihood.h"
#include "probability.h"

#define FOCAL_PARAMS                                                                           \
    PARAM(gamma, 2.0, AT_LEAST(0), "how much what is right already is hushed; 0: not at all"), \
        NUMBER_OR_NONE(alpha, WITHIN(0, 1), "weight of the positive class, 1 - alpha that of the other; none: no weights")
enum { GAMMA, ALPHA };

/* The gamma that everybody takes: a square, which doubles have room for where the data are floats. */
#define VARIANTS 2
#define VARIANT(param) (!FULL && (param)[GAMMA] == 2)

/* w^gamma, from ln w: as m 2^k, since it alone may underflow where what it multiplies would overflow; k is 0 where numbers are wider
 * than the data. */
FORMULA scaled_exp focal_power(pair log_w, real gamma)
{
    pair exponent = choose(gamma == 0, as_pair(zero_of(log_w.hi)), pair_mul(as_pair(gamma), log_w));
#if FULL
    return exp_parts_within(exponent, 1500);
#else
    return (scaled_exp){ as_pair(exp_pair(exponent)), 0 };
#endif
}

/* x 2^e times such a power */
FORMULA real focal_times(scaled_exp power, pair x, real e)
{
#if FULL
    return times_far_power_of_two(pair_mul(x, power.m).hi, power.k + e);
#else
    (void)e;
    return x.hi * power.m.hi;
#endif
}

/* The weight of the classes that the target's mass lies on; NaN where t is. */
FORMULA real focal_weight(real t, real alpha)
{
    real share = fma_(alpha, t, (1 - alpha) * (1 - t)), same = 1 + zero_of(t);
    return alpha == alpha ? share : same;
}

/* Of a class without weight nothing, not even where it would be infinitely much. */
FORMULA real weighted(real weight, real x, real prediction)
{
    real product = weight * x, nothing = zero_of(prediction);
    return weight == 0 ? nothing : product;
}

#endif
