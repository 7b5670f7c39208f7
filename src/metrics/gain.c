/*
 * Equal scores share their places: each gets the mean gain at every one of them.
 */
#include "gain.h"

static double gain(const metric_cases *c, int64_t i) { return c->param[GAIN] == GAIN_EXPONENTIAL ? gain_of(c->target[i]) : c->target[i]; }

double libloss__discounted_gain(const metric_cases *c, const double *score, int ties)
{
    const ranked *order = list_order(c, score);
    const int64_t places = list_places(c);
    pair sum = { 0, 0 };
    for (int64_t at = 0, next; at < places; at = next) {
        pair gains = { 0, 0 }, discounts = { 0, 0 };
        for (next = at; next < c->count && (next == at || (ties == TIES_AVERAGE && score[order[next].item] == score[order[at].item]));
             next++) {
            add_to(&gains, gain(c, order[next].item));
            if (next < places) add_pair_to(&discounts, discount_of((double)next));
        }
        add_to(&sum, close_sum(gains) / (double)(next - at) * close_sum(discounts));
    }
    return close_sum(sum);
}
