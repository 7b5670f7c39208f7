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
    const angle g = angle_of(u->input[PREDICTION], u->input[TARGET], u->length);
    u->value[0] = g.apart;
    spread_cosine(u, &g, -1);
}

KERNELS(vectors, cosine_distance)
