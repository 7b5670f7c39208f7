/*
 * Two scores and the probability that the first should be higher: cross-entropy of their difference, read as a logit. With target 1 (a
 * number does for all pairs) it is the loss of a preferred and a rejected one, as reward models, BPR and RankNet have it.
 *
 * A pair is a pair here, whoever made it. All pairs of a query at once are another loss with other inputs (scores, relevance, offsets
 * of queries) and so under another name: one name that changed its inputs could have neither a signature nor a shape.
 */
#define INSIDE_F64
#define MAY_UNDERFLOW EVERYWHERE
#define INPUTS 3
#include "pointwise.h"

enum { FIRST, SECOND, TARGET };
enum { KAPPA };

LOSS(pairwise_logistic) = {
    .title = "Pairwise logistic",
    .aliases = "bpr pair_logit",
    .formula = "t*softplus(-x) + (1 - t)*softplus(x) where x = kappa*(first - second)",
    .input = { INPUT(first, KIND_REAL, DIFFERENTIABLE_INPUT, "a score"), INPUT(second, KIND_REAL, DIFFERENTIABLE_INPUT, "another score"),
               INPUT(target, KIND_PROBABILITY, DIFFERENTIABLE_INPUT, "probability in [0, 1] that first should be higher") },
    .param = { PARAM(kappa, 1.0, ABOVE(0), "steepness: what one unit of difference is worth") },
    .claims = CONVEX | NONNEGATIVE | DIFFERENTIABLE | TWICE_DIFFERENTIABLE | LIPSCHITZ,
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 2.5, 3.5, 3.5 },
    .cite = "Burges et al. 2005, doi:10.1145/1102351.1102363",
};

FORMULA jet pairwise_logistic(const real *x, const real *param)
{
    real kappa = param[KAPPA], yes = x[TARGET], no = 1 - yes;
    pair apart = two_diff(x[FIRST], x[SECOND]), d = held_above(kappa < 0x1p60 ? 0x1p-300 : 0, apart, param), z = two_product(kappa, d.hi);
    z.lo += kappa * d.lo;
    if (!(z.lo - z.lo == 0)) z.lo = 0; /* where the product overflows it has no remainder */
    sigmoid_parts s = sigmoid_parts_at(z, param);
    pair size = choose(z.hi < 0, negative(z), z);
    real wrong = z.hi < 0 ? yes : no; /* the mass on the side that the scores speak against */
    real little = is_faint(param) && wrong > 0x1p-900 ? unless_below(0x1p-1022, s.little) : s.little;
    real pull = times_ordinary(s.p, no, param) - times_ordinary(s.q, yes, param), slope = times_ordinary(pull, kappa, param);
    real bend = times_ordinary(times_ordinary(s.pq, kappa, param), kappa, param);
    return (jet){
        .value = wrong == 0 ? s.little : fma_(wrong, size.hi, fma_(wrong, size.lo, little)),
        .grad = { slope, -slope, -made_of(d, z.hi, times_ordinary(apart.hi, kappa, param), param) },
        .hess = { bend, bend, 0 },
        .upper = { bend, bend, 1 },
    };
}

KERNELS(pointwise, pairwise_logistic)
