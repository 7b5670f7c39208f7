/*
 * All errors together as a share of all targets together: no small target can blow it up.
 */
#include "../kernel/metric.h"

METRIC(wape) = {
    .title = "Weighted absolute percentage error",
    .aliases = "weighted_mean_absolute_percentage_error wmape",
    .formula = "sum of w*|p - t| / sum of w*|t|",
    .input = { NUMBER_INPUTS },
    .cite = "Kolassa & Schuetz 2007, Foresight 6:40",
};

static void wape_of_cases(const metric_cases *c, double *const *number, int64_t *group)
{
    (void)group;
    for (int64_t i = 0; i < c->count; i++) {
        number[0][i] = __builtin_fabs(c->prediction[i] - c->target[i]);
        number[1][i] = __builtin_fabs(c->target[i]);
    }
}

/* Without errors 0, whatever the targets are; NaN of nothing. */
static void read_wape(const metric_sums *s, double *values)
{
    const metric_group *all = &s->group[0];
    values[0] = all->present > 0 && all->sum[0] == 0 ? 0 : all->sum[0] / all->sum[1];
}

ADDS_UP(wape, GIVES_NUMBER, .plain = 2, .give = wape_of_cases, .read = read_wape)
