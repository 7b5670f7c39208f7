/*
 * Every class that comes nearer to the true one than the margin costs, not only the nearest.
 */
#include "rows.h"

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

static double multi_margin(const row_unit *row)
{
    const int64_t k = row->label;
    const double weight = class_weight_of(row, k), classes = row->param[SCALE] != 0 ? (double)row->classes : 1;
    const int square = row->param[POWER] == 2;
    pair value = { 0, 0 }, slope = { 0, 0 };
    double active = 0;
    for (int64_t j = 0; j < row->classes; j++) {
        if (j == k) continue;
        const pair d = two_diff(row->x[j], row->x[k]), sum = two_sum(d.hi, row->param[MARGIN]);
        const pair over = fast_two_sum(sum.hi, sum.lo - sum.lo == 0 ? sum.lo + d.lo : 0);
        if (!(over.hi > 0)) {
            if (over.hi != over.hi) value = over;
            continue;
        }
        const pair squared = two_product(over.hi, over.hi);
        add_to(&value, square ? squared.hi : over.hi);
        value.lo += square ? squared.lo + 2 * over.hi * over.lo : over.lo;
        const double g = square ? 2 * over.hi : 1;
        add_to(&slope, g);
        active++;
        if (row->grad) row->grad[j] = weight * g / classes;
        const double bend = square ? 2 * weight / classes : row->upper ? weight / classes : 0;
        if (row->hess) row->hess[j] = bend;
        if (row->matrix) add_beside(row, j, k, -bend);
    }
    if (row->grad && active > 0) row->grad[k] = -weight * close_sum(slope) / classes;
    if (row->hess && active > 0) row->hess[k] = (square ? 2 * active : row->upper ? active : 0) * weight / classes;
    return weight * close_sum(value) / classes;
}

KERNELS(rows, multi_margin)
