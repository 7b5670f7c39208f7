/*
 * Losses f(l) of l = -ln p_k, where p = softmax(logits) and k is the row's class: a loss gives f, f' and f'' in terms of l, p_k
 * and 1 - p_k. The family does the rest, the same for all of them: label smoothing, class weights, rows of probabilities,
 * absent classes (logits of -inf). softmax_row.h has the facts of a row, softmax_loops.h the loops.
 */
#ifndef LIBLOSS_KERNEL_SOFTMAX_H
#define LIBLOSS_KERNEL_SOFTMAX_H

#include "softmax_loops.h"

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
