/*
 * Losses f(l) of l = -ln p_k, where p = softmax(logits) and k is the row's class: a loss gives f, f' and f'' in terms of l, p_k
 * and 1 - p_k. The family does the rest, the same for all of them: label smoothing, class weights, rows of probabilities,
 * absent classes (logits of -inf). softmax_row.h has the facts of a row, softmax_panel.h what sixteen of them share.
 *
 * Whether vectors run across rows or along them, and the order of every sum, is decided by the number of classes alone.
 */
#ifndef LIBLOSS_KERNEL_SOFTMAX_H
#define LIBLOSS_KERNEL_SOFTMAX_H

#include "softmax_matrix.h"
#include "softmax_narrow.h"
#include "softmax_wide.h"

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
        for (int l = 0; l < p.count && w->masses && !narrow; l++) wide_masses(w, &p, l, homes ? homes + p.start[l] : NULL, f);
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
            const stored *home = homes ? homes + p.start[l] : NULL;
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

FORMULA void softmax_rows(const softmax_tile *tile, formula *f)
{
    real param[MAX_PARAMETERS];
    for (int k = 0; k < MAX_PARAMETERS; k++) param[k] = (real)tile->param[k];
    const job w = {
        .tile = tile,
        .param = param,
        .classes = tile->classes,
        .logits = tile->logits,
        .target = tile->target,
        .class_weight = tile->class_weight,
        .masses = tile->target || tile->smoothing != 0,
        .keep = 1 - (real)tile->smoothing,
        .spread = (real)tile->smoothing / (real)tile->classes,
    };
    all_rows(&w, f);
}

#define KERNELS_softmax(name_)                                                        \
    static void name_##_rows(const softmax_tile *tile) { softmax_rows(tile, name_); } \
    extern const softmax_kernels KERNEL_TABLE(name_);                                 \
    const softmax_kernels KERNEL_TABLE(name_) = { name_##_rows };                     \
    DESCRIBE(name_, SHAPE_SOFTMAX, PER_ROW, UNIT_NONE)

#endif
