/*
 * Contrastive losses: a matrix of similarities in which every row is an anchor, and its columns are positives, negatives or
 * absent. An anchor pays ln(sum over all of e^(s/temperature)) - the mean of its positives' s/temperature. Rows of embeddings are a
 * matrix product away, which stays outside.
 *
 * Positives and negatives are summed apart, each from its largest similarity on: the value is a softplus of the difference of the two
 * logarithms, which knows how small it is. Differences of similarities are taken before they are divided, since a rounding of a
 * quotient of size 50 alone would cost 50 units in the last place of its exponential.
 */
#ifndef LIBLOSS_KERNEL_CONTRAST_H
#define LIBLOSS_KERNEL_CONTRAST_H

#define CARRIES_REMAINDER (LIBLOSS_BITS == 64) /* differences of f32 data are exact in double, or nearly */
#include "unit.h"

#include "lanes.h"
#define TURNED double
#include "transpose.h"

enum { TEMPERATURE }; /* the first parameter of each of these losses */

#define TEMPERATURE_PARAM(fallback_) LEARNABLE_PARAM(temperature, fallback_, ABOVE(0), "similarity that is worth one nat")

/* Kinds of columns, as numbers that a vector of doubles compares. */
#define NEGATIVE 0.0
#define POSITIVE 1.0
#define ABSENT 2.0

/* One side of one anchor: n similarities and their kinds, and room for n exponentials; all reach on to `padded`, a multiple of LANES,
 * where everything is absent. */
typedef struct {
    int64_t n, padded, positives, positive; /* `positive`: the only one; -1: not known */
    const double *s, *kind;
    double *e, *grad, *hess; /* derivatives are added to what stands there; NULL: not wanted */
} contrast_side;

/* A temperature so small that its inverse overflows divides numbers that were lifted by a power of two. */
typedef struct {
    double lift, slope, slope_squared; /* slopes by the similarity */
    pair inverse; /* of the lifted temperature */
} scale;

/* Columns of one kind. */
typedef struct {
    int64_t top; /* index of the largest similarity; -1: there is none, or nothing but -inf or NaN */
    double max;
    pair others, inverse; /* the sum of e^((s - max)/temperature) without the largest; 1 / the sum with it */
} contrast_group;

FORMULA scale scale_of(double temperature)
{
    const double lift = temperature < 0x1p-900 ? 0x1p200 : 1;
    const pair one = as_pair(1), inverse = pair_div_to_pair(one, as_pair(temperature));
    return (scale){ lift, inverse.hi, pair_div(inverse, as_pair(temperature)), pair_div_to_pair(one, as_pair(temperature * lift)) };
}

/* (a - b)/temperature */
FORMULA pair apart(double a, double b, const scale *by) { return pair_mul(scale_pair(two_diff(a, b), by->lift), by->inverse); }

FORMULA contrast_group find_top(const contrast_side *side, const double kind)
{
    const double *s = side->s, *k = side->kind;
    double most[LANES];
    contrast_group g = { .top = -1, .inverse = as_pair(1) };
    for (int l = 0; l < LANES; l++) most[l] = -__builtin_inf();
    for (int64_t j = 0; j < side->padded; j += LANES) {
        LANE_LOOP
        for (int l = 0; l < LANES; l++) most[l] = k[j + l] == kind && most[l] < s[j + l] ? s[j + l] : most[l];
    }
    const double max = largest_lane(most);
    if (max == -__builtin_inf()) return g; /* differences from 0 do as well: e^-inf is 0, and NaNs stay */
    g.max = max;
    for (g.top = 0; most[g.top] != max;) g.top++;
    while (s[g.top] != max || k[g.top] != kind) g.top += LANES;
    return g;
}

/* The positives' top; one alone needs no search. */
FORMULA contrast_group find_positive(const contrast_side *side, int *alone)
{
    *alone = side->positives == 1 && side->positive >= 0 && side->s[side->positive] > -__builtin_inf();
    if (!*alone) return find_top(side, POSITIVE);
    return (contrast_group){ .top = side->positive, .max = side->s[side->positive], .inverse = as_pair(1) };
}

/* What a group has but for its top, whose exponential is 1. */
FORMULA void close_group(const contrast_side *side, lanes *sum, contrast_group *g)
{
    const pair others = fold_lanes(sum);
    g->others = others.hi - others.hi == 0 ? fast_two_sum(others.hi, others.lo) : (pair){ others.hi, 0 };
    if (g->top >= 0) side->e[g->top] = 1;
    g->inverse = pair_div_to_pair(as_pair(1), pair_add(as_pair(1), g->others));
}

/* e^((s - max of its kind)/temperature) for every column, and the sum of the negatives'. */
FORMULA void raise_all(const contrast_side *side, contrast_group *negative, double max_positive, scale by)
{
    const double *s = side->s, *kind = side->kind, max_negative = negative->max;
    const int64_t top = negative->top;
    double *e = side->e;
    lanes sum;
    clear_lanes(&sum);
    for (int64_t j = 0; j < side->padded; j += LANES) {
        LANE_LOOP
        for (int l = 0; l < LANES; l++) {
            const double k = kind[j + l], x = exp_pair(apart(s[j + l], k == POSITIVE ? max_positive : max_negative, &by));
            e[j + l] = k == ABSENT ? 0 : x;
            add_to_lane(&sum, l, ((k == NEGATIVE) & (j + l != top)) ? x : 0);
        }
    }
    close_group(side, &sum, negative);
}

/* The sum of the positives'. */
FORMULA void sum_positives(const contrast_side *side, contrast_group *g)
{
    const double *k = side->kind, *e = side->e;
    const int64_t top = g->top;
    lanes sum;
    clear_lanes(&sum);
    for (int64_t j = 0; j < side->padded; j += LANES) {
        LANE_LOOP
        for (int l = 0; l < LANES; l++) add_to_lane(&sum, l, ((k[j + l] == POSITIVE) & (j + l != top)) ? e[j + l] : 0);
    }
    close_group(side, &sum, g);
}

/* The mean of (s - max)/temperature of the positives. */
FORMULA double mean_below(const contrast_side *side, double max, scale by)
{
    const double *s = side->s, *k = side->kind;
    lanes sum;
    clear_lanes(&sum);
    for (int64_t j = 0; j < side->padded; j += LANES) {
        LANE_LOOP
        for (int l = 0; l < LANES; l++) {
            pair x = apart(s[j + l], max, &by);
            int there = (k[j + l] == POSITIVE) & (s[j + l] != max); /* an infinite one is not apart from itself */
            add_pair_to_lane(&sum, l, choose(there, x, as_pair(0)));
        }
    }
    return close_sum(fold_lanes(&sum)) / (double)side->positives;
}

/* ln(sum of a kind) but for max/temperature, which is left for a difference. */
FORMULA pair log_beyond(const contrast_group *g)
{
    const int none = g->top < 0 && g->others.hi == 0;
    return none ? as_pair(-__builtin_inf()) : log1p_to_pair(g->others);
}

/* What the derivatives by each similarity of a kind are made of. */
typedef struct {
    pair inverse, others;
    double mass, less, fixed; /* the slope is mass * (share - less) - fixed */
} contrast_slope;

FORMULA double share_of(double e, const contrast_slope *k) { return fma64(e, k->inverse.hi, e * k->inverse.lo); }

FORMULA double slope_of(double e, double kind, const contrast_slope *neg, const contrast_slope *pos)
{
    double own = share_of(e, pos), other = share_of(e, neg);
    double slope = kind == POSITIVE ? fma64(pos->mass, own - pos->less, -pos->fixed) : neg->mass * other;
    return kind == ABSENT ? 0 : slope;
}

/* The sum with e is others + 1; without it that and 1 - e, none of them negative. */
FORMULA double bend_of(double e, double kind, double pq, const contrast_slope *neg, const contrast_slope *pos)
{
    double own = share_of(e, pos), other = share_of(e, neg);
    double rest = (pos->others.hi + ((1 - e) + pos->others.lo)) * pos->inverse.hi;
    double left = (neg->others.hi + ((1 - e) + neg->others.lo)) * neg->inverse.hi;
    double of_positive = own * fma64(pq, own, pos->mass * rest), of_negative = other * fma64(pq, other, neg->mass * left);
    double bend = kind == POSITIVE ? of_positive : of_negative;
    return kind == ABSENT ? 0 : bend;
}

/* The anchor's derivative by the logarithm of the temperature, negative: only differences from the best positive count, since the
 * slopes add up to 0. */
FORMULA double by_temperature(const contrast_side *side, double max, scale t, const contrast_slope *neg, const contrast_slope *pos)
{
    pair sum = { 0, 0 };
    for (int64_t j = 0; j < side->n; j++) {
        const double d = slope_of(side->e[j], side->kind[j], neg, pos);
        if (d != 0) add_to(&sum, close_pair(apart(side->s[j], max, &t)) * d);
    }
    return close_sum(sum);
}

/* The anchor's value; adds factor * its derivatives to the side's, and share * that by the temperature to `by` (NULL: not wanted). */
FORMULA double one_side(const contrast_side *side, scale t, double factor, double *by, double share)
{
    if (side->positives == 0) return 0; /* nothing to find: nothing to pay */
    int alone;
    contrast_group neg = find_top(side, NEGATIVE), pos = find_positive(side, &alone);
    raise_all(side, &neg, pos.max, t);
    if (alone)
        side->e[pos.top] = 1;
    else
        sum_positives(side, &pos);
    const pair gap = pair_add(apart(neg.max, pos.max, &t), pair_sub(log_beyond(&neg), log_beyond(&pos)));
    const sigmoid_parts odds = sigmoid_parts_pair(gap); /* p: what the negatives have of all */
    const int several = side->positives > 1;
    const double value = odds.softplus + (several ? log1p_to_pair(pos.others).hi - mean_below(side, pos.max, t) : 0);

    const double even = 1 / (double)side->positives, slope = factor * t.slope, bend = factor * t.slope_squared;
    const contrast_slope of_neg = { neg.inverse, neg.others, odds.p, 0, 0 },
                         of_pos = { pos.inverse, pos.others, odds.q, even, odds.p * even };
    const double *e = side->e, *kind = side->kind;
    double *grad = side->grad, *hess = side->hess;
    if (grad) {
        VECTOR_LOOP
        for (int64_t j = 0; j < side->n; j++) grad[j] += slope * slope_of(e[j], kind[j], &of_neg, &of_pos);
    }
    if (hess) {
        VECTOR_LOOP
        for (int64_t j = 0; j < side->n; j++) hess[j] += bend * bend_of(e[j], kind[j], odds.pq, &of_neg, &of_pos);
    }
    if (by) *by += share * (-t.slope * by_temperature(side, pos.max, t, &of_neg, &of_pos));
    return value;
}

enum { TWO_SIDED = 1, SELF_IS_ABSENT = 2 };

/* Columns are read and written some at a time, as they lie side by side in memory. */
enum { COLUMNS = 8 };

/* Whether these columns lie side by side. */
FORMULA int are_neighbours(const int64_t *column, int64_t n)
{
    int so = n == COLUMNS;
    for (int64_t c = 1; c < n; c++) so &= column[c] == column[0] + c;
    return so;
}

/* Columns of a matrix, each to a run of `room` numbers of its own. */
FORMULA void take_columns(const double *from, int64_t width, int64_t rows, const int64_t *column, int64_t n, double *to, int64_t room)
{
    const int64_t quads = are_neighbours(column, n) ? rows / QUAD * QUAD : 0;
    for (int64_t k = 0; k < quads; k += QUAD)
        for (int64_t c = 0; c < COLUMNS; c += QUAD) {
            const double *const row[QUAD] = { from + k * width, from + (k + 1) * width, from + (k + 2) * width, from + (k + 3) * width };
            double *const run[QUAD] = { to + c * room, to + (c + 1) * room, to + (c + 2) * room, to + (c + 3) * room };
            turn_quads(row, column[c], run, k, 0);
        }
    for (int64_t k = quads; k < rows; k++)
        for (int64_t c = 0; c < n; c++) to[c * room + k] = from[k * width + column[c]];
}

/* Adds such runs to the columns. */
FORMULA void add_columns(const double *from, int64_t room, double *to, int64_t width, int64_t rows, const int64_t *column, int64_t n)
{
    const int64_t quads = are_neighbours(column, n) ? rows / QUAD * QUAD : 0;
    for (int64_t k = 0; k < quads; k += QUAD)
        for (int64_t c = 0; c < COLUMNS; c += QUAD) {
            const double *const run[QUAD] = { from + c * room, from + (c + 1) * room, from + (c + 2) * room, from + (c + 3) * room };
            double *const row[QUAD] = { to + k * width, to + (k + 1) * width, to + (k + 2) * width, to + (k + 3) * width };
            turn_quads(run, k, row, column[c], 1);
        }
    for (int64_t k = quads; k < rows; k++)
        for (int64_t c = 0; c < n; c++) to[k * width + column[c]] += from[c * room + k];
}

/* The row of the other view, which stands half of all views further on; -1 if it is absent. */
FORMULA int64_t other_view(const loss_unit *u, int64_t i)
{
    if (!u->row) return (i + u->rows / 2) % u->rows;
    const int64_t other = (u->row[i] + u->rows / 2) % u->rows;
    for (int64_t j = 0; j < u->length; j++)
        if (u->row[j] == other) return j;
    return -1;
}

/* The kinds of anchor i's columns; answers how many are positive. `own`: the only one, or -1; `label` of each row, or NULL. */
FORMULA int64_t sort_kinds(double *kind, int64_t columns, int64_t own, const int64_t *label, int64_t rows, int64_t i, int self_is_absent)
{
    int64_t positives = own >= 0;
    for (int64_t j = 0; j < columns; j++) kind[j] = NEGATIVE;
    for (int64_t j = 0; j < rows && label; j++) {
        const int same = label[j] == label[i];
        kind[j] = same ? POSITIVE : NEGATIVE;
        positives += same;
    }
    if (own >= 0) kind[own] = POSITIVE;
    if (self_is_absent) {
        positives -= kind[i] == POSITIVE;
        kind[i] = ABSENT;
    }
    return positives;
}

/* Inputs: similarities; the number of each row's positive column (optional: its own, or with SELF_IS_ABSENT that of its other view,
 * half the rows further); or, with `by_label`, a label per row. */
FORMULA void run_contrast(const loss_unit *u, int flags, int by_label)
{
    const int64_t rows = u->length, columns = u->width, stride = u->stride, room = whole_lanes(columns);
    const int64_t *index = u->index[1];
    const double half = flags & TWO_SIDED ? 0.5 : 1;
    const scale t = scale_of(u->param[TEMPERATURE]);
    double *kind = u->work, *e = kind + room, *s = e + room, *slopes = s + COLUMNS * room, *bends = slopes + COLUMNS * room;
    int64_t own[COLUMNS];
    contrast_side side = { .kind = kind, .e = e };
    for (int64_t j = 0; j < room; j++) kind[j] = ABSENT;
    for (int64_t start = 0; start < rows; start += COLUMNS) {
        const int64_t here = rows - start < COLUMNS ? rows - start : COLUMNS;
        for (int64_t c = 0; c < here; c++) {
            const int64_t i = start + c;
            double *by = u->by[0] ? u->by[0] + i : NULL;
            own[c] = by_label ? -1 : index ? index[i] : flags & SELF_IS_ABSENT ? other_view(u, i) : i;
            side.n = columns;
            side.padded = room;
            side.positive = own[c];
            side.positives = sort_kinds(kind, columns, own[c], by_label ? index : NULL, rows, i, flags & SELF_IS_ABSENT);
            side.s = memcpy(s, u->input[0] + i * stride, (size_t)columns * sizeof *s);
            side.grad = u->grad[0] ? u->grad[0] + i * stride : NULL;
            side.hess = u->hess[0] ? u->hess[0] + i * stride : NULL;
            if (by) *by = 0;
            u->value[i] = half * one_side(&side, t, half * u->factor[i], by, half);
        }
        if (!(flags & TWO_SIDED)) continue;
        take_columns(u->input[0], stride, rows, own, here, s, room);
        side.n = rows;
        side.padded = whole_lanes(rows);
        side.positives = 1;
        for (int64_t j = 0; j < side.padded; j++) kind[j] = j < rows ? NEGATIVE : ABSENT;
        for (int64_t c = 0; c < here; c++) {
            const int64_t i = start + c;
            kind[i] = POSITIVE;
            side.positive = i;
            side.s = s + c * room;
            side.grad = u->grad[0] ? memset(slopes + c * room, 0, (size_t)rows * sizeof *slopes) : NULL;
            side.hess = u->hess[0] ? memset(bends + c * room, 0, (size_t)rows * sizeof *bends) : NULL;
            u->value[i] += half * one_side(&side, t, half * u->factor[i], u->by[0] ? u->by[0] + i : NULL, half);
            kind[i] = NEGATIVE;
        }
        for (int64_t j = 0; j < side.padded; j++) kind[j] = ABSENT;
        if (u->grad[0]) add_columns(slopes, room, u->grad[0], stride, rows, own, here);
        if (u->hess[0]) add_columns(bends, room, u->hess[0], stride, rows, own, here);
    }
}

static int64_t contrast_work(int64_t length, int64_t width, const int64_t *counts)
{
    (void)length, (void)counts;
    return (2 + 3 * COLUMNS) * whole_lanes(width);
}

/* `flags_` may depend on the parameters `p`. */
#define KERNELS_contrast(name_, flags_, by_label_) \
    static void name_##_unit(const loss_unit *u)   \
    {                                              \
        const double *p = u->param;                \
        (void)p;                                   \
        run_contrast(u, flags_, by_label_);        \
    }                                              \
    UNIT_TABLE(name_, UNIT_MATRIX, PER_ROW, name_##_unit, contrast_work)

#endif
