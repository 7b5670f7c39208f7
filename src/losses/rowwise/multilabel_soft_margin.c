/*
 * Several labels may be right: a question of yes or no for each, in the mean over the classes.
 */
#include "rows.h"

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

static double multilabel_soft_margin(const row_unit *row)
{
    const double n = (double)row->classes;
    pair value = { 0, 0 };
    for (int64_t j = 0; j < row->classes; j++) {
        const double z = row->x[j], t = row->t[j], w = class_weight_of(row, j), size = abs_(z);
        if (w == 0) continue;
        const sigmoid_parts s = sigmoid_parts_(size);
        const double p = z < 0 ? s.q : s.p, q = z < 0 ? s.p : s.q, wrong = z < 0 ? t : 1 - t;
        add_to(&value, w * s.little);
        if (wrong != 0) add_to(&value, w * (wrong * size));
        if (row->grad) row->grad[j] = w * ((1 - t) * p - t * q) / n;
        if (row->hess) row->hess[j] = w * s.pq / n;
        if (row->target_grad) row->target_grad[j] = -w * z / n;
        if (row->target_hess && row->upper) row->target_hess[j] = w / n;
    }
    return close_sum(value) / n;
}

KERNELS(rows, multilabel_soft_margin)
