/*
 * Cross-entropy of a probability, for the losses that stand on it. Where a clip is asked for, the probability is held in
 * [clip, 1 - clip], and beyond it nothing has a slope.
 */
#ifndef LIBLOSS_KERNEL_PROBABILITY_H
#define LIBLOSS_KERNEL_PROBABILITY_H

#include "pointwise.h"

#define CLIP_PARAM                                                                                                                       \
    {                                                                                                                                    \
        .name = "clip", .description = "hold the probability in [clip, 1 - clip]; beyond, gradients are 0", .lowest = 0, .highest = 0.5, \
        .flags = OPEN_ABOVE                                                                                                              \
    }

#if REAL_BITS == 64
typedef struct {
    pair p, q; /* the probability, held, and 1 minus it */
    real inside; /* 0 where it was clipped, else 1 */
    real value, slope, bend, by_target; /* of the cross-entropy */
} surprise;

FORMULA surprise surprise_of(real prediction, real t, real clip)
{
    pair other = carried(two_sum(1, -prediction));
    int low = prediction < clip, high = (other.hi < clip) | ((other.hi == clip) & (other.lo < 0)), out = low | high;
    /* clipped above, it is the mirror of clipped below */
    real held = (out ? clip : prediction) + 0; /* -0 is 0: a slope of -1/p goes down there */
    pair near = as_pair(held), far = two_sum(1, -held), log = log_to_pair(near), log_far = log1p_to_pair(negative(near));
    pair p = choose(high, far, near), q = choose(high, near, far), yes = choose(high, log_far, log), no = choose(high, log, log_far);
    pair rest = two_diff(1, t), one = as_pair(1), nothing = as_pair(zero_of(prediction)), logit = pair_sub(no, yes);
    int never = t == 0, always = rest.hi == 0;
    pair a = pair_mul(as_pair(-t), choose(never, nothing, yes)), b = pair_mul(negative(rest), choose(always, nothing, no)); /* 0 ln 0 = 0 */
    pair divisor_p = choose(never, one, p), divisor_q = choose(always, one, q);
    pair by_p = pair_div_to_pair(choose(never, nothing, as_pair(t)), divisor_p); /* t / p, 0 / 0 = 0 */
    pair by_q = pair_div_to_pair(choose(always, nothing, rest), divisor_q);
    pair bend = pair_add(pair_div_to_pair(by_p, divisor_p), pair_div_to_pair(by_q, divisor_q));
    /* (p - t)/(p q), of which p or q is taken out where the target is certain */
    pair above = choose(never, one, choose(always, as_pair(-1), pair_sub(p, as_pair(t))));
    pair below = choose(never, q, choose(always, p, pair_mul(p, q)));
    real slope = pair_div(above, below), by_target = -logit_(prediction);
    return (surprise){
        .p = p,
        .q = q,
        .inside = out ? 0 : 1,
        .value = pair_add(a, b).hi,
        .slope = out ? 0 : slope,
        .bend = out ? 0 : bend.hi,
        .by_target = out ? logit.hi : by_target,
    };
}
#endif

#endif
