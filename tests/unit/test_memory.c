/*
 * Allocations: none where libloss_prepare says 0, none from elsewhere where the caller brings the workspace, and each of them
 * failing in turn.
 */
#include "support.h"

/* The linker sends the static library's calls here; `fail_at` is the number of the one that fails (0: none). */
static int allocations, fail_at, living;
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void __real_free(void *p);

static void *count_up(void *p)
{
    living += p != NULL;
    return p;
}

void *__wrap_malloc(size_t size) { return ++allocations == fail_at ? NULL : count_up(__real_malloc(size)); }
void *__wrap_calloc(size_t n, size_t size) { return ++allocations == fail_at ? NULL : count_up(__real_calloc(n, size)); }
void __wrap_free(void *p)
{
    living -= p != NULL;
    __real_free(p);
}

static libloss_status kernel(void *self, libloss_tile *t)
{
    (void)self;
    for (int64_t i = 0; i < t->count; i++) {
        if (t->value) ((double *)t->value)[i] = 1;
        if (t->gradient[0]) ((double *)t->gradient[0])[i] = 2;
    }
    return LIBLOSS_OK;
}

static libloss_object *make_custom(libloss_status expected)
{
    const libloss_input in[2] = { { .struct_size = sizeof in[0], .name = "prediction", .flags = LIBLOSS_DIFFERENTIABLE },
                                  { .struct_size = sizeof in[0], .name = "target" } };
    const libloss_input *const inputs[] = { &in[0], &in[1] };
    const libloss_info info = { .struct_size = sizeof info, .name = "mine", .inputs = 2 };
    const libloss_vtable table = {
        .struct_size = sizeof table, .info = &info, .inputs = inputs, .tile = kernel, .flags = LIBLOSS_ONLY_F64
    };
    libloss_object *o = NULL;
    assert_int_equal(libloss_create_custom(&table, NULL, NULL, 0, &o), expected);
    return o;
}

enum { N = 24, CLASSES = 4 };

typedef struct {
    const char *spec; /* NULL: a stranger's kernel */
    int rows, half; /* by label; f16 logits */
    int allocates; /* without a workspace */
} work;

static const work works[] = {
    { "huber", 0, 0, 0 }, { "binary_cross_entropy_with_logits", 0, 1, 0 }, { "cross_entropy", 1, 0, 0 },      { "cross_entropy", 1, 1, 0 },
    { "nll", 1, 0, 1 },   { "0.5*cross_entropy + nll", 1, 1, 1 },          { "huber - 3*log_cosh", 0, 0, 1 }, { NULL, 0, 0, 1 },
};

typedef struct {
    double value, values[N], grad[N], hess[N];
    uint64_t total[400];
} outcome;

/* Evaluates with everything wanted; `workspace` 0 lets the library find its own. */
static libloss_status evaluate(const libloss_object *o, const work *w, outcome *out, void *workspace, int64_t *need)
{
    static float p32[N];
    static uint16_t p16[N];
    static double t64[N];
    static const int64_t label[N / CLASSES] = { 0, 1, 2, 3, 0, 1 };
    const int64_t shape[2] = { w->rows ? N / CLASSES : N, CLASSES };
    const int32_t ndim = w->rows ? 2 : 1;
    libloss_tensor p = tensor(w->half ? (void *)p16 : (void *)p32, w->half ? F16 : F32, ndim, shape);
    libloss_tensor t = w->rows ? tensor(label, I64, 1, shape) : tensor(t64, F64, 1, shape);
    libloss_tensor values = tensor(out->values, F64, 1, shape), g = tensor(out->grad, F64, ndim, shape),
                   h = tensor(out->hess, F64, ndim, shape);
    libloss_args args = { .struct_size = sizeof args,
                          .input = { &p, &t },
                          .value = &out->value,
                          .values = &values,
                          .gradient = { &g },
                          .hessian = { w->spec ? &h : NULL },
                          .total = (libloss_total *)out->total };
    libloss_plan plan = { .struct_size = sizeof plan };
    assert_int_equal(libloss_prepare(o, &args, &plan), LIBLOSS_OK);
    *need = plan.workspace_size;
    args.workspace = workspace;
    args.workspace_size = workspace ? (size_t)plan.workspace_size : 0;
    return libloss_eval(o, &args);
}

static void start(outcome *out, const libloss_object *o)
{
    memset(out, 0xa5, sizeof *out);
    assert_int_equal(libloss_total_start((libloss_total *)out->total, sizeof out->total, o, NULL), LIBLOSS_OK);
}

static void test_prepare_tells_the_memory(void **state)
{
    (void)state;
    static _Alignas(64) char workspace[1 << 16];
    for (size_t k = 0; k < sizeof works / sizeof *works; k++) {
        const work *w = &works[k];
        libloss_object *o = w->spec ? make(w->spec) : make_custom(LIBLOSS_OK);
        outcome own, given;
        int64_t need;
        start(&own, o), start(&given, o);
        allocations = 0;
        assert_int_equal(evaluate(o, w, &own, NULL, &need), LIBLOSS_OK);
        assert_int_equal(need > 0, w->allocates);
        assert_int_equal(allocations, w->allocates);
        allocations = 0;
        assert_true(need <= (int64_t)sizeof workspace - 64);
        memset(workspace, 0x5a, sizeof workspace);
        assert_int_equal(evaluate(o, w, &given, need ? workspace : NULL, &need), LIBLOSS_OK);
        assert_int_equal(allocations, 0);
        assert_memory_equal(&own, &given, sizeof own);
        for (size_t i = (size_t)need; i < sizeof workspace; i++) assert_int_equal(workspace[i], 0x5a);
        libloss_destroy(o);
    }
}

/* Each allocation of a call fails once: a status, outputs and total as they were, and the next call as if nothing had been. */
static void test_each_allocation_fails(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof works / sizeof *works; k++) {
        const work *w = &works[k];
        libloss_object *o = w->spec ? make(w->spec) : make_custom(LIBLOSS_OK);
        outcome out, before, good;
        int64_t need;
        start(&good, o);
        assert_int_equal(evaluate(o, w, &good, NULL, &need), LIBLOSS_OK);
        int n = 1;
        for (;; n++) {
            start(&out, o), start(&before, o);
            const int had = living;
            allocations = 0;
            fail_at = n;
            const libloss_status status = evaluate(o, w, &out, NULL, &need);
            fail_at = 0;
            assert_int_equal(living, had);
            if (status == LIBLOSS_OK) break;
            assert_int_equal(status, LIBLOSS_ERR_MEMORY);
            assert_non_null(strstr(libloss_message(), "memory"));
            assert_memory_equal(&out, &before, sizeof out);
        }
        assert_int_equal(n - 1, w->allocates);
        assert_memory_equal(&out, &good, sizeof out);
        libloss_destroy(o);
    }
    assert_int_equal(living, 0);
}

static void test_making_fails(void **state)
{
    (void)state;
    static const char *const specs[] = { "huber", "huber(delta=2) + 0.5*log_cosh", "accuracy" };
    libloss_object *const untouched = (libloss_object *)(uintptr_t)8;
    for (size_t k = 0; k < sizeof specs / sizeof *specs; k++)
        for (int n = 1;; n++) {
            libloss_object *o = untouched;
            allocations = 0, fail_at = n;
            const libloss_status status = libloss_create(specs[k], &o);
            fail_at = 0;
            if (status == LIBLOSS_OK) {
                assert_int_equal(n, k == 1 ? 4 : 2); /* two terms and the sum */
                libloss_destroy(o);
                break;
            }
            assert_int_equal(status, LIBLOSS_ERR_MEMORY);
            assert_ptr_equal(o, untouched);
            assert_int_equal(living, 0);
        }
    allocations = 0, fail_at = 1;
    make_custom(LIBLOSS_ERR_MEMORY);
    fail_at = 0;
    assert_int_equal(living, 0);
}

/* The others that need memory: a best constant, those of rows, the softmax of rows, a table of many classes, reading its total. */
static void test_other_entries_fail(void **state)
{
    (void)state;
    static uint64_t total[4096];
    const double target[3] = { 1, 2, 4 };
    const int64_t n = 3, label[3] = { 0, 5, 1 };
    libloss_tensor t = tensor(target, F64, 1, &n), l = tensor(label, I64, 1, &n);
    libloss_object *o = make("absolute_error"), *x = make("cross_entropy"), *m = make("recall(classes=20, average=macro)");
    double constant = 42, value = 42, row[6] = { 42, 42, 42, 42, 42, 42 }, p[3] = { 42, 42, 42 };
    libloss_tensor out = tensor(p, F64, 1, &n);
    libloss_args fit = { .struct_size = sizeof fit, .input = { NULL, &t } },
                 fit_row = { .struct_size = sizeof fit_row, .input = { NULL, &l } };
    libloss_args score = { .struct_size = sizeof score, .input = { &l, &l }, .value = &value };
    assert_int_equal(libloss_total_start((libloss_total *)total, sizeof total, m, NULL), LIBLOSS_OK);
    for (int round = 0; round < 2; round++) {
        const int fails = round == 0;
        allocations = 0, fail_at = fails;
        assert_int_equal(libloss_fit_constant(o, &fit, &constant, 1), fails ? LIBLOSS_ERR_MEMORY : LIBLOSS_OK);
        allocations = 0, fail_at = fails;
        assert_int_equal(libloss_fit_constant(x, &fit_row, row, 6), fails ? LIBLOSS_ERR_MEMORY : LIBLOSS_OK);
        allocations = 0, fail_at = fails;
        assert_int_equal(libloss_inverse_link(x, &t, &out), fails ? LIBLOSS_ERR_MEMORY : LIBLOSS_OK);
        allocations = 0, fail_at = fails;
        assert_int_equal(libloss_eval(m, &score), fails ? LIBLOSS_ERR_MEMORY : LIBLOSS_OK);
        allocations = 0, fail_at = fails;
        double number = 42;
        assert_int_equal(libloss_total_value((libloss_total *)total, LIBLOSS_MEAN, LIBLOSS_EMPTY_NAN, 0, &number, 1),
                         fails ? LIBLOSS_ERR_MEMORY : LIBLOSS_OK);
        fail_at = 0;
        if (fails) assert_true(constant == 42 && value == 42 && number == 42 && row[0] == 42 && p[0] == 42);
    }
    assert_true(constant == 2 && value == 1 && row[0] < -1.09 && row[0] > -1.1 && p[2] > 0.8 && p[2] < 0.9);
    libloss_destroy(o), libloss_destroy(x), libloss_destroy(m);
    assert_int_equal(living, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prepare_tells_the_memory),
        cmocka_unit_test(test_each_allocation_fails),
        cmocka_unit_test(test_making_fails),
        cmocka_unit_test(test_other_entries_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
