/*
 * Prints one 64-bit hash per loss: over values, reduced values, gradients, Hessians, matrices of rows and links of fixed inputs, hard
 * ones included, in four storage types, with weights and without; and one per metric that gives one number. All machines with a fused
 * multiply-add must print the same lines. That layout, alignment, writing in place and the number of threads change no bit is seen here
 * already: they must give one hash. NaN counts as one number.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libloss.h"

enum { N = 1470, CLASSES = 5, WIDE = 70, BIG = (1 << 18) + 4077, INPUTS = 8 };
enum { F32, F64, F16, BF16, TYPES };
enum { CONTIGUOUS, STRIDED, MISALIGNED, IN_PLACE, LAYOUTS };

static const struct {
    const char *name;
    uint8_t code, bits;
} types[TYPES] = { { "f32", 2, 32 }, { "f64", 2, 64 }, { "f16", 2, 16 }, { "bf16", 4, 16 } };
static const char *const layouts[LAYOUTS] = { "contiguous", "strided", "misaligned", "in place" };

/* ---- numbers ---- */

static uint64_t state;

static uint64_t next(void) /* splitmix64 */
{
    uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static double uniform(void) { return (double)(next() >> 11) * 0x1p-53; }

static double number(int kind)
{
    double u = uniform();
    switch (kind) {
    case LIBLOSS_KIND_PROBABILITY: return u < 0.1 ? 0 : u > 0.9 ? 1 : u < 0.3 ? u * 1e-6 : u;
    case LIBLOSS_KIND_POSITIVE: return u < 0.3 ? 1 + (double)(int)(u * 30) : u < 0.5 ? 0x1p-10 + u * 0x1p-6 : u * 8;
    case LIBLOSS_KIND_SIGN: return u < 0.5 ? -1 : 1;
    case LIBLOSS_KIND_BINARY: return u < 0.5;
    default: return u < 0.1 ? 0 : (uniform() - 0.5) * (u < 0.4 ? 4 : u < 0.8 ? 200 : u < 0.9 ? 1e-7 : 1600);
    }
}

/* x cut to a type, as bits: all types start from nearly the same numbers. */
static uint64_t encode(int type, double x)
{
    float f = (float)x;
    uint64_t wide;
    uint32_t bits;
    memcpy(&wide, &x, sizeof wide);
    memcpy(&bits, &f, sizeof bits);
    const int exponent = (int)(bits >> 23 & 0xff) - 127;
    switch (type) {
    case F64: return wide;
    case F32: return bits;
    case BF16: return bits >> 16;
    default: return exponent < -14 ? bits >> 16 & 0x8000 : (bits >> 16 & 0x8000) | (uint32_t)(exponent + 15) << 10 | (bits >> 13 & 0x3ff);
    }
}

static int is_nan(int type, uint64_t bits)
{
    static const int digits[TYPES] = { 23, 52, 10, 7 };
    const uint64_t infinity = ((UINT64_C(1) << (types[type].bits - 1 - digits[type])) - 1) << digits[type];
    return (bits & ((UINT64_C(1) << (types[type].bits - 1)) - 1)) > infinity;
}

static void mix(uint64_t *hash, int type, uint64_t bits)
{
    *hash = (*hash ^ (is_nan(type, bits) ? 1 : bits)) * UINT64_C(1099511628211);
    *hash ^= *hash >> 29;
}

/* ---- arrays in every layout ---- */

typedef struct {
    libloss_tensor tensor;
    int64_t shape[2], strides[2];
    char *memory;
    int type; /* -1: labels */
} array;

static char *element(const array *a, int64_t i)
{
    const int64_t columns = a->tensor.ndim > 1 ? a->shape[1] : 1;
    const int64_t offset = i / columns * a->strides[0] + (a->tensor.ndim > 1 ? i % columns * a->strides[1] : 0);
    return (char *)a->tensor.data + offset * (a->tensor.dtype_bits / 8);
}

static int64_t length(const array *a) { return a->shape[0] * (a->tensor.ndim > 1 ? a->shape[1] : 1); }

/* `step`: elements from one to the next; `shift`: bytes by which it is misaligned. */
static void make(array *a, int type, int32_t ndim, int64_t rows, int64_t columns, int64_t step, int shift)
{
    const int64_t bits = type < 0 ? 64 : types[type].bits, width = ndim > 1 ? columns : 1;
    memset(a, 0, sizeof *a);
    a->type = type;
    a->shape[0] = rows, a->shape[1] = columns;
    a->strides[0] = width * step, a->strides[1] = step;
    a->memory = malloc((size_t)(rows * width * step * bits / 8 + 64));
    if (!a->memory) exit(3);
    a->tensor = (libloss_tensor){ .data = a->memory + shift,
                                  .device_type = 1,
                                  .ndim = ndim,
                                  .dtype_code = type < 0 ? 0 : types[type].code,
                                  .dtype_bits = (uint8_t)bits,
                                  .dtype_lanes = 1,
                                  .shape = a->shape,
                                  .strides = a->strides };
}

static void put(array *a, int64_t i, uint64_t bits)
{
    char *p = element(a, i);
    const uint32_t half_bits = (uint32_t)bits;
    const uint16_t quarter = (uint16_t)bits;
    switch (a->tensor.dtype_bits) {
    case 64: memcpy(p, &bits, 8); break;
    case 32: memcpy(p, &half_bits, 4); break;
    default: memcpy(p, &quarter, 2);
    }
}

static void mix_array(uint64_t *hash, const array *a)
{
    for (int64_t i = 0; i < length(a); i++) {
        uint64_t bits = 0;
        uint32_t word;
        uint16_t half;
        switch (a->tensor.dtype_bits) {
        case 64: memcpy(&bits, element(a, i), 8); break;
        case 32: memcpy(&word, element(a, i), 4), bits = word; break;
        default: memcpy(&half, element(a, i), 2), bits = half;
        }
        mix(hash, a->type, bits);
    }
}

/* ---- one loss ---- */

typedef struct {
    const libloss_object *o;
    const char *name;
    libloss_info info;
    libloss_input in[INPUTS];
    int64_t learned; /* numbers of parameters, if any is learnable */
    int two_axes; /* of the first input */
} subject;

static int failed;

/* Evaluates one wish, and takes in everything that came out. `derive`: inputs by which, as bits. */
static void evaluate(const subject *s, int type, int layout, int64_t rows, int64_t columns, int by_rows, int threads, int weighted,
                     int32_t reduction, int derive, int curvature, uint64_t *hash)
{
    const int shift = layout == MISALIGNED;
    const int64_t step = layout == STRIDED ? 2 : 1;
    array input[INPUTS], grad[INPUTS], hess[INPUTS], weight, values;
    libloss_args args = { .struct_size = sizeof args, .reduction = reduction, .curvature = curvature, .threads = threads };
    double value = 0, by[64] = { 0 };
    state = 42;
    for (int k = 0; k < s->info.inputs; k++) {
        const libloss_input *in = &s->in[k];
        const int labels = (in->kind == LIBLOSS_KIND_CLASS && !by_rows) || in->kind == LIBLOSS_KIND_LABEL;
        if (in->flags & LIBLOSS_OPTIONAL) continue;
        const int whole = in->shape == LIBLOSS_SHAPE_LIKE_FIRST || (in->kind == LIBLOSS_KIND_CLASS && by_rows);
        const int sequence = labels && in->shape == LIBLOSS_SHAPE_OTHER; /* fewer labels than steps, and never the blank */
        make(&input[k], labels ? -1 : type, 1 + (s->two_axes && whole), sequence ? rows / 3 : rows, columns, step, shift);
        for (int64_t i = 0; i < length(&input[k]); i++) {
            const int kind = in->kind == LIBLOSS_KIND_CLASS ? LIBLOSS_KIND_PROBABILITY : in->kind;
            const uint64_t first = sequence ? 1 : 0;
            put(&input[k], i, labels ? first + next() % ((uint64_t)columns - first) : encode(type, number(kind)));
        }
        args.input[k] = &input[k].tensor;
        if (!(derive >> k & 1) || labels || !(in->flags & LIBLOSS_DIFFERENTIABLE)) continue;
        make(&grad[k], type, input[k].tensor.ndim, rows, columns, layout == STRIDED ? 3 : 1, shift);
        make(&hess[k], type, input[k].tensor.ndim, rows, columns, layout == STRIDED ? 3 : 1, shift);
        args.gradient[k] = layout == IN_PLACE && s->info.in_place ? &input[k].tensor : &grad[k].tensor;
        args.hessian[k] = &hess[k].tensor;
    }
    make(&weight, type, 1, rows, 1, step, shift);
    for (int64_t i = 0; i < rows; i++) put(&weight, i, encode(type, next() % 4 == 0 ? 0 : uniform() * 3));
    make(&values, type, 1, rows, 1, layout == STRIDED ? 3 : 1, shift);
    if (weighted) args.weight = &weight.tensor;
    if (reduction != LIBLOSS_NONE) args.value = &value;
    if (s->info.values_per != LIBLOSS_PER_UNIT && (reduction == LIBLOSS_NONE || reduction == LIBLOSS_SUM)) args.values = &values.tensor;
    if (derive && s->learned) args.parameter_gradient = by;
    if (libloss_eval(s->o, &args) != LIBLOSS_OK) {
        fprintf(stderr, "%s: %s\n", s->name, libloss_message());
        failed = 1;
    } else {
        uint64_t bits;
        memcpy(&bits, &value, sizeof bits);
        mix(hash, F64, bits);
        if (args.values) mix_array(hash, &values);
        for (int64_t k = 0; args.parameter_gradient && k < s->learned; k++) {
            memcpy(&bits, &by[k], sizeof bits);
            mix(hash, F64, bits);
        }
        for (int k = 0; k < s->info.inputs; k++) {
            if (args.gradient[k]) mix_array(hash, args.gradient[k] == args.input[k] ? &input[k] : &grad[k]);
            if (args.hessian[k]) mix_array(hash, &hess[k]);
        }
    }
    for (int k = 0; k < s->info.inputs; k++) {
        if (args.gradient[k]) free(grad[k].memory), free(hess[k].memory);
        if (args.input[k]) free(input[k].memory);
    }
    free(weight.memory);
    free(values.memory);
}

static uint64_t everything(const subject *s, int type, int layout, int threads)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    const int per_row = s->info.values_per == LIBLOSS_PER_ROW;
    int by_rows_too = 0;
    for (int k = 0; k < s->info.inputs; k++) by_rows_too |= (s->in[k].flags & LIBLOSS_OR_ROWS) != 0;
    for (int wide = 0; wide <= per_row; wide++)
        for (int by_rows = 0; by_rows <= by_rows_too; by_rows++) {
            const int64_t columns = !per_row ? 1 : wide ? WIDE : CLASSES, rows = N / columns;
            for (int32_t reduction = LIBLOSS_MEAN; reduction <= LIBLOSS_BATCH_MEAN; reduction++)
                for (int weighted = 0; weighted < 2; weighted++) {
                    const int derive = reduction == LIBLOSS_SIZE_MEAN ? 0 : reduction == LIBLOSS_BATCH_MEAN && layout != IN_PLACE ? 255 : 1;
                    if (layout == IN_PLACE && reduction == LIBLOSS_BATCH_MEAN) continue;
                    evaluate(s, type, layout, rows, columns, by_rows, threads, weighted, reduction, derive, weighted, &hash);
                }
            if (layout == IN_PLACE) /* all inputs' gradients are wanted only where they have room of their own */
                for (int weighted = 0; weighted < 2; weighted++)
                    evaluate(s, type, CONTIGUOUS, rows, columns, by_rows, threads, weighted, LIBLOSS_BATCH_MEAN, 255, weighted, &hash);
        }
    return hash;
}

/* So many values that threads share them, where they can. */
static uint64_t big(const subject *s, int type, int threads)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    const int64_t columns = s->info.values_per == LIBLOSS_PER_ROW ? CLASSES : 1;
    evaluate(s, type, CONTIGUOUS, BIG / columns, columns, 0, threads, 1, LIBLOSS_WEIGHTED_MEAN, 1, 0, &hash);
    evaluate(s, type, CONTIGUOUS, BIG / columns, columns, 0, threads, 0, LIBLOSS_MEAN, 1, 0, &hash);
    return hash;
}

/* Matrices of rows, in double; nothing where a loss has none. */
static void matrices(const subject *s, int type, int64_t columns, int curvature, uint64_t *hash)
{
    enum { ROWS = 19 };
    static double matrix[ROWS * WIDE * WIDE];
    const int64_t shape[3] = { ROWS, columns, columns };
    const libloss_tensor out = {
        .data = matrix, .device_type = 1, .ndim = 3, .dtype_code = 2, .dtype_bits = 64, .dtype_lanes = 1, .shape = shape
    };
    array input[2];
    libloss_args args = { .struct_size = sizeof args,
                          .reduction = LIBLOSS_SUM,
                          .hessian_kind = LIBLOSS_ROW_MATRIX,
                          .curvature = curvature,
                          .hessian = { &out } };
    state = 43;
    for (int k = 0; k < 2; k++) {
        const int labels = s->in[k].kind == LIBLOSS_KIND_CLASS;
        make(&input[k], labels ? -1 : type, labels ? 1 : 2, ROWS, columns, 1, 0);
        for (int64_t i = 0; i < length(&input[k]); i++)
            put(&input[k], i, labels ? next() % (uint64_t)columns : encode(type, number(s->in[k].kind)));
        args.input[k] = &input[k].tensor;
    }
    const libloss_status status = libloss_eval(s->o, &args);
    for (int64_t i = 0; status == LIBLOSS_OK && i < ROWS * columns * columns; i++) {
        uint64_t bits;
        memcpy(&bits, &matrix[i], sizeof bits);
        mix(hash, F64, bits);
    }
    if (status != LIBLOSS_OK && status != LIBLOSS_ERR_UNSUPPORTED) {
        fprintf(stderr, "%s: %s\n", s->name, libloss_message());
        failed = 1;
    }
    free(input[0].memory);
    free(input[1].memory);
}

/* Both ways of the link, of rows of `columns`. */
static void links(const subject *s, int type, int64_t columns, uint64_t *hash)
{
    array in, out;
    if (!s->info.link[0]) return;
    for (int back = 0; back < 2; back++) {
        state = 44;
        make(&in, type, 2, N / columns, columns, 1, 0);
        make(&out, type, 2, N / columns, columns, 1, 0);
        for (int64_t i = 0; i < length(&in); i++) put(&in, i, encode(type, number(back ? LIBLOSS_KIND_REAL : LIBLOSS_KIND_PROBABILITY)));
        if ((back ? libloss_inverse_link : libloss_link)(s->o, &in.tensor, &out.tensor) != LIBLOSS_OK) {
            fprintf(stderr, "%s: %s\n", s->name, libloss_message());
            failed = 1;
        }
        mix_array(hash, &out);
        free(in.memory);
        free(out.memory);
    }
}

static void differs(const subject *s, const char *type, const char *how, uint64_t one, uint64_t other)
{
    if (one == other) return;
    fprintf(stderr, "%s: %s: %s has other bits\n", s->name, type, how);
    failed = 1;
}

/* Losses of one number per element or per row of them. */
static int is_regular(const subject *s)
{
    int regular = s->info.values_per != LIBLOSS_PER_UNIT && s->info.inputs > 1 && !(s->in[1].flags & LIBLOSS_OPTIONAL);
    for (int k = 0; k < s->info.inputs; k++)
        regular &=
            s->in[k].kind <= LIBLOSS_KIND_CLASS && (s->in[k].shape != LIBLOSS_SHAPE_PER_VALUE || s->in[k].kind == LIBLOSS_KIND_CLASS);
    return regular;
}

/* Those of tuples of rows, square matrices, batches and sequences, of which there is one. */
static uint64_t of_units(const subject *s, int type, int layout, int threads)
{
    enum { SIDE = 61 };
    const int64_t rows = s->two_axes ? SIDE : N, columns = s->two_axes ? SIDE : 1;
    uint64_t hash = UINT64_C(14695981039346656037);
    for (int curvature = 0; curvature < 2; curvature++)
        for (int32_t reduction = LIBLOSS_MEAN; reduction <= LIBLOSS_SUM; reduction++)
            evaluate(s, type, layout, rows, columns, 0, threads, curvature && s->info.values_per == LIBLOSS_PER_ROW, reduction, 255,
                     curvature, &hash);
    return hash;
}

static void run_units(const subject *s)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (int type = F32; type < TYPES; type++) {
        const uint64_t first = of_units(s, type, CONTIGUOUS, 1);
        for (int layout = STRIDED; layout <= MISALIGNED; layout++)
            differs(s, types[type].name, layouts[layout], of_units(s, type, layout, 1), first);
        differs(s, types[type].name, "a number of threads", of_units(s, type, CONTIGUOUS, 8), first);
        mix(&hash, F64, first >> 12);
    }
    printf("%016llx %s\n", (unsigned long long)hash, s->name);
}

static subject subject_of(const libloss_object *o, const char *name)
{
    subject s = { .o = o, .name = name, .info.struct_size = sizeof s.info };
    libloss_describe(o, &s.info);
    s.two_axes = s.info.values_per == LIBLOSS_PER_ROW;
    for (int k = 0; k < s.info.inputs; k++) {
        s.in[k].struct_size = sizeof s.in[k];
        libloss_describe_input(o, k, &s.in[k]);
        s.two_axes |= !s.info.is_metric && s.in[k].shape == LIBLOSS_SHAPE_OTHER && !(s.in[k].flags & LIBLOSS_OPTIONAL);
    }
    return s;
}

static void run(const libloss_object *o, const char *name)
{
    static const int counts[] = { 2, 8 };
    subject s = subject_of(o, name);
    uint64_t hash = UINT64_C(14695981039346656037);
    int64_t numbers = 0;
    for (int k = 0, learnable = 0; k < s.info.parameters; k++) {
        libloss_parameter p = { .struct_size = sizeof p };
        libloss_describe_parameter(o, k, &p);
        learnable |= p.flags & LIBLOSS_LEARNABLE;
        numbers += libloss_parameter_values(o, k, NULL, 0);
        s.learned = learnable ? numbers : 0;
    }
    if (!is_regular(&s)) {
        run_units(&s);
        return;
    }
    for (int type = F32; type < TYPES; type++) {
        const uint64_t first = everything(&s, type, CONTIGUOUS, 1);
        for (int layout = STRIDED; layout < LAYOUTS; layout++)
            differs(&s, types[type].name, layouts[layout], everything(&s, type, layout, 1), first);
        mix(&hash, F64, first >> 12);
        for (int wide = 0; wide < 2; wide++) {
            for (int curvature = 0; curvature < 2; curvature++) matrices(&s, type, wide ? WIDE : CLASSES, curvature, &hash);
            links(&s, type, wide ? WIDE : CLASSES, &hash);
        }
        if (type != F32) continue;
        const uint64_t alone = big(&s, type, 1);
        for (int k = 0; k < 2; k++) differs(&s, types[type].name, "a number of threads", big(&s, type, counts[k]), alone);
        mix(&hash, F64, alone >> 12);
    }
    printf("%016llx %s\n", (unsigned long long)hash, name);
}

/* Classes get rows of scores, lists are rows too. */
static void run_metric(const libloss_object *o, const char *name)
{
    subject s = subject_of(o, name);
    uint64_t hash = UINT64_C(14695981039346656037);
    for (int k = 0; k < s.info.inputs; k++)
        if (s.in[k].kind == LIBLOSS_KIND_CLASS || s.in[k].kind == LIBLOSS_KIND_OFFSETS) s.two_axes = 1;
    const int64_t columns = s.two_axes ? CLASSES : 1;
    for (int type = F32; type < TYPES; type++)
        for (int weighted = 0; weighted < 2; weighted++) {
            uint64_t each[2] = { 1, 1 };
            for (int strided = 0; strided < 2; strided++)
                evaluate(&s, type, strided ? STRIDED : CONTIGUOUS, N / columns, columns, 0, 1, weighted, LIBLOSS_MEAN, 0, 0,
                         &each[strided]);
            differs(&s, types[type].name, layouts[STRIDED], each[1], each[0]);
            mix(&hash, F64, each[0] >> 12);
        }
    uint64_t alone = 1, together = 1;
    evaluate(&s, F32, CONTIGUOUS, BIG / columns, columns, 0, 1, 1, LIBLOSS_MEAN, 0, 0, &alone);
    evaluate(&s, F32, CONTIGUOUS, BIG / columns, columns, 0, 8, 1, LIBLOSS_MEAN, 0, 0, &together);
    differs(&s, types[F32].name, "a number of threads", together, alone);
    mix(&hash, F64, alone >> 12);
    printf("%016llx %s\n", (unsigned long long)hash, name);
}

/* Of five classes, not of class 1. */
static void average_all(libloss_object **o, const char *name)
{
    static const double macro = 2;
    const libloss_setting setting = { "average", &macro, 1 };
    libloss_parameter p = { .struct_size = sizeof p };
    for (int64_t k = 0; libloss_describe_parameter(*o, k, &p) == LIBLOSS_OK; k++) {
        if (!p.choices || strncmp(p.choices, "binary micro macro", 18) != 0) continue;
        libloss_destroy(*o);
        if (libloss_create_with(name, &setting, 1, o) != LIBLOSS_OK) exit(4);
        return;
    }
}

/* All losses and metrics, or those named. */
int main(int arguments, char **argument)
{
    for (int64_t i = 0; i < libloss_count(); i++) {
        libloss_object *o;
        int wanted = arguments < 2;
        for (int k = 1; k < arguments; k++) wanted |= strcmp(argument[k], libloss_name(i)) == 0;
        if (!wanted) continue;
        if (libloss_create(libloss_name(i), &o) != LIBLOSS_OK) return 1;
        libloss_info info = { .struct_size = sizeof info };
        if (libloss_describe(o, &info) != LIBLOSS_OK) return 1;
        if (!info.is_metric) run(o, libloss_name(i));
        if (info.is_metric && strncmp(libloss_name(i), "confusion", 9) != 0) {
            average_all(&o, libloss_name(i));
            run_metric(o, libloss_name(i));
        }
        libloss_destroy(o);
    }
    return failed;
}
