/*
 * Errors of a forecast, measured by those of the simplest one on the past: that the value of a season ago comes again.
 */
#ifndef LIBLOSS_METRICS_SCALED_H
#define LIBLOSS_METRICS_SCALED_H

#include "functions.h"

enum { SEASON };

#define SCALED_INPUTS                                                                                                    \
    NUMBER_INPUTS,                                                                                                       \
    {                                                                                                                    \
        .name = "history", .description = "the past of the series, oldest first, on which the naive forecast is judged", \
        .kind = KIND_REAL, .shape = OTHER_SHAPE                                                                          \
    }
#define SCALED_PARAMETERS PARAM(season, 1, WITHIN_INTEGERS(1, 9007199254740992.0), "how many steps back the naive forecast looks")

/* Mean size of the naive forecast's errors to this power, 1 or 2. */
static double naive_error(const double *x, int64_t n, const double *param, int power)
{
    const int64_t season = (int64_t)param[SEASON];
    pair sum = { 0, 0 };
    for (int64_t i = season; i < n; i++) {
        const double r = abs_(x[i] - x[i - season]);
        add_to(&sum, power == 2 ? r * r : r);
    }
    return close_sum(sum) / (double)(n - season);
}

#endif
