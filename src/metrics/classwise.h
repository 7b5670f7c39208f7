/*
 * Metrics that are a ratio of one class's counts against the rest, and the ways to make one number of several classes.
 */
#ifndef LIBLOSS_METRICS_CLASSWISE_H
#define LIBLOSS_METRICS_CLASSWISE_H

#include "../kernel/metric.h"

typedef struct {
    double tp, fp, tn, fn; /* in the order of the outcomes */
} class_counts;

typedef struct {
    double part, whole;
} ratio;

typedef ratio class_ratio(class_counts c, const double *param);

/* The parameters of every such metric come first, in this order. */
enum { CLASSWISE_CLASSES, CLASSWISE_THRESHOLD, CLASSWISE_MULTILABEL, CLASSWISE_AVERAGE, CLASSWISE_ZERO_DIVISION, CLASSWISE_OWN };
#define CLASSWISE_PARAMETERS                                                                                                          \
    CLASSES_OR_LABELS, THRESHOLD, MULTILABEL,                                                                                         \
        CHOICE(average, 0, "binary micro macro weighted samples none",                                                                \
               "binary: of class 1; micro: of the counts of all classes together; macro: mean over the classes that occur, or over "  \
               "all labels; weighted: that mean, classes weighted by their targets; samples: mean over the rows of multilabel data, " \
               "each by itself; none: one number per class"),                                                                         \
        CHOICE(zero_division, 0, "0 1 nan", "what 0/0 is; a class, or under samples a row, with nan is left out of means")

/* An unevaluated sum of two doubles: 106 bits, so that what is left of a large total is right where weights differ much. */
typedef struct {
    double hi, lo;
} twofold;

/* What the counts of a class are taken from where they are not kept by label. */
twofold libloss__all_counts(const metric_state *state);
class_counts libloss__class_counts(const metric_state *state, twofold all, int64_t k);
void libloss__read_classwise(const metric_state *state, class_ratio *of, double *values);

/* The ratio of each row of labels, and the mean of those of all. */
void libloss__ratios_of_rows(const metric_cases *c, class_ratio *of, double *number, int64_t *group);
void libloss__read_samples(const metric_sums *s, double *values);

/* Closes the file of such a metric: the function of its name gives part and whole. */
#define CLASSWISE(name_)                                                                                                   \
    static void read_##name_(const metric_state *state, double *values) { libloss__read_classwise(state, name_, values); } \
    static void name_##_of_rows(const metric_cases *c, double *const *number, int64_t *group)                              \
    {                                                                                                                      \
        libloss__ratios_of_rows(c, name_, number[0], group);                                                               \
    }                                                                                                                      \
    static const metric_adding name_##_adding = {                                                                          \
        .kind_of_case = CASE_LABELS, .plain = 1, .give = name_##_of_rows, .read = libloss__read_samples                    \
    };                                                                                                                     \
    static const metric name_##_of_samples = METRIC_FIELDS(name_, ADDS, GIVES_AVERAGE, .adding = &name_##_adding);         \
    READS_LABELS(name_, GIVES_AVERAGE, read_##name_, &name_##_of_samples)

#endif
