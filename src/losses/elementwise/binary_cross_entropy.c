/*
 * The surprise of a yes-or-no outcome under a predicted probability. Certainty that turns out wrong costs infinitely much,
 * exactly: nothing is clipped. From logits, binary_cross_entropy_with_logits is the one to train with.
 */
#define INSIDE_F64
#include "pointwise.h"

enum { PREDICTION, TARGET };

LOSS(binary_cross_entropy) = {
    .title = "Binary cross-entropy of probabilities",
    .aliases = "bce",
    .formula = "-xlogy(t, p) - xlogy(1 - t, 1 - p)",
    .input = { INPUT(prediction, KIND_PROBABILITY, DIFFERENTIABLE_INPUT, "probability in [0, 1]"),
               INPUT(target, KIND_PROBABILITY, DIFFERENTIABLE_INPUT, "label or probability in [0, 1]") },
    .claims = CONVEX | NONNEGATIVE | DIFFERENTIABLE | TWICE_DIFFERENTIABLE | PROPER,
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 1, 1, 1.5 },
    .cite = "Good 1952, Rational decisions, J. R. Statist. Soc. B 14, 107-114",
};

FORMULA jet binary_cross_entropy(const real *x, const real *param)
{
    (void)param;
    real p = x[PREDICTION], t = x[TARGET];
    pair q = two_diff(1, p), rest = two_diff(1, t), r = two_diff(p, t), one = as_pair(1);
    pair yes = log_to_pair(as_pair(p)), no = log1p_to_pair(as_pair(-p));
    pair a = pair_mul(as_pair(-t), choose(t == 0, as_pair(zero_of(p)), yes)); /* 0 ln 0 = 0 */
    pair b = pair_mul(negative(rest), choose(rest.hi == 0, as_pair(zero_of(p)), no));
    pair by_p = pair_div_to_pair(choose(t == 0, as_pair(zero_of(p)), as_pair(t)), choose(t == 0, one, as_pair(p))); /* t / p, 0 / 0 = 0 */
    pair by_q = pair_div_to_pair(choose(rest.hi == 0, as_pair(zero_of(p)), rest), choose(rest.hi == 0, one, q));
    real slope = t == 0 ? pair_div(one, q) : rest.hi == 0 ? -1 / p : pair_div(pair_div_to_pair(r, as_pair(p)), q);
    pair bend = pair_add(pair_div_to_pair(by_p, choose(t == 0, one, as_pair(p))), pair_div_to_pair(by_q, choose(rest.hi == 0, one, q)));
    return (jet){ .value = pair_add(a, b).hi, .grad = { slope, -logit_(p) }, .hess = { bend.hi, zero_of(p) }, .upper = { bend.hi, 1 } };
}

KERNELS(pointwise, binary_cross_entropy)
