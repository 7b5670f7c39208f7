/*
 * What a host may have set up, and must find again: flush-to-zero, another rounding, errno, a locale with decimal commas, small stacks.
 */
#include "support.h"

#include <errno.h>
#include <fenv.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#if defined __x86_64__
#include <xmmintrin.h>
#endif

/* Everything that computes, on numbers whose products are subnormal. */
typedef struct {
    double value, mean, best, delta;
    float values[4], grad[4], halves[4]; /* halves: a stranger's */
    char spec[64];
    libloss_status failed;
} outcome;

static libloss_status squares(void *self, libloss_tile *t)
{
    volatile float one = 1, grain = 1e-10F;
    *(int *)self = one + grain == one && one - grain == one; /* rounded to nearest */
    for (int64_t i = 0; i < t->count; i++) {
        volatile float x = ((const float *)t->input[0])[i];
        if (t->value) ((float *)t->value)[i] = x * 0.5F; /* 0 where subnormals are flushed */
    }
    return LIBLOSS_OK;
}

static void work(outcome *out)
{
    static const float p[4] = { 1e-20F, 3e-38F, 2e-39F, -4e-20F }, t[4] = { 0, 1e-38F, 0, 0 };
    static const double tiny[3] = { 4e-310, 5e-310, 6e-310 };
    const int64_t n = 4, three = 3;
    memset(out, 0, sizeof *out);
    uint64_t total[192];
    libloss_object *o = NULL, *huber = NULL, *mine = NULL;
    libloss_tensor x = tensor(p, F32, 1, &n), y = tensor(t, F32, 1, &n), v = tensor(out->values, F32, 1, &n),
                   g = tensor(out->grad, F32, 1, &n);
    libloss_tensor small = tensor(tiny, F64, 1, &three);
    libloss_args args = { .struct_size = sizeof args, .input = { &x, &y }, .values = &v, .value = &out->value, .gradient = { &g } };
    args.total = (libloss_total *)total;
    libloss_args fit = { .struct_size = sizeof fit, .input = { NULL, &small } };
#define DO(call_)                    \
    do {                             \
        libloss_status s_ = (call_); \
        if (s_) out->failed = s_;    \
    } while (0)
    DO(libloss_create("huber(delta=1e-310)", &huber)); /* above 0, but not where denormals are zero */
    DO(libloss_create("absolute_error", &o));
    DO(libloss_total_start((libloss_total *)total, sizeof total, o, NULL));
    DO(libloss_eval(o, &args));
    DO(libloss_total_value((libloss_total *)total, LIBLOSS_MEAN, LIBLOSS_EMPTY_NAN, 1e300, &out->mean, 1)); /* subnormal */
    DO(libloss_fit_constant(o, &fit, &out->best, 1));
    libloss_spec(huber, out->spec, sizeof out->spec);
    libloss_parameter_values(huber, 0, &out->delta, 1);
    int nearest = 0;
    const libloss_input in = { .struct_size = sizeof in, .name = "prediction" };
    const libloss_input *const inputs[] = { &in };
    const libloss_info info = { .struct_size = sizeof info, .name = "mine", .inputs = 1 };
    const libloss_vtable table = { .struct_size = sizeof table, .info = &info, .inputs = inputs, .tile = squares };
    libloss_tensor h = tensor(out->halves, F32, 1, &n);
    libloss_args custom = { .struct_size = sizeof custom, .input = { &x }, .values = &h };
    DO(libloss_create_custom(&table, &nearest, NULL, 0, &mine));
    DO(libloss_eval(mine, &custom));
    if (!nearest) out->failed = -1;
#undef DO
    libloss_destroy(o), libloss_destroy(huber), libloss_destroy(mine);
}

static void test_control_word(void **state)
{
    (void)state;
    outcome plain, other;
    work(&plain);
    assert_int_equal(plain.failed, 0);
    assert_true(plain.grad[2] == 0.25F && plain.values[2] > 0 && plain.halves[2] > 0 && plain.mean > 0 && plain.best == 5e-310 &&
                plain.delta == 1e-310);
    assert_string_equal(plain.spec, "huber(delta=1e-310)");
#if defined __x86_64__
    static const unsigned int words[] = { 0x9fc0 /* flush to zero, denormals are zero */, 0x8040 /* exceptions unmasked */ | 0x1f80 };
    for (int k = 0; k < 2; k++) {
        const unsigned int mine = _mm_getcsr();
        _mm_setcsr(words[k]);
        work(&other);
        const unsigned int after = _mm_getcsr();
        _mm_setcsr(mine);
        assert_int_equal(after & ~0x3fU, words[k] & ~0x3fU);
        assert_memory_equal(&plain, &other, sizeof plain);
    }
#endif
    feclearexcept(FE_ALL_EXCEPT);
    feraiseexcept(FE_UNDERFLOW | FE_INEXACT); /* the caller's, who will look at them later */
    work(&other);
    assert_int_equal(fetestexcept(FE_UNDERFLOW | FE_INEXACT), FE_UNDERFLOW | FE_INEXACT);
    static const int modes[] = { FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO };
    for (int k = 0; k < 3; k++) {
        assert_int_equal(fesetround(modes[k]), 0);
        work(&other);
        const int after = fegetround();
        fesetround(FE_TONEAREST);
        assert_int_equal(after, modes[k]);
        assert_memory_equal(&plain, &other, sizeof plain);
    }
}

/* A locale with a decimal comma: one that is there, or one made on the spot. Without either it is left to the list of libc functions
 * that the library may call: none of them knows a locale. */
static int take_decimal_comma(void)
{
    static const char *const names[] = { "de_DE.UTF-8", "fr_FR.UTF-8", "pl_PL.UTF-8" };
    char folder[] = P_tmpdir "/libloss-locale-XXXXXX", command[256];
    for (int k = 0; k < 3; k++)
        if (setlocale(LC_ALL, names[k])) return 1;
    if (!mkdtemp(folder)) return 0;
    snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8 >/dev/null 2>&1", folder);
    const int made = system(command) == 0 && setenv("LOCPATH", folder, 1) == 0 && setlocale(LC_ALL, names[0]);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) == 0 && made;
}

static void test_errno_locale_signals(void **state)
{
    (void)state;
    outcome plain, other;
    static sigset_t before, after; /* zeros: the kernel writes their first words only */
    work(&plain);
    sigprocmask(SIG_SETMASK, NULL, &before);
    if (take_decimal_comma()) assert_string_equal(localeconv()->decimal_point, ",");
    errno = 77;
    work(&other);
    libloss_object *none;
    assert_int_equal(libloss_create("huber(delta=0,5)", &none), LIBLOSS_ERR_SPEC);
    assert_int_equal(libloss_create("huber(delta=-0.5)", &none), LIBLOSS_ERR_PARAMETER);
    assert_non_null(strstr(libloss_message(), "-0.5"));
    assert_int_equal(errno, 77);
    setlocale(LC_ALL, "C");
    sigprocmask(SIG_SETMASK, NULL, &after);
    assert_memory_equal(&before, &after, sizeof before);
    assert_memory_equal(&plain, &other, sizeof plain);
}

/* A thread of 64 KiB, and every kind of call on it. */
static void *on_a_small_stack(void *context)
{
    static float logits[70 * 300];
    static int64_t label[300];
    outcome *out = context;
    work(out);
    const int64_t shape[2] = { 300, 70 }, pairs[2] = { 60, 2 };
    libloss_tensor p = tensor(logits, F32, 2, shape), t = tensor(label, I64, 1, shape), g = p, both = tensor(logits, F32, 2, pairs);
    libloss_tensor q = tensor(logits + 200, F32, 2, pairs), w = tensor(logits + 400, F32, 2, pairs);
    static const char *const specs[] = { "cross_entropy", "nll", "0.5*cross_entropy + nll", "top_k_accuracy", "recall(average=macro)" };
    for (int k = 0; k < 5; k++) {
        libloss_object *o = NULL;
        double value;
        libloss_args args = { .struct_size = sizeof args, .input = { &p, &t }, .value = &value };
        if (k < 3) args.gradient[0] = &g;
        if (libloss_create(specs[k], &o) || libloss_eval(o, &args)) out->failed = -2;
        libloss_destroy(o);
    }
    libloss_object *o = NULL;
    libloss_args args = { .struct_size = sizeof args, .input = { &both, &q }, .gradient = { &w, NULL } }; /* a call per column */
    if (libloss_create("quantile(tau=[0.1, 0.9])", &o) || libloss_eval(o, &args)) out->failed = -3;
    libloss_destroy(o);
    if (libloss_create("huber(delta=12345678901234567890123456789.125e-30) + hubber", &o) != LIBLOSS_ERR_NAME) out->failed = -4;
    return NULL;
}

#if defined __SANITIZE_ADDRESS__
#define STACK_BYTES (1 << 20) /* the sanitizer puts room around every array */
#elif defined __has_feature
#if __has_feature(address_sanitizer)
#define STACK_BYTES (1 << 20)
#endif
#endif
#ifndef STACK_BYTES
#define STACK_BYTES (64 * 1024)
#endif

static void test_small_stack(void **state)
{
    (void)state;
    outcome plain, other;
    pthread_attr_t attributes;
    pthread_t thread;
    work(&plain);
    assert_int_equal(pthread_attr_init(&attributes), 0);
    assert_int_equal(pthread_attr_setstacksize(&attributes, STACK_BYTES), 0);
    assert_int_equal(pthread_create(&thread, &attributes, on_a_small_stack, &other), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(other.failed, 0);
    assert_memory_equal(&plain, &other, sizeof plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_control_word),
        cmocka_unit_test(test_errno_locale_signals),
        cmocka_unit_test(test_small_stack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
