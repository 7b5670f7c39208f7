/*
 * Cross-entropy of logits that hushes rows which are right already, so that a few hard ones are heard among very many easy ones. Class
 * weights are its alpha.
 */
#include "softmax.h"

enum { GAMMA = 2 };

LOSS(softmax_focal) = {
    .title = "Focal loss of several classes",
    .aliases = "categorical_focal",
    .formula = "(1 - q)^gamma*(-log(q)) where q = softmax(prediction)[target]",
    .input = { INPUT(prediction, KIND_REAL, DIFFERENTIABLE_INPUT, "logits, shape (..., classes); -inf is an absent class"), CLASS_INPUT,
               CLASS_WEIGHT_INPUT },
    .param = { INTEGERS_OR_NONE(ignore_index, "rows with this label are not there"),
               PARAM(label_smoothing, 0, WITHIN(0, 1), "share of the target spread over all classes"),
               PARAM(gamma, 2, AT_LEAST(0), "how much what is right already is hushed; 0: not at all") },
    .auxiliary = { "logsumexp", "correct" },
    .claims = NONNEGATIVE | DIFFERENTIABLE | TWICE_DIFFERENTIABLE | LIPSCHITZ,
    .link = { .kind = LINK_SOFTMAX },
    .ulp_f32 = { 2.5, 2.5, 2.5 },
    .ulp_f64 = { 2.5, 4, 4 },
    .cite = "Lin et al. 2017, arXiv:1708.02002",
};

/* With r = -ln p / q, which is 1 where q is 0: f' = q^gamma (1 + gamma p r), f'' = gamma p q^(gamma - 1) (2 + ln p + (gamma - 1) p r). */
FORMULA jet softmax_focal(outcome o, const real *param)
{
    real gamma = param[GAMMA], lift = o.q < 0x1p-500 ? 0x1p500 : 1; /* subnormal numbers have no room for remainders */
    pair nll = { o.nll, o.nll_lo }, q = { o.q, o.q_lo };
    pair ratio = choose(o.q == 0, as_pair(1), pair_div_to_pair(scale_pair(nll, lift), scale_pair(q, lift)));
    pair share = choose(o.p == 0, as_pair(0), pair_mul(as_pair(o.p), ratio));
    pair steep = pair_add(as_pair(1), pair_mul(as_pair(gamma), share));
    pair turn = pair_add(pair_sub(as_pair(2), nll), pair_mul(as_pair(gamma - 1), share));
    scaled_exp power = pow_parts(q, gamma), bent = pow_parts(q, gamma - 1);
    real bend = gamma * o.p * times_power_of_two(pair_mul(bent.m, turn).hi, bent.k);
    int nothing = (gamma == 0) | (o.p == 0) | (o.q == 0); /* at q = 0 it may have no end, but its factors q^2 and p_j^2 are 0 sooner */
    return (jet){
        .value = times_power_of_two(pair_mul(power.m, nll).hi, power.k),
        .slope = times_power_of_two(pair_mul(power.m, steep).hi, power.k),
        .bend = nothing ? 0 : bend,
    };
}

KERNELS(softmax, softmax_focal)
