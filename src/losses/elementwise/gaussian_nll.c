/*
 * Gaussian likelihood with its own variance: a squared error that may say how sure it is. Where the targets scatter, a larger variance
 * costs its logarithm and forgives the rest.
 */
#define INSIDE_F64
#define INPUTS 3
#include "pointwise.h"

enum { PREDICTION, TARGET, VARIANCE };
enum { EPS, FULL_VALUE };

LOSS(gaussian_nll) = {
    .title = "Gaussian negative log-likelihood",
    .aliases = "",
    .formula = "(log(v) + r^2/v)/2 + c where v = floored(variance, eps), c = log(2*pi)/2 if full == true else 0",
    .input = { INPUT(prediction, KIND_REAL, DIFFERENTIABLE_INPUT, "any real number"),
               INPUT(target, KIND_REAL, DIFFERENTIABLE_INPUT, "any real number"),
               INPUT(variance, KIND_POSITIVE, DIFFERENTIABLE_INPUT | OR_ZERO, "predicted variance, not below 0") },
    .param = { PARAM(eps, 0.0, AT_LEAST(0), "floor of the variance; the gradient is the one at the floor, not 0"),
               FLAG(full, 0, "add ln(2 pi)/2") },
    .claims = CONVEX | EVEN | DIFFERENTIABLE | TWICE_DIFFERENTIABLE,
    .link = { .kind = LINK_IDENTITY },
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 2, 2, 2 },
    .cite = "Nix and Weigend 1994, doi:10.1109/ICNN.1994.374138",
};

FORMULA jet gaussian_nll(const real *x, const real *param)
{
    real v = max_(x[VARIANCE], param[EPS]);
    pair r = two_diff(x[PREDICTION], x[TARGET]), log = log_to_pair((pair){ v, 0 });
    pair share = r.hi == 0 ? (pair){ 0, 0 } : pair_div_to_pair(r, (pair){ v, 0 }); /* never r^2, which overflows where r^2/v does not */
    pair z = two_product(r.hi, share.hi);
    z.lo += r.hi * share.lo + r.lo * share.hi;
    if (!(z.lo - z.lo == 0)) z.lo = 0;
    pair sum = two_sum(log.hi, z.hi);
    real lo = sum.lo + (log.lo + z.lo);
    real both = z.hi < INFINITE ? sum.hi + (lo - lo == 0 ? lo : 0) : z.hi; /* r^2/v wins over ln v */
    /* 1 - z and z - 1/2 pass 0, but all that stands in them is exact, so the remainder of z keeps them right there */
    real slope = (real)0.5 * ((1 - z.hi) - z.lo) / v, bend = ((z.hi - (real)0.5) + z.lo) / v / v, inverse = 1 / v;
    return (jet){
        .value = (real)0.5 * both + (param[FULL_VALUE] != 0 ? (real)0x1.d67f1c864beb5p-1 : 0), /* ln(2 pi)/2 */
        .grad = { share.hi, -share.hi, slope },
        .hess = { inverse, inverse, bend },
        .upper = { inverse, inverse, (real)0.5 / v / v }, /* by the variance what is expected of it: positive everywhere */
    };
}

KERNELS(pointwise, gaussian_nll)
