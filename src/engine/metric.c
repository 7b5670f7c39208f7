/*
 * A call of a metric: what every one has in common. What cases leave behind is collected by metric_counts.c, metric_sums.c or
 * metric_sight.c into memory of the call's own, so that an error leaves every output as it was.
 */
#include "metric.h"

#include <stdlib.h>
#include <string.h>

#include "../cpu/memory.h"

#define FAIL(status_, ...) return libloss__fail(c->sink, status_, __VA_ARGS__)

/* ---- resolving ---- */

double libloss__metric_parameter(const libloss_object *o, const char *name, double otherwise, int *given)
{
    for (int32_t k = 0; k < o->parameters; k++) {
        if (strcmp(o->parameter[k].name, name) != 0) continue;
        const int there = o->first[k] < o->first[k + 1];
        if (given) *given = there;
        return there ? o->value[o->first[k]] : otherwise;
    }
    if (given) *given = 0;
    return otherwise;
}

static int counts(const metric *metric) { return metric->kind <= COUNTS_HITS; }

static libloss_status no_gradient(const libloss_object *o, const libloss_args *args)
{
    return libloss__fail((libloss__sink){ args->message, args->message_size }, LIBLOSS_ERR_NO_GRADIENT, "%s is a metric: %s", o->name,
                         counts(o->row->metric)
                             ? "it counts. A count stays as it is when a prediction moves a little, so its gradient is 0 almost everywhere "
                               "and trains nothing; train with a loss"
                             : "it judges predictions and gives no gradient; train with a loss");
}

libloss_status libloss__resolve_metric_options(const libloss__call *c)
{
    const libloss_args *a = c->args;
    const char *name = c->object->name;
    for (int k = 0; k < MAX_INPUTS; k++)
        if (a->gradient[k] || a->hessian[k]) return no_gradient(c->object, a);
    if (a->parameter_gradient || a->upstream) return no_gradient(c->object, a);
    for (int32_t k = c->object->inputs; k < MAX_INPUTS; k++)
        if (a->input[k])
            FAIL(LIBLOSS_ERR_OPTION, "%s: input[%d] is given, but there are %d inputs", name, (int64_t)k, (int64_t)c->object->inputs);
    for (int32_t k = 0; k < MAX_AUXILIARIES; k++)
        if (a->auxiliary[k]) FAIL(LIBLOSS_ERR_OPTION, "%s: there is no auxiliary[%d]", name, (int64_t)k);
    if (a->reduction != LIBLOSS_MEAN || a->divisor != 0) FAIL(LIBLOSS_ERR_OPTION, "%s: a metric has no reduction and no divisor", name);
    if (a->parameters) FAIL(LIBLOSS_ERR_OPTION, "%s: a metric takes its parameters from the object alone", name);
    if (a->unit_axes || a->hessian_kind || a->curvature || (a->flags & ~(uint64_t)(LIBLOSS_TRUST_DOMAIN | LIBLOSS_DISCARD_ON_ERROR)))
        FAIL(LIBLOSS_ERR_OPTION, "%s: unit_axes, curvature, hessian_kind and flags mean nothing to a metric", name);
    return LIBLOSS_OK;
}

/* The tensor for the numbers: a float tensor of that shape, which touches no input. */
libloss_status libloss__resolve_values(libloss__call *c, int32_t ndim, const int64_t *shape)
{
    if (!c->args->values) return LIBLOSS_OK;
    const libloss_object *o = c->object;
    libloss__view *v = &c->values;
    TRY(libloss__view_tensor(c, c->args->values, "values", v));
    if (!libloss__is_float(v->dtype))
        FAIL(LIBLOSS_ERR_DTYPE, "%s: values is %s; outputs are floating-point", o->name, libloss__dtype_name(v->dtype));
    int same = v->ndim == ndim;
    for (int32_t k = 0; same && k < ndim; k++) same = v->shape[k] == shape[k];
    if (!same) FAIL(LIBLOSS_ERR_SHAPE, "%s: values has shape %S; it needs %S", o->name, (int64_t)v->ndim, v->shape, (int64_t)ndim, shape);
    for (int32_t k = 0; k <= o->inputs; k++) {
        const libloss__view *read = k < o->inputs ? &c->input[k] : &c->weight;
        if (libloss__given(read) && libloss__meet(v, read))
            FAIL(LIBLOSS_ERR_OVERLAP, "%s: values overlaps %s", o->name, k < o->inputs ? o->input[k].name : "weight");
    }
    return LIBLOSS_OK;
}

libloss_status libloss__wants_one_number(const libloss__call *c, int32_t ndim)
{
    if (c->args->value && ndim > 0) FAIL(LIBLOSS_ERR_OPTION, "%s gives more than one number: ask for values", c->object->name);
    return LIBLOSS_OK;
}

static libloss_status view_inputs(libloss__call *c)
{
    const libloss_object *o = c->object;
    for (int32_t k = 0; k < o->inputs; k++) {
        if (!c->args->input[k] && (o->input[k].flags & OPTIONAL)) continue;
        if (!c->args->input[k]) FAIL(LIBLOSS_ERR_NULL, "%s: %s is NULL", o->name, o->input[k].name);
        TRY(libloss__view_tensor(c, c->args->input[k], o->input[k].name, &c->input[k]));
    }
    const libloss__view *t = &c->input[1];
    if (o->input[1].kind == KIND_CLASS && libloss__is_float(t->dtype))
        FAIL(LIBLOSS_ERR_DTYPE, "%s: target is %s; class indices are integers", o->name, libloss__dtype_name(t->dtype));
    return LIBLOSS_OK;
}

static libloss_status resolve(libloss__metric_call *m, const libloss_object *o, const libloss_args *args)
{
    memset(m, 0, sizeof *m);
    libloss__call *c = &m->call;
    m->metric = libloss__metric_of(o);
    c->object = o;
    c->args = args;
    c->sink = (libloss__sink){ args->message, args->message_size };
    TRY(libloss__resolve_metric_options(c));
    TRY(view_inputs(c));
    const libloss__view *t = &c->input[1];
    c->arithmetic = DTYPE_F64;
    c->width = 1;
    c->shape = c->values_shape = t->shape;
    c->ndim = c->values_ndim = t->ndim;
    c->count = t->count;
    switch (m->metric->kind) {
    case ADDS: TRY(libloss__resolve_cases(m, m->metric->adding->kind_of_case)); break;
    case SEES_ALL: TRY(libloss__resolve_cases(m, m->metric->seeing->kind_of_case)); break;
    default: TRY(libloss__resolve_counts(m));
    }
    c->rows = c->values_ndim > 0 ? c->values_shape[0] : 1;
    return libloss__resolve_weight(c);
}

libloss_status libloss__metric_size(const libloss_object *o, const libloss_args *args, int64_t *size)
{
    const metric *metric = libloss__metric_of(o);
    if (args && args->input[0] && args->input[1]) {
        libloss__metric_call m;
        TRY(resolve(&m, o, args));
        *size = m.size;
    } else if (metric->kind == COUNTS_CONFUSION || metric->kind == COUNTS_LABELS) {
        const libloss_args none = { 0 };
        const libloss__call c = { .object = o, .args = &none };
        *size = (int64_t)libloss__metric_parameter(o, "classes", 2, NULL);
        TRY(libloss__check_table(&c, *size));
    } else if (metric->kind == COUNTS_HITS) {
        *size = 0;
    } else {
        double param[MAX_PARAMETERS];
        libloss__fill_parameters(o, param);
        *size = metric->kind == ADDS && metric->adding->groups ? metric->adding->groups(param)
                                                               : (int64_t)libloss__metric_parameter(o, "outputs", 1, NULL);
    }
    return LIBLOSS_OK;
}

libloss_status libloss__bad_label(const libloss__metric_call *m, int32_t input, int64_t i, int64_t label, const char *hint)
{
    const libloss__call *c = &m->call;
    char place[128];
    libloss__place(c->input[1].ndim, c->input[1].shape, i, place);
    FAIL(LIBLOSS_ERR_LABEL, "%s: %s%s = %d is not in [0, %d)%s", c->object->name, c->object->input[input].name, place, label, m->classes,
         hint);
}

/* ---- the call ---- */

static void put_values(const libloss__call *c, const double *values, int64_t count)
{
    if (c->args->value) *c->args->value = values[0];
    if (libloss__given(&c->values)) libloss__scatter(&c->values, 0, count, values, DTYPE_F64);
}

/* Memory of one call: what cases leave behind, the same as doubles, the numbers; and room in which cases are looked at. */
typedef struct {
    int64_t left, rounded, numbers, room, least; /* bytes; the least room that would do, for one thread */
    char *memory;
    void *own;
} scratch;

enum { SMALL_BYTES = 8192 };

static int64_t padded(int64_t bytes) { return (bytes + 15) / 16 * 16; }

static int64_t before_room(const scratch *s) { return padded(s->left + s->rounded + s->numbers); }

static void lay_out(const libloss__metric_call *m, const double *param, scratch *s)
{
    memset(s, 0, sizeof *s);
    s->numbers = libloss__metric_numbers(m->metric, m->size, param) * (int64_t)sizeof(double);
    if (m->metric->kind == SEES_ALL) {
        s->room = s->least = libloss__seeing_bytes(m);
        return;
    }
    s->left = libloss__metric_bytes(m->metric, m->size);
    s->rounded = libloss__rounded_bytes(m->metric, m->size);
    if (m->metric->kind != ADDS) return;
    s->least = libloss__adding_bytes(m, 1);
    s->room = libloss__adding_bytes(m, INT64_MAX);
}

/* Bytes beyond what a call has on its stack. */
static int64_t wanted(const scratch *s)
{
    const int64_t bytes = before_room(s) + s->room;
    return bytes > (int64_t)SMALL_BYTES ? bytes : 0;
}

static libloss_status take_scratch(const libloss__call *c, char *small, scratch *s)
{
    const int64_t bytes = wanted(s), least = before_room(s) + s->least, given = (int64_t)c->args->workspace_size;
    s->memory = small;
    if (bytes) {
        s->memory = c->args->workspace;
        if (s->memory && given < least) FAIL(LIBLOSS_ERR_OPTION, "workspace has %d bytes; this call needs %d", given, least);
        if (s->memory && given < bytes) s->room = given - before_room(s);
        if (!s->memory) s->memory = s->own = libloss__scratch(bytes);
        if (!s->memory) FAIL(LIBLOSS_ERR_MEMORY, "%s: out of memory: %d bytes", c->object->name, bytes);
    }
    memset(s->memory, 0, (size_t)before_room(s));
    return LIBLOSS_OK;
}

static libloss_status collect(libloss__metric_call *m, const scratch *s)
{
    void *room = s->memory + before_room(s);
    switch (m->metric->kind) {
    case ADDS: return libloss__add_all(m, (libloss__counts *)(void *)s->memory, room, s->room);
    case SEES_ALL: return libloss__see_all(m, room, (double *)(void *)s->memory);
    default: return libloss__count_all(m, (libloss__counts *)(void *)s->memory);
    }
}

libloss_status libloss__eval_metric(const libloss_object *o, const libloss_args *args)
{
    libloss__metric_call m;
    libloss__call *c = &m.call;
    double param[MAX_PARAMETERS];
    int64_t shape[2];
    scratch s;
    _Alignas(16) char small[SMALL_BYTES];
    libloss__fill_parameters(o, param);
    TRY(resolve(&m, o, args));
    const int32_t ndim = libloss__metric_shape(m.metric, m.size, param, shape);
    TRY(libloss__wants_one_number(c, ndim));
    TRY(libloss__resolve_values(c, ndim, shape));
    if (args->total) {
        TRY(libloss__total_fits(args->total, o, args->message, args->message_size));
        if (args->total->classes != (uint64_t)m.size)
            FAIL(LIBLOSS_ERR_TOTAL, "%s: the total is of %d %s; this call has %d", o->name, (int64_t)args->total->classes,
                 m.metric->kind == ADDS ? "outputs" : "classes", m.size);
    }
    lay_out(&m, param, &s);
    TRY(take_scratch(c, small, &s));
    libloss_status status = collect(&m, &s);
    const libloss__counts *left = (const libloss__counts *)(const void *)s.memory;
    if (status == LIBLOSS_OK && args->total)
        status = libloss__counts_merge(c->sink, m.metric, m.size, libloss__counts_of(args->total), left);
    if (status == LIBLOSS_OK) {
        double *values = (double *)(void *)(s.memory + s.left + s.rounded);
        if (m.metric->kind != SEES_ALL) libloss__read_metric(m.metric, m.size, param, left, s.memory + s.left, values);
        put_values(c, values, libloss__metric_numbers(m.metric, m.size, param));
    }
    free(s.own);
    return status;
}

/* ---- the table ---- */

static libloss_status step_plan(void *self, const libloss_args *args, libloss_plan *plan)
{
    const libloss_object *o = self;
    const metric *metric = libloss__metric_of(o);
    double param[MAX_PARAMETERS];
    int64_t size;
    libloss__metric_call m;
    const int seen = args->input[0] && args->input[1];
    libloss__fill_parameters(o, param);
    TRY(seen ? resolve(&m, o, args) : libloss__metric_size(o, args, &size));
    if (seen) size = m.size;
    memset((char *)plan + sizeof plan->struct_size, 0, sizeof *plan - sizeof plan->struct_size);
    if (metric->kind != SEES_ALL) {
        const int64_t total = libloss__metric_total_size(o, size);
        plan->total_size = total < LIBLOSS_TOTAL_SIMPLE ? LIBLOSS_TOTAL_SIMPLE : total;
    }
    plan->parameters = o->first[o->parameters];
    plan->values_ndim = libloss__metric_shape(metric, size, param, plan->values_shape);
    for (int32_t k = plan->values_ndim; k < 2; k++) plan->values_shape[k] = 0;
    if (seen) {
        scratch s;
        lay_out(&m, param, &s);
        plan->workspace_size = wanted(&s);
    }
    return LIBLOSS_OK;
}

static libloss_status only_counts(const libloss_object *o, const libloss_args *args)
{
    if (counts(libloss__metric_of(o))) return LIBLOSS_OK;
    return libloss__fail((libloss__sink){ args->message, args->message_size }, LIBLOSS_ERR_UNSUPPORTED,
                         "%s: there are no counts between its cases and its value; use libloss_eval", o->name);
}

/* The counts: (classes, classes), rows the targets; by label (labels, OUTCOMES); of hits (2): all, and those that hit. */
static libloss_status step_forward(void *self, const libloss_args *args)
{
    const libloss_object *o = self;
    libloss__metric_call m;
    libloss__call *c = &m.call;
    double param[MAX_PARAMETERS];
    scratch s;
    _Alignas(16) char small[SMALL_BYTES];
    TRY(only_counts(o, args));
    libloss__fill_parameters(o, param);
    TRY(resolve(&m, o, args));
    if (!args->values) FAIL(LIBLOSS_ERR_NULL, "%s: values is NULL", o->name);
    const int64_t shape[2] = { m.size ? m.size : 2, m.metric->kind == COUNTS_LABELS ? OUTCOMES : m.size };
    TRY(libloss__resolve_values(c, m.size ? 2 : 1, shape));
    lay_out(&m, param, &s);
    TRY(take_scratch(c, small, &s));
    libloss_status status = collect(&m, &s);
    if (status == LIBLOSS_OK) {
        double *rounded = (double *)(void *)(s.memory + s.left);
        libloss__read_metric(m.metric, m.size, param, (const libloss__counts *)(const void *)s.memory, rounded,
                             (double *)(void *)(s.memory + s.left + s.rounded));
        libloss__scatter(&c->values, 0, libloss__metric_parts(m.metric, m.size), rounded, DTYPE_F64);
    }
    free(s.own);
    return status;
}

static libloss_status step_backward(void *self, const libloss_args *args) { return no_gradient(self, args); }

/* From counts to numbers. Every metric of counts takes what its forward gives; one of hits takes a confusion matrix too. */
static libloss_status step_reduce(void *self, const libloss_args *args)
{
    const libloss_object *o = self;
    libloss__metric_call m;
    libloss__call *c = &m.call;
    double param[MAX_PARAMETERS];
    int64_t shape[2];
    scratch s;
    _Alignas(16) char small[SMALL_BYTES];
    TRY(only_counts(o, args));
    memset(&m, 0, sizeof m);
    m.metric = libloss__metric_of(o);
    c->object = o;
    c->args = args;
    c->sink = (libloss__sink){ args->message, args->message_size };
    TRY(libloss__resolve_metric_options(c));
    if (args->weight || args->total) FAIL(LIBLOSS_ERR_OPTION, "%s: counts have been weighted already, and totals count cases", o->name);
    if (!args->input[0]) FAIL(LIBLOSS_ERR_NULL, "%s: the counts are NULL", o->name);
    TRY(libloss__view_tensor(c, args->input[0], "counts", &c->input[0]));
    TRY(libloss__resolve_table(&m));
    libloss__fill_parameters(o, param);
    const int32_t ndim = libloss__metric_shape(m.metric, m.size, param, shape);
    TRY(libloss__wants_one_number(c, ndim));
    TRY(libloss__resolve_values(c, ndim, shape));
    lay_out(&m, param, &s);
    TRY(take_scratch(c, small, &s));
    double *rounded = (double *)(void *)(s.memory + s.left), *values = (double *)(void *)(s.memory + s.left + s.rounded);
    libloss__gather_table(&m, rounded);
    const metric_state state = { rounded, m.size, param };
    m.metric->read(&state, values);
    put_values(c, values, libloss__metric_numbers(m.metric, m.size, param));
    free(s.own);
    return LIBLOSS_OK;
}

const libloss_vtable libloss__metric_vtable = {
    .struct_size = sizeof(libloss_vtable),
    .plan = step_plan,
    .forward = step_forward,
    .backward = step_backward,
    .reduce = step_reduce,
};
