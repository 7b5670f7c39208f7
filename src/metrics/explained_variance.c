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

static int64_t explained_variance_of_case(const metric_cases *c, double *number)
{
    number[0] = *c->target - *c->prediction;
    number[1] = *c->target;
    return 0;
}

ADDS_UP(explained_variance, GIVES_AVERAGE, .kind_of_case = CASE_OUTPUT, .spreads = 2, .give = explained_variance_of_case,
        .read = libloss__read_explained)
