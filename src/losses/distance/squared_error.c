/*
 * The square of the residual: the loss whose best constant is the mean. Twice as wrong costs four times as much,
 * so outliers rule.
 */
#define LIGHT
#define MAY_UNDERFLOW WHERE_IT_STALLS
#include "distance.h"

LOSS(squared_error) = {
    .title = "Squared error",
    .aliases = "mse",
    .formula = "r^2",
    .input = { RESIDUAL_INPUTS },
    .claims = CONVEX | EVEN | NONNEGATIVE | DIFFERENTIABLE | TWICE_DIFFERENTIABLE,
    .link = { .kind = LINK_IDENTITY },
    .constant = BEST_IS_MEAN,
    .ulp_f32 = { 2, 1, 0 },
    .ulp_f64 = { 2, 1, 0 },
    .cite = "Gauss 1809, Theoria motus corporum coelestium",
};

FORMULA residual_jet squared_error(pair r, const real *param)
{
    return (residual_jet){ .value = times(r.hi, r.hi, param), .grad = 2 * r.hi, .hess = 2, .upper = 2 };
}

KERNELS(distance, squared_error)
