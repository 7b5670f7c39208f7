/*
 * Nothing to pay within epsilon, the square of the excess beyond: a tube without a kink at its edge.
 */
#define MAY_UNDERFLOW EVERYWHERE
#include "distance.h"

enum { EPSILON };

LOSS(squared_epsilon_insensitive) = {
    .title = "Squared epsilon-insensitive",
    .aliases = "",
    .formula = "max(|r| - epsilon, 0)^2",
    .input = { RESIDUAL_INPUTS },
    .param = { PARAM(epsilon, 0.1, AT_LEAST(0), "half the width of the tube in which nothing costs") },
    .claims = CONVEX | EVEN | NONNEGATIVE | DIFFERENTIABLE,
    .link = { .kind = LINK_IDENTITY },
    .ulp_f32 = { 1, 1, 0 },
    .ulp_f64 = { 1, 1, 0 },
    .cite = "Ho and Lin 2012, JMLR 13, 3323-3348",
};

FORMULA residual_jet squared_epsilon_insensitive(pair r, const real *param)
{
    pair a = choose(r.hi < 0, negative(r), r), d = two_sum(a.hi, -param[EPSILON]);
    real lo = d.lo + a.lo;
    if (!(lo - lo == 0)) lo = 0; /* an infinite residual has no remainder */
    real gap = d.hi + lo, excess = max_(gap, 0);
    real lost = lo - (gap - d.hi);
    if (is_faint(param))
        lost = unless_below(REAL_BITS == 32 ? (real)0x1p-100 : (real)0x1p-1000,
                            lost); /* less is nothing beside excess, or that has no square */
    real rest = 2 * excess * lost; /* what the rounding of the gap took from its square */
    return (residual_jet){
        .value = fma_(excess, excess, rest - rest == 0 ? rest : 0),
        .grad = 2 * copysign_(excess, r.hi),
        .hess = excess > 0 ? 2 : zero_of(excess),
        .upper = 2, /* no flatter parabola that touches the loss on a slope stays above it */
    };
}

KERNELS(distance, squared_epsilon_insensitive)
