/*
 * A smooth Huber: a parabola near zero, lines far out, and all derivatives in between, so that second-order methods
 * find a curvature everywhere.
 */
#define INSIDE_F64
#define MAY_UNDERFLOW EVERYWHERE
#define LEARNED 1
#define PREPARED 2
#include "distance.h"

enum { DELTA, INVERSE = MAX_PARAMETERS, LEAST };

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

FORMULA void prepare(real *param)
{
    const real delta = param[DELTA];
    param[INVERSE] = 1 / delta;
    param[LEAST] = delta > 0x1p-10    ? 0x1p-511
                   : delta > 0x1p-900 ? 0x1p-1000
                                      : 0; /* less is nothing beside delta, and its square subnormal */
}

#if FULL

FORMULA residual_jet pseudo_huber(pair r, const real *param)
{
    real delta = param[DELTA], given = r.hi;
    r = held_above(param[LEAST], r, param); /* whose square is subnormal, and whose slope it is itself (+ 0: two parts know no -0) */
    pair a = pair_div_to_pair(r, as_pair(delta));
    int far = abs_(a.hi) > 0x1p500, near = abs_(a.hi) < 0x1p-500; /* there the root is |a|, for a^2 overflows; or 1 */
    pair c = choose(far || near, as_pair(0), a), root = pair_sqrt(pair_add_tame(as_pair(1), pair_mul_tame(c, c)));
    pair s = choose(far, as_pair(abs_(a.hi)), root), part = pair_div_tame(c, pair_add_tame(as_pair(1), root)); /* a / (1 + s) */
    pair inverse = pair_div_to_pair(as_pair(1), s);
    /* delta part is below |r|, so it comes first */
    pair share = choose(near, scale_pair(r, (real)0.5), pair_mul(as_pair(delta), choose(far, as_pair(copysign_(1, a.hi)), part)));
    pair less = pair_mul(c, part), rate = pair_mul(pair_mul(less, inverse), less); /* s - 1; its square over s */
    return (residual_jet){
        .value = made_of(r, pair_mul(share, r).hi, times(half_of(given, param), given, param), param),
        .grad = far ? copysign_(delta, a.hi) : made_of(r, pair_mul(r, inverse).hi, given + 0, param),
        .hess = pair_mul_tame(pair_mul_tame(inverse, inverse), inverse).hi,
        .upper = inverse.hi, /* gradient over residual */
        .by = { far ? abs_(r.hi) : pair_mul(rate, as_pair(delta)).hi },
    };
}

#else

/* Doubles have room for every float's square. Beyond 2^60 only the sign of a counts. (Root and quotient as a float's, each with one of Newton's steps, were
 * no faster: what waits is the chain, not the divider.) */
FORMULA residual_jet pseudo_huber(pair r, const real *param)
{
    real delta = param[DELTA], ratio = r.hi * param[INVERSE], a = clamp(ratio, -0x1p60, 0x1p60), held = delta * a;
    real s = sqrt_(fma_(a, a, 1)), both = 1 / (s * (1 + s)), part = both * s, inverse = both * (1 + s); /* 1/(1 + s), 1/s */
    real tilt = a * part; /* (s - 1)/a */
    return (residual_jet){
        .value = r.hi * (held * part),
        .grad = held * inverse,
        .hess = inverse * inverse * inverse,
        .upper = inverse,
        .by = { (a * tilt * inverse) * (r.hi * tilt) },
    };
}

#endif

KERNELS(distance, pseudo_huber)
