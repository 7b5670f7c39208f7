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

/* ---- ln(t/p) ---- */

/* e*ln 2 + 2*s + tail, where s = (a - p)/(a + p) for a = t/2^e, within [2/3, 3/2] of p: there a - p is exact, and so near 1 nothing is lost.
 * The tail is that of 2 atanh(s). */
typedef struct {
    double e, s, tail;
} log_ratio;

/* Outside, numbers are taken one by one: what follows may overflow. NaN is outside. */
FORMULA int is_tame(double x) { return (x > 0x1p-500) & (x < 0x1p500); }

FORMULA log_ratio log_ratio_of(double t, double p)
{
    const uint64_t exponent = UINT64_C(0xfff0000000000000), middle = UINT64_C(1024) << 52;
    const uint64_t apart = double_to_bits(t) - double_to_bits(p) + middle + (UINT64_C(1) << 51); /* of the logarithms, near enough */
    const double e = bits_to_double(apart >> 52 | UINT64_C(0x4330000000000000)) - (0x1p52 + 1024);
    const double a = t * bits_to_double((UINT64_C(1023) << 52) + middle - (apart & exponent));
    const double s = (a - p) / (a + p), z = s * s;
    return (log_ratio){ e, s, s * (z * atanh_tail_wide(z)) };
}

FORMULA double log_of(log_ratio r) { return r.e * LN2_HI + (2 * r.s + (r.tail + r.e * LN2_LO)); }

/* ---- any power ---- */

/* What the deviance is in units of 2*p^second, of x = ln(t/p). Where |x| and |second*x| are below 1 it is the sum of
 * x^k/k!*(1 + second + ... + second^(k - 2)); further on powers are subtracted. */
enum { TERMS = 20 }; /* the next one is below 2^-58 of the sum */

typedef struct {
    double first, second, reach, term[TERMS]; /* 1 - power, 2 - power; 1 or |second|, the larger; terms by powers of reach*x */
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
    const double y = f->reach * x, square = y * y;
    double even = f->term[TERMS - 2], odd = f->term[TERMS - 1];
    for (int k = TERMS - 4; k >= 0; k -= 2) { /* few enough rounds for compilers to write them out */
        even = fma64(even, square, f->term[k]);
        odd = fma64(odd, square, f->term[k + 1]);
    }
    return x * x * (even + y * odd);
}

/* (e^(d x) - 1)/d, within 2 ULP */
FORMULA double grown(double d, double x)
{
    const double y = d * x, within = y < -60 ? -60 : y > 710 ? 710 : y, k = round_(within * 0x1.71547652b82fep+0), half = round_(k * 0.5);
    const double r = (within - k * LN2_HI) - k * LN2_LO, inverse = k > 1000 ? 0 : power_of_two(k > 1000 ? 0 : -k);
    const double less = ((1 - inverse) + (r + r * r * exp_tail(r))) * power_of_two(half) * power_of_two(k - half);
    return d == 0 ? x : less / d;
}

/* Given u = t/p and u - 1; divided by that of first and second which is further from 0. */
FORMULA double shape_far(double x, double u, double less, double first, double second, const int by_second)
{
    return by_second ? (u * grown(first, x) - less) / second : (grown(second, x) - less) / first;
}

static int goes_by_second(const family *f) { return abs_(f->first) < abs_(f->second); }

static double deviance(const family *f, double t, double p)
{
    const double unit = pow_(p, f->second), ratio = t / p;
    if (t == 0) return f->second > 0 ? 2 * unit / f->second : INFINITE * unit;
    const int plain = ratio > 0x1p-1000 && ratio < 0x1p1000;
    const pair r = pair_div_to_pair(two_diff(t, p), as_pair(p));
    const double x = r.hi > -0.5 && r.hi < 1 ? log1p_to_pair(r).hi : plain ? log_(ratio) : log_(t) - log_(p);
    if (abs_(x) * f->reach < 1) return 2 * unit * shape_near(f, x);
    return 2 * unit * shape_far(x, ratio, r.hi, f->first, f->second, goes_by_second(f));
}

/* ---- runs: each answers whether all numbers are tame; the value of one that is not means nothing ---- */

/* Poisson, t*ln(t/p) - (t - p), and gamma, (t - p)/p - ln(t/p). In (t - p)*s the first terms have been subtracted by hand. */
static int deviances_1(const double *t, const double *p, int64_t n, double *value)
{
    int64_t wild = 0;
    VECTOR_LOOP
    for (int64_t i = 0; i < n; i++) {
        const double y = t[i] == 0 ? p[i] : t[i], d = y - p[i];
        const log_ratio r = log_ratio_of(y, p[i]);
        const double near = d * r.s + y * r.tail, far = y * log_of(r) - d, other = r.e == 0 ? near : far;
        value[i] = 2 * (t[i] == 0 ? p[i] : other);
        wild |= !(is_tame(y) & is_tame(p[i]));
    }
    return wild == 0;
}

static int deviances_2(const double *t, const double *p, int64_t n, double *value)
{
    int64_t wild = 0;
    VECTOR_LOOP
    for (int64_t i = 0; i < n; i++) {
        const double y = t[i] == 0 ? p[i] : t[i], less = (y - p[i]) / p[i];
        const log_ratio r = log_ratio_of(y, p[i]);
        const double near = less * r.s - r.tail, far = less - log_of(r), other = r.e == 0 ? near : far;
        value[i] = 2 * (t[i] == 0 ? INFINITE : other);
        wild |= !(is_tame(y) & is_tame(p[i]));
    }
    return wild == 0;
}

/* e^(second*ln(p)); of the exponent only what is far below its whole part is rounded */
FORMULA double tame_power(double p, double second)
{
    const log_ratio r = log_ratio_of(p, 1);
    const pair e = two_product(r.e * LN2_HI, second);
    return exp_pair(fast_two_sum(e.hi, e.lo + (2 * r.s + (r.tail + r.e * LN2_LO)) * second));
}

/* p^second of tame numbers; halves without logarithms */
static void powers(const double *p, double second, int64_t n, double *unit)
{
    const double size = abs_(second), halves = 2 * size;
    if (size > 8) { /* which would magnify what is rounded */
        VECTOR_LOOP
        for (int64_t i = 0; i < n; i++) unit[i] = pow_(p[i], second);
        return;
    }
    if (size > 2 || halves != (double)(int)halves) {
        VECTOR_LOOP
        for (int64_t i = 0; i < n; i++) unit[i] = tame_power(p[i], second);
        return;
    }
    const int odd = (int)halves % 2, inverse = second < 0;
    VECTOR_LOOP
    for (int64_t i = 0; i < n; i++) {
        const double root = square_root(p[i]), low = odd ? root : 1, all = size >= 1 ? low * p[i] : low,
                     square = size == 2 ? all * p[i] : all;
        const double back = 1 / square;
        unit[i] = inverse ? back : square;
    }
}

static int deviances(const family *f, const double *t, const double *p, int64_t n, double *value)
{
    const double first = f->first, second = f->second, reach = f->reach, without = second > 0 ? 1 / second : INFINITE;
    double x[LONGEST_RUN], shape[LONGEST_RUN], unit[LONGEST_RUN];
    int64_t wild = 0, far = 0;
    VECTOR_LOOP
    for (int64_t i = 0; i < n; i++) {
        const double y = t[i] == 0 ? p[i] : t[i];
        x[i] = log_of(log_ratio_of(y, p[i]));
        shape[i] = shape_near(f, x[i]);
        wild |= !(is_tame(y) & is_tame(p[i]));
        far |= !(abs_(x[i]) * reach < 1);
    }
    if (far && goes_by_second(f)) {
        VECTOR_LOOP
        for (int64_t i = 0; i < n; i++) {
            const double other = shape_far(x[i], t[i] / p[i], (t[i] - p[i]) / p[i], first, second, 1);
            shape[i] = abs_(x[i]) * reach < 1 ? shape[i] : other;
        }
    } else if (far) {
        VECTOR_LOOP
        for (int64_t i = 0; i < n; i++) {
            const double other = shape_far(x[i], t[i] / p[i], (t[i] - p[i]) / p[i], first, second, 0);
            shape[i] = abs_(x[i]) * reach < 1 ? shape[i] : other;
        }
    }
    powers(p, second, n, unit);
    VECTOR_LOOP
    for (int64_t i = 0; i < n; i++) value[i] = 2 * (unit[i] * (t[i] == 0 ? without : shape[i]));
    return wild == 0;
}

static void tweedie_deviance_of_cases(const metric_cases *c, double *const *number, int64_t *group)
{
    const double *p = c->prediction, *t = c->target, power = c->param[POWER];
    const family f = family_of(power);
    const int tame = power == 1   ? deviances_1(t, p, c->count, number[0])
                     : power == 2 ? deviances_2(t, p, c->count, number[0])
                                  : deviances(&f, t, p, c->count, number[0]);
    (void)group;
    for (int64_t i = 0; i < c->count && !tame; i++)
        if (!is_tame(p[i]) || !(is_tame(t[i]) || t[i] == 0)) number[0][i] = deviance(&f, t[i], p[i]);
}

GIVES_BY_KERNEL(tweedie_deviance, tweedie_deviance_of_cases)
ADDS_UP(tweedie_deviance, GIVES_NUMBER, .plain = 1, .read = read_mean)
