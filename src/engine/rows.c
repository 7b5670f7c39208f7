/*
 * The driver of losses that are one function per row. A row is gathered as double and what comes back is scaled and
 * rounded once, so a row function knows no storage type, stride, weight or reduction. The scratch for one row is the
 * caller's workspace, or one piece of memory that was there before the first store.
 */
#include "rowwise.h"
#include "split.h"

#include <string.h>

enum { ROW_ARRAYS = 7, STRIP = 256 }; /* x, t, class weights, and four outputs */

static int64_t row_bytes(const libloss__call *c) { return (ROW_ARRAYS * c->classes * (int64_t)sizeof(double) + 63) / 64 * 64; }

static double rounded(const libloss__call *c, double x) { return c->arithmetic == DTYPE_F32 ? (double)(float)x : x; }

static void put_row(const libloss__view *v, int64_t row, int64_t classes, double *jet, double factor)
{
    if (!libloss__given(v)) return;
    for (int64_t j = 0; j < classes; j++) jet[j] *= factor;
    libloss__scatter(v, row * classes, classes, jet, DTYPE_F64);
}

static libloss_status run_range(const libloss__piece *piece, void *nothing)
{
    (void)nothing;
    const libloss__call *c = piece->c;
    const row_kernels *kernels = c->object->row->kernels[libloss__isa()][c->arithmetic == DTYPE_F64];
    const int64_t classes = c->classes;
    double *scratch = (double *)((char *)c->args->workspace + piece->slot * row_bytes(c)), param[MAX_PARAMETERS] = { 0 };
    double *x = scratch, *t = x + classes, *class_weight = t + classes, *out[4];
    for (int k = 0; k < 4; k++) out[k] = class_weight + (k + 1) * classes;
    for (int32_t k = 0; k < c->object->parameters; k++) param[k] = libloss__parameter_of(c, k, 0);
    const libloss__view *weights_given = class_weights_of(c), *target = target_of(c);
    for (int64_t j = 0; weights_given && j < classes; j++) {
        libloss__gather(weights_given, j, 1, class_weight + j, DTYPE_F64);
        class_weight[j] = rounded(c, class_weight[j]);
    }
    const libloss__view *outputs[4] = { &c->gradient[0], &c->hessian[0], &c->gradient[1], &c->hessian[1] };
    const int derivatives = libloss__wants_derivatives(c);

    int64_t label[STRIP];
    double factor[STRIP];
    union {
        float f32[STRIP];
        double f64[STRIP];
    } weight, value;
    for (int64_t start = piece->begin; start < piece->end; start += STRIP) {
        const int64_t n = piece->end - start < STRIP ? piece->end - start : STRIP;
        if (by_index(c)) libloss__gather(target, start, n, label, DTYPE_I64);
        const void *w = libloss__row_weights(c, start, n, label, &weight);
        if (derivatives) libloss__factors(c, start, n, w, factor);
        for (int64_t i = 0; i < n; i++) {
            double v = 0;
            if (w && (c->arithmetic == DTYPE_F32 ? weight.f32[i] == 0 : weight.f64[i] == 0)) {
                libloss__clear_row(c, start + i);
            } else {
                row_unit row = { .classes = classes,
                                 .label = -1,
                                 .x = x,
                                 .class_weight = weights_given ? class_weight : NULL,
                                 .param = param,
                                 .upper = c->args->curvature == LIBLOSS_UPPER };
                libloss__gather(&c->input[0], (start + i) * classes, classes, x, DTYPE_F64);
                if (by_index(c)) {
                    row.label = label[i] >= 0 && label[i] < classes ? label[i] : 0; /* checked; but it may change meanwhile */
                } else {
                    libloss__gather(target, target->single ? 0 : (start + i) * classes, classes, t, DTYPE_F64);
                    row.t = t;
                }
                double **slot[4] = { &row.grad, &row.hess, &row.target_grad, &row.target_hess };
                for (int k = 0; k < 4; k++) {
                    if (!libloss__given(outputs[k])) continue;
                    memset(out[k], 0, (size_t)classes * sizeof(double));
                    *slot[k] = out[k];
                }
                v = kernels->run(&row);
                for (int k = 0; k < 4; k++) put_row(outputs[k], start + i, classes, out[k], factor[i]);
            }
            if (c->arithmetic == DTYPE_F32)
                value.f32[i] = (float)v;
            else
                value.f64[i] = v;
        }
        libloss__account(c, start, n, &value, w, piece->sum);
    }
    return LIBLOSS_OK;
}

libloss_status libloss__run_rows(libloss__call *c, libloss__sum *sum)
{
    const libloss__split split = {
        .run = run_range, .count = c->count, .width = c->classes, .unit = STRIP, .threads = libloss__row_threads(c)
    };
    return libloss__run_split(c, &split, sum);
}

int64_t libloss__workspace_of_rows(const libloss__call *c) { return row_bytes(c); }
