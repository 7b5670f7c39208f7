/*
 * The loss that AdaBoost descends: a wrong score costs exponentially in how wrong it is, so mislabelled examples end up
 * ruling.
 */
#include "loss.h" /* in a build without a build system it says what is stored */
#include "real.h"

#if REAL_BITS == 32
#define FAR_FROM 60.0F
#else
#define MAY_UNDERFLOW WHERE_IT_STALLS
#endif
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
    .ulp_f32 = { 1.5, 1.5, 1.5 },
    .ulp_f64 = { 1, 1, 1 },
    .cite = "Freund and Schapire 1997, doi:10.1006/jcss.1997.1504",
};

FORMULA jet exponential(const real *x, const real *param)
{
    real y = label_of(x, param), minus = signed_by(-y, x[0]);
#if REAL_BITS == 64
    real value = exp_of(as_pair(minus), param), slope = times_ordinary(value, -y, param);
#else
    minus = minus < -350 ? -350 : minus > 350 ? 350 : abs_(minus) < 0x1p-40F ? 0 : minus; /* no subnormal number is multiplied */
    scaled_float e = exp_parts_float(minus);
    /* within FAR_FROM an ordinary float; beyond, a double with an exponent that no float has */
    double value = param[FAR] != 0 ? (double)e.m * wide_power_float(e.k) : e.m * power_float(e.k);
    double slope = param[FAR] != 0 ? -y * value : -y * (float)value;
#endif
    return (jet){ .value = value, .grad = { slope, 0 }, .hess = { value, 0 }, .upper = { value, 0 } };
}

KERNELS(pointwise, exponential)
