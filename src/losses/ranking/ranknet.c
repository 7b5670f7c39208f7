/*
 * Of two documents the more relevant one should score higher: the logistic loss of every such pair of a query.
 */
#include "ranking.h"

enum { KAPPA };

LOSS(ranknet) = {
    .title = "RankNet",
    .aliases = "rank_pairwise",
    .formula = "sum over pairs with target_i > target_j of softplus(-kappa*(p_i - p_j))",
    .input = { RANKING_INPUTS },
    .param = { PARAM(kappa, 1, ABOVE(0), "steepness") },
    .claims = CONVEX | NONNEGATIVE | DIFFERENTIABLE | TWICE_DIFFERENTIABLE | LIPSCHITZ,
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 1, 2, 1 },
    .cite = "Burges et al. 2005, doi:10.1145/1102351.1102363",
};

FORMULA pair_jet ranknet_pair(pair d, const double *param) { return logistic_pair(d, param[KAPPA]); }

FORMULA double ranknet_importance(place better, place worse, double ideal, const double *param)
{
    (void)better, (void)worse, (void)ideal, (void)param;
    return 1;
}

KERNELS(ranking, ranknet, 0)
