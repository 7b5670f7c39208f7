/*
 * Several labels may be right: each of them should score a margin of 1 above each that is not.
 */
#include "components.h"

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

/* By how much a score falls short of a margin of 1 above another. */
FORMULA double shortfall(double score, double other)
{
    const pair d = two_diff(other, score), over = two_sum(1, d.hi);
    return over.hi + (over.lo - over.lo == 0 ? over.lo + d.lo : 0);
}

static double multilabel_margin(const row_unit *row)
{
    const int64_t n = row->classes, room = whole_lanes(n);
    const double *x = row->x, *t = row->t;
    double *grad = row->grad ? row->grad : row->work, *hess = row->hess && row->upper ? row->hess : row->work + room;
    double nan = 0;
    pair value = { 0, 0 };
    memset(row->work, 0, 2 * (size_t)room * sizeof *row->work);
    for (int64_t i = 0; i < n; i++) {
        if (x[i] != x[i]) nan = x[i];
        if (t[i] == 0) continue;
        const double mine = x[i], here = t[i];
        lanes cost, taken;
        clear_lanes(&cost);
        clear_lanes(&taken);
        for (int64_t j = 0; j < room; j += LANES) {
            LANE_LOOP
            for (int l = 0; l < LANES; l++) {
                const int there = (j + l < n) & (j + l != i);
                const double costs = shortfall(mine, x[j + l]), both = here * (1 - t[j + l]);
                const int counts = there & (both != 0) & (costs > 0), strange = there & (both != 0) & (costs != costs);
                const double mass = counts ? both : 0, part = counts ? both * costs : 0;
                add_to_lane(&cost, l, strange ? costs : part); /* two infinities have no difference */
                add_to_lane(&taken, l, mass);
                grad[j + l] += mass;
                hess[j + l] += mass;
            }
        }
        add_pair_to(&value, fold_lanes(&cost));
        const double all = close_sum(fold_lanes(&taken));
        grad[i] -= all;
        hess[i] += all;
        for (int64_t j = 0; j < n && row->matrix && row->upper; j++)
            if (j != i && shortfall(mine, x[j]) > 0) add_beside(row, i, j, -(here * (1 - t[j]) / (double)n));
    }
    for (int64_t i = 0; i < n; i++) {
        grad[i] /= (double)n;
        hess[i] /= (double)n;
    }
    return nan != nan ? nan : close_sum(value) / (double)n;
}

KERNELS(components, multilabel_margin)
