/*
 * How much less likely the targets are under the predictions than under themselves, for families whose variance is a power of the mean: 1
 * is Poisson's, 2 gamma's, 3 the inverse Gaussian's.
 */
#include "functions.h"
#include "mean.h"

enum { POWER };

METRIC(tweedie_deviance) = {
    .title = "Mean Tweedie deviance",
    .aliases = "mean_tweedie_deviance",
    .formula =
        "sum of w*2*(t^(2 - power)/((1 - power)*(2 - power)) - t*p^(1 - power)/(1 - power) + p^(2 - power)/(2 - power)) / sum of w, or its "
        "limit at powers 1 and 2",
    .input = { INPUT(prediction, KIND_POSITIVE, 0, "the mean, not its logarithm"), INPUT(target, KIND_POSITIVE, OR_ZERO, "0 or above") },
    .param = { PARAM(power, 1.0, AT_LEAST(1), "of the mean that the variance is; 1: Poisson, 2: gamma, 3: inverse Gaussian") },
    .cite = "Jorgensen 1987, Exponential dispersion models, JRSS B 49:127",
};

/* ln(t/p): near 1 from the difference, which is exact */
static double log_ratio(double t, double p)
{
    const pair r = pair_div_to_pair(two_diff(t, p), as_pair(p));
    if (r.hi > -0.5 && r.hi < 1) return log1p_to_pair(r).hi;
    const double ratio = t / p;
    return ratio > 0x1p-1000 && ratio < 0x1p1000 ? log_(ratio) : log_(t) - log_(p);
}

/* (e^(d x) - 1)/d */
static double grown(double d, double x) { return d == 0 ? x : expm1_(d * x) / d; }

/* What the deviance is in units of 2*p^(2 - power); x is ln(t/p). */
static double shape(double x, double first, double second)
{
    if (x > -1 && x < 1) { /* sum of x^k/k!*(1 + second + ... + second^(k - 2)) */
        double term = x * x / 2, factor = 1, most = 1, sum = 0;
        for (int k = 3; k < 200 && abs_(term) * most > 0x1p-60 * abs_(sum); k++) {
            sum += term * factor;
            term *= x / k;
            factor = 1 + second * factor;
            most = 1 + abs_(second) * most;
        }
        return sum;
    }
    if (abs_(first) < abs_(second)) return (exp_(x) * grown(first, x) - expm1_(x)) / second;
    return (grown(second, x) - expm1_(x)) / first;
}

static int64_t tweedie_deviance_of_case(const metric_cases *c, double *number)
{
    const double p = *c->prediction, t = *c->target, first = 1 - c->param[POWER], second = 2 - c->param[POWER];
    const double unit = second == 1 ? p : second == 0 ? 1 : pow_(p, second);
    if (t == 0)
        *number = second > 0 ? 2 * unit / second : INFINITE * unit;
    else
        *number = 2 * unit * shape(log_ratio(t, p), first, second);
    return 0;
}

ADDS_UP(tweedie_deviance, GIVES_NUMBER, .plain = 1, .give = tweedie_deviance_of_case, .read = read_mean)
