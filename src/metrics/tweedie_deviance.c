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

/* ln(t/p): near 1 from the difference, which is exact. `beyond`: the quotient says nothing. */
FORMULA double log_ratio(double t, double p, int *beyond)
{
    const pair r = pair_div_to_pair(two_diff(t, p), as_pair(p));
    const int near = r.hi > -0.5 && r.hi < 1, tiny = r.hi < 0x1p-30 && r.hi > -0x1p-30;
    const double ratio = t / p;
    const pair u = two_sum(1, near ? r.hi : 0), y = log_to_pair((pair){ near ? u.hi : ratio, near ? u.lo + r.lo : 0 });
    *beyond = !(ratio > 0x1p-1000 && ratio < 0x1p1000);
    return tiny ? r.hi + (r.lo - 0.5 * r.hi * r.hi) : y.hi;
}

/* (e^(d x) - 1)/d */
FORMULA double grown(double d, double x) { return d == 0 ? x : expm1_(d * x) / d; }

/* What the deviance is in units of 2*p^(2 - power), for the x = ln(t/p) of a run. Near 0 it is the sum of
 * x^k/k!*(1 + second + ... + second^(k - 2)), which no terms of opposite sign take away from; further on exponentials do. */
enum { TERMS = 19 }; /* the next one is below 2^-61 of the sum where |x| and |second*x| are below 1 */

typedef struct {
    double first, second, reach, term[TERMS]; /* reach: 1 or |second|, the larger; terms by powers of reach*x */
} family;

static family family_of(double power)
{
    family f = { .first = 1 - power, .second = 2 - power };
    f.reach = abs_(f.second) > 1 ? abs_(f.second) : 1;
    double sum = 1, inverse = 1, factorial = 2;
    for (int k = 0; k < TERMS; k++) {
        f.term[k] = sum / factorial;
        inverse /= f.reach;
        sum = sum * (f.second / f.reach) + inverse;
        factorial *= k + 3;
    }
    return f;
}

FORMULA double shape_near(const family *f, double x)
{
    const double y = f->reach * x;
    double sum = f->term[TERMS - 1];
    for (int k = TERMS - 2; k >= 0; k--) sum = fma64(sum, y, f->term[k]);
    return x * x * sum;
}

/* by_first, and that the families of 1 and 2 need no second exponential: constants. */
FORMULA double shape_far(double x, double first, double second, const int by_first)
{
    const pair e = exp_to_pair(as_pair(x));
    const double less = (e.hi - 1) + e.lo;
    return by_first ? (e.hi * grown(first, x) - less) / second : (grown(second, x) - less) / first;
}

/* The shapes of a run whose x are not all near. */
#define FAR_LOOP(first_, second_, by_first_)                                \
    VECTOR_LOOP                                                             \
    for (int64_t i = 0; i < n; i++) {                                       \
        const double far = shape_far(x[i], first_, second_, by_first_);     \
        shape[i] = abs_(x[i]) * reach < 1 ? shape[i] : far;                 \
    }

static void shapes(const family *f, const double *x, int64_t n, double *shape)
{
    const double first = f->first, second = f->second, reach = f->reach;
    int64_t far = 0;
    VECTOR_LOOP
    for (int64_t i = 0; i < n; i++) {
        shape[i] = shape_near(f, x[i]);
        far |= !(abs_(x[i]) * reach < 1);
    }
    if (!far) return;
    if (first == 0) {
        FAR_LOOP(0, second, 1)
    } else if (second == 0) {
        FAR_LOOP(first, 0, 0)
    } else if (abs_(first) < abs_(second)) {
        FAR_LOOP(first, second, 1)
    } else {
        FAR_LOOP(first, second, 0)
    }
}

static void powers(const double *p, double second, int64_t n, double *unit)
{
    if (second == 1)
        memcpy(unit, p, (size_t)n * sizeof *p);
    else if (second == 0)
        for (int64_t i = 0; i < n; i++) unit[i] = 1;
    else {
        VECTOR_LOOP
        for (int64_t i = 0; i < n; i++) unit[i] = pow_(p[i], second);
    }
}

static void tweedie_deviance_of_cases(const metric_cases *c, double *const *number, int64_t *group)
{
    const int64_t n = c->count;
    const double *p = c->prediction, *t = c->target;
    const family f = family_of(c->param[POWER]);
    const double without = f.second > 0 ? 2 / f.second : INFINITE; /* where the target is 0, in units of p^second */
    double x[LONGEST_RUN], unit[LONGEST_RUN], shape[LONGEST_RUN], *value = number[0];
    int64_t any_beyond = 0;
    (void)group;
    VECTOR_LOOP
    for (int64_t i = 0; i < n; i++) {
        int beyond;
        x[i] = log_ratio(t[i] == 0 ? p[i] : t[i], p[i], &beyond);
        any_beyond |= beyond;
    }
    for (int64_t i = 0; any_beyond && i < n; i++) {
        const double ratio = t[i] / p[i];
        if (t[i] != 0 && !(ratio > 0x1p-1000 && ratio < 0x1p1000)) x[i] = log_(t[i]) - log_(p[i]);
    }
    shapes(&f, x, n, shape);
    powers(p, f.second, n, unit);
    VECTOR_LOOP
    for (int64_t i = 0; i < n; i++) {
        const double zero = without * unit[i], other = 2 * unit[i] * shape[i];
        value[i] = t[i] == 0 ? zero : other;
    }
}

GIVES_BY_KERNEL(tweedie_deviance, tweedie_deviance_of_cases)
ADDS_UP(tweedie_deviance, GIVES_NUMBER, .plain = 1, .read = read_mean)
