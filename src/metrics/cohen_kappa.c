/*
 * How much more two raters agree than their habits alone would make them; with weights, classes that are far apart count as worse disagreement.
 */
#include "../kernel/metric.h"

enum { PARAM_CLASSES, PARAM_THRESHOLD, WEIGHTING };
enum { WEIGHTING_NONE, WEIGHTING_LINEAR, WEIGHTING_QUADRATIC };

METRIC(cohen_kappa) = {
    .title = "Cohen's kappa",
    .aliases = "kappa",
    .formula = "1 - sum of v[i][j]*count[i][j] / sum of v[i][j]*true[i]*predicted[j]/all, v[i][j] = (i != j), |i - j| or (i - j)^2",
    .input = { METRIC_INPUTS },
    .param = { CLASSES, THRESHOLD, CHOICE(weighting, 0, "none linear quadratic", "how bad it is to be off by some classes") },
    .cite = "Cohen 1960, doi:10.1177/001316446002000104; weighted: Cohen 1968, doi:10.1037/h0026256",
};

static double from_habits(const metric_state *state, double all, int weighting)
{
    const int64_t n = state->classes;
    double by_chance = 0, target_so_far = 0, predicted_so_far = 0, target_mean = 0, predicted_mean = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int64_t k = 0; k < n; k++) {
            const double target = sum_of_row(state, k), predicted = sum_of_column(state, k), at = (double)k;
            if (weighting == WEIGHTING_QUADRATIC && pass == 0) {
                target_mean += target / all * at;
                predicted_mean += predicted / all * at;
            } else if (weighting == WEIGHTING_QUADRATIC) {
                by_chance += target * (at - target_mean) * (at - target_mean) + predicted * (at - predicted_mean) * (at - predicted_mean);
            } else if (weighting == WEIGHTING_LINEAR && pass == 0) { /* |i - j| counts the steps between i and j */
                target_so_far += target;
                predicted_so_far += predicted;
                by_chance += target_so_far / all * (all - predicted_so_far) + predicted_so_far / all * (all - target_so_far);
            } else if (pass == 0) {
                by_chance += target / all * (all - predicted);
            }
        }
    const double between = target_mean - predicted_mean;
    return by_chance + all * (between * between);
}

static void read_cohen_kappa(const metric_state *state, double *values)
{
    const int64_t n = state->classes;
    const int weighting = (int)state->param[WEIGHTING];
    double all = 0, observed = 0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) {
            const double away = (double)(i < j ? j - i : i - j), count = state->count[i * n + j];
            all += count;
            observed += (weighting == WEIGHTING_LINEAR ? away : weighting == WEIGHTING_QUADRATIC ? away * away : away > 0) * count;
        }
    values[0] = 1 - observed / from_habits(state, all, weighting); /* all of one class: 0/0 */
}

READS(cohen_kappa, COUNTS_CONFUSION, GIVES_NUMBER, read_cohen_kappa)
