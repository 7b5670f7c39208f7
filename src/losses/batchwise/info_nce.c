/*
 * Which of all candidates is mine? A cross-entropy whose classes are the other examples of the batch, asked from both sides when
 * rows and columns are two views (CLIP).
 */
#include "contrast.h"

enum { ONE_SIDED = TEMPERATURE + 1 };

LOSS(info_nce) = {
    .title = "InfoNCE",
    .aliases = "clip n_pair",
    .formula = "per row i: logsumexp(similarity[i]/temperature) - similarity[i][positive[i]]/temperature, likewise of its column, halved",
    .input = { INPUT(prediction, KIND_REAL, DIFFERENTIABLE_INPUT, "similarities, shape (..., rows, columns), columns >= rows"),
               { .name = "positive",
                 .description = "column of each row's positive; its own number if not given",
                 .kind = KIND_CLASS,
                 .shape = PER_VALUE,
                 .flags = OPTIONAL } },
    .param = { TEMPERATURE_PARAM(0.07), FLAG(one_sided, 0, "rows only") },
    .claims = CONVEX | NONNEGATIVE | DIFFERENTIABLE | TWICE_DIFFERENTIABLE | LIPSCHITZ,
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 1, 4, 4 },
    .cite = "van den Oord, Li, Vinyals 2018, arXiv:1807.03748",
};

KERNELS(contrast, info_nce, p[ONE_SIDED] != 0 ? 0 : TWO_SIDED, 0)
