/*
 * Dice with two prices: alpha for what was found and is not there, beta for what is there and was missed. With both 1/2 it is
 * Dice, with both 1 Jaccard.
 */
#include "sums.h"

enum { PREDICTION, TARGET };
enum { ALPHA, BETA, SMOOTH_NR, SMOOTH_DR, EMPTY_CLASS };
enum { OVERLAP, APART, TERMS };

LOSS(tversky) = {
    .title = "Soft Tversky",
    .aliases = "",
    .formula = "1 - (sum(p*t) + smooth_nr)/(sum(p*t) + alpha*sum(p*(1 - t)) + beta*sum(t*(1 - p)) + smooth_dr)",
    .input = { MASK_INPUTS },
    .param = { PARAM(alpha, 0.5, AT_LEAST(0), "price of false positives"), PARAM(beta, 0.5, AT_LEAST(0), "price of false negatives"),
               SMOOTHING_PARAMS },
    .claims = NONNEGATIVE | BOUNDED,
    .link = { .kind = LINK_IDENTITY },
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 1, 2, 3.5 },
    .cite = "Salehi, Erdogmus, Gholipour 2017, arXiv:1706.05721",
};

FORMULA void tversky_gather(const real *x, const real *param, real *term)
{
    real p = x[PREDICTION], t = x[TARGET];
    term[OVERLAP] = p * t;
    term[APART] = fma_(param[ALPHA] * p, 1 - t, param[BETA] * t * (1 - p));
}

static double tversky_close(const double *sum, const double *param, double *fact)
{
    pair all = two_sum(sum[OVERLAP], sum[APART]), below = two_sum(all.hi, param[SMOOTH_DR]);
    below.lo += all.lo;
    return close_overlap(two_sum(sum[OVERLAP], param[SMOOTH_NR]), below, sum[APART], param[SMOOTH_DR] - param[SMOOTH_NR],
                         param[EMPTY_CLASS] != 0, fact);
}

FORMULA slope tversky_spread(const real *x, real w, const real *fact, const real *param)
{
    real p = x[PREDICTION], t = x[TARGET], each = w * fact[INVERSE], square = w * w * fact[INVERSE_SQUARED];
    real by_p = fma_(param[ALPHA], 1 - t, t * (1 - param[BETA])), by_t = fma_(param[BETA], 1 - p, p * (1 - param[ALPHA]));
    real lp = fma_(fact[SCORE], by_p, -t), lt = fma_(fact[SCORE], by_t, -p);
    return (slope){ .grad = { each * lp, each * lt }, .hess = { -2 * square * (lp * by_p), -2 * square * (lt * by_t) } };
}

KERNELS(sums, tversky, TERMS, TERMS, NO_ONES)
