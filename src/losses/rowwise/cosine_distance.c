/*
 * One minus the cosine: how far apart two directions are, whatever the lengths. A row of zeros has no direction: distance 1, slope 0.
 */
#include "vectors.h"

enum { PREDICTION, TARGET };

LOSS(cosine_distance) = {
    .title = "Cosine distance",
    .aliases = "cosine",
    .formula = "1 - sum(p*t)/sqrt(sum(p^2)*sum(t^2))",
    .input = { INPUT(prediction, KIND_REAL, DIFFERENTIABLE_INPUT, "vectors, shape (..., components)"),
               INPUT(target, KIND_REAL, DIFFERENTIABLE_INPUT, "vectors, shape (..., components)") },
    .claims = NONNEGATIVE | BOUNDED,
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 1, 3, 3 },
    .cite = "Salton, Wong, Yang 1975, doi:10.1145/361219.361220",
};

static void cosine_distance(const loss_unit *u)
{
    const double *p = u->input[PREDICTION], *t = u->input[TARGET];
    const angle g = angle_of(p, t, u->length), back = turned(g);
    u->value[0] = g.apart;
    for (int64_t i = 0; i < u->length; i++) {
        if (u->grad[PREDICTION]) u->grad[PREDICTION][i] = -cosine_slope(&g, p[i], t[i]);
        if (u->hess[PREDICTION]) u->hess[PREDICTION][i] = u->upper ? cosine_bend_most(&g) : -cosine_bend(&g, p[i], t[i]);
        if (u->grad[TARGET]) u->grad[TARGET][i] = -cosine_slope(&back, t[i], p[i]);
        if (u->hess[TARGET]) u->hess[TARGET][i] = u->upper ? cosine_bend_most(&back) : -cosine_bend(&back, t[i], p[i]);
    }
}

KERNELS(vectors, cosine_distance)
