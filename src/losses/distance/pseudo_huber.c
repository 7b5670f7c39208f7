/*
 * A smooth Huber: a parabola near zero, lines far out, and all derivatives in between, so that second-order methods
 * find a curvature everywhere.
 */
#define INSIDE_F64
#include "distance.h"

enum { DELTA };

LOSS(pseudo_huber) = {
    .title = "Pseudo-Huber",
    .aliases = "",
    .formula = "delta^2*(sqrt(1 + (r/delta)^2) - 1)",
    .input = { RESIDUAL_INPUTS },
    .param = { PARAM(delta, 1.0, ABOVE(0), "scale at which the parabola bends into lines of this slope") },
    .claims = CONVEX | EVEN | NONNEGATIVE | DIFFERENTIABLE | TWICE_DIFFERENTIABLE | LIPSCHITZ,
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 3, 1, 4 },
    .cite = "Charbonnier et al. 1997, doi:10.1109/83.551699",
};

FORMULA residual_jet pseudo_huber(pair r, const real *param)
{
    real delta = param[DELTA];
    pair a = pair_div_to_pair(r, (pair){ delta, 0 });
    int far = abs_(a.hi) > 0x1p500; /* there a^2 overflows, and the root is |a| */
    pair square = two_product(far ? 0 : a.hi, far ? 0 : a.hi), one = two_sum(1, square.hi);
    square = fast_two_sum(one.hi, one.lo + (square.lo + 2 * (far ? 0 : a.hi * a.lo)));
    real root = sqrt_(square.hi);
    pair back = two_product(root, root), s = { root, (((square.hi - back.hi) - back.lo) + square.lo) / (2 * root) };
    if (far) s = (pair){ abs_(a.hi), 0 };
    pair next = two_sum(1, s.hi);
    real part = far ? copysign_(1, a.hi) : pair_div(a, (pair){ next.hi, next.lo + s.lo }), inverse = pair_div((pair){ 1, 0 }, s);
    return (residual_jet){
        .value = delta * (r.hi * part),
        .grad = far ? copysign_(delta, a.hi) : pair_div(r, s),
        .hess = inverse * inverse * inverse,
        .upper = inverse, /* gradient over residual */
    };
}

KERNELS(distance, pseudo_huber)
