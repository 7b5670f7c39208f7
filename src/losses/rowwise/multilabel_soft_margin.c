/*
 * Several labels may be right: a question of yes or no for each, in the mean over the classes.
 */
#include "components.h"

LOSS(multilabel_soft_margin) = {
    .title = "Multilabel soft margin loss",
    .aliases = "",
    .formula = "sum over j of class_weight[j]*(target[j]*softplus(-prediction[j]) + (1 - target[j])*softplus(prediction[j]))/classes",
    .input = { INPUT(prediction, KIND_REAL, DIFFERENTIABLE_INPUT, "logits, shape (..., classes)"),
               INPUT(target, KIND_PROBABILITY, DIFFERENTIABLE_INPUT, "1 for every label that is right, else 0; shape (..., classes)"),
               CLASS_WEIGHT_INPUT },
    .claims = CONVEX | NONNEGATIVE | DIFFERENTIABLE | TWICE_DIFFERENTIABLE | PROPER,
    .link = { .kind = LINK_LOGIT },
    .constant = BEST_IS_MEAN,
    .matrix = DIAGONAL_MATRIX,
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 1, 2, 3 },
    .cite = "Good 1952, Rational decisions, J. R. Statist. Soc. B 14, 107-114",
};

FORMULA component soft_margin_component(double z, double t, double weight, const row_unit *row)
{
    const double n = (double)row->classes, size = abs_(z);
    const sigmoid_parts s = sigmoid_parts_(size);
    const double p = z < 0 ? s.q : s.p, q = z < 0 ? s.p : s.q, wrong = z < 0 ? t : 1 - t, most = weight / n;
    const double price = wrong * size, slope = weight * ((1 - t) * p - t * q) / n, bend = weight * s.pq / n;
    const pair cost = two_sum(s.little, wrong == 0 ? 0 : price), value = pair_mul(as_pair(weight), cost);
    const int none = weight == 0; /* whatever stands there */
    return (component){
        .value = choose(none, as_pair(0), value),
        .grad = none ? 0 : slope,
        .hess = none ? 0 : bend,
        .target_grad = none ? 0 : -weight * z / n,
        .target_hess = (none | !row->upper) ? 0 : most,
    };
}

static double multilabel_soft_margin(const row_unit *row) { return sum_of_components(row, soft_margin_component) / (double)row->classes; }

KERNELS(components, multilabel_soft_margin)
