/*
 * The squared distance between the probabilities and what happened. Of two classes given by one probability: 0 to 1; of rows: summed over
 * the classes, 0 to 2.
 */
#include "mean.h"

enum { SCALE_BY_HALF };

METRIC(brier_score) = {
    .title = "Brier score",
    .aliases = "",
    .formula = "sum of w*(p - t)^2 / sum of w; of rows sum of w*sum over j of (p[j] - (j == t))^2 / sum of w, halved if scale_by_half",
    .input = { PROBABILITY_INPUTS },
    .param = { FLAG(scale_by_half, 0, "rows from 0 to 1 too") },
    .cite = "Brier 1950, doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2",
};

static void brier_score_of_cases(const metric_cases *c, double *const *number, int64_t *group)
{
    const int row = c->width > 1, half = row && c->param[SCALE_BY_HALF] != 0;
    (void)group;
    for (int64_t i = 0; i < c->count; i++) {
        double sum = 0;
        for (int64_t j = 0; j < c->width; j++) {
            const double r = c->prediction[i * c->width + j] - (row ? (double)(j == (int64_t)c->target[i]) : c->target[i]);
            sum += r * r;
        }
        number[0][i] = half ? sum / 2 : sum;
    }
}

ADDS_UP(brier_score, GIVES_NUMBER, .kind_of_case = CASE_SCORES, .plain = 1, .give = brier_score_of_cases, .read = read_mean)
