/*
 * Metrics that have to see all cases at once, because they sort them. What is there is gathered as double, one behind the other.
 */
#include "metric.h"

#include <string.h>

#include "split.h"
#include "tiles.h"

enum { STRIP = 512 };

static int64_t work_of(const libloss__metric_call *m, int64_t cases)
{
    const metric_seeing *s = m->metric->seeing;
    return s->work ? s->work(cases, m->call.width) : 0;
}

/* Cases that are looked at together: all, or those of one output. */
static int64_t most_cases(const libloss__metric_call *m)
{
    return m->metric->seeing->kind_of_case == CASE_OUTPUT ? m->size > 0 ? m->call.count / m->size : 0 : m->call.count;
}

int64_t libloss__seeing_bytes(const libloss__metric_call *m)
{
    const int64_t n = most_cases(m), outputs = m->metric->seeing->close ? m->size : 0;
    return (n * m->call.width + (libloss__given(&m->call.weight) ? 2 * n : n) + work_of(m, n) + outputs) * (int64_t)sizeof(double);
}

/* Room for what is gathered, and where what needs no gathering lies: all cases are there, and of one output. */
typedef struct {
    double *prediction, *target, *weight; /* weight NULL: there are none */
    const double *predictions, *targets, *weights; /* NULL: gathered */
    int64_t count;
} seen;

static const double *lies(const libloss__view *v)
{
    return libloss__is_direct(v, DTYPE_F64) ? (const double *)(const void *)v->data : NULL;
}

static void find_in_place(const libloss__metric_call *m, seen *s)
{
    const libloss__call *c = &m->call;
    int64_t present = 0;
    if (libloss__given(&c->weight)) {
        if (c->weight_repeat == 1 && c->weight.count == c->count) s->weights = lies(&c->weight);
        if (s->weights) libloss__tiles_now()->not_weights_f64(s->weights, c->count, &present);
        if (present < c->count) s->weights = NULL;
        if (!s->weights) return;
    }
    s->predictions = lies(&c->input[0]);
    if (m->metric->seeing->kind_of_case != CASE_SCORES) s->targets = lies(&c->input[1]);
}

/* Closes up what is there of n cases behind those that are there already. */
static void drop_absent(int64_t n, int64_t width, seen *s)
{
    for (int64_t i = s->count, end = s->count + n; i < end; i++) {
        const int64_t to = s->count;
        if (s->weight[i] == 0) continue;
        s->count++;
        if (to == i) continue;
        s->weight[to] = s->weight[i];
        s->target[to] = s->target[i];
        memmove(&s->prediction[to * width], &s->prediction[i * width], (size_t)width * sizeof(double));
    }
}

/* Cases start .. start + n - 1 behind those that are there already. Those of one of several outputs come one at a time. */
static libloss_status take(const libloss__metric_call *m, int64_t start, int64_t n, seen *s)
{
    const libloss__call *c = &m->call;
    const int64_t width = c->width, at = s->count;
    const int scores = m->metric->seeing->kind_of_case == CASE_SCORES;
    const double *prediction = s->predictions ? s->predictions + at * width : s->prediction + at * width;
    const double *target = s->targets ? s->targets + at : s->target + at;
    int64_t label[STRIP];
    if (s->weight && !s->weights) libloss__gather_weight(c, start, n, s->weight + at);
    if (!s->predictions) libloss__gather(&c->input[0], start * width, n * width, s->prediction + at * width, DTYPE_F64);
    if (scores) libloss__gather(&c->input[1], start, n, label, DTYPE_I64);
    for (int64_t i = 0; scores && i < n; i++) s->target[at + i] = (double)label[i];
    if (!scores && !s->targets) libloss__gather(&c->input[1], start, n, s->target + at, DTYPE_F64);
    TRY(libloss__check_cases(m, start, n, prediction, scores ? NULL : target, label, s->weight && !s->weights ? s->weight + at : NULL));
    if (s->weight && !s->weights)
        drop_absent(n, width, s);
    else
        s->count += n;
    return LIBLOSS_OK;
}

libloss_status libloss__see_all(libloss__metric_call *m, void *room, double *values)
{
    libloss__call *c = &m->call;
    const metric_seeing *how = m->metric->seeing;
    const int64_t most = most_cases(m), outputs = how->kind_of_case == CASE_OUTPUT ? m->size : 1;
    double param[MAX_PARAMETERS], *next = room;
    seen s = { .prediction = next };
    next += most * c->width;
    s.target = next;
    next += most;
    if (libloss__given(&c->weight)) {
        s.weight = next;
        next += most;
    }
    double *work = next, *of_output = work + work_of(m, most);
    libloss__fill_parameters(c->object, param);
    TRY(libloss__check_weights(c));
    if (outputs == 1) find_in_place(m, &s);
    for (int64_t g = 0; g < outputs; g++) {
        s.count = 0;
        for (int64_t i = g; i < c->count; i += outputs == 1 ? STRIP : outputs) {
            TRY(take(m, i, outputs > 1 ? 1 : c->count - i < STRIP ? c->count - i : STRIP, &s));
            if (outputs == 1 || i / outputs % STRIP == 0) TRY(libloss__poll(c));
        }
        const metric_cases all = { .count = s.count,
                                   .width = c->width,
                                   .prediction = s.predictions ? s.predictions : s.prediction,
                                   .target = s.targets ? s.targets : s.target,
                                   .weight = s.weights ? s.weights : s.weight,
                                   .param = param,
                                   .work = work };
        how->see(&all, how->close ? &of_output[g] : values);
    }
    if (how->close) how->close(of_output, outputs, param, values);
    return LIBLOSS_OK;
}
