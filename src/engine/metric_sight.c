/*
 * Metrics that have to see all cases at once, because they sort them. What is there is gathered as double, one behind the other.
 */
#include "metric.h"

#include <string.h>

#include "split.h"

enum { STRIP = 256 };

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

typedef struct {
    double *prediction, *target, *weight; /* weight NULL: there are none */
    int64_t count;
} seen;

/* Cases start .. start + n - 1 behind those that are there already; what is absent is closed up. Those of one of several outputs come
 * one at a time. */
static libloss_status take(const libloss__metric_call *m, int64_t start, int64_t n, seen *s)
{
    const libloss__call *c = &m->call;
    const int64_t width = c->width, at = s->count;
    const int scores = m->metric->seeing->kind_of_case == CASE_SCORES;
    int64_t label[STRIP];
    if (s->weight) libloss__gather_weight(c, start, n, s->weight + at);
    libloss__gather(&c->input[0], start * width, n * width, s->prediction + at * width, DTYPE_F64);
    if (scores)
        libloss__gather(&c->input[1], start, n, label, DTYPE_I64);
    else
        libloss__gather(&c->input[1], start, n, s->target + at, DTYPE_F64);
    for (int64_t i = 0; i < n; i++) {
        const int64_t to = s->count, from = at + i;
        if (s->weight && s->weight[from] == 0) continue;
        if (scores) {
            TRY(libloss__check_label(m, start + i, label[i]));
            s->target[from] = (double)label[i];
        }
        TRY(libloss__check_numbers(m, 1, start + i, 1, &s->target[from]));
        TRY(libloss__check_numbers(m, 0, (start + i) * width, width, &s->prediction[from * width]));
        if (to != from) {
            if (s->weight) s->weight[to] = s->weight[from];
            s->target[to] = s->target[from];
            memmove(&s->prediction[to * width], &s->prediction[from * width], (size_t)width * sizeof(double));
        }
        s->count++;
    }
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
    for (int64_t g = 0; g < outputs; g++) {
        s.count = 0;
        for (int64_t i = g; i < c->count; i += outputs == 1 ? STRIP : outputs) {
            TRY(take(m, i, outputs > 1 ? 1 : c->count - i < STRIP ? c->count - i : STRIP, &s));
            if (outputs == 1 || i / outputs % STRIP == 0) TRY(libloss__poll(c));
        }
        const metric_cases all = { s.count, c->width, s.prediction, s.target, s.weight, param, 0, work };
        how->see(&all, how->close ? &of_output[g] : values);
    }
    if (how->close) how->close(of_output, outputs, param, values);
    return LIBLOSS_OK;
}
