/*
 * Gamma likelihood with a logarithmic link: for positive targets whose spread grows with their size, such as claims and waiting times. Its
 * slope is the error as a share of the prediction.
 */
#define INSIDE_F64
#define MAY_UNDERFLOW EVERYWHERE
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
    .link = { .kind = LINK_LOG },
    .constant = BEST_IS_MEAN,
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 3, 1.5, 1.5 },
    .cite = "McCullagh and Nelder 1989, doi:10.1007/978-1-4899-3242-6",
};

#define VARIANTS 2
#define VARIANT(param) ((param)[FULL_VALUE] != 0)

FORMULA jet gamma_nll(const real *x, const real *param, const int full)
{
    real z = x[PREDICTION], t = x[TARGET], ratio = times_exp(t, as_pair(-z), param);
    real value = z > -INFINITE ? z + ratio : ratio, by_target = exp_of(as_pair(-z), param), bend = 0;
    if (full) {
        value = exp_less_line(pair_sub(log_to_pair(as_pair(t)), as_pair(z)));
        by_target -= 1 / t;
        bend = 1 / t / t;
    }
    return (jet){ .value = value, .grad = { 1 - ratio, by_target }, .hess = { ratio, bend }, .upper = { ratio, bend } };
}

KERNELS(variants, gamma_nll)
