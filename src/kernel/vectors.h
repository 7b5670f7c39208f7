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

FORMULA pair normal_sum(lanes *sum)
{
    const pair all = fold_lanes(sum);
    return fast_two_sum(all.hi, all.lo);
}

/* The sum of the squares of x_i `level`. */
FORMULA pair sum_of_squares(const double *x, double level, int64_t n)
{
    const int64_t end = n / LANES * LANES;
    lanes sum;
    clear_lanes(&sum);
    for (int64_t i = 0; i < end; i += LANES) {
        LANE_LOOP
        for (int l = 0; l < LANES; l++) add_pair_to_lane(&sum, l, term_of(x[i + l] * level, x[i + l] * level));
    }
    for (int l = 0; l < n - end; l++) add_pair_to_lane(&sum, l, term_of(x[end + l] * level, x[end + l] * level));
    return normal_sum(&sum);
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
        const pair root = pair_sqrt(sum_of_squares(r, level, n));
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
FORMULA double plain_slope(const norm *d, int64_t i)
{
    if (LIBLOSS_BITS == 32) return d->r[i] * d->inverse.hi; /* in double: digits to spare */
    return pair_mul(scale_pair(two_diff(d->x[i], d->y[i]), d->level), d->inverse).hi;
}

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
    double steep; /* 1 / the product of their lengths */
    int none;
} angle;

/* Three sums side by side: the squares of two vectors, and their product. */
typedef struct {
    lanes aa, bb, ab;
} products;

FORMULA void add_product(products *p, int l, double a, double b)
{
    add_pair_to_lane(&p->aa, l, term_of(a, a));
    add_pair_to_lane(&p->bb, l, term_of(b, b));
    add_pair_to_lane(&p->ab, l, term_of(a, b));
}

/* Those of the levelled vectors. */
FORMULA void sum_products(angle *g, const double *a, const double *b, int64_t n)
{
    const double level_a = g->level_a, level_b = g->level_b;
    const int64_t end = n / LANES * LANES;
    products p;
    clear_lanes(&p.aa), clear_lanes(&p.bb), clear_lanes(&p.ab);
    for (int64_t i = 0; i < end; i += LANES) {
        LANE_LOOP
        for (int l = 0; l < LANES; l++) add_product(&p, l, a[i + l] * level_a, b[i + l] * level_b);
    }
    for (int l = 0; l < n - end; l++) add_product(&p, l, a[end + l] * level_a, b[end + l] * level_b);
    g->aa = normal_sum(&p.aa);
    g->bb = normal_sum(&p.bb);
    g->ab = normal_sum(&p.ab);
}

/* (1 - c^2)/(1 + c) of vectors nearly parallel, where aa bb - ab^2 has no digits left: 1 - c^2 is the square of what b has across a, over bb. */
FORMULA double apart_across(const angle *g, const double *a, const double *b, int64_t n, pair more)
{
    const pair share = pair_div_tame(g->ab, g->aa);
    pair sum = { 0, 0 };
    for (int64_t i = 0; i < n; i++) {
        const pair across = pair_sub(as_pair(b[i] * g->level_b), pair_mul(share, as_pair(a[i] * g->level_a)));
        add_pair_to(&sum, pair_mul(across, across));
    }
    return pair_div(fast_two_sum(sum.hi, sum.lo), pair_mul(g->bb, more));
}

FORMULA angle angle_of(const double *a, const double *b, int64_t n)
{
    angle g = { .level_a = leveller(a, n), .level_b = leveller(b, n), .apart = 1 };
    sum_products(&g, a, b, n);
    g.none = g.aa.hi == 0 || g.bb.hi == 0;
    if (g.none) return g;
    const pair both = pair_mul_tame(g.aa, g.bb), square = pair_mul_tame(g.ab, g.ab);
    const pair root = pair_sqrt_tame(both, &g.steep), c = pair_div_by(g.ab, root, g.steep);
    g.cosine = c.hi;
    /* 1 - c = (1 - c^2)/(1 + c): the difference is taken of numbers in two parts */
    const pair less = pair_add_tame(both, negative(square)), more = pair_add_tame(as_pair(1), c);
#if LIBLOSS_BITS == 32
    double near = less.hi * (g.steep * g.steep) / more.hi;
#else
    double near = pair_div_tame(less, pair_mul_tame(both, more)).hi;
    if (less.hi < both.hi * 0x1p-40) near = apart_across(&g, a, b, n, more);
    g.steep = pair_div_by(as_pair(1), root, g.steep).hi;
#endif
    g.apart = either(c.hi > 0, near > 0 ? near : zero_of(near), 1 - c.hi);
    return g;
}

/* b less a share of a: one rounding where little is left of it, for the product is not rounded. */
FORMULA double rest_of(double b, pair share, double a)
{
#if HAS_FMA
    return fma64(-share.lo, a, fma64(-share.hi, a, b));
#else
    return pair_sub(as_pair(b), pair_mul(share, as_pair(a))).hi;
#endif
}

/* What sign * the cosine of a and b has as derivatives by a, input k. */
FORMULA void cosine_side(const loss_unit *u, int k, const angle *g, const double *a, double level_a, pair aa, const double *b,
                         double level_b, pair bb, double sign)
{
    const int64_t n = u->length;
    double *grad = u->grad[k], *hess = u->hess[k];
    if (grad) {
        const pair share = pair_div_tame(g->ab, aa);
        const double steep = sign * g->steep;
        VECTOR_LOOP
        for (int64_t i = 0; i < n; i++) grad[i] = rest_of(b[i] * level_b, share, a[i] * level_a) * steep * level_a + 0; /* no -0 */
    }
    if (!hess || sign == 0) return;
    if (u->upper) { /* no cosine bends more, up or down: of all directions the most is 2/sqrt(3) over the square of the length */
        for (int64_t i = 0; i < n; i++) hess[i] = 0x1.279a74590331dp+0 / aa.hi * level_a * level_a;
        return;
    }
    const double cosine = g->cosine, scale = -sign / aa.hi;
    const pair per_a = pair_div_to_pair(as_pair(1), pair_sqrt(aa)), per_b = pair_div_to_pair(as_pair(1), pair_sqrt(bb));
    VECTOR_LOOP
    for (int64_t i = 0; i < n; i++) {
        const double x = pair_mul(as_pair(a[i] * level_a), per_a).hi, y = pair_mul(as_pair(b[i] * level_b), per_b).hi;
        hess[i] = (2 * x * y + cosine * (1 - 3 * x * x)) * scale * level_a * level_a;
    }
}

/* Derivatives by both vectors, which are inputs 0 and 1. A sign of 0 is no case of its own: nobody could foretell it. */
FORMULA void spread_cosine(const loss_unit *u, const angle *g, double sign)
{
    const double *a = u->input[0], *b = u->input[1];
    if (g->none) return;
    cosine_side(u, 0, g, a, g->level_a, g->aa, b, g->level_b, g->bb, sign);
    cosine_side(u, 1, g, b, g->level_b, g->bb, a, g->level_a, g->aa, sign);
}

static inline int64_t vectors_work(int64_t length, int64_t width, const int64_t *counts)
{
    (void)width, (void)counts;
    return 3 * whole_lanes(length);
}

/* Wires the function name(const loss_unit *). */
#define KERNELS_vectors(name_) UNIT_TABLE(name_, UNIT_ROW, PER_ROW, name_, vectors_work)

#endif
