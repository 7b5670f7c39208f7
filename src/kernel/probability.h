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

typedef struct {
    pair p, q; /* the probability, held, and 1 minus it */
    real inside; /* 0 where it was clipped, else 1 */
    real value, slope, bend, by_target; /* of the cross-entropy */
} surprise;

FORMULA surprise surprise_of(real prediction, real t, real clip)
{
    pair other = two_sum(1, -prediction);
    int low = prediction < clip, high = (other.hi < clip) | ((other.hi == clip) & (other.lo < 0)), out = low | high;
    /* clipped above, it is the mirror of clipped below */
    real held = out ? clip : prediction;
    pair near = as_pair(held), far = two_sum(1, -held), log = log_to_pair(near), log_far = log1p_to_pair(negative(near));
    pair p = choose(high, far, near), q = choose(high, near, far), yes = choose(high, log_far, log), no = choose(high, log, log_far);
    pair r = two_diff(p.hi, t), logit = pair_sub(no, yes);
    real rest = 1 - t, nothing = zero_of(prediction), down = q.hi + q.lo, up = p.hi + p.lo;
    real a = -t * yes.hi, b = -rest * no.hi, bend_a = t / up / up, bend_b = rest / down / down;
    real slope_0 = 1 / down, slope_1 = -1 / up, between = (r.hi / up) / down;
    real slope = t == 0 ? slope_0 : rest == 0 ? slope_1 : between, by_target = -logit_(prediction);
    return (surprise){
        .p = p,
        .q = q,
        .inside = out ? 0 : 1,
        .value = (t == 0 ? nothing : a) + (rest == 0 ? nothing : b), /* 0 ln 0 = 0 */
        .slope = out ? 0 : slope,
        .bend = out ? 0 : (t == 0 ? nothing : bend_a) + (rest == 0 ? nothing : bend_b),
        .by_target = out ? logit.hi : by_target,
    };
}

#endif
