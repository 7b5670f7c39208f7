/*
 * Everything that could be refused is left to the long way, so there are no messages here.
 */
#include "plain.h"

#include "call.h"
#include "pointwise.h"
#include "tiles.h"

enum { PLAIN_ROWS = 256 };

static int apart(const void *a, size_t size_a, const void *b, size_t size_b)
{
    uintptr_t x = (uintptr_t)a, y = (uintptr_t)b;
    return x + size_a <= y || y + size_b <= x;
}

static int in_domain(const libloss_object *o, int k, const void *x, int64_t n, int32_t type)
{
    const int kind = o->input[k].kind;
    if (kind == KIND_REAL) return 1;
    if (kind != KIND_PROBABILITY && kind != KIND_SIGN && kind != KIND_POSITIVE) return 0;
    const int with_zero = kind == KIND_SIGN ? o->labels >= 0 && o->value[o->labels] != 0 /* every parameter is one number here */
                                            : (o->input[k].flags & OR_ZERO) != 0;
    return libloss__all_inside(kind, with_zero, x, n, type);
}

/* The sum or mean of a tile of values, none of them weighted. */
static double value_of(const double *values, int64_t n, int32_t type, int32_t reduction, double divisor)
{
    tile_sum sum;
    if (type == DTYPE_F32)
        libloss__tiles_now()->sum_f32((const float *)(const void *)values, n, &sum);
    else
        libloss__tiles_now()->sum_f64(values, n, &sum);
    if ((sum.parts == 1 || sum.parts == 2) && sum.nan + sum.plus_infinity + sum.minus_infinity == 0)
        return (sum.part[0] + (sum.parts == 2 ? sum.part[1] : 0.0)) / divisor; /* of two parts one addition is the sum, rounded */
    libloss__sum exact = { .nan = 0 };
    if (sum.parts >= 0)
        libloss__sum_add_tile(&exact, &sum);
    else
        libloss__sum_add_doubles(&exact, values, n);
    return libloss__finish(&exact, reduction, divisor, LIBLOSS_EMPTY_NAN);
}

int libloss__plain(const libloss_object *o, int32_t reduction, int64_t n, int32_t type, const void *prediction, const void *target,
                   double *value, void *gradient)
{
    const size_t size = type == DTYPE_F32 ? 4 : 8, bytes = (size_t)n * size;
    if (!o->row || !o->row->kernels[libloss__isa()][type == DTYPE_F64]) return 0;
    if (n < 1 || n > TILE || (reduction != LIBLOSS_MEAN && reduction != LIBLOSS_SUM)) return 0;
    if (o->kind != OBJECT_LOSS || o->row->loss->shape != SHAPE_POINTWISE || o->inputs != 2) return 0;
    if (o->first[o->parameters] != o->parameters) return 0; /* a vector parameter, or one without a value */
    if (!prediction || !target || (((uintptr_t)prediction | (uintptr_t)target | (uintptr_t)gradient) & (size - 1))) return 0;
    if (gradient && ((gradient != prediction && !apart(gradient, bytes, prediction, bytes)) || !apart(gradient, bytes, target, bytes)))
        return 0;
    if (!in_domain(o, 0, prediction, n, type) || !in_domain(o, 1, target, n, type)) return 0;

    const pointwise_kernels *kernels = o->row->kernels[libloss__isa()][type == DTYPE_F64];
    const libloss__tiles *tiles = libloss__tiles_now();
    _Alignas(64) double values[TILE], factor[TILE]; /* values hold floats for f32 */
    double param[MAX_PARAMETERS] = { 0 };
    for (int32_t k = 0; k < o->parameters; k++) param[k] = type == DTYPE_F32 ? (double)(float)o->value[k] : o->value[k];
    const double divisor = reduction == LIBLOSS_MEAN ? (double)n : 1, flat = 1 / divisor;
    pointwise_tile tile = { .count = n, .input = { prediction, target }, .value = values, .grad = gradient, .param = param };
    if (gradient) {
        tile.flat = flat;
        tile.in_double = (double)(float)flat != flat;
        tile.factor = factor;
        if (kernels->by_element) tiles->fill(factor, flat, n);
    }
    libloss__run_kernel(kernels, (gradient ? GRAD : 0) | (value || !gradient ? VALUE : 0), o->inputs, type, &tile);
    if (value) *value = value_of(values, n, type, reduction, divisor);
    return 1;
}

int libloss__plain_rows(const libloss_object *o, int32_t reduction, int64_t rows, int64_t classes, int32_t type, const void *prediction,
                        int32_t label_type, const void *label, double *value, void *gradient)
{
    const size_t size = type == DTYPE_F32 ? 4 : 8, label_size = label_type == DTYPE_I32 ? 4 : 8;
    if (o->kind != OBJECT_LOSS || o->row->loss->shape != SHAPE_SOFTMAX || !o->row->kernels[libloss__isa()][type == DTYPE_F64]) return 0;
    if (rows < 1 || rows > PLAIN_ROWS || classes < 1 || classes > TILE || (reduction != LIBLOSS_MEAN && reduction != LIBLOSS_SUM)) return 0;
    if (o->ignore_index >= 0 && o->first[o->ignore_index] != o->first[o->ignore_index + 1]) return 0;
    if (!prediction || !label || (((uintptr_t)prediction | (uintptr_t)gradient) & (size - 1)) || ((uintptr_t)label & (label_size - 1)))
        return 0;
    const size_t bytes = (size_t)(rows * classes) * size;
    if (gradient && ((gradient != prediction && !apart(gradient, bytes, prediction, bytes)) ||
                     !apart(gradient, bytes, label, (size_t)rows * label_size)))
        return 0;

    int64_t labels[PLAIN_ROWS], bad = 0;
    int32_t place[PLAIN_ROWS];
    double values[PLAIN_ROWS], factor[PLAIN_ROWS], param[MAX_PARAMETERS] = { 0 }; /* values hold floats for f32 */
    for (int64_t r = 0; r < rows; r++) {
        labels[r] = label_type == DTYPE_I32 ? ((const int32_t *)label)[r] : ((const int64_t *)label)[r];
        bad |= (labels[r] < 0) | (labels[r] >= classes);
        place[r] = (int32_t)r;
    }
    if (bad) return 0;
    for (int32_t k = 0; k < o->parameters; k++) {
        const double x = o->first[k] == o->first[k + 1] ? 0 : o->value[o->first[k]];
        param[k] = type == DTYPE_F32 ? (double)(float)x : x;
    }
    const double divisor = reduction == LIBLOSS_MEAN ? (double)rows : 1;
    for (int64_t r = 0; r < rows && gradient; r++) factor[r] = 1 / divisor;
    const softmax_tile tile = { .rows = rows,
                                .classes = classes,
                                .place = place,
                                .logits = prediction,
                                .label = labels,
                                .smoothing = o->label_smoothing < 0 ? 0 : param[o->label_smoothing],
                                .factor = gradient ? factor : NULL,
                                .value = values,
                                .grad = gradient,
                                .param = param };
    const softmax_kernels *kernels = o->row->kernels[libloss__isa()][type == DTYPE_F64];
    kernels->run(&tile);
    if (value) *value = value_of(values, rows, type, reduction, divisor);
    return 1;
}
