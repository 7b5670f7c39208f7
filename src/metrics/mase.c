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

static int64_t mase_of_case(const metric_cases *c, double *number)
{
    number[0] = abs_(*c->prediction - *c->target);
    number[1] = c->known;
    return 0;
}

static void read_mase(const metric_sums *s, double *values) { values[0] = s->group[0].sum[0] / s->group[0].sum[1]; }

ADDS_UP(mase, GIVES_NUMBER, .plain = 2, .give = mase_of_case, .read = read_mase, .know = mase_knows)
