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
    .link = { .kind = LINK_LOGIT },
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 3, 3.5, 4 },
    .cite = "Lin et al. 2017, arXiv:1708.02002",
};

FORMULA jet binary_focal_with_logits(const real *x, const real *param, const int squared)
{
    real z = x[PREDICTION], size = abs_(z), gamma = squared ? 2 : param[GAMMA];
    pair yes = { x[TARGET], 0 }, no = two_diff(1, yes.hi), e = exp_to_pair(as_pair(-size));
    int low = z < 0;
    pair wrong = choose(low, yes, no), right = choose(low, no, yes); /* the masses on the side that z speaks against, and for */
    sigmoid_pairs s = sigmoid_to_pairs(as_pair(size)); /* q is the smaller probability, little the surprise of the larger */
    pair p = choose(low, s.q, s.p), q = choose(low, s.p, s.q);
    /* w = (wrong + right e)/(1 + e); where there is nothing wrong, ln of the first is -size, however small e */
    int nothing = wrong.hi == 0;
    pair top = pair_add(wrong, pair_mul(right, e)), w = pair_mul(top, s.p);
    real weight = focal_weight(yes.hi, param[ALPHA]);
    scaled_exp power = { pair_mul(w, w), 0 };
    if (!squared) power = focal_power(pair_sub(choose(nothing, as_pair(-size), log_to_pair(top)), s.little), gamma);
    real factor = focal_times(power, as_pair(1), 0);
    pair missed = pair_mul(wrong, as_pair(nothing ? 0 : size)), both = pair_add(missed, s.little);
    pair slope = pair_sub(pair_mul(no, p), pair_mul(yes, q)), down = pair_sub(q, p);
    /* Where something is wrong, e is taken out of w' and all second derivatives: it may be subnormal where its product is not. */
    int out = wrong.hi > 0x1p-900;
    pair share = choose(out | nothing, s.p, pair_mul(s.p, e)), inverse = pair_div_to_pair(share, choose(nothing, as_pair(1), top));
    pair ratio = pair_mul(two_diff(1, 2 * yes.hi), inverse), whole = choose(out, pair_mul(ratio, e), ratio); /* w' / w */
    pair times = pair_mul(as_pair(gamma), ratio), pull = pair_mul(times, choose(size < 0x1p900, both, as_pair(0)));
    pair cross = pair_mul(scale_pair(times, 2), slope), flat = pair_mul(s.p, choose(out, s.p, s.q));
    pair turned = pair_mul(pull, pair_add(pair_mul(as_pair(gamma - 1), whole), down)); /* w'' / w is w' / w times q - p */
    real bend = pair_add(pair_add(turned, cross), flat).hi, turn = pull.hi * (down.hi - whole.hi);
    real above = pull.hi * gamma * whole.hi + max_(turn, 0) + max_(cross.hi, 0) + flat.hi; /* without the terms that bend down */
    real grad = pair_add(choose(out, pair_mul(pull, e), pull), slope).hi;
    real bend_e = times_exp(bend, as_pair(-size), param), above_e = times_exp(above, as_pair(-size), param);
    return (jet){
        .value = weighted(weight, focal_times(power, both, 0), z),
        .grad = { weighted(weight, factor * grad, z) },
        .hess = { weighted(weight, factor * (out ? bend_e : bend), z) },
        .upper = { weighted(weight, factor * (out ? above_e : above), z) },
    };
}

KERNELS(variants, binary_focal_with_logits)
