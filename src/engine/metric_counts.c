/*
 * Counting. Cells are integers of 128 bits in units of 2^-64: exact for weights that are multiples of that, and free of
 * the order of the data for all.
 */
#include "metric.h"

#include <pthread.h>
#include <string.h>

#include "cells.h"
#include "split.h"

#define FAIL(status_, ...) return libloss__fail(c->sink, status_, __VA_ARGS__)

enum { STRIP = 512, FEW_CELLS = 64 };
static const double HEAVIEST = 0x1p40; /* weight; 2^23 of them fit a cell */

/* ---- resolving ---- */

static int is_multilabel(const libloss_object *o) { return libloss__metric_parameter(o, "multilabel", 0, NULL) != 0; }

/* Which averages there are of the data. */
static libloss_status check_average(const libloss__call *c, int64_t classes)
{
    const metric *metric = c->object->row->metric;
    const char *name = c->object->name;
    double param[MAX_PARAMETERS];
    libloss__fill_parameters(c->object, param);
    const int multilabel = is_multilabel(c->object), binary = libloss__metric_says(metric, param, "average", "binary");
    if (multilabel && binary)
        FAIL(LIBLOSS_ERR_OPTION,
             "%s: average=binary is of one class, and every label is one; choose micro, macro, weighted, samples or none", name);
    if (!multilabel && libloss__metric_says(metric, param, "average", "samples"))
        FAIL(LIBLOSS_ERR_OPTION, "%s: average=samples is of rows of labels: multilabel=true", name);
    if (binary && classes != 2)
        FAIL(LIBLOSS_ERR_OPTION, "%s: average=binary is of 2 classes, but there are %d; choose micro, macro, weighted or none", name,
             classes);
    return LIBLOSS_OK;
}

libloss_status libloss__check_table(const libloss__call *c, int64_t classes)
{
    if (classes > MOST_CLASSES)
        FAIL(LIBLOSS_ERR_SHAPE, "%s: %d classes; a table of at most %d is kept", c->object->name, classes, (int64_t)MOST_CLASSES);
    return check_average(c, classes);
}

static libloss_status check_form(const libloss__metric_call *m)
{
    const libloss__call *c = &m->call;
    const libloss__view *p = &c->input[0];
    if (m->form == FORM_LABELS && libloss__is_float(p->dtype))
        FAIL(LIBLOSS_ERR_DTYPE,
             "%s: prediction is %s: scores need threshold (probabilities: threshold=0.5, logits: threshold=0), classes "
             "an integer dtype",
             c->object->name, libloss__dtype_name(p->dtype));
    return LIBLOSS_OK;
}

static int same_leading(const libloss__view *a, const libloss__view *b)
{
    int same = 1;
    for (int32_t i = 0; i < a->ndim && i < b->ndim; i++) same &= a->shape[i] == b->shape[i];
    return same;
}

libloss_status libloss__resolve_labels(libloss__metric_call *m)
{
    libloss__call *c = &m->call;
    const libloss_object *o = c->object;
    const libloss__view *p = &c->input[0], *t = &c->input[1];
    int has_threshold, has_classes;
    m->threshold = libloss__metric_parameter(o, "threshold", 0, &has_threshold);
    const double classes = libloss__metric_parameter(o, "classes", 0, &has_classes);
    if (p->ndim != t->ndim || !same_leading(p, t) || t->ndim < 2 || t->shape[t->ndim - 1] < 2)
        FAIL(LIBLOSS_ERR_SHAPE,
             "%s: prediction has shape %S, but target has %S; with multilabel both have one shape, (rows, labels), of at least two labels",
             o->name, (int64_t)p->ndim, p->shape, (int64_t)t->ndim, t->shape);
    m->form = has_threshold ? FORM_SCORES : FORM_LABELS;
    TRY(check_form(m));
    m->labels = c->width = c->classes = t->shape[t->ndim - 1];
    if (has_classes && (double)m->labels != classes)
        FAIL(LIBLOSS_ERR_SHAPE, "%s: target has rows of %d labels, but classes is %d", o->name, m->labels, (int64_t)classes);
    m->classes = 2;
    c->values_ndim = t->ndim - 1;
    c->count = t->count / m->labels;
    if (m->metric->kind == COUNTS_LABELS) m->size = m->labels;
    return m->size ? libloss__check_table(c, m->size) : LIBLOSS_OK;
}

libloss_status libloss__resolve_counts(libloss__metric_call *m)
{
    libloss__call *c = &m->call;
    const libloss_object *o = c->object;
    const libloss__view *p = &c->input[0], *t = &c->input[1];
    int has_threshold, has_classes, has_k;
    if (is_multilabel(o)) return libloss__resolve_labels(m);
    m->threshold = libloss__metric_parameter(o, "threshold", 0, &has_threshold);
    const double classes = libloss__metric_parameter(o, "classes", 0, &has_classes);
    m->k = (int64_t)libloss__metric_parameter(o, "k", 0, &has_k);
    m->form = p->ndim == t->ndim + 1 ? FORM_ROWS : has_threshold ? FORM_SCORES : FORM_LABELS;
    if (!same_leading(p, t) || p->ndim < t->ndim || p->ndim > t->ndim + 1 || (m->form == FORM_ROWS && p->shape[t->ndim] == 1))
        FAIL(LIBLOSS_ERR_SHAPE,
             "%s: prediction has shape %S, but target has %S; a row of scores has one axis more, any other prediction "
             "the same",
             o->name, (int64_t)p->ndim, p->shape, (int64_t)t->ndim, t->shape);
    if (m->form == FORM_ROWS && has_threshold)
        FAIL(LIBLOSS_ERR_OPTION, "%s: threshold is for one score per target; rows of scores are compared among themselves", o->name);
    if (m->form != FORM_ROWS && has_k)
        FAIL(LIBLOSS_ERR_SHAPE, "%s: prediction has shape %S; it needs rows of scores, one axis more than the target's %S", o->name,
             (int64_t)p->ndim, p->shape, (int64_t)t->ndim, t->shape);
    TRY(check_form(m));
    const int64_t row = m->form == FORM_ROWS ? p->shape[t->ndim] : 0;
    if (has_classes && row && (double)row != classes)
        FAIL(LIBLOSS_ERR_SHAPE, "%s: prediction has rows of %d scores, but classes is %d", o->name, row, (int64_t)classes);
    if (m->form == FORM_ROWS && row == 0) FAIL(LIBLOSS_ERR_SHAPE, "%s: a row needs at least two scores", o->name);
    if (has_k && m->k > row) FAIL(LIBLOSS_ERR_PARAMETER, "%s: k = %d, but there are %d classes", o->name, m->k, row);
    c->classes = row ? row : 1;
    m->classes = row ? row : has_classes ? (int64_t)classes : 2;
    if (m->metric->kind == COUNTS_HITS && m->form == FORM_LABELS) m->classes = 0;
    if (m->form == FORM_SCORES && m->classes != 2)
        FAIL(LIBLOSS_ERR_OPTION, "%s: a threshold tells 2 classes apart, but classes is %d", o->name, m->classes);
    m->size = m->metric->kind == COUNTS_HITS ? 0 : m->classes; /* hits of any number of classes add up */
    return m->size ? libloss__check_table(c, m->size) : LIBLOSS_OK;
}

/* ---- counting ---- */

static libloss_status bad_label(const libloss__metric_call *m, int32_t input, int64_t i, int64_t label)
{
    const libloss_object *o = m->call.object;
    int takes_classes = 0, has_classes;
    for (int32_t k = 0; k < o->parameters; k++) takes_classes |= strcmp(o->parameter[k].name, "classes") == 0;
    libloss__metric_parameter(o, "classes", 0, &has_classes);
    return libloss__bad_label(m, input, i, label,
                              takes_classes && !has_classes && m->form == FORM_LABELS ? "; the parameter classes allows more" : "");
}

static libloss_status bad_score(const libloss__metric_call *m, int64_t i)
{
    const libloss__call *c = &m->call;
    char place[128];
    libloss__place(c->input[0].ndim, c->input[0].shape, i, place);
    FAIL(LIBLOSS_ERR_DOMAIN, "%s: prediction%s = nan is no score", c->object->name, place);
}

/* The class that row i of scores tells; for top-k whether the target is among the k largest. */
static libloss_status look_at_row(const libloss__metric_call *m, int64_t i, int64_t target, int64_t *predicted, int *hit)
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

static libloss_status count_strip(const libloss__metric_call *m, int64_t start, int64_t n, libloss__counts *counts)
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
        if (m->metric->kind == COUNTS_HITS) {
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

static int is_label(double x) { return (x == 0) | (x == 1); }

/* The label that is not 0 or 1 as it was given, of all 64 bits. */
static libloss_status no_label(const libloss__metric_call *m, int32_t input, int64_t i)
{
    int64_t label;
    libloss__gather(&m->call.input[input], i, 1, &label, DTYPE_I64);
    return libloss__bad_label(m, input, i, label, "");
}

libloss_status libloss__tell_labels(const libloss__metric_call *m, int64_t start, int64_t n, const double *target, double *prediction)
{
    const int scores = m->form == FORM_SCORES;
    int fine = 1;
    for (int64_t i = 0; i < n; i++) fine &= is_label(target[i]) & (scores ? prediction[i] == prediction[i] : is_label(prediction[i]));
    for (int64_t i = 0; !fine && i < n; i++) {
        if (!is_label(target[i])) return no_label(m, 1, start + i);
        if (scores && prediction[i] != prediction[i]) return bad_score(m, start + i);
        if (!scores && !is_label(prediction[i])) return no_label(m, 0, start + i);
    }
    for (int64_t i = 0; scores && i < n; i++) prediction[i] = prediction[i] > m->threshold;
    return LIBLOSS_OK;
}

/* Rows of labels, gathered as a run of elements, whole rows or not. A row hits that is right in all its labels. */
static libloss_status count_rows(const libloss__metric_call *m, int64_t start, int64_t n, libloss__counts *counts)
{
    static const int64_t outcome[2][2] = { { TRUE_NEGATIVE, FALSE_POSITIVE }, { FALSE_NEGATIVE, TRUE_POSITIVE } };
    const libloss__call *c = &m->call;
    const int64_t labels = m->labels, first = start * labels, end = (start + n) * labels;
    double target[STRIP], predicted[STRIP], w[STRIP];
    const int weighted = libloss__given(&c->weight), by_label = m->metric->kind == COUNTS_LABELS;
    int64_t row = 0, label = 0, right = 0;
    if (weighted) libloss__gather_weight(c, start, n, w);
    for (int64_t at = first; at < end; at += STRIP) {
        const int64_t strip = end - at < STRIP ? end - at : STRIP;
        libloss__gather(&c->input[0], at, strip, predicted, DTYPE_F64);
        libloss__gather(&c->input[1], at, strip, target, DTYPE_F64);
        for (int64_t i = 0, some; i < strip; i += some) { /* what the strip has of a row */
            some = labels - label < strip - i ? labels - label : strip - i;
            const int present = !weighted || w[row] != 0;
            const libloss__cell one = weighted ? cell_of(w[row]) : (libloss__cell){ 0, 1 };
            if (present) TRY(libloss__tell_labels(m, at + i, some, target + i, predicted + i));
            for (int64_t k = i; present && k < i + some; k++) {
                right += predicted[k] == target[k];
                if (!by_label) continue;
                libloss__cell *cell = &counts->cell[OUTCOMES * (label + k - i) + outcome[target[k] != 0][predicted[k] != 0]];
                *cell = cell_add(*cell, one);
            }
            label += some;
            if (label < labels) continue;
            if (!by_label && present) {
                counts->cell[0] = cell_add(counts->cell[0], one);
                if (right == labels) counts->cell[1] = cell_add(counts->cell[1], one);
            }
            counts->present += present;
            row++;
            label = right = 0;
        }
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
    const libloss__metric_call *m;
    libloss__counts *counts;
    int64_t cells;
    pthread_mutex_t lock; /* of the counts, where several threads count */
} count_job;

enum { FEW_BYTES = sizeof(libloss__counts) + FEW_CELLS * sizeof(libloss__cell) };

/* Into cells of its own, which are added to the call's. */
static libloss_status count_range(const libloss__piece *piece, void *shared)
{
    count_job *job = shared;
    libloss__metric_call m = *job->m;
    m.call = *piece->c;
    _Alignas(16) char small[FEW_BYTES];
    const int few = job->cells <= FEW_CELLS;
    libloss__counts *counts = few ? (libloss__counts *)(void *)small : job->counts;
    if (few) memset(small, 0, sizeof small);
    for (int64_t start = piece->begin; start < piece->end; start += STRIP) {
        const int64_t n = piece->end - start < STRIP ? piece->end - start : STRIP;
        TRY(m.labels ? count_rows(&m, start, n, counts) : count_strip(&m, start, n, counts));
    }
    if (!few) return check_cells(&m.call, counts, job->cells);
    pthread_mutex_lock(&job->lock);
    for (int64_t k = 0; k < job->cells; k++) job->counts->cell[k] = cell_add(job->counts->cell[k], counts->cell[k]);
    job->counts->present += counts->present;
    libloss_status status = check_cells(&m.call, job->counts, job->cells);
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

libloss_status libloss__count_all(libloss__metric_call *m, libloss__counts *counts)
{
    libloss__call *c = &m->call;
    TRY(libloss__check_weights(c));
    if (libloss__given(&c->weight)) TRY(libloss__scan(c, &c->weight, check_heaviest, NULL));
    const int64_t cells = libloss__metric_parts(m->metric, m->size);
    count_job job = { m, counts, cells, PTHREAD_MUTEX_INITIALIZER };
    /* looking at many cells takes time; by label there are fewer of them, and an element takes longer */
    const int64_t longest = cells <= FEW_CELLS ? 0 : 1 << (m->labels ? 19 : 21);
    const libloss__split split = { .run = count_range,
                                   .job = &job,
                                   .count = c->count,
                                   .width = c->classes,
                                   .unit = STRIP,
                                   .longest = longest,
                                   .threads = cells <= FEW_CELLS ? libloss__threads_for(c, c->count * c->classes) : 1 };
    libloss_status status = libloss__run_split(c, &split, NULL);
    pthread_mutex_destroy(&job.lock);
    counts->size = c->count;
    counts->rows = c->rows;
    return status;
}

/* ---- counts from elsewhere ---- */

static int is_table(const libloss__view *v) { return v->ndim == 2 && v->shape[0] == v->shape[1] && v->shape[0] >= 2; }

libloss_status libloss__resolve_table(libloss__metric_call *m)
{
    libloss__call *c = &m->call;
    const libloss__view *v = &c->input[0];
    const int hits = m->metric->kind == COUNTS_HITS, by_label = m->metric->kind == COUNTS_LABELS;
    int has_k;
    libloss__metric_parameter(c->object, "k", 0, &has_k);
    const int fits =
        by_label ? v->ndim == 2 && v->shape[0] >= 2 && v->shape[1] == OUTCOMES : is_table(v) && !has_k && !is_multilabel(c->object);
    if (!fits && !(hits && v->ndim == 1 && v->shape[0] == 2))
        FAIL(LIBLOSS_ERR_SHAPE, "%s: the counts have shape %S; %s", c->object->name, (int64_t)v->ndim, v->shape,
             hits       ? "all cases and hits are (2)"
             : by_label ? "those by label are (labels, 4), from 2 labels on"
                        : "a confusion matrix is (classes, classes), from 2 classes on");
    m->size = hits ? 0 : v->shape[0];
    return hits ? LIBLOSS_OK : libloss__check_table(c, m->size);
}

void libloss__gather_table(const libloss__metric_call *m, double *count)
{
    const libloss__view *v = &m->call.input[0];
    if (m->size || !is_table(v)) {
        libloss__gather(v, 0, v->count, count, DTYPE_F64);
        return;
    }
    count[0] = count[1] = 0; /* hits: all, and those on the diagonal */
    for (int64_t i = 0; i < v->count; i++) {
        double x;
        libloss__gather(v, i, 1, &x, DTYPE_F64);
        count[0] += x;
        if (i % (v->shape[0] + 1) == 0) count[1] += x;
    }
}
