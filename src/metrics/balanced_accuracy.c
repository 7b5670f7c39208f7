/*
 * The mean over the classes of the part that was found of each: a rare class counts as much as a common one.
 */
#include "../kernel/metric.h"

enum { PARAM_CLASSES, PARAM_THRESHOLD, ADJUSTED };

METRIC(balanced_accuracy) = {
    .title = "Balanced accuracy",
    .aliases = "",
    .formula = "mean over the classes k among the targets of tp[k]/(tp[k] + fn[k])",
    .input = { METRIC_INPUTS },
    .param = { CLASSES, THRESHOLD,
               FLAG(adjusted, 0, "from 0 for guessing to 1 for perfection, by the number of classes among the targets") },
    .cite = "Brodersen et al. 2010, doi:10.1109/ICPR.2010.764",
};

static void read_balanced_accuracy(const metric_state *state, double *values)
{
    const int64_t n = state->classes;
    double sum = 0, classes = 0;
    for (int64_t k = 0; k < n; k++) {
        const double all = sum_of_row(state, k);
        if (all == 0) continue;
        sum += state->count[k * n + k] / all;
        classes++;
    }
    const double mean = sum / classes, chance = 1 / classes;
    values[0] = state->param[ADJUSTED] != 0 ? (mean - chance) / (1 - chance) : mean;
}

READS(balanced_accuracy, COUNTS_CONFUSION, GIVES_NUMBER, read_balanced_accuracy)
