/*
 * Errors of a loss over a great many inputs, through the public interface. Prints for value, gradient and Hessian the worst error in
 * ULP and where it is.
 *
 *     sweep one SPEC TARGET STRIDE         f32, every STRIDE-th of the 2^32 predictions
 *     sweep pairs SPEC f16|bf16 STRIDE     every STRIDE-th of the 2^32 pairs of 16-bit numbers
 *     sweep search SPEC COUNT SEED         f64: COUNT random points at hard places, then climbing from the worst
 */
#include <libloss.h>

#include <math.h>
#include <quadmath.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define T double
#define DATA float
#define F(name_) double_##name_
#define M(name_) name_
typedef struct {
    double y[3], scale[3];
} double_jet;
#include "oracles.h"
#undef T
#undef DATA
#undef F
#undef M
#define T __float128
#define DATA double
#define F(name_) quad_##name_
#define M(name_) name_##q
typedef struct {
    __float128 y[3], scale[3];
} quad_jet;
#include "oracles.h"

enum { BLOCK = 4096, KEPT = 64 };

typedef struct {
    double error, p, t;
} place;

static place worst[3];
static libloss_object *loss;

static void stop(const char *why)
{
    fprintf(stderr, "%s: %s\n", why, libloss_message());
    exit(2);
}

static libloss_tensor tensor(const void *data, int code, int bits, const int64_t *n)
{
    return (libloss_tensor){ .data = (void *)(uintptr_t)data,
                             .device_type = 1,
                             .ndim = 1,
                             .dtype_code = (uint8_t)code,
                             .dtype_bits = (uint8_t)bits,
                             .dtype_lanes = 1,
                             .shape = n };
}

/* Values, gradients and Hessians of n pairs. Outputs are f32 unless the inputs are f64. */
static void evaluate(const void *p, const void *t, int code, int bits, int64_t n, void *out[3])
{
    const int wide = bits == 64 ? 64 : 32;
    libloss_tensor x = tensor(p, code, bits, &n), y = tensor(t, code, bits, &n), value = tensor(out[0], 2, wide, &n),
                   grad = tensor(out[1], 2, wide, &n), hess = tensor(out[2], 2, wide, &n);
    libloss_args args = { .struct_size = sizeof args,
                          .input = { &x, &y },
                          .reduction = LIBLOSS_NONE,
                          .threads = 1,
                          .values = &value,
                          .gradient = { &grad },
                          .hessian = { &hess } };
    if (libloss_eval(loss, &args)) stop("libloss_eval");
}

/* ---- f32 results against double ---- */

static double ulp32(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, 8);
    uint64_t field = bits >> 52 & 2047; /* by hand: frexp takes longer than an oracle */
    bits = (field < 1023 - 126 ? 1023 - 126 - 23 : field - 23) << 52;
    memcpy(&x, &bits, 8);
    return x;
}

static double error32(float got, double exact, double scale)
{
    if (isnan(exact)) return isnan(got) ? 0 : INFINITY;
    if (!isfinite(got)) return fabs(exact) > 3.4028234e38 && (got > 0) == (exact > 0) ? 0 : INFINITY;
    if (fabs(exact) > 3.4028236e38) return INFINITY;
    return fabs(got - exact) / ulp32(fmax(fabs(exact), scale));
}

static void (*double_exact)(double, double, double_jet *);

static void compare32(const float *p, const float *t, float *const out[3], int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        double_jet j;
        double_exact(p[i], t[i], &j);
        for (int k = 0; k < 3; k++) {
            double error =
                isnan(p[i]) || isnan(t[i]) ? (k == 2 || isnan(out[k][i]) ? 0 : INFINITY) : error32(out[k][i], j.y[k], j.scale[k]);
            if (error > worst[k].error) worst[k] = (place){ error, p[i], t[i] };
        }
    }
}

/* Where an input may be. The last two are losses' own: kinds do not tell them. */
typedef enum { REAL, PROBABILITY, SIGN, POSITIVE, NONNEGATIVE, PAST_MINUS_ONE } domain;

static int inside(domain d, double x)
{
    switch (d) {
    case PROBABILITY: return x >= 0 && x <= 1;
    case SIGN: return fabs(x) == 1;
    case POSITIVE: return x > 0 && !isinf(x);
    case NONNEGATIVE: return x >= 0 && !isinf(x);
    case PAST_MINUS_ONE: return x > -1 && !isinf(x);
    default: return !isinf(x);
    }
}

static domain domain_of(const char *name, int i)
{
    libloss_input input = { .struct_size = sizeof input };
    if (libloss_describe_input(loss, i, &input)) stop(name);
    if (!strcmp(name, "squared_log_error")) return PAST_MINUS_ONE;
    if (!strcmp(name, "kl_pointwise") && i == 1) return NONNEGATIVE;
    switch (input.kind) {
    case LIBLOSS_KIND_PROBABILITY: return PROBABILITY;
    case LIBLOSS_KIND_SIGN: return SIGN;
    case LIBLOSS_KIND_POSITIVE: return input.flags & LIBLOSS_OR_ZERO ? NONNEGATIVE : POSITIVE;
    default: return REAL;
    }
}

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, 4);
    return x;
}

static void one(const domain in[2], float target, uint64_t stride)
{
    static float p[BLOCK], t[BLOCK], out[3][BLOCK];
    float *outs[3] = { out[0], out[1], out[2] };
    int64_t n = 0;
    for (int i = 0; i < BLOCK; i++) t[i] = target;
    for (uint64_t bits = 0; bits <= UINT32_MAX; bits += stride) {
        float x = float_of((uint32_t)bits);
        if (inside(in[0], x) || isnan(x)) p[n++] = x;
        if (n == BLOCK || (n && bits + stride > UINT32_MAX)) {
            evaluate(p, t, 2, 32, n, (void *[]){ out[0], out[1], out[2] });
            compare32(p, t, outs, n);
            n = 0;
        }
    }
    if (n) {
        evaluate(p, t, 2, 32, n, (void *[]){ out[0], out[1], out[2] });
        compare32(p, t, outs, n);
    }
}

static float half_of(uint16_t h)
{
    int e = h >> 10 & 31, m = h & 1023;
    double x = e == 31 ? (m ? NAN : INFINITY) : e ? ldexp(1024 + m, e - 25) : ldexp(m, -24);
    return (float)(h >> 15 ? -x : x);
}

static void pairs(const domain in[2], int brain, uint64_t stride)
{
    static float as_float[65536];
    static uint16_t p[BLOCK], t[BLOCK];
    static float fp[BLOCK], ft[BLOCK], out[3][BLOCK];
    float *outs[3] = { out[0], out[1], out[2] };
    int64_t n = 0;
    for (uint32_t h = 0; h < 65536; h++) as_float[h] = brain ? float_of(h << 16) : half_of((uint16_t)h);
    for (uint64_t i = 0; i <= UINT32_MAX; i += stride) {
        float x = as_float[i & 65535], y = as_float[i >> 16];
        if (inside(in[0], x) && inside(in[1], y) && !isnan(x) && !isnan(y)) {
            p[n] = (uint16_t)i;
            t[n] = (uint16_t)(i >> 16);
            fp[n] = x;
            ft[n++] = y;
        }
        if (n == BLOCK || (n && i + stride > UINT32_MAX)) {
            evaluate(p, t, brain ? 4 : 2, 16, n, (void *[]){ out[0], out[1], out[2] });
            compare32(fp, ft, outs, n);
            n = 0;
        }
    }
    if (n) {
        evaluate(p, t, brain ? 4 : 2, 16, n, (void *[]){ out[0], out[1], out[2] });
        compare32(fp, ft, outs, n);
    }
}

/* ---- f64 results against __float128 ---- */

static double error64(double got, __float128 exact, __float128 scale)
{
    if (isnanq(exact)) return isnan(got) ? 0 : INFINITY;
    const __float128 most = 1.7976931348623157e308Q;
    if (!isfinite(got)) return fabsq(exact) > most * (1 - 1e-16Q) && (got > 0) == (exact > 0) ? 0 : INFINITY;
    if (fabsq(exact) > most * (1 + 1e-16Q)) return INFINITY;
    int e;
    frexpq(fmaxq(fabsq(exact), scale), &e);
    return (double)(fabsq(got - exact) / ldexpq(1, (e < -1021 ? -1021 : e) - 53));
}

static void (*quad_exact)(__float128, __float128, quad_jet *);

static uint64_t state;

static double uniform(void) /* splitmix64 */
{
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (double)((z ^ z >> 31) >> 11) * 0x1p-53;
}

static double draw(domain in)
{
    const double sign = uniform() < 0.5 ? -1 : 1;
    const int way = (int)(8 * uniform());
    if (in == SIGN) return sign;
    if (in == PROBABILITY)
        return way < 2   ? way
               : way < 4 ? uniform()
               : way < 6 ? exp(-40 * uniform())
               : way < 7 ? 1 - exp(-37 * uniform())
                         : ldexp(uniform(), -(int)(1070 * uniform()));
    if (in != REAL) return fabs(draw(REAL));
    switch (way) {
    case 0: return sign * uniform();
    case 1: return sign * 4 * uniform();
    case 2: return sign * (80 + 30 * uniform());
    case 3: return sign * (700 + 60 * uniform());
    case 4: return sign * exp(80 * uniform() - 40);
    case 5: return sign * ldexp(1 + uniform(), (int)(2040 * uniform()) - 1020);
    case 6: return sign * ldexp(uniform(), -1000 - (int)(74 * uniform()));
    default: return sign * 40 * uniform();
    }
}

static void try64(place *points, int64_t n, place top[3][KEPT])
{
    static double p[BLOCK], t[BLOCK], out[3][BLOCK];
    for (int64_t i = 0; i < n; i++) p[i] = points[i].p, t[i] = points[i].t;
    evaluate(p, t, 2, 64, n, (void *[]){ out[0], out[1], out[2] });
    for (int64_t i = 0; i < n; i++) {
        quad_jet j;
        quad_exact(p[i], t[i], &j);
        for (int k = 0; k < 3; k++) {
            place here = { error64(out[k][i], j.y[k], j.scale[k]), p[i], t[i] };
            int least = 0;
            for (int m = 1; m < KEPT; m++)
                if (top[k][m].error < top[k][least].error) least = m;
            if (here.error > top[k][least].error) top[k][least] = here;
            if (here.error > worst[k].error) worst[k] = here;
        }
    }
}

static double step(double x, domain in)
{
    if (in == SIGN || uniform() < 0.3) return x;
    double y = uniform() < 0.5 ? x * (1 + (uniform() - 0.5) * exp(-36 * uniform())) : nextafter(x, uniform() < 0.5 ? -INFINITY : INFINITY);
    return inside(in, y) ? y : x;
}

static void search(const domain in[2], int64_t count, uint64_t seed)
{
    static place points[BLOCK], top[3][KEPT];
    state = seed;
    for (int64_t done = 0; done < count; done += BLOCK) {
        for (int i = 0; i < BLOCK; i++) {
            const place *from = &top[i % 3][(int)(KEPT * uniform())];
            const int climb = done > count / 2 && from->error > 0;
            double p = climb ? step(from->p, in[0]) : draw(in[0]), t = climb ? step(from->t, in[1]) : draw(in[1]);
            if (!climb && (in[1] == REAL || in[1] == PAST_MINUS_ONE) && uniform() < 0.6)
                t = uniform() < 0.5 ? 0 : p * (1 + (uniform() - 0.5) * exp(-30 * uniform()));
            if (!inside(in[0], p)) p = 0.5;
            if (!inside(in[1], t)) t = 0.5;
            points[i] = (place){ 0, p, t };
        }
        try64(points, BLOCK, top);
    }
}

int main(int argc, char **argv)
{
    if (argc < 5) return 2;
    char name[64] = { 0 };
    memcpy(name, argv[2], strcspn(argv[2], "(") < 63 ? strcspn(argv[2], "(") : 63);
    for (size_t k = 0; k < sizeof double_oracles / sizeof *double_oracles; k++)
        if (!strcmp(double_oracles[k].name, name)) double_exact = double_oracles[k].exact, quad_exact = quad_oracles[k].exact;
    if (!double_exact) return fprintf(stderr, "no oracle for %s\n", name), 3;
    if (libloss_create(argv[2], &loss)) stop(argv[2]);
    const domain in[2] = { domain_of(name, 0), domain_of(name, 1) };
    if (!strcmp(argv[1], "one"))
        one(in, strtof(argv[3], NULL), strtoull(argv[4], NULL, 10));
    else if (!strcmp(argv[1], "pairs"))
        pairs(in, !strcmp(argv[3], "bf16"), strtoull(argv[4], NULL, 10));
    else
        search(in, strtoll(argv[3], NULL, 10), strtoull(argv[4], NULL, 10));
    for (int k = 0; k < 3; k++) printf("%.4f %a %a\n", worst[k].error, worst[k].p, worst[k].t);
    return 0;
}
