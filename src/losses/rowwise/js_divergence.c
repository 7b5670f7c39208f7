/*
 * How far two distributions are from their mixture: symmetric at equal shares, and never more than ln 2.
 */
#include "components.h"

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

/* (1 + x) ln(1 + x) - x for x >= -1, never negative, given the logarithm; its series near 0, where the difference would cancel. */
FORMULA double surplus(pair x, pair log)
{
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
    const pair one = two_sum(1, x.hi), product = pair_mul((pair){ one.hi, one.lo + x.lo }, log);
    const double near = x.hi * x.hi * p, far = pair_add(product, (pair){ -x.hi, -x.lo }).hi, apart = x.hi == -1 ? 1 : far;
    return ((x.hi < 0x1p-5) & (x.hi > -0x1p-5)) ? near : apart;
}

FORMULA component js_component(double p, double t, double weight, const row_unit *row)
{
    (void)weight;
    const double mix = row->param[MIX], rest = 1 - mix;
    const pair a = two_product(mix, t), b = two_product(rest, p), m = pair_add(a, b), d = two_diff(t, p);
    const pair up = pair_div_to_pair(pair_mul(d, as_pair(rest)), m),
               down = pair_div_to_pair(pair_mul(d, as_pair(-mix)), m); /* t/m - 1, p/m - 1 */
    const pair log_up = log1p_to_pair(up), log_down = log1p_to_pair(down);
    const pair value = two_sum(m.hi * (mix * surplus(up, log_up)), m.hi * (rest * surplus(down, log_down)));
    const double grad = rest * log_down.hi, target_grad = mix * log_up.hi;
    const double hess = rest * (mix * t / m.hi) / p, target_hess = mix * (rest * p / m.hi) / t;
    const int none = m.hi == 0; /* nothing here, nothing predicted */
    return (component){
        .value = choose(none, as_pair(0), value),
        .grad = none ? 0 : grad,
        .hess = none ? 0 : hess,
        .target_grad = none ? 0 : target_grad,
        .target_hess = none ? 0 : target_hess,
    };
}

static double js_divergence(const row_unit *row) { return sum_of_components(row, js_component); }

KERNELS(components, js_divergence)
