/*
 * The surprise of a yes-or-no outcome under a predicted probability. Certainty that turns out wrong costs infinitely much,
 * exactly: nothing is clipped unless asked. From logits, binary_cross_entropy_with_logits is the one to train with.
 */
#define INSIDE_F64
#include "probability.h"

enum { PREDICTION, TARGET };
enum { CLIP };

LOSS(binary_cross_entropy) = {
    .title = "Binary cross-entropy of probabilities",
    .aliases = "bce",
    .formula = "-xlogy(t, q) - xlogy(1 - t, 1 - q) where q = min(1 - clip, max(clip, p))",
    .input = { INPUT(prediction, KIND_PROBABILITY, DIFFERENTIABLE_INPUT, "probability in [0, 1]"),
               INPUT(target, KIND_PROBABILITY, DIFFERENTIABLE_INPUT, "label or probability in [0, 1]") },
    .param = { CLIP_PARAM },
    .claims = CONVEX | NONNEGATIVE | DIFFERENTIABLE | TWICE_DIFFERENTIABLE | PROPER,
    .link = { .kind = LINK_IDENTITY },
    .constant = BEST_IS_MEAN,
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 1, 1, 1.5 },
    .cite = "Good 1952, Rational decisions, J. R. Statist. Soc. B 14, 107-114",
};

FORMULA jet binary_cross_entropy(const real *x, const real *param)
{
    surprise s = surprise_of(x[PREDICTION], x[TARGET], param[CLIP]);
    return (jet){ .value = s.value, .grad = { s.slope, s.by_target }, .hess = { s.bend, zero_of(s.value) }, .upper = { s.bend, 1 } };
}

KERNELS(pointwise, binary_cross_entropy)
