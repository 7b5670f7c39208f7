/*
 * The true class should score a margin above the best of the others; only that one is looked at.
 */
#include "rows.h"

enum { IGNORE_INDEX, MARGIN };

LOSS(multiclass_hinge) = {
    .title = "Multiclass hinge (Crammer and Singer)",
    .aliases = "crammer_singer",
    .formula = "max(margin + max over j != target of prediction[j] - prediction[target], 0)",
    .input = { INPUT(prediction, KIND_REAL, DIFFERENTIABLE_INPUT, "scores, shape (..., classes)"), INDEX_INPUT },
    .param = { INTEGERS_OR_NONE(ignore_index, "rows with this label are not there"), PARAM(margin, 1, AT_LEAST(0), "by how much above") },
    .claims = CONVEX | NONNEGATIVE | LIPSCHITZ,
    .matrix = WHOLE_MATRIX,
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 1, 1, 1 },
    .cite = "Crammer and Singer 2001, JMLR 2, 265-292",
};

static double multiclass_hinge(const row_unit *row)
{
    int64_t best = -1;
    for (int64_t j = 0; j < row->classes; j++)
        if (j != row->label && (best < 0 || row->x[j] > row->x[best] || row->x[j] != row->x[j])) best = j;
    if (best < 0) return zero_of(row->x[row->label]);
    const pair d = two_diff(row->x[best], row->x[row->label]), over = two_sum(d.hi, row->param[MARGIN]);
    const double value = over.hi + (over.lo - over.lo == 0 ? over.lo + d.lo : 0);
    if (value > 0) {
        if (row->grad) row->grad[best] = 1, row->grad[row->label] = -1;
        if (row->hess && row->upper) row->hess[best] = row->hess[row->label] = 1;
        if (row->matrix && row->upper) add_beside(row, best, row->label, -1);
    }
    return value > 0 ? value : zero_of(value);
}

KERNELS(rows, multiclass_hinge)
