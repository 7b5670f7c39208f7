/*
 * Metrics: what cases leave behind (cells, sums, or themselves), and the numbers that are read from it.
 */
#ifndef LIBLOSS_ENGINE_METRIC_H
#define LIBLOSS_ENGINE_METRIC_H

#include "call.h"
#include "message.h"
#include "total.h"

enum { MOST_CLASSES = 32768, MOST_GROUPS = 1000000 }; /* of a table; outputs or bins */

extern const libloss_vtable libloss__metric_vtable;

libloss_status libloss__eval_metric(const libloss_object *o, const libloss_args *args);

/* ---- what cases leave behind, in the scratch of a call and in a total ---- */

/* The sums of one group (an output, a bin). sum[0] is that of the weights; then one for each plain number; then for each number whose
 * spread is wanted that of w*x and of w*x^2, exactly. All are words of 64 bits. */
typedef struct {
    int64_t present;
    libloss__sum sum[];
} libloss__group;

/* `size` says how much there is: the classes of a table (0: hits of any number of classes), or the groups. Parts: cells, or sums. */
int64_t libloss__metric_parts(const metric *metric, int64_t size);
int64_t libloss__metric_bytes(const metric *metric, int64_t size); /* of libloss__counts with all that follows */
int64_t libloss__sums_per_group(const metric *metric);

static inline libloss__group *libloss__group_at(const libloss__counts *counts, int64_t sums, int64_t g)
{
    const int64_t bytes = (int64_t)sizeof(libloss__group) + sums * (int64_t)sizeof(libloss__sum);
    return (libloss__group *)((uintptr_t)counts + sizeof(libloss__counts) + (uintptr_t)(g * bytes));
}

/* Adds. LIBLOSS_ERR_OVERFLOW, and nothing added, where a cell would pass 2^63. */
libloss_status libloss__counts_merge(libloss__sink sink, const metric *metric, int64_t size, libloss__counts *to,
                                     const libloss__counts *from);

/* What an object's metric is of the data that its parameters tell of: of multilabel data it may be read in another way. */
const metric *libloss__metric_of(const libloss_object *o);
const metric *libloss__metric_with(const metric *metric, const double *param);
int libloss__metric_says(const metric *metric, const double *param, const char *name, const char *word); /* that choice is that word */

/* The metric's numbers; `rounded` is room for what it reads them from. */
int64_t libloss__rounded_bytes(const metric *metric, int64_t size);
void libloss__read_metric(const metric *metric, int64_t size, const double *param, const libloss__counts *counts, void *rounded,
                          double *values);

/* How many numbers, and their shape. `param`: one number for each parameter. */
int32_t libloss__metric_shape(const metric *metric, int64_t size, const double *param, int64_t shape[2]);
int64_t libloss__metric_numbers(const metric *metric, int64_t size, const double *param);

/* ---- totals ---- */

/* How much a total has to hold; args NULL: as the parameters alone tell. */
libloss_status libloss__metric_size(const libloss_object *o, const libloss_args *args, int64_t *size);
int64_t libloss__metric_total_size(const libloss_object *o, int64_t size);
void libloss__metric_total_start(libloss_total *t, const libloss_object *o, int64_t size);

/* Whether a total from elsewhere can be of this owner with these parameters; its length then, else 0. */
int64_t libloss__metric_total_length(uint64_t owner, const double *param, int64_t size, int64_t parts);
libloss_status libloss__metric_total_merge(libloss_total *into, const libloss_total *from);

/* The metric's numbers, then the sum of weights, cases present, all cases, rows, as far as `count` goes. */
libloss_status libloss__metric_total_value(const libloss_total *t, double *values, int64_t count);

/* ---- a call ---- */

enum { FORM_LABELS, FORM_SCORES, FORM_ROWS }; /* what the prediction is: classes; one score each; a row of scores each */

typedef struct {
    libloss__call call;
    const metric *metric;
    int64_t size;
    int form; /* of counts: what the prediction is */
    int64_t classes; /* of counts: 0: any label; of scores: of a case; of multilabel data 2, what a label can be */
    int64_t labels; /* of a case of multilabel data, else 0 */
    double threshold;
    int64_t k;
} libloss__metric_call;

double libloss__metric_parameter(const libloss_object *o, const char *name, double otherwise, int *given);
libloss_status libloss__bad_label(const libloss__metric_call *m, int32_t input, int64_t i, int64_t label, const char *hint);
libloss_status libloss__resolve_values(libloss__call *c, int32_t ndim, const int64_t *shape);
libloss_status libloss__resolve_metric_options(const libloss__call *c);
libloss_status libloss__wants_one_number(const libloss__call *c, int32_t ndim);

/* metric_counts.c */
libloss_status libloss__resolve_counts(libloss__metric_call *m);
libloss_status libloss__resolve_labels(libloss__metric_call *m);
/* Elements start .. of multilabel data: the first that is no label or no score, or the predictions as 0 and 1. */
libloss_status libloss__tell_labels(const libloss__metric_call *m, int64_t start, int64_t n, const double *target, double *prediction);
libloss_status libloss__check_table(const libloss__call *c, int64_t classes); /* not too large, and what average takes */
libloss_status libloss__count_all(libloss__metric_call *m, libloss__counts *counts);
libloss_status libloss__resolve_table(libloss__metric_call *m); /* counts as an input, which libloss_reduce takes */
void libloss__gather_table(const libloss__metric_call *m, double *count);

/* metric_cases.c: cases that are read as numbers */
libloss_status libloss__resolve_cases(libloss__metric_call *m, int kind_of_case);
/* The first of these numbers, which begin at `start` of an input, that is outside its domain. */
libloss_status libloss__check_numbers(const libloss__metric_call *m, int32_t input, int64_t start, int64_t n, const double *x);

/* Of cases start .. start + n - 1 that are there (weight NULL: all) the first of which something is outside. target NULL: it is a label. */
libloss_status libloss__check_cases(const libloss__metric_call *m, int64_t start, int64_t n, const double *prediction, const double *target,
                                    const int64_t *label, const double *weight);

/* metric_sums.c */
int64_t libloss__adding_bytes(const libloss__metric_call *m, int64_t threads); /* for at most so many */
libloss_status libloss__add_all(libloss__metric_call *m, libloss__counts *counts, void *room, int64_t bytes);

/* metric_sight.c */
int64_t libloss__seeing_bytes(const libloss__metric_call *m);
libloss_status libloss__see_all(libloss__metric_call *m, void *room, double *values);

#endif
