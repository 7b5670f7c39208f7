/*
 * A distance of two things and whether they are alike: alike, the distance is the cost; not alike, they only have to be a margin apart.
 */
#define LEARNED 1
#include "margin.h"

enum { PREDICTION, TARGET };
enum { MARGIN = LABELS + 1 };

LOSS(hinge_embedding) = {
    .title = "Hinge embedding",
    .aliases = "",
    .formula = "p if y > 0 else max(margin - p, 0)",
    .input = { INPUT(prediction, KIND_REAL, DIFFERENTIABLE_INPUT, "a distance"),
               INPUT(target, KIND_SIGN, 0, "y: +1 alike, -1 not alike (1 and 0 with labels=zero_one)") },
    .param = { LABELS_PARAM, LEARNABLE_PARAM(margin, 1.0, ANY_REAL, "how far apart is far enough") },
    .claims = CONVEX | LIPSCHITZ,
    .ulp_f32 = { 1, 0, 0 },
    .ulp_f64 = { 1, 0, 0 },
    .cite = "Hadsell, Chopra and LeCun 2006, doi:10.1109/CVPR.2006.100",
};

FORMULA jet hinge_embedding(const real *x, const real *param)
{
    real p = x[PREDICTION], nothing = zero_of(p) + zero_of(x[TARGET]), gap = param[MARGIN] - p;
    int alike = x[TARGET] > 0, near = gap > 0; /* both ways of writing labels have the positive one above 0 */
    return (jet){
        .value = (alike ? p : max_(gap, 0)) + nothing,
        .grad = { (alike  ? 1
                   : near ? -1
                          : 0) +
                  nothing },
        .upper = { indicator(alike || near) },
        .by = { indicator(near && !alike) + nothing },
    };
}

KERNELS(pointwise, hinge_embedding)
