/*
 * Metrics that add up what each case gives, exactly. Runs of cases are gathered as double; what is absent is passed over; the rest
 * gives its numbers, which are weighed and added to the sums of its group.
 */
#include "metric.h"

#include <pthread.h>
#include <string.h>

#include "split.h"
#include "spread.h"
#include "tiles.h"
#include "units.h"

enum { SMALL_ROOM = 2048 /* doubles */, FEW_SUMS = 24, FEW_GROUPS = 32, MOST_ROOM = 1 << 26 /* bytes */ };

typedef struct {
    const libloss__metric_call *m;
    libloss__counts *counts; /* the call's */
    metric_give *give;
    char *room;
    int64_t each; /* bytes of room for a thread; 0: the stack has it */
    double known;
    pthread_mutex_t lock; /* of the counts, where several threads add */
} add_job;

/* A run of numbers on their way into the sums. */
typedef struct {
    double number[MOST_NUMBERS][LONGEST_RUN], weight[LONGEST_RUN];
    int64_t group[LONGEST_RUN], count;
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
    const int64_t rows = SMALL_ROOM / 2 / c->width, cases = rows < 1 ? 1 : rows > LONGEST_RUN ? LONGEST_RUN : rows;
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

/* One of the numbers of n cases of a group; of the first ones the weights too. */
static void add_numbers(const metric_adding *a, libloss__group *group, int k, const double *x, const double *w, int64_t n)
{
    double term[LONGEST_RUN];
    libloss__sum *sum = group->sum;
    if (k == 0) {
        group->present += n;
        if (w)
            libloss__sum_add_few(sum, w, n);
        else
            libloss__sum_add_count(sum, n);
    }
    if (k >= a->plain) {
        sum += 1 + a->plain + 2 * (k - a->plain);
        libloss__add_moments(&sum[0], &sum[1], w, x, n);
        return;
    }
    if (w) libloss__tiles_now()->terms_f64(term, x, w, n);
    libloss__sum_add_few(&sum[1 + k], w ? term : x, n);
}

/* Where each case goes if those of a group stand together, which sums like long runs, and do not mind the order. */
static void sort_by_group(const run *r, int64_t groups, int64_t place[LONGEST_RUN], int64_t start[FEW_GROUPS + 1])
{
    int64_t next[FEW_GROUPS];
    memset(start, 0, (size_t)(groups + 1) * sizeof *start);
    for (int64_t i = 0; i < r->count; i++) start[r->group[i] + 1]++;
    for (int64_t g = 0; g < groups; g++) {
        start[g + 1] += start[g];
        next[g] = start[g];
    }
    for (int64_t i = 0; i < r->count; i++) place[i] = next[r->group[i]]++;
}

static void put(const double *x, const int64_t *place, int64_t n, double *to)
{
    for (int64_t i = 0; i < n; i++) to[place[i]] = x[i];
}

static void add_few_groups(const libloss__metric_call *m, libloss__counts *counts, const run *r, int weighted)
{
    const metric_adding *a = m->metric->adding;
    const int64_t sums = libloss__sums_per_group(m->metric);
    int64_t place[LONGEST_RUN], start[FEW_GROUPS + 1];
    double weight[LONGEST_RUN], number[LONGEST_RUN];
    sort_by_group(r, m->size, place, start);
    if (weighted) put(r->weight, place, r->count, weight);
    for (int k = 0; k < a->plain + a->spreads; k++) {
        put(r->number[k], place, r->count, number);
        for (int64_t g = 0; g < m->size; g++) {
            const int64_t from = start[g], n = start[g + 1] - from;
            if (n) add_numbers(a, libloss__group_at(counts, sums, g), k, number + from, weighted ? weight + from : NULL, n);
        }
    }
}

static void add_run(const libloss__metric_call *m, libloss__counts *counts, run *r, int weighted)
{
    const metric_adding *a = m->metric->adding;
    const int64_t sums = libloss__sums_per_group(m->metric);
    if (m->size > 1 && m->size <= FEW_GROUPS) add_few_groups(m, counts, r, weighted);
    for (int k = 0; k < a->plain + a->spreads; k++) {
        if (m->size == 1) add_numbers(a, libloss__group_at(counts, sums, 0), k, r->number[k], weighted ? r->weight : NULL, r->count);
        for (int64_t i = 0; i < r->count && m->size > FEW_GROUPS; i++)
            add_numbers(a, libloss__group_at(counts, sums, r->group[i]), k, &r->number[k][i], weighted ? &r->weight[i] : NULL, 1);
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

/* Some cases: what is to be seen of them, and memory for what does not lie there as double already. */
typedef struct {
    metric_cases see;
    double *prediction, *target;
    metric_give *give;
} cases;

/* Closes up what is there of n cases. */
static int64_t drop_absent(int64_t n, int64_t targets, cases *s, run *r)
{
    const int64_t width = s->see.width;
    int64_t there = 0;
    for (int64_t i = 0; i < n; i++) there += r->weight[i] != 0;
    if (there == n) return n;
    int64_t to = 0;
    for (int64_t i = 0; i < n; i++) {
        if (r->weight[i] == 0) continue;
        memmove(s->prediction + to * width, s->see.prediction + i * width, (size_t)width * sizeof(double));
        memmove(s->target + to * targets, s->see.target + i * targets, (size_t)targets * sizeof(double));
        r->weight[to] = r->weight[i];
        r->group[to++] = r->group[i];
    }
    s->see.prediction = s->prediction;
    s->see.target = s->target;
    return there;
}

/* Closes up what counts of the numbers given. */
static void drop_uncounted(run *r, int numbers, int weighted)
{
    int64_t to = 0;
    for (int64_t i = 0; i < r->count; i++) {
        if (r->group[i] < 0) continue;
        for (int k = 0; k < numbers; k++) r->number[k][to] = r->number[k][i];
        if (weighted) r->weight[to] = r->weight[i];
        r->group[to++] = r->group[i];
    }
    r->count = to;
}

/* Gathers and checks rows of labels, whose predictions become 0 and 1. */
static libloss_status take_labels(const libloss__metric_call *m, int64_t start, int64_t n, const double *weight, cases *s)
{
    const int64_t labels = m->labels;
    libloss__gather(&m->call.input[0], start * labels, n * labels, s->prediction, DTYPE_F64);
    libloss__gather(&m->call.input[1], start * labels, n * labels, s->target, DTYPE_F64);
    s->see.prediction = s->prediction;
    s->see.target = s->target;
    for (int64_t i = 0; i < n; i++)
        if (!weight || weight[i] != 0)
            TRY(libloss__tell_labels(m, (start + i) * labels, labels, s->target + i * labels, s->prediction + i * labels));
    return LIBLOSS_OK;
}

/* The same of numbers, which are read where they lie if they can be. */
static libloss_status take_numbers(const libloss__metric_call *m, int64_t start, int64_t n, const double *weight, cases *s)
{
    const libloss__call *c = &m->call;
    const int scores = m->metric->adding->kind_of_case == CASE_SCORES;
    int64_t label[LONGEST_RUN];
    s->see.prediction = libloss__numbers_at(&c->input[0], start * c->width, n * c->width, s->prediction, DTYPE_F64);
    if (scores) {
        libloss__gather(&c->input[1], start, n, label, DTYPE_I64);
        for (int64_t i = 0; i < n; i++) s->target[i] = (double)label[i];
        s->see.target = s->target;
    } else {
        s->see.target = libloss__numbers_at(&c->input[1], start, n, s->target, DTYPE_F64);
    }
    return libloss__check_cases(m, start, n, s->see.prediction, scores ? NULL : s->see.target, label, weight);
}

/* Cases start .. start + n - 1, but for lists, which come one by one. */
static libloss_status take_cases(const libloss__metric_call *m, int64_t start, int64_t n, cases *s, run *r)
{
    const int weighted = libloss__given(&m->call.weight), kind = m->metric->adding->kind_of_case;
    if (weighted) libloss__gather_weight(&m->call, start, n, r->weight);
    TRY((kind == CASE_LABELS ? take_labels : take_numbers)(m, start, n, weighted ? r->weight : NULL, s));
    memset(r->group, 0, (size_t)n * sizeof *r->group);
    for (int64_t i = 0; kind == CASE_OUTPUT && m->size > 1 && i < n; i++) r->group[i] = (start + i) % m->size;
    r->count = s->see.count = weighted ? drop_absent(n, targets_of_case(m), s, r) : n;
    double *const number[MOST_NUMBERS] = { r->number[0], r->number[1] };
    s->give(&s->see, number, r->group);
    if (kind == CASE_LABELS) drop_uncounted(r, m->metric->adding->plain, weighted);
    return LIBLOSS_OK;
}

static libloss_status take_list(const libloss__metric_call *m, int64_t i, libloss__bounds *bounds, cases *s, run *r)
{
    const libloss__call *c = &m->call;
    double w = 1;
    if (libloss__given(&c->weight)) libloss__gather_weight(c, i, 1, &w);
    if (w == 0) return LIBLOSS_OK;
    libloss__bounds_of(c, i, bounds);
    s->see.count = bounds->length;
    s->see.prediction = libloss__numbers_at(&c->input[0], bounds->start, bounds->length, s->prediction, DTYPE_F64);
    s->see.target = libloss__numbers_at(&c->input[1], bounds->start, bounds->length, s->target, DTYPE_F64);
    TRY(libloss__check_numbers(m, 0, bounds->start, bounds->length, s->see.prediction));
    TRY(libloss__check_numbers(m, 1, bounds->start, bounds->length, s->see.target));
    double *const number[MOST_NUMBERS] = { &r->number[0][r->count], &r->number[1][r->count] };
    r->weight[r->count] = w;
    r->group[r->count] = 0;
    s->give(&s->see, number, &r->group[r->count]);
    r->count += r->group[r->count] >= 0;
    return LIBLOSS_OK;
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
    const int weighted = libloss__given(&m.call.weight), lists = m.metric->adding->kind_of_case == CASE_LIST;
    libloss__bounds bounds = { 0 };
    cases s = { .see = { .width = m.call.width, .param = param, .known = job->known, .work = room + e.predictions + e.targets },
                .prediction = room,
                .target = room + e.predictions,
                .give = job->give };
    run r;
    r.count = 0;
    libloss__fill_parameters(m.call.object, param);
    for (int64_t start = piece->begin, n; start < piece->end; start += n) {
        n = piece->end - start < e.cases ? piece->end - start : e.cases;
        if (lists)
            TRY(take_list(&m, start, &bounds, &s, &r));
        else
            TRY(take_cases(&m, start, n, &s, &r));
        if (!lists || r.count == LONGEST_RUN) add_run(&m, counts, &r, weighted);
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
    const metric_kernels *kernels = c->object->row->kernels[libloss__isa()][1];
    add_job job = { m, counts, kernels ? kernels->give : a->give, room, each, 0, PTHREAD_MUTEX_INITIALIZER };
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
                                   .unit = LONGEST_RUN,
                                   .threads = each && bytes / each < threads ? bytes / each : threads };
    const libloss_status status = libloss__run_split(c, &split, NULL);
    pthread_mutex_destroy(&job.lock);
    counts->size = c->count;
    counts->rows = c->rows;
    return status;
}
