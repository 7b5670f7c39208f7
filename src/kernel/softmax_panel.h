/*
 * Losses of softmax rows, a panel of sixteen rows at a time: these share the work per row (logarithms, prices); softmax_narrow.h and
 * softmax_wide.h do the work per class.
 *
 * With mass s_j on class j (one on the label; or spread by label smoothing, class weights, a row of probabilities) a row costs
 * sum_j s_j f(l_j), l_j = -ln p_j, and
 *     gradient_j = A p_j - a_j                     a_j = s_j f'(l_j), A = sum a_j
 *     Hessian_jj = A p_j (1 - p_j) + p_j^2 (B - b_j) + b_j (1 - p_j)^2      b_j = s_j f''(l_j), B = sum b_j
 * At the top, where p may be near 1, B - b_j is added up without b_j: elsewhere the difference loses nothing that counts.
 * The label and the top have expressions of their own, written over what the loops stored.
 */
#ifndef LIBLOSS_KERNEL_SOFTMAX_PANEL_H
#define LIBLOSS_KERNEL_SOFTMAX_PANEL_H

#include "softmax_row.h"

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
    ptrdiff_t count, place[LANES], start[LANES], label[LANES], top[LANES]; /* a row's number, and where its classes begin */
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
        p->start[l] = place * w->classes;
        p->factor[l] = tile->factor ? tile->factor[place] : 1;
        /* checked already; clamped here too, so that a concurrent writer gets wrong numbers, never a wild read */
        const int64_t label = tile->label ? tile->label[place] : 0;
        p->label[l] = (uint64_t)label < (uint64_t)w->classes ? (ptrdiff_t)label : 0;
        p->z_label[l] = w->logits[p->start[l] + p->label[l]];
    }
}

/* `rows` rows of the next panel, from its row l on, come meanwhile: their numbers, and where their derivatives go. The processor's own prefetching
 * begins anew with each panel: with everything in memory cross_entropy of 64 classes took 1.03 ns per number instead of 0.66, of 128 0.88 instead of
 * 0.50 (Zen 5). Where rows are absent it is others, and does no harm. */
FORMULA void fetch_next(const job *w, const panel *p, int l, int rows)
{
    const size_t begin = (size_t)(p->start[l] + LANES * w->classes) * sizeof(stored),
                 end = begin + (size_t)(rows * w->classes) * sizeof(stored);
    const uintptr_t in[2] = { (uintptr_t)w->logits, (uintptr_t)w->target }, out[2] = { (uintptr_t)w->tile->grad, (uintptr_t)w->tile->hess };
    for (size_t at = begin; at < end; at += 64)
        for (int k = 0; k < 2; k++) {
            if (in[k]) PREFETCH(in[k] + at, 0);
            if (out[k]) PREFETCH(out[k] + at, 1);
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
        const real target = w->target ? (real)w->target[p->start[l] + top] : 0;
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
        const ptrdiff_t row = p->start[l], label = row + p->label[l], top = row + p->top[l];
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
        const ptrdiff_t n = w->classes, at = p->start[l], top = p->top[l];
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

#endif
