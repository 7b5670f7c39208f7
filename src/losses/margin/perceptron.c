/*
 * A wrong score costs its size, a right one nothing, however barely right: Rosenblatt's rule. It wants no margin, so a
 * score of 0 for everything costs nothing either.
 */
#include "margin.h"

LOSS(perceptron) = {
    .title = "Perceptron",
    .aliases = "",
    .formula = "max(-m, 0)",
    .input = { MARGIN_INPUTS },
    .param = { LABELS_PARAM },
    .claims = CONVEX | NONNEGATIVE | LIPSCHITZ,
    .ulp_f32 = { 0, 0, 0 },
    .ulp_f64 = { 0, 0, 0 },
    .cite = "Rosenblatt 1958, doi:10.1037/h0042519",
};

FORMULA margin_jet perceptron(real m, const real *param)
{
    (void)param;
    real wrong = indicator(m < 0);
    return (margin_jet){ .value = m < 0 ? -m : zero_of(m), .slope = -wrong + zero_of(m), .bend = 0, .upper = wrong };
}

KERNELS(margin, perceptron)
