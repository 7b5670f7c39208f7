/*
 * One minus error over spread, as scikit-learn averages it. Targets that do not differ leave nothing to explain: 1 if there is no
 * error, else 0; a single one is no spread.
 */
#include "outputs.h"

enum { AVERAGE_UNIFORM, AVERAGE_VARIANCE_WEIGHTED, AVERAGE_NONE };
enum { ERROR, SPREAD };

static double explained(const metric_group *g)
{
    const double error = g->sum[ERROR], spread = g->sum[SPREAD];
    if (g->present < 2 || error != error || spread != spread) return (double)__builtin_nanf("");
    if (spread == 0) return error == 0;
    return 1 - error / spread;
}

void libloss__read_explained(const metric_sums *s, double *values)
{
    const int average = (int)s->param[OUTPUTS_AVERAGE];
    double sum = 0, spread = 0, weighted = 0;
    for (int64_t g = 0; g < s->groups; g++) {
        const double x = explained(&s->group[g]);
        if (average == AVERAGE_NONE) values[g] = x;
        sum += x;
        spread += s->group[g].sum[SPREAD];
        weighted += s->group[g].sum[SPREAD] * x;
    }
    if (average == AVERAGE_VARIANCE_WEIGHTED && spread != 0)
        values[0] = weighted / spread;
    else if (average != AVERAGE_NONE)
        values[0] = sum / (double)s->groups;
}
