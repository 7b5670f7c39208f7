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

static int64_t smape_of_case(const metric_cases *c, double *number)
{
    const double p = *c->prediction, t = *c->target, r = p - t, size = __builtin_fabs(p) + __builtin_fabs(t);
    if (r == 0)
        *number = 0;
    else if (size <= 0x1p1022)
        *number = 2 * __builtin_fabs(r) / size;
    else if (p - p == 0 && t - t == 0) /* near the end of the doubles */
        *number = 2 * (__builtin_fabs(p / 4 - t / 4) / (__builtin_fabs(p / 4) + __builtin_fabs(t / 4)));
    else
        *number = r == r ? 2 : r; /* one of them is infinite, or both and apart */
    return 0;
}

ADDS_UP(smape, GIVES_NUMBER, .plain = 1, .give = smape_of_case, .read = read_mean)
