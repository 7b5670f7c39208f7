/*
 * How often each class was taken for each: rows are the targets, columns the predictions.
 */
#include "../kernel/metric.h"

enum { PARAM_CLASSES, PARAM_THRESHOLD, NORMALIZE };
enum { NORMALIZE_NONE, NORMALIZE_TARGET, NORMALIZE_PREDICTION, NORMALIZE_ALL };

METRIC(confusion_matrix) = {
    .title = "Confusion matrix",
    .aliases = "",
    .formula = "count[i][j] = sum of w where target == i and prediction == j",
    .input = { METRIC_INPUTS },
    .param = { CLASSES, THRESHOLD,
               CHOICE(normalize, 0, "none target prediction all", "divide by the sum of the row, of the column, of everything; 0/0 is 0") },
    .cite = "Kohavi & Provost 1998, Machine Learning 30:271",
};

static void read_confusion_matrix(const metric_state *state, double *values)
{
    const int64_t n = state->classes;
    const int normalize = (int)state->param[NORMALIZE];
    double all = 0;
    for (int64_t i = 0; i < n * n; i++) {
        values[i] = state->count[i];
        all += state->count[i];
    }
    for (int64_t k = 0; normalize == NORMALIZE_TARGET && k < n; k++) {
        const double sum = sum_of_row(state, k);
        for (int64_t j = 0; sum != 0 && j < n; j++) values[k * n + j] /= sum;
    }
    for (int64_t k = 0; normalize == NORMALIZE_PREDICTION && k < n; k++) {
        const double sum = sum_of_column(state, k);
        for (int64_t i = 0; sum != 0 && i < n; i++) values[i * n + k] /= sum;
    }
    for (int64_t i = 0; normalize == NORMALIZE_ALL && all != 0 && i < n * n; i++) values[i] /= all;
}

READS(confusion_matrix, COUNTS_CONFUSION, GIVES_MATRIX, read_confusion_matrix)
