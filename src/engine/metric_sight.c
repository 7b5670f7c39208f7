/*
 * Metrics that have to see all cases at once, because they sort them. What is there is gathered as double, one behind the other.
 */
#include "metric.h"

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

/* One case, if it is there. */
static libloss_status take(const libloss__metric_call *m, int64_t i, seen *s)
{
    const libloss__call *c = &m->call;
    const int64_t width = c->width, at = s->count;
    double *prediction = s->prediction + at * width;
    if (s->weight) {
        libloss__gather_weight(c, i, 1, &s->weight[at]);
        if (s->weight[at] == 0) return LIBLOSS_OK;
    }
    if (m->metric->seeing->kind_of_case == CASE_SCORES) {
        int64_t label;
        libloss__gather(&c->input[1], i, 1, &label, DTYPE_I64);
        TRY(libloss__check_label(m, i, label));
        s->target[at] = (double)label;
    } else {
        libloss__gather(&c->input[1], i, 1, &s->target[at], DTYPE_F64);
        TRY(libloss__check_numbers(m, 1, i, 1, &s->target[at]));
    }
    libloss__gather(&c->input[0], i * width, width, prediction, DTYPE_F64);
    TRY(libloss__check_numbers(m, 0, i * width, width, prediction));
    s->count++;
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
        for (int64_t i = g; i < c->count; i += outputs) {
            TRY(take(m, i, &s));
            if (i / outputs % STRIP == 0) TRY(libloss__poll(c));
        }
        const metric_cases all = { s.count, c->width, s.prediction, s.target, s.weight, param, 0, work };
        how->see(&all, how->close ? &of_output[g] : values);
    }
    if (how->close) how->close(of_output, outputs, param, values);
    return LIBLOSS_OK;
}
