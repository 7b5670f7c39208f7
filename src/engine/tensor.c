/*
 * Gather and scatter: the only place that knows strides and storage types. Everything goes through memcpy, so
 * unaligned elements are as good as any.
 */
#include "tensor.h"

#include <string.h>

#include "half.h"
#include "number.h"
#include "tiles.h"

static const struct {
    const char *name;
    uint8_t code, bits; /* of DLPack */
} dtypes[] = {
    [DTYPE_NONE] = { "none", 255, 0 },  [DTYPE_F32] = { "float32", 2, 32 },   [DTYPE_F64] = { "float64", 2, 64 },
    [DTYPE_F16] = { "float16", 2, 16 }, [DTYPE_BF16] = { "bfloat16", 4, 16 }, [DTYPE_I8] = { "int8", 0, 8 },
    [DTYPE_I16] = { "int16", 0, 16 },   [DTYPE_I32] = { "int32", 0, 32 },     [DTYPE_I64] = { "int64", 0, 64 },
    [DTYPE_U8] = { "uint8", 1, 8 },     [DTYPE_U16] = { "uint16", 1, 16 },    [DTYPE_U32] = { "uint32", 1, 32 },
    [DTYPE_U64] = { "uint64", 1, 64 },  [DTYPE_BOOL] = { "bool", 6, 8 },
};

int32_t libloss__dtype(const libloss_tensor *t)
{
    if (t->dtype_lanes != 1) return DTYPE_NONE;
    for (int32_t k = DTYPE_F32; k <= DTYPE_BOOL; k++)
        if (dtypes[k].code == t->dtype_code && dtypes[k].bits == t->dtype_bits) return k;
    return DTYPE_NONE;
}

const char *libloss__dtype_name(int32_t dtype) { return dtypes[dtype].name; }

int libloss__is_float(int32_t dtype) { return dtype >= DTYPE_F32 && dtype <= DTYPE_BF16; }

void libloss__view_of(libloss__view *v, const libloss_tensor *t, int32_t dtype, int64_t count)
{
    *v = (libloss__view){
        .data = t->data ? (char *)t->data + t->byte_offset : NULL,
        .shape = t->shape,
        .strides = t->strides,
        .count = count,
        .ndim = t->ndim,
        .dtype = dtype,
        .bytes = dtypes[dtype].bits / 8,
        .dense = 1,
        .single = 1,
    };
    v->aligned = (uintptr_t)v->data % (uintptr_t)v->bytes == 0;
    int64_t expected = 1;
    for (int32_t k = t->ndim - 1; k >= 0; k--) {
        if (t->shape[k] == 1) continue;
        if (!t->strides || t->strides[k] != 0) v->single = 0;
        if (t->strides && t->strides[k] != expected) v->dense = 0;
        expected *= t->shape[k];
    }
    if (count == 0) v->dense = 1;
}

int libloss__is_direct(const libloss__view *v, int32_t dtype) { return v->dtype == dtype && v->dense && v->aligned; }

/* ---- storage types to numbers and back ---- */

#define READ(type_, p_) (*(type_ *)memcpy(&(type_){ 0 }, p_, sizeof(type_)))

static void write_real(char *p, int32_t dtype, double x)
{
    float f = (float)x;
    uint16_t h;
    switch (dtype) {
    case DTYPE_F32: memcpy(p, &f, sizeof f); break;
    case DTYPE_F64: memcpy(p, &x, sizeof x); break;
    case DTYPE_F16:
        h = libloss__to_f16(x);
        memcpy(p, &h, sizeof h);
        break;
    default:
        h = libloss__to_bf16(x);
        memcpy(p, &h, sizeof h);
        break;
    }
}

/* ---- runs of equal stride ---- */

/* A place in a view that moves along in C order. */
typedef struct {
    const libloss__view *view;
    int64_t index[64];
    int64_t offset, inner, step; /* elements; length and stride of the last axis */
} cursor;

static int64_t stride_of(const libloss__view *v, int32_t axis)
{
    if (v->strides) return v->strides[axis];
    int64_t stride = 1;
    for (int32_t k = axis + 1; k < v->ndim; k++) stride *= v->shape[k];
    return stride;
}

static void cursor_at(cursor *c, const libloss__view *v, int64_t start)
{
    c->view = v;
    c->offset = 0;
    for (int32_t k = v->ndim - 1; k >= 0; k--) {
        c->index[k] = start % v->shape[k];
        start /= v->shape[k];
        c->offset += c->index[k] * stride_of(v, k);
    }
    c->inner = v->ndim > 0 ? v->shape[v->ndim - 1] : 1;
    c->step = v->ndim > 0 ? stride_of(v, v->ndim - 1) : 0;
}

/* How many elements can be taken from here with the same stride; then moves past them. */
static int64_t take_run(cursor *c, int64_t want, char **p)
{
    const libloss__view *v = c->view;
    const int32_t last = v->ndim - 1;
    *p = v->data + c->offset * v->bytes;
    if (last < 0) return want;
    int64_t n = c->inner - c->index[last];
    n = n < want ? n : want;
    c->index[last] += n;
    c->offset += n * c->step;
    for (int32_t k = last; k > 0 && c->index[k] == v->shape[k]; k--) {
        c->offset += stride_of(v, k - 1) - c->index[k] * stride_of(v, k);
        c->index[k] = 0;
        c->index[k - 1]++;
    }
    return n;
}

/* What lies one behind the other, by the instruction set's loops. */
static int gather_dense(const char *p, int64_t n, int32_t dtype, void *dst, int32_t as)
{
    const libloss__tiles *tiles = libloss__tiles_now();
    if (dtype == as)
        memcpy(dst, p, (size_t)n * (as == DTYPE_F32 ? 4 : 8));
    else if (as == DTYPE_F32 && dtype == DTYPE_F16)
        tiles->from_f16(dst, p, n);
    else if (as == DTYPE_F32 && dtype == DTYPE_BF16)
        tiles->from_bf16(dst, p, n);
    else if (as == DTYPE_F32 && dtype == DTYPE_F64)
        tiles->narrow(dst, p, n);
    else if (as == DTYPE_F64 && dtype == DTYPE_F32)
        tiles->widen(dst, p, n);
    else
        return 0;
    return 1;
}

/* Each type has a loop of its own, and one more where its numbers lie close together. */
#define GATHER(type_, number_)                                          \
    do {                                                                \
        if (step == sizeof(type_))                                      \
            for (int64_t i = 0; i < n; i++) {                           \
                const type_ x = READ(type_, p + i * (int64_t)sizeof x); \
                out[i] = number_;                                       \
            }                                                           \
        else                                                            \
            for (int64_t i = 0; i < n; i++) {                           \
                const type_ x = READ(type_, p + i * step);              \
                out[i] = number_;                                       \
            }                                                           \
    } while (0)

/* Rounded once: 64-bit integers do not pass through double on their way to float. */
#define GATHER_REALS(name_, real_)                                                       \
    static void name_(const char *p, int64_t step, int64_t n, int32_t dtype, real_ *out) \
    {                                                                                    \
        switch (dtype) {                                                                 \
        case DTYPE_F32: GATHER(float, (real_)x); break;                                  \
        case DTYPE_F64: GATHER(double, (real_)x); break;                                 \
        case DTYPE_F16: GATHER(uint16_t, (real_)libloss__from_f16(x)); break;            \
        case DTYPE_BF16: GATHER(uint16_t, (real_)libloss__from_bf16(x)); break;          \
        case DTYPE_I8: GATHER(int8_t, (real_)x); break;                                  \
        case DTYPE_I16: GATHER(int16_t, (real_)x); break;                                \
        case DTYPE_I32: GATHER(int32_t, (real_)x); break;                                \
        case DTYPE_I64: GATHER(int64_t, (real_)x); break;                                \
        case DTYPE_U8: GATHER(uint8_t, (real_)x); break;                                 \
        case DTYPE_U16: GATHER(uint16_t, (real_)x); break;                               \
        case DTYPE_U32: GATHER(uint32_t, (real_)x); break;                               \
        case DTYPE_U64: GATHER(uint64_t, (real_)x); break;                               \
        default: GATHER(uint8_t, (real_)(x != 0)); break;                                \
        }                                                                                \
    }
GATHER_REALS(gather_floats, float)
GATHER_REALS(gather_doubles, double)

/* Compared as int64: an unsigned number beyond it is no label anywhere, and neither is INT64_MAX. */
static void gather_integers(const char *p, int64_t step, int64_t n, int32_t dtype, int64_t *out)
{
    switch (dtype) {
    case DTYPE_I8: GATHER(int8_t, x); break;
    case DTYPE_I16: GATHER(int16_t, x); break;
    case DTYPE_I32: GATHER(int32_t, x); break;
    case DTYPE_I64: GATHER(int64_t, x); break;
    case DTYPE_U8: GATHER(uint8_t, x); break;
    case DTYPE_U16: GATHER(uint16_t, x); break;
    case DTYPE_U32: GATHER(uint32_t, x); break;
    case DTYPE_U64: GATHER(uint64_t, x > INT64_MAX ? INT64_MAX : (int64_t)x); break;
    default: GATHER(uint8_t, x != 0); break;
    }
}

/* The first of n numbers to all of them. */
static void repeat_first(void *dst, int64_t n, int32_t as)
{
    if (as == DTYPE_F32)
        for (int64_t i = 1; i < n; i++) ((float *)dst)[i] = *(float *)dst;
    else if (as == DTYPE_F64)
        for (int64_t i = 1; i < n; i++) ((double *)dst)[i] = *(double *)dst;
    else
        for (int64_t i = 1; i < n; i++) ((int64_t *)dst)[i] = *(int64_t *)dst;
}

static void gather_run(const char *p, int64_t step, int64_t n, int32_t dtype, void *dst, int32_t as)
{
    if (step == 0 && n > 1) {
        gather_run(p, 0, 1, dtype, dst, as);
        repeat_first(dst, n, as);
        return;
    }
    if (step == dtypes[dtype].bits / 8 && gather_dense(p, n, dtype, dst, as)) return;
    if (as == DTYPE_F32)
        gather_floats(p, step, n, dtype, dst);
    else if (as == DTYPE_F64)
        gather_doubles(p, step, n, dtype, dst);
    else
        gather_integers(p, step, n, dtype, dst);
}

void libloss__gather(const libloss__view *v, int64_t start, int64_t n, void *dst, int32_t as)
{
    const int64_t size = as == DTYPE_F32 ? 4 : 8;
    if (n <= 0) return;
    if (v->single) {
        gather_run(v->data, 0, n, v->dtype, dst, as);
        return;
    }
    if (v->dense) {
        gather_run(v->data + start * v->bytes, v->bytes, n, v->dtype, dst, as);
        return;
    }
    cursor c;
    cursor_at(&c, v, start);
    for (char *out = dst; n > 0;) {
        char *p;
        int64_t run = take_run(&c, n, &p);
        gather_run(p, c.step * v->bytes, run, v->dtype, out, as);
        out += run * size;
        n -= run;
    }
}

const void *libloss__numbers_at(const libloss__view *v, int64_t start, int64_t n, void *room, int32_t as)
{
    if (libloss__is_direct(v, as)) return v->data + start * v->bytes;
    libloss__gather(v, start, n, room, as);
    return room;
}

static void scatter_run(char *p, int64_t step, int64_t n, int32_t dtype, const void *src, int32_t from)
{
    if (step == dtypes[dtype].bits / 8) {
        const libloss__tiles *tiles = libloss__tiles_now();
        if (dtype == from)
            memcpy(p, src, (size_t)(n * step));
        else if (dtype == DTYPE_F16)
            from == DTYPE_F32 ? tiles->to_f16_f32(p, src, n) : tiles->to_f16_f64(p, src, n);
        else if (dtype == DTYPE_BF16)
            from == DTYPE_F32 ? tiles->to_bf16_f32(p, src, n) : tiles->to_bf16_f64(p, src, n);
        else if (dtype == DTYPE_F32)
            tiles->narrow(p, src, n);
        else
            tiles->widen(p, src, n);
        return;
    }
    if (from == DTYPE_F32) {
        const float *in = src;
        if (dtype == DTYPE_F32)
            for (int64_t i = 0; i < n; i++) memcpy(p + i * step, in + i, sizeof *in);
        else
            for (int64_t i = 0; i < n; i++) write_real(p + i * step, dtype, in[i]);
    } else {
        const double *in = src;
        if (dtype == DTYPE_F64)
            for (int64_t i = 0; i < n; i++) memcpy(p + i * step, in + i, sizeof *in);
        else
            for (int64_t i = 0; i < n; i++) write_real(p + i * step, dtype, in[i]);
    }
}

void libloss__scatter(const libloss__view *v, int64_t start, int64_t n, const void *src, int32_t from)
{
    const int64_t size = from == DTYPE_F32 ? 4 : 8;
    if (n <= 0) return;
    if (v->dense) {
        scatter_run(v->data + start * v->bytes, v->bytes, n, v->dtype, src, from);
        return;
    }
    cursor c;
    cursor_at(&c, v, start);
    for (const char *in = src; n > 0;) {
        char *p;
        int64_t run = take_run(&c, n, &p);
        scatter_run(p, c.step * v->bytes, run, v->dtype, in, from);
        in += run * size;
        n -= run;
    }
}

void libloss__clear(const libloss__view *v, int64_t start, int64_t n)
{
    static const double zeros[64] = { 0 };
    if (v->dense) {
        if (n > 0) memset(v->data + start * v->bytes, 0, (size_t)(n * v->bytes));
        return;
    }
    for (int64_t done = 0; done < n; done += 64) libloss__scatter(v, start + done, n - done < 64 ? n - done : 64, zeros, DTYPE_F64);
}

void libloss__place(int32_t ndim, const int64_t *shape, int64_t i, char text[128])
{
    int64_t index[64];
    for (int32_t k = ndim - 1; k >= 0; k--) {
        index[k] = i % shape[k];
        i /= shape[k];
    }
    char *end = text;
    for (int32_t k = 0; k < ndim && end < text + 96; k++) {
        *end++ = k ? ',' : '[';
        if (k) *end++ = ' ';
        end += libloss__print_integer(index[k], end);
    }
    if (ndim > 0) *end++ = ']';
    *end = 0;
}

void libloss__extent(const libloss__view *v, uintptr_t *low, uintptr_t *high)
{
    int64_t below = 0, above = 0;
    *low = *high = (uintptr_t)v->data;
    if (v->count == 0) return;
    for (int32_t k = 0; k < v->ndim; k++) {
        int64_t reach = (v->shape[k] - 1) * stride_of(v, k);
        if (reach < 0)
            below += reach;
        else
            above += reach;
    }
    *low += (uintptr_t)(below * v->bytes);
    *high += (uintptr_t)((above + 1) * v->bytes);
}
