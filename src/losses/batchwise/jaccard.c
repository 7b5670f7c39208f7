/*
 * One minus the overlap over the union: what segmentation is scored by, made soft so that it can train.
 */
#include "sums.h"

enum { PREDICTION, TARGET };
enum { SMOOTH_NR, SMOOTH_DR, EMPTY_CLASS };
enum { OVERLAP, APART, PREDICTIONS, TARGETS, TERMS };

LOSS(jaccard) = {
    .title = "Soft Jaccard",
    .aliases = "soft_iou",
    .formula = "1 - (sum(p*t) + smooth_nr)/(sum(p) + sum(t) - sum(p*t) + smooth_dr)",
    .input = { MASK_INPUTS },
    .param = { SMOOTHING_PARAMS },
    .claims = NONNEGATIVE | BOUNDED,
    .link = { .kind = LINK_IDENTITY },
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 2, 4, 4 },
    .cite = "Rahman and Wang 2016, doi:10.1007/978-3-319-50835-1_22",
};

FORMULA void jaccard_gather(const real *x, const real *param, real *term)
{
    real p = x[PREDICTION], t = x[TARGET];
    (void)param;
    term[OVERLAP] = p * t;
    term[APART] = fma_(p, 1 - t, t * (1 - p)); /* the union without the overlap */
    term[PREDICTIONS] = p;
    term[TARGETS] = t;
}

static double jaccard_close(const double *sum, const double *param, double *fact)
{
    pair sizes = two_sum(sum[PREDICTIONS], sum[TARGETS]), all = two_sum(sizes.hi, -sum[OVERLAP]), below = two_sum(all.hi, param[SMOOTH_DR]);
    below.lo += all.lo + sizes.lo;
    return close_overlap(two_sum(sum[OVERLAP], param[SMOOTH_NR]), below, sum[APART], param[SMOOTH_DR] - param[SMOOTH_NR],
                         param[EMPTY_CLASS] != 0, fact);
}

/* score (1 - x) - x, which may nearly cancel */
FORMULA real lean(real score, real x) { return pair_add_tame(pair_mul_tame(as_pair(score), two_diff(1, x)), as_pair(-x)).hi; }

FORMULA slope jaccard_spread(const real *x, real w, const real *fact, const real *param)
{
    real p = x[PREDICTION], t = x[TARGET], each = w * fact[INVERSE], square = w * w * fact[INVERSE_SQUARED];
    (void)param;
    real lp = lean(fact[SCORE], t), lt = lean(fact[SCORE], p);
    return (slope){ .grad = { each * lp, each * lt }, .hess = { -2 * square * (lp * (1 - t)), -2 * square * (lt * (1 - p)) } };
}

KERNELS(sums, jaccard, TERMS, TERMS, NO_ONES)
