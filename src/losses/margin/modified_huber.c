/*
 * The squared hinge, but a straight line for scores that are wrong by more than 1: mislabelled examples pull with a force
 * of 4 and no more.
 */
#include "margin.h"

LOSS(modified_huber) = {
    .title = "Modified Huber",
    .aliases = "",
    .formula = "max(1 - m, 0)^2 if m >= -1 else -4*m",
    .input = { MARGIN_INPUTS },
    .param = { LABELS_PARAM },
    .claims = CONVEX | NONNEGATIVE | DIFFERENTIABLE | LIPSCHITZ | CALIBRATED,
    .ulp_f32 = { 2, 1, 0 },
    .ulp_f64 = { 2, 1, 0 },
    .cite = "Zhang 2004, doi:10.1145/1015330.1015332",
};

FORMULA margin_jet modified_huber(real m, const real *param)
{
    (void)param;
    real gap = max_(1 - m, 0);
    real held = unless_below((real)0x1p-100, m); /* no subnormal number is multiplied */
    int line = m < -1, right = m >= 1;
    return (margin_jet){
        .value = line ? -4 * held : gap * gap,
        .slope = line ? -4 : -2 * gap,
        .bend = line || right ? 0 : 2 + zero_of(m),
        .upper = line    ? -2 / held
                 : right ? 0
                         : 2, /* on the line slope^2 / (2 value): the flattest parabola that touches it and stays above */
    };
}

KERNELS(margin, modified_huber)
