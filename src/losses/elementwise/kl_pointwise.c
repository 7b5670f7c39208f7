/*
 * One term of a Kullback-Leibler divergence, from the logarithm of a probability: what PyTorch's kl_div computes per element. Summed over
 * a distribution it is the divergence; by itself a term may be negative.
 */
#define INSIDE_F64
#include "likelihood.h"

enum { PREDICTION, TARGET };
enum { LOG_TARGET };

LOSS(kl_pointwise) = {
    .title = "Kullback-Leibler divergence, one term",
    .aliases = "",
    .formula = "exp(t)*(t - p) if log_target == true else xlogy(t, t) - t*p",
    .input = { INPUT(prediction, KIND_REAL, DIFFERENTIABLE_INPUT, "logarithm of a probability"),
               INPUT(target, KIND_REAL, DIFFERENTIABLE_INPUT, "probability; its logarithm with log_target; below 0 gives NaN") },
    .param = { FLAG(log_target, 0, "the target is a logarithm too") },
    .claims = CONVEX | DIFFERENTIABLE | TWICE_DIFFERENTIABLE,
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 2, 2, 2 },
    .cite = "Kullback and Leibler 1951, doi:10.1214/aoms/1177729694",
};

FORMULA jet kl_pointwise(const real *x, const real *param)
{
    int is_log = param[LOG_TARGET] != 0;
    real p = x[PREDICTION], t = x[TARGET];
    pair log = is_log ? (pair){ t, 0 } : log_to_pair((pair){ t, 0 }), d = two_diff(log.hi, p), next = two_sum(d.hi, 1);
    real lo = d.lo + log.lo;
    if (!(lo - lo == 0)) lo = 0;
    real difference = d.hi + lo, by_target = next.hi + (next.lo - next.lo == 0 ? next.lo + lo : 0);
    if (is_log) {
        pair power = { t, 0 };
        int never = t == -INFINITE; /* e^t is 0, whatever it is multiplied with */
        return (jet){
            .value = never ? zero_of(p) : times_exp(difference, power),
            .grad = { -exp_(t) + zero_of(p), never ? zero_of(p) : times_exp(by_target, power) },
            .hess = { zero_of(p), never ? zero_of(p) : times_exp(by_target + 1, power) },
            .upper = { 1, 1 },
        };
    }
    return (jet){
        .value = t == 0 ? zero_of(p) : t * difference,
        .grad = { -t + zero_of(p), by_target },
        .hess = { zero_of(p), 1 / t + zero_of(p) },
        .upper = { 1, 1 },
    };
}

KERNELS(pointwise, kl_pointwise)
