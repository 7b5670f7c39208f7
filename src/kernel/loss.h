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

enum { MAX_INPUTS = 8, MAX_PARAMETERS = 12, MAX_AUXILIARIES = 4, MAX_LEARNED = 8 };

/* What an input holds, its shape, and what may be done with it. */
enum { KIND_REAL, KIND_PROBABILITY, KIND_POSITIVE, KIND_SIGN, KIND_CLASS, KIND_OFFSETS, KIND_LENGTH, KIND_LABEL, KIND_BINARY };
enum { LIKE_FIRST, PER_VALUE, PER_CLASS, OTHER_SHAPE };
enum {
    OPTIONAL = 1,
    DIFFERENTIABLE_INPUT = 2,
    LEARNABLE = 4,
    VECTOR = 8,
    INTEGRAL = 16,
    OPEN_BELOW = 32,
    OPEN_ABOVE = 64,
    OR_ROWS = 128,
    OR_ZERO = 256,
    OF_CLASS = 512
};
enum { PER_ELEMENT, PER_ROW, PER_UNIT };

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

/* Which driver runs the loss: formulas of one number per input, of softmax(row), of sums over a batch, or one function per unit. */
enum { SHAPE_POINTWISE, SHAPE_SOFTMAX, SHAPE_SUMS, SHAPE_UNIT };

/* What a unit is: a row; the members of a group (rows of the last axis, or runs that an input of offsets tells apart); a
 * square or wider matrix, whose rows each have a value; a whole batch with the weights inside; a sequence of rows with a length. */
enum { UNIT_NONE, UNIT_ROW, UNIT_GROUP, UNIT_MATRIX, UNIT_BATCH, UNIT_SEQUENCE };

typedef struct {
    const char *name, *description;
    int kind, shape, flags;
} loss_input;

typedef struct {
    const char *name, *description, *choices; /* choices: words separated by spaces, numbered from 0; or NULL */
    double fallback, lowest, highest;
    int flags;
} loss_parameter;

/* From the mean of the target (of labels: the probability of the upper one; of rows: of each class) to the prediction. The logit is that of
 * the probability, divided by the factor if there is one; of rows of log-probabilities or logits the logarithm will do, for adding a
 * number to all of them changes nothing. */
enum { LINK_NONE, LINK_IDENTITY, LINK_LOG, LINK_LOGIT, LINK_HALF_LOGIT, LINK_SOFTMAX };

typedef struct {
    int kind;
    const char *only_with, *factor; /* a flag without which it is the identity; a parameter that multiplies the prediction */
} loss_link;

/* The best constant: by search, where the cost is known to fall and then to rise; or the link of the mean; or that of the frequencies to
 * the power 1/(1 - q). api/fit.c knows what clip, eps, label_smoothing, pos_weight and class weights do to it. */
enum { BEST_BY_SEARCH, BEST_IS_MEAN, BEST_IS_POWER };

/* What a row's matrix of second derivatives is: not offered, a diagonal, or more, which the loss then writes. */
enum { NO_MATRIX, DIAGONAL_MATRIX, WHOLE_MATRIX };

typedef struct {
    const char *title, *aliases, *formula, *cite;
    loss_input input[MAX_INPUTS];
    loss_parameter param[MAX_PARAMETERS];
    const char *auxiliary[MAX_AUXILIARIES];
    uint64_t claims;
    int one_minimum; /* not convex, but any sum of it over targets falls and then rises along a constant prediction */
    loss_link link; /* absent: the prediction stands for no mean */
    int constant; /* BEST_: how the constant prediction of least cost is found */
    int matrix; /* of rows: DIAGONAL_MATRIX or WHOLE_MATRIX; losses of softmax(row) need not say it */
    double ulp_f32[3], ulp_f64[3]; /* bound of value, gradient, Hessian: of the unscaled jet, in units in the last place */
} loss_info;

/* Words for the ranges of parameters: closed ends unless ABOVE or BELOW. The fields are lowest, highest, flags. */
#define INFINITE __builtin_inf()
#define ANY_REAL -INFINITE, INFINITE, OPEN_BELOW | OPEN_ABOVE
#define BELOW_INFINITY -INFINITE, INFINITE, OPEN_ABOVE
#define ABOVE(a) a, INFINITE, OPEN_BELOW | OPEN_ABOVE
#define AT_LEAST(a) a, INFINITE, OPEN_ABOVE
#define BETWEEN(a, b) a, b, OPEN_BELOW | OPEN_ABOVE
#define WITHIN(a, b) a, b, 0
#define ABOVE_UP_TO(a, b) a, b, OPEN_BELOW
#define WITHIN_INTEGERS(a, b) a, b, INTEGRAL

#define PARAM(name_, fallback_, range_, text_) PARAM_FIELDS(name_, fallback_, text_, range_)
#define PARAM_FIELDS(name_, fallback_, text_, ...) PARAM_ROW(name_, fallback_, text_, __VA_ARGS__)
#define PARAM_ROW(name_, fallback_, text_, low_, high_, flags_)                                                        \
    {                                                                                                                  \
        .name = #name_, .description = text_, .fallback = fallback_, .lowest = low_, .highest = high_, .flags = flags_ \
    }

/* A number that can be learned: the loss's function gives the derivative by it too. */
#define LEARNABLE_PARAM(name_, fallback_, range_, text_) LEARNABLE_FIELDS(name_, fallback_, text_, range_)
#define LEARNABLE_FIELDS(name_, fallback_, text_, ...) LEARNABLE_ROW(name_, fallback_, text_, __VA_ARGS__)
#define LEARNABLE_ROW(name_, fallback_, text_, low_, high_, flags_)                                                                  \
    {                                                                                                                                \
        .name = #name_, .description = text_, .fallback = fallback_, .lowest = low_, .highest = high_, .flags = (flags_) | LEARNABLE \
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

/* The number of a class; checked against the prediction's number of classes. */
#define CLASS_PARAM(name_, fallback_, text_)                                                                     \
    {                                                                                                            \
        .name = #name_, .description = text_, .fallback = fallback_, .lowest = 0, .highest = 9007199254740992.0, \
        .flags = INTEGRAL | OF_CLASS                                                                             \
    }

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

/* A run of elements, contiguous, in L1. Kernels that compute in the stored type multiply gradients and Hessians by `flat`, those
 * that compute in double for f32 data (and all `wide` ones) by `factor`, element by element, before they round. */
typedef struct {
    ptrdiff_t count;
    const void *input[MAX_INPUTS]; /* stored */
    double flat;
    int in_double; /* flat is no number of the stored type: f32 kernels multiply in double, and round once */
    const double *factor; /* weights, upstream gradients and the divisor are in it */
    void *value, *grad, *hess; /* stored; grad and hess with respect to input 0; may lie exactly on an input */
    double *wide_grad[MAX_INPUTS], *wide_hess[MAX_INPUTS]; /* not rounded yet; never NULL where `wide` runs */
    double *const *by; /* derivatives by the learnable parameters times `factor`, not rounded; where `learn` runs */
    const double *param; /* rounded to the arithmetic's type */
    int upper; /* the Hessian is the positive majorizer instead of the true one */
    int stalls; /* this processor is slow with subnormal numbers */
    int faint; /* and such are about; kernels that say may_underflow then keep out of their way, to the same bits */
} pointwise_tile;

typedef void pointwise_kernel(const pointwise_tile *tile);

/* What a loop over a tile is to give: of input 0 in the stored type, or by all inputs (WIDE) or by the learnable parameters in double. */
enum { VALUE = 1, GRAD = 2, HESS = 4, WIDE = 8, LEARN = 16 };

/* Loops that are not light see whole blocks of so many elements only, and have no second copy of their formula for a rest: that
 * was half of the library. */
enum { ELEMENT_BLOCK = 16 };

/* Of processors: those that stall at subnormal numbers, or those too that are a little slower with some. */
enum { NOWHERE, WHERE_IT_STALLS, EVERYWHERE };

/* Five loops for the common wants with respect to input 0, and one for everything else: all inputs, in double. */
typedef struct {
    pointwise_kernel *value, *grad, *value_grad, *grad_hess, *value_grad_hess, *wide;
    int by_element; /* takes `factor`, not `flat` */
    int light; /* waits for memory rather than for arithmetic; takes any count */
    int may_underflow; /* where its loops for faint tiles are worth while */
    pointwise_kernel *learn; /* by the learnable parameters; NULL: there are none */
} pointwise_kernels;

/* Rows of logits. Arrays per row and per class are numbered by place; some places hold rows that are not there, and outputs are
 * not touched there. Either label or target is given. NULL outputs are not wanted. */
enum { MATRIX_ROOM = 4 };

typedef struct {
    ptrdiff_t rows, classes;
    const int32_t *place; /* (rows): of those that are there */
    const void *logits, *target; /* stored, (places, classes) */
    const int64_t *label; /* (places) */
    const void *class_weight; /* stored, (classes), or NULL */
    double smoothing;
    const double *factor; /* (places); NULL: 1 */
    void *value; /* stored, (places) */
    void *grad, *hess; /* stored, (places, classes); may lie exactly on the logits */
    double *wide_grad, *wide_hess, *wide_target_grad; /* (places, classes), not rounded yet */
    double *matrix; /* (places, classes, classes), not rounded yet; instead of a Hessian */
    double *matrix_room; /* MATRIX_ROOM * classes */
    double *logsumexp; /* (places) */
    double *correct; /* (places): 1 where the largest logit (lowest index of ties) is the label's */
    const double *param;
    int upper;
} softmax_tile;

typedef struct {
    void (*run)(const softmax_tile *tile);
} softmax_kernels;

enum { MAX_TERMS = 4, MAX_FACTS = 4, NO_ONES = -1 };

/* A run of elements of one batch. The engine adds the terms up exactly, each times its weight. */
typedef struct {
    ptrdiff_t count;
    const void *input[2]; /* stored */
    const double *weight, *fact, *param;
    double *term[MAX_TERMS];
    double factor; /* of the batch's derivatives */
    int upper;
    void *direct; /* stored: the gradient by input 0, where nothing else is wanted; may lie exactly on an input. Or NULL, and all of: */
    double *grad[2], *hess[2]; /* not rounded yet */
} sums_tile;

typedef struct {
    int terms, filled; /* so many of the terms can be other than 0 with this storage type */
    int ones; /* the term that is 1 for every element: not filled, since its sum is that of the weights; NO_ONES: none */
    void (*gather)(const sums_tile *tile); /* fills those */
    double (*close)(const double *sum, const double *param, double *fact); /* the batch's value, and what its elements need of it */
    void (*spread)(const sums_tile *tile); /* fills gradients and Hessians */
} sums_kernels;

/* Arrays of units have room for whole blocks of so many doubles: a loop may read and write past the last number, and what stands
 * there means nothing. */
enum { UNIT_BLOCK = 16 };

/* One unit as double, contiguous, with nothing absent in it. An input that was not given is NULL. */
typedef struct {
    int64_t length, width; /* of its axes; width is 1 where there is one axis */
    int64_t stride; /* of a matrix: numbers from one row to the next, of inputs and derivatives; else width */
    const double *input[MAX_INPUTS];
    const int64_t *index[MAX_INPUTS]; /* inputs of classes, labels and lengths; checked */
    int64_t count[MAX_INPUTS]; /* numbers of each input in this unit */
    const double *weight; /* of a batch: (length) */
    const int64_t *row; /* of a matrix of which rows are absent: the number among all that each had; else NULL */
    int64_t rows; /* of a matrix: all, the absent ones too */
    const double *factor; /* of a matrix: (length), what the derivatives of each row's value are multiplied by */
    double *value; /* of a matrix: (length) */
    double *grad[MAX_INPUTS], *hess[MAX_INPUTS]; /* NULL: not wanted. They arrive as zeros; but for a matrix's the engine scales them */
    double *matrix; /* (length, length): what stands off the diagonal of input 0's Hessian; NULL, or zeros as it arrives */
    double *by[MAX_LEARNED]; /* by the learnable parameters, of a matrix (length), else one number; not scaled. NULL: not wanted */
    double *work; /* as many doubles as the loss asked for */
    const double *param;
    int upper;
} loss_unit;

typedef struct {
    void (*run)(const loss_unit *u);
    /* Doubles of scratch for the longest unit, whose inputs have so many numbers; NULL: none. */
    int64_t (*work)(int64_t length, int64_t width, const int64_t *counts);
    /* Of rows with a label of which the number there is all that counts, and the only one with a gradient: `length` such numbers, and
     * as many class weights in input 2. NULL: of this loss all numbers count. */
    void (*labels)(const loss_unit *u);
} unit_kernels;

/* ---- a loss, as the registry lists it ---- */

typedef struct {
    const char *name;
    int shape, values_per, unit;
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
#define DESCRIBE(name_, shape_, values_per_, unit_) \
    extern const loss LOSS_ROW(name_);              \
    const loss LOSS_ROW(name_) = { #name_, shape_, values_per_, unit_, &name_##_info };
#else
#define DESCRIBE(name_, shape_, values_per_, unit_)
#endif

/* Closes a loss file: KERNELS(distance, huber) wires the formula huber() into the loops of distance.h. */
#define KERNELS(family_, ...) KERNELS_##family_(__VA_ARGS__)

#endif
