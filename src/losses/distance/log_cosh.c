/*
 * Half a square near zero and |r| - ln 2 far out: a Huber loss without a threshold to choose. Its gradient is the
 * hyperbolic tangent of the residual.
 */
#define INSIDE_F64
#define MAY_UNDERFLOW EVERYWHERE
#include "distance.h"

LOSS(log_cosh) = {
    .title = "Log-cosh",
    .aliases = "logcosh",
    .formula = "log(cosh(r))",
    .input = { RESIDUAL_INPUTS },
    .claims = CONVEX | EVEN | NONNEGATIVE | DIFFERENTIABLE | TWICE_DIFFERENTIABLE | LIPSCHITZ,
    .link = { .kind = LINK_IDENTITY },
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 1, 1.5, 1.5 },
    .cite = "Green 1990, doi:10.1109/42.52985",
};

FORMULA residual_jet log_cosh(pair r, const real *param)
{
    pair held = held_above(0x1p-511, r, param); /* whose square is subnormal, and whose slope it is itself */
    real square = times_ordinary(times(r.hi, r.hi, param), (real)0.5, param);
    hyperbolic h = hyperbolic_within(held, is_faint(param));
    return (residual_jet){
        .value = made_of(held, h.log_cosh, square, param),
        .grad = made_of(held, h.tanh, r.hi, param),
        .hess = h.sech2,
        .upper = held.hi != 0 ? h.tanh / held.hi : 1, /* gradient over residual */
    };
}

KERNELS(distance, log_cosh)
