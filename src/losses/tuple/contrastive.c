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
    const double together = 2 * factor * t, away = 2 * factor * (1 - t), active = push > 0, bends = active && d.value > 0 ? away : 0;
    for (int k = FIRST; k <= SECOND; k++) {
        double *grad = u->grad[k], *hess = u->hess[k];
        const double sign = k == FIRST ? 1 : -1, concave = active && !u->upper ? push : 0;
        if (grad) {
            VECTOR_LOOP
            for (int64_t i = 0; i < u->length; i++) grad[i] = sign * (together * d.r[i] - away * push * plain_slope(&d, i));
        }
        for (int64_t i = 0; i < u->length && hess; i++) {
            const double slope = plain_slope(&d, i);
            hess[i] = together + bends * (slope * slope - (concave == 0 ? 0 : concave * norm_bend(&d, i)));
        }
    }
}

KERNELS(vectors, contrastive)
