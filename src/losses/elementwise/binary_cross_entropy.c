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
    .ulp_f64 = { 4, 4, 4 },
    .cite = "Good 1952, Rational decisions, J. R. Statist. Soc. B 14, 107-114",
};

FORMULA jet binary_cross_entropy(const real *x, const real *param)
{
    (void)param;
    real p = x[PREDICTION], t = x[TARGET];
    pair q = two_diff(1, p);
    real yes = log_(p), no = log1p_(-p), rest = 1 - t;
    real a = t == 0 ? p * 0 : -t * yes, b = rest == 0 ? p * 0 : -rest * no; /* 0 ln 0 = 0 */
    pair r = two_diff(p, t);
    real down = q.hi + q.lo;
    real slope = t == 0 ? 1 / down : rest == 0 ? -1 / p : (r.hi / p) / down;
    real bend = (t == 0 ? p * 0 : t / p / p) + (rest == 0 ? p * 0 : rest / down / down);
    return (jet){ .value = a + b, .grad = { slope, -logit_(p) }, .hess = { bend, p * 0 }, .upper = { bend, 1 } };
}

KERNELS(pointwise, binary_cross_entropy)
