/*
 * Cross-entropy of a row of probabilities. The probabilities are taken as they are, unless normalize divides them by their sum
 * first; a class that is there and was given no chance costs infinitely much.
 */
#include "components.h"

enum { NORMALIZE = 1 };

LOSS(categorical_cross_entropy) = {
    .title = "Cross-entropy of probabilities",
    .aliases = "",
    .formula = "-sum over j of class_weight[j]*target[j]*log(prediction[j]), prediction divided by its sum if normalize",
    .input = { INPUT(prediction, KIND_PROBABILITY, DIFFERENTIABLE_INPUT, "probabilities, shape (..., classes)"), CLASS_INPUT,
               CLASS_WEIGHT_INPUT },
    .param = { INTEGERS_OR_NONE(ignore_index, "rows with this label are not there"),
               FLAG(normalize, 0, "divide each row by its sum first") },
    .claims = DIFFERENTIABLE | TWICE_DIFFERENTIABLE,
    .link = { .kind = LINK_IDENTITY },
    .constant = BEST_IS_MEAN,
    .matrix = WHOLE_MATRIX,
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 2, 2, 2 },
    .cite = "Good 1952, Rational decisions, J. R. Statist. Soc. B 14, 107-114",
};

FORMULA component surprise_component(double p, double t, double weight, pair surprise)
{
    const pair mass = pair_mul(as_pair(weight), as_pair(t)), ratio = pair_div_to_pair(mass, as_pair(p)), value = pair_mul(mass, surprise);
    const double bend = pair_div(ratio, as_pair(p));
    const int none = mass.hi == 0; /* 0 ln 0 = 0 */
    return (component){
        .value = choose(none, as_pair(0), value),
        .grad = none ? 0 : -ratio.hi,
        .hess = none ? 0 : bend,
        .target_grad = pair_mul(as_pair(weight), surprise).hi,
    };
}

FORMULA component plain_component(double p, double t, double weight, const row_unit *row)
{
    (void)row;
    return surprise_component(p, t, weight, negative(log_to_pair(as_pair(p))));
}

FORMULA component normalized_component(double p, double t, double weight, const row_unit *row)
{
    return surprise_component(p, t, weight, log_quotient(row->total, p));
}

static double categorical_cross_entropy(const row_unit *row)
{
    if (row->param[NORMALIZE] == 0) return sum_of_targets(row, plain_component);
    pair all = { 0, 0 }, present = { 0, 0 };
    for (int64_t j = 0; j < row->classes; j++) {
        const double t = row->t ? row->t[j] : j == row->label;
        add_to(&all, row->x[j]);
        add_pair_to(&present, pair_mul(as_pair(class_weight_of(row, j)), as_pair(t)));
    }
    row_unit whole = *row;
    whole.total = all;
    const double value = sum_of_targets(&whole, normalized_component), sum = close_sum(all), masses = close_sum(present);
    for (int64_t j = 0; j < row->classes; j++) {
        if (row->grad) row->grad[j] += masses / sum;
        if (row->hess && !row->upper) row->hess[j] -= masses / sum / sum;
        if (row->hess && row->upper && row->hess[j] == 0) row->hess[j] = masses / sum / sum; /* concave: as much, upwards */
        for (int64_t i = 0; row->matrix && !row->upper && i < j; i++) add_beside(row, i, j, -(masses / sum / sum));
    }
    return value;
}

KERNELS(components, categorical_cross_entropy)
