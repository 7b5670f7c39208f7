/*
 * A parabola near zero and straight lines beyond, so that one wild residual cannot outvote the rest.
 * The residual, clipped, is the gradient.
 */
#define LEARNED 1
#define MAY_UNDERFLOW WHERE_IT_STALLS
#include "distance.h"

enum { DELTA };

LOSS(huber) = {
    .title = "Huber",
    .aliases = "",
    .formula = "r^2/2 if |r| <= delta else delta*(|r| - delta/2)",
    .input = { RESIDUAL_INPUTS },
    .param = { LEARNABLE_PARAM(delta, 1.0, ABOVE(0), "residual at which the parabola becomes a line") },
    .claims = CONVEX | EVEN | NONNEGATIVE | DIFFERENTIABLE | LIPSCHITZ,
    .link = { .kind = LINK_IDENTITY },
    .ulp_f32 = { 2, 1, 1 },
    .ulp_f64 = { 2, 1, 1 },
    .cite = "Huber 1964, doi:10.1214/aoms/1177703732",
};

FORMULA residual_jet huber(pair r, const real *param)
{
    real delta = param[DELTA];
    real clipped = clamp(r.hi, -delta, delta);
    real size = abs_(r.hi), lo = r.hi < 0 ? -r.lo : r.lo;
    return (residual_jet){
        .value = times(clipped, (r.hi - half_of(clipped, param)) + r.lo, param),
        .grad = clipped,
        .hess = indicator((size - delta) + lo <= 0), /* |r| <= delta, though |r| may round to delta */
        .upper = delta / max_(size, delta), /* gradient over residual: a parabola above the loss touches it here */
        .by = { size > delta ? ((double)size - delta) + lo : zero_of(size) },
    };
}

KERNELS(distance, huber)
