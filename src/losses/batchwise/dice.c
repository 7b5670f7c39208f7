/*
 * One minus twice the overlap over the two sizes. A pixel's slope knows the whole picture through a few numbers, and a rare
 * class counts as much as a common one: the reason why segmentation likes it.
 */
#include "sums.h"

enum { PREDICTION, TARGET };
enum { SQUARED, SMOOTH_NR, SMOOTH_DR, EMPTY_CLASS };
enum { OVERLAP, APART, PREDICTIONS, TARGETS, TERMS };

LOSS(dice) = {
    .title = "Soft Dice",
    .aliases = "soft_dice",
    .formula = "1 - (2*sum(p*t) + smooth_nr)/(sum(p) + sum(t) + smooth_dr), with p^2 and t^2 below if squared",
    .input = { MASK_INPUTS },
    .param = { FLAG(squared, 0, "sizes are sums of squares"), SMOOTHING_PARAMS },
    .claims = NONNEGATIVE | BOUNDED,
    .link = { .kind = LINK_IDENTITY },
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 2, 2, 3 },
    .cite = "Milletari, Navab, Ahmadi 2016, arXiv:1606.04797",
};

/* Sizes minus twice the overlap, as a sum that cancels nothing: p(1 - t) + t(1 - p), or (p - t)^2. */
FORMULA void dice_gather(const real *x, const real *param, real *term)
{
    real p = x[PREDICTION], t = x[TARGET], r = p - t;
    int squared = param[SQUARED] != 0;
    term[OVERLAP] = p * t;
    term[APART] = squared ? r * r : fma_(p, 1 - t, t * (1 - p));
    term[PREDICTIONS] = squared ? p * p : p;
    term[TARGETS] = squared ? t * t : t;
}

static double dice_close(const double *sum, const double *param, double *fact)
{
    pair sizes = two_sum(sum[PREDICTIONS], sum[TARGETS]), below = two_sum(sizes.hi, param[SMOOTH_DR]);
    below.lo += sizes.lo;
    return close_overlap(two_sum(2 * sum[OVERLAP], param[SMOOTH_NR]), below, sum[APART], param[SMOOTH_DR] - param[SMOOTH_NR],
                         param[EMPTY_CLASS] != 0, fact);
}

/* score * p - t, which near a perfect prediction is (p - t) - distance * p */
FORMULA real lean(real p, real t, const real *fact)
{
    real near = (p - t) - fact[DISTANCE] * p, far = fma_(fact[SCORE], p, -t);
    return fact[DISTANCE] < (real)0.5 ? near : far;
}

FORMULA slope dice_spread(const real *x, real w, const real *fact, const real *param)
{
    real p = x[PREDICTION], t = x[TARGET], each = w * fact[INVERSE], square = w * w * fact[INVERSE_SQUARED];
    int squared = param[SQUARED] != 0;
    real near_p = 2 * lean(p, t, fact), near_t = 2 * lean(t, p, fact); /* all at hand before the choice, so that it is no branch */
    real flat_p = fact[SCORE] - 2 * t, flat_t = fact[SCORE] - 2 * p;
    real lp = squared ? near_p : flat_p, lt = squared ? near_t : flat_t;
    real twice_p = 2 * p, twice_t = 2 * t, by_p = squared ? twice_p : 1, by_t = squared ? twice_t : 1; /* how the sizes grow */
    real curved = 2 * each * fact[SCORE], bend = squared ? curved : 0;
    return (slope){ .grad = { each * lp, each * lt }, .hess = { bend - 2 * square * (lp * by_p), bend - 2 * square * (lt * by_t) } };
}

KERNELS(sums, dice, TERMS, TERMS, NO_ONES)
