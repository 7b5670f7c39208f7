/*
 * The loss that AdaBoost descends: a wrong score costs exponentially in how wrong it is, so mislabelled examples end up
 * ruling.
 */
#define INSIDE_F64
#include "margin.h"

LOSS(exponential) = {
    .title = "Exponential",
    .aliases = "adaboost",
    .formula = "exp(-m)",
    .input = { MARGIN_INPUTS },
    .param = { LABELS_PARAM },
    .claims = CONVEX | NONNEGATIVE | DIFFERENTIABLE | TWICE_DIFFERENTIABLE | CALIBRATED,
    .link = { .kind = LINK_HALF_LOGIT },
    .constant = BEST_IS_MEAN,
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 1, 1, 1 },
    .cite = "Freund and Schapire 1997, doi:10.1006/jcss.1997.1504",
};

FORMULA margin_jet exponential(real m, const real *param)
{
    (void)param;
    real e = exp_(-m);
    return (margin_jet){ .value = e, .slope = -e, .bend = e, .upper = e };
}

KERNELS(margin, exponential)
