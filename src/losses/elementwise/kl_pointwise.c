/*
 * One term of a Kullback-Leibler divergence, from the logarithm of a probability: what PyTorch's kl_div computes per element. Summed over
 * a distribution it is the divergence; by itself a term may be negative.
 */
#define INSIDE_F64
#define MAY_UNDERFLOW WHERE_IT_STALLS
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
    .link = { .kind = LINK_LOG },
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 2, 2, 2 },
    .cite = "Kullback and Leibler 1951, doi:10.1214/aoms/1177729694",
};

#define VARIANTS 2
#define VARIANT(param) ((param)[LOG_TARGET] != 0)

FORMULA jet kl_pointwise(const real *x, const real *param, const int is_log)
{
    real p = x[PREDICTION], t = x[TARGET], nothing = zero_of(p);
    pair own = is_log ? as_pair(t) : log_to_pair(as_pair(t)), d = pair_sub(own, as_pair(p)), next = pair_add(d, as_pair(1));
    if (is_log) {
        real value = times_exp(d.hi, own, param), by_target = times_exp(next.hi, own, param),
             bend = times_exp(pair_add(next, as_pair(1)).hi, own, param);
        int never = t == -INFINITE; /* e^t is 0, whatever it is multiplied with */
        return (jet){
            .value = never ? nothing : value,
            .grad = { -exp_of(as_pair(t), param) + nothing, never ? nothing : by_target },
            .hess = { nothing, never ? nothing : bend },
            .upper = { 1, 1 },
        };
    }
    real value = times_ordinary(t, d.hi, param);
    return (jet){
        .value = t == 0 ? nothing : value,
        .grad = { -t + nothing, next.hi },
        .hess = { nothing, 1 / t + nothing },
        .upper = { 1, 1 },
    };
}

KERNELS(variants, kl_pointwise)
