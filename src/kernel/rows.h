/*
 * Losses that are one function per row of classes: scores or probabilities x, with a label or a target row.
 */
#ifndef LIBLOSS_KERNEL_ROWS_H
#define LIBLOSS_KERNEL_ROWS_H

#define CARRIES_REMAINDER (LIBLOSS_BITS == 64) /* a row of f32 data is short enough without */
#include "unit.h"

/* `label` is -1 where the target is a row of its own. */
typedef struct {
    int64_t classes, label;
    const double *x, *t, *class_weight;
    double *grad, *hess, *target_grad, *target_hess; /* NULL: not wanted; they arrive as zeros */
    double *work; /* as many doubles as the loss asked for */
    double *matrix; /* the same, (classes, classes): what stands beside the diagonal of the Hessian */
    const double *param;
    int upper;
    pair total; /* the sum of x, where the loss divides by it and has set it */
} row_unit;

typedef double row_formula(const row_unit *row); /* the row's value */

FORMULA void run_row(const loss_unit *u, row_formula *f)
{
    row_unit row = {
        .classes = u->length,
        .label = u->index[1] ? u->index[1][0] : -1,
        .x = u->input[0],
        .t = u->input[1],
        .class_weight = u->input[2],
        .grad = u->grad[0],
        .hess = u->hess[0],
        .target_grad = u->grad[1],
        .target_hess = u->hess[1],
        .work = u->work,
        .matrix = u->matrix,
        .param = u->param,
        .upper = u->upper,
    };
    u->value[0] = f(&row);
}

/* The weight of class j. */
FORMULA double class_weight_of(const row_unit *row, int64_t j) { return row->class_weight ? row->class_weight[j] : 1; }

/* x at (i, j) and (j, i) of the matrix. */
FORMULA void add_beside(const row_unit *row, int64_t i, int64_t j, double x)
{
    row->matrix[i * row->classes + j] += x;
    row->matrix[j * row->classes + i] += x;
}

/* An index per row, and nothing else. */
#define INDEX_INPUT                                                                                                        \
    {                                                                                                                      \
        .name = "target", .description = "class index of each row in [0, classes)", .kind = KIND_CLASS, .shape = PER_VALUE \
    }

#define KERNELS_rows(name_)                                             \
    static void name_##_unit(const loss_unit *u) { run_row(u, name_); } \
    UNIT_TABLE(name_, UNIT_ROW, PER_ROW, name_##_unit, NULL)

#endif
