/*
 * The surprise at the true class, given logarithms of probabilities: what is left of cross-entropy when the softmax has been
 * taken already. Nothing checks that the row is normalised.
 */
#include "components.h"

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

FORMULA component nll_component(double x, double t, double weight, const row_unit *row)
{
    const pair mass = pair_mul(as_pair(weight), as_pair(t)), value = pair_mul(negative(mass), as_pair(x));
    const int none = mass.hi == 0; /* then a class may be absent */
    return (component){
        .value = choose(none, as_pair(0), value),
        .grad = none ? 0 : -mass.hi,
        .hess = row->upper,
        .target_grad = -weight * x,
    };
}

static double nll(const row_unit *row) { return sum_of_components(row, nll_component); }

KERNELS(targets, nll)
