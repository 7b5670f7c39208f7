/*
 * Ranking losses of pairs: in every query each document is compared with those that are less relevant. A pair costs a function of
 * the difference of scores, times what the two places are worth. A query with one level of relevance costs nothing.
 */
#ifndef LIBLOSS_KERNEL_RANKING_H
#define LIBLOSS_KERNEL_RANKING_H

#include "unit.h"

#define RANKING_INPUTS                                                                                                                 \
    INPUT(prediction, KIND_REAL, DIFFERENTIABLE_INPUT, "scores of documents; without groups each row of the last axis is a query"),    \
        INPUT(target, KIND_REAL, 0, "relevance of each document; only larger and smaller matter, and gains where they are used"),      \
    {                                                                                                                                  \
        .name = "groups", .description = "offsets of the queries in a run of documents, from 0 to their number; shape (queries + 1,)", \
        .kind = KIND_OFFSETS, .shape = OTHER_SHAPE, .flags = OPTIONAL                                                                  \
    }

/* By the difference of scores, the more relevant document's minus the other's. */
typedef struct {
    double value, grad, hess;
} pair_jet;

/* A document's place in the order of scores (0 is the top), and what it is worth there. */
typedef struct {
    double relevance, gain;
    pair discount; /* in two parts, since importances take differences of neighbours */
    int64_t rank;
} place;

typedef pair_jet pair_formula(pair difference, const double *param);
typedef double importance_formula(const place *better, const place *worse, double ideal, const double *param);

/* 2^x - 1, the customary gain of relevance x; exact for whole x */
FORMULA double gain_of(double x)
{
    const double inside = x < -1000 ? -1000 : x > 1000 ? 1000 : x, k = (inside + ROUNDER) - ROUNDER, whole = power_of_two(k);
    return x - x == 0 ? whole * expm1_((x - k) * (LN2_HI + LN2_LO)) + (whole - 1) : x;
}

/* 1/log2(rank + 2) */
FORMULA pair discount_of(int64_t rank) { return pair_div_to_pair((pair){ LN2_HI, LN2_LO }, log_to_pair((pair){ (double)rank + 2, 0 })); }

/* Places of all documents; returns the ideal sum of discounted gains. The scratch has room for 3 n numbers. */
FORMULA double find_places(const loss_unit *u, place *at, int64_t *order)
{
    const int64_t n = u->length;
    double *key = (double *)(void *)(order + 2 * n);
    for (int64_t i = 0; i < n; i++) key[i] = -u->input[0][i];
    sort_by(key, n, order, order + n);
    for (int64_t k = 0; k < n; k++) at[order[k]].rank = k;
    for (int64_t i = 0; i < n; i++) {
        at[i].relevance = u->input[1][i];
        at[i].gain = gain_of(u->input[1][i]);
        at[i].discount = discount_of(at[i].rank);
        key[i] = -u->input[1][i];
    }
    sort_by(key, n, order, order + n);
    pair ideal = { 0, 0 };
    for (int64_t k = 0; k < n; k++) add_to(&ideal, at[order[k]].gain * discount_of(k).hi);
    return close_sum(ideal);
}

FORMULA void run_pairs(const loss_unit *u, pair_formula *f, importance_formula *worth, const int by_place)
{
    const int64_t n = u->length;
    const double *s = u->input[0], *y = u->input[1];
    place *at = (place *)(void *)u->work;
    pair *grad = (pair *)(void *)(at + n), *hess = grad + n;
    const double ideal = by_place ? find_places(u, at, (int64_t *)(void *)(hess + n)) : 0;
    pair value = { 0, 0 };
    for (int64_t i = 0; i < n; i++) {
        grad[i] = hess[i] = (pair){ 0, 0 };
        if (!by_place) at[i] = (place){ .relevance = y[i] };
    }
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < n; j++) {
            if (!(y[i] > y[j])) continue;
            const double w = worth(&at[i], &at[j], ideal, u->param);
            if (w == 0) continue;
            const pair_jet p = f(two_diff(s[i], s[j]), u->param);
            add_to(&value, w * p.value);
            add_to(&grad[i], w * p.grad);
            add_to(&grad[j], -w * p.grad);
            add_to(&hess[i], w * p.hess);
            add_to(&hess[j], w * p.hess);
        }
    }
    u->value[0] = close_sum(value);
    for (int64_t i = 0; i < n; i++) {
        if (u->grad[0]) u->grad[0][i] = close_sum(grad[i]);
        if (u->hess[0]) u->hess[0][i] = close_sum(hess[i]);
    }
}

/* softplus(-kappa d) */
FORMULA pair_jet logistic_pair(pair d, double kappa)
{
    pair x = two_product(kappa, d.hi);
    x.lo += kappa * d.lo;
    sigmoid_parts s = sigmoid_parts_pair((pair){ -x.hi, -x.lo });
    return (pair_jet){ .value = s.softplus, .grad = -kappa * s.p, .hess = kappa * kappa * s.pq };
}

static inline int64_t ranking_work(int64_t length, int64_t width, const int64_t *counts)
{
    (void)counts;
    return length * width * ((int64_t)(sizeof(place) + 2 * sizeof(pair)) / 8 + 3);
}

/* Wires name_pair and name_importance; `by_place_` 1: the importance looks at places. */
#define KERNELS_ranking(name_, by_place_)                                                                       \
    static void name_##_unit(const loss_unit *u) { run_pairs(u, name_##_pair, name_##_importance, by_place_); } \
    UNIT_TABLE(name_, UNIT_GROUP, PER_UNIT, name_##_unit, ranking_work)

#endif
