/*
 * Cases are sorted by score, and those of equal score by weight, so that sums of weights are taken in an order that the data's own order
 * cannot change.
 */
#include "curve.h"

curve libloss__curve(const metric_cases *c, int64_t k, int64_t against)
{
    const double *score = c->prediction + (c->width > 1 ? k : 0);
    ranked *a = (ranked *)(void *)c->work, *room = a + c->count;
    curve v = { .weight = c->weight };
    for (int64_t i = 0; i < c->count; i++) {
        const int64_t label = (int64_t)c->target[i];
        if (against >= 0 && label != k && label != against) continue;
        a[v.count++] = (ranked){ rank_key(score[i * c->width]), 2 * i + (label == k) };
    }
    ranked *sorted = sort_ranked(a, room, v.count);
    if (c->weight) sort_ties(sorted, sorted == a ? room : a, v.count, c->weight, 1);
    v.order = sorted;
    pair positive, negative;
    v.left = v.count;
    while (libloss__next_step(&v, &positive, &negative)) {
        v.positives = pair_add(v.positives, positive);
        v.negatives = pair_add(v.negatives, negative);
    }
    v.left = v.count;
    return v;
}

int libloss__next_step(curve *c, pair *positive, pair *negative)
{
    *positive = *negative = as_pair(0);
    if (c->left == 0) return 0;
    const uint64_t key = c->order[c->left - 1].key;
    while (c->left > 0 && c->order[c->left - 1].key == key) {
        const int64_t item = c->order[--c->left].item;
        add_to(item % 2 ? positive : negative, c->weight ? c->weight[item / 2] : 1);
    }
    return 1;
}

int libloss__any_nan(const metric_cases *c)
{
    for (int64_t i = 0; i < c->count * c->width; i++)
        if (c->prediction[i] != c->prediction[i]) return 1;
    return 0;
}

void libloss__average_classes(int average, double *values, const double *weight, int64_t classes)
{
    pair sum = { 0, 0 }, weights = { 0, 0 };
    for (int64_t k = 0; k < classes && average != AVERAGE_NONE; k++) {
        const double w = average == AVERAGE_WEIGHTED ? weight[k] : 1;
        if (values[k] != values[k] || w == 0) continue;
        add_to(&sum, w * values[k]);
        add_to(&weights, w);
    }
    if (average != AVERAGE_NONE) values[0] = close_sum(sum) / close_sum(weights);
}
