/*
 * Softmax rows of few classes: a panel is transposed, and vectors run across its rows.
 */
#ifndef LIBLOSS_KERNEL_SOFTMAX_NARROW_H
#define LIBLOSS_KERNEL_SOFTMAX_NARROW_H

#include "softmax_panel.h"
#include "transpose.h"

/* Sixteen rows of n numbers, wherever each begins, to n times sixteen numbers of the same class. */
static __attribute__((noinline)) void transpose_in(const stored *const *row, ptrdiff_t n, stored *to)
{
    if (n < QUAD)
        for (ptrdiff_t j = 0; j < n; j++)
            for (int l = 0; l < LANES; l++) to[j * LANES + l] = row[l][j];
    for (ptrdiff_t start = 0; start < n && n >= QUAD; start += QUAD) {
        const ptrdiff_t j = start + QUAD <= n ? start : n - QUAD; /* the last four overlap those before */
        stored *const column[QUAD] = { to + j * LANES, to + (j + 1) * LANES, to + (j + 2) * LANES, to + (j + 3) * LANES };
        for (int l = 0; l < LANES; l += QUAD) turn_quads(row + l, j, column, l, 0);
    }
}

/* And back, of the first `count` rows. */
static __attribute__((noinline)) void transpose_out(const stored *from, ptrdiff_t n, stored *const *row, ptrdiff_t count)
{
    const ptrdiff_t quads = n < QUAD ? 0 : count / QUAD * QUAD;
    for (ptrdiff_t start = 0; start < n && quads; start += QUAD) {
        const ptrdiff_t j = start + QUAD <= n ? start : n - QUAD;
        const stored *const column[QUAD] = { from + j * LANES, from + (j + 1) * LANES, from + (j + 2) * LANES, from + (j + 3) * LANES };
        for (ptrdiff_t l = 0; l < quads; l += QUAD) turn_quads(column, l, row + l, j, 0);
    }
    for (ptrdiff_t j = 0; j < n && quads < count; j++)
        for (ptrdiff_t l = quads; l < count; l++) row[l][j] = from[j * LANES + l];
}

STAGE void panel_in(const job *w, const panel *p, const stored *from, stored *to)
{
    const stored *row[LANES];
    for (int l = 0; l < LANES; l++) row[l] = from + p->start[l];
    transpose_in(row, w->classes, to);
}

STAGE void panel_out(const job *w, const panel *p, const stored *from, stored *to)
{
    stored *row[LANES];
    for (int l = 0; l < LANES; l++) row[l] = to + p->start[l];
    transpose_out(from, w->classes, row, p->count);
}

STAGE void narrow_others(const job *w, panel *p, const stored *z, stored *e)
{
    const ptrdiff_t n = w->classes;
    stored most[LANES], where[LANES];
    lanes s;
    fetch_next(w, p, 0, LANES);
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
        const ptrdiff_t n = w->classes, at = p->start[l];
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
        for (int l = 0; l < p->count && tile->wide_grad; l++) tile->wide_grad[p->start[l] + j] = grad[l];
        for (int l = 0; l < p->count && tile->wide_hess; l++) tile->wide_hess[p->start[l] + j] = hess[l];
    }
}

#endif
