/*
 * The hinge squared: no kink at the margin, and violations that grow cost ever more.
 */
#include "margin.h"

LOSS(squared_hinge) = {
    .title = "Squared hinge",
    .aliases = "l2_hinge",
    .formula = "max(1 - m, 0)^2",
    .input = { MARGIN_INPUTS },
    .param = { LABELS_PARAM },
    .claims = CONVEX | NONNEGATIVE | DIFFERENTIABLE | CALIBRATED,
    .ulp_f32 = { 2, 1, 0 },
    .ulp_f64 = { 2, 1, 0 },
    .cite = "Lee and Mangasarian 2001, doi:10.1023/A:1011215321374",
};

FORMULA margin_jet squared_hinge(real m, const real *param)
{
    (void)param;
    real gap = max_(1 - m, 0), bend = m < 1 ? 2 : 0;
    return (margin_jet){ .value = gap * gap, .slope = -2 * gap, .bend = bend, .upper = bend };
}

KERNELS(margin, squared_hinge)
