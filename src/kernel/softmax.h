/*
 * Losses f(l) of l = -ln p_k, where p = softmax(logits) and k is the row's class. With target mass s_j on class j
 * (all of it on k; or spread by label smoothing, class weights, a probability row) a row costs sum_j s_j f(l_j), and
 *     gradient_j = A p_j - a_j                     a_j = s_j f'(l_j), A = sum a_j
 *     Hessian_jj = A p_j (1 - p_j) + p_j^2 (B - b_j) + b_j (1 - p_j)^2      b_j = s_j f''(l_j), B = sum b_j
 *
 * No cancellation where the row is confident: the largest logit m, at index a, is left out of the sum
 * others = sum over j != a of exp(z_j - m). Then l_a = log1p(others), 1 - p_a = others / (1 + others), and never 1 - p.
 *
 * The order of a row's sum is part of the contract, since it decides the bits: up to 64 classes j = 0, 1, 2, ...;
 * more: 16 lanes (j mod 16) per block of 4096, a halving tree, then the blocks in order. Plain C with 16 virtual lanes
 * vectorises on every instruction set and gives the same bits on each.
 */
#ifndef LIBLOSS_KERNEL_SOFTMAX_H
#define LIBLOSS_KERNEL_SOFTMAX_H

#define INSIDE_F64
#include "loss.h"
#include "math.h"

typedef struct {
    real nll, p, q; /* -ln p_k, p_k, 1 - p_k */
} outcome;

typedef struct {
    real value, slope, bend; /* f, f', f'' by l */
} jet;

typedef jet formula(outcome, const real *param);

enum { NARROW = 64, LANES = 16, BLOCK = 4096, LOOK = 512 };

/* How the target mass lies: all on the label; on the label and spread evenly; as a row of probabilities. */
enum { ON_LABEL, SMOOTHED, AS_ROW };

typedef struct {
    const stored *z, *target, *class_weight;
    ptrdiff_t classes, label, top; /* top: index of the largest logit, the lowest of ties */
    real max, keep, spread; /* mass is weight * (keep * target + spread) */
    real others, sum, nll_top; /* others; 1 + others; log1p(others) */
} softmax_row;

/* ---- sums along a row ---- */

typedef struct {
    real hi[LANES], lo[LANES];
} lanes;

/* f64 data carry the error of each addition along; inside f32 data, double has bits to spare. */
FORMULA void add_to_lane(lanes *s, int l, real x)
{
#if CARRIES_REMAINDER
    pair t = two_sum(s->hi[l], x);
    s->hi[l] = t.hi;
    s->lo[l] += t.lo;
#else
    s->hi[l] += x;
#endif
}

FORMULA void clear_lanes(lanes *s)
{
    for (int l = 0; l < LANES; l++) s->hi[l] = s->lo[l] = 0;
}

FORMULA pair fold_lanes(lanes *s)
{
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++) {
            add_to_lane(s, l, s->hi[l + half]);
            s->lo[l] += s->lo[l + half];
        }
    return (pair){ s->hi[0], s->lo[0] };
}

/* hi + lo; an infinite sum has no remainder. */
FORMULA real close_sum(pair s) { return s.lo - s.lo == 0 ? s.hi + s.lo : s.hi; }

enum { MAX_SUMS = 4 };

/* Adds up to MAX_SUMS terms of every class, in the order of the contract. */
typedef void row_terms(const softmax_row *row, ptrdiff_t j, const real *param, real *term);

FORMULA void sum_row(const softmax_row *row, row_terms *terms, const int sums, const real *param, real *out)
{
    const ptrdiff_t n = row->classes;
    pair total[MAX_SUMS] = { { 0, 0 } };
    if (n <= NARROW) {
        lanes s[MAX_SUMS];
        for (int k = 0; k < sums; k++) clear_lanes(&s[k]);
        for (ptrdiff_t j = 0; j < n; j++) {
            real term[MAX_SUMS];
            terms(row, j, param, term);
            for (int k = 0; k < sums; k++) add_to_lane(&s[k], 0, term[k]);
        }
        for (int k = 0; k < sums; k++) out[k] = close_sum((pair){ s[k].hi[0], s[k].lo[0] });
        return;
    }
    for (ptrdiff_t start = 0; start < n; start += BLOCK) {
        const ptrdiff_t end = n - start < BLOCK ? n : start + BLOCK;
        const ptrdiff_t even = start + (end - start) / LANES * LANES;
        lanes s[MAX_SUMS];
        for (int k = 0; k < sums; k++) clear_lanes(&s[k]);
        for (ptrdiff_t j = start; j < even; j += LANES) {
            real term[MAX_SUMS][LANES];
            VECTOR_LOOP
            for (int l = 0; l < LANES; l++) {
                real t[MAX_SUMS];
                terms(row, j + l, param, t);
                for (int k = 0; k < sums; k++) term[k][l] = t[k];
            }
            for (int k = 0; k < sums; k++)
                for (int l = 0; l < LANES; l++) add_to_lane(&s[k], l, term[k][l]);
        }
        for (ptrdiff_t j = even; j < end; j++) {
            real term[MAX_SUMS];
            terms(row, j, param, term);
            for (int k = 0; k < sums; k++) add_to_lane(&s[k], (int)(j - even), term[k]);
        }
        for (int k = 0; k < sums; k++) {
            pair block = fold_lanes(&s[k]);
            pair t = two_sum(total[k].hi, block.hi);
            total[k] = (pair){ t.hi, total[k].lo + (t.lo + block.lo) };
        }
    }
    for (int k = 0; k < sums; k++) out[k] = close_sum(total[k]);
}

/* ---- facts of a row ---- */

FORMULA void find_top(softmax_row *row)
{
    const ptrdiff_t n = row->classes;
    const stored *z = row->z;
    stored best = z[0];
    ptrdiff_t where = 0;
    for (ptrdiff_t start = 0; start < n; start += LOOK) { /* the block first, then the place in it */
        const ptrdiff_t end = n - start < LOOK ? n : start + LOOK;
        stored most = z[start];
        stored lane[LANES];
        ptrdiff_t j = start;
        if (end - start >= LANES) {
            for (int l = 0; l < LANES; l++) lane[l] = z[start + l];
            for (j = start + LANES; j + LANES <= end; j += LANES)
                for (int l = 0; l < LANES; l++) lane[l] = lane[l] < z[j + l] ? z[j + l] : lane[l];
            most = lane[0];
            for (int l = 1; l < LANES; l++) most = most < lane[l] ? lane[l] : most;
        }
        for (; j < end; j++) most = most < z[j] ? z[j] : most;
        if (most > best || start == 0) {
            best = most;
            where = start;
        }
    }
    const ptrdiff_t end = n - where < LOOK ? n : where + LOOK;
    for (; where < end - 1 && !(z[where] == best); where++) {}
    row->top = where;
    row->max = best;
}

FORMULA real exp_of(const softmax_row *row, ptrdiff_t j) { return exp_pair(two_diff(row->z[j], row->max)); }

FORMULA void other_terms(const softmax_row *row, ptrdiff_t j, const real *param, real *term)
{
    (void)param;
    real e = exp_of(row, j);
    term[0] = j == row->top ? 0 : e;
}

/* -ln p_j. Both parts are non-negative, so nothing cancels. */
FORMULA real nll_of(const softmax_row *row, ptrdiff_t j)
{
    pair d = two_diff(row->max, row->z[j]);
    real nll = d.hi + (row->nll_top + d.lo);
    return j == row->top ? row->nll_top : nll;
}

FORMULA outcome outcome_of(const softmax_row *row, ptrdiff_t j)
{
    real e = exp_of(row, j);
    outcome o = { nll_of(row, j), e / row->sum, (1 + (row->others - e)) / row->sum };
    if (j == row->top) {
        o.p = 1 / row->sum;
        o.q = row->others / row->sum;
    }
    return o;
}

/* ---- target mass ---- */

FORMULA real mass_of(const softmax_row *row, ptrdiff_t j, const int mode, const int weighted)
{
    real t = mode == AS_ROW ? (real)row->target[j] : j == row->label ? 1 : 0;
    real s = fma_(row->keep, t, row->spread);
    return weighted ? (real)row->class_weight[j] * s : s;
}

/* Terms: value, a_j, a_j but for the top class, b_j. Where there is no mass nothing is asked of the logit. */
FORMULA void mass_terms(const softmax_row *row, ptrdiff_t j, const real *param, real *term, formula *f, const int mode, const int weighted)
{
    real s = mass_of(row, j, mode, weighted);
    jet l = f(outcome_of(row, j), param);
    term[0] = s == 0 ? 0 : s * l.value;
    term[1] = s == 0 ? 0 : s * l.slope;
    term[2] = j == row->top ? 0 : term[1];
    term[3] = s == 0 ? 0 : s * l.bend;
}

/* ---- one row ---- */

typedef struct {
    real value, slope, slope_but_top, bend; /* sums over the classes */
} row_sums;

FORMULA real hessian_of(const row_sums *s, real b, real p, real q, int upper)
{
    real spread = p * q * s->slope;
    return upper ? 2 * spread : spread + (p * p * (s->bend - b) + q * q * b);
}

/* Where this row's outputs go: as stored, or in double for everything that is rounded elsewhere. */
typedef struct {
    stored *grad, *hess;
    double *wide_grad, *wide_hess, *wide_target_grad;
    double factor;
    int upper;
} row_output;

FORMULA void put(const row_output *out, ptrdiff_t j, real g, real h)
{
    if (out->grad) out->grad[j] = (stored)(g * out->factor);
    if (out->hess) out->hess[j] = (stored)(h * out->factor);
    if (out->wide_grad) out->wide_grad[j] = g * out->factor;
    if (out->wide_hess) out->wide_hess[j] = h * out->factor;
}

/* The loops over the classes; `gradient` or Hessian, `stored` or wide, are told apart outside them. */
FORMULA void put_all(const softmax_row *given, const row_sums *sums, const row_output *output, const real *param, formula *f,
                     const int mode, const int weighted)
{
    const softmax_row row = *given;
    const row_sums s = *sums;
    const row_output out = *output;
    const ptrdiff_t n = row.classes;

    if (out.grad && !out.hess && !out.wide_grad && !out.wide_hess && mode == ON_LABEL) { /* the common case, tight */
        stored *grad = out.grad;
        const double factor = out.factor;
        VECTOR_LOOP
        for (ptrdiff_t j = 0; j < n; j++) grad[j] = (stored)(s.slope * (exp_of(&row, j) / row.sum) * factor);
        return;
    }
    for (ptrdiff_t j = 0; j < n; j++) {
        real p = exp_of(&row, j) / row.sum, a = 0, b = 0;
        if (mode != ON_LABEL) {
            real mass = mass_of(&row, j, mode, weighted);
            jet l = f(outcome_of(&row, j), param);
            a = mass == 0 ? 0 : mass * l.slope;
            b = mass == 0 ? 0 : mass * l.bend;
        }
        put(&out, j, s.slope * p - a, hessian_of(&s, b, p, 1 - p, out.upper));
    }
}

FORMULA void one_row(softmax_row *row, const row_output *out, const softmax_tile *tile, ptrdiff_t r, const real *param, formula *f,
                     row_terms *masses, const int mode, const int weighted)
{
    find_top(row);
    sum_row(row, other_terms, 1, param, &row->others);
    row->sum = 1 + row->others;
    row->nll_top = log1p_(row->others);

    const ptrdiff_t k = row->label, top = row->top;
    row_sums s;
    outcome label = { 0, 0, 0 };
    jet l = { 0, 0, 0 };
    real weight = weighted && mode == ON_LABEL ? (real)row->class_weight[k] : 1;
    if (mode == ON_LABEL) {
        label = outcome_of(row, k);
        l = f(label, param);
        s = (row_sums){ weight * l.value, weight * l.slope, k == top ? 0 : weight * l.slope, weight * l.bend };
    } else {
        real sums[MAX_SUMS];
        sum_row(row, masses, MAX_SUMS, param, sums);
        s = (row_sums){ sums[0], sums[1], sums[2], sums[3] };
    }

    if (tile->value) ((stored *)tile->value)[r] = (stored)s.value;
    if (tile->logsumexp) tile->logsumexp[r] = row->max + row->nll_top;
    if (tile->correct) tile->correct[r] = top == k;
    if (out->wide_target_grad)
        for (ptrdiff_t j = 0; j < row->classes; j++) {
            real by_target = (weighted ? (real)row->class_weight[j] : 1) * row->keep;
            out->wide_target_grad[j] = by_target == 0 ? 0 : by_target * f(outcome_of(row, j), param).value * out->factor;
        }
    if (!(out->grad || out->hess || out->wide_grad || out->wide_hess)) return;

    /* What the places with a form of their own need is taken before the first store, which may be onto the logits. */
    const real top_p = 1 / row->sum, top_q = row->others / row->sum;
    real top_bend = 0, top_slope = 0;
    if (mode == ON_LABEL) {
        top_bend = k == top ? weight * l.bend : 0;
        top_slope = k == top ? s.slope : 0;
    } else {
        real mass = mass_of(row, top, mode, weighted);
        jet at_top = f(outcome_of(row, top), param);
        top_bend = mass == 0 ? 0 : mass * at_top.bend;
        top_slope = mass == 0 ? 0 : mass * at_top.slope;
    }
    /* A p - a at the top is also (A - a) - A q: whichever has the smaller terms, so that a sure and right row keeps digits. */
    const real top_grad = top_q < top_p ? s.slope_but_top - s.slope * top_q : s.slope * top_p - top_slope;
    put_all(row, &s, out, param, f, mode, weighted);
    if (mode == ON_LABEL && k != top) put(out, k, -s.slope * label.q, hessian_of(&s, weight * l.bend, label.p, label.q, out->upper));
    put(out, top, top_grad, hessian_of(&s, top_bend, top_p, top_q, out->upper));
}

FORMULA void softmax_rows(const softmax_tile *tile, formula *f, row_terms *masses, const int mode, const int weighted)
{
    const ptrdiff_t n = tile->classes;
    real param[MAX_PARAMETERS];
    for (int k = 0; k < MAX_PARAMETERS; k++) param[k] = (real)tile->param[k];

    for (ptrdiff_t r = 0; r < tile->rows; r++) {
        const stored *target = tile->target;
        stored *grad = tile->grad, *hess = tile->hess;
        const int64_t label = tile->label ? tile->label[r] : -1;
        softmax_row row = {
            .z = (const stored *)tile->logits + r * tile->logits_stride,
            .target = target ? target + r * tile->target_stride : target,
            .class_weight = tile->class_weight,
            .classes = n,
            /* checked already; clamped here too, so that a concurrent writer gets wrong numbers, never a wild read */
            .label = mode == AS_ROW                  ? -1
                     : (uint64_t)label < (uint64_t)n ? (ptrdiff_t)label
                                                     : 0,
            .keep = 1 - (real)tile->smoothing,
            .spread = (real)tile->smoothing / (real)n,
        };
        const row_output out = {
            .grad = grad ? grad + r * tile->grad_stride : grad,
            .hess = hess ? hess + r * tile->hess_stride : hess,
            .wide_grad = tile->wide_grad ? tile->wide_grad + r * n : NULL,
            .wide_hess = tile->wide_hess ? tile->wide_hess + r * n : NULL,
            .wide_target_grad = tile->wide_target_grad ? tile->wide_target_grad + r * n : NULL,
            .factor = tile->factor ? tile->factor[r] : 1,
            .upper = tile->upper,
        };
        one_row(&row, &out, tile, r, param, f, masses, mode, weighted);
    }
}

#define KERNELS_softmax(name_)                                                                                                          \
    FORMULA void name_##_m10(const softmax_row *r, ptrdiff_t j, const real *q, real *t) { mass_terms(r, j, q, t, name_, SMOOTHED, 0); } \
    FORMULA void name_##_m11(const softmax_row *r, ptrdiff_t j, const real *q, real *t) { mass_terms(r, j, q, t, name_, SMOOTHED, 1); } \
    FORMULA void name_##_m20(const softmax_row *r, ptrdiff_t j, const real *q, real *t) { mass_terms(r, j, q, t, name_, AS_ROW, 0); }   \
    FORMULA void name_##_m21(const softmax_row *r, ptrdiff_t j, const real *q, real *t) { mass_terms(r, j, q, t, name_, AS_ROW, 1); }   \
    static void name_##_00(const softmax_tile *t) { softmax_rows(t, name_, other_terms, ON_LABEL, 0); }                                 \
    static void name_##_01(const softmax_tile *t) { softmax_rows(t, name_, other_terms, ON_LABEL, 1); }                                 \
    static void name_##_10(const softmax_tile *t) { softmax_rows(t, name_, name_##_m10, SMOOTHED, 0); }                                 \
    static void name_##_11(const softmax_tile *t) { softmax_rows(t, name_, name_##_m11, SMOOTHED, 1); }                                 \
    static void name_##_20(const softmax_tile *t) { softmax_rows(t, name_, name_##_m20, AS_ROW, 0); }                                   \
    static void name_##_21(const softmax_tile *t) { softmax_rows(t, name_, name_##_m21, AS_ROW, 1); }                                   \
    extern const softmax_kernels KERNEL_TABLE(name_);                                                                                   \
    const softmax_kernels KERNEL_TABLE(                                                                                                 \
        name_) = { { { name_##_00, name_##_01 }, { name_##_10, name_##_11 }, { name_##_20, name_##_21 } } };                            \
    DESCRIBE(name_, SHAPE_SOFTMAX, PER_ROW, UNIT_NONE)

#endif
