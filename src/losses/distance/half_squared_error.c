/*
 * Half the square of the residual, so that the gradient is the residual itself: what least squares and boosting libraries
 * mean by squared error.
 */
#define LIGHT
#define MAY_UNDERFLOW WHERE_IT_STALLS
#include "distance.h"

LOSS(half_squared_error) = {
    .title = "Half squared error",
    .aliases = "l2_loss",
    .formula = "r^2/2",
    .input = { RESIDUAL_INPUTS },
    .claims = CONVEX | EVEN | NONNEGATIVE | DIFFERENTIABLE | TWICE_DIFFERENTIABLE,
    .link = { .kind = LINK_IDENTITY },
    .constant = BEST_IS_MEAN,
    .ulp_f32 = { 2, 1, 0 },
    .ulp_f64 = { 2, 1, 0 },
    .cite = "Gauss 1809, Theoria motus corporum coelestium",
};

FORMULA residual_jet half_squared_error(pair r, const real *param)
{
    return (residual_jet){ .value = times(half_of(r.hi, param), r.hi, param), .grad = r.hi, .hess = 1, .upper = 1 };
}

KERNELS(distance, half_squared_error)
