/*
 * Contrast with labels: all examples of my class are my positives, each against everything but myself. A row that is the only one
 * of its label has nothing to find; it costs nothing and does not count in a mean, but it is a negative of the others.
 */
#include "contrast.h"

LOSS(sup_con) = {
    .title = "Supervised contrastive loss",
    .aliases = "supcon",
    .formula =
        "per row i: logsumexp over a != i of similarity[i][a]/temperature - mean over the others of its label of similarity/temperature",
    .input = { INPUT(prediction, KIND_REAL, DIFFERENTIABLE_INPUT, "similarities, shape (..., rows, rows)"),
               { .name = "target", .description = "label of each row; any integers", .kind = KIND_LABEL, .shape = PER_VALUE } },
    .param = { TEMPERATURE_PARAM(0.1) },
    .claims = CONVEX | NONNEGATIVE | DIFFERENTIABLE | TWICE_DIFFERENTIABLE | LIPSCHITZ,
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 1, 4, 4 },
    .cite = "Khosla et al. 2020, arXiv:2004.11362",
};

KERNELS(contrast, sup_con, SELF_IS_ABSENT, 1)
