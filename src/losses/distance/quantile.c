/*
 * The pinball loss: too low costs tau, too high costs 1 - tau, and the best constant is the tau-quantile. Several levels
 * at once belong to the columns of the last axis.
 */
#define INSIDE_F64
#define MAY_UNDERFLOW WHERE_IT_STALLS
#include "distance.h"

enum { TAU };

LOSS(quantile) = {
    .title = "Quantile (pinball)",
    .aliases = "pinball",
    .formula = "(1 - tau)*r if r > 0 else -tau*r if r < 0 else 0",
    .input = { RESIDUAL_INPUTS },
    .param = { LEVELS(tau, 0.5, BETWEEN(0, 1), "share of targets that should lie below the prediction") },
    .claims = CONVEX | NONNEGATIVE | LIPSCHITZ,
    .link = { .kind = LINK_IDENTITY },
    .ulp_f32 = { 1, 1, 0 },
    .ulp_f64 = { 1, 1, 0 },
    .cite = "Koenker and Bassett 1978, doi:10.2307/1913643",
};

FORMULA residual_jet quantile(pair r, const real *param)
{
    real tau = param[TAU];
    pair high = two_diff(1, tau);
    pair slope = { r.hi > 0 ? high.hi : r.hi < 0 ? -tau : zero_of(r.hi), r.hi > 0 ? high.lo : 0 };
    /* a product in two parts must not multiply a subnormal number; there one in one part is the same (+ 0: two parts know no -0) */
    pair held = held_above(0x1p-1022, r, param);
    real value = pair_mul(slope, held).hi, share = times_ordinary(r.hi, slope.hi, param) + 0;
    return (residual_jet){ .value = made_of(held, value, share, param), .grad = slope.hi, .hess = 0, .upper = 1 };
}

KERNELS(distance, quantile)
