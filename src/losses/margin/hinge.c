/*
 * Nothing to pay beyond the margin, a straight line before it: only the examples that are wrong or nearly so pull, and those
 * are the support vectors.
 */
#include "margin.h"

LOSS(hinge) = {
    .title = "Hinge",
    .aliases = "l1_hinge",
    .formula = "max(1 - m, 0)",
    .input = { MARGIN_INPUTS },
    .param = { LABELS_PARAM },
    .claims = CONVEX | NONNEGATIVE | LIPSCHITZ | CALIBRATED,
    .ulp_f32 = { 1, 0, 0 },
    .ulp_f64 = { 1, 0, 0 },
    .cite = "Cortes and Vapnik 1995, doi:10.1007/BF00994018",
};

FORMULA margin_jet hinge(real m, const real *param)
{
    (void)param;
    real gap = 1 - m, inside = indicator(m < 1);
    return (margin_jet){ .value = gap > 0 ? gap : zero_of(m), .slope = -inside + zero_of(m), .bend = 0, .upper = inside };
}

KERNELS(margin, hinge)
