/*
 * Squared error of ln(1 + x): what counts is the ratio, so an error of 10 in 100 and of 100 in 1000 weigh about the same, and
 * predicting too little costs more than predicting too much.
 */
#define INSIDE_F64
#include "pointwise.h"

enum { PREDICTION, TARGET };

LOSS(squared_log_error) = {
    .title = "Squared logarithmic error",
    .aliases = "msle",
    .formula = "(log1p(p) - log1p(t))^2",
    .input = { INPUT(prediction, KIND_REAL, DIFFERENTIABLE_INPUT, "above -1"), INPUT(target, KIND_REAL, DIFFERENTIABLE_INPUT, "above -1") },
    .one_minimum = 1, /* the slopes at one prediction share the factor 1/(1 + p), and the rest of them grows */
    .claims = NONNEGATIVE | DIFFERENTIABLE | TWICE_DIFFERENTIABLE,
    .link = { .kind = LINK_IDENTITY },
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 1, 1.5, 1 },
    .cite = "Kaggle 2012, Root mean squared logarithmic error",
};

/* ln(u/v) of u = 1 + p, v = 1 + t, r = p - t: near 1 as ln(1 + r/v), since there a quotient has lost what matters. */
FORMULA pair log_ratio(pair r, pair u, pair v)
{
    pair x = pair_div_to_pair(r, v), sum = two_sum(1, x.hi);
    real down_u = u.hi > 0x1p500 ? 0x1p-600 : 1, down_v = v.hi > 0x1p500 ? 0x1p-600 : 1; /* so that the quotient stays a number */
    real k = (u.hi > 0x1p500 ? 600 : 0) - (v.hi > 0x1p500 ? 600 : 0);
    pair quotient = pair_div_to_pair(scale_pair(u, down_u), scale_pair(v, down_v));
    pair log = log_to_pair(choose(x.hi > (real)-0.5 && x.hi < 1, (pair){ sum.hi, sum.lo + x.lo }, quotient));
    pair tiny = { x.hi, x.lo - (real)0.5 * x.hi * x.hi };
    return choose(abs_(x.hi) < 0x1p-30, tiny, pair_add(log, (pair){ k * LN2_HI, k * LN2_LO }));
}

FORMULA jet squared_log_error(const real *x, const real *param)
{
    (void)param;
    real p = x[PREDICTION], t = x[TARGET];
    pair one = as_pair(1), u = two_sum(1, p), v = two_sum(1, t), d = log_ratio(two_diff(p, t), u, v);
    pair du = choose(u.hi < INFINITE, d, as_pair(zero_of(d.hi))),
         dv = choose(v.hi < INFINITE, d, as_pair(zero_of(d.hi))); /* d / u ends at 0 */
    pair iu = pair_div_to_pair(as_pair(2), u), iv = pair_div_to_pair(as_pair(2), v);
    return (jet){
        .value = pair_mul(d, d).hi,
        .grad = { pair_mul(du, iu).hi, -pair_mul(dv, iv).hi },
        .hess = { pair_div(pair_mul(pair_sub(one, du), iu), u), pair_div(pair_mul(pair_add(one, dv), iv), v) },
        .upper = { pair_div(iu, u), pair_div(iv, v) }, /* Gauss-Newton: positive, the slope of d squared */
    };
}

KERNELS(pointwise, squared_log_error)
