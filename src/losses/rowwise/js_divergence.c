/*
 * How far two distributions are from their mixture: symmetric at equal shares, and never more than ln 2.
 */
#include "rows.h"

enum { MIX };

LOSS(js_divergence) = {
    .title = "Jensen-Shannon divergence",
    .aliases = "jensen_shannon",
    .formula = "sum over j of mix*target[j]*log(target[j]/m[j]) + (1 - mix)*prediction[j]*log(prediction[j]/m[j]), m = mix*target + (1 - "
               "mix)*prediction",
    .input = { INPUT(prediction, KIND_PROBABILITY, DIFFERENTIABLE_INPUT, "probabilities, shape (..., classes)"),
               INPUT(target, KIND_PROBABILITY, DIFFERENTIABLE_INPUT, "probabilities, shape (..., classes)") },
    .param = { PARAM(mix, 0.5, BETWEEN(0, 1), "the target's share of the mixture") },
    .claims = CONVEX | NONNEGATIVE | BOUNDED,
    .link = { .kind = LINK_IDENTITY },
    .matrix = DIAGONAL_MATRIX,
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 1, 2, 2 },
    .cite = "Lin 1991, doi:10.1109/18.61115",
};

/* (1 + x) ln(1 + x) - x for x >= -1, never negative; its series near 0, where the difference would cancel. */
static double surplus(pair x)
{
    if (x.hi == -1) return 1;
    if (x.hi < 0x1p-5 && x.hi > -0x1p-5) {
        double p = 1.0 / 132;
        p = 1.0 / 110 - p * x.hi;
        p = 1.0 / 90 - p * x.hi;
        p = 1.0 / 72 - p * x.hi;
        p = 1.0 / 56 - p * x.hi;
        p = 1.0 / 42 - p * x.hi;
        p = 1.0 / 30 - p * x.hi;
        p = 1.0 / 20 - p * x.hi;
        p = 1.0 / 12 - p * x.hi;
        p = 1.0 / 6 - p * x.hi;
        p = 0.5 - p * x.hi;
        return x.hi * x.hi * p;
    }
    const pair log = log1p_to_pair(x), one = two_sum(1, x.hi), product = pair_mul((pair){ one.hi, one.lo + x.lo }, log);
    return pair_add(product, (pair){ -x.hi, -x.lo }).hi;
}

/* mix ln(t/m): by one's own probability, for a share of 1 - mix or mix */
static double own_slope(double share, pair x) { return share * log1p_to_pair(x).hi; }

static double js_divergence(const row_unit *row)
{
    const double mix = row->param[MIX], rest = 1 - mix;
    pair value = { 0, 0 };
    for (int64_t j = 0; j < row->classes; j++) {
        const double p = row->x[j], t = row->t[j];
        const pair a = two_product(mix, t), b = two_product(rest, p), m = pair_add(a, b);
        if (m.hi == 0) continue; /* nothing here, nothing predicted */
        const pair d = two_diff(t, p), up = pair_div_to_pair(pair_mul(d, (pair){ rest, 0 }), m); /* t/m - 1 */
        const pair down = pair_div_to_pair(pair_mul(d, (pair){ -mix, 0 }), m); /* p/m - 1 */
        add_to(&value, m.hi * (mix * surplus(up)));
        add_to(&value, m.hi * (rest * surplus(down)));
        if (row->grad) row->grad[j] = own_slope(rest, down);
        if (row->hess) row->hess[j] = rest * (mix * t / m.hi) / p;
        if (row->target_grad) row->target_grad[j] = own_slope(mix, up);
        if (row->target_hess) row->target_hess[j] = mix * (rest * p / m.hi) / t;
    }
    return close_sum(value);
}

KERNELS(rows, js_divergence)
