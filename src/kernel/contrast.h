/*
 * Contrastive losses: a matrix of similarities in which every row is an anchor, and its columns are positives, negatives or
 * absent. An anchor's value is a price of three facts: the log-sum-exp of its negatives' and of its positives' logits, and the mean
 * of its positives' logits. Rows of embeddings are a matrix product away, which stays outside.
 *
 * Logits are pairs and only their differences are raised to powers, since a rounding of a logit of size 50 alone would cost 50
 * units in the last place of its exponential.
 */
#ifndef LIBLOSS_KERNEL_CONTRAST_H
#define LIBLOSS_KERNEL_CONTRAST_H

#include "unit.h"

enum { NEGATIVE, POSITIVE, ABSENT };

typedef struct {
    pair gap; /* log-sum-exp of the negatives minus that of the positives; -inf: no negatives, +inf: no positives */
    double spread; /* log-sum-exp of the positives minus their mean */
    int64_t positives, negatives;
} anchor;

/* Value, derivatives by both log-sum-exps (first and second), and by both the positives' and their mean together: a difference that
 * the price knows without cancellation. Linear in the mean. */
typedef struct {
    double value, by_negatives, by_positives, by_positives_and_mean, bend_negatives, bend_positives;
} price;

typedef struct {
    pair value;
    double slope, slope_squared; /* by the similarity */
} logit;

typedef logit logit_formula(double similarity, int kind, const double *param);
typedef price price_formula(const anchor *a, const double *param);

/* One side of one anchor: n similarities, their kinds; gradient and Hessian by each. The scratch has room for n doubles thrice. */
typedef struct {
    int64_t n;
    const double *s, *kind;
    double *hi, *lo, *e;
} contrast_side;

typedef struct {
    int64_t top, count; /* index of the largest logit */
    pair max;
    pair others, sum; /* of e^(u - max): without the largest, with it */
    double mean; /* of u - max */
} contrast_group;

FORMULA contrast_group sum_group(const contrast_side *side, int kind)
{
    contrast_group g = { .top = -1 };
    for (int64_t j = 0; j < side->n; j++) {
        if ((int)side->kind[j] != kind) continue;
        g.count++;
        if (g.top < 0 || side->hi[j] > g.max.hi || (side->hi[j] == g.max.hi && side->lo[j] > g.max.lo)) {
            g.top = j;
            g.max = (pair){ side->hi[j], side->lo[j] };
        }
    }
    pair others = { 0, 0 }, mean = { 0, 0 };
    for (int64_t j = 0; j < side->n && g.top >= 0; j++) {
        if ((int)side->kind[j] != kind || j == g.top) continue;
        add_to(&others, side->e[j]);
        add_to(&mean, side->hi[j] - g.max.hi);
        add_to(&mean, side->lo[j] - g.max.lo);
    }
    g.others = fast_two_sum(others.hi, others.lo);
    g.sum = two_sum(1, g.others.hi);
    g.sum.lo += g.others.lo;
    g.mean = g.count ? close_sum(mean) / (double)g.count : 0;
    return g;
}

/* e^(u - max of its kind) for every column. */
FORMULA void raise_all(const contrast_side *side, const pair max[2])
{
    const double *kind = side->kind, *hi = side->hi, *lo = side->lo;
    double *e = side->e;
    const pair neg = max[NEGATIVE], pos = max[POSITIVE];
    const int64_t n = side->n;
    VECTOR_LOOP
    for (int64_t j = 0; j < n; j++) {
        double top = kind[j] == POSITIVE ? pos.hi : neg.hi, low = kind[j] == POSITIVE ? pos.lo : neg.lo;
        pair d = two_diff(hi[j], top);
        d.lo += lo[j] - low;
        double x = exp_pair(d);
        e[j] = kind[j] == ABSENT ? 0 : x;
    }
}

FORMULA void find_max(const contrast_side *side, pair max[2])
{
    for (int k = 0; k < 2; k++) {
        max[k] = (pair){ -__builtin_inf(), 0 };
        for (int64_t j = 0; j < side->n; j++)
            if ((int)side->kind[j] == k &&
                (side->hi[j] > max[k].hi || (side->hi[j] == max[k].hi && side->lo[j] > max[k].lo) || side->hi[j] != side->hi[j]))
                max[k] = (pair){ side->hi[j], side->lo[j] };
    }
}

FORMULA pair log_of_sum(const contrast_group *g)
{
    pair log = log1p_to_pair(g->others), sum = two_sum(g->max.hi, log.hi);
    sum.lo += g->max.lo + log.lo;
    return sum;
}

/* Adds factor * derivative to grad and hess, `stride` apart, and share * the derivative by the temperature to by; NULL: not wanted. */
FORMULA double one_side(const contrast_side *side, logit_formula *f, price_formula *pay, const double *param, double factor, double *grad,
                        double *hess, int64_t stride, double *by, double part)
{
    for (int64_t j = 0; j < side->n; j++) {
        pair u = f(side->s[j], (int)side->kind[j], param).value;
        side->hi[j] = u.hi;
        side->lo[j] = u.lo;
    }
    pair max[2];
    find_max(side, max);
    raise_all(side, max);
    contrast_group neg = sum_group(side, NEGATIVE), pos = sum_group(side, POSITIVE);
    anchor a = { .gap = { 0, 0 }, .spread = 0, .positives = pos.count, .negatives = neg.count };
    if (neg.count && pos.count) {
        pair n = log_of_sum(&neg), p = log_of_sum(&pos), gap = two_diff(n.hi, p.hi);
        a.gap = (pair){ gap.hi, gap.lo + (n.lo - p.lo) };
    } else {
        a.gap.hi = neg.count ? __builtin_inf() : -__builtin_inf();
    }
    a.spread = log1p_to_pair(pos.others).hi - pos.mean;
    price cost = pay(&a, param);
    pair sum = { 0, 0 };
    double rate = 0; /* -u/temperature of each logit u, but since slopes add up to 0, only differences from the best positive count */
    for (int64_t j = 0; j < side->n && (grad || hess || by); j++) {
        const int kind = (int)side->kind[j];
        if (kind == ABSENT) continue;
        const contrast_group *g = kind == POSITIVE ? &pos : &neg;
        const logit u = f(side->s[j], kind, param);
        const pair own = { j == g->top ? 1 : side->e[j], 0 }, less = two_diff(g->sum.hi, own.hi);
        const double share = pair_div(own, g->sum); /* in its group */
        const double rest = pair_div(j == g->top ? g->others : (pair){ less.hi, less.lo + g->sum.lo }, g->sum);
        const double first = kind == NEGATIVE ? cost.by_negatives : cost.by_positives;
        const double second = kind == NEGATIVE ? cost.bend_negatives : cost.bend_positives;
        const double even = 1 / (double)pos.count;
        const double d = kind == NEGATIVE ? first * share
                         : pos.count == 1 ? cost.by_positives_and_mean
                                          : first * (share - even) + cost.by_positives_and_mean * even;
        if (grad) grad[j * stride] += factor * (u.slope * d);
        if (by && d != 0) {
            const pair away = two_diff(side->hi[j], pos.max.hi);
            add_to(&sum, (away.hi + (away.lo + (side->lo[j] - pos.max.lo))) * d);
            rate = -u.slope;
        }
        if (hess) hess[j * stride] += factor * (u.slope_squared * (share * (second * share + first * rest)));
    }
    if (by) *by += part * (rate * close_sum(sum));
    return cost.value;
}

enum { TWO_SIDED = 1, SELF_IS_ABSENT = 2 };

/* The row of the other view, which stands half of all views further on; -1 if it is absent. */
FORMULA int64_t other_view(const loss_unit *u, int64_t i)
{
    if (!u->row) return (i + u->rows / 2) % u->rows;
    const int64_t other = (u->row[i] + u->rows / 2) % u->rows;
    for (int64_t j = 0; j < u->length; j++)
        if (u->row[j] == other) return j;
    return -1;
}

/* Inputs: similarities; the number of each row's positive column (optional: its own, or with SELF_IS_ABSENT that of its other view,
 * half the rows further); or, with `by_label`, a label per row. */
FORMULA void run_contrast(const loss_unit *u, logit_formula *f, price_formula *pay, int flags, int by_label)
{
    const int64_t rows = u->length, columns = u->width;
    const int64_t *index = u->index[1];
    double *kind = u->work, *column = kind + columns;
    contrast_side side = { .kind = kind, .hi = column + columns, .lo = column + 2 * columns, .e = column + 3 * columns };
    const double half = flags & TWO_SIDED ? 0.5 : 1;
    double *by = u->by[0];
    for (int64_t i = 0; i < rows; i++) {
        const int64_t own = by_label ? -1 : index ? index[i] : flags & SELF_IS_ABSENT ? other_view(u, i) : i;
        const double factor = half * u->factor[i];
        for (int64_t j = 0; j < columns; j++) {
            const int same = by_label ? j < rows && index[j] == index[i] : j == own;
            kind[j] = (flags & SELF_IS_ABSENT) && j == i ? ABSENT : same ? POSITIVE : NEGATIVE;
        }
        side.n = columns;
        side.s = u->input[0] + i * columns;
        if (by) by[i] = 0;
        u->value[i] = half * one_side(&side, f, pay, u->param, factor, u->grad[0] ? u->grad[0] + i * columns : NULL,
                                      u->hess[0] ? u->hess[0] + i * columns : NULL, 1, by ? by + i : NULL, half);
        if (!(flags & TWO_SIDED)) continue;
        for (int64_t k = 0; k < rows; k++) {
            kind[k] = k == i ? POSITIVE : NEGATIVE;
            column[k] = u->input[0][k * columns + own];
        }
        side.n = rows;
        side.s = column;
        u->value[i] += half * one_side(&side, f, pay, u->param, factor, u->grad[0] ? u->grad[0] + own : NULL,
                                       u->hess[0] ? u->hess[0] + own : NULL, columns, by ? by + i : NULL, half);
    }
}

/* What a softmax over all candidates pays: ln(all) - mean of the positives. */
FORMULA price softmax_price(const anchor *a)
{
    if (a->positives == 0) return (price){ .value = 0 }; /* nothing to find: nothing to pay */
    sigmoid_parts s = sigmoid_parts_pair(a->gap);
    return (price){
        .value = s.softplus + a->spread,
        .by_negatives = s.p,
        .by_positives = s.q,
        .by_positives_and_mean = -s.p,
        .bend_negatives = s.pq,
        .bend_positives = s.pq,
    };
}

FORMULA logit divided_by(double s, double temperature)
{
    const pair tau = { temperature, 0 }, inverse = pair_div_to_pair((pair){ 1, 0 }, tau);
    return (logit){ pair_div_to_pair((pair){ s, 0 }, tau), inverse.hi, pair_div(inverse, tau) };
}

static int64_t contrast_work(int64_t length, int64_t width, const int64_t *counts)
{
    (void)length, (void)counts;
    return 5 * width;
}

/* Wires name_logit and name_price. `flags_` may depend on the parameters `p`. */
#define KERNELS_contrast(name_, flags_, by_label_)                        \
    static void name_##_unit(const loss_unit *u)                          \
    {                                                                     \
        const double *p = u->param;                                       \
        (void)p;                                                          \
        run_contrast(u, name_##_logit, name_##_price, flags_, by_label_); \
    }                                                                     \
    UNIT_TABLE(name_, UNIT_MATRIX, PER_ROW, name_##_unit, contrast_work)

#endif
