/*
 * RankNet's pairs, each counted by what swapping the two would do to NDCG. Its slopes are not the gradient of NDCG, which has
 * none: they take the places for fixed, and point where NDCG grows. The value is the sum whose slope they are.
 */
#include "ranking.h"

enum { KAPPA, TRUNCATION };

LOSS(lambdarank) = {
    .title = "LambdaRank",
    .aliases = "rank_ndcg",
    .formula = "sum over pairs with target_i > target_j of |change of NDCG by swapping i and j|*softplus(-kappa*(p_i - p_j))",
    .input = { RANKING_INPUTS },
    .param = { PARAM(kappa, 1, ABOVE(0), "steepness"),
               PARAM(truncation, 30, WITHIN_INTEGERS(1, 9007199254740992.0), "pairs below this place on both sides do not count") },
    .claims = NONNEGATIVE,
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 2, 2, 2 },
    .cite = "Burges 2010, From RankNet to LambdaRank to LambdaMART, MSR-TR-2010-82",
};

FORMULA pair_jet lambdarank_pair(pair d, const double *param) { return logistic_pair(d, param[KAPPA]); }

FORMULA double lambdarank_importance(place better, place worse, double ideal, const double *param)
{
    const double truncation = param[TRUNCATION];
    const int seen = (better.rank < truncation) | (worse.rank < truncation);
    const pair apart = two_diff(better.discount.hi, worse.discount.hi);
    const double change = apart.hi + (apart.lo + (better.discount.lo - worse.discount.lo));
    const double worth = (better.gain - worse.gain) * abs_(change) / ideal;
    return (seen & (ideal > 0)) ? worth : 0;
}

KERNELS(ranking, lambdarank, 1)
