/*
 * Counting. Cells are integers of 128 bits in units of 2^-64: exact for weights that are multiples of that, and free of
 * the order of the data for all. A call counts into cells of its own, so that a bad label leaves every output as it was.
 */
#include "metric.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "cells.h"
#include "split.h"

#define FAIL(status_, ...) return libloss__fail(c->sink, status_, __VA_ARGS__)

enum { STRIP = 512, FEW_CELLS = 64 };
static const double HEAVIEST = 0x1p40; /* weight; 2^23 of them fit a cell */

/* ---- resolving ---- */

enum { FORM_LABELS, FORM_SCORES, FORM_ROWS }; /* what the prediction is: classes; one score each; a row of scores each */

typedef struct {
    libloss__call call;
    const metric *metric;
    int form;
    int64_t classes, cells; /* classes 0: any label */
    double threshold;
    int64_t k;
} counting;

static const loss_parameter *parameter_named(const libloss_object *o, const char *name, double *value, int *given)
{
    for (int32_t k = 0; k < o->parameters; k++) {
        if (strcmp(o->parameter[k].name, name) != 0) continue;
        *given = o->first[k] < o->first[k + 1];
        if (*given) *value = o->value[o->first[k]];
        return &o->parameter[k];
    }
    *given = 0;
    return NULL;
}

static libloss_status no_gradient(const libloss_object *o, const libloss_args *args)
{
    return libloss__fail((libloss__sink){ args->message, args->message_size }, LIBLOSS_ERR_NO_GRADIENT,
                         "%s is a metric: it counts. A count stays as it is when a prediction moves a little, so its gradient is 0 "
                         "almost everywhere and trains nothing; train with a loss",
                         o->name);
}

static libloss_status resolve_options(const libloss__call *c)
{
    const libloss_args *a = c->args;
    const char *name = c->object->name;
    for (int k = 0; k < MAX_INPUTS; k++)
        if (a->gradient[k] || a->hessian[k]) return no_gradient(c->object, a);
    if (a->parameter_gradient || a->upstream) return no_gradient(c->object, a);
    for (int32_t k = 2; k < MAX_INPUTS; k++)
        if (a->input[k]) FAIL(LIBLOSS_ERR_OPTION, "%s: input[%d] is given, but there are 2 inputs", name, (int64_t)k);
    for (int32_t k = 0; k < MAX_AUXILIARIES; k++)
        if (a->auxiliary[k]) FAIL(LIBLOSS_ERR_OPTION, "%s: there is no auxiliary[%d]", name, (int64_t)k);
    if (a->reduction != LIBLOSS_MEAN || a->divisor != 0) FAIL(LIBLOSS_ERR_OPTION, "%s: a metric has no reduction and no divisor", name);
    if (a->parameters) FAIL(LIBLOSS_ERR_OPTION, "%s: a metric takes its parameters from the object alone", name);
    if (a->unit_axes || a->hessian_kind || a->curvature || (a->flags & ~(uint64_t)LIBLOSS_TRUST_DOMAIN))
        FAIL(LIBLOSS_ERR_OPTION, "%s: unit_axes, curvature, hessian_kind and flags mean nothing to a metric", name);
    return LIBLOSS_OK;
}

static libloss_status resolve_prediction(counting *m)
{
    libloss__call *c = &m->call;
    const libloss_object *o = c->object;
    const libloss__view *p = &c->input[0], *t = &c->input[1];
    int has_threshold, has_classes;
    double classes = 0, k = 0;
    m->threshold = 0;
    parameter_named(o, "threshold", &m->threshold, &has_threshold);
    parameter_named(o, "classes", &classes, &has_classes);
    int has_k;
    parameter_named(o, "k", &k, &has_k);
    m->k = (int64_t)k;
    int same = 1;
    const int32_t shared = p->ndim < t->ndim ? p->ndim : t->ndim;
    for (int32_t i = 0; i < shared; i++) same &= p->shape[i] == t->shape[i];
    m->form = p->ndim == t->ndim + 1 ? FORM_ROWS : has_threshold ? FORM_SCORES : FORM_LABELS;
    if (!same || p->ndim < t->ndim || p->ndim > t->ndim + 1 || (m->form == FORM_ROWS && p->shape[t->ndim] == 1))
        FAIL(LIBLOSS_ERR_SHAPE,
             "%s: prediction has shape %S, but target has %S; a row of scores has one axis more, any other prediction "
             "the same",
             o->name, (int64_t)p->ndim, p->shape, (int64_t)t->ndim, t->shape);
    if (m->form == FORM_ROWS && has_threshold)
        FAIL(LIBLOSS_ERR_OPTION, "%s: threshold is for one score per target; rows of scores are compared among themselves", o->name);
    if (m->form != FORM_ROWS && has_k)
        FAIL(LIBLOSS_ERR_SHAPE, "%s: prediction has shape %S; it needs rows of scores, one axis more than the target's %S", o->name,
             (int64_t)p->ndim, p->shape, (int64_t)t->ndim, t->shape);
    if (m->form == FORM_LABELS && libloss__is_float(p->dtype))
        FAIL(LIBLOSS_ERR_DTYPE,
             "%s: prediction is %s: scores need threshold (probabilities: threshold=0.5, logits: threshold=0), classes "
             "an integer dtype",
             o->name, libloss__dtype_name(p->dtype));
    const int64_t row = m->form == FORM_ROWS ? p->shape[t->ndim] : 0;
    if (has_classes && row && (double)row != classes)
        FAIL(LIBLOSS_ERR_SHAPE, "%s: prediction has rows of %d scores, but classes is %d", o->name, row, (int64_t)classes);
    if (m->form == FORM_ROWS && row == 0) FAIL(LIBLOSS_ERR_SHAPE, "%s: a row needs at least two scores", o->name);
    if (has_k && m->k > row) FAIL(LIBLOSS_ERR_PARAMETER, "%s: k = %d, but there are %d classes", o->name, m->k, row);
    c->classes = row ? row : 1;
    m->classes = row ? row : has_classes ? (int64_t)classes : 2;
    if (m->metric->counts == COUNTS_HITS && m->form == FORM_LABELS) m->classes = 0;
    if (m->form == FORM_SCORES && m->classes != 2)
        FAIL(LIBLOSS_ERR_OPTION, "%s: a threshold tells 2 classes apart, but classes is %d", o->name, m->classes);
    return LIBLOSS_OK;
}

static libloss_status check_classes(const libloss__call *c, int64_t classes, const metric *metric)
{
    double average = 1;
    int given;
    const loss_parameter *p = parameter_named(c->object, "average", &average, &given);
    if (metric->counts != COUNTS_CONFUSION) return LIBLOSS_OK;
    if (classes > 32768) FAIL(LIBLOSS_ERR_SHAPE, "%s: %d classes; a table of at most 32768 is kept", c->object->name, classes);
    if (p && average == 0 && classes != 2)
        FAIL(LIBLOSS_ERR_OPTION, "%s: average=binary is of 2 classes, but there are %d; choose micro, macro, weighted or none",
             c->object->name, classes);
    return LIBLOSS_OK;
}

static int64_t cells_of(const metric *metric, int64_t classes) { return metric->counts == COUNTS_HITS ? 2 : classes * classes; }

static int32_t values_shape(const libloss_object *o, int64_t classes, int64_t shape[2])
{
    double average = 0;
    int given;
    parameter_named(o, "average", &average, &given);
    shape[0] = classes;
    shape[1] = o->row->metric->gives == GIVES_MATRIX ? classes : 4;
    switch (o->row->metric->gives) {
    case GIVES_AVERAGE: return average == 4; /* none */
    case GIVES_NUMBER: return 0;
    default: return 2;
    }
}

static int64_t values_count(const libloss_object *o, int64_t classes)
{
    int64_t shape[2], n = 1;
    int32_t ndim = values_shape(o, classes, shape);
    for (int32_t k = 0; k < ndim; k++) n *= shape[k];
    return n;
}

/* The tensor for the numbers: a float tensor of that shape, which touches no input. */
static libloss_status resolve_values(libloss__call *c, int32_t ndim, const int64_t *shape)
{
    if (!c->args->values) return LIBLOSS_OK;
    libloss__view *v = &c->values;
    TRY(libloss__view_tensor(c, c->args->values, "values", v));
    if (!libloss__is_float(v->dtype))
        FAIL(LIBLOSS_ERR_DTYPE, "%s: values is %s; outputs are floating-point", c->object->name, libloss__dtype_name(v->dtype));
    int same = v->ndim == ndim;
    for (int32_t k = 0; same && k < ndim; k++) same = v->shape[k] == shape[k];
    if (!same)
        FAIL(LIBLOSS_ERR_SHAPE, "%s: values has shape %S; it needs %S", c->object->name, (int64_t)v->ndim, v->shape, (int64_t)ndim, shape);
    const libloss__view *read[] = { &c->input[0], &c->input[1], &c->weight };
    static const char *const names[] = { "prediction", "target", "weight" };
    for (int k = 0; k < 3; k++)
        if (libloss__given(read[k]) && libloss__meet(v, read[k]))
            FAIL(LIBLOSS_ERR_OVERLAP, "%s: values overlaps %s", c->object->name, names[k]);
    return LIBLOSS_OK;
}

static libloss_status resolve(counting *m, const libloss_object *o, const libloss_args *args)
{
    memset(m, 0, sizeof *m);
    libloss__call *c = &m->call;
    m->metric = o->row->metric;
    c->object = o;
    c->args = args;
    c->sink = (libloss__sink){ args->message, args->message_size };
    TRY(resolve_options(c));
    for (int k = 0; k < 2; k++) {
        if (!args->input[k]) FAIL(LIBLOSS_ERR_NULL, "%s: %s is NULL", o->name, o->input[k].name);
        TRY(libloss__view_tensor(c, args->input[k], o->input[k].name, &c->input[k]));
    }
    const libloss__view *t = &c->input[1];
    if (libloss__is_float(t->dtype))
        FAIL(LIBLOSS_ERR_DTYPE, "%s: target is %s; class indices are integers", o->name, libloss__dtype_name(t->dtype));
    c->arithmetic = DTYPE_F64;
    c->shape = c->values_shape = t->shape;
    c->ndim = c->values_ndim = t->ndim;
    c->count = t->count;
    c->rows = t->ndim > 0 ? t->shape[0] : 1;
    TRY(resolve_prediction(m));
    TRY(check_classes(c, m->classes, m->metric));
    TRY(libloss__resolve_weight(c));
    m->cells = cells_of(m->metric, m->classes);
    return LIBLOSS_OK;
}

libloss_status libloss__metric_cells(const libloss_object *o, const libloss_args *args, int64_t *classes, int64_t *cells)
{
    if (args && args->input[0] && args->input[1]) {
        counting m;
        TRY(resolve(&m, o, args));
        *classes = m.classes;
    } else {
        double k = 2;
        int given;
        const libloss_args none = { 0 };
        const libloss__call c = { .object = o, .args = &none };
        parameter_named(o, "classes", &k, &given);
        TRY(check_classes(&c, (int64_t)k, o->row->metric));
        *classes = (int64_t)k;
    }
    if (o->row->metric->counts == COUNTS_HITS) *classes = 0; /* hits of any number of classes add up */
    *cells = cells_of(o->row->metric, *classes);
    return LIBLOSS_OK;
}

/* ---- counting ---- */

static libloss_status bad_label(const counting *m, int32_t input, int64_t i, int64_t label)
{
    const libloss__call *c = &m->call;
    char place[128];
    int has_classes;
    double classes;
    libloss__place(c->values_ndim, c->values_shape, i, place);
    const loss_parameter *p = parameter_named(c->object, "classes", &classes, &has_classes);
    FAIL(LIBLOSS_ERR_LABEL, "%s: %s%s = %d is not in [0, %d)%s", c->object->name, c->object->input[input].name, place, label, m->classes,
         p && !has_classes && m->form == FORM_LABELS ? "; the parameter classes allows more" : "");
}

static libloss_status bad_score(const counting *m, int64_t i)
{
    const libloss__call *c = &m->call;
    char place[128];
    libloss__place(c->input[0].ndim, c->input[0].shape, i, place);
    FAIL(LIBLOSS_ERR_DOMAIN, "%s: prediction%s = nan is no score", c->object->name, place);
}

/* The class that row i of scores tells; for top-k whether the target is among the k largest. */
static libloss_status look_at_row(const counting *m, int64_t i, int64_t target, int64_t *predicted, int *hit)
{
    const libloss__call *c = &m->call;
    double strip[STRIP], best = 0, own;
    int64_t above = 0;
    *predicted = -1;
    libloss__gather(&c->input[0], i * c->classes + target, 1, &own, DTYPE_F64);
    for (int64_t start = 0; start < c->classes; start += STRIP) {
        const int64_t n = c->classes - start < STRIP ? c->classes - start : STRIP;
        libloss__gather(&c->input[0], i * c->classes + start, n, strip, DTYPE_F64);
        for (int64_t j = 0; j < n; j++) {
            const double x = strip[j];
            if (x != x) return bad_score(m, i * c->classes + start + j);
            if (*predicted < 0 || x > best) {
                best = x;
                *predicted = start + j;
            }
            above += x > own || (x == own && start + j < target);
        }
    }
    *hit = m->k > 0 ? above < m->k : *predicted == target;
    return LIBLOSS_OK;
}

static libloss_status count_strip(const counting *m, int64_t start, int64_t n, libloss__counts *counts)
{
    const libloss__call *c = &m->call;
    int64_t target[STRIP], predicted[STRIP];
    double score[STRIP], w[STRIP];
    const int weighted = libloss__given(&c->weight);
    if (weighted) libloss__gather_weight(c, start, n, w);
    libloss__gather(&c->input[1], start, n, target, DTYPE_I64);
    if (m->form == FORM_LABELS) libloss__gather(&c->input[0], start, n, predicted, DTYPE_I64);
    if (m->form == FORM_SCORES) libloss__gather(&c->input[0], start, n, score, DTYPE_F64);
    for (int64_t i = 0; i < n; i++) {
        if (weighted && w[i] == 0) continue;
        if (m->classes && (target[i] < 0 || target[i] >= m->classes)) return bad_label(m, 1, start + i, target[i]);
        int hit = 0;
        switch (m->form) {
        case FORM_ROWS: TRY(look_at_row(m, start + i, target[i], &predicted[i], &hit)); break;
        case FORM_SCORES:
            if (score[i] != score[i]) return bad_score(m, start + i);
            predicted[i] = score[i] > m->threshold;
            hit = predicted[i] == target[i];
            break;
        default:
            if (m->classes && (predicted[i] < 0 || predicted[i] >= m->classes)) return bad_label(m, 0, start + i, predicted[i]);
            hit = predicted[i] == target[i];
        }
        const libloss__cell one = weighted ? cell_of(w[i]) : (libloss__cell){ 0, 1 };
        if (m->metric->counts == COUNTS_HITS) {
            counts->cell[0] = cell_add(counts->cell[0], one);
            if (hit) counts->cell[1] = cell_add(counts->cell[1], one);
        } else {
            libloss__cell *cell = &counts->cell[target[i] * m->classes + predicted[i]];
            *cell = cell_add(*cell, one);
        }
        counts->present++;
    }
    return LIBLOSS_OK;
}

/* Long before 2^63: between two looks at most 2^40 is added 2^21 times. */
static libloss_status check_cells(const libloss__call *c, const libloss__counts *counts, int64_t cells)
{
    for (int64_t k = 0; k < cells && libloss__given(&c->weight); k++)
        if (counts->cell[k].high >= INT64_C(1) << 62) FAIL(LIBLOSS_ERR_OVERFLOW, "%s: the sum of weights passes 2^62", c->object->name);
    return LIBLOSS_OK;
}

typedef struct {
    const counting *m;
    libloss__counts *counts;
    pthread_mutex_t lock; /* of the counts, where several threads count */
} count_job;

enum { FEW_BYTES = sizeof(libloss__counts) + FEW_CELLS * sizeof(libloss__cell) };

/* Into cells of its own, which are added to the call's. */
static libloss_status count_range(const libloss__piece *piece, void *shared)
{
    count_job *job = shared;
    counting m = *job->m;
    m.call = *piece->c;
    _Alignas(16) char small[FEW_BYTES];
    const int few = m.cells <= FEW_CELLS;
    libloss__counts *counts = few ? (libloss__counts *)(void *)small : job->counts;
    if (few) memset(small, 0, sizeof small);
    for (int64_t start = piece->begin; start < piece->end; start += STRIP)
        TRY(count_strip(&m, start, piece->end - start < STRIP ? piece->end - start : STRIP, counts));
    if (!few) return check_cells(&m.call, counts, m.cells);
    pthread_mutex_lock(&job->lock);
    for (int64_t k = 0; k < m.cells; k++) job->counts->cell[k] = cell_add(job->counts->cell[k], counts->cell[k]);
    job->counts->present += counts->present;
    libloss_status status = check_cells(&m.call, job->counts, m.cells);
    pthread_mutex_unlock(&job->lock);
    return status;
}

static libloss_status check_heaviest(const libloss__piece *piece, void *nothing)
{
    (void)nothing;
    const libloss__call *c = piece->c;
    double w[STRIP];
    for (int64_t start = piece->begin; start < piece->end; start += STRIP) {
        const int64_t n = piece->end - start < STRIP ? piece->end - start : STRIP;
        libloss__gather(&c->weight, start, n, w, DTYPE_F64);
        for (int64_t i = 0; i < n; i++)
            if (w[i] > HEAVIEST)
                FAIL(LIBLOSS_ERR_WEIGHT, "%s: weight[%d] = %g; counts take weights up to 2^40", c->object->name, start + i, w[i]);
    }
    return LIBLOSS_OK;
}

static libloss_status count_all(counting *m, libloss__counts *counts)
{
    libloss__call *c = &m->call;
    TRY(libloss__check_weights(c));
    if (libloss__given(&c->weight)) TRY(libloss__scan(c, &c->weight, check_heaviest, NULL));
    count_job job = { m, counts, PTHREAD_MUTEX_INITIALIZER };
    const libloss__split split = { .run = count_range,
                                   .job = &job,
                                   .count = c->count,
                                   .width = c->classes,
                                   .unit = STRIP,
                                   .longest = m->cells <= FEW_CELLS ? 0 : 1 << 21, /* looking at many cells takes time */
                                   .threads = m->cells <= FEW_CELLS ? libloss__threads_for(c, c->count * c->classes) : 1 };
    libloss_status status = libloss__run_split(c, &split, NULL);
    pthread_mutex_destroy(&job.lock);
    counts->size = c->count;
    counts->rows = c->rows;
    return status;
}

/* ---- reading ---- */

void libloss__read_metric(const metric *metric, int64_t classes, const double *param, const double *count, double *values)
{
    const metric_state state = { count, classes, param };
    metric->read(&state, values);
}

static void put_values(const libloss__call *c, const double *values, int64_t count)
{
    if (c->args->value) *c->args->value = values[0];
    if (libloss__given(&c->values)) libloss__scatter(&c->values, 0, count, values, DTYPE_F64);
}

/* Bytes: the cells of this call, their sums as doubles, the numbers read from them. */
static int64_t scratch_bytes(const libloss_object *o, int64_t classes, int64_t cells)
{
    return (int64_t)sizeof(libloss__counts) + cells * (int64_t)(sizeof(libloss__cell) + sizeof(double)) +
           values_count(o, classes) * (int64_t)sizeof(double);
}

typedef struct {
    libloss__counts *counts;
    double *rounded, *values;
    void *own;
} scratch;

enum { SMALL_BYTES = sizeof(libloss__counts) + FEW_CELLS * (sizeof(libloss__cell) + 2 * sizeof(double)) };

static libloss_status take_scratch(const libloss__call *c, int64_t classes, int64_t cells, void *small, scratch *s)
{
    const int64_t bytes = scratch_bytes(c->object, classes, cells);
    char *memory = small;
    s->own = NULL;
    if (bytes > (int64_t)SMALL_BYTES) {
        memory = c->args->workspace;
        if (memory && c->args->workspace_size < (size_t)bytes)
            FAIL(LIBLOSS_ERR_OPTION, "workspace has %d bytes; this call needs %d", (int64_t)c->args->workspace_size, bytes);
        if (!memory) memory = s->own = malloc((size_t)bytes);
        if (!memory) FAIL(LIBLOSS_ERR_MEMORY, "%s: out of memory: %d bytes of counts", c->object->name, bytes);
    }
    memset(memory, 0, (size_t)bytes);
    s->counts = (libloss__counts *)(void *)memory;
    s->rounded = (double *)(void *)&s->counts->cell[cells];
    s->values = s->rounded + cells;
    return LIBLOSS_OK;
}

static libloss_status wants_one_number(const libloss__call *c, int32_t ndim)
{
    if (c->args->value && ndim > 0) FAIL(LIBLOSS_ERR_OPTION, "%s gives more than one number: ask for values", c->object->name);
    return LIBLOSS_OK;
}

libloss_status libloss__eval_metric(const libloss_object *o, const libloss_args *args)
{
    counting m;
    libloss__call *c = &m.call;
    TRY(resolve(&m, o, args));
    int64_t shape[2];
    const int32_t ndim = values_shape(o, m.classes, shape);
    TRY(wants_one_number(c, ndim));
    TRY(resolve_values(c, ndim, shape));
    if (args->total) {
        TRY(libloss__total_fits(args->total, o, args->message, args->message_size));
        if (args->total->cells != (uint64_t)m.cells)
            FAIL(LIBLOSS_ERR_TOTAL, "%s: the total counts %d classes; this call has %d", o->name, (int64_t)args->total->classes, m.classes);
    }
    _Alignas(16) char small[SMALL_BYTES];
    scratch s;
    TRY(take_scratch(c, m.classes, m.cells, small, &s));
    libloss_status status = count_all(&m, s.counts);
    if (status == LIBLOSS_OK && args->total) status = libloss__counts_merge(c->sink, args->total, s.counts);
    if (status == LIBLOSS_OK) {
        for (int64_t k = 0; k < m.cells; k++) s.rounded[k] = cell_round(s.counts->cell[k]);
        double parameter[MAX_PARAMETERS];
        libloss__fill_parameters(o, parameter);
        libloss__read_metric(m.metric, m.classes, parameter, s.rounded, s.values);
        put_values(c, s.values, values_count(o, m.classes));
    }
    free(s.own);
    return status;
}

/* ---- the table ---- */

static libloss_status step_plan(void *self, const libloss_args *args, libloss_plan *plan)
{
    const libloss_object *o = self;
    int64_t classes, cells;
    TRY(libloss__metric_cells(o, args, &classes, &cells));
    memset((char *)plan + sizeof plan->struct_size, 0, sizeof *plan - sizeof plan->struct_size);
    plan->total_size = libloss__metric_total_size(cells) < LIBLOSS_TOTAL_SIMPLE ? LIBLOSS_TOTAL_SIMPLE : libloss__metric_total_size(cells);
    plan->parameters = o->first[o->parameters];
    plan->values_ndim = values_shape(o, classes, plan->values_shape);
    for (int32_t k = plan->values_ndim; k < 2; k++) plan->values_shape[k] = 0;
    if (scratch_bytes(o, classes, cells) > (int64_t)SMALL_BYTES) plan->workspace_size = scratch_bytes(o, classes, cells);
    return LIBLOSS_OK;
}

/* The counts: (classes, classes), rows the targets; of hits (2): all, and those that hit. */
static libloss_status step_forward(void *self, const libloss_args *args)
{
    const libloss_object *o = self;
    counting m;
    libloss__call *c = &m.call;
    TRY(resolve(&m, o, args));
    if (!args->values) FAIL(LIBLOSS_ERR_NULL, "%s: values is NULL", o->name);
    const int hits = m.metric->counts == COUNTS_HITS;
    const int64_t shape[2] = { hits ? 2 : m.classes, m.classes };
    TRY(resolve_values(c, hits ? 1 : 2, shape));
    _Alignas(16) char small[SMALL_BYTES];
    scratch s;
    TRY(take_scratch(c, m.classes, m.cells, small, &s));
    libloss_status status = count_all(&m, s.counts);
    for (int64_t k = 0; k < m.cells; k++) s.rounded[k] = cell_round(s.counts->cell[k]);
    if (status == LIBLOSS_OK) libloss__scatter(&c->values, 0, m.cells, s.rounded, DTYPE_F64);
    free(s.own);
    return status;
}

static libloss_status step_backward(void *self, const libloss_args *args) { return no_gradient(self, args); }

/* From counts to numbers. Every metric takes what its forward gives; one of hits takes a confusion matrix too. */
static libloss_status step_reduce(void *self, const libloss_args *args)
{
    const libloss_object *o = self;
    libloss__call call, *c = &call;
    memset(c, 0, sizeof *c);
    c->object = o;
    c->args = args;
    c->sink = (libloss__sink){ args->message, args->message_size };
    TRY(resolve_options(c));
    if (args->weight || args->total) FAIL(LIBLOSS_ERR_OPTION, "%s: counts have been weighted already, and totals count cases", o->name);
    if (!args->input[0]) FAIL(LIBLOSS_ERR_NULL, "%s: the counts are NULL", o->name);
    TRY(libloss__view_tensor(c, args->input[0], "counts", &c->input[0]));
    const metric *metric = o->row->metric;
    const libloss__view *v = &c->input[0];
    const int matrix = v->ndim == 2 && v->shape[0] == v->shape[1] && v->shape[0] >= 2;
    const int hits = metric->counts == COUNTS_HITS;
    double k;
    int has_k;
    parameter_named(o, "k", &k, &has_k);
    if (!(hits && v->ndim == 1 && v->shape[0] == 2) && !(matrix && !has_k))
        FAIL(LIBLOSS_ERR_SHAPE, "%s: the counts have shape %S; %s", o->name, (int64_t)v->ndim, v->shape,
             hits ? "all cases and hits are (2)" : "a confusion matrix is (classes, classes), from 2 classes on");
    const int64_t classes = matrix ? v->shape[0] : 0, cells = matrix ? classes * classes : 2;
    TRY(check_classes(c, classes, metric));
    int64_t shape[2];
    const int32_t ndim = values_shape(o, classes, shape);
    TRY(wants_one_number(c, ndim));
    TRY(resolve_values(c, ndim, shape));
    _Alignas(16) char small[SMALL_BYTES];
    scratch s;
    TRY(take_scratch(c, classes, cells, small, &s));
    libloss__gather(v, 0, cells, s.rounded, DTYPE_F64);
    if (hits && matrix) {
        double all = 0, hit = 0;
        for (int64_t i = 0; i < cells; i++) {
            all += s.rounded[i];
            if (i % (classes + 1) == 0) hit += s.rounded[i];
        }
        s.rounded[0] = all;
        s.rounded[1] = hit;
    }
    double parameter[MAX_PARAMETERS];
    libloss__fill_parameters(o, parameter);
    libloss__read_metric(metric, classes, parameter, s.rounded, s.values);
    put_values(c, s.values, values_count(o, classes));
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
