/*
 * Gamma likelihood with a logarithmic link: for positive targets whose spread grows with their size, such as claims and waiting times. Its
 * slope is the error as a share of the prediction.
 */
#define INSIDE_F64
#include "likelihood.h"

enum { PREDICTION, TARGET };
enum { FULL_VALUE };

LOSS(gamma_nll) = {
    .title = "Gamma negative log-likelihood",
    .aliases = "half_gamma",
    .formula = "p + t*exp(-p) - c where c = log(t) + 1 if full == true else 0",
    .input = { INPUT(prediction, KIND_REAL, DIFFERENTIABLE_INPUT, "logarithm of the mean"),
               INPUT(target, KIND_POSITIVE, DIFFERENTIABLE_INPUT, "above 0") },
    .param = { FLAG(full, 0, "take ln t + 1 off: half the deviance, 0 where the prediction is exact") },
    .claims = CONVEX | DIFFERENTIABLE | TWICE_DIFFERENTIABLE,
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 2, 2, 2 },
    .cite = "McCullagh and Nelder 1989, doi:10.1007/978-1-4899-3242-6",
};

FORMULA jet gamma_nll(const real *x, const real *param)
{
    real z = x[PREDICTION], t = x[TARGET], ratio = times_exp(t, (pair){ -z, 0 });
    real value = z > -INFINITE ? z + ratio : ratio, by_target = exp_(-z), bend = 0;
    if (param[FULL_VALUE] != 0) {
        pair log = log_to_pair((pair){ t, 0 }), e = two_diff(log.hi, z);
        e.lo += log.lo;
        if (!(e.lo - e.lo == 0)) e.lo = 0;
        value = exp_less_line(e);
        by_target -= 1 / t;
        bend = 1 / t / t;
    }
    return (jet){ .value = value, .grad = { 1 - ratio, by_target }, .hess = { ratio, bend }, .upper = { ratio, bend } };
}

KERNELS(pointwise, gamma_nll)
