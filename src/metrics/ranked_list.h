/*
 * Lists of documents that are ranked by their scores, and judged by their relevance.
 */
#ifndef LIBLOSS_METRICS_RANKED_LIST_H
#define LIBLOSS_METRICS_RANKED_LIST_H

#include "functions.h"
#include "mean.h"
#include "../kernel/order.h"
#define RANKED_INPUTS(relevance_, flags_)                                                                                              \
    INPUT(prediction, KIND_REAL, 0, "scores of documents; without groups each row of the last axis is a query"),                       \
        INPUT(target, relevance_, flags_, "relevance of each document"),                                                               \
    {                                                                                                                                  \
        .name = "groups", .description = "offsets of the queries in a run of documents, from 0 to their number; shape (queries + 1,)", \
        .kind = KIND_OFFSETS, .shape = OTHER_SHAPE, .flags = OPTIONAL                                                                  \
    }

/* The first two parameters of all of them. */
enum { LIST_K, LIST_TIES, LIST_OWN };
enum { TIES_AVERAGE, TIES_ORDER };
#define RANKED_PARAMETERS                                                            \
    OPTIONAL_COUNT(k, 1, 9007199254740992.0, "only the k highest count; none: all"), \
        CHOICE(ties, 0, "average order", "equal scores: the mean over all their orders, or the order in which they stand")

static inline int64_t list_work(int64_t length) { return (ORDER_WORK + 1) * length; }

/* Place in the work for one number per document. */
static inline double *list_keys(const metric_cases *c) { return c->work + ORDER_WORK * c->count; }

/* The documents of a list, best first. */
static inline const ranked *list_order(const metric_cases *c, const double *score)
{
    double *key = list_keys(c);
    for (int64_t i = 0; i < c->count; i++) key[i] = -score[i];
    return order_of(key, NULL, c->count, c->work);
}

static inline int list_has_nan(const metric_cases *c)
{
    for (int64_t i = 0; i < c->count; i++)
        if (c->prediction[i] != c->prediction[i] || c->target[i] != c->target[i]) return 1;
    return 0;
}

/* How many places count. */
static inline int64_t list_places(const metric_cases *c)
{
    const double k = c->param[LIST_K];
    return k > 0 && k < (double)c->count ? (int64_t)k : c->count;
}

#endif
