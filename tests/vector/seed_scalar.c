/* A loss whose loops no compiler can vectorise: it calls what none can see into. Clang must refuse it, gcc's report name it. */
#include "pointwise.h"

LOSS(seed_scalar) = { .title = "Seed", .formula = "r", .input = { INPUT(prediction, KIND_REAL, DIFFERENTIABLE_INPUT, "any") } };

extern real opaque(real x);

FORMULA jet seed_scalar(const real *x, const real *param)
{
    real v = opaque(x[0] - x[1]);
    return (jet){ .value = v, .grad = { param[0], v }, .hess = { v, v }, .upper = { v, v } };
}

KERNELS(pointwise, seed_scalar)
