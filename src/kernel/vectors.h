/*
 * Losses of vectors: each unit is a tuple of rows of equal length. Sums of squares and products are taken in two parts after scaling
 * by a power of two, so that neither size nor direction costs digits: near-parallel vectors are the common case.
 */
#ifndef LIBLOSS_KERNEL_VECTORS_H
#define LIBLOSS_KERNEL_VECTORS_H

#include "unit.h"

#include "lanes.h"

/* 2^-k for a k that brings the largest number near 1; 1 where nothing is finite and not 0. Squares of f32 data need none. */
FORMULA double leveller(const double *x, int64_t n)
{
#if LIBLOSS_BITS == 32
    (void)x, (void)n;
    return 1;
#else
    double each[LANES];
    for (int l = 0; l < LANES; l++) each[l] = 0;
    for (int64_t i = 0; i < whole_lanes(n); i += LANES) {
        LANE_LOOP
        for (int l = 0; l < LANES; l++) {
            double size = abs_(x[i + l]);
            each[l] = ((size > each[l]) & (i + l < n)) ? size : each[l];
        }
    }
    const double most = largest_lane(each);
    if (!(most > 0) || most - most != 0) return 1;
    if (most < 0x1p-1000) return 0x1p1000;
    const int64_t k = (int64_t)(double_to_bits(most) >> 52) - 1023;
    return power_of_two((double)-(k > 1000 ? 1000 : k));
#endif
}

/* a b in two parts; of f32 data what one double holds is exact, or a square's with digits to spare. */
FORMULA pair term_of(double a, double b) { return LIBLOSS_BITS == 32 ? as_pair(a * b) : two_product(a, b); }

/* The sum of a_i b_i, with a times `level_a` and b times `level_b`. */
FORMULA pair dot(const double *a, double level_a, const double *b, double level_b, int64_t n)
{
    const int64_t end = n / LANES * LANES;
    lanes sum;
    clear_lanes(&sum);
    for (int64_t i = 0; i < end; i += LANES) {
        LANE_LOOP
        for (int l = 0; l < LANES; l++) add_pair_to_lane(&sum, l, term_of(a[i + l] * level_a, b[i + l] * level_b));
    }
    for (int l = 0; l < n - end; l++) add_pair_to_lane(&sum, l, term_of(a[end + l] * level_a, b[end + l] * level_b));
    const pair all = fold_lanes(&sum);
    return fast_two_sum(all.hi, all.lo);
}

/* ---- distances ---- */

/* A p-norm of x - y: its value (exactly a little more), and scratch with the differences. Of the usual norm also the inverse of
 * what it is of levelled differences; 0 where the two coincide. */
typedef struct {
    const double *x, *y;
    double power, value, value_lo;
    double *r; /* x - y */
    double level;
    pair inverse;
} norm;

/* u^e for 0 <= u <= 1 */
FORMULA double power_of(pair u, double e)
{
    if (e == 0) return 1;
    if (e == 1) return u.hi;
    if (u.hi == 0) return e > 0 ? 0 : __builtin_inf();
    const pair log = log_to_pair(u);
    pair x = two_product(log.hi, e);
    x.lo += log.lo * e;
    return exp_pair(x);
}

FORMULA norm distance_of(const double *x, const double *y, int64_t n, double power, double *r)
{
    norm d = { .x = x, .y = y, .power = power, .r = r };
    VECTOR_LOOP
    for (int64_t i = 0; i < n; i++) r[i] = x[i] - y[i];
    const double level = d.level = leveller(r, n);
    pair sum = { 0, 0 };
    if (power == 2) {
        const pair root = pair_sqrt(dot(r, level, r, level, n));
        d.value = root.hi / level;
        d.inverse = root.hi == 0 ? as_pair(0) : pair_div_to_pair(as_pair(1), root);
        return d;
    }
    double most = 0;
    for (int64_t i = 0; i < n; i++) most = abs_(r[i]) > most || r[i] != r[i] ? abs_(r[i]) : most;
    for (int64_t i = 0; i < n && most > 0; i++)
        add_to(&sum, power == 1 ? abs_(r[i]) * level : power_of(pair_div_to_pair((pair){ abs_(r[i]), 0 }, (pair){ most, 0 }), power));
    if (power == 1)
        d.value = close_sum(sum) / level;
    else if (most > 0) {
        const pair log = log_to_pair(fast_two_sum(sum.hi, sum.lo)), root = pair_div_to_pair(log, (pair){ power, 0 });
        const pair value = two_product(most, exp_pair(root));
        d.value = value.hi;
        d.value_lo = value.lo;
    } else {
        d.value = most;
    }
    return d;
}

/* Component i of x - y over its usual norm */
FORMULA double plain_slope(const norm *d, int64_t i) { return pair_mul(scale_pair(two_diff(d->x[i], d->y[i]), d->level), d->inverse).hi; }

/* |component i| over the norm */
FORMULA pair norm_share(const norm *d, int64_t i)
{
    return pair_div_to_pair(abs_pair(two_diff(d->x[i], d->y[i])), (pair){ d->value, d->value_lo });
}

/* By component i of x; 0 where the two coincide. */
FORMULA double norm_slope(const norm *d, int64_t i)
{
    if (d->power == 2) return plain_slope(d, i);
    if (d->value == 0) return zero_of(d->r[i]);
    return copysign_(d->r[i] == 0 ? 0 : power_of(norm_share(d, i), d->power - 1), d->r[i]);
}

FORMULA double norm_bend(const norm *d, int64_t i)
{
    if (d->value == 0) return 0;
    if (d->power == 2) {
        const double u = plain_slope(d, i);
        return (1 - u) * (1 + u) / d->value;
    }
    const pair u = norm_share(d, i);
    if (d->power == 1 || u.hi == 0) return 0;
    return (d->power - 1) * power_of(u, d->power - 2) * (1 - power_of(u, d->power)) / d->value;
}

/* ---- angles ---- */

/* The cosine of two vectors, and what its slopes need. A vector of zeros has cosine 0 with everything. */
typedef struct {
    double level_a, level_b, cosine, apart; /* apart: 1 - cosine */
    pair aa, bb, ab; /* of the levelled vectors */
    pair per_a, per_b; /* 1 / their lengths */
    pair steep; /* 1 / (aa * both lengths) */
    int none;
} angle;

FORMULA angle angle_of(const double *a, const double *b, int64_t n)
{
    angle g = { .level_a = leveller(a, n), .level_b = leveller(b, n), .apart = 1 };
    g.aa = dot(a, g.level_a, a, g.level_a, n);
    g.bb = dot(b, g.level_b, b, g.level_b, n);
    g.ab = dot(a, g.level_a, b, g.level_b, n);
    g.none = g.aa.hi == 0 || g.bb.hi == 0;
    if (g.none) return g;
    const pair both = pair_mul(g.aa, g.bb), square = pair_mul(g.ab, g.ab), root = pair_sqrt(both);
    g.per_a = pair_div_to_pair(as_pair(1), pair_sqrt(g.aa));
    g.per_b = pair_div_to_pair(as_pair(1), pair_sqrt(g.bb));
    g.steep = pair_div_to_pair(as_pair(1), pair_mul(g.aa, root));
    const pair c = pair_div_to_pair(g.ab, root);
    g.cosine = c.hi;
    /* 1 - c = (1 - c^2)/(1 + c): the difference is taken of numbers in two parts */
    const pair less = pair_add(both, (pair){ -square.hi, -square.lo }), more = pair_add((pair){ 1, 0 }, c);
    const double near = pair_div(pair_div_to_pair(less, both), more);
    g.apart = c.hi > 0 ? (near > 0 ? near : zero_of(near)) : 1 - c.hi;
    return g;
}

/* The cosine's slope by component i of a. */
FORMULA double cosine_slope(const angle *g, double a, double b)
{
    const pair x = pair_mul(as_pair(b * g->level_b), g->aa), y = pair_mul(g->ab, as_pair(a * g->level_a));
    return pair_mul(pair_sub(x, y), g->steep).hi * g->level_a;
}

FORMULA double cosine_bend(const angle *g, double a, double b)
{
    const double x = pair_mul(as_pair(a * g->level_a), g->per_a).hi, y = pair_mul(as_pair(b * g->level_b), g->per_b).hi;
    return -(2 * x * y + g->cosine * (1 - 3 * x * x)) / g->aa.hi * g->level_a * g->level_a;
}

/* No cosine bends more, up or down: of all directions the most is 2/sqrt(3) over the square of the length. */
FORMULA double cosine_bend_most(const angle *g) { return 0x1.279a74590331dp+0 / g->aa.hi * g->level_a * g->level_a; }

/* What sign * the cosine of a and b has as derivatives by a, input k. */
FORMULA void cosine_side(const loss_unit *u, int k, angle g, const double *a, const double *b, double sign)
{
    const double most = cosine_bend_most(&g);
    double *grad = u->grad[k], *hess = u->hess[k];
    if (grad) {
        VECTOR_LOOP
        for (int64_t i = 0; i < u->length; i++) grad[i] = sign * cosine_slope(&g, a[i], b[i]);
    }
    for (int64_t i = 0; i < u->length && hess && u->upper; i++) hess[i] = most;
    if (hess && !u->upper) {
        VECTOR_LOOP
        for (int64_t i = 0; i < u->length; i++) hess[i] = sign * cosine_bend(&g, a[i], b[i]);
    }
}

/* Derivatives by both vectors, which are inputs 0 and 1. */
FORMULA void spread_cosine(const loss_unit *u, const angle *g, double sign)
{
    if (sign == 0 || g->none) return;
    angle back = *g; /* the same, seen from b */
    back.level_a = g->level_b, back.level_b = g->level_a;
    back.aa = g->bb, back.bb = g->aa;
    back.per_a = g->per_b, back.per_b = g->per_a;
    back.steep = pair_mul(pair_mul(g->steep, g->aa), pair_div_to_pair(as_pair(1), g->bb));
    cosine_side(u, 0, *g, u->input[0], u->input[1], sign);
    cosine_side(u, 1, back, u->input[1], u->input[0], sign);
}

static inline int64_t vectors_work(int64_t length, int64_t width, const int64_t *counts)
{
    (void)width, (void)counts;
    return 3 * whole_lanes(length);
}

/* Wires the function name(const loss_unit *). */
#define KERNELS_vectors(name_) UNIT_TABLE(name_, UNIT_ROW, PER_ROW, name_, vectors_work)

#endif
