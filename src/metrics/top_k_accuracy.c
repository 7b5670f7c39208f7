/*
 * The part of rows whose target is among the k largest scores; of equal scores the first ones count as larger.
 */
#include "../kernel/metric.h"

METRIC(top_k_accuracy) = {
    .title = "Top-k accuracy",
    .aliases = "top_k_categorical_accuracy",
    .formula = "sum of w where target is among the k largest of the row / sum of w",
    .input = { METRIC_INPUTS },
    .param = { PARAM(k, 5.0, WITHIN_INTEGERS(1, 32768), "how many of the largest scores count") },
    .cite = "Russakovsky et al. 2015, arXiv:1409.0575",
};

static void read_top_k_accuracy(const metric_state *state, double *values) { values[0] = state->count[1] / state->count[0]; }

READS(top_k_accuracy, COUNTS_HITS, GIVES_NUMBER, read_top_k_accuracy)
