/* libloss.h - loss functions: value, gradient, curvature, exact totals.
 *
 * A loss is an object made from a spec, such as "huber(delta=1.5)". It takes inputs (prediction and target, mostly), and gives a
 * value per element or per row, reduced to one number if wanted, with gradients and diagonal Hessians from the same pass.
 *
 *     libloss_object *huber;
 *     libloss_create("huber(delta=1.5)", &huber);
 *     double mean;
 *     libloss_call_f32(huber, LIBLOSS_MEAN, n, prediction, target, &mean, gradient);      (gradient may be NULL)
 *     libloss_destroy(huber);
 *
 * Every function that can fail answers with a status; libloss_message() then names the argument, the position and the value. All
 * functions may be called from any thread at any time; an object may be shared by threads, a total or an output may not.
 *
 * Rules of the ABI
 * 1. A struct that begins with struct_size grows only at its end. The caller stores sizeof. The library reads what it knows: a shorter
 *    struct is 0 beyond its end; in a longer one the unknown rest must be 0, else LIBLOSS_ERR_STRUCT. 0 always means "as if the field did
 *    not exist". Such structs are never elements of an array. All other structs never change.
 * 2. Enumerations travel as int32_t; an unknown value is refused. Nothing is passed by value except numbers; no varargs, no data symbols.
 * 3. Strings and arrays given to libloss_create* are copied. A const char * answered lives as long as the library, or as the object asked.
 * 4. Every check precedes every store: a status below 90 leaves all outputs untouched; from 90 on (the caller's own callback failed or
 *    stopped the call) outputs, totals included, hold unspecified numbers.
 * 5. Callbacks must not throw, longjmp, or destroy the object that calls them. */
#ifndef LIBLOSS_H
#define LIBLOSS_H
#include <stddef.h>
#include <stdint.h>
#define LIBLOSS_VERSION_STRING "0.1.0"
#ifdef __GNUC__
#pragma GCC visibility push(default)
#endif
#ifdef __cplusplus
extern "C" {
#endif
/* cffi reads from here */
typedef int32_t libloss_status;
enum {
    LIBLOSS_OK = 0,
    LIBLOSS_ERR_NULL = 10,
    LIBLOSS_ERR_STRUCT = 11,
    LIBLOSS_ERR_OPTION = 12,
    LIBLOSS_ERR_UNSUPPORTED = 13,
    LIBLOSS_ERR_NAME = 20,
    LIBLOSS_ERR_PARAMETER = 21,
    LIBLOSS_ERR_SPEC = 22,
    LIBLOSS_ERR_SHAPE = 30,
    LIBLOSS_ERR_DTYPE = 31,
    LIBLOSS_ERR_DEVICE = 32,
    LIBLOSS_ERR_OVERLAP = 33,
    LIBLOSS_ERR_OVERFLOW = 34,
    LIBLOSS_ERR_LABEL = 40,
    LIBLOSS_ERR_DOMAIN = 41,
    LIBLOSS_ERR_WEIGHT = 42,
    LIBLOSS_ERR_OFFSETS = 43,
    LIBLOSS_ERR_NO_GRADIENT = 50,
    LIBLOSS_ERR_NO_CURVATURE = 51,
    LIBLOSS_ERR_MEMORY = 60,
    LIBLOSS_ERR_TOTAL = 70,
    LIBLOSS_ERR_CALLBACK = 90,
    LIBLOSS_ERR_STOPPED = 91
};
enum { LIBLOSS_MEAN = 0, LIBLOSS_SUM = 1, LIBLOSS_NONE = 2, LIBLOSS_WEIGHTED_MEAN = 3, LIBLOSS_SIZE_MEAN = 4, LIBLOSS_BATCH_MEAN = 5 };
enum { LIBLOSS_EMPTY_NAN = 0, LIBLOSS_EMPTY_ZERO = 1 };
enum { LIBLOSS_EXACT = 0, LIBLOSS_UPPER = 1 }; /* curvature: the true one; a positive one for Newton steps and boosting */
enum { LIBLOSS_DIAGONAL = 0, LIBLOSS_ROW_MATRIX = 1 }; /* hessian: shape of the input; that shape with the last axis once more */
enum { LIBLOSS_TRUST_DOMAIN = 1 }; /* flags: do not look for values outside the domain (labels are always checked) */

typedef struct libloss_object libloss_object; /* a loss with its parameters; immutable, counted, shared by threads freely */
typedef struct libloss_total libloss_total; /* lives in 8-aligned memory of yours (uint64_t[]); memcpy copies it */

/* A view of memory of yours, with the layout of DLPack's DLTensor. float16, bfloat16, float32, float64, integers of 8 to 64 bits and bool;
 * any strides, negative and 0 too; any alignment; 0-d and empty tensors (data may be NULL then). Only memory that the CPU reads. */
typedef struct {
    void *data;
    int32_t device_type, device_id; /* 1 (CPU), 3 or 11 (pinned host memory) */
    int32_t ndim; /* at most 64 */
    uint8_t dtype_code, dtype_bits; /* 0 int, 1 unsigned, 2 float, 4 bfloat, 6 bool; bits of one number */
    uint16_t dtype_lanes; /* 1 */
    const int64_t *shape, *strides; /* strides in elements, NULL: C order */
    uint64_t byte_offset; /* from data to the first element */
} libloss_tensor;

/* ---- objects: "huber(delta=1.5)", "quantile(tau=[0.1,0.9])", "0.7*dice_with_logits + 0.3*binary_cross_entropy_with_logits" */
typedef struct {
    const char *name;
    const double *values;
    int64_t count;
} libloss_setting; /* every parameter is a vector of doubles */

/* Makes an object from a spec: a name or alias, its parameters in parentheses (or after a colon, for shells: "huber:delta=2"), or a
 * weighted sum of such. LIBLOSS_ERR_NAME with the nearest names, LIBLOSS_ERR_PARAMETER, LIBLOSS_ERR_SPEC with the column. */
libloss_status libloss_create(const char *spec, libloss_object **out);

/* Like libloss_create, but from a name and numbers, so that no number passes through text. A choice is given as its number. */
libloss_status libloss_create_with(const char *name, const libloss_setting *settings, int64_t count, libloss_object **out);

/* A weighted sum of losses over the same inputs (by name), at most 16 terms; the only way to combine losses of your own. Its reduced
 * value is the sum of the terms' reduced values, each with its own divisor. Terms that are sums themselves are flattened. */
libloss_status libloss_combine(const libloss_object *const *terms, const double *factors, int64_t count, libloss_object **out);
void libloss_destroy(libloss_object *object); /* NULL is fine; terms of a sum live on in it */
int64_t libloss_spec(const libloss_object *object, char *text, int64_t size); /* canonical, creates an equal object; the length it needs */
const char *libloss_message(void); /* of this thread's last failing call; stays until this thread's next failing call */

/* ---- plain arrays. call: n numbers each, for losses of one number per input (each element a value) and losses of sums (one unit of n).
 * rows: (rows, classes) logits or scores with one label per row. Anything else is LIBLOSS_ERR_SHAPE and wants libloss_eval. value may be NULL,
 * for LIBLOSS_NONE it is n (rows) doubles; gradient may be NULL or the prediction itself. */
libloss_status libloss_call_f32(const libloss_object *o, int32_t reduction, int64_t n, const float *prediction, const float *target,
                                double *value, float *gradient);
libloss_status libloss_call_f64(const libloss_object *o, int32_t reduction, int64_t n, const double *prediction, const double *target,
                                double *value, double *gradient);
libloss_status libloss_rows_f32_i32(const libloss_object *o, int32_t reduction, int64_t rows, int64_t classes, const float *prediction,
                                    const int32_t *label, double *value, float *gradient);
libloss_status libloss_rows_f32_i64(const libloss_object *o, int32_t reduction, int64_t rows, int64_t classes, const float *prediction,
                                    const int64_t *label, double *value, float *gradient);
libloss_status libloss_rows_f64_i32(const libloss_object *o, int32_t reduction, int64_t rows, int64_t classes, const double *prediction,
                                    const int32_t *label, double *value, double *gradient);
libloss_status libloss_rows_f64_i64(const libloss_object *o, int32_t reduction, int64_t rows, int64_t classes, const double *prediction,
                                    const int64_t *label, double *value, double *gradient);

/* ---- everything else. Inputs by position as libloss_describe_input tells; NULL: an optional input that is absent. Axes: units first (rows,
 * queries, sequences), then a unit's own (classes; steps, classes). Arithmetic is f64 when a real input is f64, else f32; parameters are
 * rounded to it; each value is rounded to it; w*v is taken in f64, summed exactly; a mean is fl(fl(sum)/fl(divisor)).
 * Gradients and Hessians are of the reduced value (LIBLOSS_NONE: of the sum of values) times upstream: jet * fl(fl(upstream/divisor)*w). */
typedef struct {
    void (*run)(void *context, void (*task)(void *job, size_t i), void *job, size_t n);
    void *context;
} libloss_executor;
typedef struct {
    size_t struct_size;
    const libloss_tensor *input[8]; /* 8 for ever; a registry test holds it */
    const libloss_tensor *weight; /* shape of values, or of its leading axes, or 0-d; 0 (or false): not there, never looked at */
    const libloss_tensor *upstream; /* shape of values, or 0-d */
    const double *parameters; /* all parameters in order instead of the object's own: what a learner steps */
    double divisor; /* 0: the reduction's own */
    int32_t reduction, empty, curvature, hessian_kind;
    int32_t unit_axes; /* losses of sums: how many last axes are one unit; 0: all of them */
    int32_t threads; /* 0: as many as pay; 1: none but the caller's */
    uint64_t flags;
    double *value; /* the reduced number */
    const libloss_tensor *values; /* w*v per element, row, query ...; any float dtype; together with value if wanted */
    const libloss_tensor *gradient[8], *hessian[8],
        *auxiliary[4]; /* any float dtype (auxiliary: see libloss_describe); may be exactly its input */
    double *parameter_gradient; /* libloss_plan.parameters numbers, summed exactly */
    libloss_total *total; /* added to */
    void *workspace;
    size_t workspace_size; /* NULL: libloss allocates libloss_plan.workspace_size bytes if that is not 0 */
    const libloss_executor *executor; /* NULL: own threads */
    int32_t (*poll)(void *context);
    void *poll_context; /* on the calling thread, some 100 times a second; not 0 stops the call */
    char *message;
    size_t message_size; /* NULL: only libloss_message() */
} libloss_args;
typedef struct {
    size_t struct_size;
    int64_t workspace_size, total_size, parameters;
    int32_t values_ndim, reserved;
    int64_t values_shape[8];
} libloss_plan;
libloss_status libloss_prepare(const libloss_object *o, const libloss_args *args,
                               libloss_plan *plan); /* shapes and sizes only; no data is read */
libloss_status libloss_eval(const libloss_object *o, const libloss_args *args);
libloss_status libloss_forward(const libloss_object *o, const libloss_args *args); /* values alone; no weight */
libloss_status libloss_reduce(const libloss_object *o,
                              const libloss_args *args); /* input[0] is what forward gave; weight -> value, total */
libloss_status libloss_backward(const libloss_object *o, const libloss_args *args); /* gradients of sum(upstream * w * v) / divisor */
libloss_status libloss_fit_constant(const libloss_object *o, const libloss_args *args, double *constant, int64_t count);

/* libloss_prepare tells the shape of the values and what workspace and total a call needs; every error of shapes and types comes here too.
 * libloss_eval does everything that args asks for in one pass: what is NULL is not computed. The steps are also there by themselves:
 * forward gives the values, reduce their reduced number, backward the gradients. An input's gradient has the shape of that input.
 * A weight of 0 means that the value is not there: it is never looked at, and what it holds shows nowhere.
 * libloss_fit_constant: the constant prediction of least cost for convex losses of one number per input (mean, median, log-odds, ...);
 * input[0] is not needed. NaN where nothing is present. */

/* ---- totals: sum, sum of weights, counts of values present, of all values, of rows (for metrics and losses of sums: their sums) */
enum { LIBLOSS_TOTAL_SIMPLE = 1536 }; /* total_size of every loss whose reduced value is sum/divisor; fixed for this SONAME */
libloss_status libloss_total_start(libloss_total *t, int64_t size, const libloss_object *o,
                                   const libloss_args *shapes); /* shapes: NULL for simple ones */
libloss_status libloss_total_merge(libloss_total *into, const libloss_total *from); /* LIBLOSS_ERR_TOTAL unless of equal specs */
/* values[0]: the reduced number (of a metric: all its numbers, in C order); then, as far as count goes: the sum of weights, the values
 * present, all values, rows. */
libloss_status libloss_total_value(const libloss_total *t, int32_t reduction, int32_t empty, double divisor, double *values, int64_t count);
int64_t libloss_total_save(const libloss_total *t, void *bytes, int64_t size); /* canonical little-endian; the length it needs */
libloss_status libloss_total_load(libloss_total *t, int64_t size, const void *bytes, int64_t length);

/* ---- what there is. Structs are filled up to the caller's struct_size. Arrays go through an index, never as arrays of structs. */
typedef struct {
    size_t struct_size;
    const char *name, *title, *family, *aliases, *formula, *citation;
    uint64_t claims;
    int32_t is_metric, values_per, inputs, parameters, auxiliaries, in_place;
    double ulp_f32[3], ulp_f64[3];
} libloss_info; /* declared bounds of value, gradient, Hessian (before scaling) */
typedef struct {
    size_t struct_size;
    const char *name, *description, *choices;
    double fallback, lowest, highest;
    int32_t flags, reserved;
} libloss_parameter;
typedef struct {
    size_t struct_size;
    const char *name, *description;
    int32_t kind, shape, flags, reserved;
} libloss_input;
enum {
    LIBLOSS_OPTIONAL = 1,
    LIBLOSS_DIFFERENTIABLE = 2,
    LIBLOSS_LEARNABLE = 4,
    LIBLOSS_VECTOR = 8,
    LIBLOSS_INTEGRAL = 16,
    LIBLOSS_ABOVE = 32,
    LIBLOSS_BELOW = 64,
    LIBLOSS_OR_ROWS = 128, /* a class input that may also be a row of probabilities, shaped like the first input */
    LIBLOSS_OR_ZERO = 256 /* a positive input that may be 0 */
};
enum {
    LIBLOSS_CLAIM_CONVEX = 1,
    LIBLOSS_CLAIM_NONNEGATIVE = 2,
    LIBLOSS_CLAIM_EVEN = 4,
    LIBLOSS_CLAIM_DIFFERENTIABLE = 8,
    LIBLOSS_CLAIM_TWICE_DIFFERENTIABLE = 16,
    LIBLOSS_CLAIM_LIPSCHITZ = 32,
    LIBLOSS_CLAIM_BOUNDED = 64,
    LIBLOSS_CLAIM_CALIBRATED = 128,
    LIBLOSS_CLAIM_PROPER = 256
}; /* bits of libloss_info.claims */
enum { LIBLOSS_PER_ELEMENT = 0, LIBLOSS_PER_ROW = 1, LIBLOSS_PER_UNIT = 2 }; /* libloss_info.values_per */
enum {
    LIBLOSS_KIND_REAL = 0,
    LIBLOSS_KIND_PROBABILITY = 1,
    LIBLOSS_KIND_POSITIVE = 2,
    LIBLOSS_KIND_SIGN = 3,
    LIBLOSS_KIND_CLASS = 4,
    LIBLOSS_KIND_OFFSETS = 5,
    LIBLOSS_KIND_LENGTH = 6
}; /* 4..6: any integer dtype, compared as int64 */
enum { LIBLOSS_SHAPE_LIKE_FIRST = 0, LIBLOSS_SHAPE_PER_VALUE = 1, LIBLOSS_SHAPE_PER_CLASS = 2, LIBLOSS_SHAPE_OTHER = 3 };
int64_t libloss_count(void);
const char *libloss_name(int64_t i);
libloss_status libloss_describe(const libloss_object *o, libloss_info *info);
libloss_status libloss_describe_input(const libloss_object *o, int64_t i, libloss_input *input);
libloss_status libloss_describe_parameter(const libloss_object *o, int64_t i, libloss_parameter *parameter);
const char *libloss_auxiliary_name(const libloss_object *o, int64_t i);
const char *libloss_version(void);
int64_t libloss_config(char *text, int64_t size); /* version, instruction set, threads, compiler */

/* ---- your own loss: either tile (the engine does the rest) or plan + forward + backward (reduce NULL: the engine's). */
typedef struct {
    size_t struct_size; /* set by libloss */
    int64_t count, width; /* units here; reals per unit of input[0] (1 for LIBLOSS_PER_ELEMENT) */
    int32_t bits, parameters; /* reals are float (32) or double (64); classes, offsets, lengths are int64_t, checked */
    const void *input[8]; /* contiguous: count, or count * width; absent units are not passed */
    const double *parameter;
    void *value, *gradient[8], *hessian[8]; /* NULL: not wanted. Unweighted; per element of its input */
    double *parameter_gradient; /* add to it */
    char *message;
    size_t message_size; /* what the caller of libloss_eval reads if the kernel answers other than LIBLOSS_OK */
} libloss_tile;
enum { LIBLOSS_ANY_THREAD = 1 }; /* libloss_vtable.flags: tile may run on several threads at once; else only on the caller's */
typedef struct {
    size_t struct_size;
    const libloss_info *info;
    const libloss_input *const *inputs; /* info->inputs pointers */
    const libloss_parameter *const *parameters;
    uint64_t flags;
    libloss_status (*tile)(void *self, libloss_tile *tile);
    libloss_status (*plan)(void *self, const libloss_args *args, libloss_plan *plan);
    libloss_status (*forward)(void *self, const libloss_args *args);
    libloss_status (*backward)(void *self, const libloss_args *args);
    libloss_status (*reduce)(void *self, const libloss_args *args);
    void (*destroy)(void *self);
} libloss_vtable;
libloss_status libloss_create_custom(const libloss_vtable *vtable, void *self, const libloss_setting *settings, int64_t count,
                                     libloss_object **out);
/* cffi reads to here */
#ifdef __cplusplus
}
#endif
#ifdef __GNUC__
#pragma GCC visibility pop
#endif
#endif
