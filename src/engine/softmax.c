/*
 * The driver of losses of softmax(row). Dense logits of the arithmetic's type are used where they lie, a strip of rows to a
 * kernel call, and gradients of the same kind are written in place. Other layouts are gathered into scratch, as many rows
 * at a time as fit, and scattered from there.
 */
#include "rowwise.h"
#include "split.h"

#include <string.h>

enum { STRIP = 128, SCRATCH_BYTES = 8 * 1024 };

/* What has to be gathered or scattered, and where the pieces of a strip lie in the scratch. */
typedef struct {
    int direct_logits, direct_target, direct_gradient, direct_hessian, matrices;
    int64_t size; /* bytes of a number of the arithmetic */
    int64_t weights, room, row; /* bytes: of gathered class weights, of what matrices are made from, of one row's pieces */
    int64_t strip; /* rows */
} softmax_layout;

/* All that a range of rows needs; nothing in it changes while ranges run, but each needs a scratch of its own. */
typedef struct {
    const libloss__call *c;
    const softmax_kernels *kernels;
    softmax_layout layout;
    const void *class_weight; /* numbers of the arithmetic, or NULL */
    double param[MAX_PARAMETERS], smoothing;
} softmax_job;

static int wanted(const libloss__view *v, int direct) { return libloss__given(v) && !direct; }

static softmax_layout layout_of(const libloss__call *c)
{
    softmax_layout l = { .size = c->arithmetic == DTYPE_F32 ? 4 : 8 };
    const int rows = !by_index(c);
    const libloss__view *weights = class_weights_of(c);
    l.direct_logits = libloss__is_direct(&c->input[0], c->arithmetic);
    l.direct_target = rows && libloss__is_direct(target_of(c), c->arithmetic);
    l.matrices = libloss__given(&c->hessian[0]) && c->args->hessian_kind == LIBLOSS_ROW_MATRIX;
    if (l.matrices) l.room = (MATRIX_ROOM * c->classes * 8 + 63) / 64 * 64;
    /* where gradients lie on the logits, matrices still need these */
    l.direct_gradient = libloss__given(&c->gradient[0]) && libloss__is_direct(&c->gradient[0], c->arithmetic) && !l.matrices;
    l.direct_hessian = libloss__given(&c->hessian[0]) && libloss__is_direct(&c->hessian[0], c->arithmetic) && !l.matrices;
    if (weights && !libloss__is_direct(weights, c->arithmetic)) l.weights = (c->classes * l.size + 63) / 64 * 64;
    l.row = (!l.direct_logits + (rows && !l.direct_target)) * l.size +
            (wanted(&c->gradient[0], l.direct_gradient) + libloss__given(&c->gradient[1])) * 8 +
            wanted(&c->hessian[0], l.direct_hessian) * 8 * (l.matrices ? c->classes : 1);
    l.row *= c->classes;
    const int64_t fit = l.row ? (SCRATCH_BYTES - l.weights - l.room) / l.row : STRIP;
    l.strip = fit < 1 ? 1 : fit > STRIP ? STRIP : fit;
    return l;
}

static int64_t scratch_of(const softmax_layout *l) { return l->weights + l->room + l->row * (l->row ? l->strip : 1); }

int64_t libloss__workspace_of_softmax(const libloss__call *c)
{
    const softmax_layout l = layout_of(c);
    return scratch_of(&l) <= SCRATCH_BYTES ? 0 : scratch_of(&l);
}

/* The next piece of the scratch, `bytes` of it; NULL where it is not needed. */
static void *piece(char **scratch, int needed, int64_t bytes)
{
    void *at = *scratch;
    if (!needed) return NULL;
    *scratch += bytes;
    return at;
}

static void put_auxiliary(const libloss__call *c, int k, int64_t start, int64_t n, const double *numbers)
{
    if (libloss__given(&c->auxiliary[k])) libloss__scatter(&c->auxiliary[k], start, n, numbers, DTYPE_F64);
}

/* Rows start .. start + n - 1, at most a strip. */
static void run_strip(const softmax_job *job, int64_t start, int64_t n, char *scratch, libloss__sum *sum)
{
    const libloss__call *c = job->c;
    const softmax_layout *l = &job->layout;
    const libloss__view *target = target_of(c);
    const int64_t classes = c->classes, first = start * classes, numbers = n * classes;
    const int rows = !by_index(c), derivatives = libloss__wants_derivatives(c);
    union {
        float f32[STRIP];
        double f64[STRIP];
    } weight, value;
    int32_t place[STRIP];
    int64_t label[STRIP];
    double factor[STRIP], logsumexp[STRIP], correct[STRIP];

    if (!rows) libloss__gather(target, start, n, label, DTYPE_I64);
    const void *w = libloss__row_weights(c, start, n, label, &weight);
    if (derivatives) libloss__factors(c, start, n, w, factor);
    int64_t present = 0;
    for (int64_t i = 0; i < n; i++) {
        place[present] = (int32_t)i;
        present += !w || (c->arithmetic == DTYPE_F32 ? weight.f32[i] != 0 : weight.f64[i] != 0);
    }
    if (present < n) {
        memset(&value, 0, sizeof value);
        memset(logsumexp, 0, sizeof logsumexp);
        memset(correct, 0, sizeof correct);
    }

    softmax_tile tile = {
        .rows = present,
        .classes = classes,
        .place = place,
        .logits = c->input[0].data + first * l->size,
        .target = rows ? target->data + first * l->size : NULL,
        .label = rows ? NULL : label,
        .class_weight = job->class_weight,
        .smoothing = job->smoothing,
        .factor = derivatives ? factor : NULL,
        .value = &value,
        .grad = l->direct_gradient ? c->gradient[0].data + first * l->size : NULL,
        .hess = l->direct_hessian ? c->hessian[0].data + first * l->size : NULL,
        .logsumexp = libloss__given(&c->auxiliary[0]) ? logsumexp : NULL,
        .correct = libloss__given(&c->auxiliary[1]) ? correct : NULL,
        .param = job->param,
        .upper = c->args->curvature == LIBLOSS_UPPER,
    };
    tile.wide_grad = piece(&scratch, wanted(&c->gradient[0], l->direct_gradient), numbers * 8);
    tile.wide_hess = piece(&scratch, wanted(&c->hessian[0], l->direct_hessian) && !l->matrices, numbers * 8);
    tile.matrix = piece(&scratch, l->matrices, numbers * classes * 8);
    tile.matrix_room = piece(&scratch, l->matrices, l->room);
    tile.wide_target_grad = piece(&scratch, libloss__given(&c->gradient[1]), numbers * 8);
    if (!l->direct_logits) {
        void *copy = piece(&scratch, 1, numbers * l->size);
        libloss__gather(&c->input[0], first, numbers, copy, c->arithmetic);
        tile.logits = copy;
    }
    if (rows && !l->direct_target) {
        void *copy = piece(&scratch, 1, numbers * l->size);
        libloss__gather(target, first, numbers, copy, c->arithmetic);
        tile.target = copy;
    }

    job->kernels->run(&tile);

    if (tile.wide_grad) libloss__scatter(&c->gradient[0], first, numbers, tile.wide_grad, DTYPE_F64);
    if (tile.wide_hess) libloss__scatter(&c->hessian[0], first, numbers, tile.wide_hess, DTYPE_F64);
    if (tile.matrix) libloss__scatter(&c->hessian[0], first * classes, numbers * classes, tile.matrix, DTYPE_F64);
    if (tile.wide_target_grad) libloss__scatter(&c->gradient[1], first, numbers, tile.wide_target_grad, DTYPE_F64);
    /* linear in the target: its second derivative is 0 */
    if (libloss__given(&c->hessian[1])) libloss__clear(&c->hessian[1], first * c->bends, numbers * c->bends);
    for (int64_t i = 0, next = 0; i < n && present < n; i++) {
        if (next < present && place[next] == i)
            next++;
        else
            libloss__clear_row(c, start + i);
    }
    libloss__account(c, start, n, &value, w, sum);
    put_auxiliary(c, 0, start, n, logsumexp);
    put_auxiliary(c, 1, start, n, correct);
}

/* A range of rows, with a scratch of its own: its stack, or a piece of the workspace where a row is too long for it. */
static libloss_status run_range(const libloss__piece *piece, void *shared)
{
    _Alignas(64) char own[SCRATCH_BYTES];
    const libloss__call *c = piece->c;
    softmax_job job = *(const softmax_job *)shared;
    const int64_t bytes = libloss__workspace_of_softmax(c), strip = job.layout.strip;
    char *scratch = bytes == 0 ? own : (char *)c->args->workspace + piece->slot * bytes;
    job.c = c;
    const libloss__view *weights = class_weights_of(c);
    if (weights) {
        job.class_weight = weights->data;
        if (job.layout.weights) {
            libloss__gather(weights, 0, c->classes, scratch, c->arithmetic);
            job.class_weight = scratch;
            scratch += job.layout.weights;
        }
    }
    for (int64_t start = piece->begin; start < piece->end; start += strip)
        run_strip(&job, start, piece->end - start < strip ? piece->end - start : strip, scratch, piece->sum);
    return LIBLOSS_OK;
}

libloss_status libloss__run_softmax(libloss__call *c, libloss__sum *sum)
{
    softmax_job job = {
        .kernels = c->object->row->kernels[libloss__isa()][c->arithmetic == DTYPE_F64],
        .layout = layout_of(c),
        .smoothing = libloss__parameter_of(c, c->object->label_smoothing, 0),
    };
    for (int32_t k = 0; k < c->object->parameters; k++) job.param[k] = libloss__parameter_of(c, k, 0);
    const libloss__split split = { .run = run_range,
                                   .job = &job,
                                   .count = c->count,
                                   .width = c->classes * c->bends,
                                   .unit = job.layout.strip,
                                   .threads = libloss__row_threads(c) };
    return libloss__run_split(c, &split, sum);
}
