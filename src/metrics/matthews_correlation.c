/*
 * The correlation of predicted and true classes: 0 for guessing, however rare a class is; 0 too where one side is all of one class.
 */
#include "../kernel/metric.h"

METRIC(matthews_correlation) = {
    .title = "Matthews correlation",
    .aliases = "mcc phi",
    .formula = "(correct*all - sum of predicted[k]*true[k])/sqrt((all^2 - sum of predicted[k]^2)*(all^2 - sum of true[k]^2))",
    .input = { METRIC_INPUTS },
    .param = { CLASSES, THRESHOLD },
    .cite = "Matthews 1975, doi:10.1016/0005-2795(75)90109-9; of several classes Gorodkin 2004, doi:10.1016/j.compbiolchem.2004.09.006",
};

static void read_matthews_correlation(const metric_state *state, double *values)
{
    const int64_t n = state->classes;
    const double *count = state->count;
    double all = 0, correct = 0, both = 0, predicted_spread = 0, true_spread = 0;
    for (int64_t i = 0; i < n * n; i++) all += count[i];
    for (int64_t k = 0; k < n; k++) {
        const double target = sum_of_row(state, k), predicted = sum_of_column(state, k);
        correct += count[k * n + k];
        both += predicted / all * target; /* by `all` once, so that no product of large sums of weights overflows */
        predicted_spread += predicted / all * (all - predicted);
        true_spread += target / all * (all - target);
    }
    const double spread = square_root(predicted_spread) * square_root(true_spread);
    values[0] = spread > 0 ? (correct - both) / spread : 0;
}

READS(matthews_correlation, COUNTS_CONFUSION, GIVES_NUMBER, read_matthews_correlation)
