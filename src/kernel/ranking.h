/*
 * Ranking losses of pairs: in every query each document is compared with those that are less relevant. A pair costs a function of
 * the difference of scores, times what the two places are worth. A query with one level of relevance costs nothing.
 */
#ifndef LIBLOSS_KERNEL_RANKING_H
#define LIBLOSS_KERNEL_RANKING_H

#define CARRIES_REMAINDER (LIBLOSS_BITS == 64)
#include "unit.h"

#include "order.h"
#include "gain.h"
#include "lanes.h"

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

/* What a document is worth where it stands: its gain, its place in the order of scores (0 is the top), and the discount of that place in
 * two parts, since importances take differences of neighbours. */
typedef struct {
    double gain, rank;
    pair discount;
} place;

typedef pair_jet pair_formula(pair difference, const double *param);
typedef double importance_formula(place better, place worse, double ideal, const double *param);

/* Documents by falling relevance, so that those less relevant than one are a run behind it. Each array has a block of lanes to spare. */
typedef struct {
    const ranked *order; /* by what number each has in the inputs */
    double *relevance, *score, *gain, *rank, *discount, *discount_lo, *grad, *grad_lo, *hess, *hess_lo;
    double *work; /* ORDER_WORK for each document, and n more */
} documents;

enum { DOCUMENT_ARRAYS = 10 };

FORMULA documents lay_out(double *work, int64_t n)
{
    const int64_t room = whole_lanes(n) + LANES;
    documents d;
    double **const array[DOCUMENT_ARRAYS] = { &d.relevance,   &d.score, &d.gain,    &d.rank, &d.discount,
                                              &d.discount_lo, &d.grad,  &d.grad_lo, &d.hess, &d.hess_lo };
    for (int k = 0; k < DOCUMENT_ARRAYS; k++) *array[k] = work + k * room;
    d.work = work + DOCUMENT_ARRAYS * room;
    return d;
}

static inline int64_t ranking_work(int64_t length, int64_t width, const int64_t *counts)
{
    const int64_t n = length * width;
    (void)counts;
    return DOCUMENT_ARRAYS * (whole_lanes(n) + LANES) + (2 * ORDER_WORK + 1) * n;
}

/* -x, which an ascending sort puts the largest first by */
FORMULA const ranked *falling(const double *x, int64_t n, double *key, double *work)
{
    for (int64_t i = 0; i < n; i++) key[i] = -x[i];
    return order_of(key, NULL, n, work);
}

/* Fills in what the documents are worth; returns the ideal sum of discounted gains. */
FORMULA double find_places(documents *d, int64_t n, const double *score, double *key, double *work)
{
    for (int64_t k = 0; k < n; k++) key[k] = (double)k; /* which AVX2 has no vectors for */
    VECTOR_LOOP
    for (int64_t k = 0; k < n; k++) {
        const pair each = discount_of(key[k]);
        d->grad[k] = each.hi; /* until the slopes need the room */
        d->grad_lo[k] = each.lo;
    }
    const ranked *by_score = falling(score, n, key, work);
    for (int64_t k = 0; k < n; k++) key[by_score[k].item] = (double)k;
    lanes sum;
    clear_lanes(&sum);
    for (int64_t k = 0; k < n; k++) {
        const int64_t rank = (int64_t)key[d->order[k].item];
        d->rank[k] = (double)rank;
        d->discount[k] = d->grad[rank];
        d->discount_lo[k] = d->grad_lo[rank];
        d->gain[k] = gain_of(d->relevance[k]);
        add_to_lane(&sum, (int)(k % LANES), d->gain[k] * d->grad[k]);
    }
    return close_sum(fold_lanes(&sum));
}

/* Document i against all that are less relevant, the first of which is `from`. */
FORMULA void compare(documents *d, int64_t n, int64_t i, int64_t from, pair_formula *f, importance_formula *worth, double ideal,
                     const double *given, pair *value)
{
    const place better = { d->gain[i], d->rank[i], { d->discount[i], d->discount_lo[i] } };
    const double s = d->score[i], y = d->relevance[i];
    const documents at = *d;
    double param[MAX_PARAMETERS];
    lanes price, slope, bend;
    memcpy(param, given, sizeof param);
    clear_lanes(&price);
    clear_lanes(&slope);
    clear_lanes(&bend);
    for (int64_t j = from; j < n; j += LANES) {
        LANE_LOOP
        for (int l = 0; l < LANES; l++) {
            const place worse = { at.gain[j + l], at.rank[j + l], { at.discount[j + l], at.discount_lo[j + l] } };
            const pair_jet p = f(two_diff(s, at.score[j + l]), param);
            const double w = worth(better, worse, ideal, param);
            const int counts = (j + l < n) & (y > at.relevance[j + l]) & (w != 0);
            const double v = counts ? w * p.value : 0, g = counts ? w * p.grad : 0, h = counts ? w * p.hess : 0;
            const pair grad = two_sum(at.grad[j + l], -g), hess = two_sum(at.hess[j + l], h);
            add_to_lane(&price, l, v);
            add_to_lane(&slope, l, g);
            add_to_lane(&bend, l, h);
            at.grad[j + l] = grad.hi;
            at.grad_lo[j + l] += grad.lo;
            at.hess[j + l] = hess.hi;
            at.hess_lo[j + l] += hess.lo;
        }
    }
    pair grad = { at.grad[i], at.grad_lo[i] }, hess = { at.hess[i], at.hess_lo[i] };
    add_pair_to(value, fold_lanes(&price));
    add_pair_to(&grad, fold_lanes(&slope));
    add_pair_to(&hess, fold_lanes(&bend));
    at.grad[i] = grad.hi, at.grad_lo[i] = grad.lo;
    at.hess[i] = hess.hi, at.hess_lo[i] = hess.lo;
}

FORMULA void run_pairs(const loss_unit *u, pair_formula *f, importance_formula *worth, const int by_place)
{
    const int64_t n = u->length;
    const double *score = u->input[0], *relevance = u->input[1];
    documents d = lay_out(u->work, n);
    double *key = d.work, *work = key + n;
    d.order = falling(relevance, n, key, work);
    for (int64_t k = 0; k < n; k++) {
        d.relevance[k] = relevance[d.order[k].item];
        d.score[k] = score[d.order[k].item];
    }
    const double ideal = by_place ? find_places(&d, n, score, key, work + ORDER_WORK * n) : 0;
    pair value = { 0, 0 };
    for (int64_t k = 0; k < n; k++) d.grad[k] = d.grad_lo[k] = d.hess[k] = d.hess_lo[k] = 0;
    for (int64_t i = 0, from = 0; i < n; i++) {
        if (from <= i) from = i + 1;
        while (from < n && d.relevance[from] == d.relevance[i]) from++;
        if (from < n) compare(&d, n, i, from, f, worth, ideal, u->param, &value);
    }
    u->value[0] = close_sum(value);
    for (int64_t k = 0; k < n; k++) {
        const int64_t i = d.order[k].item;
        if (u->grad[0]) u->grad[0][i] = close_sum((pair){ d.grad[k], d.grad_lo[k] });
        if (u->hess[0]) u->hess[0][i] = close_sum((pair){ d.hess[k], d.hess_lo[k] });
    }
}

/* softplus(-kappa d) */
FORMULA pair_jet logistic_pair(pair d, double kappa)
{
    pair x = two_product(kappa, d.hi);
    x.lo += kappa * d.lo;
    sigmoid_parts s = sigmoid_parts_of((pair){ -x.hi, -x.lo });
    return (pair_jet){ .value = s.softplus, .grad = -kappa * s.p, .hess = kappa * kappa * s.pq };
}

/* Wires name_pair and name_importance; `by_place_` 1: the importance looks at places. */
#define KERNELS_ranking(name_, by_place_)                                                                       \
    static void name_##_unit(const loss_unit *u) { run_pairs(u, name_##_pair, name_##_importance, by_place_); } \
    UNIT_TABLE(name_, UNIT_GROUP, PER_UNIT, name_##_unit, ranking_work)

#endif
