/*
 * Every buffer ends at an unreadable page, or begins after one: what a vector loop reads or writes beyond its tail is a crash.
 * Sanitizers do not vectorise, so this is the test of the tails, and it runs once per instruction set.
 */
#include "support.h"

enum { TILE = 1024, LONGEST = 3 * TILE + 1 };

/* One page-guarded region for each role; `place` gives the last or the first `bytes` of it. */
enum { PREDICTION, TARGET, WEIGHT, VALUES, GRADIENT, HESSIAN, GRADIENT_1, CLASS_WEIGHT, LOGSUMEXP, ROLES };
static guarded region[ROLES];
static size_t region_bytes;

static void open_regions(size_t bytes)
{
    region_bytes = bytes;
    for (int k = 0; k < ROLES; k++) region[k] = guard(bytes, 0);
}

static void close_regions(void)
{
    for (int k = 0; k < ROLES; k++) unguard(region[k]);
}

static void *place(int role, size_t bytes, int at_end)
{
    const guarded *g = &region[role];
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    assert_true(bytes <= region_bytes);
    return at_end ? g->map + g->length - page - bytes : g->map + page;
}

static int bytes_of(int type) { return (type & 0xff) / 8; }

static void fill(void *data, int type, int64_t n, int kind)
{
    for (int64_t i = 0; i < n; i++) {
        const int even = i % 2 == 0;
        const double x = kind == LIBLOSS_KIND_SIGN          ? (even ? -1 : 1)
                         : kind == LIBLOSS_KIND_PROBABILITY ? (even ? 0.25 : 0.5)
                                                            : (even ? 0.25 : 2);
        const float f = (float)x;
        const uint16_t half = kind == LIBLOSS_KIND_SIGN          ? (even ? 0xbc00 : 0x3c00)
                              : even                             ? 0x3400
                              : kind == LIBLOSS_KIND_PROBABILITY ? 0x3800
                                                                 : 0x4000;
        if (type == F64) memcpy((char *)data + 8 * i, &x, 8);
        if (type == F32) memcpy((char *)data + 4 * i, &f, 4);
        if (type == F16) memcpy((char *)data + 2 * i, &half, 2);
    }
}

typedef struct {
    const libloss_object *object;
    const char *name;
    int32_t kinds[2];
    int64_t classes; /* 0: one number per value */
    int or_rows; /* a class may be a row of probabilities */
    int unit; /* tuples, matrices, batches, sequences: their inputs are of other kinds than these */
    int type, at_end, in_place, weighted, by_row; /* by_row: a row of probabilities for a class */
} job;

static void run(const job *j, int64_t n)
{
    const int64_t width = j->classes ? j->classes : 1, shape[2] = { n, width }, count = n * width;
    const int32_t ndim = j->classes ? 2 : 1;
    const int bytes = bytes_of(j->type), label = j->kinds[1] == LIBLOSS_KIND_CLASS && !j->by_row, output = j->type == F16 ? F32 : j->type;
    const int out_bytes = bytes_of(output);
    void *p = place(PREDICTION, (size_t)(count * bytes), j->at_end);
    void *t = place(TARGET, (size_t)(label ? n * 4 : count * bytes), j->at_end);
    void *w = place(WEIGHT, (size_t)(n * bytes), j->at_end);
    fill(p, j->type, count, j->kinds[0]);
    fill(w, j->type, n, LIBLOSS_KIND_REAL);
    if (label)
        for (int64_t i = 0; i < n; i++) ((int32_t *)t)[i] = (int32_t)(i % width);
    else
        fill(t, j->type, count, j->by_row ? LIBLOSS_KIND_PROBABILITY : j->kinds[1]);
    const int place_grad = j->in_place && output == j->type;
    double value = 0;
    libloss_tensor prediction = tensor(p, j->type, ndim, shape),
                   target = label ? tensor(t, I32, 1, shape) : tensor(t, j->type, ndim, shape);
    libloss_tensor weight = tensor(w, j->type, 1, shape),
                   values = tensor(place(VALUES, (size_t)(n * out_bytes), j->at_end), output, 1, shape);
    libloss_tensor grad = tensor(place_grad ? p : place(GRADIENT, (size_t)(count * out_bytes), j->at_end), output, ndim, shape);
    libloss_tensor hess = tensor(place(HESSIAN, (size_t)(count * out_bytes), j->at_end), output, ndim, shape);
    libloss_args args = { .struct_size = sizeof args,
                          .input = { &prediction, &target },
                          .weight = j->weighted ? &weight : NULL,
                          .value = &value,
                          .gradient = { &grad } };
    if (!j->in_place) args.values = &values, args.hessian[0] = &hess;
    const libloss_status status = libloss_eval(j->object, &args);
    if (status != LIBLOSS_OK) fail_msg("%s n=%d classes=%d: %s", j->name, (int)n, (int)j->classes, libloss_message());
    assert_true(n == 0 || value == value);
}

static void describe(job *j, const char *name)
{
    libloss_info info = { .struct_size = sizeof info };
    j->object = make(name);
    j->name = name;
    assert_int_equal(libloss_describe(j->object, &info), LIBLOSS_OK);
    j->classes = info.values_per == LIBLOSS_PER_ROW;
    j->unit = info.values_per == LIBLOSS_PER_UNIT || info.inputs < 2;
    for (int k = 0; k < info.inputs; k++) {
        libloss_input in = { .struct_size = sizeof in };
        assert_int_equal(libloss_describe_input(j->object, k, &in), LIBLOSS_OK);
        if (k < 2) j->kinds[k] = in.kind;
        if (k == 1) j->or_rows = in.kind != LIBLOSS_KIND_CLASS || (in.flags & LIBLOSS_OR_ROWS);
        const int own = in.kind > LIBLOSS_KIND_CLASS || (k == 1 && (in.flags & LIBLOSS_OPTIONAL));
        if (own || (k >= 2 && !(in.flags & LIBLOSS_OPTIONAL))) j->unit = 1;
    }
}

/* Every size up to three tiles and one, every loss of single numbers. */
static void test_pointwise(void **state)
{
    (void)state;
    open_regions(LONGEST * 8);
    for (int64_t k = 0; k < count_losses(); k++) {
        job j = { .weighted = 0 };
        describe(&j, libloss_name(k));
        for (int form = 0; form < 12 && !j.classes && !j.unit; form++) {
            static const int types[] = { F32, F64, F16 };
            j.type = types[form % 3], j.at_end = form / 3 % 2, j.in_place = form / 6, j.weighted = j.in_place == (form % 3 == 0);
            for (int64_t n = 0; n <= LONGEST; n = n < 70 || (n > TILE - 3 && n < TILE + 3) ? n + 1 : n + 1 + (k * 7 + form * 3) % 29)
                run(&j, n);
            run(&j, TILE - 1), run(&j, TILE), run(&j, TILE + 1), run(&j, LONGEST);
        }
        libloss_destroy((libloss_object *)(uintptr_t)j.object);
    }
    close_regions();
}

/* All sizes without a gap for one loss, through the flat calls as well. */
static void test_every_size(void **state)
{
    (void)state;
    open_regions(LONGEST * 8);
    job j = { .type = F32 };
    describe(&j, "binary_cross_entropy_with_logits");
    for (int at_end = 0; at_end < 2; at_end++)
        for (int64_t n = 0; n <= LONGEST; n++) {
            float *p = place(PREDICTION, (size_t)n * 4, at_end), *t = place(TARGET, (size_t)n * 4, at_end);
            float *g = place(GRADIENT, (size_t)n * 4, at_end);
            double *p64 = place(HESSIAN, (size_t)n * 8, at_end), *t64 = place(GRADIENT_1, (size_t)n * 8, at_end), value;
            fill(p, F32, n, LIBLOSS_KIND_REAL), fill(t, F32, n, LIBLOSS_KIND_PROBABILITY);
            fill(p64, F64, n, LIBLOSS_KIND_REAL), fill(t64, F64, n, LIBLOSS_KIND_PROBABILITY);
            assert_int_equal(libloss_call_f32(j.object, LIBLOSS_SUM, n, p, t, &value, g), LIBLOSS_OK);
            assert_int_equal(libloss_call_f32(j.object, LIBLOSS_MEAN, n, p, t, NULL, p), LIBLOSS_OK);
            assert_int_equal(libloss_call_f64(j.object, LIBLOSS_NONE, n, p64, t64, (double *)place(VALUES, (size_t)n * 8, at_end), p64),
                             LIBLOSS_OK);
        }
    libloss_destroy((libloss_object *)(uintptr_t)j.object);
    close_regions();
}

/* Narrow and wide rows, labels and rows of probabilities, rows that end at the page. */
static void test_rows(void **state)
{
    (void)state;
    static const int64_t widths[] = { 1,  2,  3,  4,  5,  7,  8,   9,   15,  16,   17,   31,   33,   63,
                                      64, 65, 66, 79, 80, 81, 127, 129, 255, 1000, 4095, 4096, 4097, 4113 };
    open_regions((size_t)1 << 19);
    for (int64_t k = 0; k < count_losses(); k++) {
        job j = { .weighted = 0 };
        describe(&j, libloss_name(k));
        const int quadratic = !strcmp(j.name, "multilabel_margin"); /* in the classes */
        const int64_t most = quadratic ? 600 : 9000, small = quadratic ? 1 : 3;
        for (size_t i = 0; i < sizeof widths / sizeof *widths && j.classes && !j.unit; i++)
            for (int form = 0; form < 24; form++) {
                static const int types[] = { F32, F64, F16 };
                static const int64_t lengths[] = { 0, 1, 2, 3, 5, 8, 15, 16, 17, 33, 257, 300 };
                j.classes = widths[i];
                j.type = types[form % 3], j.at_end = form / 3 % 2, j.in_place = form / 6 % 2, j.by_row = form / 12 && j.or_rows;
                j.weighted = (form + (int)i) % 2;
                for (size_t s = 0; s < sizeof lengths / sizeof *lengths; s++)
                    if (lengths[s] * widths[i] < most || lengths[s] <= small) run(&j, lengths[s]);
            }
        libloss_destroy((libloss_object *)(uintptr_t)j.object);
    }
    close_regions();
}

/* Metrics read labels, scores and rows of scores. */
static void test_metrics(void **state)
{
    (void)state;
    static const char *const specs[] = { "accuracy",
                                         "accuracy(threshold=0.3)",
                                         "confusion_counts(threshold=0.3)",
                                         "top_k_accuracy(k=2)",
                                         "recall(average=macro)",
                                         "f1(multilabel=true, average=weighted)",
                                         "f1(multilabel=true, average=samples, threshold=0.3)",
                                         "accuracy(multilabel=true)" };
    open_regions(LONGEST * 8 * 3);
    for (size_t k = 0; k < sizeof specs / sizeof *specs; k++) {
        libloss_object *o = make(specs[k]);
        const int labels = strstr(specs[k], "multilabel") != NULL, rows = k >= 3, scores = strstr(specs[k], "threshold") != NULL;
        for (int at_end = 0; at_end < 2; at_end++)
            for (int64_t n = 0; n <= LONGEST; n += n < 40 ? 1 : 97) {
                const int64_t shape[2] = { n, 3 }, values_shape[2] = { 2, 4 }, count = rows ? 3 * n : n, targets = labels ? 3 * n : n;
                const int type = scores || (rows && !labels) ? F32 : U8;
                void *p = place(PREDICTION, (size_t)(count * bytes_of(type)), at_end), *w = place(WEIGHT, (size_t)n * 8, at_end);
                uint8_t *t = place(TARGET, (size_t)targets, at_end);
                if (type == F32)
                    fill(p, F32, count, LIBLOSS_KIND_PROBABILITY);
                else
                    memset(p, 1, (size_t)count);
                for (int64_t i = 0; i < targets; i++) t[i] = (uint8_t)(i % 2);
                fill(w, F64, n, LIBLOSS_KIND_REAL);
                libloss_tensor prediction = tensor(p, type, 1 + rows, shape), target = tensor(t, U8, 1 + labels, shape),
                               weight = tensor(w, F64, 1, shape);
                libloss_tensor values = tensor(place(VALUES, 64, at_end), F64, 2, values_shape);
                double value = 0;
                libloss_args args = { .struct_size = sizeof args, .input = { &prediction, &target }, .weight = n % 2 ? &weight : NULL };
                if (k == 2)
                    args.values = &values;
                else
                    args.value = &value;
                if (libloss_eval(o, &args) != LIBLOSS_OK) fail_msg("%s n=%d: %s", specs[k], (int)n, libloss_message());
            }
        libloss_destroy(o);
    }
    close_regions();
}

/* Metrics of numbers: elements, outputs, classes with scores, lists. */
static void test_metrics_of_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *spec;
        int rows, target_rows, target; /* axes of three; type of the target */
    } cases[] = { { "smape", 0, 0, F32 },
                  { "r2", 1, 1, F32 },
                  { "median_absolute_error", 0, 0, F16 },
                  { "tweedie_deviance", 0, 0, F64 },
                  { "brier_score", 0, 0, U8 },
                  { "log_loss", 1, 0, U8 },
                  { "roc_auc", 0, 0, U8 },
                  { "average_precision", 1, 0, U8 },
                  { "ndcg", 1, 1, U8 },
                  { "mrr", 0, 0, F32 },
                  { "mase", 0, 0, F32 } };
    open_regions(LONGEST * 8 * 3);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        libloss_object *o = make(cases[k].spec);
        for (int at_end = 0; at_end < 2; at_end++)
            for (int64_t n = 0; n <= LONGEST; n += n < 40 ? 1 : 97) {
                const int64_t shape[2] = { n, 3 }, count = cases[k].rows ? 3 * n : n, targets = cases[k].target_rows ? 3 * n : n;
                const int type = cases[k].target, list = strcmp(cases[k].spec, "mrr") == 0;
                void *p = place(PREDICTION, (size_t)count * 4, at_end), *t = place(TARGET, (size_t)(targets * bytes_of(type)), at_end),
                     *w = place(WEIGHT, (size_t)n * 8, at_end), *history = place(VALUES, 24, at_end);
                fill(p, F32, count, LIBLOSS_KIND_PROBABILITY), fill(w, F64, n, LIBLOSS_KIND_REAL), fill(history, F64, 3, LIBLOSS_KIND_REAL);
                fill(t, type, targets, LIBLOSS_KIND_REAL);
                for (int64_t i = 0; i < targets && type == U8; i++) ((uint8_t *)t)[i] = (uint8_t)(i % 2);
                const int64_t three = 3;
                libloss_tensor prediction = tensor(p, F32, 1 + cases[k].rows, shape),
                               target = tensor(t, type, 1 + cases[k].target_rows, shape), weight = tensor(w, F64, 1, shape),
                               past = tensor(history, F64, 1, &three);
                double value = 0;
                libloss_args args = { .struct_size = sizeof args, .input = { &prediction, &target }, .value = &value };
                if (strcmp(cases[k].spec, "mase") == 0) args.input[2] = &past;
                if (n % 2 && !list) args.weight = &weight;
                if (libloss_eval(o, &args) != LIBLOSS_OK) fail_msg("%s n=%d: %s", cases[k].spec, (int)n, libloss_message());
            }
        libloss_destroy(o);
    }
    close_regions();
}

/* Class weights, smoothing, a gradient of the target and auxiliary numbers; and the rows of the flat calls. */
static void test_options_of_rows(void **state)
{
    (void)state;
    open_regions((size_t)1 << 17);
    libloss_object *o = make("cross_entropy(label_smoothing=0.1)");
    for (int at_end = 0; at_end < 2; at_end++)
        for (int64_t classes = 1; classes < 90; classes++)
            for (int64_t n = 1; n < 40; n += 6) {
                const int64_t shape[2] = { n, classes };
                const size_t bytes = (size_t)(n * classes) * 4;
                float *p = place(PREDICTION, bytes, at_end), *t = place(TARGET, bytes, at_end),
                      *cw = place(CLASS_WEIGHT, (size_t)classes * 4, at_end);
                fill(p, F32, n * classes, LIBLOSS_KIND_REAL), fill(t, F32, n * classes, LIBLOSS_KIND_PROBABILITY);
                fill(cw, F32, classes, LIBLOSS_KIND_REAL);
                libloss_tensor prediction = tensor(p, F32, 2, shape), target = tensor(t, F32, 2, shape),
                               weights = tensor(cw, F32, 1, shape + 1);
                libloss_tensor g0 = tensor(place(GRADIENT, bytes, at_end), F32, 2, shape),
                               g1 = tensor(place(GRADIENT_1, bytes, at_end), F32, 2, shape);
                libloss_tensor lse = tensor(place(LOGSUMEXP, (size_t)n * 4, at_end), F32, 1, shape);
                libloss_args args = {
                    .struct_size = sizeof args, .input = { &prediction, &target, &weights }, .gradient = { &g0, &g1 }, .auxiliary = { &lse }
                };
                if (libloss_eval(o, &args) != LIBLOSS_OK) fail_msg("%s", libloss_message());
                int32_t *label = place(WEIGHT, (size_t)n * 4, at_end);
                int64_t *wide = place(HESSIAN, (size_t)n * 8, at_end);
                for (int64_t i = 0; i < n; i++) wide[i] = label[i] = (int32_t)(i % classes);
                double *value = place(VALUES, (size_t)n * 8, at_end);
                assert_int_equal(libloss_rows_f32_i64(o, LIBLOSS_NONE, n, classes, p, wide, value, t), LIBLOSS_OK);
                assert_int_equal(libloss_rows_f32_i32(o, LIBLOSS_NONE, n, classes, p, label, value, p), LIBLOSS_OK);
            }
    libloss_destroy(o);
    close_regions();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pointwise), cmocka_unit_test(test_every_size),         cmocka_unit_test(test_rows),
        cmocka_unit_test(test_metrics),   cmocka_unit_test(test_metrics_of_numbers), cmocka_unit_test(test_options_of_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
