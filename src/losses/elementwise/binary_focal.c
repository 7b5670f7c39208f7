/*
 * The focal loss of a predicted probability: cross-entropy that hushes what is right already. From logits,
 * binary_focal_with_logits is the one to train with. Of the probability it is convex: -(1 - p)^gamma ln p has no term that bends
 * down for gamma >= 1, and below that -ln p <= (1 - p)/p keeps the one there is smaller than the others.
 */
#define INSIDE_F64
#include "focal.h"

enum { PREDICTION, TARGET };
enum { CLIP = ALPHA + 1 };

LOSS(binary_focal) = {
    .title = "Binary focal loss of probabilities",
    .aliases = "",
    .formula = "a*w^gamma*(-xlogy(t, q) - xlogy(1 - t, 1 - q)) where q = min(1 - clip, max(clip, p)), w = t*(1 - q) + (1 - t)*q, "
               "a = 1 if alpha == none else alpha*t + (1 - alpha)*(1 - t)",
    .input = { INPUT(prediction, KIND_PROBABILITY, DIFFERENTIABLE_INPUT, "probability in [0, 1]"),
               INPUT(target, KIND_PROBABILITY, 0, "label or probability in [0, 1]") },
    .param = { FOCAL_PARAMS, CLIP_PARAM },
    .claims = CONVEX | NONNEGATIVE | DIFFERENTIABLE | TWICE_DIFFERENTIABLE,
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 4, 4, 4 },
    .cite = "Lin et al. 2017, arXiv:1708.02002",
};

FORMULA jet binary_focal(const real *x, const real *param)
{
    real gamma = param[GAMMA], weight = focal_weight(x[TARGET], param[ALPHA]);
    surprise s = surprise_of(x[PREDICTION], x[TARGET], param[CLIP]);
    pair t = { x[TARGET], 0 }, w = pair_add(pair_mul(t, s.q), pair_mul(two_diff(1, t.hi), s.p));
    scaled_exp power = pow_parts(w, gamma), less = pow_parts(w, gamma - 1);
    real factor = times_power_of_two(power.m.hi, power.k), steep = times_power_of_two(less.m.hi, less.k);
    real sign = 1 - 2 * t.hi, share = w.hi == 0 ? 1 : s.value / w.hi; /* w' is the sign, w'' is 0; the share ends at 1 */
    real pull = gamma == 0 ? zero_of(share) : gamma * sign * share;
    real turn = (gamma - 1) * sign * pull, cross = gamma == 0 ? zero_of(share) : 2 * gamma * sign * s.slope;
    real bend = gamma == 0 ? factor * s.bend : steep * (turn + cross + w.hi * s.bend);
    real above = gamma == 0 ? bend : steep * (max_(turn, 0) + max_(cross, 0) + w.hi * s.bend); /* without the terms that bend down */
    if (s.value == INFINITE) pull = 0, bend = above = INFINITE; /* a slope that is infinite outgrows a logarithm that is */
    return (jet){
        .value = weighted(weight, factor * s.value, x[PREDICTION]),
        .grad = { weighted(weight, s.inside * factor * (pull + s.slope), x[PREDICTION]) },
        .hess = { weighted(weight, s.inside * bend, x[PREDICTION]) },
        .upper = { weighted(weight, s.inside * above, x[PREDICTION]) },
    };
}

KERNELS(pointwise, binary_focal)
