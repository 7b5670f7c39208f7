/*
 * The absolute error, but nothing to pay within epsilon: the tube of support vector regression. Only targets outside the
 * tube pull at it.
 */
#include "distance.h"

enum { EPSILON };

LOSS(epsilon_insensitive) = {
    .title = "Epsilon-insensitive",
    .aliases = "svr",
    .formula = "max(|r| - epsilon, 0)",
    .input = { RESIDUAL_INPUTS },
    .param = { PARAM(epsilon, 0.1, AT_LEAST(0), "half the width of the tube in which nothing costs") },
    .claims = CONVEX | EVEN | NONNEGATIVE | LIPSCHITZ,
    .link = { .kind = LINK_IDENTITY },
    .ulp_f32 = { 1, 0, 0 },
    .ulp_f64 = { 1, 0, 0 },
    .cite = "Vapnik 1995, doi:10.1007/978-1-4757-2440-0",
};

FORMULA residual_jet epsilon_insensitive(pair r, const real *param)
{
    pair a = choose(r.hi < 0, negative(r), r);
    real gap = (a.hi - param[EPSILON]) + a.lo; /* near the edge the first difference is exact, and the remainder decides */
    real side = sign_(r.hi), inside = zero_of(r.hi);
    return (residual_jet){ .value = max_(gap, 0), .grad = gap > 0 ? side : inside, .hess = 0, .upper = 1 };
}

KERNELS(distance, epsilon_insensitive)
