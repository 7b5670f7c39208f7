/*
 * Prints one 64-bit hash per loss and type over values, gradients and Hessians of a fixed set of inputs, hard ones included. All
 * machines with a fused multiply-add must print the same lines. NaN counts as one number.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "libloss.h"

enum { N = 3000, CLASSES = 5, WIDE = 70 };

static uint64_t state;

static uint64_t next(void) /* splitmix64 */
{
    uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static double uniform(void) { return (double)(next() >> 11) * 0x1p-53; }

static void mix(uint64_t *hash, const void *numbers, size_t count, int bytes)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t bits = 0;
        double x;
        if (bytes == 4)
            x = ((const float *)numbers)[i];
        else
            x = ((const double *)numbers)[i];
        memcpy(&bits, (const char *)numbers + i * (size_t)bytes, (size_t)bytes);
        if (x != x) bits = 1;
        *hash = (*hash ^ bits) * UINT64_C(1099511628211);
        *hash ^= *hash >> 29;
    }
}

static double number(int kind)
{
    double u = uniform();
    switch (kind) {
    case LIBLOSS_KIND_PROBABILITY: return u < 0.1 ? 0 : u > 0.9 ? 1 : u < 0.3 ? u * 1e-6 : u;
    case LIBLOSS_KIND_POSITIVE: return u < 0.3 ? 1 + (double)(int)(u * 30) : u < 0.5 ? u * 1e-6 : u * 8;
    case LIBLOSS_KIND_SIGN: return u < 0.5 ? -1 : 1;
    default: return u < 0.1 ? 0 : (uniform() - 0.5) * (u < 0.4 ? 4 : u < 0.8 ? 200 : u < 0.9 ? 1e-7 : 1600);
    }
}

static void run(const libloss_object *o, const char *name, int bytes)
{
    static double p64[N * WIDE], t64[N * WIDE], u64[N * WIDE], g64[N * WIDE], h64[N * WIDE], v64[N];
    static float p32[N * WIDE], t32[N * WIDE], u32[N * WIDE], g32[N * WIDE], h32[N * WIDE], v32[N];
    static int64_t label[N];
    libloss_info info = { .struct_size = sizeof info };
    libloss_input in[3] = { { .struct_size = sizeof in[0] }, { .struct_size = sizeof in[0] }, { .struct_size = sizeof in[0] } };
    libloss_describe(o, &info);
    libloss_describe_input(o, 0, &in[0]);
    libloss_describe_input(o, 1, &in[1]);
    const int third = info.inputs > 2 && libloss_describe_input(o, 2, &in[2]) == LIBLOSS_OK && !(in[2].flags & LIBLOSS_OPTIONAL);
    uint64_t hash = UINT64_C(14695981039346656037);
    const int rows = info.values_per == LIBLOSS_PER_ROW;
    for (int wide = 0; wide <= rows; wide++) {
        const int64_t classes = !rows ? 1 : wide ? WIDE : CLASSES, shape[2] = { N / classes, classes };
        const int64_t n = shape[0];
        state = 42;
        for (int64_t i = 0; i < n * classes; i++) {
            p64[i] = p32[i] = (float)number(in[0].kind);
            t64[i] = t32[i] = (float)number(in[1].kind);
            if (third) u64[i] = u32[i] = (float)number(in[2].kind);
        }
        for (int64_t i = 0; i < n; i++) label[i] = (int64_t)(next() % (uint64_t)classes);
        libloss_tensor p = { .data = bytes == 4 ? (void *)p32 : (void *)p64,
                             .device_type = 1,
                             .ndim = 1 + rows,
                             .dtype_code = 2,
                             .dtype_bits = (uint8_t)(8 * bytes),
                             .dtype_lanes = 1,
                             .shape = shape };
        libloss_tensor t = p, u = p, g = p, h = p, v = p, l = p;
        t.data = bytes == 4 ? (void *)t32 : (void *)t64;
        u.data = bytes == 4 ? (void *)u32 : (void *)u64;
        g.data = bytes == 4 ? (void *)g32 : (void *)g64;
        h.data = bytes == 4 ? (void *)h32 : (void *)h64;
        v.data = bytes == 4 ? (void *)v32 : (void *)v64;
        v.ndim = 1;
        l.data = label, l.ndim = 1, l.dtype_code = 0, l.dtype_bits = 64;
        double sum = 0;
        libloss_args args = { .struct_size = sizeof args,
                              .input = { &p, in[1].kind == LIBLOSS_KIND_CLASS ? &l : &t, third ? &u : NULL },
                              .values = &v,
                              .value = &sum,
                              .reduction = LIBLOSS_SUM,
                              .gradient = { &g },
                              .hessian = { &h } };
        if (libloss_eval(o, &args) != LIBLOSS_OK) printf("%s: %s\n", name, libloss_message());
        mix(&hash, v.data, (size_t)n, bytes);
        mix(&hash, g.data, (size_t)(n * classes), bytes);
        mix(&hash, h.data, (size_t)(n * classes), bytes);
        mix(&hash, &sum, 1, 8);
    }
    printf("%016llx f%d %s\n", (unsigned long long)hash, 8 * bytes, name);
}

int main(void)
{
    for (int64_t i = 0; i < libloss_count(); i++)
        for (int bytes = 4; bytes <= 8; bytes += 4) {
            libloss_object *o;
            if (libloss_create(libloss_name(i), &o) != LIBLOSS_OK) return 1;
            libloss_info info = { .struct_size = sizeof info };
            if (libloss_describe(o, &info) != LIBLOSS_OK) return 1;
            if (!info.is_metric) run(o, libloss_name(i), bytes);
            libloss_destroy(o);
        }
    return 0;
}
