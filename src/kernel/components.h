/*
 * Rows whose value is a sum over their components: a formula of one component, run as a vector, its values added up in lanes.
 */
#ifndef LIBLOSS_KERNEL_COMPONENTS_H
#define LIBLOSS_KERNEL_COMPONENTS_H

#include "rows.h"

#include "lanes.h"

typedef struct {
    pair value;
    double grad, hess, target_grad, target_hess;
} component;

/* x, t and the weight of one component; what else the formula needs of the row it sees as `row`. Branch-free. */
typedef component component_formula(double x, double t, double weight, const row_unit *row);

/* Scratch: the target as a row, weights, outputs that nobody wants. */
static inline int64_t components_work(int64_t length, int64_t width, const int64_t *counts)
{
    (void)width, (void)counts;
    return 3 * whole_lanes(length);
}

enum { VALUE_ONLY, WITH_GRADIENT, WITH_EVERYTHING };

/* `wants` is a constant. Past the last component stands what the buffers held: its results are written there, and read by nobody. */
FORMULA double run_components(const row_unit *row, component_formula *f, const int wants)
{
    const int64_t n = row->classes, room = whole_lanes(n);
    double *hot = row->work, *ones = hot + room, *unwanted = ones + room;
    const double *x = row->x, *t = row->t ? row->t : hot, *weight = row->class_weight ? row->class_weight : ones;
    double *grad = row->grad ? row->grad : unwanted, *hess = row->hess ? row->hess : unwanted;
    double *target_grad = row->target_grad ? row->target_grad : unwanted, *target_hess = row->target_hess ? row->target_hess : unwanted;
    double param[MAX_PARAMETERS];
    row_unit own = *row; /* of which no output can be a part */
    lanes sum;
    own.param = memcpy(param, row->param, sizeof param);
    clear_lanes(&sum);
    for (int64_t j = 0; j < room && !row->t; j++) hot[j] = 0;
    if (!row->t) hot[row->label] = 1;
    for (int64_t j = 0; j < room && !row->class_weight; j++) ones[j] = 1;
    for (int64_t j = 0; j < room; j += LANES) {
        LANE_LOOP
        for (int l = 0; l < LANES; l++) {
            component c = f(x[j + l], t[j + l], weight[j + l], &own);
            int there = j + l < n;
            add_pair_to_lane(&sum, l, choose(there, c.value, as_pair(0)));
            if (wants >= WITH_GRADIENT) grad[j + l] = c.grad;
            if (wants == WITH_EVERYTHING) {
                hess[j + l] = c.hess;
                target_grad[j + l] = c.target_grad;
                target_hess[j + l] = c.target_hess;
            }
        }
    }
    return close_sum(fold_lanes(&sum));
}

FORMULA double sum_of_components(const row_unit *row, component_formula *f)
{
    if (row->hess || row->target_grad || row->target_hess) return run_components(row, f, WITH_EVERYTHING);
    return row->grad ? run_components(row, f, WITH_GRADIENT) : run_components(row, f, VALUE_ONLY);
}

/* The same of a formula that gives nothing but zeros where the target is 0. */
FORMULA double sum_of_targets(const row_unit *row, component_formula *f)
{
    if (row->label < 0 || row->hess || row->target_grad) return sum_of_components(row, f);
    const component c = f(row->x[row->label], 1, class_weight_of(row, row->label), row);
    if (row->grad) row->grad[row->label] = c.grad;
    return close_sum(c.value);
}

/* Of many rows; see unit_kernels. */
FORMULA void run_labels(const loss_unit *u, component_formula *f)
{
    const row_unit row = { .classes = 1, .param = u->param, .upper = u->upper };
    const double *x = u->input[0], *weight = u->input[2];
    double *value = u->value, *grad = u->grad[0] ? u->grad[0] : u->value;
    const int64_t n = u->length;
    VECTOR_LOOP
    for (int64_t i = 0; i < n; i++) {
        const component c = f(x[i], 1, weight[i], &row);
        grad[i] = c.grad;
        value[i] = close_sum(c.value);
    }
}

#define COMPONENT_TABLE(name_, labels_)                                 \
    static void name_##_unit(const loss_unit *u) { run_row(u, name_); } \
    TABLE_OF_UNITS(name_, UNIT_ROW, PER_ROW, name_##_unit, components_work, labels_)

/* Wires the function name(const row_unit *), which adds its components up; `targets`: of name_component(), 0 where the target is. */
#define KERNELS_components(name_) COMPONENT_TABLE(name_, NULL)
#define KERNELS_targets(name_)                                                           \
    static void name_##_labels(const loss_unit *u) { run_labels(u, name_##_component); } \
    COMPONENT_TABLE(name_, name_##_labels)

#endif
