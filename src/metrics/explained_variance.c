/*
 * How much of the targets' variance is gone from the residuals. Unlike r2 it forgives a prediction that is off by a constant.
 */
#include "outputs.h"

METRIC(explained_variance) = {
    .title = "Explained variance",
    .aliases = "",
    .formula = "1 - variance of (t - p) / variance of t",
    .input = { OUTPUT_INPUTS },
    .param = { OUTPUT_PARAMETERS },
    .cite = "Kendall & Stuart 1961, The Advanced Theory of Statistics 2, chapter 26",
};

static void explained_variance_of_cases(const metric_cases *c, double *const *number, int64_t *group)
{
    (void)group;
    for (int64_t i = 0; i < c->count; i++) {
        number[0][i] = c->target[i] - c->prediction[i];
        number[1][i] = c->target[i];
    }
}

ADDS_UP(explained_variance, GIVES_AVERAGE, .kind_of_case = CASE_OUTPUT, .spreads = 2, .give = explained_variance_of_cases,
        .read = libloss__read_explained)
