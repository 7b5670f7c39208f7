/*
 * What cases have left behind: how large it is, adding, reading; and totals of metrics, which hold it with what it takes to read it.
 */
#include <stdlib.h>
#include <string.h>

#include "cells.h"
#include "metric.h"
#include "spread.h"

/* ---- which metric ---- */

int libloss__metric_says(const metric *metric, const double *param, const char *name, const char *word)
{
    const loss_parameter *p = metric->self.info->param;
    const size_t length = strlen(word);
    int k = 0, number = 0;
    while (k < MAX_PARAMETERS && p[k].name && strcmp(p[k].name, name) != 0) k++;
    if (k == MAX_PARAMETERS || !p[k].name) return 0;
    for (const char *c = p[k].choices; *c; number++) {
        const size_t n = strcspn(c, " ");
        if (param[k] == (double)number) return n == length && memcmp(c, word, n) == 0;
        c += n + (c[n] == ' ');
    }
    return 0;
}

const metric *libloss__metric_with(const metric *metric, const double *param)
{
    if (!libloss__metric_says(metric, param, "multilabel", "true")) return metric;
    if (metric->samples && libloss__metric_says(metric, param, "average", "samples")) return metric->samples;
    return metric->labels ? metric->labels : metric;
}

const metric *libloss__metric_of(const libloss_object *o)
{
    double param[MAX_PARAMETERS];
    libloss__fill_parameters(o, param);
    return libloss__metric_with(o->row->metric, param);
}

/* ---- sizes ---- */

int64_t libloss__sums_per_group(const metric *metric) { return 1 + metric->adding->plain + 2 * metric->adding->spreads; }

int64_t libloss__metric_parts(const metric *metric, int64_t size)
{
    switch (metric->kind) {
    case COUNTS_HITS: return 2;
    case COUNTS_CONFUSION: return size * size;
    case COUNTS_LABELS: return size * OUTCOMES;
    case ADDS: return size * libloss__sums_per_group(metric);
    default: return 0;
    }
}

int64_t libloss__metric_bytes(const metric *metric, int64_t size)
{
    const int64_t parts = libloss__metric_parts(metric, size);
    return (int64_t)sizeof(libloss__counts) + (metric->kind == ADDS
                                                   ? size * (int64_t)sizeof(libloss__group) + parts * (int64_t)sizeof(libloss__sum)
                                                   : parts * (int64_t)sizeof(libloss__cell));
}

int64_t libloss__rounded_bytes(const metric *metric, int64_t size)
{
    return metric->kind == ADDS ? size * (int64_t)sizeof(metric_group) : libloss__metric_parts(metric, size) * (int64_t)sizeof(double);
}

int32_t libloss__metric_shape(const metric *metric, int64_t size, const double *param, int64_t shape[2])
{
    shape[0] = size;
    shape[1] = metric->gives == GIVES_MATRIX ? size : OUTCOMES;
    switch (metric->gives) {
    case GIVES_AVERAGE: return libloss__metric_says(metric, param, "average", "none");
    case GIVES_NUMBER: return 0;
    default: return 2;
    }
}

int64_t libloss__metric_numbers(const metric *metric, int64_t size, const double *param)
{
    int64_t shape[2], n = 1;
    const int32_t ndim = libloss__metric_shape(metric, size, param, shape);
    for (int32_t k = 0; k < ndim; k++) n *= shape[k];
    return n;
}

/* ---- adding ---- */

static void merge_groups(const metric *metric, int64_t size, libloss__counts *to, const libloss__counts *from)
{
    const int64_t sums = libloss__sums_per_group(metric);
    for (int64_t g = 0; g < size; g++) {
        libloss__group *a = libloss__group_at(to, sums, g);
        const libloss__group *b = libloss__group_at(from, sums, g);
        libloss__add_count(&a->present, b->present);
        for (int64_t k = 0; k < sums; k++) {
            const libloss__sum copy = b->sum[k]; /* a total may be merged with itself */
            libloss__sum_merge(&a->sum[k], &copy);
        }
    }
}

libloss_status libloss__counts_merge(libloss__sink sink, const metric *metric, int64_t size, libloss__counts *to,
                                     const libloss__counts *from)
{
    const int64_t cells = metric->kind == ADDS ? 0 : libloss__metric_parts(metric, size);
    for (int64_t k = 0; k < cells; k++)
        if (cell_add(to->cell[k], from->cell[k]).high < 0)
            return libloss__fail(sink, LIBLOSS_ERR_OVERFLOW, "a total's sum of weights passes 2^63");
    libloss__add_count(&to->present, from->present);
    libloss__add_count(&to->size, from->size);
    libloss__add_count(&to->rows, from->rows);
    for (int64_t k = 0; k < cells; k++) to->cell[k] = cell_add(to->cell[k], from->cell[k]);
    if (metric->kind == ADDS) merge_groups(metric, size, to, from);
    return LIBLOSS_OK;
}

/* ---- reading ---- */

static void read_groups(const metric *metric, int64_t size, const double *param, const libloss__counts *counts, metric_group *group,
                        double *values)
{
    const metric_adding *a = metric->adding;
    for (int64_t g = 0; g < size; g++) {
        const libloss__group *from = libloss__group_at(counts, libloss__sums_per_group(metric), g);
        const libloss__sum *sum = &from->sum[1], *weights = &from->sum[0];
        group[g] = (metric_group){ .present = (double)from->present, .weight = libloss__sum_round(weights) };
        for (int k = 0; k < a->plain; k++) group[g].sum[k] = libloss__sum_round(sum++);
        for (int k = 0; k < a->spreads; k++, sum += 2) group[g].sum[a->plain + k] = libloss__spread(weights, &sum[0], &sum[1]);
    }
    const metric_sums sums = { group, size, param };
    a->read(&sums, values);
}

void libloss__read_metric(const metric *metric, int64_t size, const double *param, const libloss__counts *counts, void *rounded,
                          double *values)
{
    if (metric->kind == ADDS) {
        read_groups(metric, size, param, counts, rounded, values);
        return;
    }
    double *count = rounded;
    for (int64_t k = 0; k < libloss__metric_parts(metric, size); k++) count[k] = cell_round(counts->cell[k]);
    const metric_state state = { count, size, param };
    metric->read(&state, values);
}

static double sum_of_weights(const metric *metric, int64_t size, const libloss__counts *counts)
{
    if (metric->kind == ADDS) {
        libloss__sum sum = { .nan = 0 };
        for (int64_t g = 0; g < size; g++) libloss__sum_merge(&sum, &libloss__group_at(counts, libloss__sums_per_group(metric), g)->sum[0]);
        return libloss__sum_round(&sum);
    }
    libloss__cell sum = { 0, 0 };
    const int64_t all = metric->kind == COUNTS_HITS ? 1 : metric->kind == COUNTS_LABELS ? OUTCOMES : libloss__metric_parts(metric, size);
    for (int64_t k = 0; k < all; k++) sum = cell_add(sum, counts->cell[k]); /* every case is among those of one label */
    return cell_round(sum);
}

/* ---- totals ---- */

int64_t libloss__metric_total_size(const libloss_object *o, int64_t size)
{
    return (int64_t)sizeof(struct libloss_total) + libloss__metric_bytes(libloss__metric_of(o), size);
}

void libloss__metric_total_start(libloss_total *t, const libloss_object *o, int64_t size)
{
    t->classes = (uint64_t)size;
    t->cells = (uint64_t)libloss__metric_parts(libloss__metric_of(o), size);
}

/* What a total was started for; NULL: nothing that this version knows. */
static const metric *metric_of_total(uint64_t owner, const double *param)
{
    const libloss__row *row = libloss__owner_of(owner);
    return row && row->metric ? libloss__metric_with(row->metric, param) : NULL;
}

int64_t libloss__metric_total_length(uint64_t owner, const double *param, int64_t size, int64_t parts)
{
    const metric *metric = metric_of_total(owner, param);
    if (!metric || metric->kind == SEES_ALL) return 0;
    const metric_adding *adding = metric->adding;
    int64_t least = 0, most = 0;
    if (metric->kind == COUNTS_CONFUSION || metric->kind == COUNTS_LABELS) {
        least = 2;
        most = MOST_CLASSES;
    } else if (adding && adding->kind_of_case == CASE_OUTPUT) {
        most = MOST_GROUPS;
    } else if (adding) { /* as many as it reads */
        least = most = adding->groups ? adding->groups(param) : 1;
    }
    if (size < least || size > most || parts != libloss__metric_parts(metric, size)) return 0;
    return (int64_t)sizeof(struct libloss_total) + libloss__metric_bytes(metric, size);
}

libloss_status libloss__metric_total_merge(libloss_total *into, const libloss_total *from)
{
    const libloss__sink nowhere = { NULL, 0 };
    const metric *metric = metric_of_total(into->owner, into->parameter);
    if (!metric) return libloss__fail(nowhere, LIBLOSS_ERR_TOTAL, "libloss_total_merge: a metric this version does not know");
    return libloss__counts_merge(nowhere, metric, (int64_t)into->classes, libloss__counts_of(into), libloss__counts_of(from));
}

libloss_status libloss__metric_total_value(const libloss_total *t, double *values, int64_t count)
{
    const libloss__sink nowhere = { NULL, 0 };
    const libloss__counts *counts = libloss__counts_of(t);
    const metric *metric = metric_of_total(t->owner, t->parameter);
    if (!metric) return libloss__fail(nowhere, LIBLOSS_ERR_TOTAL, "libloss_total_value: a metric this version does not know");
    const int64_t size = (int64_t)t->classes, n = libloss__metric_numbers(metric, size, t->parameter);
    const int64_t rounded = libloss__rounded_bytes(metric, size);
    char *memory = malloc((size_t)rounded + (size_t)(n > 0 ? n : 1) * sizeof(double));
    if (!memory) return libloss__fail(nowhere, LIBLOSS_ERR_MEMORY, "libloss_total_value: out of memory");
    double *numbers = (double *)(void *)(memory + rounded);
    libloss__read_metric(metric, size, t->parameter, counts, memory, numbers);
    const double tail[4] = { sum_of_weights(metric, size, counts), (double)counts->present, (double)counts->size, (double)counts->rows };
    for (int64_t i = 0; i < count && i < n + 4; i++) values[i] = i < n ? numbers[i] : tail[i - n];
    free(memory);
    return LIBLOSS_OK;
}
