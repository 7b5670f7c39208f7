/*
 * Metrics that add up what each case gives, exactly. Runs of cases are gathered as double; what is absent is passed over; the rest
 * gives its numbers, which are weighed and added to the sums of its group.
 */
#include "metric.h"

#include <pthread.h>
#include <string.h>

#include "split.h"
#include "spread.h"
#include "units.h"

enum { STRIP = 256, SMALL_ROOM = 2048 /* doubles */, FEW_SUMS = 24, FEW_GROUPS = 32, MOST_ROOM = 1 << 26 /* bytes */ };

typedef struct {
    const libloss__metric_call *m;
    libloss__counts *counts; /* the call's */
    char *room;
    int64_t each; /* bytes of room for a thread; 0: the stack has it */
    double known;
    pthread_mutex_t lock; /* of the counts, where several threads add */
} add_job;

/* A run of numbers on their way into the sums. */
typedef struct {
    double number[MAX_TERMS][STRIP], weight[STRIP];
    int64_t group[STRIP], count;
} run;

/* ---- room ---- */

/* Cases that are gathered at once, and the doubles of their predictions, their targets, and of scratch. */
typedef struct {
    int64_t cases, predictions, targets, work;
} extent;

static int64_t targets_of_case(const libloss__metric_call *m) { return m->labels ? m->labels : 1; }

static extent extent_of(const libloss__metric_call *m)
{
    const libloss__call *c = &m->call;
    const metric_adding *a = m->metric->adding;
    if (a->kind_of_case == CASE_LIST) return (extent){ 1, c->length, c->length, a->work ? a->work(c->length) : 0 };
    const int64_t rows = SMALL_ROOM / 2 / c->width, cases = rows < 1 ? 1 : rows > STRIP ? STRIP : rows;
    return (extent){ cases, cases * c->width, cases * targets_of_case(m), 0 };
}

static int64_t bytes_of(extent e)
{
    const int64_t doubles = e.predictions + e.targets + e.work;
    return doubles <= SMALL_ROOM ? 0 : (doubles * (int64_t)sizeof(double) + 63) / 64 * 64;
}

static int64_t sums_of(const libloss__metric_call *m) { return libloss__metric_parts(m->metric, m->size); }

/* Several threads where each can have sums and room of its own. */
static int64_t threads_of(const libloss__metric_call *m)
{
    const libloss__call *c = &m->call;
    const int64_t each = bytes_of(extent_of(m)),
                  width = m->metric->adding->kind_of_case == CASE_LIST ? c->input[0].count : c->count * c->width;
    if (sums_of(m) > FEW_SUMS) return 1;
    const int64_t threads = libloss__threads_for(c, width), fit = each ? MOST_ROOM / each : threads;
    return fit < 1 ? 1 : threads < fit ? threads : fit;
}

int64_t libloss__adding_bytes(const libloss__metric_call *m, int64_t threads)
{
    const int64_t most = threads_of(m), own = (threads < most ? threads : most) * bytes_of(extent_of(m));
    const int64_t history = m->metric->adding->know ? m->call.input[2].count * (int64_t)sizeof(double) : 0;
    return own > history ? own : history;
}

/* ---- adding ---- */

static void add_numbers(const metric_adding *a, libloss__group *group, const run *r, int64_t start, int64_t n, int weighted)
{
    libloss__sum *sum = group->sum;
    const double *w = weighted ? r->weight + start : NULL;
    double term[STRIP];
    group->present += n;
    if (w)
        libloss__sum_add_few(sum++, w, n);
    else
        libloss__sum_add_count(sum++, n);
    for (int k = 0; k < a->plain; k++) {
        const double *x = r->number[k] + start;
        for (int64_t i = 0; w && i < n; i++) term[i] = w[i] * x[i];
        libloss__sum_add_few(sum++, w ? term : x, n);
    }
    for (int k = 0; k < a->spreads; k++, sum += 2) libloss__add_moments(&sum[0], &sum[1], w, r->number[a->plain + k] + start, n);
}

/* The run with the numbers of each group together: sums like long runs, and do not mind the order. */
static void sort_by_group(const metric_adding *a, const run *from, int64_t groups, run *to, int64_t start[FEW_GROUPS + 1])
{
    int64_t place[FEW_GROUPS];
    memset(start, 0, (size_t)(groups + 1) * sizeof *start);
    for (int64_t i = 0; i < from->count; i++) start[from->group[i] + 1]++;
    for (int64_t g = 0; g < groups; g++) {
        start[g + 1] += start[g];
        place[g] = start[g];
    }
    for (int64_t i = 0; i < from->count; i++) {
        const int64_t at = place[from->group[i]]++;
        to->weight[at] = from->weight[i];
        for (int k = 0; k < a->plain + a->spreads; k++) to->number[k][at] = from->number[k][i];
    }
}

static void add_run(const libloss__metric_call *m, libloss__counts *counts, run *r, int weighted)
{
    const metric_adding *a = m->metric->adding;
    const int64_t sums = libloss__sums_per_group(m->metric);
    run sorted;
    int64_t start[FEW_GROUPS + 1];
    if (m->size == 1) {
        add_numbers(a, libloss__group_at(counts, sums, 0), r, 0, r->count, weighted);
    } else if (m->size <= FEW_GROUPS) {
        sort_by_group(a, r, m->size, &sorted, start);
        for (int64_t g = 0; g < m->size; g++)
            if (start[g] < start[g + 1])
                add_numbers(a, libloss__group_at(counts, sums, g), &sorted, start[g], start[g + 1] - start[g], weighted);
    } else {
        for (int64_t i = 0; i < r->count; i++) add_numbers(a, libloss__group_at(counts, sums, r->group[i]), r, i, 1, weighted);
    }
    counts->present += r->count;
    r->count = 0;
}

/* Adds the sums of some pieces to the call's. */
static void merge(add_job *job, const libloss__counts *counts)
{
    const libloss__sink nowhere = { NULL, 0 };
    pthread_mutex_lock(&job->lock);
    libloss__counts_merge(nowhere, job->m->metric, job->m->size, job->counts, counts); /* sums do not overflow */
    pthread_mutex_unlock(&job->lock);
}

/* ---- cases ---- */

/* One case: what `see` shows of it, checked; its numbers go to the run. */
static libloss_status take_case(const libloss__metric_call *m, int64_t i, int64_t first_prediction, int64_t first_target,
                                const metric_cases *see, double weight, run *r)
{
    double number[MAX_TERMS];
    const metric_adding *a = m->metric->adding;
    TRY(libloss__check_numbers(m, 0, first_prediction, see->count * see->width, see->prediction));
    TRY(libloss__check_numbers(m, 1, first_target, see->count, see->target));
    const int64_t group = a->give(see, number);
    if (group < 0) return LIBLOSS_OK;
    for (int k = 0; k < a->plain + a->spreads; k++) r->number[k][r->count] = number[k];
    r->weight[r->count] = weight;
    r->group[r->count++] = a->kind_of_case == CASE_OUTPUT ? i % m->size : group;
    return LIBLOSS_OK;
}

/* Cases start .. start + n - 1, but for lists, which come one by one. */
static libloss_status take_cases(const libloss__metric_call *m, int64_t start, int64_t n, metric_cases *see, double *prediction,
                                 double *target, run *r)
{
    const libloss__call *c = &m->call;
    const int weighted = libloss__given(&c->weight), scores = m->metric->adding->kind_of_case == CASE_SCORES;
    const int64_t targets = targets_of_case(m);
    int64_t label[STRIP];
    double w[STRIP];
    if (weighted) libloss__gather_weight(c, start, n, w);
    libloss__gather(&c->input[0], start * c->width, n * c->width, prediction, DTYPE_F64);
    if (scores)
        libloss__gather(&c->input[1], start, n, label, DTYPE_I64);
    else
        libloss__gather(&c->input[1], start * targets, n * targets, target, DTYPE_F64);
    for (int64_t i = 0; i < n; i++) {
        if (weighted && w[i] == 0) continue;
        if (scores) {
            TRY(libloss__check_label(m, start + i, label[i]));
            target[i] = (double)label[i];
        }
        double *p = prediction + i * c->width, *t = target + i * targets;
        if (m->labels) TRY(libloss__tell_labels(m, (start + i) * targets, targets, t, p));
        see->prediction = p;
        see->target = t;
        TRY(take_case(m, start + i, (start + i) * c->width, (start + i) * targets, see, weighted ? w[i] : 1, r));
    }
    return LIBLOSS_OK;
}

static libloss_status take_list(const libloss__metric_call *m, int64_t i, libloss__bounds *bounds, metric_cases *see, double *prediction,
                                double *target, run *r)
{
    const libloss__call *c = &m->call;
    double w = 1;
    if (libloss__given(&c->weight)) libloss__gather_weight(c, i, 1, &w);
    if (w == 0) return LIBLOSS_OK;
    libloss__bounds_of(c, i, bounds);
    libloss__gather(&c->input[0], bounds->start, bounds->length, prediction, DTYPE_F64);
    libloss__gather(&c->input[1], bounds->start, bounds->length, target, DTYPE_F64);
    see->count = bounds->length;
    see->prediction = prediction;
    see->target = target;
    return take_case(m, i, bounds->start, bounds->start, see, w, r);
}

enum { FEW_BYTES = sizeof(libloss__counts) + FEW_SUMS * (sizeof(libloss__sum) + sizeof(libloss__group)) };

static libloss_status add_range(const libloss__piece *piece, void *shared)
{
    add_job *job = shared;
    libloss__metric_call m = *job->m;
    m.call = *piece->c;
    const extent e = extent_of(&m);
    _Alignas(16) char few[FEW_BYTES];
    double small[SMALL_ROOM], *room = job->each ? (double *)(void *)(job->room + piece->slot * job->each) : small, param[MAX_PARAMETERS];
    libloss__counts *counts = sums_of(&m) <= FEW_SUMS ? (libloss__counts *)(void *)few : job->counts;
    if (counts != job->counts) memset(few, 0, sizeof few);
    const int weighted = libloss__given(&m.call.weight);
    libloss__bounds bounds = { 0 };
    const int64_t targets = targets_of_case(&m);
    metric_cases see = { .count = targets, .width = m.call.width / targets, .param = param, .known = job->known };
    see.work = room + e.predictions + e.targets;
    run r;
    r.count = 0;
    libloss__fill_parameters(m.call.object, param);
    for (int64_t start = piece->begin, n; start < piece->end; start += n) {
        n = piece->end - start < e.cases ? piece->end - start : e.cases;
        if (r.count + n > STRIP) add_run(&m, counts, &r, weighted);
        if (m.metric->adding->kind_of_case == CASE_LIST)
            TRY(take_list(&m, start, &bounds, &see, room, room + e.predictions, &r));
        else
            TRY(take_cases(&m, start, n, &see, room, room + e.predictions, &r));
    }
    add_run(&m, counts, &r, weighted);
    if (counts != job->counts) merge(job, counts);
    return LIBLOSS_OK;
}

libloss_status libloss__add_all(libloss__metric_call *m, libloss__counts *counts, void *room, int64_t bytes)
{
    libloss__call *c = &m->call;
    const metric_adding *a = m->metric->adding;
    const int64_t width = a->kind_of_case == CASE_LIST ? c->length : c->width;
    const int64_t threads = threads_of(m), each = bytes_of(extent_of(m));
    add_job job = { m, counts, room, each, 0, PTHREAD_MUTEX_INITIALIZER };
    TRY(libloss__check_weights(c));
    if (c->unit == UNIT_GROUP) TRY(libloss__survey_units(c));
    if (a->know) {
        double param[MAX_PARAMETERS];
        libloss__fill_parameters(c->object, param);
        libloss__gather(&c->input[2], 0, c->input[2].count, room, DTYPE_F64);
        job.known = a->know(room, c->input[2].count, param);
    }
    const libloss__split split = { .run = add_range,
                                   .job = &job,
                                   .count = c->count,
                                   .width = width > 0 ? width : 1,
                                   .unit = STRIP,
                                   .threads = each && bytes / each < threads ? bytes / each : threads };
    const libloss_status status = libloss__run_split(c, &split, NULL);
    pthread_mutex_destroy(&job.lock);
    counts->size = c->count;
    counts->rows = c->rows;
    return status;
}
