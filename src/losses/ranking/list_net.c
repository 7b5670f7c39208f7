/*
 * The whole list at once: the chance of each document to be the first, by scores and by relevance, and the cross-entropy of the two.
 */
#include "ranking.h"

#include "lanes.h"

enum { RAW };

LOSS(list_net) = {
    .title = "ListNet",
    .aliases = "softmax_ranking",
    .formula = "-sum over i of softmax(target)[i]*log(softmax(p)[i]); with raw, target itself in place of its softmax",
    .input = { RANKING_INPUTS },
    .param = { FLAG(raw, 0, "relevances count as they are, instead of their softmax") },
    .claims = CONVEX | DIFFERENTIABLE | TWICE_DIFFERENTIABLE | LIPSCHITZ,
    .ulp_f32 = { 1, 1, 1 },
    .ulp_f64 = { 1, 2, 2 },
    .cite = "Cao et al. 2007, doi:10.1145/1273496.1273513",
};

typedef struct {
    int64_t top; /* index of the largest; -1: nothing but -inf or NaN */
    double max;
    pair others, inverse; /* of e^(x - max): the sum without the largest; 1 / the sum with it */
} list;

/* e^(x - max) of every number, 0 past the last, and their sum. */
FORMULA list raise(const double *x, int64_t n, double *e)
{
    list l = { .top = -1 };
    double most[LANES];
    lanes sum;
    clear_lanes(&sum);
    for (int k = 0; k < LANES; k++) most[k] = -__builtin_inf();
    const int64_t end = n / LANES * LANES;
    for (int64_t i = 0; i < end; i += LANES) {
        LANE_LOOP
        for (int k = 0; k < LANES; k++) most[k] = most[k] < x[i + k] ? x[i + k] : most[k];
    }
    for (int k = 0; k < n - end; k++) most[k] = most[k] < x[end + k] ? x[end + k] : most[k];
    const double top = l.max = largest_lane(most);
    if (top > -__builtin_inf()) {
        for (l.top = 0; most[l.top] != top;) l.top++;
        while (x[l.top] != top) l.top += LANES;
    }
    for (int64_t i = 0; i < whole_lanes(n); i += LANES) {
        LANE_LOOP
        for (int k = 0; k < LANES; k++) {
            const double power = exp_pair(two_diff(x[i + k], top));
            const int there = i + k < n, other = there & (i + k != l.top);
            e[i + k] = there ? power : 0;
            add_to_lane(&sum, k, other ? power : 0);
        }
    }
    const pair others = fold_lanes(&sum);
    l.others = fast_two_sum(others.hi, others.lo);
    l.inverse = pair_div_to_pair(as_pair(1), pair_add(as_pair(1), l.others));
    if (l.top >= 0) e[l.top] = 1;
    return l;
}

static void list_net_run(const loss_unit *u)
{
    const int64_t n = u->length;
    const double *p = u->input[0], *y = u->input[1];
    double *e = u->work, *mass = e + whole_lanes(n), *grad = u->grad[0], *hess = u->hess[0];
    const int raw = u->param[RAW] != 0;
    if (n == 0) {
        u->value[0] = 0;
        return;
    }
    const list scores = raise(p, n, e), targets = raise(y, n, mass);
    const pair log_rest = log1p_to_pair(scores.others);
    lanes value, masses;
    clear_lanes(&value);
    clear_lanes(&masses);
    for (int64_t i = 0; i < whole_lanes(n); i += LANES) {
        LANE_LOOP
        for (int k = 0; k < LANES; k++) {
            const double given = i + k < n ? y[i + k] : 0, share = pair_mul(as_pair(mass[i + k]), targets.inverse).hi,
                         m = raw ? given : share;
            const pair d = two_diff(scores.max, p[i + k]);
            const double price = m * (d.hi + (log_rest.hi + (d.lo + log_rest.lo)));
            mass[i + k] = m;
            add_to_lane(&masses, k, m);
            add_to_lane(&value, k, m == 0 ? 0 : price);
        }
    }
    const double all = raw ? close_sum(fold_lanes(&masses)) : 1;
    u->value[0] = close_sum(fold_lanes(&value));
    if (grad) {
        VECTOR_LOOP
        for (int64_t i = 0; i < n; i++) grad[i] = all * pair_mul(as_pair(e[i]), scores.inverse).hi - mass[i];
    }
    if (hess) {
        VECTOR_LOOP
        for (int64_t i = 0; i < n; i++) { /* the sum without e is others and 1 - e, neither of them negative */
            const pair rest = pair_add(scores.others, two_diff(1, e[i]));
            hess[i] = all * pair_mul(as_pair(e[i]), scores.inverse).hi * pair_mul(rest, scores.inverse).hi;
        }
    }
}

static int64_t list_net_work(int64_t length, int64_t width, const int64_t *counts)
{
    (void)counts;
    return 2 * whole_lanes(length * width);
}

UNIT_TABLE(list_net, UNIT_GROUP, PER_UNIT, list_net_run, list_net_work)
