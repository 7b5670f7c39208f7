/*
 * Poisson likelihood: for counts, whose variance is their mean. With a logarithmic link (the default) the prediction is any
 * number and the slope is what was expected minus what came.
 */
#define INSIDE_F64
#include "likelihood.h"

enum { PREDICTION, TARGET };
enum { LOG_INPUT, EPS, FULL_VALUE };

LOSS(poisson_nll) = {
    .title = "Poisson negative log-likelihood",
    .aliases = "",
    .formula = "exp(p) - t*p + c if log_input == true else p - xlogy(t, p + eps) + c where c = lgamma(t + 1) if full == true else 0",
    .input = { INPUT(prediction, KIND_REAL, DIFFERENTIABLE_INPUT, "logarithm of the mean; the mean itself, not below 0, without log_input"),
               INPUT(target, KIND_POSITIVE, OR_ZERO, "count, not below 0") },
    .param = { FLAG(log_input, 1, "the prediction is a logarithm"),
               PARAM(eps, 0.0, AT_LEAST(0), "added to the mean before its logarithm is taken, without log_input"),
               FLAG(full, 0, "add ln t!") },
    .claims = CONVEX | DIFFERENTIABLE | TWICE_DIFFERENTIABLE,
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 2, 2, 2 },
    .cite = "McCullagh and Nelder 1989, doi:10.1007/978-1-4899-3242-6",
};

FORMULA jet poisson_nll(const real *x, const real *param)
{
    real p = x[PREDICTION], t = x[TARGET], constant = param[FULL_VALUE] != 0 ? lgamma1p_(t) : 0;
    if (param[LOG_INPUT] != 0) {
        pair mean = exp_to_pair(as_pair(p)), share = t == 0 ? as_pair(zero_of(p)) : pair_mul(as_pair(t), as_pair(p));
        pair both = mean.hi < INFINITE && p < INFINITE ? pair_sub(mean, share) : mean; /* e^p wins over t p */
        return (jet){
            .value = pair_add(both, as_pair(constant)).hi,
            .grad = { mean.hi - t },
            .hess = { mean.hi },
            .upper = { mean.hi },
        };
    }
    pair mean = two_sum(p, param[EPS]), over = pair_sub(mean, as_pair(t));
    if (!(mean.lo - mean.lo == 0)) mean.lo = over.lo = 0;
    pair share = t == 0 ? as_pair(mean.hi < 0 ? (real)__builtin_nanf("") : zero_of(p)) : pair_mul(as_pair(t), log_to_pair(mean));
    pair rate = t == 0 ? as_pair(zero_of(p)) : pair_div_to_pair(as_pair(t), mean);
    real bend = t == 0 ? zero_of(p) : pair_div(rate, mean);
    return (jet){
        .value = pair_add(p < INFINITE ? pair_sub(as_pair(p), share) : as_pair(p), as_pair(constant)).hi,
        .grad = { t == 0               ? 1 + zero_of(p)
                  : mean.hi < INFINITE ? pair_div(over, mean)
                                       : 1 },
        .hess = { bend },
        .upper = { max_(1 / mean.hi, bend) }, /* not below what is expected of it, so that a count of 0 has one */
    };
}

KERNELS(pointwise, poisson_nll)
