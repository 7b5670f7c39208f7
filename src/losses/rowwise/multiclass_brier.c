/*
 * The squared distance of the predicted probabilities from what came true: a proper score that stays bounded where a logarithm does not.
 */
#include "rows.h"

LOSS(multiclass_brier) = {
    .title = "Brier score of several classes",
    .aliases = "",
    .formula = "sum over j of (prediction[j] - target[j])^2",
    .input = { INPUT(prediction, KIND_PROBABILITY, DIFFERENTIABLE_INPUT, "probabilities, shape (..., classes)"), CLASS_INPUT },
    .param = { INTEGERS_OR_NONE(ignore_index, "rows with this label are not there") },
    .claims = CONVEX | NONNEGATIVE | DIFFERENTIABLE | TWICE_DIFFERENTIABLE | BOUNDED | PROPER,
    .link = { .kind = LINK_IDENTITY },
    .constant = BEST_IS_MEAN,
    .matrix = DIAGONAL_MATRIX,
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 1, 1, 1 },
    .cite = "Brier 1950, doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2",
};

static double multiclass_brier(const row_unit *row)
{
    pair value = { 0, 0 };
    for (int64_t j = 0; j < row->classes; j++) {
        const double t = row->t ? row->t[j] : j == row->label ? 1 : 0;
        const pair d = two_diff(row->x[j], t), square = two_product(d.hi, d.hi);
        add_to(&value, square.hi);
        value.lo += square.lo + 2 * d.hi * d.lo;
        if (row->grad) row->grad[j] = 2 * d.hi;
        if (row->hess) row->hess[j] = 2;
        if (row->target_grad) row->target_grad[j] = -2 * d.hi;
        if (row->target_hess) row->target_hess[j] = 2;
    }
    return close_sum(value);
}

KERNELS(rows, multiclass_brier)
