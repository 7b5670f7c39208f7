/*
 * The error as a share of the mean size of prediction and target: 0 to 2, and the same for both signs of the error. Where both are 0
 * there is no error.
 */
#include "mean.h"

METRIC(smape) = {
    .title = "Symmetric mean absolute percentage error",
    .aliases = "symmetric_mean_absolute_percentage_error",
    .formula = "sum of w*2*|p - t|/(|p| + |t|) / sum of w",
    .input = { NUMBER_INPUTS },
    .cite = "Makridakis 1993, doi:10.1016/0169-2070(93)90079-3",
};

static double share_of_error(double p, double t)
{
    const double r = p - t, size = __builtin_fabs(p) + __builtin_fabs(t);
    if (r == 0) return 0;
    if (size <= 0x1p1022) return 2 * __builtin_fabs(r) / size;
    if (p - p == 0 && t - t == 0) /* near the end of the doubles */
        return 2 * (__builtin_fabs(p / 4 - t / 4) / (__builtin_fabs(p / 4) + __builtin_fabs(t / 4)));
    return r == r ? 2 : r; /* one of them is infinite, or both and apart */
}

static void smape_of_cases(const metric_cases *c, double *const *number, int64_t *group)
{
    (void)group;
    for (int64_t i = 0; i < c->count; i++) number[0][i] = share_of_error(c->prediction[i], c->target[i]);
}

ADDS_UP(smape, GIVES_NUMBER, .plain = 1, .give = smape_of_cases, .read = read_mean)
