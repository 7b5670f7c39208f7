/*
 * Losses of one number per input: a formula gives value, gradient and Hessian of one element together (the jet),
 * and the loops here run it over a tile. The formula is inlined into each loop with a constant `want`; what
 * a loop does not store, the compiler does not compute.
 *
 * Families: pointwise.h itself (formulas of all inputs), distance.h (of the residual), margin.h (of y * s).
 */
#ifndef LIBLOSS_KERNEL_POINTWISE_H
#define LIBLOSS_KERNEL_POINTWISE_H

#include "faint.h"

#ifndef INPUTS
#define INPUTS 2 /* a file with another number of inputs says so before its include */
#endif

/* Derivatives with respect to each input. `upper`: a positive curvature for Newton steps and boosting. In double even where reals
 * are floats, so that a formula's last product may end below 2^-126: rounding from there costs nothing, float arithmetic stalls.
 * A file in plain f32 may give the derivatives of input 0 in a unit, JET_UNIT, which keeps them away from there. */
typedef struct {
    double value, grad[INPUTS], hess[INPUTS], upper[INPUTS];
#ifdef LEARNED
    double by[LEARNED]; /* derivatives with respect to the learnable parameters, as many as the file says before its include */
#endif
} jet;

#ifndef JET_UNIT
#define JET_UNIT 1.0
#endif

/* Clang chooses a width by the widest number of a loop, which is the factor's double: half of what floats could have. */
#if defined __clang__ && REAL_BITS == 32
#define ELEMENT_LOOP _Pragma("clang loop vectorize(assume_safety) vectorize_width(16)")
#else
#define ELEMENT_LOOP VECTOR_LOOP
#endif

typedef jet formula(const real *x, const real *param);

/* Double inside for f32 data: the jet is multiplied by its factor before it is rounded. In the stored type a factor that is a
 * number of that type is multiplied with one rounding too, the same as by way of double and much faster; so there are
 * two loops for f32. */
#define BY_ELEMENT (REAL_BITS != LIBLOSS_BITS)

/* A file defines LIGHT where its loops wait for memory rather than for arithmetic; which do was measured. */
#ifdef LIGHT
enum { IS_LIGHT = 1 };
#else
enum { IS_LIGHT = 0 };
#endif

/* What is no whole block is the engine's care; compilers see that nothing is left over. */
FORMULA ptrdiff_t elements_of(const pointwise_tile *tile) { return IS_LIGHT ? tile->count : tile->count & -(ptrdiff_t)ELEMENT_BLOCK; }

FORMULA stored scaled(double x, const double *factor, ptrdiff_t i, double flat, const int in_double)
{
    if (BY_ELEMENT) return (stored)(x * factor[i]);
#if LIBLOSS_BITS == 64
    return in_double ? times_constant(x, flat) : x * flat;
#endif
    return in_double ? (stored)(x * flat) : (stored)((real)x * (real)flat);
}

/* What a file computes once for a tile; see faint.h. */
#if PREPARED
FORMULA void prepare(real *param);
#else
FORMULA void prepare(real *param) { (void)param; }
#endif

/* Pointers and parameters go to locals first: a conditional load through the struct stops gcc from vectorising,
 * and a store could change what it points to. */
FORMULA void pointwise_body(const pointwise_tile *tile, formula *f, const int want, const int in_double, const int far)
{
    const ptrdiff_t n = elements_of(tile);
    const stored *input[INPUTS];
    double *wide_grad[INPUTS], *wide_hess[INPUTS];
    real param[PARAM_ROOM];
    const double *factor = tile->factor;
    stored *value = tile->value, *grad = tile->grad, *hess = tile->hess;
    const double flat = tile->flat * JET_UNIT;
    const int upper = tile->upper;

    for (int k = 0; k < INPUTS; k++) {
        input[k] = tile->input[k];
        wide_grad[k] = tile->wide_grad[k];
        wide_hess[k] = tile->wide_hess[k];
    }
    for (int k = 0; k < MAX_PARAMETERS; k++) param[k] = (real)tile->param[k];
    param[FAR] = (real)far;
    param[FAINT] = (real)tile->faint;
    prepare(param);

    ELEMENT_LOOP
    for (ptrdiff_t i = 0; i < n; i++) {
        real x[INPUTS];
        for (int k = 0; k < INPUTS; k++) x[k] = input[k][i];
        jet j = f(x, param);
        if (want & VALUE) value[i] = (stored)j.value;
        if (want & GRAD) grad[i] = scaled(j.grad[0], factor, i, flat, in_double);
        if (want & HESS) hess[i] = scaled(upper ? j.upper[0] : j.hess[0], factor, i, flat, in_double);
        if (want & WIDE)
            for (int k = 0; k < INPUTS; k++) {
                wide_grad[k][i] = (double)j.grad[k] * (k == 0 ? JET_UNIT : 1) * factor[i];
                wide_hess[k][i] = (double)(upper ? j.upper[k] : j.hess[k]) * (k == 0 ? JET_UNIT : 1) * factor[i];
            }
    }
}

/* Whether results of a plain f32 formula may end below 2^-126: beyond FAR_FROM in input 0, below TINY in any, which are not negative then, or by a
 * tiny factor. There the formula is told (param[FAR], a constant of each loop) and its derivatives are multiplied in double, to the same bits. */
#ifdef FAR_FOR_SPEED /* the formula is right there too, and only slow on processors that stall */
enum { FAR_FORMULA_IS_FOR_SPEED = 1 };
#else
enum { FAR_FORMULA_IS_FOR_SPEED = 0 };
#endif

#if defined FAR_FROM
static int goes_far(const pointwise_tile *tile)
{
    const float *x = tile->input[0];
    int32_t most = 0;
    VECTOR_LOOP
    for (ptrdiff_t i = 0; i < tile->count; i++) {
        const int32_t size = (int32_t)(float_to_bits(x[i]) & 0x7fffffffU), number = size > 0x7f800000 ? 0 : size;
        most = number > most ? number : most;
    }
    return most > (int32_t)float_to_bits(FAR_FROM);
}
#elif defined TINY
static int goes_far(const pointwise_tile *tile)
{
    uint32_t least = UINT32_MAX;
    for (int k = 0; k < INPUTS; k++) {
        const float *x = tile->input[k];
        VECTOR_LOOP
        for (ptrdiff_t i = 0; i < tile->count; i++) {
            const uint32_t below = float_to_bits(x[i]) - 1; /* 0 is not tiny */
            least = below < least ? below : least;
        }
    }
    return least < float_to_bits(TINY) - 1;
}
#endif

static int is_far(const pointwise_tile *tile)
{
#if defined FAR_FROM || defined TINY
    return goes_far(tile) || !(tile->flat > 0x1p-36 || tile->flat < -0x1p-36);
#else
#if REAL_BITS == 64
    const double flat = tile->flat < 0 ? -tile->flat : tile->flat;
    if (!(flat > 0x1p-900 && flat < 0x1p800)) return 0; /* see times_constant() */
#endif
    return UNDERFLOWS && tile->faint;
#endif
}

FORMULA void pointwise_loop(const pointwise_tile *tile, formula *f, const int want)
{
    const int far = is_far(tile), other_formula = far && (!FAR_FORMULA_IS_FOR_SPEED || tile->stalls);
    if (other_formula)
        pointwise_body(tile, f, want, 1, 1);
    else if (REAL_BITS == 32 && (want & (GRAD | HESS)) && (far || tile->in_double))
        pointwise_body(tile, f, want, 1, 0);
    else
        pointwise_body(tile, f, want, 0, 0);
}

/* Derivatives with respect to the learnable parameters: a loop of its own, which only files that have any are made with. */
#ifdef LEARNED
FORMULA void learn_body(const pointwise_tile *tile, formula *f, const int far)
{
    const ptrdiff_t n = elements_of(tile);
    const stored *input[INPUTS];
    double *by[LEARNED];
    real param[PARAM_ROOM];
    const double *factor = tile->factor;
    for (int k = 0; k < INPUTS; k++) input[k] = tile->input[k];
    for (int k = 0; k < LEARNED; k++) by[k] = tile->by[k];
    for (int k = 0; k < MAX_PARAMETERS; k++) param[k] = (real)tile->param[k];
    param[FAR] = (real)far;
    param[FAINT] = 1;
    prepare(param);

    ELEMENT_LOOP
    for (ptrdiff_t i = 0; i < n; i++) {
        real x[INPUTS];
        for (int k = 0; k < INPUTS; k++) x[k] = input[k][i];
        jet j = f(x, param);
        for (int k = 0; k < LEARNED; k++) by[k][i] = j.by[k] * factor[i];
    }
}

/* To floats the way of faint tiles costs next to nothing. */
FORMULA void learn_loop(const pointwise_tile *tile, formula *f)
{
    if (UNDERFLOWS && REAL_BITS == 64 && !tile->faint)
        learn_body(tile, f, 0);
    else
        learn_body(tile, f, 1);
}
#define LEARN_KERNEL(name_, formula_) \
    static void name_##_learn(const pointwise_tile *t) { learn_loop(t, formula_); }
#define LEARN_VARIANT_KERNEL(name_)                                 \
    static void name_##_learn(const pointwise_tile *t)              \
    {                                                               \
        const int variant = VARIANT(t->param);                      \
        if (variant == 0) learn_loop(t, name_##_0);                 \
        if (variant == 1) learn_loop(t, name_##_1);                 \
        if (VARIANTS > 2 && variant == 2) learn_loop(t, name_##_2); \
        if (VARIANTS > 2 && variant == 3) learn_loop(t, name_##_3); \
    }
#define LEARN_ENTRY(name_) name_##_learn
#else
#define LEARN_KERNEL(name_, formula_)
#define LEARN_VARIANT_KERNEL(name_)
#define LEARN_ENTRY(name_) NULL
#endif

#define NAME_KERNELS(name_)                                                                                                  \
    extern const pointwise_kernels KERNEL_TABLE(name_);                                                                      \
    const pointwise_kernels KERNEL_TABLE(name_) = { name_##_v,    name_##_g,  name_##_vg, name_##_gh,  name_##_vgh,          \
                                                    name_##_wide, BY_ELEMENT, IS_LIGHT,   FAINT_LOOPS, LEARN_ENTRY(name_) }; \
    DESCRIBE(name_, SHAPE_POINTWISE, PER_ELEMENT, UNIT_NONE)

/* Wires one formula of inputs into the six loops and names the table. */
#define POINTWISE_TABLE(name_, formula_)                                                                   \
    static void name_##_v(const pointwise_tile *t) { pointwise_loop(t, formula_, VALUE); }                 \
    static void name_##_g(const pointwise_tile *t) { pointwise_loop(t, formula_, GRAD); }                  \
    static void name_##_vg(const pointwise_tile *t) { pointwise_loop(t, formula_, VALUE | GRAD); }         \
    static void name_##_gh(const pointwise_tile *t) { pointwise_loop(t, formula_, GRAD | HESS); }          \
    static void name_##_vgh(const pointwise_tile *t) { pointwise_loop(t, formula_, VALUE | GRAD | HESS); } \
    static void name_##_wide(const pointwise_tile *t) { pointwise_loop(t, formula_, WIDE); }               \
    LEARN_KERNEL(name_, formula_)                                                                          \
    NAME_KERNELS(name_)

#define KERNELS_pointwise(name_) POINTWISE_TABLE(name_, name_)

/* Where a flag chooses between formulas, a branch in the loop would keep it from vectorising, so each has a loop of its own. The file
 * defines VARIANTS, 2 or 4, VARIANT(param), a number below, and name(x, param, variant). */
FORMULA void variant_loop(const pointwise_tile *tile, int variant, int variants, formula *const f[4], const int want)
{
    if (variant == 0) pointwise_loop(tile, f[0], want);
    if (variant == 1) pointwise_loop(tile, f[1], want);
    if (variants > 2 && variant == 2) pointwise_loop(tile, f[2], want);
    if (variants > 2 && variant == 3) pointwise_loop(tile, f[3], want);
}

#define VARIANT_OF(name_, number_) \
    FORMULA jet name_##_##number_(const real *x, const real *param) { return name_(x, param, number_); }
#define VARIANT_KERNEL(name_, suffix_, want_)                                   \
    static void name_##_##suffix_(const pointwise_tile *t)                      \
    {                                                                           \
        formula *const each[] = { name_##_0, name_##_1, name_##_2, name_##_3 }; \
        variant_loop(t, VARIANT(t->param), VARIANTS, each, want_);              \
    }
#define KERNELS_variants(name_)                     \
    VARIANT_OF(name_, 0)                            \
    VARIANT_OF(name_, 1)                            \
    VARIANT_OF(name_, 2)                            \
    VARIANT_OF(name_, 3)                            \
    VARIANT_KERNEL(name_, v, VALUE)                 \
    VARIANT_KERNEL(name_, g, GRAD)                  \
    VARIANT_KERNEL(name_, vg, VALUE | GRAD)         \
    VARIANT_KERNEL(name_, gh, GRAD | HESS)          \
    VARIANT_KERNEL(name_, vgh, VALUE | GRAD | HESS) \
    VARIANT_KERNEL(name_, wide, WIDE)               \
    LEARN_VARIANT_KERNEL(name_)                     \
    NAME_KERNELS(name_)

#endif
