/*
 * From libloss_args to a resolved call. All shape, dtype, device and overlap errors live here.
 */
#include "call.h"

#include <string.h>

#define FAIL(status_, ...) return libloss__fail(c->sink, status_, __VA_ARGS__)

/* The number of elements, or -1 where there are more than 2^53: so that a count is exact as a double, and no product with the
 * bytes of all outputs overflows. Stride-0 views can be that large without any memory behind them. */
static int64_t count_of(const libloss_tensor *t)
{
    int64_t n = 1;
    int empty = 0;
    for (int32_t k = 0; k < t->ndim; k++) {
        if (t->shape[k] == 0)
            empty = 1;
        else if (n > (INT64_C(1) << 53) / t->shape[k])
            return -1;
        else
            n *= t->shape[k];
    }
    return empty ? 0 : n;
}

/* Whether all elements lie within 2^62 bytes of the first one. */
static int strides_fit(const libloss_tensor *t)
{
    int64_t room = (INT64_C(1) << 62) / (t->dtype_bits / 8);
    for (int32_t k = 0; t->strides && k < t->ndim; k++) {
        const int64_t stride = t->strides[k], steps = t->shape[k] - 1;
        if (steps <= 0 || stride == 0) continue;
        const uint64_t size = stride < 0 ? 0 - (uint64_t)stride : (uint64_t)stride;
        if (size > (uint64_t)(room / steps)) return 0;
        room -= (int64_t)size * steps;
    }
    return 1;
}

/* Everything about one tensor that can be wrong by itself. */
libloss_status libloss__view_tensor(libloss__call *c, const libloss_tensor *t, const char *what, libloss__view *v)
{
    const char *name = c->object->name;
    if (t->device_type != 1 && t->device_type != 3 && t->device_type != 11) /* CPU, pinned by CUDA, by ROCm */
        FAIL(LIBLOSS_ERR_DEVICE, "%s: %s is on a device of type %d; libloss computes on the CPU", name, what, (int64_t)t->device_type);
    int32_t dtype = libloss__dtype(t);
    if (dtype == DTYPE_NONE)
        FAIL(LIBLOSS_ERR_DTYPE, "%s: %s has an unsupported dtype (code %d, bits %d, lanes %d)", name, what, (int64_t)t->dtype_code,
             (int64_t)t->dtype_bits, (int64_t)t->dtype_lanes);
    if (t->ndim < 0 || t->ndim > MAX_DIMENSIONS)
        FAIL(LIBLOSS_ERR_SHAPE, "%s: %s has %d axes; at most 64 are possible", name, what, (int64_t)t->ndim);
    if (t->ndim > 0 && !t->shape) FAIL(LIBLOSS_ERR_NULL, "%s: the shape of %s is NULL", name, what);
    for (int32_t k = 0; k < t->ndim; k++)
        if (t->shape[k] < 0)
            FAIL(LIBLOSS_ERR_SHAPE, "%s: %s has a negative length in its shape %S", name, what, (int64_t)t->ndim, t->shape);
    int64_t count = count_of(t);
    if (count < 0) FAIL(LIBLOSS_ERR_OVERFLOW, "%s: %s has too many elements: %S", name, what, (int64_t)t->ndim, t->shape);
    if (count > 0 && !t->data) FAIL(LIBLOSS_ERR_NULL, "%s: the data of %s is NULL", name, what);
    if (count > 0 && !strides_fit(t)) FAIL(LIBLOSS_ERR_OVERFLOW, "%s: the strides of %s reach further than memory", name, what);
    libloss__view_of(v, t, dtype, count);
    return LIBLOSS_OK;
}

static int same_shape(const libloss__view *v, int32_t ndim, const int64_t *shape)
{
    if (v->ndim != ndim) return 0;
    for (int32_t k = 0; k < ndim; k++)
        if (v->shape[k] != shape[k]) return 0;
    return 1;
}

static libloss_status wrong_shape(libloss__call *c, const char *what, const libloss__view *v, const char *first, int32_t ndim,
                                  const int64_t *shape)
{
    int off_by_one_axis = v->ndim == ndim + 1 || v->ndim + 1 == ndim;
    FAIL(LIBLOSS_ERR_SHAPE, "%s: %s has shape %S, but %s has %S%s", c->object->name, what, (int64_t)v->ndim, v->shape, first, (int64_t)ndim,
         shape, off_by_one_axis ? "; nothing is broadcast but a 0-d input or a stride of 0" : "");
}

static const loss *loss_of(const libloss_object *o) { return o->row ? o->row->loss : o->their_loss; }

static libloss_status view_inputs(libloss__call *c)
{
    const libloss_object *o = c->object;
    for (int32_t k = o->inputs; k < MAX_INPUTS; k++)
        if (c->args->input[k])
            FAIL(LIBLOSS_ERR_OPTION, "%s: input[%d] is given, but there are %d inputs", o->name, (int64_t)k, (int64_t)o->inputs);
    for (int32_t k = 0; k < o->inputs; k++) {
        const loss_input *in = &o->input[k];
        const libloss_tensor *t = c->args->input[k];
        if (!t) {
            if (!(in->flags & OPTIONAL)) FAIL(LIBLOSS_ERR_NULL, "%s: %s is NULL", o->name, in->name);
            continue;
        }
        TRY(libloss__view_tensor(c, t, in->name, &c->input[k]));
    }
    return LIBLOSS_OK;
}

/* How many last axes of the first input are one unit. */
static int32_t unit_axes(const libloss__call *c, const loss *loss)
{
    switch (loss->unit) {
    case UNIT_MATRIX:
    case UNIT_SEQUENCE: return 2;
    case UNIT_BATCH: return c->args->unit_axes ? c->args->unit_axes : c->input[0].ndim > 0 ? c->input[0].ndim : 1;
    default: return loss->values_per != PER_ELEMENT;
    }
}

/* Units, values and their shape, from the first input's. */
static libloss_status resolve_frame(libloss__call *c)
{
    const libloss_object *o = c->object;
    const loss *loss = loss_of(o);
    const libloss__view *first = &c->input[0], *shaped = first;
    const int32_t axes = unit_axes(c, loss);
    if (c->args->unit_axes < 0 || (c->args->unit_axes != 0 && loss->unit != UNIT_BATCH))
        FAIL(LIBLOSS_ERR_OPTION, "%s: unit_axes = %d; only losses of whole batches take it", o->name, (int64_t)c->args->unit_axes);
    if (first->ndim < axes)
        FAIL(LIBLOSS_ERR_SHAPE, "%s: %s has %d axes; its last %d %s", o->name, o->input[0].name, (int64_t)first->ndim, (int64_t)axes,
             axes == 1 && loss->unit != UNIT_BATCH ? "holds the classes" : "are one unit");
    /* A 0-d first input takes the shape of the first that has one: a scalar against an array. */
    for (int32_t k = 1; k < o->inputs && shaped->ndim == 0; k++)
        if (libloss__given(&c->input[k]) && o->input[k].shape == LIKE_FIRST) shaped = &c->input[k];
    c->unit = loss->unit;
    c->ndim = shaped->ndim;
    c->shape = c->values_shape = shaped->shape;
    c->values_ndim = shaped->ndim - axes + (loss->unit == UNIT_MATRIX);
    c->classes = axes > 0 ? first->shape[first->ndim - 1] : 1;
    c->length = axes > 0 ? first->shape[first->ndim - axes] : 1;
    c->width = 1;
    for (int32_t k = first->ndim - axes + 1; k < first->ndim; k++) c->width *= first->shape[k];
    if (loss->unit == UNIT_BATCH) { /* however many axes it has, it is elements */
        c->length *= c->width;
        c->width = 1;
    }
    c->values_per_unit = loss->unit == UNIT_MATRIX ? c->length : 1;
    if (loss->unit == UNIT_MATRIX && c->width < c->length)
        FAIL(LIBLOSS_ERR_SHAPE, "%s: %s has shape %S; a matrix needs a column for every row", o->name, o->input[0].name,
             (int64_t)first->ndim, first->shape);
    for (int32_t k = 0; k < o->inputs; k++) {
        if (o->input[k].kind != KIND_OFFSETS || !libloss__given(&c->input[k])) continue;
        if (c->input[k].ndim != 1 || c->input[k].count < 1 || first->ndim != 1)
            FAIL(LIBLOSS_ERR_SHAPE, "%s: %s has shape %S and %s %S; both need one axis, and offsets begin with 0", o->name,
                 o->input[k].name, (int64_t)c->input[k].ndim, c->input[k].shape, o->input[0].name, (int64_t)first->ndim, first->shape);
        c->groups[0] = c->input[k].count - 1;
        c->values_shape = c->groups;
        c->values_ndim = 1;
    }
    c->count = 1;
    for (int32_t k = 0; k < c->values_ndim; k++) c->count *= c->values_shape[k];
    if (loss->values_per == PER_ROW && c->classes == 0 && c->count > 0)
        FAIL(LIBLOSS_ERR_SHAPE, "%s: %s has shape %S: a row needs at least one class", o->name, o->input[0].name, (int64_t)first->ndim,
             first->shape);
    c->rows = c->values_ndim > 0 ? c->values_shape[0] : 1;
    c->bends = c->args->hessian_kind == LIBLOSS_ROW_MATRIX ? c->classes : 1;
    return LIBLOSS_OK;
}

/* Labels of a sequence: rows of labels, or all one after the other, which needs their lengths. */
static libloss_status check_labels_shape(libloss__call *c, int32_t k)
{
    const libloss__view *v = &c->input[k];
    const int rows = v->ndim == c->values_ndim + 1;
    for (int32_t i = 0; rows && i < c->values_ndim; i++)
        if (v->shape[i] != c->values_shape[i])
            return wrong_shape(c, c->object->input[k].name, v, c->object->input[0].name, c->ndim, c->shape);
    if (rows) return LIBLOSS_OK;
    const int32_t lengths = c->object->inputs - 1; /* how many labels each sequence has */
    if (v->ndim == 1 && libloss__given(&c->input[lengths])) return LIBLOSS_OK;
    if (v->ndim == 1)
        FAIL(LIBLOSS_ERR_SHAPE, "%s: %s has one axis for several sequences; it needs %s", c->object->name, c->object->input[k].name,
             c->object->input[lengths].name);
    return wrong_shape(c, c->object->input[k].name, v, c->object->input[0].name, c->ndim, c->shape);
}

static libloss_status check_input_shape(libloss__call *c, int32_t k)
{
    const libloss_object *o = c->object;
    const loss_input *in = &o->input[k];
    const libloss__view *v = &c->input[k];
    int32_t ndim = in->shape == LIKE_FIRST ? c->ndim : c->values_ndim;
    const int64_t *shape = in->shape == LIKE_FIRST ? c->shape : c->values_shape;
    if (in->kind == KIND_CLASS) c->by_index = !(in->flags & OR_ROWS) || v->ndim != c->ndim;
    if (in->kind == KIND_CLASS && in->shape == PER_VALUE && v->ndim == ndim + 1 && v->shape[ndim] == 1 && c->classes != 1)
        FAIL(LIBLOSS_ERR_SHAPE, "%s: %s has shape %S; class indices have shape %S", o->name, in->name, (int64_t)v->ndim, v->shape,
             (int64_t)ndim, shape);
    const int indices = in->kind == KIND_CLASS ? c->by_index : (in->kind >= KIND_OFFSETS && in->kind <= KIND_LABEL);
    if (indices && libloss__is_float(v->dtype))
        FAIL(LIBLOSS_ERR_DTYPE, "%s: %s is %s; class indices are integers", o->name, in->name, libloss__dtype_name(v->dtype));
    if (in->kind == KIND_CLASS && !c->by_index) {
        ndim = c->ndim;
        shape = c->shape;
    }
    if (in->shape == OTHER_SHAPE) return in->kind == KIND_CLASS ? check_labels_shape(c, k) : LIBLOSS_OK;
    if (in->shape == PER_CLASS) {
        if (v->ndim == 1 && v->shape[0] == c->classes) return LIBLOSS_OK;
        FAIL(LIBLOSS_ERR_SHAPE, "%s: %s has shape %S; it needs one number for each of the %d classes", o->name, in->name, (int64_t)v->ndim,
             v->shape, c->classes);
    }
    const int scalar = v->ndim == 0 && loss_of(o)->values_per == PER_ELEMENT;
    if (scalar || same_shape(v, ndim, shape)) return LIBLOSS_OK;
    return wrong_shape(c, in->name, v, o->input[0].name, c->ndim, c->shape);
}

static libloss_status resolve_inputs(libloss__call *c)
{
    const libloss_object *o = c->object;
    TRY(view_inputs(c));
    TRY(resolve_frame(c));
    int any_real = 0, any_f64 = 0;
    for (int32_t k = 0; k < o->inputs; k++) {
        const libloss__view *v = &c->input[k];
        if (!libloss__given(v)) continue;
        TRY(check_input_shape(c, k));
        if (o->input[k].shape == PER_CLASS) continue;
        any_real |= libloss__is_float(v->dtype);
        any_f64 |= v->dtype == DTYPE_F64;
    }
    if (o->kind == OBJECT_CUSTOM && (o->theirs->flags & LIBLOSS_ONLY_F64)) any_f64 = 1;
    c->arithmetic = any_f64 || !any_real ? DTYPE_F64 : DTYPE_F32;
#if defined LIBLOSS_PLAIN
    c->arithmetic = DTYPE_F64; /* there are no other kernels */
#endif
    return LIBLOSS_OK;
}

/* 0-d, the shape of the values, or the leading axes of it (trailing axes of length 1 don't matter). The weights of a batch are
 * those of its elements. */
libloss_status libloss__resolve_weight(libloss__call *c)
{
    if (!c->args->weight) return LIBLOSS_OK;
    const int32_t values_ndim = c->unit == UNIT_BATCH ? c->ndim : c->values_ndim;
    const int64_t *values_shape = c->unit == UNIT_BATCH ? c->shape : c->values_shape;
    libloss__view *v = &c->weight;
    TRY(libloss__view_tensor(c, c->args->weight, "weight", v));
    int32_t ndim = v->ndim;
    if (ndim > values_ndim)
        while (ndim > values_ndim && v->shape[ndim - 1] == 1) ndim--;
    int32_t lead = ndim;
    if (ndim <= values_ndim && !same_shape(v, values_ndim, values_shape))
        while (lead > 0 && v->shape[lead - 1] == 1 && values_shape[lead - 1] != 1) lead--;
    int fits = ndim <= values_ndim;
    for (int32_t k = 0; fits && k < lead; k++) fits = v->shape[k] == values_shape[k];
    if (!fits) {
        int per_class = c->object->class_weight >= 0 && v->ndim == 1 && v->shape[0] == c->classes;
        FAIL(LIBLOSS_ERR_SHAPE, "%s: weight has shape %S, but the values have %S%s", c->object->name, (int64_t)v->ndim, v->shape,
             (int64_t)values_ndim, values_shape, per_class ? "; did you mean class_weight?" : "");
    }
    c->weight_repeat = 1;
    for (int32_t k = lead; k < values_ndim; k++) c->weight_repeat *= values_shape[k];
    return LIBLOSS_OK;
}

static int64_t gcd(int64_t a, int64_t b)
{
    while (b) {
        int64_t r = a % b;
        a = b;
        b = r;
    }
    return a < 0 ? -a : a;
}

static int64_t step_of(const libloss__view *v, int64_t g)
{
    int64_t dense = 1;
    for (int32_t k = v->ndim - 1; k >= 0; k--) {
        int64_t stride = v->strides ? v->strides[k] : dense;
        if (v->shape[k] > 1) g = gcd(g, stride * v->bytes);
        dense *= v->shape[k];
    }
    return g;
}

/* Address ranges that meet, unless all elements of one lie between those of the other (interleaved columns). */
int libloss__meet(const libloss__view *a, const libloss__view *b)
{
    uintptr_t al, ah, bl, bh;
    libloss__extent(a, &al, &ah);
    libloss__extent(b, &bl, &bh);
    if (al == ah || bl == bh || ah <= bl || bh <= al) return 0;
    int64_t g = step_of(b, step_of(a, 0));
    if (g == 0) return 1;
    int64_t apart = (int64_t)((uintptr_t)b->data - (uintptr_t)a->data) % g;
    if (apart < 0) apart += g;
    return !(apart >= a->bytes && g - apart >= b->bytes);
}

static int identical(const libloss__view *a, const libloss__view *b)
{
    if (a->data != b->data || a->dtype != b->dtype || !same_shape(a, b->ndim, b->shape)) return 0;
    int64_t dense = 1;
    for (int32_t k = a->ndim - 1; k >= 0; k--) {
        int64_t s = a->strides ? a->strides[k] : dense, t = b->strides ? b->strides[k] : dense;
        if (a->shape[k] > 1 && s != t) return 0;
        dense *= a->shape[k];
    }
    return 1;
}

typedef struct {
    const libloss__view *view[3 * MAX_INPUTS + MAX_AUXILIARIES + 1];
    const char *name[3 * MAX_INPUTS + MAX_AUXILIARIES + 1];
    int count;
} outputs_seen;

/* A float tensor of this shape, no element of which lies on another or on an input; `own`: except exactly on this. */
static libloss_status resolve_output(libloss__call *c, const libloss_tensor *t, const char *what, int32_t ndim, const int64_t *shape,
                                     libloss__view *v, const libloss__view *own, outputs_seen *seen)
{
    const char *name = c->object->name;
    if (!t) return LIBLOSS_OK;
    TRY(libloss__view_tensor(c, t, what, v));
    if (!libloss__is_float(v->dtype))
        FAIL(LIBLOSS_ERR_DTYPE, "%s: %s is %s; outputs are floating-point", name, what, libloss__dtype_name(v->dtype));
    if (!same_shape(v, ndim, shape))
        FAIL(LIBLOSS_ERR_SHAPE, "%s: %s has shape %S; it needs %S", name, what, (int64_t)v->ndim, v->shape, (int64_t)ndim, shape);
    uintptr_t low, high;
    libloss__extent(v, &low, &high);
    int onto_itself = high - low < (uintptr_t)(v->count * v->bytes);
    for (int32_t k = 0; v->strides && k < v->ndim; k++)
        if (v->shape[k] > 1 && v->strides[k] == 0) onto_itself = 1;
    if (v->count > 1 && onto_itself) FAIL(LIBLOSS_ERR_OVERLAP, "%s: elements of %s lie on each other", name, what);
    const libloss_object *o = c->object;
    for (int32_t k = 0; k < o->inputs; k++)
        if (libloss__given(&c->input[k]) && libloss__meet(v, &c->input[k]) && !(own == &c->input[k] && identical(v, own)))
            FAIL(LIBLOSS_ERR_OVERLAP, "%s: %s overlaps %s", name, what, o->input[k].name);
    if (libloss__given(&c->weight) && libloss__meet(v, &c->weight)) FAIL(LIBLOSS_ERR_OVERLAP, "%s: %s overlaps weight", name, what);
    if (libloss__given(&c->upstream) && libloss__meet(v, &c->upstream)) FAIL(LIBLOSS_ERR_OVERLAP, "%s: %s overlaps upstream", name, what);
    for (int k = 0; k < seen->count; k++)
        if (libloss__meet(v, seen->view[k])) FAIL(LIBLOSS_ERR_OVERLAP, "%s: %s overlaps %s", name, what, seen->name[k]);
    seen->view[seen->count] = v;
    seen->name[seen->count++] = what;
    return LIBLOSS_OK;
}

libloss_status libloss__resolve_output(libloss__call *c, const libloss_tensor *t, const char *what, libloss__view *v)
{
    outputs_seen seen = { .count = 0 };
    return resolve_output(c, t, what, c->ndim, c->shape, v, &c->input[0], &seen);
}

/* A Hessian in the shape of its input with the last axis once more. */
static libloss_status resolve_matrix(libloss__call *c, int32_t k, const char *what, outputs_seen *seen)
{
    int64_t shape[MAX_DIMENSIONS + 1];
    memcpy(shape, c->shape, (size_t)c->ndim * sizeof *shape);
    shape[c->ndim] = c->classes;
    return resolve_output(c, c->args->hessian[k], what, c->ndim + 1, shape, &c->hessian[k], NULL, seen);
}

static libloss_status resolve_outputs(libloss__call *c)
{
    static const char *const gradient_names[] = { "gradient[0]", "gradient[1]", "gradient[2]", "gradient[3]",
                                                  "gradient[4]", "gradient[5]", "gradient[6]", "gradient[7]" };
    static const char *const hessian_names[] = { "hessian[0]", "hessian[1]", "hessian[2]", "hessian[3]",
                                                 "hessian[4]", "hessian[5]", "hessian[6]", "hessian[7]" };
    const libloss_object *o = c->object;
    const libloss_args *a = c->args;
    outputs_seen seen = { .count = 0 };
    TRY(resolve_output(c, a->values, "values", c->values_ndim, c->values_shape, &c->values, NULL, &seen));
    for (int32_t k = 0; k < MAX_INPUTS; k++) {
        for (int second = 0; second < 2; second++) {
            const libloss_tensor *t = second ? a->hessian[k] : a->gradient[k];
            const char *what = second ? hessian_names[k] : gradient_names[k];
            if (!t) continue;
            if (k >= o->inputs || !libloss__given(&c->input[k]))
                FAIL(LIBLOSS_ERR_OPTION, "%s: %s is wanted, but that input is not there", o->name, what);
            if (!(o->input[k].flags & DIFFERENTIABLE_INPUT) || (o->input[k].kind == KIND_CLASS && c->by_index))
                FAIL(LIBLOSS_ERR_NO_GRADIENT, "%s: there is no derivative with respect to %s", o->name, o->input[k].name);
            const int per_value = o->input[k].shape == PER_VALUE && o->input[k].kind != KIND_CLASS;
            const int32_t full = per_value ? c->values_ndim : c->ndim;
            const int64_t *shape = per_value ? c->values_shape : c->shape;
            if (c->input[k].ndim != full)
                FAIL(LIBLOSS_ERR_SHAPE, "%s: a derivative with respect to %s needs it in shape %S; it is 0-d", o->name, o->input[k].name,
                     (int64_t)full, shape);
            if (second && c->args->hessian_kind == LIBLOSS_ROW_MATRIX) {
                TRY(resolve_matrix(c, k, what, &seen));
                continue;
            }
            TRY(resolve_output(c, t, what, full, shape, second ? &c->hessian[k] : &c->gradient[k], &c->input[k], &seen));
        }
    }
    for (int32_t k = 0; k < MAX_AUXILIARIES; k++) {
        if (!a->auxiliary[k]) continue;
        const char *name = o->row ? o->row->loss->info->auxiliary[k] : NULL;
        if (!name) FAIL(LIBLOSS_ERR_OPTION, "%s: there is no auxiliary[%d]", o->name, (int64_t)k);
        TRY(resolve_output(c, a->auxiliary[k], name, c->values_ndim, c->values_shape, &c->auxiliary[k], NULL, &seen));
    }
    return LIBLOSS_OK;
}

/* Whether there are matrices of rows. */
static libloss_status check_matrix(libloss__call *c)
{
    const libloss_object *o = c->object;
    const loss *loss = loss_of(o);
    if (loss->values_per == PER_ELEMENT)
        FAIL(LIBLOSS_ERR_UNSUPPORTED, "%s: no Hessian matrix, for it has no rows; LIBLOSS_DIAGONAL is all of its second derivatives",
             o->name);
    if (!o->row || (loss->shape != SHAPE_SOFTMAX && loss->info->matrix == NO_MATRIX))
        FAIL(LIBLOSS_ERR_UNSUPPORTED, "%s: no Hessian matrix of a row is known here; LIBLOSS_DIAGONAL gives its diagonal", o->name);
    return LIBLOSS_OK;
}

static libloss_status resolve_options(libloss__call *c)
{
    const libloss_args *a = c->args;
    const char *name = c->object->name;
    if (a->reduction < LIBLOSS_MEAN || a->reduction > LIBLOSS_BATCH_MEAN)
        FAIL(LIBLOSS_ERR_OPTION, "%s: reduction %d is unknown", name, (int64_t)a->reduction);
    if (a->empty != LIBLOSS_EMPTY_NAN && a->empty != LIBLOSS_EMPTY_ZERO)
        FAIL(LIBLOSS_ERR_OPTION, "%s: empty %d is unknown", name, (int64_t)a->empty);
    if (a->curvature != LIBLOSS_EXACT && a->curvature != LIBLOSS_UPPER)
        FAIL(LIBLOSS_ERR_OPTION, "%s: curvature %d is unknown", name, (int64_t)a->curvature);
    if (a->hessian_kind == LIBLOSS_ROW_MATRIX) TRY(check_matrix(c));
    if (a->hessian_kind != LIBLOSS_DIAGONAL && a->hessian_kind != LIBLOSS_ROW_MATRIX)
        FAIL(LIBLOSS_ERR_OPTION, "%s: hessian_kind %d is unknown", name, (int64_t)a->hessian_kind);
    if (a->flags & ~(uint64_t)(LIBLOSS_TRUST_DOMAIN | LIBLOSS_DISCARD_ON_ERROR))
        FAIL(LIBLOSS_ERR_OPTION, "%s: flags has unknown bits", name);
    if (a->threads < 0) FAIL(LIBLOSS_ERR_OPTION, "%s: threads %d is negative", name, (int64_t)a->threads);
    if (a->divisor != 0 && !(a->divisor > 0 && a->divisor <= 0x1.fffffffffffffp1023))
        FAIL(LIBLOSS_ERR_OPTION, "%s: divisor %g is not a finite number above 0", name, a->divisor);
    if (a->divisor != 0 && (a->reduction == LIBLOSS_SUM || a->reduction == LIBLOSS_NONE))
        FAIL(LIBLOSS_ERR_OPTION, "%s: a divisor has no meaning with this reduction", name);
    if (a->value && a->reduction == LIBLOSS_NONE)
        FAIL(LIBLOSS_ERR_OPTION, "%s: value is one number; with LIBLOSS_NONE ask for values", name);
    if (a->parameter_gradient) {
        c->learned = libloss__learnable(c->object);
        if (c->learned > MAX_LEARNED)
            FAIL(LIBLOSS_ERR_UNSUPPORTED, "%s: %d learnable numbers; at most %d are possible", name, (int64_t)c->learned,
                 (int64_t)MAX_LEARNED);
    }
    return LIBLOSS_OK;
}

int32_t libloss__learnable(const libloss_object *o)
{
    int64_t places = 0;
    for (int32_t k = 0; k < o->parameters; k++) {
        const int64_t numbers = o->first[k + 1] - o->first[k];
        if (o->parameter[k].flags & LEARNABLE) places += numbers > 0 ? numbers : 1;
    }
    return (int32_t)places;
}

libloss_status libloss__check_parameters(libloss__sink sink, const libloss_object *o, const libloss_args *args)
{
    if (args->parameter_gradient && libloss__learnable(o) == 0)
        return libloss__fail(sink, LIBLOSS_ERR_NO_GRADIENT, "%s: no parameter is learnable", o->name);
    for (int32_t k = 0; args->parameters && k < o->parameters; k++)
        for (int64_t i = o->first[k]; i < o->first[k + 1]; i++) {
            const double given = args->parameters[i];
            TRY(libloss__check_parameter(sink, o->name, &o->parameter[k], given));
            if (args->total && given != o->value[i])
                return libloss__fail(sink, LIBLOSS_ERR_TOTAL,
                                     "%s: a total adds up values of the object's own parameters, but %s = %g is given", o->name,
                                     o->parameter[k].name, given);
        }
    return LIBLOSS_OK;
}

static libloss_status resolve_parameters(libloss__call *c)
{
    const libloss_object *o = c->object;
    const double *given = c->args->parameters ? c->args->parameters : o->value;
    const int64_t total = o->first[o->parameters];
    TRY(libloss__check_parameters(c->sink, o, c->args));
    for (int32_t k = 0; k < o->parameters; k++)
        if ((o->parameter[k].flags & OF_CLASS) && given[o->first[k]] >= (double)c->classes && c->count > 0)
            FAIL(LIBLOSS_ERR_PARAMETER, "%s: %s = %g, but there are %d classes", o->name, o->parameter[k].name, given[o->first[k]],
                 c->classes);
    c->parameter = c->rounded;
    memset(c->rounded, 0, sizeof c->rounded);
    for (int64_t i = 0; i < total; i++) c->rounded[i] = c->arithmetic == DTYPE_F32 ? (double)(float)given[i] : given[i];
    return LIBLOSS_OK;
}

/* From 2^53 on every double is an integer, and beyond int64 the conversion would be undefined. */
static int is_integer(double x) { return x - x == 0 && (x <= -0x1p53 || x >= 0x1p53 || x == (double)(int64_t)x); }

static int64_t count_choices(const loss_parameter *p)
{
    int64_t n = 1;
    for (const char *c = p->choices; *c; c++) n += *c == ' ';
    return n;
}

static int in_range(const loss_parameter *p, double x)
{
    return (p->flags & OPEN_BELOW ? x > p->lowest : x >= p->lowest) && (p->flags & OPEN_ABOVE ? x < p->highest : x <= p->highest);
}

int libloss__parameter_fits(const loss_parameter *p, double x)
{
    if (p->choices) return is_integer(x) && x >= 0 && x < (double)count_choices(p);
    return in_range(p, x) && (!(p->flags & INTEGRAL) || is_integer(x));
}

libloss_status libloss__check_parameter(libloss__sink sink, const char *loss, const loss_parameter *p, double x)
{
    if (libloss__parameter_fits(p, x)) return LIBLOSS_OK;
    if (p->choices) return libloss__fail(sink, LIBLOSS_ERR_PARAMETER, "%s: %s = %g is none of: %s", loss, p->name, x, p->choices);
    if (in_range(p, x)) return libloss__fail(sink, LIBLOSS_ERR_PARAMETER, "%s: %s = %g is not an integer", loss, p->name, x);
    return libloss__fail(sink, LIBLOSS_ERR_PARAMETER, "%s: %s = %g is not in %s%g, %g%s", loss, p->name, x,
                         p->flags & OPEN_BELOW ? "(" : "[", p->lowest, p->highest, p->flags & OPEN_ABOVE ? ")" : "]");
}

libloss_status libloss__resolve(libloss__call *c, const libloss_object *o, const libloss_args *args, int outputs)
{
    memset(c, 0, sizeof *c);
    c->object = o;
    c->args = args;
    c->sink = (libloss__sink){ args->message, args->message_size };
    TRY(resolve_options(c));
    TRY(resolve_inputs(c));
    TRY(resolve_parameters(c));
    TRY(libloss__resolve_weight(c));
    if (args->upstream) {
        TRY(libloss__view_tensor(c, args->upstream, "upstream", &c->upstream));
        if (c->upstream.ndim != 0 && !same_shape(&c->upstream, c->values_ndim, c->values_shape))
            return wrong_shape(c, "upstream", &c->upstream, "the unreduced value", c->values_ndim, c->values_shape);
    }
    const int64_t columns = c->object->row && c->object->row->loss->shape == SHAPE_POINTWISE ? libloss__columns(c) : 1;
    if (columns > 1 && (c->values_ndim == 0 || c->shape[c->values_ndim - 1] != columns))
        FAIL(LIBLOSS_ERR_SHAPE, "%s: %d levels need a last axis of %d, but the values have shape %S", o->name, columns, columns,
             (int64_t)c->values_ndim, c->shape);
    if (outputs) TRY(resolve_outputs(c));
    return LIBLOSS_OK;
}
