/*
 * What a loss file says of itself, and the tables in which it hands its compiled loops to the engine.
 *
 * Plain data: no number type is fixed here, so the engine and the registry read this header too. The constants that
 * travel through libloss.h (kinds, shapes, flags, claims) have the same values there; src/api/describe.c asserts it.
 */
#ifndef LIBLOSS_KERNEL_LOSS_H
#define LIBLOSS_KERNEL_LOSS_H

#include <stddef.h>
#include <stdint.h>

/* One plain line of cc builds everything once, without a build system: the plainest instructions, kernels for f64 only. */
#if defined LIBLOSS_PLAIN
#define LIBLOSS_ISA baseline
#define LIBLOSS_BITS 64
#define LIBLOSS_DESCRIBE
#endif

enum { MAX_INPUTS = 8, MAX_PARAMETERS = 12, MAX_AUXILIARIES = 4 };

/* What an input holds, its shape, and what may be done with it. */
enum { KIND_REAL, KIND_PROBABILITY, KIND_POSITIVE, KIND_SIGN, KIND_CLASS };
enum { LIKE_FIRST, PER_VALUE, PER_CLASS };
enum {
    OPTIONAL = 1,
    DIFFERENTIABLE_INPUT = 2,
    LEARNABLE = 4,
    VECTOR = 8,
    INTEGRAL = 16,
    OPEN_BELOW = 32,
    OPEN_ABOVE = 64,
    OR_ROWS = 128,
    OR_ZERO = 256
};
enum { PER_ELEMENT, PER_ROW };

/* Properties a loss asserts of itself as a function of its prediction; the tests attack each of them. */
enum {
    CONVEX = 1,
    NONNEGATIVE = 2,
    EVEN = 4,
    DIFFERENTIABLE = 8,
    TWICE_DIFFERENTIABLE = 16,
    LIPSCHITZ = 32,
    BOUNDED = 64,
    CALIBRATED = 128,
    PROPER = 256
};

/* Which driver runs the loss: formulas of one number per input, of softmax(row), or one function per row. */
enum { SHAPE_POINTWISE, SHAPE_SOFTMAX, SHAPE_ROWS };

typedef struct {
    const char *name, *description;
    int kind, shape, flags;
} loss_input;

typedef struct {
    const char *name, *description, *choices; /* choices: words separated by spaces, numbered from 0; or NULL */
    double fallback, lowest, highest;
    int flags;
} loss_parameter;

typedef struct {
    const char *title, *aliases, *formula, *cite;
    loss_input input[MAX_INPUTS];
    loss_parameter param[MAX_PARAMETERS];
    const char *auxiliary[MAX_AUXILIARIES];
    uint64_t claims;
    int one_minimum; /* not convex, but any sum of it over targets falls and then rises along a constant prediction */
    double ulp_f32[3], ulp_f64[3]; /* bound of value, gradient, Hessian: of the unscaled jet, in units in the last place */
} loss_info;

/* Words for the ranges of parameters: closed ends unless ABOVE or BELOW. The fields are lowest, highest, flags. */
#define INFINITE __builtin_inf()
#define ANY_REAL -INFINITE, INFINITE, OPEN_BELOW | OPEN_ABOVE
#define ABOVE(a) a, INFINITE, OPEN_BELOW | OPEN_ABOVE
#define AT_LEAST(a) a, INFINITE, OPEN_ABOVE
#define BETWEEN(a, b) a, b, OPEN_BELOW | OPEN_ABOVE
#define WITHIN(a, b) a, b, 0
#define WITHIN_INTEGERS(a, b) a, b, INTEGRAL

#define PARAM(name_, fallback_, range_, text_) PARAM_FIELDS(name_, fallback_, text_, range_)
#define PARAM_FIELDS(name_, fallback_, text_, ...) PARAM_ROW(name_, fallback_, text_, __VA_ARGS__)
#define PARAM_ROW(name_, fallback_, text_, low_, high_, flags_)                                                        \
    {                                                                                                                  \
        .name = #name_, .description = text_, .fallback = fallback_, .lowest = low_, .highest = high_, .flags = flags_ \
    }

/* One value or several: value j belongs to column j of the last axis. */
#define LEVELS(name_, fallback_, range_, text_) LEVELS_FIELDS(name_, fallback_, text_, range_)
#define LEVELS_FIELDS(name_, fallback_, text_, ...) LEVELS_ROW(name_, fallback_, text_, __VA_ARGS__)
#define LEVELS_ROW(name_, fallback_, text_, low_, high_, flags_)                                                                  \
    {                                                                                                                             \
        .name = #name_, .description = text_, .fallback = fallback_, .lowest = low_, .highest = high_, .flags = (flags_) | VECTOR \
    }

/* A word of a list; the formula sees its number. The first word is 0; `fallback_` is a number too. */
#define CHOICE(name_, fallback_, words_, text_)                                                                           \
    {                                                                                                                     \
        .name = #name_, .description = text_, .choices = words_, .fallback = fallback_, .lowest = 0, .highest = INFINITE, \
        .flags = INTEGRAL                                                                                                 \
    }
#define FLAG(name_, fallback_, text_) CHOICE(name_, fallback_, "false true", text_)

/* No value, one or several integers; none unless given. */
#define INTEGERS_OR_NONE(name_, text_)                                                                      \
    {                                                                                                       \
        .name = #name_, .description = text_, .lowest = -9007199254740992.0, .highest = 9007199254740992.0, \
        .flags = INTEGRAL | OPTIONAL | VECTOR                                                               \
    }

/* One number or none, which the formula sees as a NaN. */
#define NUMBER_OR_NONE(name_, range_, text_) NUMBER_OR_NONE_FIELDS(name_, text_, range_)
#define NUMBER_OR_NONE_FIELDS(name_, text_, ...) NUMBER_OR_NONE_ROW(name_, text_, __VA_ARGS__)
#define NUMBER_OR_NONE_ROW(name_, text_, low_, high_, flags_)                                                \
    {                                                                                                        \
        .name = #name_, .description = text_, .lowest = low_, .highest = high_, .flags = (flags_) | OPTIONAL \
    }

#define INPUT(name_, kind_, flags_, text_)                                                        \
    {                                                                                             \
        .name = #name_, .description = text_, .kind = kind_, .shape = LIKE_FIRST, .flags = flags_ \
    }

/* The class of a row: an index per row, or a row of probabilities shaped like the prediction (told by rank). */
#define CLASS_INPUT                                                                                                                \
    {                                                                                                                              \
        .name = "target", .description = "class index of each row in [0, classes), or a row of probabilities", .kind = KIND_CLASS, \
        .shape = PER_VALUE, .flags = OR_ROWS | DIFFERENTIABLE_INPUT                                                                \
    }
#define CLASS_WEIGHT_INPUT                                                                                               \
    {                                                                                                                    \
        .name = "class_weight", .description = "non-negative factor of each class, shape (classes,)", .kind = KIND_REAL, \
        .shape = PER_CLASS, .flags = OPTIONAL                                                                            \
    }

/* ---- the tables ---- */

/* A run of elements, contiguous, in L1. Weights, upstream gradients and the divisor are already in `factor`. */
typedef struct {
    ptrdiff_t count;
    const void *input[MAX_INPUTS]; /* stored */
    const double *factor; /* what the jet's gradients and Hessians are multiplied by, per element */
    void *value, *grad, *hess; /* stored; grad and hess with respect to input 0; may lie exactly on an input */
    double *wide_grad[MAX_INPUTS], *wide_hess[MAX_INPUTS]; /* not rounded yet; never NULL where `wide` runs */
    const double *param; /* rounded to the arithmetic's type */
    int upper; /* the Hessian is the positive majorizer instead of the true one */
} pointwise_tile;

typedef void pointwise_kernel(const pointwise_tile *tile);

/* Four loops for the common wants with respect to input 0, and one for everything else: all inputs, in double. */
typedef struct {
    pointwise_kernel *value, *value_grad, *grad_hess, *value_grad_hess, *wide;
} pointwise_kernels;

/* Rows of logits, each row contiguous. Exactly one of label and target is given. NULL outputs are not wanted. */
typedef struct {
    ptrdiff_t rows, classes;
    const void *logits, *target; /* stored, (rows, classes) */
    ptrdiff_t logits_stride, target_stride; /* stored numbers from one row to the next */
    const int64_t *label; /* (rows) */
    const void *class_weight; /* stored, (classes), or NULL */
    double smoothing;
    const double *factor; /* (rows) */
    void *value; /* stored, (rows) */
    void *grad, *hess; /* stored; grad may lie exactly on the logits */
    ptrdiff_t grad_stride, hess_stride;
    double *wide_grad, *wide_hess, *wide_target_grad; /* (rows, classes), not rounded yet */
    double *logsumexp; /* (rows) */
    double *correct; /* (rows): 1 where the largest logit (lowest index of ties) is the label's */
    const double *param;
    int upper;
} softmax_tile;

/* By how the target mass lies (on the label; on the label, smoothed; as a row) and whether classes have weights. */
typedef struct {
    void (*run[3][2])(const softmax_tile *tile);
} softmax_kernels;

/* One row as double, with nothing absent in it. `label` is -1 where the target is a row of its own. */
typedef struct {
    int64_t classes, label;
    const double *x, *t, *class_weight;
    double *grad, *hess, *target_grad, *target_hess; /* NULL: not wanted; unscaled; arrive as zeros */
    const double *param;
    int upper;
} row_unit;

typedef struct {
    double (*run)(const row_unit *row); /* the row's value */
} row_kernels;

/* ---- a loss, as the registry lists it ---- */

typedef struct {
    const char *name;
    int shape, values_per;
    const loss_info *info;
} loss;

#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)
#define LOSS_ROW(name_) PASTE(libloss__loss_, name_)
#define KERNEL_TABLE_OF(name_, isa_, bits_) PASTE(PASTE(PASTE(PASTE(PASTE(libloss__, name_), _), isa_), _f), bits_)
#define KERNEL_TABLE(name_) KERNEL_TABLE_OF(name_, LIBLOSS_ISA, LIBLOSS_BITS)

#define LOSS(name_) static const loss_info name_##_info __attribute__((unused))

/* Every file is compiled once per (instruction set, storage type); only one of these objects keeps the description. */
#if defined LIBLOSS_DESCRIBE
#define DESCRIBE(name_, shape_, values_per_) \
    extern const loss LOSS_ROW(name_);       \
    const loss LOSS_ROW(name_) = { #name_, shape_, values_per_, &name_##_info };
#else
#define DESCRIBE(name_, shape_, values_per_)
#endif

/* Closes a loss file: KERNELS(distance, huber) wires the formula huber() into the loops of distance.h. */
#define KERNELS(family_, name_) KERNELS_##family_(name_)

#endif
