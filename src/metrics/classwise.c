/*
 * One class against the rest, out of a confusion matrix or out of counts by label; averages as scikit-learn defines them.
 */
#include "classwise.h"

enum { AVERAGE_BINARY, AVERAGE_MICRO, AVERAGE_MACRO, AVERAGE_WEIGHTED, AVERAGE_SAMPLES, AVERAGE_NONE };

static twofold add(twofold s, double x)
{
    const double hi = s.hi + x, part = hi - s.hi; /* Knuth's exact sum */
    const double lo = ((s.hi - (hi - part)) + (x - part)) + s.lo;
    return (twofold){ hi + lo, lo - ((hi + lo) - hi) };
}

static int by_label(const metric_state *state) { return state->param[CLASSWISE_MULTILABEL] != 0; }

twofold libloss__all_counts(const metric_state *state)
{
    twofold all = { 0, 0 };
    if (by_label(state)) return all;
    for (int64_t i = 0; i < state->classes * state->classes; i++) all = add(all, state->count[i]);
    return all;
}

class_counts libloss__class_counts(const metric_state *state, twofold all, int64_t k)
{
    const int64_t n = state->classes;
    const double *count = state->count, *own = count + k * OUTCOMES;
    if (by_label(state)) return (class_counts){ own[TRUE_POSITIVE], own[FALSE_POSITIVE], own[TRUE_NEGATIVE], own[FALSE_NEGATIVE] };
    class_counts c = { .tp = count[k * n + k] };
    twofold rest = add(all, -c.tp);
    for (int64_t i = 0; i < n; i++) {
        if (i == k) continue;
        c.fn += count[k * n + i];
        c.fp += count[i * n + k];
        rest = add(add(rest, -count[k * n + i]), -count[i * n + k]);
    }
    c.tn = rest.hi > 0 ? rest.hi : 0;
    return c;
}

static double divide(ratio r, const double *param)
{
    const double zero_division[] = { 0, 1, __builtin_nan("") };
    return r.whole == 0 ? zero_division[(int)param[CLASSWISE_ZERO_DIVISION]] : r.part / r.whole;
}

void libloss__read_classwise(const metric_state *state, class_ratio *of, double *values)
{
    const int average = (int)state->param[CLASSWISE_AVERAGE];
    const twofold total = libloss__all_counts(state);
    if (average == AVERAGE_BINARY) {
        values[0] = divide(of(libloss__class_counts(state, total, 1), state->param), state->param);
        return;
    }
    double sum = 0, weights = 0, plain = 0, numbers = 0;
    class_counts all = { 0, 0, 0, 0 };
    for (int64_t k = 0; k < state->classes; k++) {
        class_counts c = libloss__class_counts(state, total, k);
        double x = divide(of(c, state->param), state->param);
        if (average == AVERAGE_NONE) values[k] = x;
        all = (class_counts){ all.tp + c.tp, all.fp + c.fp, all.tn + c.tn, all.fn + c.fn };
        const double support = c.tp + c.fn;
        if (x != x || !(support + c.fp > 0 || by_label(state))) continue;
        sum += support * x;
        weights += support;
        plain += x;
        numbers++;
    }
    const int weighted = average == AVERAGE_WEIGHTED && weights > 0; /* without a target all classes weigh the same */
    if (average == AVERAGE_MICRO)
        values[0] = divide(of(all, state->param), state->param);
    else if (average != AVERAGE_NONE)
        values[0] = divide(weighted ? (ratio){ sum, weights } : (ratio){ plain, numbers }, state->param);
}

void libloss__ratios_of_rows(const metric_cases *c, class_ratio *of, double *number, int64_t *group)
{
    for (int64_t i = 0; i < c->count; i++) {
        class_counts n = { 0, 0, 0, 0 };
        for (int64_t k = i * c->width; k < (i + 1) * c->width; k++) {
            const double p = c->prediction[k], t = c->target[k];
            n = (class_counts){ n.tp + p * t, n.fp + p * (1 - t), n.tn + (1 - p) * (1 - t), n.fn + (1 - p) * t };
        }
        number[i] = divide(of(n, c->param), c->param);
        if (number[i] != number[i]) group[i] = -1;
    }
}

void libloss__read_samples(const metric_sums *s, double *values)
{
    values[0] = divide((ratio){ s->group[0].sum[0], s->group[0].weight }, s->param);
}
