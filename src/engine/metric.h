/*
 * Metrics: counting cases into cells, reading numbers from cells.
 */
#ifndef LIBLOSS_ENGINE_METRIC_H
#define LIBLOSS_ENGINE_METRIC_H

#include "message.h"
#include "total.h"

extern const libloss_vtable libloss__metric_vtable;

libloss_status libloss__eval_metric(const libloss_object *o, const libloss_args *args);

/* The numbers that a metric makes of rounded cells. */
void libloss__read_metric(const metric *metric, int64_t classes, const double *param, const double *count, double *values);

/* The number of classes and cells of a total; args NULL: as the parameters alone tell. */
libloss_status libloss__metric_cells(const libloss_object *o, const libloss_args *args, int64_t *classes, int64_t *cells);
int64_t libloss__metric_total_size(int64_t cells);
void libloss__metric_total_start(libloss_total *t, int64_t classes, int64_t cells);

/* LIBLOSS_ERR_OVERFLOW, and nothing added, where a cell would pass 2^63. */
libloss_status libloss__counts_merge(libloss__sink sink, libloss_total *into, const libloss__counts *from);

/* The metric's numbers, then the sum of weights, cases present, all cases, rows, as far as `count` goes. */
libloss_status libloss__metric_total_value(const libloss_total *t, double *values, int64_t count);

#endif
