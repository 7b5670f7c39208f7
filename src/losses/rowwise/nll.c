/*
 * The surprise at the true class, given logarithms of probabilities: what is left of cross-entropy when the softmax has been
 * taken already. Nothing checks that the row is normalised.
 */
#include "rows.h"

LOSS(nll) = {
    .title = "Negative log-likelihood of log-probabilities",
    .aliases = "",
    .formula = "-class_weight[target]*prediction[target]; of a target row -sum over j of class_weight[j]*target[j]*prediction[j]",
    .input = { INPUT(prediction, KIND_REAL, DIFFERENTIABLE_INPUT, "log-probabilities, shape (..., classes)"), CLASS_INPUT,
               CLASS_WEIGHT_INPUT },
    .param = { INTEGERS_OR_NONE(ignore_index, "rows with this label are not there") },
    .claims = CONVEX | DIFFERENTIABLE | TWICE_DIFFERENTIABLE,
    .link = { .kind = LINK_LOG },
    .constant = BEST_IS_MEAN,
    .matrix = DIAGONAL_MATRIX,
    .ulp_f32 = { 1, 1, 0 },
    .ulp_f64 = { 1, 1, 0 },
    .cite = "Fisher 1922, doi:10.1098/rsta.1922.0009",
};

static double nll(const row_unit *row)
{
    pair value = { 0, 0 };
    for (int64_t j = 0; j < row->classes; j++) {
        const double t = row->t ? row->t[j] : j == row->label ? 1 : 0, weight = class_weight_of(row, j);
        const pair mass = pair_mul(as_pair(weight), as_pair(t));
        if (row->target_grad) row->target_grad[j] = -weight * row->x[j];
        if (row->hess) row->hess[j] = row->upper ? 1 : 0;
        if (mass.hi == 0) continue;
        add_pair_to(&value, pair_mul(negative(mass), as_pair(row->x[j])));
        if (row->grad) row->grad[j] = -mass.hi;
    }
    return close_sum(value);
}

KERNELS(rows, nll)
