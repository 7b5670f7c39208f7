/*
 * Tweedie likelihood with a logarithmic link, between Poisson (power 1) and gamma (power 2): for sums of a random number of random
 * amounts, exactly 0 for many and far out for a few.
 */
#define INSIDE_F64
#define MAY_UNDERFLOW EVERYWHERE
#include "likelihood.h"

enum { PREDICTION, TARGET };
enum { POWER };

LOSS(tweedie) = {
    .title = "Tweedie negative log-likelihood",
    .aliases = "",
    .formula = "t*exp((1 - power)*p)/(power - 1) + exp((2 - power)*p)/(2 - power)",
    .input = { INPUT(prediction, KIND_REAL, DIFFERENTIABLE_INPUT, "logarithm of the mean"),
               INPUT(target, KIND_POSITIVE, DIFFERENTIABLE_INPUT | OR_ZERO, "not below 0") },
    .param = { PARAM(power, 1.5, BETWEEN(1, 2), "variance is the mean to this power") },
    .claims = CONVEX | NONNEGATIVE | DIFFERENTIABLE | TWICE_DIFFERENTIABLE,
    .link = { .kind = LINK_LOG },
    .constant = BEST_IS_MEAN,
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 1.5, 1.5, 1.5 },
    .cite = "Jorgensen 1987, doi:10.1111/j.2517-6161.1987.tb01685.x",
};

FORMULA jet tweedie(const real *x, const real *param)
{
    real z = x[PREDICTION], t = x[TARGET], a = param[POWER] - 1, b = 2 - param[POWER]; /* both exact */
    real held = held_above(0x1p-300, as_pair(z), param).hi; /* whose exponentials are 1 */
    pair fall = pair_mul(as_pair(-a), as_pair(held)), rise = pair_mul(as_pair(b), as_pair(held));
    real share = times_exp(t, fall, param), grown = exp_of(rise, param);
    real some = held_above(a > 0x1p-60 && grown > 0x1p-800 ? 0x1p-1000 : 0, as_pair(share), param).hi; /* less is nothing beside `grown` */
    real bend =
        scaled_times_exp(1, b, rise, param) + scaled_times_exp(a, t, fall, param); /* finite where the terms without a and b are not */
    return (jet){
        .value = some / a + grown / b,
        .grad = { grown - share, exp_of(fall, param) / a },
        .hess = { bend, 0 },
        .upper = { bend, 1 },
    };
}

KERNELS(pointwise, tweedie)
