/*
 * Cauchy: the logarithm lets far residuals pull less and less, so outliers hardly count; the price is that it is not convex.
 */
#define INSIDE_F64
#include "distance.h"

enum { C };

LOSS(scratch_cauchy) = {
    .title = "Cauchy",
    .aliases = "scratch_lorentzian",
    .formula = "c^2/2*log1p((r/c)^2)",
    .input = { RESIDUAL_INPUTS },
    .param = { PARAM(c, 1.0, ABOVE(0), "residual at which the pull is strongest") },
    .claims = EVEN | NONNEGATIVE | DIFFERENTIABLE | TWICE_DIFFERENTIABLE | LIPSCHITZ,
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 4, 4, 4 },
    .cite = "Black & Anandan 1996, doi:10.1006/cviu.1996.0006",
};

FORMULA residual_jet scratch_cauchy(pair r, const real *param)
{
    const pair x = pair_div_to_pair(abs_pair(r), (pair){ param[C], 0 });
    const real c = param[C], size = x.hi, far = size > 0x1p30, q = 1 / size; /* far out by 1/x, which cannot overflow */
    const real square = far ? q * q : size * size, whole = 1 + square;
    return (residual_jet){
        .value = c * (c / 2) * (far ? 2 * log_(size) : log1p_(square)),
        .grad = far ? (r.hi < 0 ? -c : c) * q : r.hi / whole,
        .hess = far ? -square : ((1 - size) - x.lo) * (1 + size) / (whole * whole),
        .upper = far ? square : 1 / whole,
    };
}

KERNELS(distance, scratch_cauchy)
