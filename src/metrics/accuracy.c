/*
 * The part that is right, whatever the classes: easy to say, and blind where one class is rare. Of multilabel data a row is right if all its
 * labels are.
 */
#include "../kernel/metric.h"

METRIC(accuracy) = {
    .title = "Accuracy",
    .aliases = "",
    .formula = "sum of w where prediction == target / sum of w",
    .input = { MULTILABEL_INPUTS },
    .param = { THRESHOLD, MULTILABEL },
    .cite = "ISO 5725-1:1994",
};

static void read_accuracy(const metric_state *state, double *values) { values[0] = state->count[1] / state->count[0]; }

READS(accuracy, COUNTS_HITS, GIVES_NUMBER, read_accuracy)
