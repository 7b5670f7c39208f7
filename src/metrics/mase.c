/*
 * The mean error of a forecast in units of that of the naive one: below 1 it was worth the trouble.
 */
#include "scaled.h"

METRIC(mase) = {
    .title = "Mean absolute scaled error",
    .aliases = "mean_absolute_scaled_error",
    .formula = "sum of w*|p - t| / (sum of w*mean over i of |history[i] - history[i - season]|)",
    .input = { SCALED_INPUTS },
    .param = { SCALED_PARAMETERS },
    .cite = "Hyndman & Koehler 2006, doi:10.1016/j.ijforecast.2006.03.001",
};

static double mase_knows(const double *x, int64_t n, const double *param) { return naive_error(x, n, param, 1); }

static void mase_of_cases(const metric_cases *c, double *const *number, int64_t *group)
{
    (void)group;
    for (int64_t i = 0; i < c->count; i++) {
        number[0][i] = abs_(c->prediction[i] - c->target[i]);
        number[1][i] = c->known;
    }
}

static void read_mase(const metric_sums *s, double *values) { values[0] = s->group[0].sum[0] / s->group[0].sum[1]; }

ADDS_UP(mase, GIVES_NUMBER, .plain = 2, .give = mase_of_cases, .read = read_mase, .know = mase_knows)
