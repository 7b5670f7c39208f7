/*
 * A smooth Huber: a parabola near zero, lines far out, and all derivatives in between, so that second-order methods
 * find a curvature everywhere.
 */
#define INSIDE_F64
#include "distance.h"

enum { DELTA };

LOSS(pseudo_huber) {
    .title   = "Pseudo-Huber",
    .aliases = "",
    .formula = "delta^2*(sqrt(1 + (r/delta)^2) - 1)",
    .input   = { RESIDUAL_INPUTS },
    .param   = { PARAM(delta, 1.0, ABOVE(0), "scale at which the parabola bends into lines of this slope") },
    .claims  = CONVEX | EVEN | NONNEGATIVE | DIFFERENTIABLE | TWICE_DIFFERENTIABLE | LIPSCHITZ,
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 4, 4, 5 },
    .cite    = "Charbonnier et al. 1997, doi:10.1109/83.551699",
};

FORMULA residual_jet pseudo_huber(pair r, const real *param)
{
    real delta = param[DELTA], a = r.hi / delta, size = abs_(a);
    int far = size > 0x1p27; /* there 1 + a^2 is a^2, and a^2 may overflow */
    real s = far ? size : sqrt_(fma_(a, a, 1));
    real g = far ? copysign_(delta, a) : r.hi / s;
    return (residual_jet){
        .value = far ? abs_(r.hi) * delta : r.hi * (r.hi / (1 + s)),
        .grad  = g,
        .hess  = 1 / s / s / s,
        .upper = 1 / s, /* gradient over residual */
    };
}

KERNELS(distance, pseudo_huber)
