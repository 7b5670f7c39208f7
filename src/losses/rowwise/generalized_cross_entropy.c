/*
 * Between cross-entropy (q near 0), which believes every label, and the mean absolute error of the probability (q = 1), which believes
 * few: a row whose label looks wrong pulls with p^q of its force, so that noisy labels do less harm.
 */
#include "softmax.h"

enum { Q = 2 };

LOSS(generalized_cross_entropy) = {
    .title = "Generalized cross-entropy",
    .aliases = "gce",
    .formula = "(1 - softmax(prediction)[target]^q)/q",
    .input = { INPUT(prediction, KIND_REAL, DIFFERENTIABLE_INPUT, "logits, shape (..., classes); -inf is an absent class"), CLASS_INPUT,
               CLASS_WEIGHT_INPUT },
    .param = { INTEGERS_OR_NONE(ignore_index, "rows with this label are not there"),
               PARAM(label_smoothing, 0, WITHIN(0, 1), "share of the target spread over all classes"),
               PARAM(q, 0.7, ABOVE_UP_TO(0, 1), "near 0: cross-entropy; 1: the absolute error of the probability") },
    .auxiliary = { "logsumexp", "correct" },
    .claims = NONNEGATIVE | DIFFERENTIABLE | TWICE_DIFFERENTIABLE | LIPSCHITZ | BOUNDED,
    .link = { .kind = LINK_SOFTMAX },
    .constant = BEST_IS_POWER,
    .ulp_f32 = { 1, 2, 2 },
    .ulp_f64 = { 2, 3.5, 4 },
    .cite = "Zhang and Sabuncu 2018, arXiv:1805.07836",
};

/* f = -expm1(q ln p)/q, f' = p^q, f'' = -q p^q */
FORMULA jet generalized_cross_entropy(outcome o, const real *param)
{
    real q = param[Q];
    pair exponent = pair_mul(as_pair(-q), (pair){ o.nll, o.nll_lo });
    real power = exp_pair(exponent);
    return (jet){ .value = -expm1_pair(exponent) / q, .slope = power, .bend = -q * power };
}

KERNELS(softmax, generalized_cross_entropy)
