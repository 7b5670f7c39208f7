/*
 * Two scores and which of them should be higher: nothing to pay where it is, by the margin; else a straight line. Only pairs in the
 * wrong order, or too close, pull.
 */
#define INPUTS 3
#define LEARNED 1
#include "margin.h"

enum { FIRST, SECOND, TARGET };
enum { MARGIN = LABELS + 1 };

LOSS(margin_ranking) = {
    .title = "Margin ranking",
    .aliases = "",
    .formula = "max(margin - y*(first - second), 0)",
    .input = { INPUT(first, KIND_REAL, DIFFERENTIABLE_INPUT, "a score"), INPUT(second, KIND_REAL, DIFFERENTIABLE_INPUT, "another score"),
               INPUT(target, KIND_SIGN, 0, "y: +1 where first should be higher, -1 where second (1 and 0 with labels=zero_one)") },
    .param = { LABELS_PARAM, LEARNABLE_PARAM(margin, 0.0, ANY_REAL, "by how much it should be higher") },
    .claims = CONVEX | NONNEGATIVE | LIPSCHITZ,
    .ulp_f32 = { 1, 0, 0 },
    .ulp_f64 = { 1, 0, 0 },
    .cite = "Herbrich, Graepel and Obermayer 1999, doi:10.1049/cp:19991091",
};

FORMULA jet margin_ranking(const real *x, const real *param)
{
    real y = param[LABELS] != 0 ? 2 * x[TARGET] - 1 : x[TARGET];
    pair d = two_diff(x[FIRST], x[SECOND]);
    real gap = (param[MARGIN] - signed_by(y, d.hi)) - signed_by(y, d.lo), inside = indicator(gap > 0);
    real slope = inside * y + zero_of(gap);
    return (jet){ .value = max_(gap, 0), .grad = { -slope, slope }, .upper = { inside, inside }, .by = { inside + zero_of(gap) } };
}

KERNELS(pointwise, margin_ranking)
