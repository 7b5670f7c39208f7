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

static void r2_of_cases(const metric_cases *c, double *const *number, int64_t *group)
{
    (void)group;
    for (int64_t i = 0; i < c->count; i++) {
        const double t = c->target[i], r = t - c->prediction[i];
        number[0][i] = r * r;
        number[1][i] = t;
    }
}

ADDS_UP(r2, GIVES_AVERAGE, .kind_of_case = CASE_OUTPUT, .plain = 1, .spreads = 1, .give = r2_of_cases, .read = libloss__read_explained)
