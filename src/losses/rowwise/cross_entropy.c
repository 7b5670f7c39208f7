/*
 * The surprise at the true class, in nats. Its slope in the logits is "what you said minus what is so",
 * however wrong the row: that is why it trains where squared error stalls.
 */
#define STRAIGHT /* f(l) = l */
#include "softmax.h"

LOSS(cross_entropy) = {
    .title = "Cross-entropy of logits",
    .aliases = "ce softmax_cross_entropy sparse_categorical_cross_entropy soft_cross_entropy",
    .formula = "-log(softmax(prediction)[target])",
    .input = { INPUT(prediction, KIND_REAL, DIFFERENTIABLE_INPUT, "logits, shape (..., classes); -inf is an absent class"), CLASS_INPUT,
               CLASS_WEIGHT_INPUT },
    .param = { INTEGERS_OR_NONE(ignore_index, "rows with this label are not there"),
               PARAM(label_smoothing, 0, WITHIN(0, 1), "share of the target spread over all classes") },
    .auxiliary = { "logsumexp", "correct" },
    .claims = CONVEX | NONNEGATIVE | DIFFERENTIABLE | TWICE_DIFFERENTIABLE | LIPSCHITZ | PROPER,
    .link = { .kind = LINK_SOFTMAX },
    .constant = BEST_IS_MEAN,
    .ulp_f32 = { 2, 2, 2 },
    .ulp_f64 = { 2, 4, 4 },
    .cite = "Good 1952, Rational decisions, J. R. Statist. Soc. B 14, 107-114",
};

FORMULA jet cross_entropy(outcome o, const real *param)
{
    (void)param;
    return (jet){ .value = o.nll, .slope = 1, .bend = 0 };
}

KERNELS(softmax, cross_entropy)
