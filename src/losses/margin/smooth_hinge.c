/*
 * The hinge with its corner rounded off by a parabola of width gamma: as indifferent to right scores, and with a slope that
 * has no jumps.
 */
#define INSIDE_F64
#define LEARNED 1
#define PREPARED 1
#include "margin.h"

enum { GAMMA = LABELS + 1, INVERSE = MAX_PARAMETERS };

LOSS(smooth_hinge) = {
    .title = "Smooth hinge",
    .aliases = "smoothed_l1_hinge",
    .formula = "0 if m >= 1 else (1 - m)^2/(2*gamma) if m >= 1 - gamma else 1 - gamma/2 - m",
    .input = { MARGIN_INPUTS },
    .param = { LABELS_PARAM, LEARNABLE_PARAM(gamma, 1.0, ABOVE(0), "width of the parabola between the line and 0") },
    .claims = CONVEX | NONNEGATIVE | DIFFERENTIABLE | LIPSCHITZ | CALIBRATED,
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 2, 1, 1 },
    .cite = "Rennie and Srebro 2005, Loss functions for preference levels",
};

FORMULA void prepare(real *param) { param[INVERSE] = 1 / param[GAMMA]; }

FORMULA margin_jet smooth_hinge(real m, const real *param)
{
    real gamma = param[GAMMA], nothing = zero_of(m);
    pair gap = carried(two_diff(1, m)), reach = carried(two_sum(m, gamma));
    int right = m >= 1, reached = (reach.hi > 1) | ((reach.hi == 1) & (reach.lo >= 0));
    int near = reached & (FULL | (m >= 1 - gamma)); /* m >= 1 - gamma, exactly: of floats one of the two is */
    int bent = near & !right;
    real share = FULL ? gap.hi / gamma : gap.hi * param[INVERSE], bend = param[INVERSE], far = (gap.hi - (real)0.5 * gamma) + gap.lo;
    real flattest = (real)0.5 / far; /* slope^2 / (2 value): of the parabolas that touch the line and stay above */
    real slope = near ? share : 1 + nothing, value = near ? share * ((real)0.5 * gap.hi + gap.lo) : far;
    pair part = FULL ? pair_div_to_pair(gap, as_pair(gamma)) : as_pair(share), half = scale_pair(part, (real)0.5);
    real grown = pair_mul(half, part).hi;
    return (margin_jet){
        .value = right ? 0 : value,
        .slope = right ? 0 : -slope,
        .bend = bent ? bend : nothing,
        .upper = right  ? 0
                 : near ? bend
                        : flattest,
        .by = { right  ? 0
                : near ? -grown
                       : nothing - (real)0.5 },
    };
}

KERNELS(margin, smooth_hinge)
