/*
 * Pairs that belong together are pulled to one point; all others are pushed until they are a margin apart, and then left alone.
 */
#include "vectors.h"

enum { FIRST, SECOND, TARGET };
enum { MARGIN, HALF };

LOSS(contrastive) = {
    .title = "Contrastive loss",
    .aliases = "",
    .formula = "target*d^2 + (1 - target)*max(margin - d, 0)^2 where d = |first - second|, halved if half",
    .input = { INPUT(first, KIND_REAL, DIFFERENTIABLE_INPUT, "vectors, shape (..., components)"),
               INPUT(second, KIND_REAL, DIFFERENTIABLE_INPUT, "vectors, shape (..., components)"),
               { .name = "target",
                 .description = "1: the pair belongs together; 0: it does not; or a share",
                 .kind = KIND_PROBABILITY,
                 .shape = PER_VALUE } },
    .param = { LEARNABLE_PARAM(margin, 1, AT_LEAST(0), "distance from which a pair that does not belong together costs nothing"),
               FLAG(half, 0, "with the factor 1/2 of the paper") },
    .claims = NONNEGATIVE,
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 2, 2, 2 },
    .cite = "Hadsell, Chopra, LeCun 2006, doi:10.1109/CVPR.2006.100",
};

static void contrastive(const loss_unit *u)
{
    const double t = u->input[TARGET][0], factor = u->param[HALF] != 0 ? 0.5 : 1;
    const norm d = distance_of(u->input[FIRST], u->input[SECOND], u->length, 2, u->work);
    const double gap = u->param[MARGIN] - d.value, push = gap > 0 ? gap : zero_of(gap);
    u->value[0] = factor * (t * d.value * d.value + (1 - t) * push * push);
    if (u->by[0]) u->by[0][0] = 2 * factor * (1 - t) * push;
    for (int64_t i = 0; i < u->length; i++) {
        const double slope = norm_slope(&d, i), active = push > 0;
        const double g = 2 * factor * (t * d.r[i] - (1 - t) * push * slope);
        const double concave = active && !u->upper ? push * norm_bend(&d, i) : 0;
        const double h = 2 * factor * (t + (active && d.value > 0 ? (1 - t) * (slope * slope - concave) : 0));
        if (u->grad[FIRST]) u->grad[FIRST][i] = g;
        if (u->grad[SECOND]) u->grad[SECOND][i] = -g;
        if (u->hess[FIRST]) u->hess[FIRST][i] = h;
        if (u->hess[SECOND]) u->hess[SECOND][i] = h;
    }
}

KERNELS(vectors, contrastive)
