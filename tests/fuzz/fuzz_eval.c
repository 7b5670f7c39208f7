/*
 * Tensors from anywhere: any loss, any shapes, strides, types, options, overlaps. Every array is its own piece of memory of exactly
 * the bytes that its strides reach, so the address sanitizer sees each step beside it. What is refused leaves all outputs as they
 * were; what is accepted has the bits of the same call on dense copies.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libloss.h"

enum { AXES = 3, TENSORS = 16 };

static const uint8_t *bytes, *end;

static unsigned next(void) { return bytes < end ? *bytes++ : 0; }
static unsigned below(unsigned n) { return next() % n; }

typedef struct {
    libloss_tensor tensor, dense; /* as the call sees it; the same elements in C order */
    int64_t shape[AXES], strides[AXES], count;
    char *memory, *before, *copy; /* of `size` bytes; what it held before; the dense elements */
    size_t size;
    int given, output, bytes;
} array;

static array arrays[TENSORS];
static int used;

/* Types with their chances: the common ones often, one that does not exist. */
static const uint8_t types[][2] = { { 2, 32 }, { 2, 64 }, { 2, 32 }, { 2, 64 }, { 0, 64 }, { 0, 32 }, { 2, 16 }, { 4, 16 },
                                    { 1, 8 },  { 0, 8 },  { 6, 8 },  { 1, 64 }, { 0, 16 }, { 1, 16 }, { 1, 32 }, { 5, 64 } };

static void put_number(char *to, const array *a, unsigned style)
{
    static const double nice[] = {
        0, 1, 0.5, -1, 2, 0.25, 3, -0.75, 1e-30, 700, -700, 1e30, 1e-310, __builtin_inf(), -__builtin_inf(), __builtin_nan("")
    };
    const uint8_t code = a->tensor.dtype_code, bits = a->tensor.dtype_bits;
    const double x = nice[below(style & 1 ? 16 : 3)];
    const float f = (float)x;
    static const uint16_t halves[] = { 0, 0x3c00, 0x3800, 0xbc00, 0x7c00, 0x7e00, 1 };
    const uint16_t half = halves[below(style & 1 ? 7 : 3)];
    const int64_t label = (int64_t)below(style & 1 ? 9 : 2) - (style & 1);
    if (code == 2 && bits == 64)
        memcpy(to, &x, 8);
    else if (code == 2 && bits == 32)
        memcpy(to, &f, 4);
    else if (bits == 16 && code != 0 && code != 1)
        memcpy(to, &half, 2);
    else
        memcpy(to, &label, (size_t)a->bytes < 8 ? (size_t)a->bytes : 8);
}

/* A tensor of this shape, more or less. */
static const libloss_tensor *make(int32_t ndim, const int64_t *shape, int type, int output)
{
    if (used == TENSORS) return NULL;
    array *a = &arrays[used++];
    memset(a, 0, sizeof *a);
    const unsigned odd = below(12);
    a->given = 1, a->output = output;
    a->tensor.ndim = odd == 1 ? (int32_t)below(AXES + 1) : ndim;
    a->tensor.device_type = odd == 2 ? (int32_t)below(12) : 1;
    const uint8_t *t = types[type >= 0 && odd != 3 ? (unsigned)type : below(16)];
    a->tensor.dtype_code = t[0], a->tensor.dtype_bits = t[1];
    a->tensor.dtype_lanes = odd == 4 ? (uint16_t)below(3) : 1;
    a->bytes = t[1] / 8;
    a->count = 1;
    for (int32_t k = 0; k < a->tensor.ndim; k++) {
        a->shape[k] = k < ndim ? shape[k] : 1;
        if (odd == 5) a->shape[k] = below(5);
        a->count *= a->shape[k];
    }
    const unsigned layout = below(6);
    int64_t dense = 1, low = 0, high = 0;
    for (int32_t k = a->tensor.ndim - 1; k >= 0; k--) {
        const int64_t gap = layout == 3 ? 1 + below(3) : 1;
        a->strides[k] = layout == 2 ? -dense : layout == 4 ? 0 : layout == 5 ? (int64_t)below(9) - 4 : dense * gap;
        dense *= a->shape[k] * gap;
        const int64_t reach = (a->shape[k] - 1) * a->strides[k];
        if (a->count > 0) low += reach < 0 ? reach : 0, high += reach > 0 ? reach : 0;
    }
    const size_t shift = below(4) == 3 ? below(8) : 0; /* not aligned */
    a->size = (a->count > 0 ? (size_t)(high - low + 1) * (size_t)a->bytes : 0) + shift;
    a->memory = malloc(a->size ? a->size : 1);
    a->before = malloc(a->size ? a->size : 1);
    if (!a->memory || !a->before) abort();
    const unsigned style = next();
    for (size_t i = shift; i + (size_t)a->bytes <= a->size; i += (size_t)a->bytes) put_number(a->memory + i, a, style);
    a->tensor.data = a->memory;
    a->tensor.byte_offset = (uint64_t)(shift + (size_t)(-low) * (size_t)a->bytes);
    a->tensor.shape = a->shape;
    a->tensor.strides = layout < 2 && below(2) ? NULL : a->strides;
    if (a->count == 0 && below(2)) a->tensor.data = NULL;
    return &a->tensor;
}

static char *element(const array *a, int64_t i)
{
    int64_t offset = 0;
    for (int32_t k = a->tensor.ndim - 1; k >= 0; k--) {
        offset += i % a->shape[k] * a->strides[k];
        i /= a->shape[k];
    }
    return (char *)a->tensor.data + a->tensor.byte_offset + offset * a->bytes;
}

static const libloss_tensor *dense_of(const libloss_tensor *t)
{
    for (int i = 0; t && i < used; i++)
        if (&arrays[i].tensor == t) return &arrays[i].dense;
    return NULL;
}

static int is_nan(const char *p, const array *a)
{
    double x = 0;
    float f = 0;
    uint16_t h = 0;
    const uint8_t code = a->tensor.dtype_code;
    if (code == 2 && a->bytes == 8) return memcpy(&x, p, 8), x != x;
    if (code == 2 && a->bytes == 4) return memcpy(&f, p, 4), f != f;
    memcpy(&h, p, 2);
    return code == 2 ? (h & 0x7fff) > 0x7c00 : code == 4 && (h & 0x7fff) > 0x7f80;
}

static void compare(const array *a)
{
    for (int64_t i = 0; i < a->count; i++) {
        const char *x = element(a, i), *y = a->copy + i * a->bytes;
        if (memcmp(x, y, (size_t)a->bytes) != 0 && !(is_nan(x, a) && is_nan(y, a))) abort();
    }
}

static int same_number(double x, double y) { return memcmp(&x, &y, sizeof x) == 0 || (x != x && y != y); }

static const char *const specs[] = { "quantile(tau=[0.1, 0.9])",      "cross_entropy(label_smoothing=0.1)",
                                     "cross_entropy(ignore_index=1)", "0.5*huber - 2*log_cosh",
                                     "nll + 0.25*cross_entropy",      "hinge(labels=zero_one)",
                                     "f_beta(average=macro)",         "accuracy(threshold=0.4)",
                                     "confusion_counts(classes=3)" };

static void fuzz_call(void)
{
    libloss_object *o;
    const int64_t named = libloss_count(), extra = (int64_t)(sizeof specs / sizeof *specs), which = below((unsigned)(named + extra));
    if (libloss_create(which < named ? libloss_name(which) : specs[which - named], &o) != LIBLOSS_OK) abort();
    libloss_info info = { .struct_size = sizeof info };
    if (libloss_describe(o, &info) != LIBLOSS_OK) abort();

    int64_t shape[AXES];
    const unsigned sizes = below(8);
    int32_t ndim = (int32_t)below(AXES + 1);
    for (int k = 0; k < AXES; k++) shape[k] = sizes == 7 ? (int64_t)below(70) : 1 + (int64_t)below(4);
    if (sizes == 6) shape[below(AXES)] = 0;
    const int32_t values_ndim = info.values_per == LIBLOSS_PER_ROW && ndim > 0 ? ndim - 1 : ndim;
    const int type = (int)below(2);
    double value[2] = { 42, 42 }, numbers[64], by[2][64];
    static uint64_t total[2][512];
    libloss_args args = { .struct_size = sizeof args };
    for (int32_t i = 0; i < info.inputs; i++) {
        libloss_input in = { .struct_size = sizeof in };
        if (libloss_describe_input(o, i, &in) != LIBLOSS_OK) abort();
        const int labels = in.kind == LIBLOSS_KIND_CLASS && below(3) != 0;
        if ((in.flags & LIBLOSS_OPTIONAL) && below(2)) continue;
        args.input[i] = in.shape == LIBLOSS_SHAPE_PER_CLASS
                            ? make(1, &shape[ndim > 0 ? ndim - 1 : 0], type, 0)
                            : make(labels ? values_ndim : ndim, shape, labels ? 4 + (int)below(2) : type, 0);
    }
    const unsigned options = next(), wants = next(), wild = next();
    if (options & 1) args.weight = make(below(2) ? values_ndim : (int32_t)below(2), shape, type, 0);
    if (options & 2) args.upstream = make(values_ndim, shape, type, 0);
    if (wants & 1) args.values = make(values_ndim, shape, (int)below(2), 1);
    if (wants & 2) args.gradient[0] = make(ndim, shape, (int)below(2), 1);
    const int matrices = (options & 192) == 192 && ndim > 0 && ndim < AXES;
    int64_t matrix_shape[AXES + 1];
    memcpy(matrix_shape, shape, sizeof shape);
    if (ndim > 0) matrix_shape[ndim] = shape[ndim - 1];
    if (wants & 4) args.hessian[0] = matrices ? make(ndim + 1, matrix_shape, (int)below(2), 1) : make(ndim, shape, (int)below(2), 1);
    if (wants & 8) args.gradient[1] = make(ndim, shape, (int)below(2), 1);
    if (wants & 16) args.auxiliary[below(2)] = make(values_ndim, shape, (int)below(2), 1);
    if (wants & 32) args.value = &value[0];
    if (wants & 64) args.gradient[0] = args.input[0]; /* in place */
    if ((wants & 128) && args.gradient[0] && args.values) args.hessian[0] = args.values; /* two outputs, one memory */
    args.reduction = (int32_t)below(8) - (wild == 1);
    args.empty = (int32_t)below(2) + 2 * (wild == 2);
    args.curvature = (int32_t)below(2) + 2 * (wild == 3);
    args.hessian_kind = matrices + 2 * (wild == 5);
    args.flags = (options & 4) ? LIBLOSS_TRUST_DOMAIN : wild == 6 ? 64 : wild > 127 ? LIBLOSS_DISCARD_ON_ERROR : 0;
    args.divisor = (options & 8) ? 3 : wild == 7 ? -1 : 0;
    args.threads = (int32_t)(options >> 5);
    if ((options & 16) && libloss_total_start((libloss_total *)total[0], sizeof total[0], o, info.is_metric ? &args : NULL) == LIBLOSS_OK)
        args.total = (libloss_total *)total[0];
    memcpy(total[1], total[0], sizeof total[0]);
    const unsigned learning = below(4);
    int64_t given = 0;
    for (int k = 0; k < 64; k++) by[0][k] = by[1][k] = 42;
    for (int32_t i = 0; i < info.parameters; i++) {
        libloss_parameter about = { .struct_size = sizeof about };
        if (libloss_describe_parameter(o, i, &about) != LIBLOSS_OK) abort();
        const int64_t has = libloss_parameter_values(o, i, &numbers[given], 64 - given);
        for (int64_t k = given; k < given + has; k++)
            if ((about.flags & LIBLOSS_LEARNABLE) && below(2)) numbers[k] = numbers[k] * below(4) - below(2);
        given += has;
    }
    if (learning & 1) args.parameters = numbers;
    if (learning & 2) args.parameter_gradient = by[0];

    /* The same elements, dense and aligned. In place becomes a copy in the input's array. */
    libloss_args dense = args;
    const int outputs_alias = args.gradient[0] && args.gradient[0] == args.input[0];
    for (int i = 0; i < used; i++) {
        array *a = &arrays[i];
        memcpy(a->before, a->memory, a->size);
        a->copy = malloc((size_t)(a->count * a->bytes) + 1);
        if (!a->copy) abort();
        for (int64_t k = 0; k < a->count; k++) memcpy(a->copy + k * a->bytes, element(a, k), (size_t)a->bytes);
        a->dense = a->tensor;
        a->dense.data = a->copy, a->dense.byte_offset = 0, a->dense.strides = NULL;
    }
    for (int k = 0; k < 8; k++) {
        dense.input[k] = dense_of(args.input[k]);
        dense.gradient[k] = dense_of(args.gradient[k]);
        dense.hessian[k] = dense_of(args.hessian[k]);
    }
    for (int k = 0; k < 4; k++) dense.auxiliary[k] = dense_of(args.auxiliary[k]);
    dense.weight = dense_of(args.weight), dense.upstream = dense_of(args.upstream), dense.values = dense_of(args.values);
    if (args.value) dense.value = &value[1];
    if (args.total) dense.total = (libloss_total *)total[1];
    if (args.parameter_gradient) dense.parameter_gradient = by[1];

    libloss_plan plan = { .struct_size = sizeof plan };
    const libloss_status prepared = libloss_prepare(o, &args, &plan);
    if (prepared == LIBLOSS_OK && (plan.workspace_size < 0 || plan.total_size < 0 || plan.values_ndim < 0)) abort();
    if ((options & 128) && prepared == LIBLOSS_OK && plan.workspace_size > 0) {
        args.workspace = malloc((size_t)plan.workspace_size);
        args.workspace_size = (size_t)plan.workspace_size;
    }
    const libloss_status status = libloss_eval(o, &args);
    if (prepared != LIBLOSS_OK && status == LIBLOSS_OK && !info.is_metric) abort();
    if (status != LIBLOSS_OK) {
        if (!libloss_message()[0] || value[0] != 42 || by[0][0] != 42) abort();
        for (int i = 0; i < used; i++)
            if (!(arrays[i].output && args.flags == LIBLOSS_DISCARD_ON_ERROR) &&
                memcmp(arrays[i].memory, arrays[i].before, arrays[i].size) != 0)
                abort();
        if (args.total && memcmp(total[0], total[1], sizeof total[0]) != 0) abort();
    } else {
        const libloss_status again = libloss_eval(o, &dense);
        /* An input of stride 0 is one number, and has no derivative; its dense copy has one. */
        if (again != LIBLOSS_OK) abort();
        if (!same_number(value[0], value[1])) abort();
        for (int k = 0; k < 64; k++)
            if (!same_number(by[0][k], by[1][k])) abort();
        for (int i = 0; i < used; i++)
            if (arrays[i].output || (outputs_alias && &arrays[i].tensor == args.input[0])) compare(&arrays[i]);
        if (args.total && memcmp(total[0], total[1], sizeof total[0]) != 0) abort();
    }
    free(args.workspace);
    libloss_destroy(o);
}

/* Bytes that say they are a total. */
static void fuzz_total(void)
{
    static uint64_t loaded[1 << 12], own[1 << 12];
    libloss_object *o;
    double numbers[64];
    if (libloss_create(specs[below(9)], &o) != LIBLOSS_OK) abort();
    if (libloss_total_start((libloss_total *)own, sizeof own, o, NULL) != LIBLOSS_OK) abort();
    const size_t length = (size_t)libloss_total_save((libloss_total *)own, NULL, 0);
    char *saved = malloc(length);
    if (!saved || libloss_total_save((libloss_total *)own, saved, (int64_t)length) != (int64_t)length) abort();
    while (bytes < end) {
        const size_t at = (next() | next() << 8) % length;
        saved[at] = (char)next();
    }
    if (libloss_total_load((libloss_total *)loaded, sizeof loaded, saved, (int64_t)length) == LIBLOSS_OK) {
        libloss_total_value((libloss_total *)loaded, LIBLOSS_MEAN, LIBLOSS_EMPTY_NAN, 0, numbers, 64);
        libloss_total_value((libloss_total *)loaded, LIBLOSS_WEIGHTED_MEAN, LIBLOSS_EMPTY_ZERO, 0, numbers, 64);
        libloss_total_merge((libloss_total *)own, (libloss_total *)loaded);
        libloss_total_value((libloss_total *)own, LIBLOSS_SUM, LIBLOSS_EMPTY_NAN, 0, numbers, 64);
        const double x = 0.5;
        const libloss_tensor t = { .data = (void *)(uintptr_t)&x, .device_type = 1, .dtype_code = 2, .dtype_bits = 64, .dtype_lanes = 1 };
        const libloss_args args = { .struct_size = sizeof args, .input = { &t, &t }, .total = (libloss_total *)loaded };
        libloss_eval(o, &args);
    }
    free(saved);
    libloss_destroy(o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bytes = data, end = data + size;
    used = 0;
    if (below(8) == 7)
        fuzz_total();
    else
        fuzz_call();
    for (int i = 0; i < used; i++) {
        free(arrays[i].memory);
        free(arrays[i].before);
        free(arrays[i].copy);
    }
    return 0;
}
