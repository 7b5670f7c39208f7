/*
 * The surprise of what happened under the probabilities, in nats. Where something impossible happens it is infinite, unless clip holds
 * the probabilities away from 0 and 1.
 */
#include "functions.h"
#include "mean.h"

enum { CLIP };

METRIC(log_loss) = {
    .title = "Log loss of probabilities",
    .aliases = "",
    .formula = "sum of w*(-log(probability of the target's class)) / sum of w",
    .input = { PROBABILITY_INPUTS },
    .param = { PARAM(clip, 0.0, WITHIN(0, 0.25),
                     "probabilities are held in [clip, 1 - clip]; scikit-learn has 2.220446049250313e-16 for float64") },
    .cite = "Good 1952, Rational decisions, JRSS B 14:107",
};

static double surprise(double p, double rest, double clip)
{
    if (p < clip) return -log_(clip);
    if (rest < clip) return -log1p_(-clip);
    return p > 0.5 ? -log1p_(-rest) : -log_(p);
}

static void log_loss_of_cases(const metric_cases *c, double *const *number, int64_t *group)
{
    const double clip = c->param[CLIP];
    (void)group;
    for (int64_t i = 0; i < c->count; i++) {
        const double p = c->prediction[i * c->width + (c->width > 1 ? (int64_t)c->target[i] : 0)];
        number[0][i] = c->width > 1 || c->target[i] == 1 ? surprise(p, 1 - p, clip) : surprise(1 - p, p, clip);
    }
}

ADDS_UP(log_loss, GIVES_NUMBER, .kind_of_case = CASE_SCORES, .plain = 1, .give = log_loss_of_cases, .read = read_mean)
