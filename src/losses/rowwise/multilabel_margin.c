/*
 * Several labels may be right: each of them should score a margin of 1 above each that is not.
 */
#include "rows.h"

LOSS(multilabel_margin) = {
    .title = "Multilabel margin loss",
    .aliases = "",
    .formula = "sum over i, j of target[i]*(1 - target[j])*max(1 - prediction[i] + prediction[j], 0)/classes",
    .input = { INPUT(prediction, KIND_REAL, DIFFERENTIABLE_INPUT, "scores, shape (..., classes)"),
               INPUT(target, KIND_PROBABILITY, 0, "1 for every label that is right, else 0; shape (..., classes)") },
    .claims = CONVEX | NONNEGATIVE,
    .matrix = WHOLE_MATRIX,
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 1, 3, 1 },
    .cite = "Crammer and Singer 2003, JMLR 3, 1025-1058",
};

static double multilabel_margin(const row_unit *row)
{
    const int64_t n = row->classes;
    pair value = { 0, 0 };
    for (int64_t i = 0; i < n; i++) {
        if (row->x[i] != row->x[i]) return row->x[i];
        for (int64_t j = 0; j < n; j++) {
            const double mass = row->t[i] * (1 - row->t[j]);
            if (i == j || mass == 0) continue;
            const pair d = two_diff(row->x[j], row->x[i]), over = two_sum(1, d.hi);
            const double cost = over.hi + (over.lo + d.lo);
            if (!(cost > 0)) continue;
            add_to(&value, mass * cost);
            if (row->grad) row->grad[i] -= mass, row->grad[j] += mass;
            if (row->hess && row->upper) row->hess[i] += mass, row->hess[j] += mass;
            if (row->matrix && row->upper) add_beside(row, i, j, -(mass / (double)n));
        }
    }
    for (int64_t i = 0; i < n; i++) {
        if (row->grad) row->grad[i] /= (double)n;
        if (row->hess) row->hess[i] /= (double)n;
    }
    return close_sum(value) / (double)n;
}

KERNELS(rows, multilabel_margin)
