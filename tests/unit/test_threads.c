/*
 * Threads from C, to be run under thread sanitizers too: threads that cannot be had, strangers' kernels, the floating-point control
 * word on borrowed threads, many callers, small stacks, quotas.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "libloss.h"

#if defined __x86_64__
#include <xmmintrin.h>
#endif

#if defined __has_feature
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#elif defined __SANITIZE_THREAD__ || defined __SANITIZE_ADDRESS__
#define SANITIZED 1
#endif

enum { N = (1 << 19) + 80, CLASSES = 8, ROWS = N / CLASSES };

int64_t libloss__quota(const char *membership, const char *root); /* src/cpu/count.h: the files it reads can be given */

/* ---- what can be made to fail: the linker sends the static library's calls here ---- */

static atomic_int allocations, created, create_from = -1;
void *__real_malloc(size_t size);
int __real_pthread_create(pthread_t *id, const pthread_attr_t *attributes, void *(*start)(void *), void *argument);

void *__wrap_malloc(size_t size)
{
    allocations++;
    return __real_malloc(size);
}

int __wrap_pthread_create(pthread_t *id, const pthread_attr_t *attributes, void *(*start)(void *), void *argument)
{
    if (create_from >= 0 && created >= create_from) return EAGAIN;
    created++;
    return __real_pthread_create(id, attributes, start, argument);
}

/* Threads of the test itself do not count. */
static pthread_t start(void *(*run)(void *), void *argument, const pthread_attr_t *attributes)
{
    pthread_t id;
    if (__real_pthread_create(&id, attributes, run, argument) != 0) abort();
    return id;
}

/* ---- a call and all that it gives ---- */

static float numbers[N], targets[N], weights[N];
static int64_t labels[ROWS];

typedef struct {
    double value;
    float *gradient;
} outcome;

static uint64_t random_bits(void)
{
    static uint64_t state = 1;
    uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15)); /* splitmix64 */
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static int make_numbers(void **state)
{
    (void)state;
    for (int i = 0; i < N; i++) {
        numbers[i] = (float)(random_bits() >> 40) * 0x1p-24F;
        targets[i] = (float)(random_bits() >> 63);
        weights[i] = (float)(random_bits() >> 62);
    }
    for (int i = 0; i < ROWS; i++) labels[i] = (int64_t)(random_bits() % CLASSES);
    return 0;
}

static libloss_object *make(const char *spec)
{
    libloss_object *o = NULL;
    if (libloss_create(spec, &o) != LIBLOSS_OK) abort();
    return o;
}

static libloss_tensor tensor_of(void *data, int32_t ndim, const int64_t *shape)
{
    return (libloss_tensor){
        .data = data, .device_type = 1, .ndim = ndim, .dtype_code = 2, .dtype_bits = 32, .dtype_lanes = 1, .shape = shape
    };
}

/* Of some loss, with weights; cross_entropy by rows. */
static libloss_status run(const libloss_object *o, int32_t threads, const libloss_executor *executor, outcome *out)
{
    libloss_info info = { .struct_size = sizeof info };
    libloss_describe(o, &info);
    const int rows = info.values_per == LIBLOSS_PER_ROW;
    const int64_t flat = N, shape[2] = { ROWS, CLASSES };
    libloss_tensor p = tensor_of(numbers, 1 + rows, rows ? shape : &flat), t = p, w = p, g = p;
    t.data = targets, w.data = weights, g.data = out->gradient;
    if (rows) {
        w.ndim = t.ndim = 1;
        t.data = labels, t.dtype_code = 0, t.dtype_bits = 64;
    }
    return libloss_eval(o, &(libloss_args){ .struct_size = sizeof(libloss_args),
                                            .input = { &p, &t },
                                            .weight = &w,
                                            .value = &out->value,
                                            .gradient = { out->gradient ? &g : NULL },
                                            .threads = threads,
                                            .executor = executor });
}

static outcome new_outcome(void) { return (outcome){ -1, calloc(N, sizeof(float)) }; }

static void check_same(outcome a, outcome b)
{
    assert_memory_equal(&a.value, &b.value, sizeof a.value);
    assert_memory_equal(a.gradient, b.gradient, N * sizeof(float));
}

static const char *const losses[] = { "squared_error", "binary_cross_entropy", "cross_entropy", "nll" };
enum { LOSSES = sizeof losses / sizeof *losses };

/* ---- threads that cannot be had; this test comes first, before there are any ---- */

static void test_no_threads_to_be_had(void **state)
{
    (void)state;
    libloss_object *o = make("binary_cross_entropy");
    outcome alone = new_outcome(), got = new_outcome();
    assert_int_equal(run(o, 1, NULL, &alone), LIBLOSS_OK);
    assert_int_equal(created, 0);
    for (create_from = 0; create_from < 3; create_from++) { /* none; one; two of three */
        memset(got.gradient, 0, N * sizeof(float));
        assert_int_equal(run(o, 4, NULL, &got), LIBLOSS_OK);
        assert_int_equal(created, create_from);
        check_same(alone, got);
    }
    create_from = -1;
    free(alone.gradient);
    free(got.gradient);
    libloss_destroy(o);
}

static void test_nothing_is_allocated_or_changed(void **state)
{
    (void)state;
    sigset_t before, after;
    int cancel;
    for (int k = 0; k < LOSSES - 1; k++) { /* nll takes its rows one by one, in memory of its own */
        libloss_object *o = make(losses[k]);
        outcome got = new_outcome();
        pthread_sigmask(SIG_SETMASK, NULL, &before);
        errno = 4711;
        const int count = allocations;
        assert_int_equal(run(o, 4, NULL, &got), LIBLOSS_OK);
        assert_int_equal(allocations, count);
        assert_int_equal(errno, 4711);
        pthread_sigmask(SIG_SETMASK, NULL, &after);
        for (int s = 1; s < 32; s++) assert_int_equal(sigismember(&before, s), sigismember(&after, s));
        pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &cancel);
        assert_int_equal(cancel, PTHREAD_CANCEL_ENABLE);
        free(got.gradient);
        libloss_destroy(o);
    }
}

/* Memory for one thread is enough, and each thread more needs as much. */
static void test_workspace(void **state)
{
    (void)state;
    libloss_object *o = make("nll");
    outcome want = new_outcome(), got = new_outcome();
    const int64_t shape[2] = { ROWS, CLASSES };
    libloss_tensor p = tensor_of(numbers, 2, shape), t = tensor_of(labels, 1, shape), g = tensor_of(got.gradient, 2, shape);
    t.dtype_code = 0, t.dtype_bits = 64;
    libloss_args args = {
        .struct_size = sizeof args, .input = { &p, &t }, .value = &got.value, .gradient = { &g }, .threads = 1, .workspace = NULL
    };
    libloss_plan one = { .struct_size = sizeof one }, four = one;
    g.data = want.gradient, args.value = &want.value;
    assert_int_equal(libloss_prepare(o, &args, &one), LIBLOSS_OK);
    assert_int_equal(libloss_eval(o, &args), LIBLOSS_OK);
    g.data = got.gradient, args.value = &got.value, args.threads = 4;
    assert_int_equal(libloss_prepare(o, &args, &four), LIBLOSS_OK);
    assert_true(one.workspace_size > 0 && four.workspace_size == 4 * one.workspace_size);
    args.workspace = aligned_alloc(64, (size_t)four.workspace_size);
    for (int64_t k = 0; k <= 4; k++) {
        memset(got.gradient, 0, N * sizeof(float));
        args.workspace_size = (size_t)(k * one.workspace_size + (k < 4 ? 8 : 0));
        memset(args.workspace, 0x55, (size_t)four.workspace_size);
        assert_int_equal(libloss_eval(o, &args), k ? LIBLOSS_OK : LIBLOSS_ERR_OPTION);
        if (k) check_same(want, got);
        for (size_t i = args.workspace_size; i < (size_t)four.workspace_size; i++)
            assert_int_equal(((unsigned char *)args.workspace)[i], 0x55);
    }
    free(args.workspace);
    free(want.gradient);
    free(got.gradient);
    libloss_destroy(o);
}

static void test_counts(void **state)
{
    (void)state;
    const int64_t n = N;
    double hits = 0, value = -1;
    libloss_object *o = make("accuracy(threshold=0.5)");
    uint8_t *classes = malloc(N);
    for (int i = 0; i < N; i++) {
        classes[i] = targets[i] != 0;
        hits += (numbers[i] > 0.5F) == classes[i];
    }
    libloss_tensor p = tensor_of(numbers, 1, &n), t = tensor_of(classes, 1, &n);
    t.dtype_code = 1, t.dtype_bits = 8;
    libloss_args args = { .struct_size = sizeof args, .input = { &p, &t }, .value = &value, .threads = 4 };
    assert_int_equal(libloss_eval(o, &args), LIBLOSS_OK);
    assert_true(value == hits / N);
    free(classes);
    libloss_destroy(o);
}

/* ---- strangers' kernels ---- */

static pthread_t caller;
static atomic_int elsewhere, kernels, failing, nested;
static libloss_object *inner;

static libloss_status kernel(void *self, libloss_tile *t)
{
    (void)self;
#define NUMBER(array_, i_) (t->bits == 32 ? (double)((const float *)(array_))[i_] : ((const double *)(array_))[i_])
#define PUT(array_, i_, x_)                        \
    do {                                           \
        if (!(array_)) break;                      \
        if (t->bits == 32)                         \
            ((float *)(array_))[i_] = (float)(x_); \
        else                                       \
            ((double *)(array_))[i_] = (x_);       \
    } while (0)
    kernels++;
    if (!pthread_equal(pthread_self(), caller)) elsewhere++;
    for (int64_t i = 0; i < t->count; i++) {
        const double p = NUMBER(t->input[0], i), r = p - NUMBER(t->input[1], i); /* of these numbers exact in f32 as well */
        if (failing && p >= 2) { /* the number says where it stands */
            snprintf(t->message, t->message_size, "at %d", (int)p - 2);
            return 1;
        }
        PUT(t->value, i, r * r);
        PUT(t->gradient[0], i, 2 * r);
    }
    if (nested) {
        outcome none = { 0, NULL };
        if (run(inner, 3, NULL, &none) != LIBLOSS_OK) return 1;
    } else {
        usleep(200); /* time for the others to come */
    }
    return LIBLOSS_OK;
}

static libloss_object *make_stranger(uint64_t flags)
{
    static const libloss_input p = { .struct_size = sizeof p, .name = "prediction", .flags = LIBLOSS_DIFFERENTIABLE };
    static const libloss_input t = { .struct_size = sizeof t, .name = "target" };
    static const libloss_input *const inputs[] = { &p, &t };
    static const libloss_info info = { .struct_size = sizeof info, .name = "mine", .inputs = 2 };
    const libloss_vtable table = { .struct_size = sizeof table, .info = &info, .inputs = inputs, .flags = flags, .tile = kernel };
    libloss_object *o = NULL;
    assert_int_equal(libloss_create_custom(&table, NULL, NULL, 0, &o), LIBLOSS_OK);
    return o;
}

static void test_kernels_run_where_they_may(void **state)
{
    (void)state;
    libloss_object *o = make("squared_error"), *here = make_stranger(0), *anywhere = make_stranger(LIBLOSS_ANY_THREAD);
    outcome want = new_outcome(), got = new_outcome();
    caller = pthread_self();
    assert_int_equal(run(o, 1, NULL, &want), LIBLOSS_OK);
    assert_int_equal(run(here, 4, NULL, &got), LIBLOSS_OK);
    check_same(want, got);
    assert_true(kernels > 0 && elsewhere == 0);
    memset(got.gradient, 0, N * sizeof(float));
    for (int tries = 0; tries < 100 && elsewhere == 0; tries++) {
        assert_int_equal(run(anywhere, 4, NULL, &got), LIBLOSS_OK);
        check_same(want, got);
    }
    assert_true(elsewhere > 0);
    inner = o;
    nested = 1;
    assert_int_equal(run(anywhere, 4, NULL, &got), LIBLOSS_OK);
    check_same(want, got);
    nested = 0;

    failing = 1; /* several kernels fail; the first in the data is told */
    const int places[] = { 300000, 100001, 99990, 500000 };
    float kept[4];
    for (int k = 0; k < 4; k++) {
        kept[k] = numbers[places[k]];
        numbers[places[k]] = (float)(places[k] + 2);
        weights[places[k]] = 1;
    }
    for (int tries = 0; tries < 5; tries++) {
        assert_int_equal(run(anywhere, 4, NULL, &got), LIBLOSS_ERR_CALLBACK);
        assert_string_equal(libloss_message(), "mine: at 99990");
    }
    for (int k = 0; k < 4; k++) numbers[places[k]] = kept[k];
    failing = 0;
    free(want.gradient);
    free(got.gradient);
    libloss_destroy(o);
    libloss_destroy(here);
    libloss_destroy(anywhere);
}

/* ---- the control word ---- */

#if defined __x86_64__
enum { FLUSH_DENORMALS_ROUND_UP = 0x1f80 | 0x8040 | 0x4000 };
static atomic_int spoiled;

static void flushing(void *context, void (*task)(void *job, size_t i), void *job, size_t n)
{
    (void)context;
    for (size_t i = n; i-- > 0;) {
        const unsigned int before = _mm_getcsr();
        _mm_setcsr(FLUSH_DENORMALS_ROUND_UP);
        task(job, i);
        if ((_mm_getcsr() & ~0x3fu) != FLUSH_DENORMALS_ROUND_UP) spoiled++;
        _mm_setcsr(before);
    }
}

static void test_control_word(void **state)
{
    (void)state;
    static float kept[N];
    libloss_object *o = make("squared_error");
    outcome want = new_outcome(), got = new_outcome();
    memcpy(kept, numbers, sizeof kept);
    for (int i = 0; i < N; i++) {
        numbers[i] = (float)(i % 1000) * 0x1p-149F;
        targets[i] = 0;
    }
    assert_int_equal(run(o, 1, NULL, &want), LIBLOSS_OK);
    assert_int_equal(run(o, 4, &(libloss_executor){ flushing, NULL }, &got), LIBLOSS_OK);
    check_same(want, got);
    assert_int_equal(spoiled, 0);
    const unsigned int before = _mm_getcsr(); /* of the caller, inherited by new threads */
    _mm_setcsr(FLUSH_DENORMALS_ROUND_UP);
    libloss_status status = run(o, 8, NULL, &got);
    const unsigned int after = _mm_getcsr();
    _mm_setcsr(before);
    assert_int_equal(status, LIBLOSS_OK);
    assert_int_equal(after & ~0x3fu, FLUSH_DENORMALS_ROUND_UP);
    check_same(want, got);
    memcpy(numbers, kept, sizeof kept);
    for (int i = 0; i < N; i++) targets[i] = (float)(i & 1);
    free(want.gradient);
    free(got.gradient);
    libloss_destroy(o);
}
#endif

/* ---- many callers ---- */

enum { CALLERS = 8 };
static outcome expected[LOSSES];
static atomic_int wrong;

static void *call_all(void *argument)
{
    const int me = (int)(intptr_t)argument;
    outcome got = new_outcome();
    for (int k = 0; k < 2 * LOSSES; k++) {
        const int which = (k + me) % LOSSES;
        libloss_object *o = make(losses[which]);
        if (run(o, 1 + (k + me) % 4, NULL, &got) != LIBLOSS_OK) wrong++;
        if (memcmp(&got.value, &expected[which].value, sizeof got.value) != 0) wrong++;
        if (memcmp(got.gradient, expected[which].gradient, N * sizeof(float)) != 0) wrong++;
        libloss_destroy(o);
        if (libloss_create("hubber", &o) == LIBLOSS_OK || !strstr(libloss_message(), "did you mean huber")) wrong++;
    }
    free(got.gradient);
    return NULL;
}

static void test_many_callers(void **state)
{
    (void)state;
    pthread_t id[CALLERS];
    for (int k = 0; k < LOSSES; k++) {
        libloss_object *o = make(losses[k]);
        expected[k] = new_outcome();
        assert_int_equal(run(o, 1, NULL, &expected[k]), LIBLOSS_OK);
        libloss_destroy(o);
    }
    for (intptr_t k = 0; k < CALLERS; k++) id[k] = start(call_all, (void *)k, NULL);
    for (int k = 0; k < CALLERS; k++) pthread_join(id[k], NULL);
    assert_int_equal(wrong, 0);
    for (int k = 0; k < LOSSES; k++) free(expected[k].gradient);
}

/* ---- small stacks ---- */

#if !defined SANITIZED
static void *call_on_a_small_stack(void *argument)
{
    static float gradient[N];
    const int64_t shape[2] = { N / 2, 2 };
    libloss_tensor p = tensor_of(numbers, 2, shape), t = tensor_of(targets, 2, shape), g = tensor_of(gradient, 2, shape), h = g;
    static float hessian[N];
    h.data = hessian;
    (void)argument;
    for (int threads = 1; threads <= 4; threads += 3) {
        for (int k = 0; k < LOSSES; k++) {
            libloss_object *o = make(losses[k]);
            outcome out = { 0, gradient };
            if (run(o, threads, NULL, &out) != LIBLOSS_OK) wrong++;
            libloss_destroy(o);
        }
        libloss_object *levels = make("quantile(tau=[0.1, 0.9])");
        double value;
        libloss_args args = {
            .struct_size = sizeof args, .input = { &p, &t }, .value = &value, .gradient = { &g }, .hessian = { &h }, .threads = threads
        };
        if (libloss_eval(levels, &args) != LIBLOSS_OK) wrong++;
        libloss_destroy(levels);
    }
    return NULL;
}

static void test_small_stacks(void **state)
{
    (void)state;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    assert_int_equal(pthread_attr_setstacksize(&attributes, 64 * 1024), 0);
    wrong = 0;
    pthread_join(start(call_on_a_small_stack, NULL, &attributes), NULL);
    assert_int_equal(wrong, 0);
    pthread_attr_destroy(&attributes);
}
#endif

/* ---- quotas ---- */

static char root[64];

static void put(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s%s", root, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void make_directory(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s%s", root, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

static int64_t quota(const char *membership)
{
    char path[256];
    put("/self", membership);
    snprintf(path, sizeof path, "%s/self", root);
    return libloss__quota(path, root);
}

static void test_quotas(void **state)
{
    (void)state;
    strcpy(root, "/tmp/libloss-quota-XXXXXX");
    assert_non_null(mkdtemp(root));
    make_directory("/a");
    make_directory("/a/b");
    make_directory("/cpu");
    make_directory("/cpu/c");
    assert_true(quota("0::/\n") == INT64_MAX);
    put("/a/cpu.max", "max 100000\n");
    assert_true(quota("0::/a\n") == INT64_MAX);
    put("/a/cpu.max", "350000 100000\n");
    assert_int_equal(quota("0::/a\n"), 4);
    assert_int_equal(quota("0::/a/b"), 4); /* the parent's; no end of line */
    put("/a/b/cpu.max", "150000 100000\n");
    assert_int_equal(quota("12:pids:/\n0::/a/b\n"), 2);
    put("/a/b/cpu.max", "900000 100000\n");
    assert_int_equal(quota("0::/a/b\n"), 4);
    put("/a/b/cpu.max", "5000 100000\n");
    assert_int_equal(quota("0::/a/b\n"), 1);
    put("/cpu.max", "20000 10000\n"); /* of the root, as a container sees it */
    assert_int_equal(quota("0::/\n"), 2);
    put("/cpu/c/cpu.cfs_quota_us", "-1\n");
    put("/cpu/c/cpu.cfs_period_us", "100000\n");
    assert_true(quota("3:cpuset:/c\n2:cpu,cpuacct:/c\n") == INT64_MAX);
    put("/cpu/c/cpu.cfs_quota_us", "300000\n");
    assert_int_equal(quota("3:cpuset:/c\n2:cpu,cpuacct:/c\n"), 3);
    assert_int_equal(quota("2:cpuacct,cpu:/c\n"), 3);
    assert_true(quota("2:cpuset:/c\n") == INT64_MAX);
    assert_true(quota("") == INT64_MAX && quota("nonsense") == INT64_MAX && quota(":::\n::\n") >= 1);
    put("/a/cpu.max", "many of them\n");
    put("/a/b/cpu.max", "");
    put("/cpu.max", "100000 0\n");
    assert_true(quota("0::/a/b\n") == INT64_MAX);
    assert_true(libloss__quota("/nowhere", root) == INT64_MAX);
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", root);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_threads_to_be_had),
        cmocka_unit_test(test_nothing_is_allocated_or_changed),
        cmocka_unit_test(test_workspace),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_kernels_run_where_they_may),
#if defined __x86_64__
        cmocka_unit_test(test_control_word),
#endif
        cmocka_unit_test(test_many_callers),
#if !defined SANITIZED
        cmocka_unit_test(test_small_stacks),
#endif
        cmocka_unit_test(test_quotas),
    };
    return cmocka_run_group_tests(tests, make_numbers, NULL);
}
