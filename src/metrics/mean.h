/*
 * The weighted mean of what cases give, which is what most metrics are.
 */
#ifndef LIBLOSS_METRICS_MEAN_H
#define LIBLOSS_METRICS_MEAN_H

#include "../kernel/metric.h"

/* NaN of nothing. */
static inline void read_mean(const metric_sums *s, double *values) { values[0] = s->group[0].sum[0] / s->group[0].weight; }

#define PROBABILITY_INPUTS                                                                                     \
    INPUT(prediction, KIND_PROBABILITY, 0,                                                                     \
          "probability of class 1, shaped like the target; or of every class, one axis more than the target"), \
        CLASS_TARGET

#endif
