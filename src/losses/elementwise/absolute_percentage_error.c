/*
 * The error as a share of the target. Being 10 short of 100 costs as much as being 1 short of 10; a target of 0
 * forgives nothing, unless eps gives it a floor.
 */
#define INSIDE_F64
#include "pointwise.h"

enum { PREDICTION, TARGET };
enum { EPS };

LOSS(absolute_percentage_error) = {
    .title = "Absolute percentage error",
    .aliases = "mape",
    .formula = "0 if r == 0 else |r|/max(|t|, eps)",
    .input = { INPUT(prediction, KIND_REAL, DIFFERENTIABLE_INPUT, "any real number"),
               INPUT(target, KIND_REAL, DIFFERENTIABLE_INPUT, "any real number; a share of 1, not of 100") },
    .param = { PARAM(eps, 0.0, AT_LEAST(0), "floor of the denominator") },
    .claims = EVEN | CONVEX | NONNEGATIVE,
    .link = { .kind = LINK_IDENTITY },
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 1, 1, 1 },
    .cite = "Makridakis 1993, doi:10.1016/0169-2070(93)90079-3",
};

FORMULA jet absolute_percentage_error(const real *x, const real *param)
{
    real t = x[TARGET], eps = param[EPS];
    real size = abs_(t), floor = max_(size, eps);
    pair r = two_diff(x[PREDICTION], t);
    real a = abs_(r.hi), value = a == 0 ? 0 : pair_div(abs_pair(r), as_pair(floor));
    real slope = a == 0 ? 0 : sign_(r.hi) / floor;
    /* below the floor only the residual moves; above it the denominator moves too: -p/t * sign(r)/|t| */
    pair ratio = pair_div_to_pair(as_pair(x[PREDICTION]), as_pair(t));
    real by_target = size > eps ? -pair_div(scale_pair(ratio, sign_(r.hi)), as_pair(floor)) : -slope;
    real bend = size > eps && a != 0 ? pair_div(scale_pair(pair_div_to_pair(ratio, as_pair(floor)), 2 * sign_(r.hi)), as_pair(t)) : 0;
    return (jet){ .value = value, .grad = { slope, by_target }, .hess = { zero_of(a), bend }, .upper = { 1 / floor, 1 / floor } };
}

KERNELS(pointwise, absolute_percentage_error)
