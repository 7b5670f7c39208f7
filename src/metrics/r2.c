/*
 * How much of the targets' spread the predictions explain: 1 is all, 0 what their mean would do, and there is no lower end.
 */
#include "outputs.h"

METRIC(r2) = {
    .title = "Coefficient of determination",
    .aliases = "",
    .formula = "1 - sum of w*(t - p)^2 / sum of w*(t - mean of t)^2",
    .input = { OUTPUT_INPUTS },
    .param = { OUTPUT_PARAMETERS },
    .cite = "Wright 1921, Correlation and causation, J. Agric. Res. 20:557",
};

static int64_t r2_of_case(const metric_cases *c, double *number)
{
    const double t = *c->target, r = t - *c->prediction;
    number[0] = r * r;
    number[1] = t;
    return 0;
}

ADDS_UP(r2, GIVES_AVERAGE, .kind_of_case = CASE_OUTPUT, .plain = 1, .spreads = 1, .give = r2_of_case, .read = libloss__read_explained)
