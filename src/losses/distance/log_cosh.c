/*
 * Half a square near zero and |r| - ln 2 far out: a Huber loss without a threshold to choose. Its gradient is the
 * hyperbolic tangent of the residual.
 */
#define INSIDE_F64
#include "distance.h"

LOSS(log_cosh) = {
    .title = "Log-cosh",
    .aliases = "logcosh",
    .formula = "log(cosh(r))",
    .input = { RESIDUAL_INPUTS },
    .claims = CONVEX | EVEN | NONNEGATIVE | DIFFERENTIABLE | TWICE_DIFFERENTIABLE | LIPSCHITZ,
    .link = { .kind = LINK_IDENTITY },
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 1, 1, 1 },
    .cite = "Green 1990, doi:10.1109/42.52985",
};

FORMULA residual_jet log_cosh(pair r, const real *param)
{
    (void)param;
    real t = tanh_(r), size = abs_(r.hi);
    return (residual_jet){
        .value = log_cosh_(r), .grad = t, .hess = sech2_(r), .upper = size > 0 ? t / r.hi : 1 + zero_of(r.hi), /* gradient over residual */
    };
}

KERNELS(distance, log_cosh)
