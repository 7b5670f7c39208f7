/*
 * Every picture seen twice: which of all the others is my other view? An example is no candidate for itself.
 */
#include "contrast.h"

LOSS(nt_xent) = {
    .title = "Normalised temperature-scaled cross-entropy",
    .aliases = "simclr ntxent",
    .formula = "per row i: logsumexp over a != i of similarity[i][a]/temperature - similarity[i][positive[i]]/temperature",
    .input = { INPUT(prediction, KIND_REAL, DIFFERENTIABLE_INPUT, "similarities of all views, shape (..., views, views)"),
               { .name = "positive",
                 .description = "each view's other view; half of the views further if not given",
                 .kind = KIND_CLASS,
                 .shape = PER_VALUE,
                 .flags = OPTIONAL } },
    .param = { TEMPERATURE_PARAM(0.5) },
    .claims = CONVEX | NONNEGATIVE | DIFFERENTIABLE | TWICE_DIFFERENTIABLE | LIPSCHITZ,
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 1, 4, 4 },
    .cite = "Chen et al. 2020, arXiv:2002.05709",
};

KERNELS(contrast, nt_xent, SELF_IS_ABSENT, 0)
