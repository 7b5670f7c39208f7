/*
 * Poisson likelihood: for counts, whose variance is their mean. With a logarithmic link (the default) the prediction is any
 * number and the slope is what was expected minus what came.
 */
#define INSIDE_F64
#define MAY_UNDERFLOW WHERE_IT_STALLS
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
    .link = { .kind = LINK_LOG, .only_with = "log_input" },
    .constant = BEST_IS_MEAN,
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 2, 2, 2 },
    .cite = "McCullagh and Nelder 1989, doi:10.1007/978-1-4899-3242-6",
};

#define VARIANTS 4
#define VARIANT(param) (((param)[LOG_INPUT] != 0) + 2 * ((param)[FULL_VALUE] != 0))

FORMULA jet poisson_nll(const real *x, const real *param, const int variant)
{
    const int log_input = variant % 2, full = variant / 2;
    real p = x[PREDICTION], t = x[TARGET], nothing = zero_of(p);
    pair constant = as_pair(full ? lgamma1p_(t) : 0);
    int none = t == 0, finite = p < INFINITE;
    if (log_input) {
        /* Beyond 600 in thousandths: the mean may overflow where its difference from the target does not, and so may t p. */
        int far = FULL && p > 600;
        real unit = far ? 0x1p10 : 1, part = times_ordinary(t, far ? 0x1p-10 : 1, param);
        pair mean = exp_to_pair_over(as_pair(p), far ? 10 : 0, is_faint(param));
        /* a product that is nothing beside the mean */
        real few = held_above(p > -200 ? 0x1p-400 : 0, as_pair(part), param).hi,
             little = held_above(part < 0x1p200 ? 0x1p-400 : 0, as_pair(p), param).hi;
        pair share = choose(none, as_pair(nothing), pair_mul(as_pair(few), as_pair(little)));
        pair both = choose((mean.hi < INFINITE) & finite, pair_sub(mean, share), mean); /* e^p wins over t p */
        pair value = { times_ordinary(both.hi, unit, param), times_ordinary(both.lo, unit, param) };
        real bend = times_ordinary(mean.hi, unit, param);
        return (jet){
            .value = pair_add(value, constant).hi,
            .grad = { times_ordinary(mean.hi - part, unit, param) },
            .hess = { bend },
            .upper = { bend },
        };
    }
    pair mean = pair_add(as_pair(p), as_pair(param[EPS])), over = pair_sub(mean, as_pair(t));
    pair log = log_to_pair(mean), share = pair_mul(as_pair(t), log), rate = pair_div_to_pair(as_pair(t), mean);
    real beyond = mean.hi < 0 ? log.hi : nothing; /* a mean below 0 is NaN, as its logarithm is */
    share = choose(none, as_pair(beyond), share);
    real bend = pair_div(rate, mean), slope = pair_div(over, mean), expected = 1 / mean.hi;
    pair value = choose(finite, pair_sub(as_pair(p), share), as_pair(p));
    slope = mean.hi < INFINITE ? slope + beyond : 1 + nothing;
    bend = none ? nothing : bend;
    return (jet){
        .value = pair_add(value, constant).hi,
        .grad = { none ? 1 + beyond : slope },
        .hess = { bend },
        .upper = { max_(expected, bend) }, /* not below what is expected of it, so that a count of 0 has one */
    };
}

KERNELS(variants, poisson_nll)
