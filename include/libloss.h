/* libloss.h - loss functions: value, gradient, curvature, exact totals.
 *
 * A loss is an object made from a spec such as "huber(delta=1.5)". It takes inputs (prediction and target, mostly) and gives a value
 * per element or per row, reduced to one number if wanted, with gradients and diagonal Hessians from the same pass.
 *
 *     libloss_object *huber;
 *     double mean;
 *     if (libloss_create("huber(delta=1.5)", &huber) != LIBLOSS_OK) puts(libloss_message());
 *     libloss_call_f32(huber, LIBLOSS_MEAN, n, prediction, target, &mean, gradient);         gradient may be NULL
 *     libloss_destroy(huber);
 *
 * That is all most programs need: libloss_call_* for plain arrays, libloss_rows_* for rows of logits with a label each. Weights,
 * strides, other number types, Hessians, running totals go through libloss_eval and a struct in which everything that is 0 is absent.
 *
 * Every function that can fail answers with a status; libloss_message() then names the argument, the position and the value, as in
 * "cross_entropy: target[17] = 4 is not in [0, 4)". All functions may be called from any thread at any time. Objects never change and may
 * be shared by threads; a total or an output may not, while somebody writes to it. There is nothing to initialise.
 *
 * Rules of the ABI
 * 1. A struct that begins with struct_size grows only at its end. The caller stores sizeof. The library reads what it knows: a shorter
 *    struct is 0 beyond its end; in a longer one the unknown rest must be 0, else LIBLOSS_ERR_STRUCT. 0 always means "as if the field did
 *    not exist". Such structs are never elements of an array. All other structs never change.
 * 2. Enumerations travel as int32_t; an unknown value is refused. Nothing is passed by value except numbers; no varargs, no data symbols.
 * 3. Strings and arrays given to libloss_create* are copied. A const char * answered lives as long as the library, or as the object asked.
 * 4. Every check precedes every store: a status below 90 leaves all outputs untouched; from 90 on (the caller's own callback failed or
 *    stopped the call) outputs, totals included, hold unspecified numbers.
 * 5. Callbacks must not throw, longjmp, or destroy the object that calls them; they may call libloss.
 * 6. A call computes under the IEEE default (to nearest, subnormals kept), also on borrowed threads, and gives each its own settings back;
 *    the sticky exception flags are not kept. errno and the locale are neither read nor changed.
 *
 * Threads. A call of some 260,000 elements or more uses as many as pay: at most `threads` of libloss_args, else LIBLOSS_NUM_THREADS, else
 * OMP_NUM_THREADS (both read once), else the CPUs that the affinity mask and the control group's quota allow. They are the library's own,
 * sleep between calls and survive no fork: a child starts its own. No bit of a result depends on them. Callbacks run on the calling thread,
 * a tile kernel with LIBLOSS_ANY_THREAD and an executor's tasks excepted. */
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

/* ---- statuses and options -----------------------------------------------------------------------------------------------------------*/

typedef int32_t libloss_status;
enum {
    LIBLOSS_OK = 0,

    /* what was passed */
    LIBLOSS_ERR_NULL = 10, /* a pointer that is needed is NULL */
    LIBLOSS_ERR_STRUCT = 11, /* struct_size, or a field that this version does not know */
    LIBLOSS_ERR_OPTION = 12, /* a number that names nothing, or options that exclude each other */
    LIBLOSS_ERR_UNSUPPORTED = 13, /* known, but not to this loss or this version */

    /* specs and parameters */
    LIBLOSS_ERR_NAME = 20, /* no such loss; the message has the nearest names */
    LIBLOSS_ERR_PARAMETER = 21, /* no such parameter, or a value out of its range */
    LIBLOSS_ERR_SPEC = 22, /* the text of a spec; the message has the column */

    /* tensors */
    LIBLOSS_ERR_SHAPE = 30,
    LIBLOSS_ERR_DTYPE = 31,
    LIBLOSS_ERR_DEVICE = 32, /* memory that the CPU does not read */
    LIBLOSS_ERR_OVERLAP = 33, /* an output lies on something else */
    LIBLOSS_ERR_OVERFLOW = 34, /* more than 2^53 elements, or strides beyond 2^62 bytes */

    /* the numbers in them */
    LIBLOSS_ERR_LABEL = 40, /* a class index outside [0, classes) */
    LIBLOSS_ERR_DOMAIN = 41, /* a probability outside [0, 1], a label other than -1 and +1, ... */
    LIBLOSS_ERR_WEIGHT = 42, /* a weight that is negative or not finite */
    LIBLOSS_ERR_OFFSETS = 43,

    /* what cannot be had */
    LIBLOSS_ERR_NO_GRADIENT = 50,
    LIBLOSS_ERR_NO_CURVATURE = 51,
    LIBLOSS_ERR_MEMORY = 60,
    LIBLOSS_ERR_TOTAL = 70, /* of another loss, never started, too small, or damaged */

    /* from here on outputs are unspecified */
    LIBLOSS_ERR_CALLBACK = 90, /* a function of the caller's failed */
    LIBLOSS_ERR_STOPPED = 91 /* poll said so */
};

/* Reductions: what one number is made of the values v and the weights w.
 *   MEAN           sum of w*v / number of values present (weight not 0, label not ignored)
 *   SUM            sum of w*v
 *   NONE           no one number: w*v for each value
 *   WEIGHTED_MEAN  sum of w*v / sum of w (class weights count as weights)
 *   SIZE_MEAN      sum of w*v / number of all values, present or not
 *   BATCH_MEAN     sum of w*v / length of the first axis */
enum { LIBLOSS_MEAN = 0, LIBLOSS_SUM = 1, LIBLOSS_NONE = 2, LIBLOSS_WEIGHTED_MEAN = 3, LIBLOSS_SIZE_MEAN = 4, LIBLOSS_BATCH_MEAN = 5 };

/* empty: what a mean is where nothing is present. Sums are 0 then, and gradients are 0 either way. */
enum { LIBLOSS_EMPTY_NAN = 0, LIBLOSS_EMPTY_ZERO = 1 };

/* curvature: the true second derivative, which is 0 for straight lines; or a positive one for Newton steps and boosting, which is a
 * majorizer where the loss has one, and 1 for straight lines. */
enum { LIBLOSS_EXACT = 0, LIBLOSS_UPPER = 1 };

/* hessian_kind: the diagonal, in the shape of the input; or of losses of rows a matrix per row, in that shape with the last axis once more.
 * It is symmetric to the bit, with EXACT its diagonal is that of DIAGONAL, and the rest keeps to the same bounds. With UPPER it has no negative
 * eigenvalue and is nowhere below the exact one, which need not be so of the two diagonals: softmax(row) counts its straight part once
 * here, twice there. Losses that know no matrix say so: LIBLOSS_ERR_UNSUPPORTED. */
enum { LIBLOSS_DIAGONAL = 0, LIBLOSS_ROW_MATRIX = 1 };

/* flags. TRUST_DOMAIN: do not read inputs beforehand to look for numbers outside their domain; what comes of them is unspecified. Labels and
 * weights are checked all the same. DISCARD_ON_ERROR: if the call fails, its output arrays are thrown away, and may have been written in part.
 * So a loss of one number per input looks at domains while it computes, and large arrays are read once instead of twice. */
enum { LIBLOSS_TRUST_DOMAIN = 1, LIBLOSS_DISCARD_ON_ERROR = 2 };

/* ---- objects ------------------------------------------------------------------------------------------------------------------------*/

/* A loss (or a metric) with its parameters: immutable, counted, shared by threads freely. */
typedef struct libloss_object libloss_object;

/* A parameter by name: every parameter is a vector of doubles, most of one number. A choice is given as the number of its word. */
typedef struct {
    const char *name;
    const double *values;
    int64_t count;
} libloss_setting;

/* Makes an object from a spec: a name or alias, its parameters in parentheses, or a weighted sum of such.
 *     "huber"   "huber(delta=2)"   "quantile(tau=[0.1, 0.9])"   "gan_minimax(player=generator)"   "cross_entropy(ignore_index=none)"
 *     "0.7*binary_cross_entropy_with_logits(label_smoothing=0.1) + 0.3*hinge(labels=zero_one)"
 * For shells, "huber:delta=2" is the same as "huber(delta=2)". Numbers are decimal or hexadecimal, read correctly rounded in any locale.
 * Parameters that are not named have their fallback. On success *out is the caller's, to be given to libloss_destroy. */
libloss_status libloss_create(const char *spec, libloss_object **out);

/* Like libloss_create, but from a name and numbers, so that no number passes through text. Of a parameter given twice the last one counts. */
libloss_status libloss_create_with(const char *name, const libloss_setting *settings, int64_t count, libloss_object **out);

/* A weighted sum of losses over the same inputs (by name), at most 16 terms; the only way to combine losses of one's own, which need a
 * tile kernel for it. The terms live on in the sum; terms that are sums themselves are flattened. Factors may be negative, not infinite.
 * Each term is reduced by itself, with its own divisor, and the results are added: factor[0]*R(term 0) + factor[1]*R(term 1) + ...
 * Values, gradients and Hessians are added in double and rounded once. `values` needs terms that give values of one shape. */
libloss_status libloss_combine(const libloss_object *const *terms, const double *factors, int64_t count, libloss_object **out);

/* Gives the object back; NULL is fine. It goes when nobody holds it any more: a sum holds its terms. */
void libloss_destroy(libloss_object *object);

/* Writes the canonical spec: it creates an equal object, and equal objects have equal texts. At most size bytes, the end mark included;
 * answers the length that it needs without the end mark, so libloss_spec(o, NULL, 0) asks for it. */
int64_t libloss_spec(const libloss_object *object, char *text, int64_t size);

/* The text of this thread's last failing call, "" before the first. It stays as it is until this thread's next failing call. */
const char *libloss_message(void);

/* ---- plain arrays -------------------------------------------------------------------------------------------------------------------*/

/* The reduced value of n predictions and n targets, and its gradient with respect to the predictions: for losses of one number per input
 * and exactly two needed inputs. Everything else is LIBLOSS_ERR_SHAPE, and wants libloss_eval. `value` may be NULL; with LIBLOSS_NONE it is
 * n doubles. `gradient` may be NULL, or be the prediction itself, which is then overwritten. A built-in loss allocates nothing. */
libloss_status libloss_call_f32(const libloss_object *o, int32_t reduction, int64_t n, const float *prediction, const float *target,
                                double *value, float *gradient);
libloss_status libloss_call_f64(const libloss_object *o, int32_t reduction, int64_t n, const double *prediction, const double *target,
                                double *value, double *gradient);

/* Like libloss_call_f32, but for losses of rows: prediction and gradient are (rows, classes), and there is one class index per row. With
 * LIBLOSS_NONE value is `rows` doubles. */
libloss_status libloss_rows_f32_i32(const libloss_object *o, int32_t reduction, int64_t rows, int64_t classes, const float *prediction,
                                    const int32_t *label, double *value, float *gradient);
libloss_status libloss_rows_f32_i64(const libloss_object *o, int32_t reduction, int64_t rows, int64_t classes, const float *prediction,
                                    const int64_t *label, double *value, float *gradient);
libloss_status libloss_rows_f64_i32(const libloss_object *o, int32_t reduction, int64_t rows, int64_t classes, const double *prediction,
                                    const int32_t *label, double *value, double *gradient);
libloss_status libloss_rows_f64_i64(const libloss_object *o, int32_t reduction, int64_t rows, int64_t classes, const double *prediction,
                                    const int64_t *label, double *value, double *gradient);

/* ---- tensors ------------------------------------------------------------------------------------------------------------------------*/

/* A view of memory of the caller's, with the layout of DLPack's DLTensor, so a pointer to one may be cast. Any strides, negative and 0 too;
 * any alignment; 0-d and empty tensors (then data may be NULL). Outputs are floating-point, and no two of their elements share memory. C
 * cannot see that memory is read-only: writing to such an output is the caller's crash.
 *   device_type   1 (CPU), 3 or 11 (pinned host memory)
 *   ndim          at most 64
 *   dtype_code    0 int, 1 unsigned, 2 float, 4 bfloat, 6 bool; with dtype_bits 8 to 64 (float: 16, 32, 64); dtype_lanes is 1
 *   strides       in elements, NULL: C order
 *   byte_offset   from data to the first element */
typedef struct {
    void *data;
    int32_t device_type, device_id;
    int32_t ndim;
    uint8_t dtype_code, dtype_bits;
    uint16_t dtype_lanes;
    const int64_t *shape, *strides;
    uint64_t byte_offset;
} libloss_tensor;

/* ---- everything else ----------------------------------------------------------------------------------------------------------------*/

/* Running sums in memory of the caller's; see "totals" below. */
typedef struct libloss_total libloss_total;

/* A host's threads: run must call task(job, i) once for each i below n, in any order and on any threads, and return when all are done. */
typedef struct {
    void (*run)(void *context, void (*task)(void *job, size_t i), void *job, size_t n);
    void *context;
} libloss_executor;

/* All that a call can be asked. Set struct_size, fill what is wanted, leave the rest 0.
 *
 * What is computed. Arithmetic is f64 when a real input is f64 or none is floating-point, else f32; parameters and weights are rounded to
 * it, and so is each value v. The term w*v is taken in double; the sum of terms is exact, rounded once, and a mean is that divided once
 * more: fl(fl(sum)/fl(divisor)). So sums depend on neither order nor split. Gradients and Hessians are those of the reduced value (with
 * LIBLOSS_NONE: of the sum of values) times upstream: jet * fl(fl(upstream/divisor) * w), in double, rounded once. The declared bounds in
 * units in the last place (libloss_info) are of v and of the jet before this scaling, which adds 1 (f32) or 2 (f64).
 * The gradient by a learnable parameter is the exact sum, rounded once, of d * fl(fl(upstream/divisor) * w), each in double, d being the
 * derivative of one value by that parameter: so it depends on neither order nor split. At a kink d is 0 or that of the branch taken.
 *
 * Axes. Units first (rows), then a unit's own (classes). Inputs have equal shapes; nothing is broadcast but a 0-d input, and what a stride
 * of 0 repeats; by each number that is repeated there is a derivative, by a 0-d input there is none. Class indices have the prediction's
 * shape without its last axis; the prediction's whole shape means a row of probabilities.
 *
 * A weight of 0 (or false), an ignored label, a class of weight 0: the value is not there. It is never looked at, what it holds shows
 * nowhere, its gradient is 0, and everything else has the bits that it would have without it. */
typedef struct {
    size_t struct_size;

    /* Inputs by position, as libloss_describe_input tells; NULL: an optional input that is absent. 8 for ever. */
    const libloss_tensor *input[8];
    /* Non-negative: in the shape of the values, or of their leading axes (one per row), or 0-d. */
    const libloss_tensor *weight;
    /* What the gradients are multiplied by: in the shape of the values, or 0-d. */
    const libloss_tensor *upstream;
    /* All parameters in order, libloss_plan.parameters numbers, instead of the object's own: what a learner steps. Of every one as many
     * numbers as the object has. In the ranges that libloss_describe_parameter tells, else LIBLOSS_ERR_PARAMETER. Not with a total. */
    const double *parameters;
    /* The number to divide by instead of the reduction's own: the count over all micro-batches, say. 0: its own. */
    double divisor;
    int32_t reduction, empty, curvature, hessian_kind;
    /* Of losses whose value is of many elements together: how many last axes are one unit. 0 for all others. */
    int32_t unit_axes;
    /* At most so many; 0: as many as pay; 1: none but the caller's. The results are the same. */
    int32_t threads;
    uint64_t flags;

    /* The reduced number. Not with LIBLOSS_NONE. */
    double *value;
    /* w*v for each value, in the shape that libloss_prepare tells; together with value if both are wanted. */
    const libloss_tensor *values;
    /* By input k, in its shape. Each may lie exactly on input k where libloss_info.in_place says so; otherwise no output may share memory
     * with anything, though columns may interleave. Auxiliary numbers are what libloss_auxiliary_name tells, one per value. All of any
     * floating-point type. */
    const libloss_tensor *gradient[8], *hessian[8], *auxiliary[4];
    /* The gradient by the parameters, libloss_plan.parameters numbers; 0 for those that are not learnable; needs one that is. */
    double *parameter_gradient;
    /* Added to, when the call has succeeded. */
    libloss_total *total;
    /* libloss_plan.workspace_size bytes, aligned like malloc's; less is for fewer threads; NULL: libloss allocates them for the call. */
    void *workspace;
    size_t workspace_size;
    /* NULL: threads of the library's own. */
    const libloss_executor *executor;
    /* Called on the calling thread some 100 times a second; an answer other than 0 stops the call. */
    int32_t (*poll)(void *context);
    void *poll_context;
    /* Where the text of an error goes, besides libloss_message(): at most message_size bytes, always ended. */
    char *message;
    size_t message_size;
} libloss_args;

/* What a call will need. values_shape has the first 8 of the values' axes. total_size is what libloss_total_start wants. */
typedef struct {
    size_t struct_size;
    int64_t workspace_size, total_size, parameters;
    int32_t values_ndim, reserved;
    int64_t values_shape[8];
} libloss_plan;

/* Tells shapes and sizes without reading any data; every error of shapes, types, options and overlaps comes here as it would from
 * libloss_eval. Where workspace_size is 0 the call allocates nothing. Without any input it tells total_size alone. */
libloss_status libloss_prepare(const libloss_object *o, const libloss_args *args, libloss_plan *plan);

/* Everything that args asks for, in one pass; what is NULL is not computed. */
libloss_status libloss_eval(const libloss_object *o, const libloss_args *args);

/* Like libloss_eval, but values alone, and those without a weight. */
libloss_status libloss_forward(const libloss_object *o, const libloss_args *args);

/* The second step: input[0] is what forward gave, in double or as it was stored; weight, reduction, divisor and empty make value and total
 * of it. Sums are reduced term by term, so they refuse it. */
libloss_status libloss_reduce(const libloss_object *o, const libloss_args *args);

/* Like libloss_eval, but gradients and Hessians alone: of sum(upstream * w * v) / divisor. */
libloss_status libloss_backward(const libloss_object *o, const libloss_args *args);

/* The constant prediction of least cost: the mean, the median, a quantile, the log-odds of the mean, ... A start value for boosting.
 * input[0] is not looked at; the other inputs and weight are.
 *
 * Of losses of one number per input, where their cost is known to fall and then to rise: count is 1. Where a whole interval is best, its
 * middle; where it has no end, the end that it has; where more is always better, the end of the domain, an infinity if need be. Of losses of
 * rows with a closed form count is the number of classes: probabilities are the weighted frequencies of the classes, with class weights and
 * smoothing in them, and logits are their logarithms (-inf for a class that never came), since any number added to all of a row's logits
 * changes nothing. A floating-point target is rows of probabilities there, an integer one class indices. NaN where nothing is present. */
libloss_status libloss_fit_constant(const libloss_object *o, const libloss_args *args, double *constant, int64_t count);

/* From the mean of the target (of labels: the probability of the upper one; of rows: of each class) to the prediction that stands for it,
 * and back: what libloss_info.link names. Both tensors have one shape, any strides and types, and may be the same memory exactly; rows lie
 * along the last axis. The limits are those of the formulas: ln 0 = -inf. Losses whose prediction stands for no mean answer
 * LIBLOSS_ERR_UNSUPPORTED; a mean outside its domain is LIBLOSS_ERR_DOMAIN. */
libloss_status libloss_link(const libloss_object *o, const libloss_tensor *mean, const libloss_tensor *prediction);
libloss_status libloss_inverse_link(const libloss_object *o, const libloss_tensor *prediction, const libloss_tensor *mean);

/* ---- totals -------------------------------------------------------------------------------------------------------------------------*/

/* A total holds the exact sums and counts from which every reduction can be answered later: of streams, files, threads, ranks. It lies in
 * 8-aligned memory of the caller's (uint64_t[]), memcpy copies it, and equal sums are equal bytes whatever their order.
 *
 *     uint64_t memory[LIBLOSS_TOTAL_SIMPLE / 8];
 *     libloss_total *total = (libloss_total *)memory;
 *     libloss_total_start(total, sizeof memory, loss, NULL);
 *     while (...) libloss_eval(loss, &args);                                                args.total is total
 *     libloss_total_value(total, LIBLOSS_MEAN, LIBLOSS_EMPTY_NAN, 0, &mean, 1);
 *
 * TOTAL_SIMPLE bytes are enough for every loss but sums, and for metrics of few classes or outputs; libloss_prepare tells the size of the
 * others. Metrics that have to sort all cases (areas under curves, medians) have no total. */
enum { LIBLOSS_TOTAL_SIMPLE = 1536 };

/* Makes an empty total for this loss. `shapes`: inputs from which a metric learns the number of classes or outputs; NULL: from its
 * parameter. */
libloss_status libloss_total_start(libloss_total *t, int64_t size, const libloss_object *o, const libloss_args *shapes);

/* Adds `from` to `into`. LIBLOSS_ERR_TOTAL unless they are of equal losses. A total may be merged with itself. */
libloss_status libloss_total_merge(libloss_total *into, const libloss_total *from);

/* Reads a total. values[0] is the reduced number (of a metric all its numbers, in C order); after it, as far as count goes: the sum of
 * weights, the values present, all values, rows. `divisor` as in libloss_args. */
libloss_status libloss_total_value(const libloss_total *t, int32_t reduction, int32_t empty, double divisor, double *values, int64_t count);

/* Bytes that are the same on every machine, to be sent or kept. Answers the length that is needed, 0 for what is no total; writes nothing
 * unless size has room for all. */
int64_t libloss_total_save(const libloss_total *t, void *bytes, int64_t size);

/* The opposite. Bytes from elsewhere are checked: what is damaged is LIBLOSS_ERR_TOTAL. */
libloss_status libloss_total_load(libloss_total *t, int64_t size, const void *bytes, int64_t length);

/* ---- what there is ------------------------------------------------------------------------------------------------------------------*/

/* How a loss gives values, and what its inputs are. Classes, offsets and lengths are of any integer type. */
enum { LIBLOSS_PER_ELEMENT = 0, LIBLOSS_PER_ROW = 1, LIBLOSS_PER_UNIT = 2 };
enum {
    LIBLOSS_KIND_REAL = 0,
    LIBLOSS_KIND_PROBABILITY = 1,
    LIBLOSS_KIND_POSITIVE = 2,
    LIBLOSS_KIND_SIGN = 3, /* -1 or +1 */
    LIBLOSS_KIND_CLASS = 4,
    LIBLOSS_KIND_OFFSETS = 5,
    LIBLOSS_KIND_LENGTH = 6,
    LIBLOSS_KIND_LABEL = 7, /* only whether two are equal matters */
    LIBLOSS_KIND_BINARY = 8 /* 0 or 1, in any dtype */
};
enum { LIBLOSS_SHAPE_LIKE_FIRST = 0, LIBLOSS_SHAPE_PER_VALUE = 1, LIBLOSS_SHAPE_PER_CLASS = 2, LIBLOSS_SHAPE_OTHER = 3 };

/* Flags of inputs and parameters. */
enum {
    LIBLOSS_OPTIONAL = 1, /* an input that may be NULL; a parameter that may have no value */
    LIBLOSS_DIFFERENTIABLE = 2, /* an input with a gradient */
    LIBLOSS_LEARNABLE = 4, /* a parameter with a gradient */
    LIBLOSS_VECTOR = 8, /* a parameter of any number of values */
    LIBLOSS_INTEGRAL = 16,
    LIBLOSS_ABOVE = 32, /* `lowest` itself is not allowed */
    LIBLOSS_BELOW = 64, /* `highest` itself is not allowed */
    LIBLOSS_OR_ROWS = 128, /* a class input that may also be a row of probabilities, shaped like the first input */
    LIBLOSS_OR_ZERO = 256 /* a positive input that may be 0 */
};

/* What a loss asserts of itself as a function of its prediction: bits of libloss_info.claims. */
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
};

/* A loss. aliases are separated by spaces. values_per is a LIBLOSS_PER_; inputs, parameters, auxiliaries are counts. in_place: gradients
 * and Hessians may be written over their input. ulp_f32 and ulp_f64: declared bounds of value, gradient and Hessian before scaling.
 * link: what makes a prediction of a mean with these parameters, "identity", "log", "logit", "half_logit" (half the logit), "softmax" (the
 * logarithm, and back softmax(row)); a factor such as kappa divides the logit. "" where a prediction stands for no mean. */
typedef struct {
    size_t struct_size;
    const char *name, *title, *family, *aliases, *formula, *citation;
    uint64_t claims;
    int32_t is_metric, values_per, inputs, parameters, auxiliaries, in_place;
    double ulp_f32[3], ulp_f64[3];
    const char *link;
} libloss_info;

/* A parameter. choices: words separated by spaces, numbered from 0; NULL if it is a number. fallback: where it is not given. */
typedef struct {
    size_t struct_size;
    const char *name, *description, *choices;
    double fallback, lowest, highest;
    int32_t flags, reserved;
} libloss_parameter;

/* An input. kind is a LIBLOSS_KIND_, shape a LIBLOSS_SHAPE_. */
typedef struct {
    size_t struct_size;
    const char *name, *description;
    int32_t kind, shape, flags, reserved;
} libloss_input;

/* How many losses and metrics are built in, and the name of the i-th; NULL past the last. Metrics come after the losses. */
int64_t libloss_count(void);
const char *libloss_name(int64_t i);

/* Fill a struct, up to the caller's struct_size, with what is known of an object, of its input i or parameter i: of losses of one's own and
 * of sums too. A sum has the inputs of its terms, united by name, and no parameters. LIBLOSS_ERR_OPTION where there is no i-th. */
libloss_status libloss_describe(const libloss_object *o, libloss_info *info);
libloss_status libloss_describe_input(const libloss_object *o, int64_t i, libloss_input *input);
libloss_status libloss_describe_parameter(const libloss_object *o, int64_t i, libloss_parameter *parameter);

/* How many numbers parameter i of this object has (0: it is optional and absent), or -1 if there is no such parameter; the first `count` of
 * them go to values, which may be NULL. */
int64_t libloss_parameter_values(const libloss_object *o, int64_t i, double *values, int64_t count);

/* Term i of a sum and its factor (which may be NULL), NULL past the last: `o` keeps it alive. What is no sum has no terms. */
const libloss_object *libloss_term(const libloss_object *o, int64_t i, double *factor);

/* What auxiliary[i] of a call gets; NULL if there is none. */
const char *libloss_auxiliary_name(const libloss_object *o, int64_t i);

/* The version of the library, which may be another one than this header's LIBLOSS_VERSION_STRING. */
const char *libloss_version(void);

/* Lines of text: version, instruction set, threads that a call may use, compiler. Like libloss_spec in what it writes and answers. */
int64_t libloss_config(char *text, int64_t size);

/* ---- your own loss ------------------------------------------------------------------------------------------------------------------*/

/* One piece of work for a kernel: count units, each of `width` numbers in the first input (1 for LIBLOSS_PER_ELEMENT). Reals are float
 * (bits 32) or double (64); classes are int64_t and have been checked. Everything is contiguous, and absent units are not among them. The
 * kernel writes what is not NULL: a value per unit, derivatives per number of their input, all unweighted. How many units come at once is
 * not promised. parameter: all of them, `parameters` numbers. parameter_gradient (`parameters` numbers, NULL: not wanted) is to be added
 * to, unweighted; where it is wanted units come one at a time, and at most 8 numbers can be learned. What it writes into message, the caller
 * of libloss_eval reads, if the kernel answers other than LIBLOSS_OK. */
typedef struct {
    size_t struct_size;
    int64_t count, width;
    int32_t bits, parameters;
    const void *input[8];
    const double *parameter;
    void *value, *gradient[8], *hessian[8];
    double *parameter_gradient;
    char *message;
    size_t message_size;
} libloss_tile;

/* libloss_vtable.flags. ANY_THREAD: the kernel may run on several threads at once; else it runs on the caller's alone. ONLY_F64: it is
 * given doubles whatever the inputs are. */
enum { LIBLOSS_ANY_THREAD = 1, LIBLOSS_ONLY_F64 = 2 };

/* A loss from outside, in one of two ways.
 *
 * A tile kernel: strides, types, weights, labels, reductions, totals, sums are the engine's, and `tile` is all there is to write.
 *
 * A whole vtable: plan tells values_ndim and values_shape; forward writes the plain values to args->values; backward writes gradients and
 * Hessians of sum(upstream * w * v) / divisor; reduce (NULL: the engine's) makes value and total out of input[0]. Each takes the caller's
 * args as they are and answers with a status of this header. Without backward there are no gradients. It can be no term of a sum.
 *
 * info, inputs (info->inputs pointers) and parameters (info->parameters pointers) are what libloss_describe* will answer. destroy (may be
 * NULL) is called with self when the object goes, but not when libloss_create_custom fails. */
typedef struct {
    size_t struct_size;
    const libloss_info *info;
    const libloss_input *const *inputs;
    const libloss_parameter *const *parameters;
    uint64_t flags;
    libloss_status (*tile)(void *self, libloss_tile *tile);
    libloss_status (*plan)(void *self, const libloss_args *args, libloss_plan *plan);
    libloss_status (*forward)(void *self, const libloss_args *args);
    libloss_status (*backward)(void *self, const libloss_args *args);
    libloss_status (*reduce)(void *self, const libloss_args *args);
    void (*destroy)(void *self);
} libloss_vtable;

/* Like libloss_create_with, but for a loss of one's own: everything in the vtable is copied except self and the functions. */
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
