/*
 * Squares with two weights: too low costs tau, too high costs 1 - tau. The best constant is the tau-expectile, a smooth
 * cousin of the quantile that sees how far away the targets are, not only on which side.
 */
#define INSIDE_F64
#define MAY_UNDERFLOW WHERE_IT_STALLS
#include "distance.h"

enum { TAU };

LOSS(expectile) = {
    .title = "Expectile",
    .aliases = "",
    .formula = "(1 - tau)*r^2 if r > 0 else tau*r^2",
    .input = { RESIDUAL_INPUTS },
    .param = { LEVELS(tau, 0.5, BETWEEN(0, 1), "0.5: half the squared error; above: targets that lie higher count more") },
    .claims = CONVEX | NONNEGATIVE | DIFFERENTIABLE,
    .link = { .kind = LINK_IDENTITY },
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 1, 2, 1 },
    .cite = "Newey and Powell 1987, doi:10.2307/1911031",
};

FORMULA residual_jet expectile(pair r, const real *param)
{
    pair low = { param[TAU], 0 }, high = two_diff(1, low.hi), side = choose(r.hi > 0, high, low);
    real share = times_ordinary(r.hi, side.hi, param);
    r = held_above(0x1p-540, r, param); /* whose square is 0, where its share is not */
    pair product = two_product(side.hi, r.hi); /* never r^2, which may overflow where its product with tau does not */
    real slope = product.hi, lo = product.lo + (side.hi * r.lo + side.lo * r.hi);
    int tiny = FULL && abs_(r.hi) < 0x1p-400; /* there a remainder of the value may be subnormal where the value is not */
    real up = tiny ? 0x1p200 : 1, down = tiny ? 0x1p-400 : 1;
    real a = slope * up, b = r.hi * up, rest = a * (r.lo * up) + (lo * up) * b;
    real raised = fma_(a, b, rest - rest == 0 ? rest : 0);
    return (residual_jet){
        .value = is_faint(param) ? times_power_carefully(raised, tiny ? -400 : 0) : raised * down,
        .grad = 2 * made_of(r, slope, share, param),
        .hess = 2 * side.hi,
        .upper = 2 * max_(low.hi, high.hi), /* of the steeper side: a flatter parabola would not stay above it */
    };
}

KERNELS(distance, expectile)
