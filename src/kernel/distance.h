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

/* A remainder that is to be multiplied: 0 where it is tiny, for then it is nothing beside what it was lost by, or the product is 0 in any case, and
 * one of a subnormal number stalls the processor. By integers: gcc 12 moves the constants of ?: through the arithmetic that follows. */
FORMULA real worth_multiplying(real lo)
{
#if REAL_BITS == 32
    const int32_t above = (int32_t)(float_to_bits(0x1p-100F) - (float_to_bits(lo) & 0x7fffffffU));
    return bits_to_float(float_to_bits(lo) & (uint32_t)(above >> 31));
#else
    const int64_t above = (int64_t)(double_to_bits(0x1p-1000) - (double_to_bits(lo) & INT64_MAX));
    return bits_to_double(double_to_bits(lo) & (uint64_t)(above >> 63));
#endif
}

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
