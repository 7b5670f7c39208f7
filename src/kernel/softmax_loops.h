/*
 * The loops of softmax losses. Sixteen rows at a time, a panel, share the work per row (logarithms, prices); the work per class
 * runs across the rows of the panel where they are narrow (their logits are transposed first) and along the row where they are
 * wide. Which of the two, and every sum, is decided by the number of classes alone.
 *
 * With mass s_j on class j (one on the label; or spread by label smoothing, class weights, a row of probabilities) a row costs
 * sum_j s_j f(l_j), l_j = -ln p_j, and
 *     gradient_j = A p_j - a_j                     a_j = s_j f'(l_j), A = sum a_j
 *     Hessian_jj = A p_j (1 - p_j) + p_j^2 (B - b_j) + b_j (1 - p_j)^2      b_j = s_j f''(l_j), B = sum b_j
 * At the top, where p may be near 1, B - b_j is added up without b_j: elsewhere the difference loses nothing that counts.
 * The label and the top have expressions of their own, written over what the loops stored.
 */
#ifndef LIBLOSS_KERNEL_SOFTMAX_LOOPS_H
#define LIBLOSS_KERNEL_SOFTMAX_LOOPS_H

#include "softmax_row.h"
#include "transpose.h"

typedef struct {
    real value, slope, bend; /* f, f', f'' by l */
} jet;

typedef jet formula(outcome, const real *param);

/* Work that knows no formula is compiled once per file, however many kernels are made there. */
#define STAGE static __attribute__((noinline))

/* What a kernel is called with. */
typedef struct {
    const softmax_tile *tile;
    const real *param;
    ptrdiff_t classes;
    const stored *logits, *target, *class_weight; /* target and class_weight: NULL if there is none */
    int masses; /* every class has a mass; else only the label */
    real keep, spread; /* the mass of a class is weight * (keep * target + spread) */
} job;

enum { OF_LABEL, OF_TOP, NAMED }; /* the two classes of a row that have expressions of their own */

/* Up to sixteen rows. Lanes beyond them repeat the first row, so that no lane holds anything strange. */
typedef struct {
    ptrdiff_t count, place[LANES], label[LANES], top[LANES];
    stored max[LANES], z_label[LANES], e_label[LANES];
    real others[LANES], others_lo[LANES], inverse[LANES], inverse_lo[LANES], nll_top[LANES], nll_top_lo[LANES];
    real factor[LANES], at_top[LANES]; /* at_top: 1 where the label is the top */
    struct {
        real nll[LANES], p[LANES], q[LANES], nll_lo[LANES], q_lo[LANES]; /* its outcome, */
        real value[LANES], slope[LANES], bend[LANES]; /* and the jet of that; of the top only where every class has a mass */
    } named[NAMED];
    real label_mass[LANES], even_mass[LANES], top_mass[LANES]; /* of the label by itself; of label and top as any class */
    real value[LANES], slope[LANES], bend[LANES]; /* sums of s f, a and b; of masses as of any class and but for the top at first */
    real rest[LANES]; /* the sum of b but for the top's */
    real scale[LANES]; /* what e is multiplied by for a gradient of f32 data */
    real label_grad[LANES], label_hess[LANES], top_grad[LANES], top_hess[LANES];
} panel;

FORMULA facts facts_at(const panel *p, int l)
{
    return (
        facts){ p->max[l], { p->others[l], p->others_lo[l] }, { p->inverse[l], p->inverse_lo[l] }, { p->nll_top[l], p->nll_top_lo[l] } };
}

FORMULA real times(real mass, real x) { return mass == 0 ? 0 : mass * x; } /* where there is no mass nothing is asked */

/* ---- a panel: opened, and priced ---- */

STAGE void open_panel(const job *w, ptrdiff_t first, ptrdiff_t count, panel *p)
{
    const softmax_tile *tile = w->tile;
    p->count = count;
    for (int l = 0; l < LANES; l++) {
        const ptrdiff_t place = tile->place[l < count ? first + l : first];
        p->place[l] = place;
        p->factor[l] = tile->factor ? tile->factor[place] : 1;
        /* checked already; clamped here too, so that a concurrent writer gets wrong numbers, never a wild read */
        const int64_t label = tile->label ? tile->label[place] : 0;
        p->label[l] = (uint64_t)label < (uint64_t)w->classes ? (ptrdiff_t)label : 0;
        p->z_label[l] = w->logits[place * w->classes + p->label[l]];
    }
}

FORMULA outcome outcome_of_label(const panel *p, int l)
{
    const outcome top = outcome_of_top(facts_at(p, l)), other = outcome_of(facts_at(p, l), p->z_label[l], p->e_label[l]);
    const real at_top = p->at_top[l];
    return (outcome){ at_top != 0 ? top.nll : other.nll, at_top != 0 ? top.p : other.p, at_top != 0 ? top.q : other.q,
                      at_top != 0 ? top.nll_lo : other.nll_lo, at_top != 0 ? top.q_lo : other.q_lo };
}

FORMULA void keep_outcome(panel *p, int which, int l, outcome o)
{
    p->named[which].nll[l] = o.nll;
    p->named[which].p[l] = o.p;
    p->named[which].q[l] = o.q;
    p->named[which].nll_lo[l] = o.nll_lo;
    p->named[which].q_lo[l] = o.q_lo;
}

/* What is known per row once max, top and others are: the rest of the facts, the masses of label and top, and how these turned out. */
STAGE void find_facts(const job *w, panel *p)
{
    for (int l = 0; l < LANES; l++) p->label_mass[l] = w->target ? 0 : w->keep;
    for (int l = 0; l < LANES; l++) p->at_top[l] = p->top[l] == p->label[l];
    for (int l = 0; l < LANES && w->class_weight; l++) p->label_mass[l] *= (real)w->class_weight[p->label[l]];
    for (int l = 0; l < LANES && w->masses; l++) {
        const ptrdiff_t top = p->top[l], label = p->label[l];
        const real target = w->target ? (real)w->target[p->place[l] * w->classes + top] : 0;
        p->even_mass[l] = (w->class_weight ? (real)w->class_weight[label] : 1) * w->spread;
        p->top_mass[l] = (w->class_weight ? (real)w->class_weight[top] : 1) * fma_(w->keep, target, w->spread);
    }
    LANE_LOOP
    for (int l = 0; l < LANES; l++) p->e_label[l] = lifted_exp(p->z_label[l], p->max[l]);
    LANE_LOOP
    for (int l = 0; l < LANES; l++) {
        const facts r = facts_of(p->max[l], (pair){ p->others[l], p->others_lo[l] });
        p->others[l] = r.others.hi;
        p->others_lo[l] = r.others.lo;
        p->inverse[l] = r.inverse.hi;
        p->inverse_lo[l] = r.inverse.lo;
        p->nll_top[l] = r.nll_top.hi;
        p->nll_top_lo[l] = r.nll_top.lo;
    }
    LANE_LOOP
    for (int l = 0; l < LANES; l++) keep_outcome(p, OF_LABEL, l, outcome_of_label(p, l));
    LANE_LOOP
    for (int l = 0; l < LANES; l++) keep_outcome(p, OF_TOP, l, outcome_of_top(facts_at(p, l)));
}

/* The formula of label and top: one loop for both, since a formula may be long. */
FORMULA void price(const job *w, panel *p, formula *f)
{
    for (int k = OF_LABEL; k <= (w->masses ? OF_TOP : OF_LABEL); k++) {
        LANE_LOOP
        for (int l = 0; l < LANES; l++) {
            const outcome o = { p->named[k].nll[l], p->named[k].p[l], p->named[k].q[l], p->named[k].nll_lo[l], p->named[k].q_lo[l] };
            const jet x = f(o, w->param);
            p->named[k].value[l] = x.value;
            p->named[k].slope[l] = x.slope;
            p->named[k].bend[l] = x.bend;
        }
    }
}

/* A, B - b and one class's own b. A file whose f is a line says so by STRAIGHT. */
FORMULA real hessian_of(real slope, real rest, real b, real p, real q, real upper)
{
#ifdef STRAIGHT
    (void)rest, (void)b;
    real exact = p * q * slope;
    return upper != 0 ? 2 * exact : exact;
#else
    pair both = two_product(p * q, slope), by_others = two_product(p * p, rest), own = two_product(q * q, b);
    pair turn = pair_add(by_others, own), exact = pair_add(both, turn);
    return upper != 0 ? 2 * both.hi + max_(turn.hi, 0) : exact.hi;
#endif
}

STAGE void weigh_labels(const job *w, panel *p)
{
    const real upper = w->tile->upper;
    LANE_LOOP
    for (int l = 0; l < LANES; l++) {
        const real label_p = p->named[OF_LABEL].p[l], label_q = p->named[OF_LABEL].q[l];
        const real top_p = p->named[OF_TOP].p[l], top_q = p->named[OF_TOP].q[l];
        const real mass = p->label_mass[l], factor = p->factor[l];
        const real slope = mass * p->named[OF_LABEL].slope[l], bend = mass * p->named[OF_LABEL].bend[l];
        const real own = p->at_top[l] != 0 ? bend : 0, rest = p->at_top[l] != 0 ? 0 : bend;
        p->value[l] = mass * p->named[OF_LABEL].value[l];
        p->slope[l] = slope;
        p->bend[l] = bend;
        p->rest[l] = rest;
        p->scale[l] = p->inverse[l] * slope * factor * E_UNIT;
        p->label_grad[l] = -(slope * label_q) * factor;
        p->label_hess[l] = hessian_of(slope, 0, bend, label_p, label_q, upper) * factor;
        p->top_grad[l] = p->at_top[l] != 0 ? -(slope * label_q) * factor : slope * top_p * factor;
        p->top_hess[l] = hessian_of(slope, rest, own, top_p, top_q, upper) * factor;
    }
}

/* The same where every class has a mass. */
STAGE void weigh_masses(const job *w, panel *p)
{
    const real upper = w->tile->upper;
    LANE_LOOP
    for (int l = 0; l < LANES; l++) {
        const real label_p = p->named[OF_LABEL].p[l], label_q = p->named[OF_LABEL].q[l];
        const real top_p = p->named[OF_TOP].p[l], top_q = p->named[OF_TOP].q[l];
        const jet x = { p->named[OF_LABEL].value[l], p->named[OF_LABEL].slope[l], p->named[OF_LABEL].bend[l] };
        const jet at_top = { p->named[OF_TOP].value[l], p->named[OF_TOP].slope[l], p->named[OF_TOP].bend[l] };
        const real factor = p->factor[l];
        real value = p->value[l], but_top = p->slope[l], bend = p->bend[l], top_mass = p->top_mass[l];
        const real mass = p->label_mass[l], all = mass + p->even_mass[l]; /* with a target row the first is 0, and the label nobody's */
        value += times(mass, x.value) + times(top_mass, at_top.value);
        but_top += p->at_top[l] != 0 ? 0 : times(mass, x.slope);
        const real of_label = times(mass, x.bend), rest = bend + (p->at_top[l] != 0 ? 0 : of_label);
        top_mass += p->at_top[l] != 0 ? mass : 0;
        const real top_slope = times(top_mass, at_top.slope), slope = but_top + top_slope, top_bend = times(top_mass, at_top.bend);
        bend = rest + top_bend;
        /* A p - a at the top is also (A - a) - A q: whichever has the smaller terms, so that a sure and right row keeps digits. */
        const real sure = but_top - slope * top_q, unsure = slope * top_p - top_slope;
        p->top_grad[l] = (top_q < top_p ? sure : unsure) * factor;
        p->top_hess[l] = hessian_of(slope, rest, top_bend, top_p, top_q, upper) * factor;
        p->label_grad[l] = (slope * label_p - times(all, x.slope)) * factor;
        const real own = times(all, x.bend);
        p->label_hess[l] = hessian_of(slope, bend - own, own, label_p, label_q, upper) * factor;
        p->value[l] = value;
        p->slope[l] = slope;
        p->bend[l] = bend;
        p->rest[l] = rest;
    }
}

/* ---- outputs ---- */

STAGE void put_facts(const job *w, const panel *p)
{
    const softmax_tile *tile = w->tile;
    for (int l = 0; l < p->count; l++) {
        const ptrdiff_t at = p->place[l];
        ((stored *)tile->value)[at] = (stored)p->value[l];
        if (tile->logsumexp) tile->logsumexp[at] = p->max[l] + p->nll_top[l];
        if (tile->correct) tile->correct[at] = !w->target && p->top[l] == p->label[l];
    }
}

/* What stands at label and top after all. */
STAGE void put_special(const job *w, const panel *p)
{
    const softmax_tile *tile = w->tile;
    stored *const grad = tile->grad, *const hess = tile->hess;
    const int labels = !w->target;
    for (int l = 0; l < p->count; l++) {
        const ptrdiff_t row = p->place[l] * w->classes, label = row + p->label[l], top = row + p->top[l];
        if (grad && labels) grad[label] = (stored)p->label_grad[l];
        if (grad) grad[top] = (stored)p->top_grad[l];
        if (hess && labels) hess[label] = (stored)p->label_hess[l];
        if (hess) hess[top] = (stored)p->top_hess[l];
        if (tile->wide_grad && labels) tile->wide_grad[label] = p->label_grad[l];
        if (tile->wide_grad) tile->wide_grad[top] = p->top_grad[l];
        if (tile->wide_hess && labels) tile->wide_hess[label] = p->label_hess[l];
        if (tile->wide_hess) tile->wide_hess[top] = p->top_hess[l];
    }
}

/* What a row's loops over classes know; by value, so that no store can change it. */
typedef struct {
    facts known;
    real slope, bend, factor, scale;
} priced;

FORMULA priced priced_at(const panel *p, int l) { return (priced){ facts_at(p, l), p->slope[l], p->bend[l], p->factor[l], p->scale[l] }; }

/* A p of the gradient's loop, with its factor; the f32 form is one product. */
FORMULA real gradient_on_label(priced r, stored e)
{
#if CARRIES_REMAINDER
    return share(r.known, e * E_UNIT) * r.slope * r.factor;
#else
    return (real)e * r.scale;
#endif
}

/* Of a class that is neither label nor top. */
FORMULA real hessian_on_label(priced r, stored e, real upper)
{
    real own = share(r.known, (real)e * E_UNIT);
    return hessian_of(r.slope, r.bend, 0, own, 1 - own, upper) * r.factor;
}

typedef struct {
    real value, slope, bend;
} term;

/* What one class that is not the top adds to the sums. */
FORMULA term term_of(const job *w, facts r, stored z, stored e, real target, real weight, formula *f)
{
    const real s = weight * fma_(w->keep, target, w->spread);
    const jet x = f(outcome_of(r, z, e), w->param);
    return (term){ times(s, x.value), times(s, x.slope), times(s, x.bend) };
}

typedef struct {
    real grad, hess;
} derivatives;

FORMULA derivatives derivatives_of(const job *w, priced r, stored z, stored e, real target, real weight, real upper, formula *f)
{
    const outcome o = outcome_of(r.known, z, e);
    const jet x = f(o, w->param);
    const real s = weight * fma_(w->keep, target, w->spread), own = times(s, x.bend);
    return (derivatives){ (r.slope * o.p - times(s, x.slope)) * r.factor,
                          hessian_of(r.slope, r.bend - own, own, o.p, 1 - o.p, upper) * r.factor };
}

/* The gradient with respect to a target row: what each class would cost. */
FORMULA void put_target_gradients(const job *w, const panel *p, formula *f)
{
    for (int l = 0; l < p->count; l++) {
        const facts r = facts_at(p, l);
        const ptrdiff_t n = w->classes, at = p->place[l] * n, top = p->top[l];
        const real at_top = p->named[OF_TOP].value[l], factor = p->factor[l], keep = w->keep;
        const stored *z = w->logits + at, *weight = w->class_weight;
        double *out = w->tile->wide_target_grad + at;
        for (ptrdiff_t j = 0; j < n; j += LANES) {
            stored room[ROOM];
            real price[LANES];
            const ptrdiff_t here = n - j < LANES ? n - j : LANES;
            for (int i = 0; i < LANES; i++) room[i] = z[j + (i < here ? i : 0)];
            LANE_LOOP
            for (int i = 0; i < LANES; i++) price[i] = f(outcome_of(r, room[i], lifted_exp(room[i], (stored)r.max)), w->param).value;
            for (int i = 0; i < here; i++) out[j + i] = price[i];
        }
        out[top] = at_top;
        for (ptrdiff_t j = 0; j < n; j++) out[j] = times(keep * (weight ? (real)weight[j] : 1), out[j]) * factor;
    }
}

/* ---- matrices ----
 *
 * With v_k = (unit vector of class k) - p the second derivatives of a row are
 *     A (diag p - p p^T) + sum_k b_k v_k v_k^T
 * or, beside the diagonal, -A p_i p_j + (B - b_i - b_j) p_i p_j - b_i (1 - p_i) p_j - b_j (1 - p_j) p_i. The first part and each
 * v_k v_k^T have no negative eigenvalue, so with the b_k that are above 0 alone (`upper`) the whole has none, and is nowhere below the
 * true one. */

/* What a matrix is made from, per class. */
typedef struct {
    double *p, *p_lo, *q, *bend;
} columns;

FORMULA columns columns_of(const job *w)
{
    double *const room = w->tile->matrix_room;
    const ptrdiff_t n = w->classes;
    return (columns){ room, room + n, room + 2 * n, room + 3 * n };
}

FORMULA void fill_columns(const job *w, const panel *p, int l, formula *f)
{
    const facts r = facts_at(p, l);
    const columns to = columns_of(w);
    const ptrdiff_t n = w->classes, at = p->place[l] * n, top = p->top[l], label = p->label[l];
    const int masses = w->masses;
    for (ptrdiff_t j = 0; j < n; j += LANES) {
        const ptrdiff_t here = n - j < LANES ? n - j : LANES;
        stored z[LANES], target[LANES], weight[LANES];
        real hi[LANES], lo[LANES], bend[LANES];
        for (int i = 0; i < LANES; i++) {
            const ptrdiff_t from = j + (i < here ? i : 0);
            z[i] = w->logits[at + from];
            target[i] = w->target ? w->target[at + from] : 0;
            weight[i] = w->class_weight ? w->class_weight[from] : 1;
        }
        LANE_LOOP
        for (int i = 0; i < LANES; i++) {
            const stored e = lifted_exp(z[i], (stored)r.max);
            const pair own = share_pair(r, as_pair((real)e * E_UNIT));
            hi[i] = own.hi;
            lo[i] = own.lo;
            bend[i] = masses ? term_of(w, r, z[i], e, target[i], weight[i], f).bend : 0;
        }
        for (int i = 0; i < here; i++) {
            to.p[j + i] = hi[i];
            to.p_lo[j + i] = lo[i];
            to.q[j + i] = 1 - hi[i];
            to.bend[j + i] = bend[i];
        }
    }
    to.p[top] = r.inverse.hi;
    to.p_lo[top] = r.inverse.lo;
    to.q[top] = p->named[OF_TOP].q[l];
    to.bend[top] = masses ? times(p->top_mass[l], p->named[OF_TOP].bend[l]) : 0;
    if (w->target) return;
    to.q[label] = p->named[OF_LABEL].q[l];
    to.bend[label] = times(masses ? p->label_mass[l] + p->even_mass[l] : p->label_mass[l], p->named[OF_LABEL].bend[l]);
}

/* What stands at (i, j), given B - b_i - b_j. The same for (j, i), to the bit. */
FORMULA real beside(real slope, real rest, pair p_i, pair p_j, real turn_i, real turn_j)
{
    const pair both = pair_mul(p_i, p_j);
#ifdef STRAIGHT
    (void)rest, (void)turn_i, (void)turn_j;
    return 0 - pair_mul(both, as_pair(slope)).hi; /* 0, not -0, where a class is absent */
#else
    const pair turn = pair_add(pair_mul(as_pair(turn_i), p_j), pair_mul(as_pair(turn_j), p_i));
    return pair_sub(pair_mul(both, two_diff(rest, slope)), turn).hi;
#endif
}

STAGE void put_matrix(const job *w, const panel *p, int l)
{
    const ptrdiff_t n = w->classes, top = p->top[l];
    const columns of = columns_of(w);
    const real slope = p->slope[l], factor = p->factor[l];
    real but_top = p->rest[l], all = p->bend[l];
    double *const matrix = w->tile->matrix + p->place[l] * n * n;
#ifndef STRAIGHT
    if (w->tile->upper) {
        pair sum = { 0, 0 };
        for (ptrdiff_t j = 0; j < n; j++) {
            of.bend[j] = max_(of.bend[j], 0);
            const pair t = two_sum(sum.hi, j == top ? 0 : of.bend[j]);
            sum = (pair){ t.hi, sum.lo + t.lo };
        }
        but_top = close_sum(sum).hi;
        all = but_top + of.bend[top];
    }
#endif
    for (ptrdiff_t i = 0; i < n; i++) {
        const pair p_i = { of.p[i], of.p_lo[i] };
        const real bend = of.bend[i], turn = bend * of.q[i];
        double *const row = matrix + i * n;
        VECTOR_LOOP
        for (ptrdiff_t j = 0; j < n; j++)
            row[j] = beside(slope, all - (bend + of.bend[j]), p_i, (pair){ of.p[j], of.p_lo[j] }, turn, of.bend[j] * of.q[j]) * factor;
    }
    for (ptrdiff_t i = 0; i < n; i++) { /* with the top; and the diagonal */
        const pair p_i = { of.p[i], of.p_lo[i] }, p_top = { of.p[top], of.p_lo[top] };
        matrix[i * n + top] = matrix[top * n + i] =
            beside(slope, but_top - of.bend[i], p_i, p_top, of.bend[i] * of.q[i], of.bend[top] * of.q[top]) * factor;
        matrix[i * n + i] = hessian_of(slope, i == top ? but_top : all - of.bend[i], of.bend[i], of.p[i], of.q[i], 0) * factor;
    }
}

FORMULA void put_matrices(const job *w, const panel *p, formula *f)
{
    for (int l = 0; l < p->count; l++) {
        fill_columns(w, p, l, f);
        put_matrix(w, p, l);
    }
}

/* ---- narrow rows: a panel is transposed, and vectors run across its rows ---- */

STAGE void panel_in(const job *w, const panel *p, const stored *from, stored *to)
{
    const stored *row[LANES];
    for (int l = 0; l < LANES; l++) row[l] = from + p->place[l] * w->classes;
    transpose_in(row, w->classes, to);
}

STAGE void panel_out(const job *w, const panel *p, const stored *from, stored *to)
{
    stored *row[LANES];
    for (int l = 0; l < LANES; l++) row[l] = to + p->place[l] * w->classes;
    transpose_out(from, w->classes, row, p->count);
}

STAGE void narrow_others(const job *w, panel *p, const stored *z, stored *e)
{
    const ptrdiff_t n = w->classes;
    stored most[LANES], where[LANES];
    lanes s;
    clear_lanes(&s);
    for (int l = 0; l < LANES; l++) {
        most[l] = z[l];
        where[l] = (stored)n;
    }
    for (ptrdiff_t j = 1; j < n; j++) {
        LANE_LOOP
        for (int l = 0; l < LANES; l++) most[l] = most[l] < z[j * LANES + l] ? z[j * LANES + l] : most[l];
    }
    for (ptrdiff_t j = 0; j < n; j++) {
        LANE_LOOP
        for (int l = 0; l < LANES; l++) {
            const stored here = z[j * LANES + l] == most[l] ? (stored)j : (stored)n;
            where[l] = here < where[l] ? here : where[l];
            e[j * LANES + l] = lifted_exp(z[j * LANES + l], most[l]);
        }
    }
    for (ptrdiff_t j = 0; j < n; j++) {
        LANE_LOOP
        for (int l = 0; l < LANES; l++) {
            const stored own = e[j * LANES + l];
            add_to_lane(&s, l, where[l] == (stored)j ? 0 : own);
        }
    }
    LANE_LOOP
    for (int l = 0; l < LANES; l++) {
        const pair sum = close_sum((pair){ s.hi[l], s.lo[l] });
        p->others[l] = sum.hi * E_UNIT;
        p->others_lo[l] = sum.lo * E_UNIT;
        p->max[l] = most[l];
    }
    for (int l = 0; l < LANES; l++) p->top[l] = where[l] < (stored)n ? (ptrdiff_t)where[l] : 0; /* a NaN is nowhere */
}

FORMULA void narrow_masses(const job *w, panel *p, const stored *z, const stored *e, const stored *t, formula *f)
{
    real top[LANES];
    lanes value, slope, bend;
    clear_lanes(&value);
    clear_lanes(&slope);
    clear_lanes(&bend);
    for (int l = 0; l < LANES; l++) top[l] = (real)p->top[l];
    for (ptrdiff_t j = 0; j < w->classes; j++) {
        const real weight = w->class_weight ? (real)w->class_weight[j] : 1;
        LANE_LOOP
        for (int l = 0; l < LANES; l++) {
            const real but_top = top[l] == (real)j ? 0 : weight;
            const term x = term_of(w, facts_at(p, l), z[j * LANES + l], e[j * LANES + l], t[j * LANES + l], but_top, f);
            add_to_lane(&value, l, x.value);
            add_to_lane(&slope, l, x.slope);
            add_to_lane(&bend, l, x.bend);
        }
    }
    for (int l = 0; l < LANES; l++) {
        p->value[l] = close_sum((pair){ value.hi[l], value.lo[l] }).hi;
        p->slope[l] = close_sum((pair){ slope.hi[l], slope.lo[l] }).hi;
        p->bend[l] = close_sum((pair){ bend.hi[l], bend.lo[l] }).hi;
    }
}

/* Gradients take the place of e, Hessians that of z. */
STAGE void narrow_outputs_on_label(const job *w, const panel *p, stored *z, stored *e)
{
    const ptrdiff_t n = w->classes;
    const real upper = w->tile->upper;
    for (ptrdiff_t j = 0; j < n && w->tile->hess; j++) {
        LANE_LOOP
        for (int l = 0; l < LANES; l++) z[j * LANES + l] = (stored)hessian_on_label(priced_at(p, l), e[j * LANES + l], upper);
    }
    for (ptrdiff_t j = 0; j < n && w->tile->grad; j++) {
        LANE_LOOP
        for (int l = 0; l < LANES; l++) e[j * LANES + l] = (stored)gradient_on_label(priced_at(p, l), e[j * LANES + l]);
    }
}

STAGE void narrow_wide_outputs_on_label(const job *w, const panel *p, const stored *e)
{
    const softmax_tile *tile = w->tile;
    for (int l = 0; l < p->count; l++) {
        const ptrdiff_t n = w->classes, at = p->place[l] * n;
        for (ptrdiff_t j = 0; j < n && tile->wide_grad; j++) tile->wide_grad[at + j] = gradient_on_label(priced_at(p, l), e[j * LANES + l]);
        for (ptrdiff_t j = 0; j < n && tile->wide_hess; j++)
            tile->wide_hess[at + j] = hessian_on_label(priced_at(p, l), e[j * LANES + l], tile->upper);
    }
}

FORMULA void narrow_outputs_of_masses(const job *w, const panel *p, stored *z, stored *e, const stored *t, formula *f)
{
    const softmax_tile *tile = w->tile;
    const ptrdiff_t n = w->classes;
    const real upper = tile->upper;
    for (ptrdiff_t j = 0; j < n; j++) {
        const real weight = w->class_weight ? (real)w->class_weight[j] : 1;
        real grad[LANES], hess[LANES];
        LANE_LOOP
        for (int l = 0; l < LANES; l++) {
            const derivatives d =
                derivatives_of(w, priced_at(p, l), z[j * LANES + l], e[j * LANES + l], t[j * LANES + l], weight, upper, f);
            grad[l] = d.grad;
            hess[l] = d.hess;
        }
        LANE_LOOP
        for (int l = 0; l < LANES; l++) e[j * LANES + l] = (stored)grad[l];
        LANE_LOOP
        for (int l = 0; l < LANES; l++) z[j * LANES + l] = (stored)hess[l];
        for (int l = 0; l < p->count && tile->wide_grad; l++) tile->wide_grad[p->place[l] * n + j] = grad[l];
        for (int l = 0; l < p->count && tile->wide_hess; l++) tile->wide_hess[p->place[l] * n + j] = hess[l];
    }
}

/* ---- wide rows: vectors run along the row ---- */

/* max, top and others of one row; e goes to `home`, which may be where the logits lie, or be NULL. */
STAGE void wide_others(const job *w, panel *p, int l, stored *home)
{
    const stored *z = w->logits + p->place[l] * w->classes;
    find_top(z, w->classes, &p->max[l], &p->top[l]);
    const pair others = sum_others(z, w->classes, p->max[l], p->top[l], home);
    p->others[l] = others.hi;
    p->others_lo[l] = others.lo;
}

enum { TOGETHER = 256 }; /* classes of rows that a panel takes through each step together: sixteen stay in the first cache */

FORMULA void fold_least(stored *least, const int half)
{
    LANE_LOOP
    for (int i = 0; i < half; i++) least[i] = least[i + half] < least[i] ? least[i + half] : least[i];
}

/* The same of every row of a panel, step by step: what a row waits for at the end of a step hides behind the next row. */
STAGE void wide_others_together(const job *w, panel *p, stored *homes)
{
    const ptrdiff_t n = w->classes;
    stored most[LANES][LANES], where[LANES][LANES];
    lanes sum[LANES];
    for (int l = 0; l < p->count; l++) {
        const stored *z = w->logits + p->place[l] * n;
        for (int i = 0; i < LANES; i++) most[l][i] = z[i];
        for (ptrdiff_t j = LANES; j < n; j += LANES) { /* the last sixteen overlap those before */
            const stored *at = z + (j + LANES <= n ? j : n - LANES);
            LANE_LOOP
            for (int i = 0; i < LANES; i++) most[l][i] = most[l][i] < at[i] ? at[i] : most[l][i];
        }
    }
    for (int l = 0; l < p->count; l++) {
        fold_most(most[l], 8);
        fold_most(most[l], 4);
        fold_most(most[l], 2);
        fold_most(most[l], 1);
        p->max[l] = most[l][0];
    }
    for (int l = 0; l < p->count; l++) {
        const stored *z = w->logits + p->place[l] * n, best = p->max[l];
        for (int i = 0; i < LANES; i++) where[l][i] = (stored)(n - 1);
        for (ptrdiff_t j = 0; j < n; j += LANES) {
            const ptrdiff_t start = j + LANES <= n ? j : n - LANES;
            const stored from = (stored)start;
            LANE_LOOP
            for (int i = 0; i < LANES; i++) {
                const stored here = z[start + i] == best ? from + (stored)i : (stored)(n - 1);
                where[l][i] = here < where[l][i] ? here : where[l][i];
            }
        }
    }
    for (int l = 0; l < p->count; l++) {
        fold_least(where[l], 8);
        fold_least(where[l], 4);
        fold_least(where[l], 2);
        fold_least(where[l], 1);
        p->top[l] = (ptrdiff_t)where[l][0];
    }
    for (int l = 0; l < p->count; l++) {
        const ptrdiff_t at = p->place[l] * n;
        clear_lanes(&sum[l]);
        add_others(&sum[l], w->logits + at, n, 0, n, p->max[l], p->top[l], homes ? homes + at : NULL);
    }
    for (int l = 0; l < p->count; l++) {
        pair others = { 0, 0 };
        add_block(&others, &sum[l]);
        others = close_others(others);
        p->others[l] = others.hi;
        p->others_lo[l] = others.lo;
    }
}

static const stored ones[LANES] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 }, zeros[LANES];

/* e of sixteen classes: from where it was put, or once more from their logits. */
FORMULA const stored *sixteen_e(const stored *home, const stored *zs, stored max, ptrdiff_t j, ptrdiff_t end, stored *room)
{
    if (home) return sixteen(home, j, end, -1, 0, room);
    LANE_LOOP
    for (int i = 0; i < LANES; i++) room[i] = lifted_exp(zs[i], max);
    return room;
}

FORMULA void wide_masses(const job *w, panel *p, int l, const stored *home, formula *f)
{
    const ptrdiff_t n = w->classes, top = p->top[l], at = p->place[l] * n;
    const facts r = facts_at(p, l);
    pair value = { 0, 0 }, slope = { 0, 0 }, bend = { 0, 0 };
    for (ptrdiff_t start = 0; start < n; start += BLOCK) {
        const ptrdiff_t end = n - start < BLOCK ? n : start + BLOCK;
        lanes v, a, b;
        clear_lanes(&v);
        clear_lanes(&a);
        clear_lanes(&b);
        for (ptrdiff_t j = start; j < end; j += LANES) {
            stored room[4][ROOM];
            const stored *zs = sixteen(w->logits + at, j, end, top, -__builtin_inff(), room[0]);
            const stored *ts = w->target ? sixteen(w->target + at, j, end, top, 0, room[1]) : zeros;
            const stored *ws = w->class_weight ? sixteen(w->class_weight, j, end, top, 0, room[2]) : ones;
            if (!w->class_weight && (end - j < LANES || (size_t)(top - j) < LANES)) {
                for (int i = 0; i < LANES; i++) room[2][i] = i < end - j && i != top - j;
                ws = room[2];
            }
            const stored *es = sixteen_e(home, zs, p->max[l], j, end, room[3]);
            LANE_LOOP
            for (int i = 0; i < LANES; i++) {
                const term x = term_of(w, r, zs[i], es[i], ts[i], ws[i], f);
                add_to_lane(&v, i, x.value);
                add_to_lane(&a, i, x.slope);
                add_to_lane(&b, i, x.bend);
            }
        }
        add_block(&value, &v);
        add_block(&slope, &a);
        add_block(&bend, &b);
    }
    p->value[l] = close_sum(value).hi;
    p->slope[l] = close_sum(slope).hi;
    p->bend[l] = close_sum(bend).hi;
}

/* e stands where the gradient goes, or where the Hessian goes. */
STAGE void wide_outputs_on_label(const job *w, const panel *p, int l)
{
    const priced r = priced_at(p, l);
    const ptrdiff_t n = w->classes, at = p->place[l] * n;
    const real upper = w->tile->upper;
    stored *grad = w->tile->grad, *hess = w->tile->hess;
    if (hess) {
        const stored *e = grad ? grad + at : hess + at;
        VECTOR_LOOP
        for (ptrdiff_t j = 0; j < n; j++) hess[at + j] = (stored)hessian_on_label(r, e[j], upper);
    }
    if (grad) {
        VECTOR_LOOP
        for (ptrdiff_t j = 0; j < n; j++) grad[at + j] = (stored)gradient_on_label(r, grad[at + j]);
    }
}

/* Sixteen numbers from class j on, to where they are wanted. */
FORMULA void put_sixteen(void *rounded, double *wide, ptrdiff_t at, ptrdiff_t here, const real *x)
{
    stored *const to = rounded;
    stored some[LANES];
    if (rounded && here >= LANES) {
        LANE_LOOP
        for (int i = 0; i < LANES; i++) to[at + i] = (stored)x[i];
    } else if (rounded) {
        for (int i = 0; i < LANES; i++) some[i] = (stored)x[i];
        put_some(to + at, some, here);
    }
    if (wide)
        for (ptrdiff_t i = 0; i < LANES && i < here; i++) wide[at + i] = x[i];
}

STAGE void wide_wide_outputs_on_label(const job *w, const panel *p, int l)
{
    const ptrdiff_t n = w->classes, at = p->place[l] * n;
    const real upper = w->tile->upper;
    const stored max = p->max[l];
    const priced r = priced_at(p, l);
    for (ptrdiff_t j = 0; j < n; j += LANES) {
        stored room[ROOM];
        real grad[LANES], hess[LANES];
        const stored *zs = sixteen(w->logits + at, j, n, -1, -__builtin_inff(), room);
        LANE_LOOP
        for (int i = 0; i < LANES; i++) {
            const stored e = lifted_exp(zs[i], max);
            grad[i] = gradient_on_label(r, e);
            hess[i] = hessian_on_label(r, e, upper);
        }
        put_sixteen(w->tile->grad, w->tile->wide_grad, at + j, n - j, grad);
        put_sixteen(w->tile->hess, w->tile->wide_hess, at + j, n - j, hess);
    }
}

/* `plain`: a gradient as stored, and nothing else. */
FORMULA void wide_outputs_of_masses(const job *w, const panel *p, int l, const stored *home, formula *f, const int plain)
{
    const ptrdiff_t n = w->classes, at = p->place[l] * n;
    const real upper = w->tile->upper;
    const priced r = priced_at(p, l);
    for (ptrdiff_t j = 0; j < n; j += LANES) {
        stored room[4][ROOM], spill[LANES];
        real grad[LANES], hess[LANES];
        const stored *zs = sixteen(w->logits + at, j, n, -1, -__builtin_inff(), room[0]);
        const stored *ts = w->target ? sixteen(w->target + at, j, n, -1, 0, room[1]) : zeros;
        const stored *ws = w->class_weight ? sixteen(w->class_weight, j, n, -1, 0, room[2]) : ones;
        const stored *es = sixteen_e(home, zs, p->max[l], j, n, room[3]);
        if (plain) {
            stored *const out = (stored *)w->tile->grad + at + j, *const to = n - j >= LANES ? out : spill;
            LANE_LOOP
            for (int i = 0; i < LANES; i++) to[i] = (stored)derivatives_of(w, r, zs[i], es[i], ts[i], ws[i], upper, f).grad;
            if (n - j < LANES) put_some(out, spill, n - j);
            continue;
        }
        LANE_LOOP
        for (int i = 0; i < LANES; i++) {
            const derivatives d = derivatives_of(w, r, zs[i], es[i], ts[i], ws[i], upper, f);
            grad[i] = d.grad;
            hess[i] = d.hess;
        }
        put_sixteen(w->tile->grad, w->tile->wide_grad, at + j, n - j, grad);
        put_sixteen(w->tile->hess, w->tile->wide_hess, at + j, n - j, hess);
    }
}

/* max, top and others of a panel, and e to where the gradients go, or the Hessians. */
STAGE void wide_panel(const job *w, panel *p, stored *homes)
{
    const int count = (int)p->count, together = w->classes <= TOGETHER;
    if (together) wide_others_together(w, p, homes);
    for (int l = 0; l < count && !together; l++) wide_others(w, p, l, homes ? homes + p->place[l] * w->classes : NULL);
    for (int l = count; l < LANES; l++) {
        p->max[l] = p->max[0];
        p->top[l] = p->top[0];
        p->others[l] = p->others[0];
        p->others_lo[l] = p->others_lo[0];
        p->value[l] = p->slope[l] = p->bend[l] = 0;
    }
}

/* ---- all rows ---- */

enum { AT_ONCE = 16384 }; /* numbers of a panel of wide rows: what stays in the second cache */

FORMULA void all_rows(const job *w, formula *f)
{
    const softmax_tile *tile = w->tile;
    const ptrdiff_t n = w->classes, fit = AT_ONCE / n, abreast = fit < 1 ? 1 : fit > LANES ? LANES : fit;
    const int narrow = n <= NARROW, rounded = !tile->wide_grad && !tile->wide_hess;
    stored z[NARROW * LANES], e[NARROW * LANES], t[NARROW * LANES]; /* of narrow rows */
    stored *homes = !rounded ? NULL : tile->grad ? tile->grad : tile->hess; /* of wide ones */
    if (w->masses && homes == w->logits) homes = NULL; /* the logits are asked again */
    if (narrow && w->masses && !w->target) memset(t, 0, (size_t)n * LANES * sizeof *t);
    for (ptrdiff_t first = 0; first < tile->rows; first += abreast) {
        panel p;
        open_panel(w, first, tile->rows - first < abreast ? tile->rows - first : abreast, &p);
        if (narrow) {
            panel_in(w, &p, w->logits, z);
            narrow_others(w, &p, z, e);
            if (w->target) panel_in(w, &p, w->target, t);
        } else {
            wide_panel(w, &p, homes);
        }
        find_facts(w, &p);
        price(w, &p, f);
        if (w->masses && narrow) narrow_masses(w, &p, z, e, t, f);
        for (int l = 0; l < p.count && w->masses && !narrow; l++) wide_masses(w, &p, l, homes ? homes + p.place[l] * n : NULL, f);
        if (w->masses)
            weigh_masses(w, &p);
        else
            weigh_labels(w, &p);
        put_facts(w, &p);
        if (tile->wide_target_grad) put_target_gradients(w, &p, f);
        if (tile->matrix) put_matrices(w, &p, f);
        if (!(tile->grad || tile->hess || tile->wide_grad || tile->wide_hess)) continue;
        if (narrow && w->masses) narrow_outputs_of_masses(w, &p, z, e, t, f);
        if (narrow && !w->masses && !rounded) narrow_wide_outputs_on_label(w, &p, e);
        if (narrow && !w->masses) narrow_outputs_on_label(w, &p, z, e);
        if (narrow && tile->grad) panel_out(w, &p, e, tile->grad);
        if (narrow && tile->hess) panel_out(w, &p, z, tile->hess);
        for (int l = 0; l < p.count && !narrow; l++) {
            const stored *home = homes ? homes + p.place[l] * n : NULL;
            if (w->masses && rounded && !tile->hess)
                wide_outputs_of_masses(w, &p, l, home, f, 1);
            else if (w->masses)
                wide_outputs_of_masses(w, &p, l, home, f, 0);
            else if (rounded)
                wide_outputs_on_label(w, &p, l);
            else
                wide_wide_outputs_on_label(w, &p, l);
        }
        put_special(w, &p);
    }
}

#endif
