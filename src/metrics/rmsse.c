/*
 * The root of the mean squared error of a forecast in units of that of the naive one.
 */
#include "scaled.h"

METRIC(rmsse) = {
    .title = "Root mean squared scaled error",
    .aliases = "root_mean_squared_scaled_error",
    .formula = "sqrt(sum of w*(p - t)^2 / (sum of w*mean over i of (history[i] - history[i - season])^2))",
    .input = { SCALED_INPUTS },
    .param = { SCALED_PARAMETERS },
    .cite = "Makridakis et al. 2022, The M5 accuracy competition, doi:10.1016/j.ijforecast.2021.11.013",
};

static double rmsse_knows(const double *x, int64_t n, const double *param) { return naive_error(x, n, param, 2); }

static void rmsse_of_cases(const metric_cases *c, double *const *number, int64_t *group)
{
    (void)group;
    for (int64_t i = 0; i < c->count; i++) {
        const double r = c->prediction[i] - c->target[i];
        number[0][i] = r * r;
        number[1][i] = c->known;
    }
}

static void read_rmsse(const metric_sums *s, double *values) { values[0] = square_root(s->group[0].sum[0] / s->group[0].sum[1]); }

ADDS_UP(rmsse, GIVES_NUMBER, .plain = 2, .give = rmsse_of_cases, .read = read_rmsse, .know = rmsse_knows)
