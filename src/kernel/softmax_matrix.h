/*
 * Whole Hessians of softmax rows.
 *
 * With v_k = (unit vector of class k) - p the second derivatives of a row are
 *     A (diag p - p p^T) + sum_k b_k v_k v_k^T
 * or, beside the diagonal, -A p_i p_j + (B - b_i - b_j) p_i p_j - b_i (1 - p_i) p_j - b_j (1 - p_j) p_i. The first part and each
 * v_k v_k^T have no negative eigenvalue, so with the b_k that are above 0 alone (`upper`) the whole has none, and is nowhere below the
 * true one.
 */
#ifndef LIBLOSS_KERNEL_SOFTMAX_MATRIX_H
#define LIBLOSS_KERNEL_SOFTMAX_MATRIX_H

#include "softmax_panel.h"

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
    const ptrdiff_t n = w->classes, at = p->start[l], top = p->top[l], label = p->label[l];
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
    double *const matrix = w->tile->matrix + p->start[l] * n;
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

#endif
