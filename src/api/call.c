/*
 * The flat calls: plain contiguous arrays, no structs to fill. They build the same libloss_args.
 */
#include "../cpu/control.h"
#include "../engine/builtin.h"
#include "../engine/message.h"
#include "../engine/plain.h"
#include "../engine/tensor.h"

static const libloss__sink nowhere = { NULL, 0 };

typedef struct {
    uint8_t code, bits; /* of DLPack */
} number_type;

static const number_type f32 = { 2, 32 }, f64 = { 2, 64 }, i32 = { 0, 32 }, i64 = { 0, 64 };

static libloss_tensor tensor(const void *data, number_type type, int32_t ndim, const int64_t *shape)
{
    return (libloss_tensor){ .data = (void *)(uintptr_t)data,
                             .device_type = 1,
                             .ndim = ndim,
                             .dtype_code = type.code,
                             .dtype_bits = type.bits,
                             .dtype_lanes = 1,
                             .shape = shape };
}

static libloss_status run(const libloss_object *o, const libloss_args *args)
{
    uint64_t word = libloss__enter();
    libloss_status status = libloss__eval(o, args);
    libloss__leave(word);
    return status;
}

/* The value of LIBLOSS_NONE is an array of doubles, else one number. */
static libloss_status evaluate(const libloss_object *o, int32_t reduction, int32_t ndim, const int64_t *shape, number_type type,
                               const void *prediction, const libloss_tensor *target, double *value, void *gradient)
{
    libloss_tensor p = tensor(prediction, type, ndim, shape), g = tensor(gradient, type, ndim, shape);
    libloss_tensor values = tensor(value, f64, target->ndim, shape);
    libloss_args args = { .struct_size = sizeof args, .reduction = reduction };
    args.input[0] = &p;
    args.input[1] = target;
    if (value && reduction == LIBLOSS_NONE)
        args.values = &values;
    else
        args.value = value;
    if (gradient) args.gradient[0] = &g;
    return run(o, &args);
}

static libloss_status check_shape(const libloss_object *o, const char *entry, int per_row, int64_t length)
{
    if (!o) return libloss__fail(nowhere, LIBLOSS_ERR_NULL, "%s: object is NULL", entry);
    if (length < 0) return libloss__fail(nowhere, LIBLOSS_ERR_SHAPE, "%s: a length is %d", entry, length);
    int rows = 0, needed = 0;
    for (int32_t k = 0; k < o->inputs; k++) {
        rows |= o->input[k].kind == KIND_CLASS;
        needed += !(o->input[k].flags & OPTIONAL);
    }
    if (needed == 2 && rows == per_row && o->kind != OBJECT_METRIC) return LIBLOSS_OK;
    return libloss__fail(nowhere, LIBLOSS_ERR_SHAPE, "%s: %s takes other inputs; use libloss_eval", entry, o->name);
}

static libloss_status call(const libloss_object *o, const char *entry, int32_t reduction, int64_t n, number_type type,
                           const void *prediction, const void *target, double *value, void *gradient)
{
    if (o) {
        uint64_t word = libloss__enter();
        int done = libloss__plain(o, reduction, n, type.bits == 32 ? DTYPE_F32 : DTYPE_F64, prediction, target, value, gradient);
        libloss__leave(word);
        if (done) return LIBLOSS_OK;
    }
    libloss_status status = check_shape(o, entry, 0, n);
    if (status != LIBLOSS_OK) return status;
    libloss_tensor t = tensor(target, type, 1, &n);
    return evaluate(o, reduction, 1, &n, type, prediction, &t, value, gradient);
}

static libloss_status rows(const libloss_object *o, const char *entry, int32_t reduction, int64_t count, int64_t classes, number_type type,
                           const void *prediction, number_type label_type, const void *label, double *value, void *gradient)
{
    if (o) {
        uint64_t word = libloss__enter();
        int done = libloss__plain_rows(o, reduction, count, classes, type.bits == 32 ? DTYPE_F32 : DTYPE_F64, prediction,
                                       label_type.bits == 32 ? DTYPE_I32 : DTYPE_I64, label, value, gradient);
        libloss__leave(word);
        if (done) return LIBLOSS_OK;
    }
    const int64_t shape[2] = { count, classes };
    libloss_status status = check_shape(o, entry, 1, count < classes ? count : classes);
    if (status != LIBLOSS_OK) return status;
    libloss_tensor t = tensor(label, label_type, 1, shape);
    return evaluate(o, reduction, 2, shape, type, prediction, &t, value, gradient);
}

libloss_status libloss_call_f32(const libloss_object *o, int32_t reduction, int64_t n, const float *prediction, const float *target,
                                double *value, float *gradient)
{
    return call(o, "libloss_call_f32", reduction, n, f32, prediction, target, value, gradient);
}

libloss_status libloss_call_f64(const libloss_object *o, int32_t reduction, int64_t n, const double *prediction, const double *target,
                                double *value, double *gradient)
{
    return call(o, "libloss_call_f64", reduction, n, f64, prediction, target, value, gradient);
}

libloss_status libloss_rows_f32_i32(const libloss_object *o, int32_t reduction, int64_t rows_, int64_t classes, const float *prediction,
                                    const int32_t *label, double *value, float *gradient)
{
    return rows(o, "libloss_rows_f32_i32", reduction, rows_, classes, f32, prediction, i32, label, value, gradient);
}

libloss_status libloss_rows_f32_i64(const libloss_object *o, int32_t reduction, int64_t rows_, int64_t classes, const float *prediction,
                                    const int64_t *label, double *value, float *gradient)
{
    return rows(o, "libloss_rows_f32_i64", reduction, rows_, classes, f32, prediction, i64, label, value, gradient);
}

libloss_status libloss_rows_f64_i32(const libloss_object *o, int32_t reduction, int64_t rows_, int64_t classes, const double *prediction,
                                    const int32_t *label, double *value, double *gradient)
{
    return rows(o, "libloss_rows_f64_i32", reduction, rows_, classes, f64, prediction, i32, label, value, gradient);
}

libloss_status libloss_rows_f64_i64(const libloss_object *o, int32_t reduction, int64_t rows_, int64_t classes, const double *prediction,
                                    const int64_t *label, double *value, double *gradient)
{
    return rows(o, "libloss_rows_f64_i64", reduction, rows_, classes, f64, prediction, i64, label, value, gradient);
}
