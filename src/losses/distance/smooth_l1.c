/*
 * Huber's loss divided by its threshold: the lines keep slope 1 however narrow the parabola, and beta = 0 is the
 * absolute error. Agrees with huber only where beta = delta = 1.
 */
#define INSIDE_F64
#define MAY_UNDERFLOW WHERE_IT_STALLS
#define LEARNED 1
#define PREPARED 1
#include "distance.h"

enum { BETA, INVERSE = MAX_PARAMETERS };

LOSS(smooth_l1) = {
    .title = "Smooth L1",
    .aliases = "",
    .formula = "r^2/(2*beta) if |r| <= beta else |r| - beta/2",
    .input = { RESIDUAL_INPUTS },
    .param = { LEARNABLE_PARAM(beta, 1.0, AT_LEAST(0), "residual at which the parabola becomes a line; 0: absolute error") },
    .claims = CONVEX | EVEN | NONNEGATIVE | LIPSCHITZ,
    .link = { .kind = LINK_IDENTITY },
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 1.5, 1, 1 },
    .cite = "Girshick 2015, arXiv:1504.08083",
};

/* 1 / beta; of beta = 0 a number so large that every residual but 0 is steeper than 1. */
FORMULA void prepare(real *param) { param[INVERSE] = param[BETA] > 0 ? 1 / param[BETA] : 0x1p800; }

FORMULA residual_jet smooth_l1(pair r, const real *param)
{
    real beta = param[BETA], given = r.hi;
    r = held_above(beta == 1 ? 0x1p-511 : 0, r,
                   param); /* whose square is subnormal, and whose slope it is itself (+ 0: two parts know no -0) */
    real square = times(half_of(given, param), given, param);
    real size = abs_(r.hi), lo = r.hi < 0 ? -r.lo : r.lo;
    real bend = beta > 0 ? param[INVERSE] : 0;
    int near = size < beta; /* beta = 0 is never near */
    pair steep = FULL ? pair_div_to_pair(r, as_pair(beta > 0 ? beta : 0x1p-1074)) : as_pair(r.hi * param[INVERSE]);
    real parabola = pair_mul(scale_pair(r, (real)0.5), steep).hi, line = (size - (real)0.5 * beta) + lo;
    real grown = pair_mul(scale_pair(steep, (real)0.5), steep).hi;
    return (residual_jet){
        .value = near ? made_of(r, parabola, square, param) : line,
        .grad = made_of(r, clamp(steep.hi, -1, 1), given + 0, param),
        .hess = (size - beta) + lo <= 0 ? bend : zero_of(size), /* |r| <= beta, though |r| may round to beta */
        .upper = near ? bend : 1 / (size > 0 ? size : 1),
        .by = { near ? -made_of(r, grown, square, param) : zero_of(size) - (size > 0 ? (real)0.5 : 0) }, /* of beta = 0 at 0: nothing */
    };
}

KERNELS(distance, smooth_l1)
