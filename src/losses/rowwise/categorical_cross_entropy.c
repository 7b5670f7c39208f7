/*
 * Cross-entropy of a row of probabilities. The probabilities are taken as they are, unless normalize divides them by their sum
 * first; a class that is there and was given no chance costs infinitely much.
 */
#include "rows.h"

enum { NORMALIZE = 1 };

LOSS(categorical_cross_entropy) = {
    .title = "Cross-entropy of probabilities",
    .aliases = "",
    .formula = "-sum over j of class_weight[j]*target[j]*log(prediction[j]), prediction divided by its sum if normalize",
    .input = { INPUT(prediction, KIND_PROBABILITY, DIFFERENTIABLE_INPUT, "probabilities, shape (..., classes)"), CLASS_INPUT,
               CLASS_WEIGHT_INPUT },
    .param = { INTEGERS_OR_NONE(ignore_index, "rows with this label are not there"),
               FLAG(normalize, 0, "divide each row by its sum first") },
    .claims = DIFFERENTIABLE | TWICE_DIFFERENTIABLE,
    .link = { .kind = LINK_IDENTITY },
    .constant = BEST_IS_MEAN,
    .matrix = WHOLE_MATRIX,
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 2, 2, 2 },
    .cite = "Good 1952, Rational decisions, J. R. Statist. Soc. B 14, 107-114",
};

static double categorical_cross_entropy(const row_unit *row)
{
    pair all = { 0, 0 }, present = { 0, 0 }, value = { 0, 0 };
    const int normalize = row->param[NORMALIZE] != 0;
    for (int64_t j = 0; normalize && j < row->classes; j++) add_to(&all, row->x[j]);
    const double sum = close_sum(all);
    for (int64_t j = 0; j < row->classes; j++) {
        const double p = row->x[j], t = row->t ? row->t[j] : j == row->label ? 1 : 0, weight = class_weight_of(row, j);
        const pair mass = pair_mul(as_pair(weight), as_pair(t));
        const pair surprise = normalize ? log_quotient(all, p) : negative(log_to_pair(as_pair(p)));
        if (row->target_grad) row->target_grad[j] = pair_mul(as_pair(weight), surprise).hi;
        if (mass.hi == 0) continue; /* 0 ln 0 = 0 */
        const pair ratio = pair_div_to_pair(mass, as_pair(p));
        add_pair_to(&present, mass);
        add_pair_to(&value, pair_mul(mass, surprise));
        if (row->grad) row->grad[j] = -ratio.hi;
        if (row->hess) row->hess[j] = pair_div(ratio, as_pair(p));
    }
    const double masses = close_sum(present);
    for (int64_t j = 0; normalize && j < row->classes; j++) {
        if (row->grad) row->grad[j] += masses / sum;
        if (row->hess && !row->upper) row->hess[j] -= masses / sum / sum;
        if (row->hess && row->upper && row->hess[j] == 0) row->hess[j] = masses / sum / sum; /* concave: as much, upwards */
        for (int64_t i = 0; row->matrix && !row->upper && i < j; i++) add_beside(row, i, j, -(masses / sum / sum));
    }
    return close_sum(value);
}

KERNELS(rows, categorical_cross_entropy)
