/*
 * The driver of losses of one number per input. Contiguous arrays of the arithmetic's type are used where they lie;
 * everything else goes through tiles of an arena on the stack. Sums are exact, so the length of a tile shows nowhere.
 */
#include "call.h"

#include <string.h>

/* Columns: a vector parameter gives its number j to column j of the last axis. */
int64_t libloss__columns(const libloss__call *c)
{
    const libloss_object *o = c->object;
    int64_t columns = 1;
    for (int32_t k = 0; k < o->parameters; k++)
        if ((o->parameter[k].flags & VECTOR) && o->first[k + 1] - o->first[k] > columns) columns = o->first[k + 1] - o->first[k];
    return columns;
}

/* The kernel's parameters in one column: one number each. */
static void parameters_of(const libloss__call *c, int64_t column, double *param)
{
    const libloss_object *o = c->object;
    memset(param, 0, MAX_PARAMETERS * sizeof *param);
    for (int32_t k = 0; k < o->parameters; k++) {
        int64_t count = o->first[k + 1] - o->first[k];
        param[k] = count > 0 ? c->parameter[o->first[k] + (count > 1 ? column : 0)] : (double)__builtin_nanf(""); /* none */
    }
}

typedef struct {
    libloss__call *c;
    const pointwise_kernels *kernels;
    double param[MAX_PARAMETERS];
    int64_t tile, work;
    int fast, wide; /* by input 0 into stored outputs; everything into double */
    int direct_input[MAX_INPUTS], direct_weight, direct_gradient, direct_hessian, flat_factor;
    libloss__sum *sum;
} pointwise_job;

static int64_t size_of(int32_t dtype) { return dtype == DTYPE_F32 ? 4 : 8; }

/* Hands out pieces of the arena, each 64-byte aligned. */
static void *piece(char **arena, int64_t bytes)
{
    char *p = *arena;
    *arena += (bytes + 63) / 64 * 64;
    return p;
}

static libloss_status run_range(pointwise_job *job, int64_t begin, int64_t end)
{
    libloss__call *c = job->c;
    const int32_t type = c->arithmetic, inputs = c->object->inputs;
    const int64_t size = size_of(type);
    _Alignas(64) char arena[ARENA_BYTES];
    char *free_bytes = arena;
    void *gathered[MAX_INPUTS] = { 0 }, *weights = NULL, *value, *grad = NULL, *hess = NULL;
    double *factor = NULL, *wide_grad[MAX_INPUTS] = { 0 }, *wide_hess[MAX_INPUTS] = { 0 };
    const int gradients = job->fast || job->wide;

    for (int32_t k = 0; k < inputs; k++)
        if (!job->direct_input[k]) gathered[k] = piece(&free_bytes, job->tile * size);
    if (libloss__given(&c->weight) && !job->direct_weight) weights = piece(&free_bytes, job->tile * size);
    value = piece(&free_bytes, job->tile * size);
    if (gradients) factor = piece(&free_bytes, job->tile * 8);
    if (job->fast && !job->direct_gradient) grad = piece(&free_bytes, job->tile * size);
    if (job->fast && !job->direct_hessian) hess = piece(&free_bytes, job->tile * size);
    for (int32_t k = 0; job->wide && k < inputs; k++) {
        wide_grad[k] = piece(&free_bytes, job->tile * 8);
        wide_hess[k] = piece(&free_bytes, job->tile * 8);
    }
    if (gradients && job->flat_factor) libloss__factors(c, 0, job->tile < c->count ? job->tile : c->count, NULL, factor);
    for (int32_t k = 0; k < inputs; k++)
        if (gathered[k] && c->input[k].single) libloss__gather(&c->input[k], 0, job->tile, gathered[k], type);

    const int want_value = job->sum || libloss__given(&c->values);
    for (int64_t start = begin; start < end; start += job->tile) {
        const int64_t n = end - start < job->tile ? end - start : job->tile;
        pointwise_tile tile = {
            .count = n, .factor = factor, .value = value, .param = job->param, .upper = c->args->curvature == LIBLOSS_UPPER
        };
        for (int32_t k = 0; k < inputs; k++) {
            if (job->direct_input[k])
                tile.input[k] = c->input[k].data + start * size;
            else if (!c->input[k].single)
                libloss__gather(&c->input[k], start, n, gathered[k], type);
            if (!job->direct_input[k]) tile.input[k] = gathered[k];
            tile.wide_grad[k] = wide_grad[k];
            tile.wide_hess[k] = wide_hess[k];
        }
        const void *w = NULL;
        if (libloss__given(&c->weight)) {
            if (!job->direct_weight) libloss__gather_weight(c, start, n, weights);
            w = job->direct_weight ? c->weight.data + start * size : weights;
        }
        if (gradients && !job->flat_factor) libloss__factors(c, start, n, w, factor);

        const int store_gradient = libloss__given(&c->gradient[0]), store_hessian = libloss__given(&c->hessian[0]);
        tile.grad = job->direct_gradient ? c->gradient[0].data + start * size : grad;
        tile.hess = job->direct_hessian ? c->hessian[0].data + start * size : hess;
        if (job->wide) {
            if (want_value) job->kernels->value(&tile);
            job->kernels->wide(&tile);
        } else if (job->fast && store_hessian) {
            (want_value ? job->kernels->value_grad_hess : job->kernels->grad_hess)(&tile);
        } else if (job->fast) {
            job->kernels->value_grad(&tile);
        } else if (want_value) {
            job->kernels->value(&tile);
        }
        if (want_value) libloss__account(c, start, n, value, w, job->sum);

        if (job->fast && store_gradient && !job->direct_gradient) libloss__scatter(&c->gradient[0], start, n, grad, type);
        if (job->fast && store_hessian && !job->direct_hessian) libloss__scatter(&c->hessian[0], start, n, hess, type);
        for (int32_t k = 0; job->wide && k < inputs; k++) {
            if (libloss__given(&c->gradient[k])) libloss__scatter(&c->gradient[k], start, n, wide_grad[k], DTYPE_F64);
            if (libloss__given(&c->hessian[k])) libloss__scatter(&c->hessian[k], start, n, wide_hess[k], DTYPE_F64);
        }
        if (w && gradients) libloss__clear_absent(c, start, n, w);
        libloss_status status = libloss__poll(c, &job->work, n);
        if (status != LIBLOSS_OK) return status;
    }
    return LIBLOSS_OK;
}

static int stored_as_computed(const libloss__view *v, int32_t type) { return !libloss__given(v) || v->dtype == type; }

static libloss_status run_column(libloss__call *c, int64_t column, libloss__sum *sum)
{
    const libloss_object *o = c->object;
    const int32_t type = c->arithmetic;
    const int64_t size = size_of(type);
    pointwise_job job = { .c = c, .sum = sum, .kernels = o->row->kernels[libloss__isa()][type == DTYPE_F64] };
    parameters_of(c, column, job.param);
    int any = 0, only_first = 1;
    for (int32_t k = 0; k < o->inputs; k++) {
        job.direct_input[k] = libloss__is_direct(&c->input[k], type) && c->input[k].count == c->count;
        if (libloss__given(&c->gradient[k]) || libloss__given(&c->hessian[k])) {
            any = 1;
            if (k > 0) only_first = 0;
        }
    }
    job.fast = any && only_first && stored_as_computed(&c->gradient[0], type) && stored_as_computed(&c->hessian[0], type);
    job.wide = any && !job.fast;
    job.direct_weight =
        libloss__given(&c->weight) && c->weight_repeat == 1 && libloss__is_direct(&c->weight, type) && c->weight.count == c->count;
    job.direct_gradient = job.fast && libloss__given(&c->gradient[0]) && libloss__is_direct(&c->gradient[0], type);
    job.direct_hessian = job.fast && libloss__given(&c->hessian[0]) && libloss__is_direct(&c->hessian[0], type);
    job.flat_factor = !libloss__given(&c->weight) && !libloss__given(&c->upstream);

    int64_t bytes = size; /* per element of a tile */
    int pieces = 1;
    for (int32_t k = 0; k < o->inputs; k++) bytes += job.direct_input[k] ? 0 : size, pieces += !job.direct_input[k];
    if (libloss__given(&c->weight) && !job.direct_weight) bytes += size, pieces++;
    if (any) bytes += 8, pieces++;
    if (job.fast) bytes += 2 * size, pieces += 2;
    if (job.wide) bytes += 16 * o->inputs, pieces += 2 * o->inputs;
    job.tile = (ARENA_BYTES - 64 * pieces) / bytes / 64 * 64;
    if (job.tile > TILE) job.tile = TILE;
    return run_range(&job, 0, c->count);
}

/* One column of a view: the last axis taken away at place j. `strides` has room for the axes that are left. */
static void take_column(libloss__view *v, int64_t j, int32_t ndim, int64_t strides[MAX_DIMENSIONS])
{
    if (!libloss__given(v) || v->ndim < ndim) return; /* 0-d, or a weight per row */
    int64_t dense = 1, count = 1;
    for (int32_t k = ndim - 1; k >= 0; k--) {
        int64_t stride = v->strides ? v->strides[k] : dense;
        dense *= v->shape[k];
        if (k == ndim - 1)
            v->data += v->shape[k] > 1 ? j * stride * v->bytes : 0; /* a weight may be (n, 1) */
        else
            strides[k] = stride, count *= v->shape[k];
    }
    v->strides = strides;
    v->ndim = ndim - 1;
    v->count = count;
    v->dense = v->single = 0;
}

/* Level j of a vector parameter belongs to column j of the last axis: each column is a call of its own, and since sums
 * are exact, nobody can tell from the result. */
libloss_status libloss__run_pointwise(libloss__call *c, libloss__sum *sum)
{
    enum { VIEWS = 3 * MAX_INPUTS + 3 };
    const int64_t columns = libloss__columns(c);
    if (columns == 1) return run_column(c, 0, sum);
    for (int64_t j = 0; j < columns; j++) {
        libloss__call column = *c;
        int64_t strides[VIEWS][MAX_DIMENSIONS];
        libloss__view *view[VIEWS];
        int views = 0;
        for (int k = 0; k < MAX_INPUTS; k++) {
            view[views++] = &column.input[k];
            view[views++] = &column.gradient[k];
            view[views++] = &column.hessian[k];
        }
        view[views++] = &column.weight;
        view[views++] = &column.upstream;
        view[views++] = &column.values;
        for (int k = 0; k < views; k++) take_column(view[k], j, c->values_ndim, strides[k]);
        column.values_ndim--;
        column.count /= columns;
        if (column.weight_repeat > 1) column.weight_repeat /= columns;
        libloss_status status = run_column(&column, j, sum);
        if (status != LIBLOSS_OK) return status;
    }
    return LIBLOSS_OK;
}
