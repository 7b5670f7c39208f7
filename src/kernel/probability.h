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
    int low = prediction < clip, high = other.hi < clip || (other.hi == clip && other.lo < 0);
    /* clipped above, it is the mirror of clipped below */
    real held = low || high ? clip : prediction;
    pair near = { held, 0 }, far = two_sum(1, -held), log = log_to_pair(near), log_far = log1p_to_pair((pair){ -held, 0 });
    pair p = high ? far : near, q = high ? near : far, yes = high ? log_far : log, no = high ? log : log_far, r = two_diff(p.hi, t);
    real rest = 1 - t, nothing = zero_of(prediction), inside = indicator(!low && !high);
    real down = q.hi + q.lo, up = p.hi + p.lo;
    real a = t == 0 ? nothing : -t * yes.hi, b = rest == 0 ? nothing : -rest * no.hi; /* 0 ln 0 = 0 */
    real slope = t == 0 ? 1 / down : rest == 0 ? -1 / up : (r.hi / up) / down;
    real bend = (t == 0 ? nothing : t / up / up) + (rest == 0 ? nothing : rest / down / down);
    return (surprise){
        .p = p,
        .q = q,
        .inside = inside,
        .value = a + b,
        .slope = low || high ? 0 : slope,
        .bend = low || high ? 0 : bend,
        .by_target = low || high ? (no.hi - yes.hi) + (no.lo - yes.lo) : -logit_(prediction),
    };
}

#endif
