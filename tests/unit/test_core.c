/*
 * The C API from C: flat calls, messages, specs, metrics, structs that grow, totals from elsewhere, views without memory.
 */
#include "support.h"

#include <stdio.h>

static libloss_status no_kernel(void *self, libloss_tile *tile)
{
    (void)self, (void)tile;
    return LIBLOSS_OK;
}

/* Flat calls know a prediction and a target: losses of elements, without a third input they insist on. */
static int has_flat_call(const libloss_object *o, const libloss_info *info)
{
    int flat = info->values_per == LIBLOSS_PER_ELEMENT && info->inputs > 1;
    for (int i = 2; i < info->inputs; i++) {
        libloss_input in = { .struct_size = sizeof in };
        assert_int_equal(libloss_describe_input(o, i, &in), LIBLOSS_OK);
        flat &= (in.flags & LIBLOSS_OPTIONAL) != 0;
    }
    return flat;
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
        const int real = second.kind == LIBLOSS_KIND_REAL || second.kind == LIBLOSS_KIND_POSITIVE;
        for (int64_t n = 1; has_flat_call(o, &info) && n <= 1024; n = 3 * n + 1) {
            for (int64_t i = 0; i < n; i++) {
                p[i] = (float)((i * 37) % 101 + 1) / 103;
                t[i] = real ? (float)((i * 53) % 89 + 1) / 7 : (i % 3 == 0 || second.kind == LIBLOSS_KIND_SIGN);
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
    /* A text that is cut is not cut inside a character. */
    const libloss_input in = { .struct_size = sizeof in, .name = "eingabe" };
    const libloss_input *const inputs[] = { &in };
    const libloss_info info = { .struct_size = sizeof info,
                                .name = "gr\xc3\xb6\xc3\x9f"
                                        "e",
                                .inputs = 1 };
    const libloss_vtable table = { .struct_size = sizeof table, .info = &info, .inputs = inputs, .tile = no_kernel };
    libloss_object *mine;
    assert_int_equal(libloss_create_custom(&table, NULL, NULL, 0, &mine), LIBLOSS_OK);
    for (size_t size = 1; size < 12; size++) {
        static const size_t whole[] = { 0, 0, 1, 2, 2, 4, 4, 6, 7, 8, 9, 10 };
        libloss_args cut = { .struct_size = sizeof cut, .message = message, .message_size = size };
        memset(message, 1, sizeof message);
        assert_int_equal(libloss_eval(mine, &cut), LIBLOSS_ERR_NULL);
        assert_int_equal(strlen(message), whole[size]);
        assert_int_equal(message[size], 1);
    }
    libloss_destroy(mine);
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
                                        "huber(delta=2777777777777777777777777777777777777777777777777777777)",
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

/* Rows of labels from C: counts by label and what is read from them, means over rows, and totals, which tell the two apart. */
static void test_multilabel(void **state)
{
    (void)state;
    const int64_t shape[2] = { 4, 3 }, rows = 4, each[2] = { 3, 4 }, classes[2] = { 3, 3 };
    uint8_t label[12] = { 1, 0, 1, 0, 0, 0, 1, 1, 0, 9, 9, 9 }, predicted[12] = { 1, 0, 0, 0, 1, 0, 1, 1, 0, 7, 7, 7 };
    double weight[4] = { 1, 0.5, 2, 0 }, counts[12], value = -1;
    libloss_tensor t = tensor(label, U8, 2, shape), p = tensor(predicted, U8, 2, shape), w = tensor(weight, F64, 1, &rows),
                   table = tensor(counts, F64, 2, each), square = tensor(counts, F64, 2, classes);
    libloss_object *macro = make("recall(multilabel=true, average=macro)"), *samples = make("recall(multilabel=true, average=samples)"),
                   *accuracy = make("accuracy(multilabel=true)"), *binary = make("recall(multilabel=true)");
    libloss_args args = { .struct_size = sizeof args, .input = { &p, &t }, .weight = &w, .value = &value };
    assert_int_equal(libloss_eval(macro, &args), LIBLOSS_OK);
    assert_true(value == (1.0 + 1.0 + 0.0) / 3);
    assert_int_equal(libloss_eval(samples, &args), LIBLOSS_OK);
    assert_true(value == (1 * 0.5 + 0.5 * 0 + 2 * 1) / 3.5);
    assert_int_equal(libloss_eval(accuracy, &args), LIBLOSS_OK);
    assert_true(value == 2 / 3.5);

    libloss_args forward = { .struct_size = sizeof args, .input = { &p, &t }, .weight = &w, .values = &table };
    assert_int_equal(libloss_forward(macro, &forward), LIBLOSS_OK);
    static const double outcomes[12] = { 3, 0, 0.5, 0, 2, 0.5, 1, 0, 0, 0, 2.5, 1 }; /* tp, fp, tn, fn */
    assert_memory_equal(counts, outcomes, sizeof counts);
    libloss_args reduce = { .struct_size = sizeof args, .input = { &table }, .value = &value };
    assert_int_equal(libloss_reduce(macro, &reduce), LIBLOSS_OK);
    assert_true(value == (1.0 + 1.0 + 0.0) / 3);
    reduce.input[0] = &square, value = -1;
    assert_int_equal(libloss_reduce(macro, &reduce), LIBLOSS_ERR_SHAPE);
    assert_int_equal(libloss_reduce(samples, &reduce), LIBLOSS_ERR_UNSUPPORTED);
    assert_int_equal(libloss_forward(samples, &forward), LIBLOSS_ERR_UNSUPPORTED);
    assert_int_equal(libloss_eval(binary, &args), LIBLOSS_ERR_OPTION);

    uint64_t total[192], whole[192], bytes[192];
    libloss_object *const both[2] = { macro, samples };
    for (int k = 0; k < 2; k++) {
        assert_int_equal(libloss_total_start((libloss_total *)whole, sizeof whole, both[k], &args), LIBLOSS_OK);
        assert_int_equal(libloss_total_start((libloss_total *)total, sizeof total, both[k], &args), LIBLOSS_OK);
        args.total = (libloss_total *)whole;
        assert_int_equal(libloss_eval(both[k], &args), LIBLOSS_OK);
        args.total = NULL;
        const double want = value;
        for (int64_t i = rows - 1; i >= 0; i--) {
            static const int64_t row[2] = { 1, 3 };
            libloss_tensor pi = tensor(&predicted[3 * i], U8, 2, row), ti = tensor(&label[3 * i], U8, 2, row),
                           wi = tensor(&weight[i], F64, 1, row);
            libloss_args one = { .struct_size = sizeof one, .input = { &pi, &ti }, .weight = &wi, .total = (libloss_total *)total };
            assert_int_equal(libloss_eval(both[k], &one), LIBLOSS_OK);
        }
        const int64_t length = libloss_total_save((libloss_total *)total, bytes, sizeof bytes);
        assert_int_equal(libloss_total_load((libloss_total *)total, sizeof total, bytes, length), LIBLOSS_OK);
        assert_memory_equal(total, whole, (size_t)length);
        double numbers[5];
        assert_int_equal(libloss_total_value((libloss_total *)total, LIBLOSS_MEAN, LIBLOSS_EMPTY_NAN, 0, numbers, 5), LIBLOSS_OK);
        assert_true(numbers[0] == want && numbers[1] == 3.5 && numbers[2] == 3 && numbers[3] == 4 && numbers[4] == 4);
        const uint64_t classwise = bytes[8 + 2]; /* the third parameter: without multilabel the same bytes are of something else */
        bytes[8 + 2] = 0;
        assert_true(classwise != 0);
        assert_int_equal(libloss_total_load((libloss_total *)total, sizeof total, bytes, length), LIBLOSS_ERR_TOTAL);
    }
    value = -1, predicted[4] = 2;
    assert_int_equal(libloss_eval(samples, &args), LIBLOSS_ERR_LABEL);
    assert_string_equal(libloss_message(), "recall: prediction[1, 1] = 2 is not in [0, 2)");
    assert_int_equal(libloss_eval(accuracy, &args), LIBLOSS_ERR_LABEL);
    assert_true(value == -1);
    libloss_destroy(macro), libloss_destroy(samples), libloss_destroy(accuracy), libloss_destroy(binary);
}

/* Metrics of numbers from C: shapes and sizes told beforehand, a workspace of the caller's, and nothing touched by what is refused. */
static void test_metrics_of_numbers(void **state)
{
    (void)state;
    enum { N = 600 };
    static double prediction[N], real[N];
    static int64_t label[N];
    static char workspace[1 << 16], untouched[1 << 16];
    for (int i = 0; i < N; i++) prediction[i] = i % 7 / 8.0, label[i] = i % 3 == 0, real[i] = i % 5;
    const int64_t n = N, two[2] = { N / 2, 2 };
    libloss_tensor p = tensor(prediction, F64, 1, &n), t = tensor(label, I64, 1, &n), p2 = tensor(prediction, F64, 2, two),
                   t2 = tensor(real, F64, 2, two);
    double value = 42, values[2] = { 42, 42 };
    static const int64_t outputs = 2;
    libloss_tensor out = tensor(values, F64, 1, &outputs);
    libloss_object *auc = make("roc_auc"), *r2 = make("r2(average=none)"), *loss = make("log_loss(clip=1e-15)");

    libloss_args args = { .struct_size = sizeof args, .input = { &p, &t }, .value = &value };
    libloss_plan plan = { .struct_size = sizeof plan };
    assert_int_equal(libloss_prepare(auc, &args, &plan), LIBLOSS_OK);
    assert_true(plan.workspace_size > 0 && plan.workspace_size < (int64_t)sizeof workspace && plan.total_size == 0 &&
                plan.values_ndim == 0);
    memset(workspace, 0x5a, sizeof workspace), memset(untouched, 0x5a, sizeof untouched);
    args.workspace = workspace, args.workspace_size = (size_t)plan.workspace_size;
    assert_int_equal(libloss_eval(auc, &args), LIBLOSS_OK);
    assert_true(value > 0.4 && value < 0.6);
    assert_memory_equal(workspace + plan.workspace_size, untouched, sizeof workspace - (size_t)plan.workspace_size);
    const double with_room = value;
    args.workspace = NULL, args.workspace_size = 0;
    assert_int_equal(libloss_eval(auc, &args), LIBLOSS_OK);
    assert_true(value == with_room);
    args.workspace = workspace, args.workspace_size = (size_t)plan.workspace_size - 1, value = 42;
    assert_int_equal(libloss_eval(auc, &args), LIBLOSS_ERR_OPTION);
    args.workspace = NULL;
    uint64_t total[400], before[400];
    assert_int_equal(libloss_total_start((libloss_total *)total, sizeof total, auc, NULL), LIBLOSS_ERR_TOTAL);
    assert_non_null(strstr(libloss_message(), "roc_auc: its value depends on the whole batch"));
    static const struct {
        const char *spec, *said;
    } batches[] = { { "cox", "cox: its value" }, { "0.5*squared_error + cox", "cox: its value" }, { "huber + 2*rmse", "rmse: its value" } };
    for (size_t i = 0; i < sizeof batches / sizeof *batches; i++) { /* nor where a term is one */
        libloss_object *whole;
        assert_int_equal(libloss_create(batches[i].spec, &whole), LIBLOSS_OK);
        assert_int_equal(libloss_total_start((libloss_total *)total, sizeof total, whole, NULL), LIBLOSS_ERR_TOTAL);
        assert_non_null(strstr(libloss_message(), batches[i].said));
        libloss_destroy(whole);
    }
    assert_int_equal(libloss_forward(auc, &args), LIBLOSS_ERR_UNSUPPORTED);
    assert_int_equal(libloss_reduce(r2, &args), LIBLOSS_ERR_UNSUPPORTED);

    assert_int_equal(libloss_total_start((libloss_total *)total, sizeof total, loss, NULL), LIBLOSS_OK);
    memcpy(before, total, sizeof total);
    args.total = (libloss_total *)total;
    prediction[N - 1] = 1.5;
    assert_int_equal(libloss_eval(loss, &args), LIBLOSS_ERR_DOMAIN);
    assert_string_equal(libloss_message(), "log_loss: prediction[599] = 1.5 is not in [0, 1]");
    prediction[N - 1] = 0.5, label[N - 2] = 2;
    assert_int_equal(libloss_eval(loss, &args), LIBLOSS_ERR_LABEL);
    label[N - 2] = 1;
    static double weight[N];
    for (int i = 0; i < N; i++) weight[i] = 0.25 * (i != 7);
    libloss_tensor w = tensor(weight, F64, 1, &n);
    double masked = 42, dropped = 42;
    libloss_args holes = { .struct_size = sizeof args, .input = { &p, &t }, .weight = &w, .value = &masked };
    prediction[7] = -3, label[7] = 9; /* which is not there */
    assert_int_equal(libloss_eval(loss, &holes), LIBLOSS_OK);
    prediction[7] = prediction[0], label[7] = label[0], weight[7] = 0.25, weight[0] = 0, holes.value = &dropped;
    assert_int_equal(libloss_eval(loss, &holes), LIBLOSS_OK);
    const int64_t fewer = N - 1;
    double rest = 42;
    libloss_tensor p1 = tensor(prediction + 1, F64, 1, &fewer), t1 = tensor(label + 1, I64, 1, &fewer);
    libloss_args without = { .struct_size = sizeof args, .input = { &p1, &t1 }, .value = &rest };
    assert_int_equal(libloss_eval(loss, &without), LIBLOSS_OK);
    assert_true(masked == dropped && masked == rest && masked < 10);
    label[7] = 0, prediction[7] = 0;
    assert_true(value == 42);
    assert_memory_equal(before, total, sizeof total);
    args.flags = LIBLOSS_TRUST_DOMAIN;
    assert_int_equal(libloss_eval(loss, &args), LIBLOSS_OK);
    double numbers[5];
    assert_int_equal(libloss_total_value((libloss_total *)total, LIBLOSS_MEAN, LIBLOSS_EMPTY_NAN, 0, numbers, 5), LIBLOSS_OK);
    assert_true(numbers[0] == value && numbers[1] == N && numbers[2] == N && numbers[3] == N && numbers[4] == N);

    int64_t length = libloss_total_save((libloss_total *)total, before, sizeof before);
    assert_int_equal(libloss_total_load((libloss_total *)total, sizeof total, before, length), LIBLOSS_OK);
    static const int64_t head = 8 + 12, counts = 3; /* words; then the sums of as many groups as the metric reads: not of none */
    assert_true(before[6] == 1 && before[7] == 2 && length > 8 * (head + counts));
    before[6] = before[7] = 0, before[2] = 8 * (uint64_t)(head + counts);
    assert_int_equal(libloss_total_load((libloss_total *)total, sizeof total, before, 8 * (head + counts)), LIBLOSS_ERR_TOTAL);

    libloss_args two_outputs = { .struct_size = sizeof args, .input = { &p2, &t2 }, .values = &out };
    assert_int_equal(libloss_prepare(r2, &two_outputs, &plan), LIBLOSS_OK);
    assert_true(plan.values_ndim == 1 && plan.values_shape[0] == 2 && plan.total_size <= (int64_t)sizeof total);
    assert_int_equal(libloss_total_start((libloss_total *)total, sizeof total, r2, NULL), LIBLOSS_OK);
    two_outputs.total = (libloss_total *)total;
    assert_int_equal(libloss_eval(r2, &two_outputs), LIBLOSS_ERR_TOTAL);
    assert_string_equal(libloss_message(), "r2: the total is of 1 outputs; this call has 2");
    assert_true(values[0] == 42);
    assert_int_equal(libloss_total_start((libloss_total *)total, sizeof total, r2, &two_outputs), LIBLOSS_OK);
    assert_int_equal(libloss_eval(r2, &two_outputs), LIBLOSS_OK);
    assert_int_equal(libloss_total_value((libloss_total *)total, LIBLOSS_MEAN, LIBLOSS_EMPTY_NAN, 0, numbers, 5), LIBLOSS_OK);
    assert_true(numbers[0] == values[0] && numbers[1] == values[1] && numbers[2] == N && numbers[3] == N && numbers[4] == N);
    two_outputs.value = &value;
    assert_int_equal(libloss_eval(r2, &two_outputs), LIBLOSS_ERR_OPTION);

    /* Long rows need room, each thread some; less is for fewer threads. */
    static const double half = 0.5;
    static const int64_t zero[2] = { 0, 0 }, rows[2] = { 200, 5000 }, first = 0;
    libloss_tensor wide = tensor(&half, F64, 2, rows), class = tensor(&first, I64, 1, rows);
    wide.strides = class.strides = zero;
    libloss_object *brier = make("brier_score");
    libloss_args of_rows = { .struct_size = sizeof args, .input = { &wide, &class }, .value = &value, .threads = 3 };
    assert_int_equal(libloss_prepare(brier, &of_rows, &plan), LIBLOSS_OK);
    const int64_t each = 5001 * 8;
    assert_true(plan.workspace_size >= 3 * each && plan.workspace_size < 4 * each);
    static char room[200000];
    memset(room, 0x5a, sizeof room);
    of_rows.workspace = room;
    for (int64_t size = plan.workspace_size; size > each; size -= each) {
        of_rows.workspace_size = (size_t)size, value = 42;
        assert_int_equal(libloss_eval(brier, &of_rows), LIBLOSS_OK);
        assert_true(value == 1250);
    }
    of_rows.workspace_size = (size_t)each - 1, value = 42;
    assert_int_equal(libloss_eval(brier, &of_rows), LIBLOSS_ERR_OPTION);
    assert_true(value == 42 && room[plan.workspace_size] == 0x5a);
    libloss_destroy(brier);
    libloss_destroy(auc), libloss_destroy(r2), libloss_destroy(loss);
}

/* Every struct that may grow: what is unknown must be 0, what is shorter than the first release is refused. */
static void test_structs_grow(void **state)
{
    (void)state;
    libloss_object *o = make("huber"), *mine = NULL;
    const double one = 1;
    libloss_tensor x = tensor(&one, F64, 0, NULL);
    double value = -1;
    struct {
        libloss_args args;
        unsigned char tail[64];
    } a = { .args = { .struct_size = sizeof a, .input = { &x, &x }, .value = &value } };
    struct {
        libloss_plan plan;
        unsigned char tail[64];
    } p = { .plan = { .struct_size = sizeof p } };
    assert_int_equal(libloss_eval(o, &a.args), LIBLOSS_OK);
    memset(p.tail, 0xff, sizeof p.tail);
    assert_int_equal(libloss_prepare(o, &a.args, &p.plan), LIBLOSS_OK);
    for (size_t i = 0; i < sizeof p.tail; i++) assert_int_equal(p.tail[i], 0); /* what a later header knows reads as 0 */
    assert_int_equal(p.plan.struct_size, sizeof p);
    for (size_t i = 0; i < sizeof a.tail; i += 21) {
        libloss_status (*const entries[])(const libloss_object *, const libloss_args *) = { libloss_eval, libloss_forward, libloss_reduce,
                                                                                            libloss_backward };
        a.tail[i] = 0xff;
        for (int k = 0; k < 4; k++) assert_int_equal(entries[k](o, &a.args), LIBLOSS_ERR_STRUCT);
        assert_int_equal(libloss_prepare(o, &a.args, &p.plan), LIBLOSS_ERR_STRUCT);
        double constant;
        assert_int_equal(libloss_fit_constant(o, &a.args, &constant, 1), LIBLOSS_ERR_STRUCT);
        a.tail[i] = 0;
    }
    static const size_t wrong_sizes[][2] = {
        { 0, 0 }, { 1, 1 }, { 8, 8 }, { sizeof(libloss_args) - 8, sizeof(libloss_plan) - 8 }, { SIZE_MAX, SIZE_MAX }
    };
    for (size_t i = 0; i < 5; i++) {
        a.args.struct_size = wrong_sizes[i][0];
        assert_int_equal(libloss_eval(o, &a.args), LIBLOSS_ERR_STRUCT);
        p.plan.struct_size = wrong_sizes[i][1];
        a.args.struct_size = sizeof a;
        assert_int_equal(libloss_prepare(o, &a.args, &p.plan), LIBLOSS_ERR_STRUCT);
    }

    struct {
        libloss_info info;
        unsigned char tail[16];
    } info = { .info = { .struct_size = 8 } };
    assert_int_equal(libloss_describe(o, &info.info), LIBLOSS_ERR_STRUCT);
    info.info.struct_size = sizeof info;
    memset(info.tail, 0xff, sizeof info.tail);
    assert_int_equal(libloss_describe(o, &info.info), LIBLOSS_OK);
    assert_int_equal(info.tail[0] | info.tail[15], 0);
    struct {
        libloss_input input;
        unsigned char tail[16];
    } in = { .input = { .struct_size = 16 } };
    assert_int_equal(libloss_describe_input(o, 0, &in.input), LIBLOSS_ERR_STRUCT);
    in.input.struct_size = sizeof in;
    assert_int_equal(libloss_describe_input(o, 0, &in.input), LIBLOSS_OK);
    struct {
        libloss_parameter parameter;
        unsigned char tail[16];
    } parameter = { .parameter = { .struct_size = 16 } };
    assert_int_equal(libloss_describe_parameter(o, 0, &parameter.parameter), LIBLOSS_ERR_STRUCT);
    parameter.parameter.struct_size = sizeof parameter;
    assert_int_equal(libloss_describe_parameter(o, 0, &parameter.parameter), LIBLOSS_OK);

    /* The same structs, given: in a stranger's description. */
    info.info.inputs = 1, info.info.parameters = 1;
    const libloss_input *const inputs[] = { &in.input };
    const libloss_parameter *const parameters[] = { &parameter.parameter };
    struct {
        libloss_vtable table;
        unsigned char tail[16];
    } v = { .table = { .struct_size = sizeof v, .info = &info.info, .inputs = inputs, .parameters = parameters, .tile = no_kernel } };
    unsigned char *const tails[] = { v.tail, info.tail, in.tail, parameter.tail };
    assert_int_equal(libloss_create_custom(&v.table, NULL, NULL, 0, &mine), LIBLOSS_OK);
    libloss_destroy(mine);
    for (int k = 0; k < 4; k++) {
        tails[k][7] = 0xff;
        assert_int_equal(libloss_create_custom(&v.table, NULL, NULL, 0, &mine), LIBLOSS_ERR_STRUCT);
        tails[k][7] = 0;
    }
    size_t *const sizes[] = { &v.table.struct_size, &info.info.struct_size, &in.input.struct_size, &parameter.parameter.struct_size };
    for (int k = 0; k < 4; k++) {
        const size_t good = *sizes[k];
        *sizes[k] = 8;
        assert_int_equal(libloss_create_custom(&v.table, NULL, NULL, 0, &mine), LIBLOSS_ERR_STRUCT);
        *sizes[k] = good;
    }
    libloss_destroy(o);
}

/* An object tells its numbers and its terms: nobody parses specs. */
static void test_values_and_terms(void **state)
{
    (void)state;
    libloss_object *o = make("0.5*quantile(tau=[0.1, 0.9]) - 2*huber(delta=3)"), *e = make("cross_entropy");
    double factor = 0, v[3] = { -1, -1, -1 };
    const libloss_object *first = libloss_term(o, 0, &factor);
    assert_true(factor == 0.5 && libloss_term(o, 1, NULL) && !libloss_term(o, 2, NULL) && !libloss_term(o, -1, NULL));
    assert_int_equal(libloss_parameter_values(first, 0, NULL, 0), 2);
    assert_int_equal(libloss_parameter_values(first, 0, v, 1), 2);
    assert_true(v[0] == 0.1 && v[1] == -1);
    assert_int_equal(libloss_parameter_values(first, 0, v, 3), 2);
    assert_true(v[1] == 0.9 && v[2] == -1);
    assert_int_equal(libloss_parameter_values(libloss_term(o, 1, &factor), 0, v, 3), 1);
    assert_true(v[0] == 3 && factor == -2);
    assert_int_equal(libloss_parameter_values(o, 0, v, 3), -1); /* a sum has none of its own */
    assert_int_equal(libloss_parameter_values(NULL, 0, v, 3), -1);
    assert_null(libloss_term(first, 0, &factor));
    const libloss_object *const nested[] = { o };
    const double two = 2, most = 1e308;
    libloss_object *flat = NULL;
    assert_int_equal(libloss_combine(nested, &two, 1, &flat), LIBLOSS_OK);
    assert_true(libloss_term(flat, 0, &factor) == first && factor == 1);
    assert_true(libloss_term(flat, 1, &factor) && factor == -4 && !libloss_term(flat, 2, NULL));
    libloss_destroy(flat);
    assert_int_equal(libloss_combine(nested, &most, 1, &flat), LIBLOSS_ERR_OPTION); /* -2e308 */
    libloss_parameter p = { .struct_size = sizeof p };
    int found = 0;
    for (int64_t i = 0; libloss_describe_parameter(e, i, &p) == LIBLOSS_OK; i++)
        if (strcmp(p.name, "ignore_index") == 0) found = libloss_parameter_values(e, i, v, 3) == 0; /* none */
    assert_true(found);
    libloss_destroy(o);
    libloss_destroy(e);
}

/* Bytes that nobody saved: refused, or harmless when read. */
static void test_forged_totals(void **state)
{
    (void)state;
    libloss_object *sum = make("huber + log_cosh"), *one = make("huber"), *f = make("f_beta(average=macro, classes=3)"), *h = make("hinge");
    libloss_object *r = make("explained_variance(average=none, outputs=2)"), *e = make("calibration_error(bins=3)");
    libloss_object *const objects[] = { sum, one, f, r, e };
    for (int k = 0; k < 5; k++) {
        uint64_t total[512], bytes[512], loaded[512];
        assert_int_equal(libloss_total_start((libloss_total *)total, sizeof total, objects[k], NULL), LIBLOSS_OK);
        const int64_t length = libloss_total_save((libloss_total *)total, bytes, sizeof bytes);
        assert_int_equal(libloss_total_load((libloss_total *)loaded, sizeof loaded, bytes, length), LIBLOSS_OK);
        assert_int_equal(libloss_total_load((libloss_total *)((char *)loaded + 4), sizeof loaded - 8, bytes, length), LIBLOSS_ERR_TOTAL);
        for (int64_t cut = 0; cut < length; cut += 61)
            assert_int_equal(libloss_total_load((libloss_total *)loaded, sizeof loaded, bytes, cut), LIBLOSS_ERR_TOTAL);
        for (int64_t word = 0; word < length / 8; word++)
            for (int bad = 0; bad < 4; bad++) {
                static const uint64_t values[] = { UINT64_MAX, 0, UINT64_C(1) << 62, UINT64_C(0x41dfffffffc00000) };
                const uint64_t was = bytes[word];
                bytes[word] = values[bad];
                if (libloss_total_load((libloss_total *)loaded, sizeof loaded, bytes, length) == LIBLOSS_OK) {
                    double number[32];
                    libloss_total_value((libloss_total *)loaded, LIBLOSS_MEAN, LIBLOSS_EMPTY_NAN, 0, number, 32);
                    libloss_total_merge((libloss_total *)total, (libloss_total *)loaded);
                }
                bytes[word] = was;
            }
    }
    /* A total of one part that calls itself the sum's. */
    uint64_t total[512], part[192];
    assert_int_equal(libloss_total_start((libloss_total *)total, sizeof total, sum, NULL), LIBLOSS_OK);
    assert_int_equal(libloss_total_start((libloss_total *)part, sizeof part, one, NULL), LIBLOSS_OK);
    part[3] = total[3]; /* the hash */
    const double x = 1;
    libloss_tensor t = tensor(&x, F64, 0, NULL);
    libloss_args args = { .struct_size = sizeof args, .input = { &t, &t }, .total = (libloss_total *)part };
    assert_int_equal(libloss_eval(sum, &args), LIBLOSS_ERR_TOTAL);
    assert_int_equal(libloss_eval(h, &args), LIBLOSS_ERR_TOTAL);
    assert_int_equal(libloss_total_merge((libloss_total *)total, (libloss_total *)part), LIBLOSS_ERR_TOTAL);
    /* Counts that call themselves sums: as many, but shorter. */
    libloss_object *sums = make("r2(outputs=4)"), *counts = make("recall(average=macro, classes=4)");
    uint64_t theirs[1024], forged[1024], before[1024], bytes[1024];
    assert_int_equal(libloss_total_start((libloss_total *)theirs, sizeof theirs, sums, NULL), LIBLOSS_OK);
    assert_int_equal(libloss_total_start((libloss_total *)forged, sizeof forged, counts, NULL), LIBLOSS_OK);
    forged[3] = theirs[3];
    memcpy(before, forged, sizeof forged);
    const double four[4] = { 1, 2, 3, 4 };
    const int64_t shape[2] = { 1, 4 };
    libloss_tensor row = tensor(four, F64, 2, shape);
    libloss_args each = { .struct_size = sizeof each, .input = { &row, &row }, .total = (libloss_total *)forged };
    assert_int_equal(libloss_eval(sums, &each), LIBLOSS_ERR_TOTAL);
    assert_int_equal(libloss_total_merge((libloss_total *)forged, (libloss_total *)theirs), LIBLOSS_ERR_TOTAL);
    assert_int_equal(libloss_total_merge((libloss_total *)theirs, (libloss_total *)forged), LIBLOSS_ERR_TOTAL);
    assert_memory_equal(before, forged, sizeof forged);
    /* A total of what has none. */
    const int64_t length = libloss_total_save((libloss_total *)theirs, bytes, sizeof bytes);
    bytes[5] = UINT64_C(14695981039346656037); /* the owner: FNV-1a of a name */
    for (const char *c = "roc_auc"; *c; c++) bytes[5] = (bytes[5] ^ (unsigned char)*c) * UINT64_C(1099511628211);
    assert_int_equal(libloss_total_load((libloss_total *)forged, sizeof forged, bytes, length), LIBLOSS_ERR_TOTAL);
    assert_memory_equal(before, forged, sizeof forged);
    libloss_destroy(sums), libloss_destroy(counts), libloss_destroy(r), libloss_destroy(e);
    /* Long specs that differ at their very end are different losses. */
    char text[2][8192], *end[2] = { text[0], text[1] };
    for (int k = 0; k < 2; k++) {
        for (int term = 0; term < 14; term++) {
            end[k] += sprintf(end[k], "%squantile(tau=[", term ? " + " : "");
            for (int i = 0; i < 18; i++) end[k] += sprintf(end[k], "%s0.12345678901%d%d", i ? ", " : "", term, i);
            end[k] += sprintf(end[k], "])");
        }
        sprintf(end[k], " + huber(delta=%d)", k + 2);
    }
    libloss_object *a = make(text[0]), *b = make(text[1]);
    static uint64_t long_a[4096], long_b[4096];
    assert_true(libloss_spec(a, NULL, 0) > 4096);
    assert_int_equal(libloss_total_start((libloss_total *)long_a, sizeof long_a, a, NULL), LIBLOSS_OK);
    assert_int_equal(libloss_total_start((libloss_total *)long_b, sizeof long_b, b, NULL), LIBLOSS_OK);
    assert_int_equal(libloss_total_merge((libloss_total *)long_a, (libloss_total *)long_b), LIBLOSS_ERR_TOTAL);
    libloss_destroy(a), libloss_destroy(b), libloss_destroy(sum), libloss_destroy(one), libloss_destroy(f), libloss_destroy(h);
}

/* Every field with a value it cannot have: a status, its name in the message, and the output as it was. */
static void test_options_are_refused(void **state)
{
    (void)state;
    libloss_object *o = make("huber"), *m = make("accuracy");
    const double x[2] = { 1, 2 }, over = 5;
    const int64_t n = 2, label[2] = { 0, 1 };
    double g[2] = { 42, 42 }, value = 42;
    uint64_t total[192];
    libloss_tensor p = tensor(x, F64, 1, &n), grad = tensor(g, F64, 1, &n), l = tensor(label, I64, 1, &n);
    const libloss_args good = {
        .struct_size = sizeof good, .input = { &p, &p }, .value = &value, .gradient = { &grad }, .reduction = LIBLOSS_MEAN
    };
    static const struct {
        const char *word;
        libloss_status status;
    } cases[] = {
        { "reduction 6", LIBLOSS_ERR_OPTION },  { "reduction -1", LIBLOSS_ERR_OPTION },     { "empty 2", LIBLOSS_ERR_OPTION },
        { "curvature 2", LIBLOSS_ERR_OPTION },  { "no rows", LIBLOSS_ERR_UNSUPPORTED },     { "hessian_kind 2", LIBLOSS_ERR_OPTION },
        { "flags", LIBLOSS_ERR_OPTION },        { "unit_axes", LIBLOSS_ERR_OPTION },        { "threads -1", LIBLOSS_ERR_OPTION },
        { "divisor nan", LIBLOSS_ERR_OPTION },  { "divisor inf", LIBLOSS_ERR_OPTION },      { "delta = -1", LIBLOSS_ERR_PARAMETER },
        { "auxiliary[3]", LIBLOSS_ERR_OPTION }, { "input[7]", LIBLOSS_ERR_OPTION },         { "gradient[5]", LIBLOSS_ERR_OPTION },
        { "delta = 5", LIBLOSS_ERR_TOTAL },     { "device of type 2", LIBLOSS_ERR_DEVICE }, { "lanes 2", LIBLOSS_ERR_DTYPE },
        { "65 axes", LIBLOSS_ERR_SHAPE },       { "negative length", LIBLOSS_ERR_SHAPE },   { "too many elements", LIBLOSS_ERR_OVERFLOW },
        { "strides", LIBLOSS_ERR_OVERFLOW },    { "data of prediction", LIBLOSS_ERR_NULL }, { "shape of prediction", LIBLOSS_ERR_NULL },
    };
    libloss_args call[sizeof cases / sizeof *cases];
    const double minus = -1;
    static const int64_t negative[1] = { -1 }, huge[2] = { INT64_C(1) << 32, INT64_C(1) << 32 }, far[1] = { INT64_C(1) << 61 };
    int64_t k = 0;
    libloss_tensor bad[8];
    for (int i = 0; i < 8; i++) bad[i] = p;
    for (size_t i = 0; i < sizeof call / sizeof *call; i++) call[i] = good;
    call[k++].reduction = 6;
    call[k++].reduction = -1;
    call[k++].empty = 2;
    call[k++].curvature = 2;
    call[k++].hessian_kind = LIBLOSS_ROW_MATRIX;
    call[k++].hessian_kind = 2;
    call[k++].flags = 4;
    call[k++].unit_axes = 1;
    call[k++].threads = -1;
    call[k++].divisor = __builtin_nan("");
    call[k++].divisor = __builtin_inf();
    call[k++].parameters = &minus;
    call[k++].auxiliary[3] = &grad;
    call[k++].input[7] = &p;
    call[k++].gradient[5] = &grad;
    assert_int_equal(libloss_total_start((libloss_total *)total, sizeof total, o, NULL), LIBLOSS_OK);
    call[k].parameters = &over;
    call[k++].total = (libloss_total *)total;
    bad[0].device_type = 2, call[k++].input[0] = &bad[0];
    bad[1].dtype_lanes = 2, call[k++].input[0] = &bad[1];
    bad[2].ndim = 65, call[k++].input[0] = &bad[2];
    bad[3].shape = negative, call[k++].input[0] = &bad[3];
    bad[4].ndim = 2, bad[4].shape = huge, call[k++].input[0] = &bad[4];
    bad[5].strides = far, call[k++].input[0] = &bad[5];
    bad[6].data = NULL, call[k++].input[0] = &bad[6];
    bad[7].shape = NULL, call[k++].input[0] = &bad[7];
    assert_int_equal(k, sizeof cases / sizeof *cases);
    for (int64_t i = 0; i < k; i++) {
        char message[256] = "";
        call[i].message = message, call[i].message_size = sizeof message;
        const libloss_status status = libloss_eval(o, &call[i]);
        if (status != cases[i].status || !strstr(message, cases[i].word)) fail_msg("%s: %d, %s", cases[i].word, (int)status, message);
        assert_string_equal(message, libloss_message());
        assert_true(value == 42 && g[0] == 42 && g[1] == 42);
    }
    assert_int_equal(libloss_eval(o, &good), LIBLOSS_OK);
    const libloss_args score = { .struct_size = sizeof score, .input = { &l, &p }, .value = &value };
    assert_int_equal(libloss_eval(m, &score), LIBLOSS_ERR_DTYPE);
    libloss_destroy(o), libloss_destroy(m);
}

/* By parameters: the ones of the call, and only those that can be learned. An error leaves the gradient as it was. */
static void test_parameter_gradient(void **state)
{
    (void)state;
    libloss_object *huber = make("huber"), *square = make("squared_error"), *logistic = make("logistic(labels=zero_one)");
    const double x[3] = { 1, 3, -7 }, zero[3] = { 0 }, w[3] = { 1, 2, 0 }, delta = 2, bad = -2, label[3] = { 1, 0, 1 };
    double by[2] = { 42, 42 };
    const int64_t n = 3;
    libloss_tensor p = tensor(x, F64, 1, &n), t = tensor(zero, F64, 1, &n), weight = tensor(w, F64, 1, &n), y = tensor(label, F64, 1, &n);
    libloss_args args = { .struct_size = sizeof args, .input = { &p, &t }, .reduction = LIBLOSS_SUM, .parameter_gradient = by };
    assert_int_equal(libloss_eval(square, &args), LIBLOSS_ERR_NO_GRADIENT);
    assert_string_equal(libloss_message(), "squared_error: no parameter is learnable");
    args.parameters = &bad;
    assert_int_equal(libloss_eval(huber, &args), LIBLOSS_ERR_PARAMETER);
    assert_true(by[0] == 42);
    args.parameters = NULL;
    assert_int_equal(libloss_eval(huber, &args), LIBLOSS_OK);
    assert_true(by[0] == 0 + 2 + 6 && by[1] == 42);
    args.parameters = &delta;
    args.weight = &weight;
    assert_int_equal(libloss_backward(huber, &args), LIBLOSS_OK);
    assert_true(by[0] == 2 * 1); /* the third is not there */
    args.reduction = LIBLOSS_WEIGHTED_MEAN;
    assert_int_equal(libloss_eval(huber, &args), LIBLOSS_OK);
    assert_true(by[0] == 1 * (1 / 3.0 * 2));
    args = (libloss_args){ .struct_size = sizeof args, .input = { &p, &y }, .parameter_gradient = by };
    assert_int_equal(libloss_eval(logistic, &args), LIBLOSS_OK);
    assert_true(by[0] == 0 && by[1] > 0); /* `labels` cannot be learned */
    libloss_destroy(huber), libloss_destroy(square), libloss_destroy(logistic);
}

static int32_t stop_at_second(void *context)
{
    int *polls = context;
    return ++*polls == 2;
}

/* The caller is asked every few milliseconds, in every driver, and an answer stops the call: here one that would take seconds. */
static void test_poll(void **state)
{
    (void)state;
    static const char *const specs[] = { "squared_error",       "cross_entropy",    "nll", "accuracy",
                                         "top_k_accuracy(k=1)", "huber + log_cosh", "rmse" };
    const float x = 0.5F;
    const int64_t label = 1, zero[2] = { 0, 0 }, shape[2] = { INT64_C(1) << 34, 3 };
    for (int k = 0; k < 7; k++) {
        libloss_object *o = make(specs[k]);
        const int rows = k == 1 || k == 2 || k == 4;
        libloss_tensor p = tensor(k == 3 ? (const void *)&label : &x, k == 3 ? I64 : F32, 1 + rows, shape);
        libloss_tensor t = tensor(rows || k == 3 ? (const void *)&label : &x, rows || k == 3 ? I64 : F32, 1, shape);
        p.strides = t.strides = zero;
        double value = 42;
        int polls = 0;
        const libloss_args args = {
            .struct_size = sizeof args, .input = { &p, &t }, .value = &value, .poll = stop_at_second, .poll_context = &polls
        };
        assert_int_equal(libloss_eval(o, &args), LIBLOSS_ERR_STOPPED);
        assert_int_equal(polls, 2);
        assert_non_null(strstr(libloss_message(), "stopped by the caller"));
        libloss_destroy(o);
    }
}

/* From data to the first element; backwards; not aligned. */
static void test_byte_offset(void **state)
{
    (void)state;
    char memory[8 * 5 + 3];
    const int64_t n = 3, back = -2;
    const double zeros[3] = { 0 }, numbers[5] = { 3, -1, 2, -1, 1 };
    double out[3], value;
    memset(memory, 0x7f, sizeof memory);
    memcpy(memory + 3, numbers, sizeof numbers);
    libloss_object *o = make("absolute_error");
    libloss_tensor p = tensor(memory, F64, 1, &n), t = tensor(zeros, F64, 1, &n), v = tensor(out, F64, 1, &n);
    p.strides = &back, p.byte_offset = 3 + 4 * 8;
    libloss_args args = { .struct_size = sizeof args, .input = { &p, &t }, .values = &v, .value = &value };
    assert_int_equal(libloss_eval(o, &args), LIBLOSS_OK);
    assert_true(value == 2 && out[0] == 1 && out[1] == 2 && out[2] == 3);
    libloss_destroy(o);
}

/* A flat call writes over its prediction, and over nothing else that it reads. */
static void test_flat_overlap(void **state)
{
    (void)state;
    float a[8] = { 1, 2, 3, 4, 5, 6, 7, 8 }, before[8];
    double value = 42;
    libloss_object *o = make("huber");
    memcpy(before, a, sizeof a);
    assert_int_equal(libloss_call_f32(o, LIBLOSS_MEAN, 4, a, a + 4, &value, a + 4), LIBLOSS_ERR_OVERLAP);
    assert_int_equal(libloss_call_f32(o, LIBLOSS_MEAN, 4, a, a + 4, &value, a + 1), LIBLOSS_ERR_OVERLAP);
    assert_int_equal(libloss_call_f32(o, LIBLOSS_MEAN, 4, a, a + 4, &value, a + 3), LIBLOSS_ERR_OVERLAP);
    assert_memory_equal(a, before, sizeof a);
    assert_true(value == 42);
    assert_int_equal(libloss_call_f32(o, LIBLOSS_SUM, 4, a, a + 4, &value, a), LIBLOSS_OK);
    assert_true(value == 14 && a[0] == -1 && a[3] == -1 && a[4] == 5);
    libloss_destroy(o);
}

/* Halfway between two doubles, and a little more: a digit far behind decides. */
static void test_exact_numbers(void **state)
{
    (void)state;
    libloss_object *half = make("huber(delta=1.00000000000000011102230246251565404236316680908203125)");
    libloss_object *more = make("huber(delta=1.000000000000000111022302462515654042363166809082031250000000000001)");
    double x[2] = { 0, 0 };
    libloss_parameter_values(half, 0, &x[0], 1);
    libloss_parameter_values(more, 0, &x[1], 1);
    assert_true(x[0] == 1 && x[1] == 0x1.0000000000001p0);
    libloss_destroy(half), libloss_destroy(more);
}

/* One number seen as more than fits into memory: what must be computed is computed or refused, never written past an end. */
static void test_huge_views(void **state)
{
    (void)state;
    const float x = 0.5F;
    const int64_t zero[2] = { 0, 0 }, label = 0;
    static const char *const specs[] = { "nll", "cross_entropy", "kl_divergence", "categorical_cross_entropy", "nll + cross_entropy" };
    /* 56 bytes of workspace per class: times this it is 2^64 + 40. */
    static const int64_t widths[] = { INT64_C(329406144173384851), INT64_C(1) << 60, INT64_C(1) << 53, INT64_C(1) << 50 };
    for (size_t k = 0; k < sizeof specs / sizeof *specs; k++)
        for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
            libloss_object *o = make(specs[k]);
            const int64_t shape[2] = { 1, widths[i] }, one = 1;
            libloss_tensor p = tensor(&x, F32, 2, shape), rows = p, index = tensor(&label, I64, 1, &one);
            p.strides = rows.strides = zero;
            double value = 42;
            libloss_args args = { .struct_size = sizeof args, .input = { &p, k == 2 ? &rows : &index }, .value = &value };
            libloss_plan plan = { .struct_size = sizeof plan };
            const libloss_status status = libloss_prepare(o, &args, &plan);
            assert_int_equal(status, widths[i] > INT64_C(1) << 53 ? LIBLOSS_ERR_OVERFLOW : LIBLOSS_OK);
            assert_true(plan.workspace_size >= 0);
            if (status != LIBLOSS_OK || plan.workspace_size > INT64_C(1) << 47) { /* else years of work */
                const libloss_status failed = libloss_eval(o, &args);
                assert_true(failed == LIBLOSS_ERR_OVERFLOW || failed == LIBLOSS_ERR_MEMORY);
                assert_true(value == 42);
            }
            libloss_destroy(o);
        }
}

/* A call with a gradient of n floats has the same bits whether its outputs are thrown away on error or not. */
static void assert_flag_changes_nothing(const libloss_object *o, libloss_args args, size_t n)
{
    double value = 42, same = 42;
    float *g = args.gradient[0]->data, *whole = malloc(n * sizeof *whole);
    assert_non_null(whole);
    args.value = &value, args.flags = 0;
    assert_int_equal(libloss_eval(o, &args), LIBLOSS_OK);
    memcpy(whole, g, n * sizeof *g);
    memset(g, 0x42, n * sizeof *g);
    args.flags = LIBLOSS_DISCARD_ON_ERROR, args.value = &same;
    assert_int_equal(libloss_eval(o, &args), LIBLOSS_OK);
    assert_memory_equal(whole, g, n * sizeof *g);
    assert_memory_equal(&value, &same, sizeof value);
    free(whole);
}

/* Who throws outputs away if a call fails gets the same error, the same bits, and what he wants by value alone stays whole. */
static void test_discard_on_error(void **state)
{
    (void)state;
    enum { N = 300000, BAD_TARGET = 1500, BAD_PREDICTION = 299000 };
    float *p = malloc(N * sizeof *p), *t = malloc(N * sizeof *t), *g = malloc(N * sizeof *g), *w = malloc(N * sizeof *w);
    float *whole = malloc(N * sizeof *whole);
    assert_true(p && t && g && w && whole);
    const int64_t n = N;
    const float two = 2;
    libloss_tensor x = tensor(p, F32, 1, &n), y = tensor(t, F32, 1, &n), z = tensor(g, F32, 1, &n), weight = tensor(w, F32, 1, &n);
    libloss_tensor number = tensor((void *)(uintptr_t)&two, F32, 0, NULL);
    const char *specs[] = { "brier", "hinge(labels=zero_one)" };
    for (int k = 0; k < 2; k++) {
        libloss_object *o = make(specs[k]);
        for (int threads = 1; threads <= 3; threads += 2) {
            double value = 42;
            char message[256];
            libloss_args args = { .struct_size = sizeof args, .input = { &x, &y }, .gradient = { &z }, .threads = threads };
            for (int i = 0; i < N; i++) p[i] = (float)(i % 97) / 97, t[i] = (float)(i % 2), w[i] = 1, g[i] = 42;
            assert_flag_changes_nothing(o, args, N);

            t[BAD_TARGET] = 3; /* the first input's error is the first, wherever it stands */
            if (k == 0) p[BAD_PREDICTION] = -1;
            for (int flag = 0; flag < 2; flag++) {
                args.flags = flag ? LIBLOSS_DISCARD_ON_ERROR : 0, args.value = &value, value = 42;
                for (int i = 0; i < N; i++) g[i] = 42;
                assert_int_equal(libloss_eval(o, &args), LIBLOSS_ERR_DOMAIN);
                assert_true(value == 42);
                if (!flag) strcpy(message, libloss_message());
                assert_string_equal(libloss_message(), message);
                for (int i = 0; i < N && !flag; i++) assert_true(g[i] == 42);
                assert_non_null(strstr(message, k == 0 ? "prediction[299000] = -1" : "target[1500] = 3"));
                libloss_args alone = args; /* no array to lose: read once without asking */
                alone.gradient[0] = NULL;
                assert_int_equal(libloss_eval(o, &alone), LIBLOSS_ERR_DOMAIN);
                assert_string_equal(libloss_message(), message);
                assert_true(value == 42);
                libloss_args in_place = args;
                memcpy(whole, p, N * sizeof *p);
                in_place.gradient[0] = &x;
                assert_int_equal(libloss_eval(o, &in_place), LIBLOSS_ERR_DOMAIN);
                assert_string_equal(libloss_message(), message);
                assert_memory_equal(whole, p, N * sizeof *p);
                libloss_args one_number = args;
                one_number.input[1] = &number;
                assert_int_equal(libloss_eval(o, &one_number), LIBLOSS_ERR_DOMAIN);
            }
            w[BAD_TARGET] = w[BAD_PREDICTION] = 0; /* what is not there is not wrong */
            args.weight = &weight;
            assert_flag_changes_nothing(o, args, N);
        }
        libloss_destroy(o);
    }
    free(p), free(t), free(g), free(w), free(whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flat_calls_are_eval),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_specs),
        cmocka_unit_test(test_metrics),
        cmocka_unit_test(test_multilabel),
        cmocka_unit_test(test_metrics_of_numbers),
        cmocka_unit_test(test_structs_grow),
        cmocka_unit_test(test_values_and_terms),
        cmocka_unit_test(test_forged_totals),
        cmocka_unit_test(test_options_are_refused),
        cmocka_unit_test(test_parameter_gradient),
        cmocka_unit_test(test_huge_views),
        cmocka_unit_test(test_poll),
        cmocka_unit_test(test_byte_offset),
        cmocka_unit_test(test_flat_overlap),
        cmocka_unit_test(test_exact_numbers),
        cmocka_unit_test(test_discard_on_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
