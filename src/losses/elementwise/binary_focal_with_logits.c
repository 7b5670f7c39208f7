/*
 * Binary cross-entropy that hushes what is right already, so that a few hard examples are heard among very many easy ones: made for
 * detectors, whose boxes are nearly all background.
 */
#define INSIDE_F64
#include "focal.h"

enum { PREDICTION, TARGET };

LOSS(binary_focal_with_logits) = {
    .title = "Binary focal loss of logits",
    .aliases = "sigmoid_focal",
    .formula = "a*w^gamma*(t*softplus(-p) + (1 - t)*softplus(p)) where w = t*sigmoid(-p) + (1 - t)*sigmoid(p), "
               "a = 1 if alpha == none else alpha*t + (1 - alpha)*(1 - t)",
    .input = { INPUT(prediction, KIND_REAL, DIFFERENTIABLE_INPUT, "logit, any real number"),
               INPUT(target, KIND_PROBABILITY, 0, "label or probability in [0, 1]") },
    .param = { FOCAL_PARAMS },
    .one_minimum = 1, /* convex in the probability, which grows with the logit */
    .claims = NONNEGATIVE | DIFFERENTIABLE | TWICE_DIFFERENTIABLE | LIPSCHITZ,
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 4, 4, 4 },
    .cite = "Lin et al. 2017, arXiv:1708.02002",
};

FORMULA jet binary_focal_with_logits(const real *x, const real *param)
{
    real z = x[PREDICTION], size = abs_(z), gamma = param[GAMMA];
    pair yes = { x[TARGET], 0 }, no = two_diff(1, yes.hi), e = exp_to_pair(as_pair(-size));
    int low = z < 0;
    pair wrong = choose(low, yes, no), right = choose(low, no, yes); /* the masses on the side that z speaks against, and for */
    sigmoid_pairs s = sigmoid_to_pairs(as_pair(size)); /* q is the smaller probability, little the surprise of the larger */
    real p = low ? s.q.hi : s.p.hi, q = low ? s.p.hi : s.q.hi;
    /* w = (wrong + right e)/(1 + e); where there is nothing wrong, ln of the first is -size, however small e */
    int nothing = wrong.hi == 0;
    pair top = pair_add(wrong, pair_mul(right, e)), log = choose(nothing, as_pair(-size), log_to_pair(top));
    real weight = focal_weight(yes.hi, param[ALPHA]), factor = focal_power(pair_sub(log, s.little), gamma);
    pair missed = pair_mul(wrong, as_pair(nothing ? 0 : size)), both = pair_add(missed, s.little);
    real b = both.hi, slope = fma_(no.hi, p, -(yes.hi * q));
    /* Where something is wrong, e is taken out of w' and all second derivatives: it may be subnormal where its product is not. */
    int out = wrong.hi > 0x1p-900;
    pair share = choose(out | nothing, s.p, pair_mul(s.p, e)), inverse = pair_div_to_pair(share, choose(nothing, as_pair(1), top));
    real ratio = pair_mul(two_diff(1, 2 * yes.hi), inverse).hi, times = out ? e.hi : 1, whole = ratio * times; /* w' / w */
    real pull = gamma * ratio * (size < 0x1p900 ? b : 0), cross = 2 * gamma * ratio * slope;
    real flat = s.p.hi * (out ? s.p.hi : s.q.hi), turn = pull * ((q - p) - whole); /* w'' / w is w' / w times q - p */
    real bend = pull * ((gamma - 1) * whole + (q - p)) + cross + flat;
    real above = pull * gamma * whole + max_(turn, 0) + max_(cross, 0) + flat; /* without the terms that bend down */
    real bend_e = times_exp(bend, as_pair(-size)), above_e = times_exp(above, as_pair(-size));
    return (jet){
        .value = weighted(weight, factor * b, z),
        .grad = { weighted(weight, factor * fma_(pull, times, slope), z) },
        .hess = { weighted(weight, factor * (out ? bend_e : bend), z) },
        .upper = { weighted(weight, factor * (out ? above_e : above), z) },
    };
}

KERNELS(pointwise, binary_focal_with_logits)
