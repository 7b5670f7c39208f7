/*
 * Losses of strangers: a tile kernel that the engine feeds, and a whole vtable.
 */
#include "support.h"

/* ---- a tile kernel ---- */

typedef struct {
    int calls;
    int32_t bits;
    int64_t seen;
} witness;

static libloss_status squares(void *self, libloss_tile *t)
{
    witness *w = self;
    const double scale = t->parameter[0];
    w->calls++;
    w->bits = t->bits;
    w->seen += t->count;
    for (int64_t i = 0; i < t->count; i++) {
        const int wide = t->bits == 64;
        const double p = wide ? ((const double *)t->input[0])[i] : ((const float *)t->input[0])[i];
        const double y = wide ? ((const double *)t->input[1])[i] : ((const float *)t->input[1])[i];
        const double x = (p - y) / scale, v = x * x, g = 2 * x / scale;
        if (p - y > 1e6) {
            strncpy(t->message, "residual too large", t->message_size - 1);
            return 1;
        }
        if (wide) {
            if (t->value) ((double *)t->value)[i] = v;
            if (t->gradient[0]) ((double *)t->gradient[0])[i] = g;
        } else {
            if (t->value) ((float *)t->value)[i] = (float)v;
            if (t->gradient[0]) ((float *)t->gradient[0])[i] = (float)g;
        }
    }
    return LIBLOSS_OK;
}

static const libloss_input prediction = { .struct_size = sizeof prediction, .name = "prediction", .flags = LIBLOSS_DIFFERENTIABLE };
static const libloss_input target = { .struct_size = sizeof target, .name = "target" };
static const libloss_input *const inputs[] = { &prediction, &target };
static const libloss_parameter scale = {
    .struct_size = sizeof scale, .name = "scale", .fallback = 1, .lowest = 0, .highest = 100, .flags = LIBLOSS_ABOVE
};
static const libloss_parameter method = { .struct_size = sizeof method, .name = "method", .choices = "plain fancy", .highest = 10 };
static const libloss_parameter *const parameters[] = { &scale, &method };
static const libloss_info info = { .struct_size = sizeof info, .name = "mine", .inputs = 2, .parameters = 2 };

static libloss_vtable table_of_tile(uint64_t flags)
{
    return (libloss_vtable){
        .struct_size = sizeof(libloss_vtable), .info = &info, .inputs = inputs, .parameters = parameters, .flags = flags, .tile = squares
    };
}

static const int64_t three = 3;

static void test_tile_kernel(void **state)
{
    (void)state;
    const libloss_vtable table = table_of_tile(0);
    const double two = 2, minus = -1, five = 5, half = 0.5;
    witness w = { 0 };
    libloss_object *mine = NULL;
    const struct {
        const char *name;
        const double *value;
        int64_t count;
    } bad[] = { { "scale", &minus, 1 }, { "scale", &two, 0 },   { "scale", NULL, 1 },  { "nothing", &two, 1 },
                { NULL, &two, 1 },      { "method", &five, 1 }, { "method", &half, 1 } };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const libloss_status status =
            libloss_create_custom(&table, &w, &(libloss_setting){ bad[i].name, bad[i].value, bad[i].count }, 1, &mine);
        assert_int_equal(status, bad[i].name ? LIBLOSS_ERR_PARAMETER : LIBLOSS_ERR_NULL);
    }
    assert_int_equal(libloss_create_custom(&table, &w, &(libloss_setting){ "scale", &two, 1 }, 1, &mine), LIBLOSS_OK);
    double a[3] = { 3, 5, 7 }, b[3] = { 1, 1, 1 }, g[3], weights[3] = { 1, 0, 3 }, value, values[3];
    libloss_tensor x = tensor(a, F64, 1, &three), y = tensor(b, F64, 1, &three), weight = tensor(weights, F64, 1, &three);
    libloss_tensor grad = tensor(g, F64, 1, &three), each = tensor(values, F64, 1, &three);
    libloss_args args = {
        .struct_size = sizeof args, .input = { &x, &y }, .weight = &weight, .value = &value, .values = &each, .gradient = { &grad }
    };
    assert_int_equal(libloss_eval(mine, &args), LIBLOSS_OK);
    assert_true(value == (1 + 3 * 9) / 2.0 && g[0] == 0.5 && g[1] == 0 && g[2] == 1.5 * 3);
    assert_true(values[0] == 1 && values[1] == 0 && values[2] == 27);
    assert_true(w.calls == 1 && w.seen == 2 && w.bits == 64); /* the absent one was not passed */
    /* The steps by themselves. */
    args = (libloss_args){ .struct_size = sizeof args, .input = { &x, &y }, .values = &each };
    assert_int_equal(libloss_forward(mine, &args), LIBLOSS_OK);
    assert_true(values[0] == 1 && values[1] == 4 && values[2] == 9);
    args = (libloss_args){ .struct_size = sizeof args, .input = { &each }, .weight = &weight, .value = &value };
    assert_int_equal(libloss_reduce(mine, &args), LIBLOSS_OK);
    assert_true(value == 14);
    args = (libloss_args){ .struct_size = sizeof args, .input = { &x, &y }, .weight = &weight, .gradient = { &grad } };
    g[0] = g[1] = g[2] = -1;
    assert_int_equal(libloss_backward(mine, &args), LIBLOSS_OK);
    assert_true(g[0] == 0.5 && g[1] == 0 && g[2] == 4.5);
    a[0] = 1e9;
    assert_int_equal(libloss_eval(mine, &args), LIBLOSS_ERR_CALLBACK);
    assert_string_equal(libloss_message(), "mine: residual too large");
    libloss_destroy(mine);
}

/* Of scale * r^2 the derivative by scale, added up; the second parameter has several numbers, the third cannot be learned. */
static libloss_status learns(void *self, libloss_tile *t)
{
    const double *p = t->input[0], *q = t->input[1];
    int64_t *calls = self;
    for (int64_t i = 0; i < t->count; i++) {
        const double r = p[i] - q[i];
        if (t->value) ((double *)t->value)[i] = t->parameter[0] * r * r + t->parameter[1] + t->parameter[2] * r;
        if (t->gradient[0]) ((double *)t->gradient[0])[i] = 2 * t->parameter[0] * r + t->parameter[2];
        if (!t->parameter_gradient) continue;
        t->parameter_gradient[0] += r * r;
        t->parameter_gradient[1] += 1;
        t->parameter_gradient[2] += r;
        t->parameter_gradient[3] += 99; /* nobody asked */
        ++*calls;
    }
    return LIBLOSS_OK;
}

static void test_learnable_parameters(void **state)
{
    (void)state;
    const libloss_parameter first = {
        .struct_size = sizeof first, .name = "scale", .fallback = 1, .highest = 100, .flags = LIBLOSS_LEARNABLE
    };
    const libloss_parameter several = {
        .struct_size = sizeof several, .name = "shift", .lowest = -9, .highest = 9, .flags = LIBLOSS_LEARNABLE | LIBLOSS_VECTOR
    };
    const libloss_parameter fixed = { .struct_size = sizeof fixed, .name = "fixed", .highest = 9 };
    const libloss_parameter *const three_parameters[] = { &first, &several, &fixed };
    const libloss_info described = { .struct_size = sizeof described, .name = "learns", .inputs = 2, .parameters = 3 };
    const libloss_vtable table = { .struct_size = sizeof table,
                                   .info = &described,
                                   .inputs = inputs,
                                   .parameters = three_parameters,
                                   .flags = LIBLOSS_ANY_THREAD,
                                   .tile = learns };
    const double shift[9] = { 0.25, 0.5 };
    int64_t calls = 0;
    libloss_object *mine;
    assert_int_equal(libloss_create_custom(&table, &calls, &(libloss_setting){ "shift", shift, 2 }, 1, &mine), LIBLOSS_OK);
    double a[3] = { 3, -5, 7 }, b[3] = { 1, 1, 1 }, w[3] = { 1, 2, 0 }, g[3], by[4] = { 42, 42, 42, 42 }, value;
    a[2] = __builtin_nan("");
    libloss_tensor x = tensor(a, F64, 1, &three), y = tensor(b, F64, 1, &three), weight = tensor(w, F64, 1, &three);
    libloss_tensor grad = tensor(g, F64, 1, &three);
    libloss_args args = { .struct_size = sizeof args,
                          .input = { &x, &y },
                          .weight = &weight,
                          .reduction = LIBLOSS_SUM,
                          .value = &value,
                          .gradient = { &grad },
                          .parameter_gradient = by };
    assert_int_equal(libloss_eval(mine, &args), LIBLOSS_OK);
    assert_true(calls == 2 && value == (4 + 0.25 + 1) + 2 * (36 + 0.25 - 3) && g[0] == 4.5 && g[1] == 2 * -11.5 && g[2] == 0);
    assert_true(by[0] == 4 + 2 * 36 && by[1] == 1 + 2 && by[2] == 2 + 2 * -6 && by[3] == 0);
    const double given[4] = { 3, 0, 1, 0 };
    args.parameters = given;
    args.parameter_gradient = NULL;
    assert_int_equal(libloss_eval(mine, &args), LIBLOSS_OK);
    assert_true(value == 3 * 4 + 2 + 2 * (3 * 36 - 6) && calls == 2);
    libloss_destroy(mine);
    assert_int_equal(libloss_create_custom(&table, &calls, &(libloss_setting){ "shift", shift, 9 }, 1, &mine), LIBLOSS_OK);
    args = (libloss_args){ .struct_size = sizeof args, .input = { &x, &y }, .parameter_gradient = by };
    assert_int_equal(libloss_eval(mine, &args), LIBLOSS_ERR_UNSUPPORTED); /* ten numbers */
    libloss_destroy(mine);
}

/* Floats as they are, or doubles for a kernel that knows nothing else; results in the caller's type. */
static void test_only_f64(void **state)
{
    (void)state;
    float a[3] = { 3, 5, 7 }, b[3] = { 1, 1, 1 }, g[2][3];
    double value[2] = { 0, 0 };
    for (int wide = 0; wide < 2; wide++) {
        const libloss_vtable table = table_of_tile(wide ? LIBLOSS_ONLY_F64 : 0);
        witness w = { 0 };
        libloss_object *mine;
        assert_int_equal(libloss_create_custom(&table, &w, NULL, 0, &mine), LIBLOSS_OK);
        libloss_tensor x = tensor(a, F32, 1, &three), y = tensor(b, F32, 1, &three), grad = tensor(g[wide], F32, 1, &three);
        libloss_args args = { .struct_size = sizeof args, .input = { &x, &y }, .value = &value[wide], .gradient = { &grad } };
        assert_int_equal(libloss_eval(mine, &args), LIBLOSS_OK);
        assert_int_equal(w.bits, wide ? 64 : 32);
        libloss_destroy(mine);
    }
    assert_true(value[0] == value[1] && value[0] == (4 + 16 + 36) / 3.0);
    assert_memory_equal(g[0], g[1], sizeof g[0]);
    const libloss_vtable unknown = table_of_tile(4);
    libloss_object *none;
    assert_int_equal(libloss_create_custom(&unknown, NULL, NULL, 0, &none), LIBLOSS_ERR_OPTION);
}

/* A sum takes strangers, and keeps them alive. */
static void test_in_a_sum(void **state)
{
    (void)state;
    const libloss_vtable table = table_of_tile(0);
    witness w = { 0 };
    libloss_object *mine, *huber = make("huber"), *both = NULL;
    assert_int_equal(libloss_create_custom(&table, &w, NULL, 0, &mine), LIBLOSS_OK);
    const libloss_object *const terms[] = { mine, huber };
    const double factors[] = { 2, -1 };
    assert_int_equal(libloss_combine(terms, factors, 2, &both), LIBLOSS_OK);
    double a[3] = { 3, 5, 1.5 }, b[3] = { 1, 1, 1 }, g[3], one[2], value, number;
    libloss_tensor x = tensor(a, F64, 1, &three), y = tensor(b, F64, 1, &three), grad = tensor(g, F64, 1, &three);
    libloss_args args = { .struct_size = sizeof args, .input = { &x, &y }, .value = &one[0] };
    assert_int_equal(libloss_eval(mine, &args), LIBLOSS_OK);
    args.value = &one[1];
    assert_int_equal(libloss_eval(huber, &args), LIBLOSS_OK);
    libloss_destroy(mine);
    libloss_destroy(huber);
    uint64_t total[400];
    assert_int_equal(libloss_total_start((libloss_total *)total, sizeof total, both, NULL), LIBLOSS_OK);
    args.value = &value, args.gradient[0] = &grad, args.total = (libloss_total *)total;
    assert_int_equal(libloss_eval(both, &args), LIBLOSS_OK);
    assert_true(value == 2 * one[0] - one[1]);
    assert_true(g[0] == 2 * (4 / 3.0) - 1 / 3.0 || (g[0] > 2.333333 && g[0] < 2.333334));
    assert_int_equal(libloss_total_value((libloss_total *)total, LIBLOSS_MEAN, LIBLOSS_EMPTY_NAN, 0, &number, 1), LIBLOSS_OK);
    assert_true(number == value);
    libloss_destroy(both);
}

/* Descriptions that cannot be. */
static void test_bad_descriptions(void **state)
{
    (void)state;
    libloss_info described = info;
    const libloss_input odd = { .struct_size = sizeof odd, .name = "prediction", .kind = LIBLOSS_KIND_OFFSETS };
    const libloss_input *const twice[] = { &prediction, &prediction }, *const strange[] = { &prediction, &odd },
                               *const gap[] = { &prediction, NULL };
    const libloss_parameter *const same[] = { &scale, &scale }, *const hole[] = { &scale, NULL };
    libloss_vtable v = table_of_tile(0);
    libloss_object *o = (libloss_object *)(uintptr_t)8;
    v.info = &described;
#define REFUSED(status_, change_)                                                              \
    do {                                                                                       \
        change_;                                                                               \
        assert_int_equal(libloss_create_custom(&v, NULL, NULL, 0, &o), LIBLOSS_ERR_##status_); \
        described = info, v = table_of_tile(0), v.info = &described;                           \
    } while (0)
    REFUSED(NULL, v.info = NULL);
    REFUSED(NULL, described.name = NULL);
    REFUSED(NULL, described.name = "");
    REFUSED(NULL, v.tile = NULL);
    REFUSED(OPTION, described.inputs = 0);
    REFUSED(OPTION, described.inputs = 9);
    REFUSED(OPTION, described.parameters = 13);
    REFUSED(UNSUPPORTED, described.values_per = LIBLOSS_PER_UNIT);
    REFUSED(NULL, v.inputs = NULL);
    REFUSED(NULL, v.parameters = NULL);
    REFUSED(OPTION, v.inputs = twice);
    REFUSED(UNSUPPORTED, v.inputs = strange);
    REFUSED(NULL, v.inputs = gap);
    REFUSED(OPTION, v.parameters = same);
    REFUSED(NULL, v.parameters = hole);
#undef REFUSED
    assert_int_equal(libloss_create_custom(NULL, NULL, NULL, 0, &o), LIBLOSS_ERR_NULL);
    assert_int_equal(libloss_create_custom(&v, NULL, NULL, 1, &o), LIBLOSS_ERR_NULL);
    assert_int_equal(libloss_create_custom(&v, NULL, NULL, 0, NULL), LIBLOSS_ERR_NULL);
    assert_ptr_equal(o, (libloss_object *)(uintptr_t)8);
}

/* ---- a whole vtable: the sum of a row's absolute differences ---- */

typedef struct {
    int forwards, backwards, reduces, destroyed;
    libloss_status answer; /* of the next step */
    int64_t axes, length; /* of the plan; -1: the truth */
} rows;

static libloss_status plan_rows(void *self, const libloss_args *args, libloss_plan *plan)
{
    rows *r = self;
    if (!args->input[0] || !args->input[1]) return LIBLOSS_ERR_NULL;
    plan->values_ndim = r->axes < 0 ? 1 : (int32_t)r->axes;
    plan->values_shape[0] = r->length == -1 ? args->input[0]->shape[0] : r->length;
    plan->values_shape[1] = r->length;
    return LIBLOSS_OK;
}

static libloss_status forward_rows(void *self, const libloss_args *args)
{
    rows *r = self;
    r->forwards++;
    assert_null(args->weight); /* forward gives plain values */
    if (r->answer) {
        if (args->message_size) strncpy(args->message, "not today", args->message_size - 1);
        return r->answer;
    }
    const double *p = args->input[0]->data, *t = args->input[1]->data;
    for (int64_t i = 0; i < args->input[0]->shape[0]; i++) ((double *)args->values->data)[i] = p[i] > t[i] ? p[i] - t[i] : t[i] - p[i];
    return LIBLOSS_OK;
}

static libloss_status backward_rows(void *self, const libloss_args *args)
{
    rows *r = self;
    r->backwards++;
    for (int64_t i = 0; i < args->input[0]->shape[0]; i++) ((double *)args->gradient[0]->data)[i] = 1;
    return LIBLOSS_OK;
}

static libloss_status reduce_rows(void *self, const libloss_args *args)
{
    rows *r = self;
    r->reduces++;
    if (args->value) *args->value = ((const double *)args->input[0]->data)[0]; /* the first: no sum at all */
    return LIBLOSS_OK;
}

static void destroy_rows(void *self) { ((rows *)self)->destroyed++; }

static void test_whole_vtable(void **state)
{
    (void)state;
    const libloss_info described = { .struct_size = sizeof described, .name = "rows", .inputs = 2 };
    libloss_vtable v = { .struct_size = sizeof v,
                         .info = &described,
                         .inputs = inputs,
                         .plan = plan_rows,
                         .forward = forward_rows,
                         .backward = backward_rows,
                         .destroy = destroy_rows };
    rows r = { .axes = -1, .length = -1 };
    libloss_object *o, *sum;
    assert_int_equal(libloss_create_custom(&v, &r, NULL, 0, &o), LIBLOSS_OK);
    double a[3] = { 3, 5, 1 }, b[3] = { 1, 1, 2 }, w[3] = { 2, 0, 1 }, values[3], g[3], value = 42;
    libloss_tensor x = tensor(a, F64, 1, &three), y = tensor(b, F64, 1, &three), weight = tensor(w, F64, 1, &three);
    libloss_tensor each = tensor(values, F64, 1, &three), grad = tensor(g, F64, 1, &three);
    uint64_t total[192];
    double number[4];
    assert_int_equal(libloss_total_start((libloss_total *)total, sizeof total, o, NULL), LIBLOSS_OK);
    libloss_args args = { .struct_size = sizeof args,
                          .input = { &x, &y },
                          .weight = &weight,
                          .value = &value,
                          .values = &each,
                          .gradient = { &grad },
                          .total = (libloss_total *)total };
    assert_int_equal(libloss_eval(o, &args), LIBLOSS_OK);
    assert_true(value == 5 / 2.0 && values[0] == 4 && values[1] == 0 && values[2] == 1 && g[2] == 1);
    assert_true(r.forwards == 1 && r.backwards == 1);
    assert_int_equal(libloss_total_value((libloss_total *)total, LIBLOSS_WEIGHTED_MEAN, LIBLOSS_EMPTY_NAN, 0, number, 4), LIBLOSS_OK);
    assert_true(number[0] == 5 / 3.0 && number[1] == 3 && number[2] == 2 && number[3] == 3);
    libloss_args reduce = { .struct_size = sizeof reduce, .input = { &each }, .value = &value, .reduction = LIBLOSS_SUM };
    assert_int_equal(libloss_reduce(o, &reduce), LIBLOSS_OK); /* the engine's: the table has none */
    assert_true(value == 5);
    libloss_plan plan = { .struct_size = sizeof plan };
    assert_int_equal(libloss_prepare(o, &args, &plan), LIBLOSS_OK);
    assert_true(plan.values_ndim == 1 && plan.values_shape[0] == 3);
    const libloss_object *const term[] = { o };
    const double one = 1;
    assert_int_equal(libloss_combine(term, &one, 1, &sum), LIBLOSS_ERR_UNSUPPORTED);

    /* What they refuse reaches the caller with their words, and nonsense is not believed. */
    char message[64];
    args.message = message, args.message_size = sizeof message;
    r.answer = LIBLOSS_ERR_DOMAIN;
    value = 42;
    assert_int_equal(libloss_eval(o, &args), LIBLOSS_ERR_DOMAIN);
    assert_string_equal(message, "rows: not today");
    assert_string_equal(libloss_message(), "rows: not today");
    assert_true(value == 42);
    r.answer = 0;
    static const int64_t axes[] = { 9, 1, 2 }, lengths[] = { 1, -5, INT64_C(1) << 40 };
    for (int k = 0; k < 3; k++) {
        r.axes = axes[k], r.length = lengths[k];
        assert_int_equal(libloss_eval(o, &args), LIBLOSS_ERR_CALLBACK);
    }
    r.axes = r.length = -1;
    args.input[1] = NULL;
    assert_int_equal(libloss_eval(o, &args), LIBLOSS_ERR_NULL);
    assert_string_equal(message, "rows: plan failed");
    libloss_destroy(o);
    assert_int_equal(r.destroyed, 1);

    /* Their own reduce; and no backward: known before anything is stored. */
    args.input[1] = &y, args.total = NULL;
    v.reduce = reduce_rows, v.backward = NULL;
    assert_int_equal(libloss_create_custom(&v, &r, NULL, 0, &o), LIBLOSS_OK);
    value = 42;
    assert_int_equal(libloss_eval(o, &args), LIBLOSS_ERR_NO_GRADIENT);
    assert_int_equal(libloss_backward(o, &args), LIBLOSS_ERR_UNSUPPORTED);
    assert_true(value == 42);
    args.gradient[0] = NULL;
    assert_int_equal(libloss_eval(o, &args), LIBLOSS_OK);
    assert_true(value == 2 && r.reduces == 1 && values[0] == 4);
    libloss_destroy(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tile_kernel), cmocka_unit_test(test_learnable_parameters), cmocka_unit_test(test_only_f64),
        cmocka_unit_test(test_in_a_sum),    cmocka_unit_test(test_bad_descriptions),     cmocka_unit_test(test_whole_vtable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
