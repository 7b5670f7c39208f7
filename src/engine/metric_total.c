/*
 * Totals of metrics: counts that outlive the object, with what it takes to read them.
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

void libloss__metric_total_start(libloss_total *t, int64_t classes, int64_t cells)
{
    t->classes = (uint64_t)classes;
    t->cells = (uint64_t)cells;
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

libloss_status libloss__metric_total_value(const libloss_total *t, double *values, int64_t count)
{
    const libloss__sink nowhere = { NULL, 0 };
    const libloss__counts *counts = libloss__counts_of(t);
    const libloss__row *row = libloss__owner_of(t->owner);
    if (!row || !row->metric) return libloss__fail(nowhere, LIBLOSS_ERR_TOTAL, "libloss_total_value: a metric this version does not know");
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
        if (strcmp(metric->self.info->param[k].name, "average") == 0 && t->parameter[k] == 4) n = classes;
    libloss__read_metric(metric, classes, t->parameter, rounded, rounded + cells);
    const double tail[4] = { cell_round(sum), (double)counts->present, (double)counts->size, (double)counts->rows };
    for (int64_t i = 0; i < count && i < n + 4; i++) values[i] = i < n ? rounded[cells + i] : tail[i - n];
    free(rounded);
    return LIBLOSS_OK;
}
