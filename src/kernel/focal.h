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

/* w^gamma, from ln w. */
FORMULA real focal_power(pair log_w, real gamma)
{
    return exp_pair(choose(gamma == 0, as_pair(zero_of(log_w.hi)), pair_mul(as_pair(gamma), log_w)));
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
