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
    pair log = log_to_pair(w);
    real factor = focal_power(log, gamma), steep = focal_power(log, gamma - 1);
    real sign = 1 - 2 * t.hi, nothing = zero_of(s.value), quotient = s.value / w.hi;
    real share = w.hi == 0 ? 1 : quotient; /* w' is the sign, w'' is 0; the share ends at 1 */
    int plain = gamma == 0, endless = s.value == INFINITE; /* a slope that is infinite outgrows a logarithm that is */
    real pull = gamma * sign * share, cross = 2 * gamma * sign * s.slope;
    pull = endless ? nothing : pull;
    pull = plain ? nothing : pull;
    cross = plain ? nothing : cross;
    real turn = (gamma - 1) * sign * pull, unbent = factor * s.bend;
    real bend = steep * (turn + cross + w.hi * s.bend);
    real above = steep * (max_(turn, 0) + max_(cross, 0) + w.hi * s.bend); /* without the terms that bend down */
    bend = endless ? INFINITE : bend;
    above = endless ? INFINITE : above;
    bend = plain ? unbent : bend;
    above = plain ? unbent : above;
    return (jet){
        .value = weighted(weight, factor * s.value, x[PREDICTION]),
        .grad = { weighted(weight, s.inside * factor * (pull + s.slope), x[PREDICTION]) },
        .hess = { weighted(weight, s.inside * bend, x[PREDICTION]) },
        .upper = { weighted(weight, s.inside * above, x[PREDICTION]) },
    };
}

KERNELS(pointwise, binary_focal)
