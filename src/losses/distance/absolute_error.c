/*
 * The size of the residual: the loss whose best constant is the median. Every error pulls equally hard, however
 * large, which is why outliers do not rule.
 */
#define LIGHT
#include "distance.h"

LOSS(absolute_error) = {
    .title = "Absolute error",
    .aliases = "mae l1",
    .formula = "|r|",
    .input = { RESIDUAL_INPUTS },
    .claims = CONVEX | EVEN | NONNEGATIVE | LIPSCHITZ,
    .link = { .kind = LINK_IDENTITY },
    .ulp_f32 = { 1, 0, 0 },
    .ulp_f64 = { 1, 0, 0 },
    .cite = "Laplace 1774, Memoire sur la probabilite des causes par les evenements",
};

FORMULA residual_jet absolute_error(pair r, const real *param)
{
    (void)param;
    return (residual_jet){ .value = abs_(r.hi), .grad = sign_(r.hi), .hess = 0, .upper = 1 };
}

KERNELS(distance, absolute_error)
