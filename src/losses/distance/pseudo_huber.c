/*
 * A smooth Huber: a parabola near zero, lines far out, and all derivatives in between, so that second-order methods
 * find a curvature everywhere.
 */
#define INSIDE_F64
#define LEARNED 1
#define PREPARED 1
#include "distance.h"

enum { DELTA, INVERSE = MAX_PARAMETERS };

LOSS(pseudo_huber) = {
    .title = "Pseudo-Huber",
    .aliases = "soft_l1",
    .formula = "delta^2*(sqrt(1 + (r/delta)^2) - 1)",
    .input = { RESIDUAL_INPUTS },
    .param = { LEARNABLE_PARAM(delta, 1.0, ABOVE(0), "scale at which the parabola bends into lines of this slope") },
    .claims = CONVEX | EVEN | NONNEGATIVE | DIFFERENTIABLE | TWICE_DIFFERENTIABLE | LIPSCHITZ,
    .link = { .kind = LINK_IDENTITY },
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 1, 1, 1.5 },
    .cite = "Charbonnier et al. 1997, doi:10.1109/83.551699",
};

FORMULA void prepare(real *param) { param[INVERSE] = 1 / param[DELTA]; }

FORMULA residual_jet pseudo_huber(pair r, const real *param)
{
    real delta = param[DELTA];
#if FULL
    pair a = pair_div_to_pair(r, as_pair(delta));
#else
    pair a = as_pair(r.hi * param[INVERSE]);
#endif
    int far = abs_(a.hi) > 0x1p500, near = abs_(a.hi) < 0x1p-500; /* there the root is |a|, for a^2 overflows; or 1 */
    pair c = choose(far || near, as_pair(0), a), root = pair_sqrt(pair_add_tame(as_pair(1), pair_mul_tame(c, c)));
    pair s = choose(far, as_pair(abs_(a.hi)), root), more = pair_add_tame(as_pair(1), root);
    /* part: a / (1 + s); delta part is below |r|, so it comes first */
#if FULL
    pair part = pair_div_tame(c, more), inverse = pair_div_to_pair(as_pair(1), s);
#else
    real size = min_(s.hi, 0x1p900), both = 1 / (size * more.hi);
    pair part = as_pair(c.hi * (both * size)), inverse = as_pair(both * more.hi);
#endif
    pair share = choose(near, scale_pair(r, (real)0.5), pair_mul(as_pair(delta), choose(far, as_pair(copysign_(1, a.hi)), part)));
    pair less = pair_mul(c, part), rate = pair_mul(pair_mul(less, inverse), less); /* s - 1; its square over s */
    return (residual_jet){
        .value = pair_mul(share, r).hi,
        .grad = far ? copysign_(delta, a.hi) : pair_mul(r, inverse).hi,
        .hess = pair_mul_tame(pair_mul_tame(inverse, inverse), inverse).hi,
        .upper = inverse.hi, /* gradient over residual */
        .by = { far ? abs_(r.hi) : pair_mul(rate, as_pair(delta)).hi },
    };
}

KERNELS(distance, pseudo_huber)
