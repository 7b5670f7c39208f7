/*
 * How many nats are lost by coding the target distribution with the predicted one. Cross-entropy minus the target's own
 * entropy, so a perfect prediction costs nothing.
 */
#include "components.h"

LOSS(kl_divergence) = {
    .title = "Kullback-Leibler divergence of the target from the prediction",
    .aliases = "kl_div",
    .formula = "sum over j of target[j]*log(target[j]/prediction[j])",
    .input = { INPUT(prediction, KIND_PROBABILITY, DIFFERENTIABLE_INPUT, "probabilities, shape (..., classes)"),
               INPUT(target, KIND_PROBABILITY, DIFFERENTIABLE_INPUT, "probabilities, shape (..., classes)") },
    .claims = CONVEX | DIFFERENTIABLE | TWICE_DIFFERENTIABLE,
    .link = { .kind = LINK_IDENTITY },
    .constant = BEST_IS_MEAN,
    .matrix = DIAGONAL_MATRIX,
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 2, 1, 1 },
    .cite = "Kullback and Leibler 1951, doi:10.1214/aoms/1177729694",
};

FORMULA component kl_component(double p, double t, double weight, const row_unit *row)
{
    (void)weight, (void)row;
    const pair log = log_quotient(as_pair(t), p), ratio = pair_div_to_pair(as_pair(t), as_pair(p)), value = pair_mul(as_pair(t), log);
    const int none = t == 0;
    const double by_target = pair_add(as_pair(1), log).hi, at_0 = log_(t) - log_(p), bend = pair_div(ratio, as_pair(p));
    return (component){
        .value = choose(none, as_pair(p * 0), value), /* a NaN stays one */
        .grad = none ? 0 : -ratio.hi,
        .hess = none ? 0 : bend,
        .target_grad = none ? at_0 : by_target,
        .target_hess = 1 / t,
    };
}

static double kl_divergence(const row_unit *row) { return sum_of_components(row, kl_component); }

KERNELS(components, kl_divergence)
