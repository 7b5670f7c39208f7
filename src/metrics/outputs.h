/*
 * What of the targets' spread is explained, for each output, and the ways to make one number of several outputs.
 */
#ifndef LIBLOSS_METRICS_OUTPUTS_H
#define LIBLOSS_METRICS_OUTPUTS_H

#include "../kernel/metric.h"

#define OUTPUT_INPUTS                                   \
    INPUT(prediction, KIND_REAL, 0, "any real number"), \
        INPUT(target, KIND_REAL, 0, "any real number; of two axes or more the last one tells outputs apart")

#define OUTPUTS OPTIONAL_COUNT(outputs, 1, 1000000, "number of outputs; none: what the last of several axes has, else 1")

/* The parameters of every such metric, in this order. The sums of an output: of errors, then the spread of its targets. */
enum { OUTPUTS_COUNT, OUTPUTS_AVERAGE };
#define OUTPUT_PARAMETERS                                                                                                                  \
    OUTPUTS, CHOICE(average, 0, "uniform variance_weighted none",                                                                          \
                    "uniform: mean over the outputs; variance_weighted: that mean, each weighted by the spread of its targets; none: one " \
                    "number per output")

void libloss__read_explained(const metric_sums *s, double *values);

#endif
