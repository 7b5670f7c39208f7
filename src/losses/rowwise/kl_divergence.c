/*
 * How many nats are lost by coding the target distribution with the predicted one. Cross-entropy minus the target's own
 * entropy, so a perfect prediction costs nothing.
 */
#include "rows.h"

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

static double kl_divergence(const row_unit *row)
{
    pair value = { 0, 0 };
    for (int64_t j = 0; j < row->classes; j++) {
        double p = row->x[j], t = row->t[j];
        if (row->target_grad) row->target_grad[j] = t == 0 ? log_(t) - log_(p) : pair_add(as_pair(1), log_quotient(as_pair(t), p)).hi;
        if (row->target_hess) row->target_hess[j] = 1 / t;
        if (t == 0) {
            add_to(&value, p * 0); /* a NaN stays one */
            continue;
        }
        add_pair_to(&value, pair_mul(as_pair(t), log_quotient(as_pair(t), p)));
        if (row->grad) row->grad[j] = -t / p;
        if (row->hess) row->hess[j] = pair_div(pair_div_to_pair(as_pair(t), as_pair(p)), as_pair(p));
    }
    return close_sum(value);
}

KERNELS(rows, kl_divergence)
