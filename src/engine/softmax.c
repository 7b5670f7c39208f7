/*
 * The driver of losses of softmax(row). Dense logits of the arithmetic's type are used where they lie, many rows to a
 * kernel call, and a gradient of the same kind is written in place. Other layouts are gathered row by row into the
 * arena, or into workspace where a row is too long for it.
 */
#include "rowwise.h"
#include "split.h"

#include <string.h>

enum { STRIP = 256 };

typedef struct {
    int direct_logits, direct_target, direct_gradient, direct_hessian;
    int64_t size;
    int64_t logits, target, weights, wide[3]; /* offsets of one row's pieces in the scratch; -1: not needed */
    int64_t bytes;
} softmax_layout;

static int64_t place(softmax_layout *l, int needed, int64_t bytes)
{
    int64_t at = l->bytes;
    if (!needed) return -1;
    l->bytes += (bytes + 63) / 64 * 64;
    return at;
}

static softmax_layout layout_of(const libloss__call *c)
{
    softmax_layout l = { .size = c->arithmetic == DTYPE_F32 ? 4 : 8 };
    const int rows = !by_index(c);
    const libloss__view *weights = class_weights_of(c);
    l.direct_logits = libloss__is_direct(&c->input[0], c->arithmetic);
    l.direct_target = rows && libloss__is_direct(target_of(c), c->arithmetic);
    const int together = l.direct_logits && (!rows || l.direct_target); /* whole strips of rows */
    l.direct_gradient = together && libloss__given(&c->gradient[0]) && libloss__is_direct(&c->gradient[0], c->arithmetic);
    l.direct_hessian = together && libloss__given(&c->hessian[0]) && libloss__is_direct(&c->hessian[0], c->arithmetic);
    l.logits = place(&l, !l.direct_logits, c->classes * l.size);
    l.target = place(&l, rows && !l.direct_target, c->classes * l.size);
    l.weights = place(&l, weights && !libloss__is_direct(weights, c->arithmetic), c->classes * l.size);
    l.wide[0] = place(&l, libloss__given(&c->gradient[0]) && !l.direct_gradient, c->classes * 8);
    l.wide[1] = place(&l, libloss__given(&c->hessian[0]) && !l.direct_hessian, c->classes * 8);
    l.wide[2] = place(&l, libloss__given(&c->gradient[1]), c->classes * 8);
    return l;
}

int64_t libloss__workspace_of_softmax(const libloss__call *c)
{
    softmax_layout l = layout_of(c);
    return l.bytes <= ARENA_BYTES / 2 ? 0 : l.bytes;
}

static char *piece(char *scratch, int64_t offset) { return offset < 0 ? NULL : scratch + offset; }

static void put_auxiliary(const libloss__call *c, int k, int64_t start, int64_t n, const double *numbers)
{
    if (libloss__given(&c->auxiliary[k])) libloss__scatter(&c->auxiliary[k], start, n, numbers, DTYPE_F64);
}

typedef struct {
    const libloss__call *c;
    libloss__sum *sum;
    char *workspace; /* where the arena is too small */
} softmax_job;

static void run_range(const softmax_job *job, int64_t begin, int64_t end)
{
    const libloss__call *c = job->c;
    const softmax_kernels *kernels = c->object->row->kernels[libloss__isa()][c->arithmetic == DTYPE_F64];
    const softmax_layout l = layout_of(c);
    const int64_t classes = c->classes, size = l.size;
    _Alignas(64) char arena[ARENA_BYTES / 2];
    char *scratch = l.bytes <= (int64_t)sizeof arena ? arena : job->workspace;
    const libloss__view *weights = class_weights_of(c), *target = target_of(c);
    const int rows = !by_index(c), derivatives = libloss__wants_derivatives(c);
    double param[MAX_PARAMETERS] = { 0 }, factor[STRIP], logsumexp[STRIP], correct[STRIP];
    for (int32_t k = 0; k < c->object->parameters; k++) param[k] = libloss__parameter_of(c, k, 0);
    const double smoothing = libloss__parameter_of(c, c->object->label_smoothing, 0);
    const int mode = rows ? 2 : smoothing != 0;
    const void *class_weight = NULL;
    if (weights) {
        class_weight = weights->data;
        if (l.weights >= 0) {
            libloss__gather(weights, 0, classes, piece(scratch, l.weights), c->arithmetic);
            class_weight = piece(scratch, l.weights);
        }
    }

    int64_t label[STRIP];
    union {
        float f32[STRIP];
        double f64[STRIP];
    } weight, value;
    /* A strip is cut where rows are absent, and into single rows where something has to be gathered or scattered. */
    const int single = l.logits >= 0 || l.target >= 0 || l.wide[0] >= 0 || l.wide[1] >= 0 || l.wide[2] >= 0;
    for (int64_t start = begin; start < end; start += STRIP) {
        const int64_t n = end - start < STRIP ? end - start : STRIP;
        if (!rows) libloss__gather(target, start, n, label, DTYPE_I64);
        const void *w = libloss__row_weights(c, start, n, label, &weight);
        if (derivatives) libloss__factors(c, start, n, w, factor);
        memset(&value, 0, sizeof value);
        memset(logsumexp, 0, sizeof logsumexp);
        memset(correct, 0, sizeof correct);
        for (int64_t i = 0, run; i < n; i += run) {
            run = 1;
#define ABSENT(k_) (w && (c->arithmetic == DTYPE_F32 ? weight.f32[k_] == 0 : weight.f64[k_] == 0))
            if (ABSENT(i)) {
                libloss__clear_row(c, start + i);
                continue;
            }
            while (!single && i + run < n && !ABSENT(i + run)) run++;
#undef ABSENT
            const int64_t first = (start + i) * classes;
            if (l.logits >= 0) libloss__gather(&c->input[0], first, classes, piece(scratch, l.logits), c->arithmetic);
            if (l.target >= 0) libloss__gather(target, first, classes, piece(scratch, l.target), c->arithmetic);
            softmax_tile tile = {
                .rows = run,
                .classes = classes,
                .logits = l.logits >= 0 ? piece(scratch, l.logits) : c->input[0].data + first * size,
                .target = !rows           ? NULL
                          : l.target >= 0 ? piece(scratch, l.target)
                                          : target->data + first * size,
                .logits_stride = classes,
                .target_stride = classes,
                .label = rows ? NULL : label + i,
                .class_weight = class_weight,
                .smoothing = smoothing,
                .factor = derivatives ? factor + i : NULL,
                .value = c->arithmetic == DTYPE_F32 ? (void *)(value.f32 + i) : (void *)(value.f64 + i),
                .grad = l.direct_gradient ? c->gradient[0].data + first * size : NULL,
                .hess = l.direct_hessian ? c->hessian[0].data + first * size : NULL,
                .grad_stride = classes,
                .hess_stride = classes,
                .wide_grad = (double *)(void *)piece(scratch, l.wide[0]),
                .wide_hess = (double *)(void *)piece(scratch, l.wide[1]),
                .wide_target_grad = (double *)(void *)piece(scratch, l.wide[2]),
                .logsumexp = logsumexp + i,
                .correct = correct + i,
                .param = param,
                .upper = c->args->curvature == LIBLOSS_UPPER,
            };
            kernels->run[mode][weights != NULL](&tile);
            if (tile.wide_grad) libloss__scatter(&c->gradient[0], first, classes, tile.wide_grad, DTYPE_F64);
            if (tile.wide_hess) libloss__scatter(&c->hessian[0], first, classes, tile.wide_hess, DTYPE_F64);
            if (tile.wide_target_grad) libloss__scatter(&c->gradient[1], first, classes, tile.wide_target_grad, DTYPE_F64);
            /* linear in the target: its second derivative is 0 */
            if (libloss__given(&c->hessian[1])) libloss__clear(&c->hessian[1], first, classes);
        }
        libloss__account(c, start, n, &value, w, job->sum);
        put_auxiliary(c, 0, start, n, logsumexp);
        put_auxiliary(c, 1, start, n, correct);
    }
}

static libloss_status run_piece(const libloss__piece *piece, void *nothing)
{
    (void)nothing;
    char *workspace = piece->c->args->workspace;
    run_range(&(softmax_job){ .c = piece->c,
                              .sum = piece->sum,
                              .workspace = workspace ? workspace + piece->slot * libloss__workspace_of_softmax(piece->c) : NULL },
              piece->begin, piece->end);
    return LIBLOSS_OK;
}

libloss_status libloss__run_softmax(libloss__call *c, libloss__sum *sum)
{
    const libloss__split split = {
        .run = run_piece, .count = c->count, .width = c->classes, .unit = STRIP, .threads = libloss__row_threads(c)
    };
    return libloss__run_split(c, &split, sum);
}
