/*
 * The squared distance of the predicted probabilities from what came true: a proper score that stays bounded where a logarithm does not.
 */
#include "components.h"

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

FORMULA component brier_component(double p, double t, double weight, const row_unit *row)
{
    (void)weight, (void)row;
    const pair d = two_diff(p, t), square = two_product(d.hi, d.hi);
    return (component){
        .value = { square.hi, square.lo + 2 * d.hi * d.lo },
        .grad = 2 * d.hi,
        .hess = 2,
        .target_grad = -2 * d.hi,
        .target_hess = 2,
    };
}

static double multiclass_brier(const row_unit *row) { return sum_of_components(row, brier_component); }

KERNELS(components, multiclass_brier)
