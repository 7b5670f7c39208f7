/*
 * Every loss of the registry at n = 1024, each call between two marks for callgrind: what is counted is one libloss_eval.
 * And the engine's loops, by one cheap loss given in many ways. Run and read by ceilings.py.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libloss.h>
#include <valgrind/callgrind.h>

enum { N = 1024, SPACE = 4 * N };

/* What is asked of a call. WHOLE: gradient and Hessian by every input. LEARN: gradient by the parameters. */
enum { VALUE = 1, GRAD = 2, HESS = 4, UPPER = 8, WHOLE = 16, LEARN = 32 };
static const struct {
    const char *name;
    int bits;
} wants[] = { { "value", VALUE },
              { "value+grad", VALUE | GRAD },
              { "grad+hess", GRAD | HESS },
              { "grad+upper", GRAD | HESS | UPPER },
              { "all_inputs", VALUE | GRAD | HESS | WHOLE },
              { "by_parameters", LEARN } };
enum { WANTS = sizeof wants / sizeof wants[0] };

/* How a call is given, beyond plain arrays. */
enum {
    WEIGHT = 1,
    NONE = 2,
    STRIDED = 4,
    HALF = 8,
    INTEGER = 16,
    BROADCAST = 32,
    UPSTREAM = 64,
    TOTAL = 128,
    TRUST = 256,
    ROWS = 512,
    CLASS_WEIGHT = 1024,
    SCALES = 2048
};

static uint64_t state;
static double uniform(void)
{
    state = state * 6364136223846793005U + 1442695040888963407U;
    return (double)(state >> 11) * 0x1p-53;
}

static double number(int kind, int scales, int64_t classes)
{
    double u = uniform();
    if (kind == LIBLOSS_KIND_BINARY) return u < 0.5;
    if (kind >= LIBLOSS_KIND_CLASS) return (double)(int64_t)(u * (double)(classes ? classes : 2));
    switch (kind) {
    case LIBLOSS_KIND_PROBABILITY: return 0.02 + 0.96 * u;
    case LIBLOSS_KIND_POSITIVE: return 0.1 + 3 * u;
    case LIBLOSS_KIND_SIGN: return u < 0.5 ? -1 : 1;
    default: return scales ? (u - 0.5) * (u < 0.25 ? 1e-12 : u < 0.5 ? 1e12 : 1) : 8 * u - 4;
    }
}

typedef struct {
    libloss_tensor t;
    int64_t shape[2], strides[2];
    double room[SPACE];
} array;

static array *new_array(int code, int bits, int64_t rows, int64_t columns, int ndim)
{
    array *a = calloc(1, sizeof *a);
    if (!a) exit(3);
    a->shape[0] = rows;
    a->shape[1] = columns;
    a->strides[0] = ndim == 2 ? columns : 1;
    a->strides[1] = 1;
    a->t = (libloss_tensor){ .data = a->room,
                             .device_type = 1,
                             .ndim = ndim,
                             .dtype_code = (uint8_t)code,
                             .dtype_bits = (uint8_t)bits,
                             .dtype_lanes = 1,
                             .shape = a->shape,
                             .strides = a->strides };
    return a;
}

static void put(array *a, int64_t i, double x)
{
    char *place = (char *)a->room + i * a->t.dtype_bits / 8;
    if (a->t.dtype_code == 2 && a->t.dtype_bits == 64) memcpy(place, &x, 8);
    if (a->t.dtype_code == 2 && a->t.dtype_bits == 32) memcpy(place, &(float){ (float)x }, 4);
    if (a->t.dtype_code == 2 && a->t.dtype_bits == 16)
        memcpy(place, &(uint16_t){ (uint16_t)(0x3800 + (int)(x * 64)) }, 2); /* some normal half */
    if (a->t.dtype_code == 0) memcpy(place, &(int64_t){ (int64_t)x }, 8);
}

/* One call, counted under its name; 0 if the loss does not take that shape or has no such derivative. Any other failure ends it all. */
static int count(const char *spec, int64_t columns, int bits, int want, int how, const char *name)
{
    const int64_t rows = columns ? N / columns : N;
    const int ndim = columns ? 2 : 1;
    libloss_object *o;
    libloss_info info = { .struct_size = sizeof info };
    libloss_args args = { .struct_size = sizeof args, .threads = 1 };
    uint64_t total[LIBLOSS_TOTAL_SIMPLE / 8];
    double value = 0, by[64];
    array *made[40];
    int mades = 0;
    state = 1;
    if (libloss_create(spec, &o) != LIBLOSS_OK || libloss_describe(o, &info) != LIBLOSS_OK) {
        fprintf(stderr, "%s: %s\n", name, libloss_message());
        exit(1);
    }
    for (int k = 0; k < info.inputs; k++) {
        libloss_input input = { .struct_size = sizeof input };
        libloss_describe_input(o, k, &input);
        if ((input.flags & LIBLOSS_OPTIONAL) && !(how & CLASS_WEIGHT)) continue;
        const int soft = input.kind == LIBLOSS_KIND_CLASS && (how & ROWS);
        const int index = input.kind >= LIBLOSS_KIND_CLASS && input.kind != LIBLOSS_KIND_BINARY && !soft;
        const int flat = input.shape != LIBLOSS_SHAPE_LIKE_FIRST && !soft;
        const int64_t length = input.shape == LIBLOSS_SHAPE_PER_CLASS ? columns : rows;
        const int half = (how & HALF) && !index, integer = index || ((how & INTEGER) && k == 1);
        const int step = (how & STRIDED) && !flat ? 2 : 1;
        array *a = made[mades++] = new_array(integer ? 0 : 2, integer ? 64 : half ? 16 : bits, length, columns, flat ? 1 : ndim);
        const int64_t numbers = flat ? length : rows * (columns ? columns : 1);
        const int kind = soft ? LIBLOSS_KIND_PROBABILITY : input.shape == LIBLOSS_SHAPE_PER_CLASS ? LIBLOSS_KIND_POSITIVE : input.kind;
        for (int64_t i = 0; i < numbers * step; i++) put(a, i, number(kind, how & SCALES, columns));
        for (int d = 0; d < 2; d++) a->strides[d] *= step;
        if ((how & BROADCAST) && k == 1) a->strides[0] = 0;
        args.input[k] = &a->t;
        if (index || !(input.flags & LIBLOSS_DIFFERENTIABLE) || (k > 0 && !(want & WHOLE))) continue;
        if (want & GRAD) args.gradient[k] = &(made[mades++] = new_array(2, bits, rows, columns, ndim))->t;
        if (want & HESS) args.hessian[k] = &(made[mades++] = new_array(2, bits, rows, columns, ndim))->t;
    }
    const libloss_tensor **extra[] = { how & WEIGHT ? &args.weight : NULL, how & UPSTREAM ? &args.upstream : NULL };
    for (int k = 0; k < 2; k++) {
        if (!extra[k]) continue;
        array *a = made[mades++] = new_array(2, bits, rows, columns, info.values_per == LIBLOSS_PER_ELEMENT ? ndim : 1);
        for (int64_t i = 0; i < N; i++) put(a, i, 0.5 + uniform());
        *extra[k] = &a->t;
    }
    if (how & NONE) {
        args.reduction = LIBLOSS_NONE;
        args.values = &(made[mades++] = new_array(2, bits, rows, columns, info.values_per == LIBLOSS_PER_ELEMENT ? ndim : 1))->t;
    } else if (want & VALUE) {
        args.value = &value;
    }
    if (how & TOTAL) {
        if (libloss_total_start((libloss_total *)(void *)total, sizeof total, o, NULL) != LIBLOSS_OK) exit(4);
        args.total = (libloss_total *)(void *)total;
    }
    if (want & LEARN) args.parameter_gradient = by;
    args.flags = how & TRUST ? LIBLOSS_TRUST_DOMAIN : 0;
    args.curvature = want & UPPER ? LIBLOSS_UPPER : LIBLOSS_EXACT;

    libloss_status status = libloss_eval(o, &args);
    if (status == LIBLOSS_OK) {
        CALLGRIND_ZERO_STATS;
        status = libloss_eval(o, &args);
        CALLGRIND_DUMP_STATS_AT(name);
    }
    if (status != LIBLOSS_OK && status != LIBLOSS_ERR_SHAPE && status != LIBLOSS_ERR_NO_GRADIENT && status != LIBLOSS_ERR_NO_CURVATURE) {
        fprintf(stderr, "%s: %s\n", name, libloss_message());
        exit(1);
    }
    while (mades) free(made[--mades]);
    libloss_destroy(o);
    return status == LIBLOSS_OK;
}

static int count_wants(const char *spec, int64_t columns, int how, const char *suffix)
{
    char name[256];
    int counted = 0;
    for (int bits = 32; bits <= 64; bits += 32)
        for (int w = 0; w < WANTS; w++) {
            int used = snprintf(name, sizeof name, "%s ", spec);
            if (columns) used += snprintf(name + used, sizeof name - (size_t)used, "%dx%d%s ", (int)(N / columns), (int)columns, suffix);
            snprintf(name + used, sizeof name - (size_t)used, "f%d %s", bits, wants[w].name);
            counted += count(spec, columns, bits, wants[w].bits, how, name);
        }
    return counted;
}

/* In every shape that it takes: as narrow and as wide rows, or as numbers; or else as a square. A wide row is none of 1024, since some
 * losses compare all pairs of it. */
static void count_loss(const char *name, int values_per)
{
    int counted = values_per == LIBLOSS_PER_ELEMENT ? 0 : count_wants(name, 8, 0, "") + count_wants(name, 256, 0, "");
    if (!counted && values_per != LIBLOSS_PER_ROW) counted = count_wants(name, 0, 0, "");
    if (!counted) counted = count_wants(name, 32, 0, "");
    if (counted) return;
    fprintf(stderr, "%s: takes none of the shapes here\n", name);
    exit(1);
}

/* The flat calls: no structs, the arrays of a small batch. */
static void count_flat(const char *spec, int n)
{
    libloss_object *o;
    float p[N], t[N], g[N];
    double value;
    char name[256];
    state = 1;
    if (libloss_create(spec, &o) != LIBLOSS_OK) exit(1);
    for (int i = 0; i < n; i++) p[i] = (float)number(LIBLOSS_KIND_REAL, 0, 0), t[i] = (float)(i & 1);
    for (int gradient = 0; gradient < 2; gradient++) {
        snprintf(name, sizeof name, "flat:%s n=%d f32 %s", spec, n, wants[gradient].name);
        for (int run = 0; run < 2; run++) {
            CALLGRIND_ZERO_STATS;
            libloss_status status = libloss_call_f32(o, LIBLOSS_MEAN, n, p, t, &value, gradient ? g : NULL);
            if (run == 1) CALLGRIND_DUMP_STATS_AT(name);
            if (status != LIBLOSS_OK) exit(1);
        }
    }
    libloss_destroy(o);
}

static void count_flat_rows(int rows, int classes)
{
    libloss_object *o;
    float z[N], g[N];
    int64_t label[N];
    double value;
    char name[256];
    state = 1;
    if (libloss_create("cross_entropy", &o) != LIBLOSS_OK) exit(1);
    for (int i = 0; i < rows * classes; i++) z[i] = (float)number(LIBLOSS_KIND_REAL, 0, 0), label[i] = i % classes;
    for (int gradient = 0; gradient < 2; gradient++) {
        snprintf(name, sizeof name, "flat:cross_entropy %dx%d f32 %s", rows, classes, wants[gradient].name);
        for (int run = 0; run < 2; run++) {
            CALLGRIND_ZERO_STATS;
            libloss_status status = libloss_rows_f32_i64(o, LIBLOSS_MEAN, rows, classes, z, label, &value, gradient ? g : NULL);
            if (run == 1) CALLGRIND_DUMP_STATS_AT(name);
            if (status != LIBLOSS_OK) exit(1);
        }
    }
    libloss_destroy(o);
}

int main(void)
{
    for (int64_t i = 0; i < libloss_count(); i++) {
        libloss_object *o;
        libloss_info info = { .struct_size = sizeof info };
        if (libloss_create(libloss_name(i), &o) != LIBLOSS_OK || libloss_describe(o, &info) != LIBLOSS_OK) return 1;
        if (!info.is_metric) count_loss(libloss_name(i), info.values_per);
        libloss_destroy(o);
    }
    count_wants("cross_entropy", 8, ROWS, "_soft");
    count_wants("cross_entropy", N, ROWS, "_soft");
    count_wants("cross_entropy", N, ROWS | CLASS_WEIGHT, "_soft_weighted");
    count_wants("cross_entropy(label_smoothing=0.1)", N, 0, "");
    count_wants("cross_entropy", N, CLASS_WEIGHT, "_weighted");

    static const char *const flat[] = { "squared_error", "huber", "binary_cross_entropy_with_logits" };
    for (size_t k = 0; k < sizeof flat / sizeof flat[0]; k++)
        for (int n = 16; n <= N; n *= n == 16 ? 4 : 16) count_flat(flat[k], n);
    count_flat_rows(1, 10);
    count_flat_rows(64, 10);

    static const struct {
        const char *name, *spec;
        int how;
    } engine[] = { { "plain", "squared_error", 0 },
                   { "scales", "squared_error", SCALES },
                   { "weight", "squared_error", WEIGHT },
                   { "weight_scales", "squared_error", WEIGHT | SCALES },
                   { "none", "squared_error", NONE },
                   { "none_weight", "squared_error", NONE | WEIGHT },
                   { "strided", "squared_error", STRIDED },
                   { "half", "squared_error", HALF },
                   { "integer_target", "squared_error", INTEGER },
                   { "broadcast_target", "squared_error", BROADCAST },
                   { "upstream", "squared_error", UPSTREAM | NONE },
                   { "total", "squared_error", TOTAL },
                   { "scan_probability", "binary_cross_entropy", 0 },
                   { "trust_probability", "binary_cross_entropy", TRUST },
                   { "scan_sign", "hinge", 0 },
                   { "trust_sign", "hinge", TRUST } };
    char name[256];
    for (size_t e = 0; e < sizeof engine / sizeof engine[0]; e++)
        for (int bits = 32; bits <= 64; bits += 32)
            for (int w = 0; w < 2; w++) {
                snprintf(name, sizeof name, "engine:%s f%d %s", engine[e].name, bits, wants[w].name);
                count(engine[e].spec, 0, bits, wants[w].bits, engine[e].how, name);
            }
    return 0;
}
