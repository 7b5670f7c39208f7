/*
 * Softmax rows of many classes: vectors run along the row.
 */
#ifndef LIBLOSS_KERNEL_SOFTMAX_WIDE_H
#define LIBLOSS_KERNEL_SOFTMAX_WIDE_H

#include "softmax_panel.h"

/* max, top and others of one row; e goes to `home`, which may be where the logits lie, or be NULL. */
STAGE void wide_others(const job *w, panel *p, int l, stored *home)
{
    const stored *z = w->logits + p->start[l];
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
        const stored *z = w->logits + p->start[l];
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
        const stored *z = w->logits + p->start[l], best = p->max[l];
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
        const ptrdiff_t at = p->start[l];
        fetch_next(w, p, l, 1);
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
    const ptrdiff_t n = w->classes, top = p->top[l], at = p->start[l];
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
    const ptrdiff_t n = w->classes, at = p->start[l];
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
    const ptrdiff_t n = w->classes, at = p->start[l];
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
    const ptrdiff_t n = w->classes, at = p->start[l];
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
    for (int l = 0; l < count && !together; l++) wide_others(w, p, l, homes ? homes + p->start[l] : NULL);
    for (int l = count; l < LANES; l++) {
        p->max[l] = p->max[0];
        p->top[l] = p->top[0];
        p->others[l] = p->others[0];
        p->others_lo[l] = p->others_lo[0];
        p->value[l] = p->slope[l] = p->bend[l] = 0;
    }
}

#endif
