/*
 * The C API from C: flat calls, strangers' losses, buffers between guard pages, allocations, messages.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "libloss.h"

/* ---- counting allocations: the linker sends the static library's calls here ---- */

static int allocations, fail_from = -1;
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);

void *__wrap_malloc(size_t size)
{
    allocations++;
    return fail_from >= 0 && allocations > fail_from ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    allocations++;
    return fail_from >= 0 && allocations > fail_from ? NULL : __real_calloc(n, size);
}

/* ---- guard pages: n bytes that end at an unreadable page, or begin after one ---- */

typedef struct {
    char *map, *bytes;
    size_t length;
} guarded;

static guarded guard(size_t bytes, int at_end)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), inside = (bytes + page - 1) / page * page + page;
    guarded g = { .length = inside + 2 * page };
    g.map = mmap(NULL, g.length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(g.map != MAP_FAILED);
    assert_int_equal(mprotect(g.map, page, PROT_NONE), 0);
    assert_int_equal(mprotect(g.map + page + inside, page, PROT_NONE), 0);
    g.bytes = at_end ? g.map + page + inside - bytes : g.map + page;
    return g;
}

static void unguard(guarded g) { munmap(g.map, g.length); }

/* Metrics come after the losses. */
static int64_t count_losses(void)
{
    int64_t n = 0;
    for (int64_t k = 0; k < libloss_count(); k++) {
        libloss_object *o;
        libloss_info info = { .struct_size = sizeof info };
        assert_int_equal(libloss_create(libloss_name(k), &o), LIBLOSS_OK);
        assert_int_equal(libloss_describe(o, &info), LIBLOSS_OK);
        libloss_destroy(o);
        if (!info.is_metric)
            n++;
        else
            assert_true(k >= n);
    }
    return n;
}

static libloss_object *make(const char *spec)
{
    libloss_object *o = NULL;
    libloss_status status = libloss_create(spec, &o);
    if (status != LIBLOSS_OK) fail_msg("%s: %s", spec, libloss_message());
    return o;
}

/* Every loss, every small size and some around a tile, both ends, f32 and f64, in place as well. */
static void test_guard_pages(void **state)
{
    (void)state;
    static const int64_t sizes[] = { 0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 255, 1023, 1024, 1025, 3073 };
    for (int64_t k = 0; k < count_losses(); k++) {
        libloss_object *o = make(libloss_name(k));
        libloss_info info = { .struct_size = sizeof info };
        assert_int_equal(libloss_describe(o, &info), LIBLOSS_OK);
        libloss_input second = { .struct_size = sizeof second };
        assert_int_equal(libloss_describe_input(o, 1, &second), LIBLOSS_OK);
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
            for (int at_end = 0; at_end < 2; at_end++)
                for (int wide = 0; wide < 2; wide++) {
                    const int64_t n = sizes[s], classes = info.values_per == LIBLOSS_PER_ROW ? 3 : 1;
                    const size_t bytes = (size_t)(n * classes) * (wide ? 8 : 4);
                    guarded p = guard(bytes, at_end), t = guard(bytes + (size_t)n * 8, at_end), g = guard(bytes, at_end);
                    for (int64_t i = 0; i < n * classes; i++) {
                        if (wide)
                            ((double *)(void *)p.bytes)[i] = 0.25;
                        else
                            ((float *)(void *)p.bytes)[i] = 0.25F;
                        if (wide)
                            ((double *)(void *)t.bytes)[i] = 1;
                        else
                            ((float *)(void *)t.bytes)[i] = 1;
                    }
                    double value = -1;
                    libloss_status status;
                    if (classes > 1 && second.kind == LIBLOSS_KIND_CLASS) {
                        unguard(t);
                        t = guard((size_t)n * 4, at_end);
                        int32_t *label = (int32_t *)(void *)t.bytes;
                        for (int64_t i = 0; i < n; i++) label[i] = (int32_t)(i % classes);
                        status = wide ? libloss_rows_f64_i32(o, LIBLOSS_SUM, n, classes, (double *)(void *)p.bytes, label, &value,
                                                             (double *)(void *)g.bytes)
                                      : libloss_rows_f32_i32(o, LIBLOSS_SUM, n, classes, (float *)(void *)p.bytes, label, &value,
                                                             (float *)(void *)p.bytes);
                    } else if (classes > 1) {
                        unguard(p), unguard(t), unguard(g);
                        continue;
                    } else {
                        status = wide ? libloss_call_f64(o, LIBLOSS_SUM, n, (double *)(void *)p.bytes, (double *)(void *)t.bytes, &value,
                                                         (double *)(void *)g.bytes)
                                      : libloss_call_f32(o, LIBLOSS_SUM, n, (float *)(void *)p.bytes, (float *)(void *)t.bytes, &value,
                                                         (float *)(void *)p.bytes);
                    }
                    if (status != LIBLOSS_OK) fail_msg("%s n=%d: %s", libloss_name(k), (int)n, libloss_message());
                    assert_true(value == value);
                    unguard(p), unguard(t), unguard(g);
                }
        libloss_destroy(o);
    }
}

/* The flat call's short way has the bits of libloss_eval. */
static void test_flat_calls_are_eval(void **state)
{
    (void)state;
    static float p[1024], t[1024], g[1024], h[1024];
    for (int64_t k = 0; k < count_losses(); k++) {
        libloss_object *o = make(libloss_name(k));
        libloss_info info = { .struct_size = sizeof info };
        libloss_input second = { .struct_size = sizeof second };
        assert_int_equal(libloss_describe(o, &info), LIBLOSS_OK);
        assert_int_equal(libloss_describe_input(o, 1, &second), LIBLOSS_OK);
        for (int64_t n = 1; info.values_per == LIBLOSS_PER_ELEMENT && n <= 1024; n = 3 * n + 1) {
            for (int64_t i = 0; i < n; i++) {
                p[i] = (float)((i * 37) % 101) / 101;
                t[i] = second.kind == LIBLOSS_KIND_REAL ? (float)((i * 53) % 89) / 7 : (i % 3 == 0 || second.kind == LIBLOSS_KIND_SIGN);
            }
            if (n > 40) p[33] = 3e-39F;
            for (int32_t reduction = LIBLOSS_MEAN; reduction <= LIBLOSS_SUM; reduction++) {
                double flat = -1, whole = -2;
                libloss_tensor x = {
                    .data = p, .device_type = 1, .ndim = 1, .dtype_code = 2, .dtype_bits = 32, .dtype_lanes = 1, .shape = &n
                };
                libloss_tensor y = x, z = x;
                y.data = t, z.data = h;
                libloss_args args = {
                    .struct_size = sizeof args, .input = { &x, &y }, .reduction = reduction, .value = &whole, .gradient = { &z }
                };
                assert_int_equal(libloss_call_f32(o, reduction, n, p, t, &flat, g), LIBLOSS_OK);
                assert_int_equal(libloss_eval(o, &args), LIBLOSS_OK);
                assert_memory_equal(&flat, &whole, sizeof flat);
                assert_memory_equal(g, h, (size_t)n * sizeof *g);
            }
        }
        libloss_destroy(o);
    }
}

/* Dense calls of pointwise and softmax losses allocate nothing. */
static void test_no_allocation(void **state)
{
    (void)state;
    static const char *const names[] = { "huber", "binary_cross_entropy_with_logits", "log_cosh", "hinge" };
    static float p[5000], t[5000], g[5000];
    static int32_t label[500];
    for (int i = 0; i < 5000; i++) t[i] = 1;
    for (size_t k = 0; k < 4; k++) {
        libloss_object *o = make(names[k]);
        double value;
        allocations = 0;
        assert_int_equal(libloss_call_f32(o, LIBLOSS_MEAN, 5000, p, t, &value, g), LIBLOSS_OK);
        assert_int_equal(allocations, 0);
        libloss_destroy(o);
    }
    libloss_object *o = make("cross_entropy");
    double value;
    allocations = 0;
    assert_int_equal(libloss_rows_f32_i32(o, LIBLOSS_MEAN, 500, 10, p, label, &value, g), LIBLOSS_OK);
    assert_int_equal(allocations, 0);
    libloss_destroy(o);
}

/* Memory that runs out: a status, and the outputs as they were. */
static void test_out_of_memory(void **state)
{
    (void)state;
    libloss_object *o = make("nll"), *none = (libloss_object *)(uintptr_t)8;
    float p[8] = { 0 }, g[8];
    int32_t label[2] = { 0 };
    double value = 42;
    for (int i = 0; i < 8; i++) g[i] = 42;
    allocations = 0;
    fail_from = 0;
    assert_int_equal(libloss_rows_f32_i32(o, LIBLOSS_MEAN, 2, 4, p, label, &value, g), LIBLOSS_ERR_MEMORY);
    assert_int_equal(libloss_create("huber", &none), LIBLOSS_ERR_MEMORY);
    assert_int_equal(libloss_create("0.5*huber + log_cosh", &none), LIBLOSS_ERR_MEMORY);
    fail_from = -1;
    assert_true(value == 42 && none == (libloss_object *)(uintptr_t)8);
    for (int i = 0; i < 8; i++) assert_true(g[i] == 42);
    libloss_destroy(o);
}

/* ---- strangers ---- */

static libloss_status cauchy(void *self, libloss_tile *t)
{
    int *calls = self;
    (*calls)++;
    const double scale = t->parameter[0];
    for (int64_t i = 0; i < t->count; i++) {
        double r = ((const double *)t->input[0])[i] - ((const double *)t->input[1])[i], x = r / scale;
        if (r > 1e6) {
            strncpy(t->message, "residual too large", t->message_size - 1);
            return 1;
        }
        if (t->value) ((double *)t->value)[i] = x * x;
        if (t->gradient[0]) ((double *)t->gradient[0])[i] = 2 * x / scale;
    }
    return LIBLOSS_OK;
}

static void test_tile_kernel(void **state)
{
    (void)state;
    const libloss_input p = { .struct_size = sizeof p, .name = "prediction", .flags = LIBLOSS_DIFFERENTIABLE };
    const libloss_input t = { .struct_size = sizeof t, .name = "target" };
    const libloss_parameter scale = {
        .struct_size = sizeof scale, .name = "scale", .fallback = 1, .lowest = 0, .highest = 100, .flags = LIBLOSS_ABOVE
    };
    const libloss_input *const inputs[] = { &p, &t };
    const libloss_parameter *const parameters[] = { &scale };
    const libloss_info info = { .struct_size = sizeof info, .name = "mine", .inputs = 2, .parameters = 1 };
    const libloss_vtable table = { .struct_size = sizeof table, .info = &info, .inputs = inputs, .parameters = parameters, .tile = cauchy };
    const double two = 2, minus = -1;
    int calls = 0;
    libloss_object *mine = NULL, *both = NULL;
    assert_int_equal(libloss_create_custom(&table, &calls, &(libloss_setting){ "scale", &minus, 1 }, 1, &mine), LIBLOSS_ERR_PARAMETER);
    assert_int_equal(libloss_create_custom(&table, &calls, &(libloss_setting){ "scale", &two, 1 }, 1, &mine), LIBLOSS_OK);
    double a[3] = { 3, 5, 7 }, b[3] = { 1, 1, 1 }, g[3], w[3] = { 1, 0, 3 }, value;
    const int64_t n = 3;
    libloss_tensor x = { .data = a, .device_type = 1, .ndim = 1, .dtype_code = 2, .dtype_bits = 64, .dtype_lanes = 1, .shape = &n };
    libloss_tensor y = x, weight = x, grad = x;
    y.data = b, weight.data = w, grad.data = g;
    libloss_args args = { .struct_size = sizeof args, .input = { &x, &y }, .weight = &weight, .value = &value, .gradient = { &grad } };
    assert_int_equal(libloss_eval(mine, &args), LIBLOSS_OK);
    assert_true(value == (1 + 3 * 9) / 2.0 && g[0] == 0.5 && g[1] == 0 && g[2] == 1.5 * 3);
    assert_int_equal(calls, 1);
    a[0] = 1e9;
    assert_int_equal(libloss_eval(mine, &args), LIBLOSS_ERR_CALLBACK);
    assert_string_equal(libloss_message(), "mine: residual too large");
    (void)both;
    libloss_destroy(mine);
}

static void test_messages(void **state)
{
    (void)state;
    libloss_object *o = NULL;
    char text[16], message[64];
    assert_int_equal(libloss_create("hubber", &o), LIBLOSS_ERR_NAME);
    assert_string_equal(libloss_message(), "unknown loss or metric \"hubber\" (column 1); did you mean huber?");
    o = make("huber(delta=1.5)");
    assert_int_equal(libloss_spec(o, NULL, 0), 16);
    assert_int_equal(libloss_spec(o, text, sizeof text), 16);
    assert_string_equal(text, "huber(delta=1.5");
    libloss_args args = { .struct_size = sizeof args, .message = message, .message_size = sizeof message };
    assert_int_equal(libloss_eval(o, &args), LIBLOSS_ERR_NULL);
    assert_string_equal(message, "huber: prediction is NULL");
    assert_int_equal(libloss_eval(NULL, &args), LIBLOSS_ERR_NULL);
    assert_int_equal(libloss_eval(o, NULL), LIBLOSS_ERR_NULL);
    libloss_destroy(o);
    libloss_destroy(NULL);
}

/* Specs of every shape that must be refused, with a column. */
static void test_specs(void **state)
{
    (void)state;
    static const char *const bad[] = { "",
                                       " ",
                                       "(",
                                       "huber(",
                                       "huber)",
                                       "huber(delta)",
                                       "huber(delta=)",
                                       "huber(delta=1",
                                       "huber(delta=1,)",
                                       "huber(delta=[1)",
                                       "1",
                                       "2*",
                                       "*huber",
                                       "huber huber",
                                       "huber+",
                                       "huber(delta=1)(delta=2)",
                                       "huber(delta=1,delta=2)",
                                       "inf*huber",
                                       "huber/0",
                                       "huber\x01",
                                       "h\xc3\xbc",
                                       "huber(delta=nan)",
                                       "huber(delta=none)",
                                       "gan_minimax(player=judge)",
                                       "huber(delta=[1,2])",
                                       "cross_entropy(ignore_index=1.5)" };
    static const char *const good[] = { "huber",
                                        " huber ( delta = 2 ) ",
                                        "huber:delta=2",
                                        "huber:delta=2 + huber",
                                        "-huber",
                                        "2*huber/3",
                                        "huber(delta=0x1p-3)",
                                        "0.5*huber(delta=1e+5)+0.5*log_cosh",
                                        "quantile(tau=[0.1,0.5])",
                                        "cross_entropy(ignore_index=none)",
                                        "cross_entropy(ignore_index=[])" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        libloss_object *o = (libloss_object *)(uintptr_t)8;
        libloss_status status = libloss_create(bad[i], &o);
        if (status < LIBLOSS_ERR_NAME || status > LIBLOSS_ERR_SPEC || o != (libloss_object *)(uintptr_t)8)
            fail_msg("\"%s\" gave %d", bad[i], (int)status);
    }
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        libloss_object *o = make(good[i]), *again = NULL;
        char text[256], second[256];
        libloss_spec(o, text, sizeof text);
        assert_int_equal(libloss_create(text, &again), LIBLOSS_OK);
        libloss_spec(again, second, sizeof second);
        assert_string_equal(text, second);
        libloss_destroy(o);
        libloss_destroy(again);
    }
    char *huge = malloc(1 << 20);
    memset(huge, 'a', (1 << 20) - 1);
    huge[(1 << 20) - 1] = 0;
    libloss_object *o;
    assert_int_equal(libloss_create(huge, &o), LIBLOSS_ERR_SPEC);
    free(huge);
}

/* Counting from C: what comes out, what is refused, and totals that travel as bytes. */
static void test_metrics(void **state)
{
    (void)state;
    const int64_t n = 6, label[6] = { 0, 1, 1, 0, 2, 1 }, predicted[6] = { 0, 1, 0, 2, 2, 1 };
    const double weight[6] = { 1, 0.5, 0, 1e-30, 3, 0.25 };
    libloss_tensor t = {
        .data = (void *)(uintptr_t)label, .device_type = 1, .ndim = 1, .dtype_code = 0, .dtype_bits = 64, .dtype_lanes = 1, .shape = &n
    };
    libloss_tensor p = t, w = t;
    p.data = (void *)(uintptr_t)predicted;
    w.data = (void *)(uintptr_t)weight, w.dtype_code = 2;
    double value = -1;
    libloss_args args = { .struct_size = sizeof args, .input = { &p, &t }, .value = &value };
    libloss_object *accuracy = make("accuracy"), *precision = make("precision(average=macro, classes=3)"), *binary = make("recall");
    assert_int_equal(libloss_eval(accuracy, &args), LIBLOSS_OK);
    assert_true(value == 4.0 / 6);
    assert_int_equal(libloss_eval(precision, &args), LIBLOSS_OK);
    assert_true(value == (0.5 + 1 + 0.5) / 3);
    value = -1;
    assert_int_equal(libloss_eval(binary, &args), LIBLOSS_ERR_LABEL);
    assert_string_equal(libloss_message(), "recall: prediction[3] = 2 is not in [0, 2); the parameter classes allows more");
    assert_true(value == -1);
    args.gradient[0] = &w;
    assert_int_equal(libloss_eval(accuracy, &args), LIBLOSS_ERR_NO_GRADIENT);
    assert_non_null(strstr(libloss_message(), "it counts"));
    assert_int_equal(libloss_backward(accuracy, &args), LIBLOSS_ERR_NO_GRADIENT);
    args.gradient[0] = NULL;
    args.weight = &w;
    uint64_t total[192], half[192], bytes[192];
    assert_int_equal(libloss_total_start((libloss_total *)total, sizeof total, precision, NULL), LIBLOSS_OK);
    memcpy(half, total, sizeof half);
    args.total = (libloss_total *)total;
    assert_int_equal(libloss_eval(precision, &args), LIBLOSS_OK);
    args.total = (libloss_total *)half;
    for (int64_t i = n - 1; i >= 0; i--) { /* one by one, backwards */
        static const int64_t one = 1;
        libloss_tensor pi = p, ti = t, wi = w;
        pi.data = (void *)(uintptr_t)&predicted[i], ti.data = (void *)(uintptr_t)&label[i], wi.data = (void *)(uintptr_t)&weight[i];
        pi.shape = ti.shape = wi.shape = &one;
        libloss_args each = { .struct_size = sizeof each, .input = { &pi, &ti }, .weight = &wi, .total = (libloss_total *)half };
        assert_int_equal(libloss_eval(precision, &each), LIBLOSS_OK);
    }
    int64_t length = libloss_total_save((libloss_total *)half, bytes, sizeof bytes);
    double numbers[5];
    assert_true(length > 0 && length <= (int64_t)sizeof bytes);
    assert_int_equal(libloss_total_load((libloss_total *)total, sizeof total, bytes, length), LIBLOSS_OK);
    assert_int_equal(libloss_total_value((libloss_total *)total, LIBLOSS_MEAN, LIBLOSS_EMPTY_NAN, 0, numbers, 5), LIBLOSS_OK);
    assert_true(numbers[0] == 1 && numbers[1] == 4.75 && numbers[2] == 5 && numbers[3] == 6); /* 1e-30 is below the unit of 2^-64 */
    bytes[7]++;
    assert_int_equal(libloss_total_load((libloss_total *)total, sizeof total, bytes, length), LIBLOSS_ERR_TOTAL);
    double two = 2;
    assert_int_equal(libloss_combine((const libloss_object *const *)&accuracy, &two, 1, &binary), LIBLOSS_ERR_UNSUPPORTED);
    double many[3] = { 0.5, 0.5, 0.5 };
    assert_int_equal(libloss_call_f64(accuracy, LIBLOSS_MEAN, 3, many, many, &value, NULL), LIBLOSS_ERR_SHAPE);
    libloss_destroy(accuracy);
    libloss_destroy(precision);
    libloss_destroy(binary);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_guard_pages),   cmocka_unit_test(test_flat_calls_are_eval),
        cmocka_unit_test(test_no_allocation), cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_tile_kernel),   cmocka_unit_test(test_messages),
        cmocka_unit_test(test_specs),         cmocka_unit_test(test_metrics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
