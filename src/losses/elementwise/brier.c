/*
 * Squared error of a probability. Honest, since its best constant is the true frequency; but its slope vanishes through a
 * sigmoid where the prediction is confident and wrong, which is why cross-entropy trains faster.
 */
#define LIGHT
#define MAY_UNDERFLOW WHERE_IT_STALLS
#include "distance.h"

LOSS(brier) = {
    .title = "Brier score",
    .aliases = "",
    .formula = "r^2",
    .input = { INPUT(prediction, KIND_PROBABILITY, DIFFERENTIABLE_INPUT, "probability in [0, 1]"),
               INPUT(target, KIND_PROBABILITY, DIFFERENTIABLE_INPUT, "label or probability in [0, 1]") },
    .claims = CONVEX | EVEN | NONNEGATIVE | DIFFERENTIABLE | TWICE_DIFFERENTIABLE | LIPSCHITZ | BOUNDED | PROPER,
    .link = { .kind = LINK_IDENTITY },
    .constant = BEST_IS_MEAN,
    .ulp_f32 = { 2, 1, 0 },
    .ulp_f64 = { 2, 1, 0 },
    .cite = "Brier 1950, doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2",
};

FORMULA residual_jet brier(pair r, const real *param)
{
    return (residual_jet){ .value = times(r.hi, r.hi, param), .grad = 2 * r.hi, .hess = 2, .upper = 2 };
}

KERNELS(distance, brier)
