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
    .claims = NONNEGATIVE | DIFFERENTIABLE | TWICE_DIFFERENTIABLE,
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 4, 4, 4 },
    .cite = "Kaggle 2012, Root mean squared logarithmic error",
};

/* ln((1 + p)/(1 + t)): near 1 as ln(1 + (p - t)/(1 + t)), since a difference of logarithms would cancel. */
FORMULA real log_ratio(real p, real t)
{
    pair r = two_diff(p, t), base = two_sum(1, t);
    real x = r.hi / base.hi;
    pair back = two_product(x, base.hi);
    real lo = (((r.hi - back.hi) - back.lo) + (r.lo - x * base.lo)) / base.hi;
    int near = x > (real)-0.5 && x < 1;
    pair log = log1p_to_pair((pair){ near ? x : p, near ? (lo - lo == 0 ? lo : 0) : 0 });
    pair other = log1p_to_pair((pair){ t, 0 });
    real far = (log.hi - other.hi) + (log.lo - other.lo);
    return near ? log.hi : far;
}

FORMULA jet squared_log_error(const real *x, const real *param)
{
    (void)param;
    real p = x[PREDICTION], t = x[TARGET], d = log_ratio(p, t), u = 1 + p, v = 1 + t;
    real du = u < INFINITE ? d : zero_of(d), dv = v < INFINITE ? d : zero_of(d); /* d / u ends at 0 */
    return (jet){
        .value = d * d,
        .grad = { 2 * du / u, -2 * dv / v },
        .hess = { 2 * (1 - du) / u / u, 2 * (1 + dv) / v / v },
        .upper = { 2 / u / u, 2 / v / v }, /* Gauss-Newton: positive, the slope of d squared */
    };
}

KERNELS(pointwise, squared_log_error)
