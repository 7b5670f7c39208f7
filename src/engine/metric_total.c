/*
 * Totals of metrics: counts that outlive the object, so they carry its parameters and the hash of its name.
 */
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "cells.h"
#include "metric.h"

int64_t libloss__metric_total_size(int64_t cells)
{
    return (int64_t)(sizeof(struct libloss_total) + sizeof(libloss__counts)) + cells * (int64_t)sizeof(libloss__cell);
}

static uint64_t name_hash(const char *name)
{
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a, 64 bits */
    for (; *name; name++) hash = (hash ^ (unsigned char)*name) * UINT64_C(1099511628211);
    return hash;
}

void libloss__metric_total_start(libloss_total *t, const libloss_object *o, int64_t classes, int64_t cells)
{
    t->metric = name_hash(o->name);
    t->classes = (uint64_t)classes;
    t->cells = (uint64_t)cells;
    libloss__metric_parameters(o, libloss__counts_of(t)->parameter);
}

libloss_status libloss__counts_merge(libloss__sink sink, libloss_total *into, const libloss__counts *from)
{
    libloss__counts *to = libloss__counts_of(into);
    for (uint64_t k = 0; k < into->cells; k++)
        if (cell_add(to->cell[k], from->cell[k]).high < 0)
            return libloss__fail(sink, LIBLOSS_ERR_OVERFLOW, "a total's sum of weights passes 2^63");
    libloss__add_count(&to->present, from->present);
    libloss__add_count(&to->size, from->size);
    libloss__add_count(&to->rows, from->rows);
    for (uint64_t k = 0; k < into->cells; k++) to->cell[k] = cell_add(to->cell[k], from->cell[k]);
    return LIBLOSS_OK;
}

static const libloss__row *row_of(uint64_t hash)
{
    for (int64_t i = 0; i < libloss__row_count; i++)
        if (libloss__rows[i].metric && name_hash(libloss__rows[i].loss->name) == hash) return &libloss__rows[i];
    return NULL;
}

int libloss__metric_can_read(uint64_t metric, const double parameter[MAX_PARAMETERS])
{
    const libloss__row *row = row_of(metric);
    if (!row) return 0;
    const loss_parameter *p = row->loss->info->param;
    for (int k = 0; k < MAX_PARAMETERS && p[k].name; k++)
        if (!libloss__parameter_fits(&p[k], parameter[k]) && !((p[k].flags & OPTIONAL) && parameter[k] == p[k].fallback)) return 0;
    return 1;
}

libloss_status libloss__metric_total_value(const libloss_total *t, double *values, int64_t count)
{
    const libloss__sink nowhere = { NULL, 0 };
    const libloss__counts *counts = libloss__counts_of(t);
    const libloss__row *row = row_of(t->metric);
    if (!row) return libloss__fail(nowhere, LIBLOSS_ERR_TOTAL, "libloss_total_value: a metric this version does not know");
    const int64_t cells = (int64_t)t->cells, classes = (int64_t)t->classes;
    double *rounded = malloc((size_t)(cells + classes * (classes < 4 ? 4 : classes) + 1) * sizeof(double));
    if (!rounded) return libloss__fail(nowhere, LIBLOSS_ERR_MEMORY, "libloss_total_value: out of memory");
    libloss__cell sum = { 0, 0 };
    for (int64_t k = 0; k < cells; k++) {
        rounded[k] = cell_round(counts->cell[k]);
        if (row->metric->counts == COUNTS_CONFUSION || k == 0) sum = cell_add(sum, counts->cell[k]);
    }
    const metric *metric = row->metric;
    int64_t n = 1;
    if (metric->gives == GIVES_MATRIX) n = classes * classes;
    if (metric->gives == GIVES_CLASS_COUNTS) n = classes * 4;
    for (int k = 0; metric->gives == GIVES_AVERAGE && metric->self.info->param[k].name; k++)
        if (strcmp(metric->self.info->param[k].name, "average") == 0 && counts->parameter[k] == 4) n = classes;
    libloss__read_metric(metric, classes, counts->parameter, rounded, rounded + cells);
    const double tail[4] = { cell_round(sum), (double)counts->present, (double)counts->size, (double)counts->rows };
    for (int64_t i = 0; i < count && i < n + 4; i++) values[i] = i < n ? rounded[cells + i] : tail[i - n];
    free(rounded);
    return LIBLOSS_OK;
}
