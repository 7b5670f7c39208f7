/*
 * A whole family under one number: alpha = 2 is half a square, 1 the pseudo-Huber, 0 Cauchy's, -2 Geman and McClure's, -inf
 * Welsch's; the less, the less an outlier counts. alpha and scale can be learned.
 *
 * With x = (r/scale)^2, b = |alpha - 2| and l = ln(1 + x/b) all that is needed is w = b l/2 and y = alpha l/2: a value is
 * (b/alpha)(e^y - 1), the weight of a residual e^(+-w). By alpha, with f(t) = (e^-t - 1 + t)/t^2, the derivative is l^2/2 e^y
 * |f(y) - f(l)|: nothing in it is large and cancels but that difference.
 */
#define INSIDE_F64
#define LEARNED 2
#define PREPARED 23
#include "distance.h"

enum { ALPHA, SCALE };
#define VARIANTS 2 /* apart from alpha = 2, and near it, where b vanishes and l is large */
#define VARIANT(param) ((param)[ALPHA] > 1.5 && (param)[ALPHA] < 2.5)

LOSS(adaptive_robust) = {
    .title = "Adaptive robust",
    .aliases = "barron general",
    .formula = "x/2 if alpha == 2 else log1p(x/2) if alpha == 0 else 1 - exp(-x/2) if alpha == -inf else b/alpha*((1 + x/b)^(alpha/2) - 1) "
               "where x = (r/scale)^2, b = |alpha - 2|",
    .input = { RESIDUAL_INPUTS },
    .param = { LEARNABLE_PARAM(alpha, 1.0, BELOW_INFINITY, "shape: 2 squares, 1 is smoothly absolute, less forgives outliers; -inf too"),
               LEARNABLE_PARAM(scale, 1.0, ABOVE(0), "size of a residual from which it begins to be an outlier") },
    .claims = EVEN | NONNEGATIVE | DIFFERENTIABLE | TWICE_DIFFERENTIABLE,
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 1.5, 1, 1 },
    .cite = "Barron 2019, arXiv:1701.03077",
};

/* e^(hi + lo) as m 2^k; k is 0 where numbers are wider than the data. */
FORMULA scaled_exp power_of(pair v)
{
#if FULL
    scaled_exp e = exp_parts_within(v, 1500);
    return (scaled_exp){ choose(v.hi < -1500, as_pair(0), e.m), e.k };
#else
    return (scaled_exp){ as_pair(exp_pair(v)), 0 };
#endif
}

/* x e/c, and with `again` divided by c once more, in an order in which nothing overflows or rounds on the way. */
FORMULA real over_scale(pair x, scaled_exp e, real c, const int again)
{
    pair y = pair_mul(x, e.m);
#if FULL
    real third = round_(e.k * (1.0 / 3)), one = power_of_two(third);
    y = scale_pair(pair_div_to_pair(scale_pair(y, one), as_pair(c)), one);
    if (again) y = pair_div_to_pair(y, as_pair(c));
    return y.hi * power_of_two(e.k - 2 * third);
#else
    return again ? y.hi / c / c : y.hi / c;
#endif
}

/* (1/2 - f(t))/t = 1/3! - t/4! + t^2/5! - ... for |t| <= 2 */
FORMULA pair rise(pair t)
{
    const pair seventh = { 0x1.2492492492492p-3, 0x1.2492492492492p-57 }, sixth = { 0x1.5555555555555p-3, 0x1.5555555555555p-57 },
               fifth = { 0x1.999999999999ap-3, -0x1.999999999999ap-57 };
    real z = -t.hi, p = 1 + z * (1.0 / 26);
    p = fma_(p, z * (1.0 / 25), 1);
    p = fma_(p, z * (1.0 / 24), 1);
    p = fma_(p, z * (1.0 / 23), 1);
    p = fma_(p, z * (1.0 / 22), 1);
    p = fma_(p, z * (1.0 / 21), 1);
    p = fma_(p, z * (1.0 / 20), 1);
    p = fma_(p, z * (1.0 / 19), 1);
    p = fma_(p, z * (1.0 / 18), 1);
    p = fma_(p, z * (1.0 / 17), 1);
    p = fma_(p, z * (1.0 / 16), 1);
    p = fma_(p, z * (1.0 / 15), 1);
    p = fma_(p, z * (1.0 / 14), 1);
    p = fma_(p, z * (1.0 / 13), 1);
    p = fma_(p, z * (1.0 / 12), 1);
    p = fma_(p, z * (1.0 / 11), 1);
    p = fma_(p, z * (1.0 / 10), 1);
    p = fma_(p, z * (1.0 / 9), 1);
    p = fma_(p, z * (1.0 / 8), 1);
    pair s = pair_step(as_pair(p), pair_mul_tame(negative(t), seventh), as_pair(1));
    s = pair_step(s, pair_mul_tame(negative(t), sixth), as_pair(1));
    s = pair_step(s, pair_mul_tame(negative(t), fifth), as_pair(1));
    return pair_mul_tame(pair_step(s, scale_pair(t, (real)-0.25), as_pair(1)), sixth);
}

/* (f(y) - f(l))/(l - y) for y and l up to 1.25: the series of 1/2 - f by Horner's rule, and beside it its divided difference. */
FORMULA pair slope_between(pair y, pair l)
{
    const pair c1 = { 0x1.5555555555555p-3, 0x1.5555555555555p-57 }, c2 = { 0x1.5555555555555p-5, 0x1.5555555555555p-59 },
               c3 = { 0x1.1111111111111p-7, 0x1.1111111111111p-63 };
    real p = -y.hi, q = -l.hi, d = 0, s = 1.0 / 1124000727777607680000.0; /* 1/22! */
    d = fma_(d, p, s), s = fma_(s, q, 1.0 / 51090942171709440000.0);
    d = fma_(d, p, s), s = fma_(s, q, 1.0 / 2432902008176640000.0);
    d = fma_(d, p, s), s = fma_(s, q, 1.0 / 121645100408832000.0);
    d = fma_(d, p, s), s = fma_(s, q, 1.0 / 6402373705728000.0);
    d = fma_(d, p, s), s = fma_(s, q, 1.0 / 355687428096000.0);
    d = fma_(d, p, s), s = fma_(s, q, 1.0 / 20922789888000.0);
    d = fma_(d, p, s), s = fma_(s, q, 1.0 / 1307674368000.0);
    d = fma_(d, p, s), s = fma_(s, q, 1.0 / 87178291200.0);
    d = fma_(d, p, s), s = fma_(s, q, 1.0 / 6227020800.0);
    d = fma_(d, p, s), s = fma_(s, q, 1.0 / 479001600.0);
    d = fma_(d, p, s), s = fma_(s, q, 1.0 / 39916800.0);
    d = fma_(d, p, s), s = fma_(s, q, 1.0 / 3628800.0);
    d = fma_(d, p, s), s = fma_(s, q, 1.0 / 362880.0);
    d = fma_(d, p, s), s = fma_(s, q, 1.0 / 40320.0);
    d = fma_(d, p, s), s = fma_(s, q, 1.0 / 5040.0);
    d = fma_(d, p, s), s = fma_(s, q, 1.0 / 720.0);
    d = fma_(d, p, s);
    pair s3 = pair_step(as_pair(s), negative(l), c3), d2 = pair_add_tame(pair_mul_tame(as_pair(d), negative(y)), s3);
    pair s2 = pair_step(s3, negative(l), c2), d1 = pair_add_tame(pair_mul_tame(d2, negative(y)), s2);
    return pair_add_tame(pair_mul_tame(d1, negative(y)), pair_step(s2, negative(l), c1));
}

/* What depends on the parameters alone; pairs take two places. */
enum {
    SIDE = MAX_PARAMETERS, /* the sign of alpha - 2 */
    B,
    RATIO = B + 2, /* alpha/b */
    DIVISOR = RATIO + 2, /* b, or 1 in the limits that have no l: alpha = 2 and -inf */
    LOG_B = DIVISOR + 2,
    HALF = LOG_B + 2, /* b/2, or 0 there */
    LIVE = HALF + 2, /* 1, or 0 there */
    EDGE, /* how large a residual may get to be squared in x/b, and in x/(1 + x/b) */
    EDGE_OF_PART,
    BENDS, /* 1, or 0 at alpha = 2 */
    STEEP, /* 0, or at alpha = 2 infinite: to where the derivative by alpha goes */
    TAIL, /* 2/alpha^2 */
    TO_VALUE = TAIL + 2, /* and so on: where the residual is infinite */
    TO_SLOPE,
    TO_CURVE,
    TO_ALPHA,
    TO_SCALE,
    PREPARED_END
};
_Static_assert(PREPARED_END == MAX_PARAMETERS + PREPARED, "as many as pointwise.h was told");

FORMULA pair pair_at(const real *param, int k) { return (pair){ param[k], param[k + 1] }; }
FORMULA void put_pair(real *param, int k, pair x) { param[k] = x.hi, param[k + 1] = x.lo; }

FORMULA void prepare(real *param)
{
    const real alpha = param[ALPHA], c = param[SCALE], none = 0x1p511;
    const int endless = alpha < -0x1.fffffffffffffp1023, square = alpha == 2, limit = endless || square;
    const pair b = abs_pair(two_diff(alpha, 2)), divisor = limit ? as_pair(1) : b, inverse = pair_div_to_pair(as_pair(2), as_pair(alpha));
    param[SIDE] = alpha < 2 ? -1 : 1;
    put_pair(param, B, b);
    put_pair(param, RATIO, endless ? as_pair(-1) : pair_div_to_pair(as_pair(alpha), b));
    put_pair(param, DIVISOR, divisor);
    put_pair(param, LOG_B, log_to_fine_pair(divisor));
    put_pair(param, HALF, limit ? as_pair(0) : scale_pair(b, (real)0.5));
    param[LIVE] = limit ? 0 : 1;
    param[EDGE] = limit ? none : INFINITE;
    param[EDGE_OF_PART] = endless ? none : INFINITE;
    param[BENDS] = square ? 0 : 1;
    param[STEEP] = square ? INFINITE : 0;
    put_pair(param, TAIL, alpha < 0 ? pair_div_to_pair(inverse, as_pair(alpha)) : as_pair(0));
    param[TO_VALUE] = endless ? 1 : alpha < 0 ? -b.hi / alpha : INFINITE;
    param[TO_SLOPE] = alpha < 1 ? 0 : alpha == 1 ? 1 / c : INFINITE;
    param[TO_CURVE] = alpha < 2 ? 0 : square ? 1 / c / c : INFINITE;
    param[TO_ALPHA] = alpha < 0 ? 2 / alpha / alpha : INFINITE;
    param[TO_SCALE] = alpha < 0 ? 0 : alpha == 0 ? -2 / c : -INFINITE;
}

FORMULA jet adaptive_robust(const real *in, const real *param, const int near)
{
    const real alpha = param[ALPHA], c = param[SCALE], s = param[SIDE], most = 0x1.fffffffffffffp1023;
    const pair one = as_pair(1), zero = as_pair(0), b = pair_at(param, B), ratio = pair_at(param, RATIO);

    pair r = two_diff(in[0], in[1]);
    real up = FULL && abs_(r.hi) < 0x1p-900 ? 0x1p100 : 1; /* subnormal residuals have no digits to lose */
    pair raised = pair_div_to_pair(scale_pair(r, up), as_pair(c)), a = scale_pair(raised, 1 / up), size = abs_pair(a);
    int infinite = size.hi > most;
    pair n = choose(size.hi > param[EDGE], as_pair(0x1p511), size), x = pair_mul(n, n);
    pair n_of_part = choose(size.hi > param[EDGE_OF_PART], as_pair(0x1p511), size);
    pair share = scale_pair(pair_div_to_pair(x, pair_at(param, DIVISOR)), param[LIVE]); /* x/b */
    int far = share.hi > 0x1p200, tiny = share.hi < (FULL ? 0x1p-30 : 0x1p-17); /* the next term counts no more */
    pair q = choose(far, zero, share), u = two_sum(1, q.hi);
    u.lo += q.lo;
    pair finite = choose(infinite, as_pair(most), size), ln = log_to_fine_pair(choose(far, finite, u));
    pair ln_far = pair_sub(scale_pair(ln, 2), pair_at(param, LOG_B)), ln_tiny = pair_sub(q, as_pair((real)0.5 * q.hi * q.hi));
    pair l = choose(far, ln_far, choose(tiny, ln_tiny, ln)), apart = pair_mul(pair_at(param, HALF), l);
    pair below = pair_mul(scale_pair(x, (real)0.5), pair_sub(one, scale_pair(q, (real)0.5)));
    pair w = near ? apart : choose(tiny, below, apart), sw = scale_pair(w, s);
    pair y = near ? pair_mul(as_pair((real)0.5 * alpha), l) : pair_mul(ratio, w);
    pair partly = pair_div_to_pair(pair_mul(n_of_part, n_of_part), u), part = choose(far, b, partly); /* x/(1 + x/b) */
    scaled_exp weight = power_of(sw), power = power_of(y);

    pair whole; /* the value */
    if (near) {
        pair product = pair_mul(part, power.m), less = pair_mul(b, expm1_to_pair(sw));
#if FULL
        product = (pair){ times_far_power_of_two(product.hi, power.k), times_far_power_of_two(product.lo, power.k) };
#endif
        whole = pair_div_to_pair(pair_add(product, less), as_pair(alpha));
    } else {
        int small = abs_(y.hi) <= 1, none = abs_(y.hi) < 0x1p-60;
        pair e = expm1_to_pair(y), by = choose(none, one, pair_div_to_pair(choose(none, one, e), choose(none, one, y)));
        pair divisor = choose(small, one, ratio), quotient = pair_div_to_pair(e, divisor), product = pair_mul(w, by);
        whole = choose(small, product, quotient);
#if FULL
        real large = times_far_power_of_two(pair_div_to_pair(power.m, divisor).hi, power.k);
        whole.hi = y.hi > 60 ? large : whole.hi;
#endif
    }
    pair far_bend = pair_add(one, scale_pair(b, s)), bent = pair_div_to_pair(pair_add(u, scale_pair(x, s * param[BENDS])), u);
    pair bend = choose(far, far_bend, bent);
    real slope = over_scale(raised, weight, c, 0) * (1 / up), curve = over_scale(bend, weight, c, 1);
    /* gradient over residual: a parabola above the loss touches it there; if alpha > 2 there is none, and the loss is convex */
    real upper = over_scale(choose(bend.hi > 1, bend, one), weight, c, 1);

    /* by alpha: l^2/2 times e^y |f(y) - f(l)|, of which e^y may be in `factor` */
    pair difference, rest = zero, rate = scale_pair(pair_mul(l, l), (real)0.5);
    scaled_exp factor = power;
    pair nearly = pair_div_to_pair(q, u), past = choose(far, one, nearly); /* 1 - e^-l */
    if (near) {
        int close = l.hi <= 1, none = w.hi < 0x1p-60;
        pair d = negative(sw), safe = choose(close, one, y), e = pair_div_to_pair(expm1_to_pair(d), choose(none, one, d));
        pair inverse = pair_div_to_pair(one, u), over = choose(far, zero, inverse), squared = pair_mul(l, l);
        pair sum =
            pair_add(pair_sub(pair_mul(y, l), pair_mul(past, pair_add(y, l))), pair_mul(pair_mul(squared, over), choose(none, one, e)));
        pair series = slope_between(choose(close, y, zero), choose(close, l, zero));
        pair explicit = pair_div_to_pair(sum, pair_mul(pair_mul(safe, safe), choose(close, one, squared)));
        difference = pair_mul(w, choose(close, series, explicit));
    } else {
        int ahead = l.hi > 2, above = y.hi > 2, under = y.hi < -2;
        pair nl = choose(ahead, one, l), ny = choose(above | under, one, y), sl = choose(ahead, l, one);
        pair sy = choose(above, y, choose(under, choose(y.hi < -1000, as_pair(-1000), y), one));
        pair fl = pair_div_to_pair(pair_sub(sl, past), pair_mul(sl, sl)), gl_far = pair_sub(as_pair((real)0.5), fl);
        pair gl_near = pair_mul(nl, rise(nl)), gl = choose(ahead, gl_far, gl_near), ey = exp_to_pair(negative(abs_pair(sy)));
        pair squared = pair_mul(sy, sy), fy = pair_div_to_pair(pair_add(pair_sub(sy, one), ey), squared);
        pair gy_far = pair_sub(as_pair((real)0.5), fy), gy_near = pair_mul(ny, rise(ny)), gy = choose(above, gy_far, gy_near);
        pair by_f = pair_sub(fy, fl), by_g = pair_sub(gl, gy), direct = abs_pair(choose(ahead & above, by_f, by_g)),
             left = pair_mul(ey, gl);
        pair gamma = pair_sub(one, pair_mul(ey, pair_add(pair_sub(one, sy), scale_pair(squared, (real)0.5)))); /* 1 - e^y (1 - y + y^2/2) */
        pair tail = pair_mul(gamma, pair_at(param, TAIL));
        difference = choose(under, left, direct);
        rest = choose(under, tail, zero);
        factor.m = choose(under, one, power.m);
        factor.k = under ? 0 : power.k;
    }
    real by_alpha = pair_add(pair_mul(pair_mul(rate, difference), factor.m), rest).hi;
    pair small_part = pair_mul(size, pair_div_to_pair(size, as_pair(c))),
         usual_part = pair_div_to_pair(pair_mul(part, power.m), as_pair(c));
    real by_scale = -choose(size.hi < 0x1p-400, small_part, usual_part).hi;
#if FULL
    by_alpha = times_far_power_of_two(by_alpha, factor.k);
    by_scale = times_far_power_of_two(by_scale, power.k);
#endif
    if (near) by_alpha += r.hi == 0 ? 0 : param[STEEP];
    real gradient = infinite ? copysign_(param[TO_SLOPE], a.hi) : slope, hessian = infinite ? param[TO_CURVE] : curve;
    real above_all = infinite ? param[TO_CURVE] : upper;
    return (jet){
        .value = infinite ? param[TO_VALUE] : whole.hi,
        .grad = { gradient, -gradient },
        .hess = { hessian, hessian },
        .upper = { above_all, above_all },
        .by = { infinite ? param[TO_ALPHA] : by_alpha, infinite ? param[TO_SCALE] : by_scale },
    };
}

KERNELS(variants, adaptive_robust)
