/*
 * Compiled once per instruction set; account.c chooses.
 */
#include "tiles.h"

#include "../kernel/loss.h"
#include "half.h"

#if defined __x86_64__
#include <immintrin.h>
#endif

/* Looks at numbers go over lanes of 128 bytes, for what is found needs more than one vector to hide its latency. The last lanes overlap
 * those before. */
enum { LOOK_F32 = 32, LOOK_F64 = 16 };

/* Not inlined: knowing how few, gcc would take shorter vectors. */
static __attribute__((noinline)) int few_outside_f32(const float *x, ptrdiff_t n, float low, float high, int ends)
{
    int32_t any = 0;
    if (ends) VECTOR_LOOP
    for (ptrdiff_t i = 0; i < n; i++) any |= (x[i] != low) & (x[i] != high) & (x[i] == x[i]);
    else for (ptrdiff_t i = 0; i < n; i++) any |= (x[i] < low) | (x[i] > high);
    return any;
}

static __attribute__((noinline)) int many_outside_f32(const float *x, ptrdiff_t n, float low, float high, int ends)
{
    float least[LOOK_F32], most[LOOK_F32];
    int32_t bad[LOOK_F32] = { 0 }, any = 0;
    for (int l = 0; l < LOOK_F32; l++) least[l] = most[l] = low;
    for (ptrdiff_t start = 0; start < n && !ends; start += LOOK_F32) {
        const float *at = x + (start + LOOK_F32 <= n ? start : n - LOOK_F32);
        LANE_LOOP
        for (int l = 0; l < LOOK_F32; l++) {
            least[l] = at[l] < least[l] ? at[l] : least[l];
            most[l] = most[l] < at[l] ? at[l] : most[l];
        }
    }
    for (ptrdiff_t start = 0; start < n && ends; start += LOOK_F32) {
        const float *at = x + (start + LOOK_F32 <= n ? start : n - LOOK_F32);
        LANE_LOOP
        for (int l = 0; l < LOOK_F32; l++) bad[l] |= (at[l] != low) & (at[l] != high) & (at[l] == at[l]);
    }
    for (int l = 0; l < LOOK_F32; l++) any |= bad[l] | (least[l] < low) | (most[l] > high);
    return any;
}

static int outside_f32(const float *x, ptrdiff_t n, float low, float high, int ends)
{
    return n < LOOK_F32 ? few_outside_f32(x, n, low, high, ends) : many_outside_f32(x, n, low, high, ends);
}

/* Not inlined: knowing how few, gcc would take shorter vectors. */
static __attribute__((noinline)) int few_outside_f64(const double *x, ptrdiff_t n, double low, double high, int ends)
{
    int64_t any = 0;
    if (ends) VECTOR_LOOP
    for (ptrdiff_t i = 0; i < n; i++) any |= (x[i] != low) & (x[i] != high) & (x[i] == x[i]);
    else for (ptrdiff_t i = 0; i < n; i++) any |= (x[i] < low) | (x[i] > high);
    return any != 0;
}

static __attribute__((noinline)) int many_outside_f64(const double *x, ptrdiff_t n, double low, double high, int ends)
{
    double least[LOOK_F64], most[LOOK_F64];
    int64_t bad[LOOK_F64] = { 0 }, any = 0;
    for (int l = 0; l < LOOK_F64; l++) least[l] = most[l] = low;
    for (ptrdiff_t start = 0; start < n && !ends; start += LOOK_F64) {
        const double *at = x + (start + LOOK_F64 <= n ? start : n - LOOK_F64);
        LANE_LOOP
        for (int l = 0; l < LOOK_F64; l++) {
            least[l] = at[l] < least[l] ? at[l] : least[l];
            most[l] = most[l] < at[l] ? at[l] : most[l];
        }
    }
    for (ptrdiff_t start = 0; start < n && ends; start += LOOK_F64) {
        const double *at = x + (start + LOOK_F64 <= n ? start : n - LOOK_F64);
        LANE_LOOP
        for (int l = 0; l < LOOK_F64; l++) bad[l] |= (at[l] != low) & (at[l] != high) & (at[l] == at[l]);
    }
    for (int l = 0; l < LOOK_F64; l++) any |= bad[l] | (least[l] < low) | (most[l] > high);
    return any != 0;
}

static int outside_f64(const double *x, ptrdiff_t n, double low, double high, int ends)
{
    return n < LOOK_F64 ? few_outside_f64(x, n, low, high, ends) : many_outside_f64(x, n, low, high, ends);
}

static int not_weights_f32(const float *w, ptrdiff_t n, int64_t *present)
{
    int32_t bad = 0, there = 0;
    VECTOR_LOOP
    for (ptrdiff_t i = 0; i < n; i++) {
        bad |= !((w[i] >= 0) & (w[i] <= 0x1.fffffep127F));
        there += w[i] != 0;
    }
    *present += there;
    return bad;
}

static int not_weights_f64(const double *w, ptrdiff_t n, int64_t *present)
{
    int64_t bad = 0, there = 0;
    VECTOR_LOOP
    for (ptrdiff_t i = 0; i < n; i++) {
        bad |= !((w[i] >= 0) & (w[i] <= 0x1.fffffffffffffp1023));
        there += w[i] != 0;
    }
    *present += there;
    return bad != 0;
}

static void scale_weighted_f32(float *x, double factor, const float *w, ptrdiff_t n)
{
    VECTOR_LOOP
    for (ptrdiff_t i = 0; i < n; i++) {
        const float product = (float)((double)x[i] * (factor * (double)w[i]));
        x[i] = w[i] == 0 ? 0 : product;
    }
}

static void scale_weighted_f64(double *x, double factor, const double *w, ptrdiff_t n)
{
    VECTOR_LOOP
    for (ptrdiff_t i = 0; i < n; i++) {
        const double product = x[i] * (factor * w[i]);
        x[i] = w[i] == 0 ? 0 : product;
    }
}

static void scale_each_f32(float *x, const double *factor, ptrdiff_t n)
{
    VECTOR_LOOP
    for (ptrdiff_t i = 0; i < n; i++) x[i] = (float)((double)x[i] * factor[i]);
}

static void scale_each_f64(double *x, const double *factor, ptrdiff_t n)
{
    VECTOR_LOOP
    for (ptrdiff_t i = 0; i < n; i++) x[i] *= factor[i];
}

static void drop_f32(double *term, const void *weight, ptrdiff_t n)
{
    const float *w = weight;
    VECTOR_LOOP
    for (ptrdiff_t i = 0; i < n; i++) term[i] = w[i] == 0 ? 0 : term[i];
}

static void drop_f64(double *term, const void *weight, ptrdiff_t n)
{
    const double *w = weight;
    VECTOR_LOOP
    for (ptrdiff_t i = 0; i < n; i++) term[i] = w[i] == 0 ? 0 : term[i];
}

/* What the product p of a and b lost. Dekker 1971, doi:10.1007/BF01397083; never fused, for the same bits on all machines. */
static inline double lost_by(double a, double b, double p)
{
    const double split = 134217729.0; /* 2^27 + 1 */
    const double ca = split * a, cb = split * b, ah = ca - (ca - a), bh = cb - (cb - b), al = a - ah, bl = b - bh;
    const double lost = ((ah * bh - p) + ah * bl + al * bh) + al * bl;
    return lost - lost == 0 ? lost : 0;
}

static void products(const double *a, const double *b, ptrdiff_t n, double *high, double *low)
{
    VECTOR_LOOP
    for (ptrdiff_t i = 0; i < n; i++) {
        const double p = a[i] * b[i];
        low[i] = lost_by(a[i], b[i], p);
        high[i] = p;
    }
}

static void fill(double *factor, double x, ptrdiff_t n)
{
    VECTOR_LOOP
    for (ptrdiff_t i = 0; i < n; i++) factor[i] = x;
}

static void multiply(double *x, double factor, ptrdiff_t n)
{
    VECTOR_LOOP
    for (ptrdiff_t i = 0; i < n; i++) x[i] *= factor;
}

static void divide(double *factor, double divisor, ptrdiff_t n)
{
    VECTOR_LOOP
    for (ptrdiff_t i = 0; i < n; i++) factor[i] /= divisor;
}

static void weigh_f32(double *factor, const float *w, ptrdiff_t n)
{
    VECTOR_LOOP
    for (ptrdiff_t i = 0; i < n; i++) factor[i] *= (double)w[i];
}

typedef struct __attribute__((packed)) {
    float x;
} any_float;
typedef struct __attribute__((packed)) {
    double x;
} any_double;
typedef struct __attribute__((packed)) {
    uint16_t x;
} any_half;

static void from_f16(void *to, const void *from, ptrdiff_t n)
{
    any_float *out = to;
    const any_half *in = from;
    VECTOR_LOOP
    for (ptrdiff_t i = 0; i < n; i++) out[i].x = libloss__from_f16(in[i].x);
}

static void from_bf16(void *to, const void *from, ptrdiff_t n)
{
    any_float *out = to;
    const any_half *in = from;
    VECTOR_LOOP
    for (ptrdiff_t i = 0; i < n; i++) out[i].x = libloss__from_bf16(in[i].x);
}

static void to_f16_f32(void *to, const void *from, ptrdiff_t n)
{
    any_half *out = to;
    const any_float *in = from;
    VECTOR_LOOP
    for (ptrdiff_t i = 0; i < n; i++) out[i].x = libloss__to_f16((double)in[i].x);
}

static void to_f16_f64(void *to, const void *from, ptrdiff_t n)
{
    any_half *out = to;
    const any_double *in = from;
    VECTOR_LOOP
    for (ptrdiff_t i = 0; i < n; i++) out[i].x = libloss__to_f16(in[i].x);
}

static void to_bf16_f32(void *to, const void *from, ptrdiff_t n)
{
    any_half *out = to;
    const any_float *in = from;
    VECTOR_LOOP
    for (ptrdiff_t i = 0; i < n; i++) out[i].x = libloss__to_bf16((double)in[i].x);
}

static void to_bf16_f64(void *to, const void *from, ptrdiff_t n)
{
    any_half *out = to;
    const any_double *in = from;
    VECTOR_LOOP
    for (ptrdiff_t i = 0; i < n; i++) out[i].x = libloss__to_bf16(in[i].x);
}

static void narrow(void *to, const void *from, ptrdiff_t n)
{
    any_float *out = to;
    const any_double *in = from;
    VECTOR_LOOP
    for (ptrdiff_t i = 0; i < n; i++) out[i].x = (float)in[i].x;
}

static void widen(void *to, const void *from, ptrdiff_t n)
{
    any_double *out = to;
    const any_float *in = from;
    VECTOR_LOOP
    for (ptrdiff_t i = 0; i < n; i++) out[i].x = (double)in[i].x;
}

/* Whole lines go past the caches, which also spares reading them first; the ends of an unaligned run are stored as ever. */
static void stream(char *to, const char *from, ptrdiff_t bytes)
{
#if defined __x86_64__
    ptrdiff_t head = (ptrdiff_t)(-(uintptr_t)to & 63);
    if (head > bytes) head = bytes;
    memcpy(to, from, (size_t)head);
    to += head, from += head, bytes -= head;
    for (; bytes >= 64; to += 64, from += 64, bytes -= 64) {
#if defined __AVX512F__
        _mm512_stream_si512((void *)to, _mm512_loadu_si512(from));
#elif defined __AVX__
        for (int k = 0; k < 64; k += 32)
            _mm256_stream_si256((__m256i *)(void *)(to + k), _mm256_loadu_si256((const __m256i *)(const void *)(from + k)));
#else
        for (int k = 0; k < 64; k += 16)
            _mm_stream_si128((__m128i *)(void *)(to + k), _mm_loadu_si128((const __m128i *)(const void *)(from + k)));
#endif
    }
#endif
    memcpy(to, from, (size_t)bytes);
}

#define TABLE_(isa_) libloss__tiles_##isa_
#define TABLE(isa_) TABLE_(isa_)

extern const libloss__tiles TABLE(LIBLOSS_ISA);
const libloss__tiles TABLE(LIBLOSS_ISA) = {
    .sum_f32 = tile_sum_f32,
    .sum_f64 = tile_sum_f64,
    .sum_weighted_f32 = tile_sum_weighted_f32,
    .sum_weighted_f64 = tile_sum_weighted_f64,
    .outside_f32 = outside_f32,
    .outside_f64 = outside_f64,
    .not_weights_f32 = not_weights_f32,
    .not_weights_f64 = not_weights_f64,
    .terms_f32 = terms_f32,
    .terms_f64 = terms_f64,
    .scale_weighted_f32 = scale_weighted_f32,
    .scale_weighted_f64 = scale_weighted_f64,
    .scale_each_f32 = scale_each_f32,
    .scale_each_f64 = scale_each_f64,
    .drop_f32 = drop_f32,
    .drop_f64 = drop_f64,
    .products = products,
    .fill = fill,
    .divide = divide,
    .multiply = multiply,
    .weigh_f32 = weigh_f32,
    .from_f16 = from_f16,
    .from_bf16 = from_bf16,
    .to_f16_f32 = to_f16_f32,
    .to_f16_f64 = to_f16_f64,
    .to_bf16_f32 = to_bf16_f32,
    .to_bf16_f64 = to_bf16_f64,
    .narrow = narrow,
    .widen = widen,
    .stream = stream,
};
