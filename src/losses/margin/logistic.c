/*
 * Cross-entropy of a score and a label of -1 or +1: the smooth hinge that never says "enough". Its slope is the probability
 * still given to the wrong side.
 */
#define INSIDE_F64
#define MAY_UNDERFLOW WHERE_IT_STALLS
#define LEARNED 1
#include "margin.h"
#include "likelihood.h"

enum { KAPPA = LABELS + 1 };

LOSS(logistic) = {
    .title = "Logistic",
    .aliases = "soft_margin logit_margin",
    .formula = "softplus(-kappa*m)",
    .input = { MARGIN_INPUTS },
    .param = { LABELS_PARAM, LEARNABLE_PARAM(kappa, 1.0, ABOVE(0), "steepness: what one unit of score is worth") },
    .claims = CONVEX | NONNEGATIVE | DIFFERENTIABLE | TWICE_DIFFERENTIABLE | LIPSCHITZ | CALIBRATED,
    .link = { .kind = LINK_LOGIT, .factor = "kappa" },
    .constant = BEST_IS_MEAN,
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 2, 2.5, 3.5 },
    .cite = "Friedman, Hastie and Tibshirani 2000, doi:10.1214/aos/1016218223",
};

FORMULA margin_jet logistic(real m, const real *param)
{
    real kappa = param[KAPPA];
    pair x = two_product(-kappa, held_above(kappa < 0x1p400 ? 0x1p-1000 : 0, as_pair(m), param).hi);
    if (!(x.lo - x.lo == 0)) x.lo = 0; /* where the product overflows it has no remainder */
    sigmoid_parts s = sigmoid_parts_at(x, param);
    real bend = times_ordinary(times_ordinary(s.pq, kappa, param), kappa, param);
    real tail = times_exp(m, x, param), middle = m * s.p, by = x.hi < -40 ? tail : middle; /* there p is e^x, and may be subnormal */
    return (margin_jet){
        .value = s.softplus, .slope = times_ordinary(s.p, -kappa, param), .bend = bend, .upper = bend, .by = { x.hi == -INFINITE ? 0 : -by }
    };
}

KERNELS(margin, logistic)
