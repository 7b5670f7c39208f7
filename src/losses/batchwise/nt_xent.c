/*
 * Every picture seen twice: which of all the others is my other view? An example is no candidate for itself.
 */
#include "contrast.h"

enum { TEMPERATURE };

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
    .param = { LEARNABLE_PARAM(temperature, 0.5, ABOVE(0), "similarity that is worth one nat") },
    .claims = CONVEX | NONNEGATIVE | DIFFERENTIABLE | TWICE_DIFFERENTIABLE | LIPSCHITZ,
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 1, 4, 4 },
    .cite = "Chen et al. 2020, arXiv:2002.05709",
};

FORMULA logit nt_xent_logit(double s, int kind, const double *param)
{
    (void)kind;
    return divided_by(s, param[TEMPERATURE]);
}

FORMULA price nt_xent_price(const anchor *a, const double *param)
{
    (void)param;
    return softmax_price(a);
}

KERNELS(contrast, nt_xent, SELF_IS_ABSENT, 0)
