/*
 * Losses of the residual r = prediction - target. The residual comes in two parts, r.hi + r.lo exactly the
 * difference, because its rounding alone can cost a formula that squares it two units in the last place.
 * The gradient by the target is the negative one, the Hessian the same.
 */
#ifndef LIBLOSS_KERNEL_DISTANCE_H
#define LIBLOSS_KERNEL_DISTANCE_H

#include "pointwise.h"

#define RESIDUAL_INPUTS \
    INPUT(prediction, KIND_REAL, DIFFERENTIABLE_INPUT, "any real number"), INPUT(target, KIND_REAL, DIFFERENTIABLE_INPUT, "any real number")

/* By the residual. */
typedef struct {
    real value, grad, hess, upper;
#ifdef LEARNED
    double by[LEARNED]; /* derivatives by the learnable parameters */
#endif
} residual_jet;

typedef residual_jet residual_formula(pair r, const real *param);

FORMULA jet jet_of_residual(residual_jet j)
{
    jet y = { .value = j.value, .grad = { j.grad, -j.grad }, .hess = { j.hess, j.hess }, .upper = { j.upper, j.upper } };
#ifdef LEARNED
    for (int k = 0; k < LEARNED; k++) y.by[k] = j.by[k];
#endif
    return y;
}

FORMULA jet of_residual(residual_formula *f, const real *x, const real *param) { return jet_of_residual(f(two_diff(x[0], x[1]), param)); }

#define KERNELS_distance(name_)                                                                              \
    FORMULA jet name_##_of_inputs(const real *x, const real *param) { return of_residual(name_, x, param); } \
    POINTWISE_TABLE(name_, name_##_of_inputs)

#endif
