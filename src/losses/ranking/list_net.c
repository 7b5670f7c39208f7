/*
 * The whole list at once: the chance of each document to be the first, by scores and by relevance, and the cross-entropy of the two.
 */
#include "ranking.h"

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
    int64_t top;
    pair others, sum; /* of e^(x - max), without the largest and with it */
} list;

/* e^(x - max) of every number, and their sum. */
static list raise(const double *x, int64_t n, double *e)
{
    list l = { 0, { 0, 0 }, { 0, 0 } };
    pair others = { 0, 0 };
    for (int64_t i = 1; i < n; i++)
        if (x[i] > x[l.top] || x[i] != x[i]) l.top = i;
    const double top = x[l.top];
    VECTOR_LOOP
    for (int64_t i = 0; i < n; i++) e[i] = exp_pair(two_diff(x[i], top));
    for (int64_t i = 0; i < n; i++)
        if (i != l.top) add_to(&others, e[i]);
    l.others = fast_two_sum(others.hi, others.lo);
    l.sum = two_sum(1, l.others.hi);
    l.sum.lo += l.others.lo;
    return l;
}

static void list_net_run(const loss_unit *u)
{
    const int64_t n = u->length;
    const double *p = u->input[0], *y = u->input[1];
    double *e = u->work, *mass = e + n;
    pair value = { 0, 0 }, masses = { 0, 0 };
    const int raw = u->param[RAW] != 0;
    if (n == 0) {
        u->value[0] = 0;
        return;
    }
    const list scores = raise(p, n, e), targets = raise(y, n, mass);
    const pair log_rest = log1p_to_pair(scores.others);
    for (int64_t i = 0; i < n; i++) {
        mass[i] = raw ? y[i] : pair_div((pair){ i == targets.top ? 1 : mass[i], 0 }, targets.sum);
        add_to(&masses, mass[i]);
        if (mass[i] == 0) continue;
        pair d = two_diff(p[scores.top], p[i]);
        add_to(&value, mass[i] * (d.hi + (log_rest.hi + (d.lo + log_rest.lo))));
    }
    u->value[0] = close_sum(value);
    const double all = raw ? close_sum(masses) : 1;
    for (int64_t i = 0; i < n; i++) {
        const pair own = { i == scores.top ? 1 : e[i], 0 }, less = two_diff(scores.sum.hi, own.hi);
        const double q = pair_div(own, scores.sum),
                     rest = pair_div(i == scores.top ? scores.others : (pair){ less.hi, less.lo + scores.sum.lo }, scores.sum);
        if (u->grad[0]) u->grad[0][i] = all * q - mass[i];
        if (u->hess[0]) u->hess[0][i] = all * q * rest;
    }
}

static int64_t list_net_work(int64_t length, int64_t width, const int64_t *counts)
{
    (void)counts;
    return 2 * length * width;
}

UNIT_TABLE(list_net, UNIT_GROUP, PER_UNIT, list_net_run, list_net_work)
