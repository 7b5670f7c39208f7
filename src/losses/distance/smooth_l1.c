/*
 * Huber's loss divided by its threshold: the lines keep slope 1 however narrow the parabola, and beta = 0 is the
 * absolute error. Agrees with huber only where beta = delta = 1.
 */
#include "distance.h"

enum { BETA };

LOSS(smooth_l1) = {
    .title = "Smooth L1",
    .aliases = "",
    .formula = "r^2/(2*beta) if |r| <= beta else |r| - beta/2",
    .input = { RESIDUAL_INPUTS },
    .param = { PARAM(beta, 1.0, AT_LEAST(0), "residual at which the parabola becomes a line; 0: absolute error") },
    .claims = CONVEX | EVEN | NONNEGATIVE | LIPSCHITZ,
    .ulp_f32 = { 3, 1, 1 },
    .ulp_f64 = { 3, 1, 1 },
    .cite = "Girshick 2015, arXiv:1504.08083",
};

FORMULA residual_jet smooth_l1(pair r, const real *param)
{
    real beta = param[BETA], bend = beta > 0 ? 1 / beta : 0, size = abs_(r.hi), lo = r.hi < 0 ? -r.lo : r.lo;
    int near = size < beta;
    real slope = near ? r.hi / beta : sign_(r.hi); /* beta = 0 is never near */
    return (residual_jet){
        .value = near ? (real)0.5 * r.hi * slope : (size - (real)0.5 * beta) + lo,
        .grad = slope,
        .hess = size <= beta ? bend : zero_of(size),
        .upper = near       ? bend
                 : size > 0 ? 1 / size
                            : 1,
    };
}

KERNELS(distance, smooth_l1)
