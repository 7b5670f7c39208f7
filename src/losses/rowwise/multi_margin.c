/*
 * Every class that comes nearer to the true one than the margin costs, not only the nearest.
 */
#include "components.h"

enum { IGNORE_INDEX, MARGIN, POWER, SCALE };

LOSS(multi_margin) = {
    .title = "Multi-margin loss (Weston and Watkins)",
    .aliases = "weston_watkins",
    .formula = "class_weight[target]*sum over j != target of max(margin - prediction[target] + prediction[j], 0)^power; divided by the "
               "classes if scale",
    .input = { INPUT(prediction, KIND_REAL, DIFFERENTIABLE_INPUT, "scores, shape (..., classes)"), INDEX_INPUT, CLASS_WEIGHT_INPUT },
    .param = { INTEGERS_OR_NONE(ignore_index, "rows with this label are not there"), PARAM(margin, 1, AT_LEAST(0), "by how much above"),
               PARAM(power, 1, WITHIN_INTEGERS(1, 2), "1, or 2 for squares"),
               CHOICE(scale, 0, "sum classes", "sum, or divided by the number of classes") },
    .claims = CONVEX | NONNEGATIVE,
    .matrix = WHOLE_MATRIX,
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 1, 2, 1 },
    .cite = "Weston and Watkins 1999, ESANN 219-224",
};

FORMULA double sum_of_margins(const row_unit *row, const int square)
{
    const int64_t k = row->label, n = row->classes, room = whole_lanes(n);
    const double *x = row->x, weight = class_weight_of(row, k), margin = row->param[MARGIN], mine = x[k];
    const double classes = row->param[SCALE] != 0 ? (double)n : 1;
    const double bend = (square ? 2 : row->upper ? 1 : 0) * weight / classes;
    double *grad = row->grad ? row->grad : row->work, *hess = row->hess ? row->hess : row->work + room;
    lanes value, slope, active;
    clear_lanes(&value);
    clear_lanes(&slope);
    clear_lanes(&active);
    for (int64_t j = 0; j < room; j += LANES) {
        LANE_LOOP
        for (int l = 0; l < LANES; l++) {
            const int there = (j + l < n) & (j + l != k);
            const pair d = two_diff(x[j + l], mine), sum = two_sum(d.hi, margin);
            const pair over = fast_two_sum(sum.hi, sum.lo - sum.lo == 0 ? sum.lo + d.lo : 0), squared = two_product(over.hi, over.hi);
            const int costs = there & (over.hi > 0), strange = there & (over.hi != over.hi);
            const pair cost = square ? (pair){ squared.hi, squared.lo + 2 * over.hi * over.lo } : over;
            const double g = square ? 2 * over.hi : 1;
            add_pair_to_lane(&value, l, choose(costs, cost, as_pair(strange ? over.hi : 0)));
            add_to_lane(&slope, l, costs ? g : 0);
            add_to_lane(&active, l, costs);
            grad[j + l] = costs ? weight * g / classes : 0;
            hess[j + l] = costs ? bend : 0;
        }
    }
    for (int64_t j = 0; j < n && row->matrix; j++)
        if (j != k) add_beside(row, j, k, -hess[j]);
    const double many = close_sum(fold_lanes(&active));
    if (many > 0) {
        grad[k] = -weight * close_sum(fold_lanes(&slope)) / classes;
        hess[k] = many * (square ? 2 : row->upper ? 1 : 0) * weight / classes;
    }
    return weight * close_sum(fold_lanes(&value)) / classes;
}

static double multi_margin(const row_unit *row) { return row->param[POWER] == 2 ? sum_of_margins(row, 1) : sum_of_margins(row, 0); }

KERNELS(components, multi_margin)
