/*
 * The root of the mean square: squared error in the units of the data. It knows its whole batch, so it does not average over
 * batches; its sums do.
 */
#include "sums.h"

enum { PREDICTION, TARGET };
enum { PLAIN, COUNT, TINY, HUGE_, TERMS };
enum { SHARE, ROOT, PER_ROOT };

LOSS(rmse) = {
    .title = "Root mean squared error",
    .aliases = "root_mean_squared_error",
    .formula = "sqrt(sum(w*r^2)/sum(w))",
    .input = { INPUT(prediction, KIND_REAL, DIFFERENTIABLE_INPUT, "any real number"),
               INPUT(target, KIND_REAL, DIFFERENTIABLE_INPUT, "any real number") },
    .claims = CONVEX | NONNEGATIVE | EVEN | LIPSCHITZ,
    .link = { .kind = LINK_IDENTITY },
    .constant = BEST_IS_MEAN,
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 1, 2.5, 2 },
    .cite = "Gauss 1821, Theoria combinationis observationum",
};

#define SCALE 0x1p600
#define LARGE 0x1p450

/* Squares overflow and underflow long before their root does: three sums of squares, of which the largest decides (Blue 1978,
 * doi:10.1145/355769.355771). */
FORMULA void rmse_gather(const real *x, const real *param, real *term)
{
    real r = x[PREDICTION] - x[TARGET], a = abs_(r);
    int huge = (LIBLOSS_BITS == 64) & (a > LARGE), tiny = (LIBLOSS_BITS == 64) & (a < 1 / LARGE);
    real s = huge ? r / SCALE : tiny ? r * SCALE : r, square = s * s;
    (void)param;
    term[PLAIN] = huge | tiny ? 0 : square;
    term[TINY] = tiny ? square : 0;
    term[HUGE_] = huge ? square : 0;
}

static double rmse_close(const double *sum, const double *param, double *fact)
{
    (void)param;
    const double n = sum[COUNT];
    double unit = 1, mean = sum[PLAIN] / n;
    if (sum[HUGE_] > 0) {
        unit = SCALE;
        mean = sum[HUGE_] / n + sum[PLAIN] / n / SCALE / SCALE;
    } else if (!(sum[PLAIN] > 0) && sum[PLAIN] == 0) {
        unit = 1 / SCALE;
        mean = sum[TINY] / n;
    }
    const double root = sqrt_(mean) * unit;
    fact[ROOT] = root;
    fact[PER_ROOT] = 1 / root;
    fact[SHARE] = root > 0 ? 1 / n : 0;
    return root;
}

FORMULA slope rmse_spread(const real *x, real w, const real *fact, const real *param)
{
    real r = x[PREDICTION] - x[TARGET], share = w * fact[SHARE];
    (void)param;
    real ratio = fact[SHARE] > 0 ? LIBLOSS_BITS == 32 ? r * fact[PER_ROOT] : r / fact[ROOT] : zero_of(r);
    real g = share * ratio, h = fact[SHARE] > 0 ? share / fact[ROOT] * (1 - share * ratio * ratio) : 0;
    return (slope){ .grad = { g, -g }, .hess = { h, h } };
}

KERNELS(sums, rmse, TERMS, LIBLOSS_BITS == 32 ? TINY : TERMS, COUNT) /* squares of f32 data are no problem in double */
