/*
 * Metrics that are a ratio of one class's counts against the rest, and the ways to make one number of several classes.
 */
#ifndef LIBLOSS_METRICS_CLASSWISE_H
#define LIBLOSS_METRICS_CLASSWISE_H

#include "../kernel/metric.h"

typedef struct {
    double tp, fp, tn, fn;
} class_counts;

typedef struct {
    double part, whole;
} ratio;

typedef ratio class_ratio(class_counts c, const double *param);

/* The parameters of every such metric come first, in this order. */
enum { CLASSWISE_CLASSES, CLASSWISE_THRESHOLD, CLASSWISE_AVERAGE, CLASSWISE_ZERO_DIVISION, CLASSWISE_OWN };
#define CLASSWISE_PARAMETERS                                                                                                           \
    CLASSES, THRESHOLD,                                                                                                                \
        CHOICE(average, 0, "binary micro macro weighted none",                                                                         \
               "binary: of class 1; micro: of the counts of all classes together; macro: mean over the classes that occur; weighted: " \
               "that mean, classes weighted by their targets; none: one number per class"),                                            \
        CHOICE(zero_division, 0, "0 1 nan", "what 0/0 is; a class with nan is left out of macro and weighted means")

/* An unevaluated sum of two doubles: 106 bits, so that what is left of a large total is right where weights differ much. */
typedef struct {
    double hi, lo;
} twofold;

twofold libloss__all_counts(const metric_state *state);
class_counts libloss__class_counts(const metric_state *state, twofold all, int64_t k);
void libloss__read_classwise(const metric_state *state, class_ratio *of, double *values);

/* Closes the file of such a metric: the function of its name gives part and whole. */
#define CLASSWISE(name_)                                                                                                   \
    static void read_##name_(const metric_state *state, double *values) { libloss__read_classwise(state, name_, values); } \
    READS(name_, COUNTS_CONFUSION, GIVES_AVERAGE, read_##name_)

#endif
