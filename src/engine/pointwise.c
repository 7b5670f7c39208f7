/*
 * The driver of losses of one number per input. Contiguous arrays of the arithmetic's type are used where they lie;
 * everything else goes through tiles of an arena on the stack. Sums are exact, so the length of a tile shows nowhere.
 *
 * Tried and removed: fetching the next tile by prefetch instructions while this one is computed (beyond 8 MiB a tenth faster for
 * squares, a tenth slower for log_cosh; below, the processor's own prefetching is ahead already). Beginning tiles where a cache line
 * does (a twentieth to a tenth faster, for arrays of malloc's begin 16 bytes behind one): the sign of a NaN told the address.
 */
#include "pointwise.h"

#include <string.h>

#include "../cpu/cache.h"
#include "../cpu/control.h"
#include "split.h"
#include "tiles.h"

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

/* Who multiplies the derivatives, and by what. The bits are the same whoever does it. */
typedef enum {
    BY_KERNEL, /* the kernel, by `flat` or by a tile of factors */
    BY_WEIGHT, /* the engine, by one number times the weight */
    BY_FACTORS /* the engine, by a tile of factors: weights and upstream gradients */
} scaling;

typedef struct {
    const pointwise_kernels *kernels;
    double param[MAX_PARAMETERS];
    int64_t tile;
    int fast, wide; /* by input 0 into stored outputs; everything into double */
    int32_t learned; /* by so many parameters */
    int direct_input[MAX_INPUTS], direct_weight, direct_gradient, direct_hessian;
    int tile_of_factors, flat_factor; /* there is one; it is the same for all tiles */
    int streams; /* gradient and Hessian go past the caches, by way of a tile */
    scaling scaling;
    double flat;
} pointwise_job;

/* While a tile is added up, memory has nothing to do: the processor's own prefetching is ahead by a few lines, and ends where a page
 * does. Of arrays far from the core the lightest losses take tiles that short, and none as long as a page: squared_error with its gradient
 * 0.71 -> 0.60 ns per float of 12 MB, 1.49 -> 1.24 of 192 MB. Others lose by it, up to 15 %, and so do all in the core's own caches. */
enum { NARROW_TILE = 384, FAR_FROM_CORE = 3 << 20 };

static int64_t size_of(int32_t dtype) { return dtype == DTYPE_F32 ? 4 : 8; }

/* Hands out pieces of the arena, each 64-byte aligned. */
static void *take(char **arena, int64_t bytes)
{
    char *p = *arena;
    *arena += (bytes + 63) / 64 * 64;
    return p;
}

static pointwise_kernel *kernel_for(const pointwise_kernels *k, int want)
{
    switch (want) {
    case VALUE: return k->value;
    case GRAD: return k->grad;
    case VALUE | GRAD: return k->value_grad;
    case GRAD | HESS: return k->grad_hess;
    case VALUE | GRAD | HESS: return k->value_grad_hess;
    case WIDE: return k->wide;
    default: return k->learn;
    }
}

/* A block of `rest` numbers, filled up with the last of them: whatever that is, it is as fast and as much in the domain as they are. */
static void fill_block(void *to, const void *from, int64_t rest, int64_t size)
{
    if (size == 4)
        for (int64_t i = 0; i < ELEMENT_BLOCK; i++) ((float *)to)[i] = ((const float *)from)[i < rest ? i : rest - 1];
    else
        for (int64_t i = 0; i < ELEMENT_BLOCK; i++) ((double *)to)[i] = ((const double *)from)[i < rest ? i : rest - 1];
}

/* `rest` elements from `first` on, in a block of their own. */
static __attribute__((noinline)) void run_rest(pointwise_kernel *run, int want, int32_t inputs, int64_t size, const pointwise_tile *tile,
                                               int64_t first, int64_t rest)
{
    enum { DOUBLES = 8 * ELEMENT_BLOCK };
    _Alignas(64) char in[MAX_INPUTS + 1][DOUBLES], out[2 * MAX_INPUTS][DOUBLES];
    pointwise_tile block = *tile;
    double *by[MAX_LEARNED];
    struct {
        void *to;
        size_t bytes;
    } result[2 * MAX_INPUTS];
    int results = 0;
    block.count = ELEMENT_BLOCK;
    for (int32_t k = 0; k <= inputs; k++) { /* and the factors */
        const int64_t bytes = k < inputs ? size : 8;
        const char *from = k < inputs ? tile->input[k] : (const void *)tile->factor;
        if (!from) continue;
        fill_block(in[k], from + first * bytes, rest, bytes);
        if (k < inputs)
            block.input[k] = in[k];
        else
            block.factor = (const double *)(const void *)in[k];
    }
#define RESULT(pointer_, from_, bytes_)                          \
    do {                                                         \
        result[results].to = (char *)(from_) + first * (bytes_); \
        result[results].bytes = (size_t)(rest * (bytes_));       \
        (pointer_) = (void *)out[results++];                     \
    } while (0)
    if (want & VALUE) RESULT(block.value, tile->value, size);
    if (want & GRAD) RESULT(block.grad, tile->grad, size);
    if (want & HESS) RESULT(block.hess, tile->hess, size);
    for (int32_t k = 0; k < inputs && want & WIDE; k++) {
        RESULT(block.wide_grad[k], tile->wide_grad[k], 8);
        RESULT(block.wide_hess[k], tile->wide_hess[k], 8);
    }
    for (int32_t k = 0; k < MAX_LEARNED && want & LEARN && tile->by[k]; k++) RESULT(by[k], tile->by[k], 8);
#undef RESULT
    block.by = by;
    run(&block);
    for (int k = 0; k < results; k++) memcpy(result[k].to, out[k], result[k].bytes);
}

/* For how many more tiles subnormal numbers are expected: so many after the last that met some, in whatever call. It costs nothing to know, a look at
 * the data would, and since results are the same both ways it does not matter where it is wrong. Loops that keep out of the way meet none. */
enum { EXPECTED = 16 };
static __thread int faint_for __attribute__((tls_model("initial-exec"))); /* as message.c: no malloc on the first touch */

void libloss__run_kernel(const pointwise_kernels *kernels, int want, int32_t inputs, int32_t type, pointwise_tile *tile)
{
    pointwise_kernel *run = kernel_for(kernels, want);
    const int64_t rest = kernels->light ? 0 : tile->count % ELEMENT_BLOCK, whole = tile->count - rest;
    const int stalls = tile->stalls = libloss__stalls(), watches = kernels->may_underflow >= (stalls ? WHERE_IT_STALLS : EVERYWHERE);
    unsigned int up = 0;
    if (watches) {
        tile->faint = faint_for > 0;
        up = libloss__watch_subnormals();
    }
    if (whole) run(tile);
    if (rest) run_rest(run, want, inputs, size_of(type), tile, whole, rest);
    if (watches) {
        if (libloss__met_subnormals(up))
            faint_for = EXPECTED;
        else if (tile->faint)
            faint_for--;
    }
}

/* What the kernel has left to do for a tile x of derivatives that belongs to elements start .. of v. */
static void finish_output(const libloss__call *c, const pointwise_job *job, const libloss__view *v, void *x, int direct, int64_t start,
                          int64_t n, const void *weight, const double *factor)
{
    const libloss__tiles *tiles = libloss__tiles_now();
    const int32_t type = c->arithmetic;
    if (job->scaling == BY_WEIGHT)
        type == DTYPE_F32 ? tiles->scale_weighted_f32(x, job->flat, weight, n) : tiles->scale_weighted_f64(x, job->flat, weight, n);
    else if (job->scaling == BY_FACTORS)
        type == DTYPE_F32 ? tiles->scale_each_f32(x, factor, n) : tiles->scale_each_f64(x, factor, n);
    if (!direct)
        libloss__scatter(v, start, n, x, type);
    else if (job->streams)
        tiles->stream(v->data + start * size_of(type), x, n * size_of(type));
}

static libloss_status run_range(const libloss__piece *piece, void *shared)
{
    const pointwise_job *job = shared;
    const libloss__call *c = piece->c;
    const int32_t type = c->arithmetic, inputs = c->object->inputs;
    const int64_t size = size_of(type);
    _Alignas(64) char arena[ARENA_BYTES];
    char *free_bytes = arena;
    void *gathered[MAX_INPUTS] = { 0 }, *weights = NULL, *value = NULL, *grad = NULL, *hess = NULL;
    double *factor = NULL, *wide_grad[MAX_INPUTS] = { 0 }, *wide_hess[MAX_INPUTS] = { 0 }, *by[MAX_LEARNED] = { 0 };
    const int gradients = job->fast || job->wide;
    const int store_gradient = job->fast && libloss__given(&c->gradient[0]), store_hessian = job->fast && libloss__given(&c->hessian[0]);

    for (int32_t k = 0; k < inputs; k++)
        if (!job->direct_input[k]) gathered[k] = take(&free_bytes, job->tile * size);
    if (libloss__given(&c->weight) && !job->direct_weight) weights = take(&free_bytes, job->tile * size);
    value = take(&free_bytes, job->tile * size);
    if (job->tile_of_factors) factor = take(&free_bytes, job->tile * 8);
    if (job->fast && (!job->direct_gradient || job->streams)) grad = take(&free_bytes, job->tile * size);
    if (store_hessian && (!job->direct_hessian || job->streams)) hess = take(&free_bytes, job->tile * size);
    for (int32_t k = 0; job->wide && k < inputs; k++) {
        wide_grad[k] = take(&free_bytes, job->tile * 8);
        wide_hess[k] = take(&free_bytes, job->tile * 8);
    }
    for (int32_t k = 0; k < job->learned; k++) by[k] = take(&free_bytes, job->tile * 8);
    if (factor && job->flat_factor) libloss__factors(c, 0, job->tile < c->count ? job->tile : c->count, NULL, factor);
    for (int32_t k = 0; k < inputs; k++)
        if (gathered[k] && c->input[k].single) libloss__gather(&c->input[k], 0, job->tile, gathered[k], type);

    const int want_value = piece->sum || libloss__given(&c->values);
    for (int64_t start = piece->begin; start < piece->end; start += job->tile) {
        const int64_t n = piece->end - start < job->tile ? piece->end - start : job->tile;
        if (c->domains_on_the_way) TRY(libloss__check_domains_of(c, start, start + n));
        pointwise_tile tile = {
            .count = n,
            .flat = job->scaling == BY_KERNEL ? job->flat : 1,
            .in_double = job->scaling == BY_KERNEL && (double)(float)job->flat != job->flat,
            .factor = factor,
            .value = value,
            .grad = grad                   ? grad
                    : job->direct_gradient ? c->gradient[0].data + start * size
                                           : NULL,
            .hess = hess            ? hess
                    : store_hessian ? c->hessian[0].data + start * size
                                    : NULL,
            .by = by,
            .param = job->param,
            .upper = c->args->curvature == LIBLOSS_UPPER,
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
        if (factor && !job->flat_factor) libloss__factors(c, start, n, w, factor);

        if (job->learned) { /* before an output may take the place of an input */
            libloss__run_kernel(job->kernels, LEARN, inputs, type, &tile);
            for (int32_t k = 0; k < job->learned; k++) libloss__learn(c, k, by[k], n, w);
        }
        const int stored = job->fast ? GRAD | (store_hessian ? HESS : 0) : 0, want = stored | (want_value ? VALUE : 0);
        if (want) libloss__run_kernel(job->kernels, want, inputs, type, &tile);
        if (job->wide) libloss__run_kernel(job->kernels, WIDE, inputs, type, &tile);
        if (store_gradient) finish_output(c, job, &c->gradient[0], tile.grad, job->direct_gradient, start, n, w, factor);
        if (store_hessian) finish_output(c, job, &c->hessian[0], tile.hess, job->direct_hessian, start, n, w, factor);
        for (int32_t k = 0; job->wide && k < inputs; k++) {
            if (libloss__given(&c->gradient[k])) libloss__scatter(&c->gradient[k], start, n, wide_grad[k], DTYPE_F64);
            if (libloss__given(&c->hessian[k])) libloss__scatter(&c->hessian[k], start, n, wide_hess[k], DTYPE_F64);
        }
        if (w && gradients && job->scaling != BY_WEIGHT) libloss__clear_absent(c, start, n, w);
        if (want_value) libloss__account(c, start, n, value, w, piece->sum);
    }
    if (job->streams) libloss__stream_end();
    return LIBLOSS_OK;
}

/* Whether the kernel may round an output to the arithmetic's type: double is what the engine would get to round in any case. */
static int stored_as_computed(const libloss__view *v, int32_t type) { return !libloss__given(v) || v->dtype == type || type == DTYPE_F64; }

/* Bytes of inputs and outputs */
static int64_t touched(const libloss__call *c)
{
    int64_t numbers = 0;
    for (int32_t k = 0; k < c->object->inputs; k++) numbers += c->input[k].count + c->gradient[k].count + c->hessian[k].count;
    return numbers * size_of(c->arithmetic);
}

/* Outputs past the caches: where the call as a whole touches more than the last cache holds, and nothing is in place. */
static int streams(const libloss__call *c, const pointwise_job *job)
{
    if (!job->direct_gradient && !job->direct_hessian) return 0;
    for (int32_t k = 0; k < c->object->inputs; k++)
        if (c->input[k].data == c->gradient[0].data || c->input[k].data == c->hessian[0].data) return 0;
    return touched(c) > libloss__last_cache();
}

static libloss_status run_column(libloss__call *c, int64_t column, int64_t threads, libloss__sum *sum)
{
    const libloss_object *o = c->object;
    const int32_t type = c->arithmetic;
    const int64_t size = size_of(type);
    pointwise_job job = { .kernels = o->row->kernels[libloss__isa()][type == DTYPE_F64], .learned = c->learned, .flat = 1 };
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

    const int weighted = libloss__given(&c->weight), flat = !libloss__given(&c->upstream) || c->upstream.single;
    if ((any || job.learned) && flat) job.flat = libloss__flat_factor(c);
    job.flat_factor = flat && !weighted;
    if (job.wide || job.kernels->by_element || job.flat_factor)
        job.scaling = BY_KERNEL;
    else
        job.scaling = flat ? BY_WEIGHT : BY_FACTORS;
    job.tile_of_factors = (any && (job.wide || job.kernels->by_element || job.scaling == BY_FACTORS)) || job.learned;
    job.streams = streams(c, &job);

    int64_t bytes = size; /* per element of a tile */
    int pieces = 1;
    for (int32_t k = 0; k < o->inputs; k++) bytes += job.direct_input[k] ? 0 : size, pieces += !job.direct_input[k];
    if (weighted && !job.direct_weight) bytes += size, pieces++;
    if (job.tile_of_factors) bytes += 8, pieces++;
    if (job.fast) bytes += 2 * size, pieces += 2;
    if (job.wide) bytes += 16 * o->inputs, pieces += 2 * o->inputs;
    bytes += 8 * job.learned, pieces += job.learned;
    job.tile = (ARENA_BYTES - 64 * pieces) / bytes / 64 * 64;
    const int narrow = job.kernels->light && job.fast && sum && touched(c) > FAR_FROM_CORE && libloss__stops_at_pages();
    const int64_t most = narrow ? NARROW_TILE : TILE;
    if (job.tile > most) job.tile = most;
    const libloss__split split = { .run = run_range, .job = &job, .count = c->count, .width = 1, .unit = job.tile, .threads = threads };
    return libloss__run_split(c, &split, sum);
}

/* The strides of C order. */
static void dense_strides(const libloss__view *v, int64_t strides[MAX_DIMENSIONS])
{
    int64_t dense = 1;
    for (int32_t k = v->ndim - 1; k >= 0; dense *= v->shape[k--]) strides[k] = dense;
}

/* One column of a view: the last axis taken away at place j. `strides` are those of C order, and outlive the view. */
static void take_column(libloss__view *v, int64_t j, int32_t ndim, const int64_t *strides)
{
    if (!libloss__given(v) || v->ndim < ndim) return; /* 0-d, or a weight per row */
    int64_t count = 1;
    for (int32_t k = 0; k < ndim - 1; k++) count *= v->shape[k];
    if (!v->strides) v->strides = strides;
    if (v->shape[ndim - 1] > 1) v->data += j * v->strides[ndim - 1] * v->bytes; /* a weight may be (n, 1) */
    v->ndim = ndim - 1;
    v->count = count;
    v->dense = v->single = 0;
}

/* Level j of a vector parameter belongs to column j of the last axis: each column is a call of its own, and since sums
 * are exact, nobody can tell from the result. Not inlined: the copy would lie on every call's stack. */
static __attribute__((noinline)) libloss_status run_columns(libloss__call *c, int64_t columns, int64_t threads, libloss__sum *sum)
{
    int64_t strides[MAX_DIMENSIONS], weight_strides[MAX_DIMENSIONS]; /* all have the shape of the values, but perhaps the weight */
    dense_strides(&(libloss__view){ .shape = c->shape, .ndim = c->values_ndim }, strides);
    dense_strides(&c->weight, weight_strides);
    for (int64_t j = 0; j < columns; j++) {
        libloss__call column = *c;
        for (int k = 0; k < MAX_INPUTS; k++) {
            take_column(&column.input[k], j, c->values_ndim, strides);
            take_column(&column.gradient[k], j, c->values_ndim, strides);
            take_column(&column.hessian[k], j, c->values_ndim, strides);
        }
        take_column(&column.weight, j, c->values_ndim, weight_strides);
        take_column(&column.upstream, j, c->values_ndim, strides);
        take_column(&column.values, j, c->values_ndim, strides);
        column.values_ndim--;
        column.count /= columns;
        if (column.weight_repeat > 1) column.weight_repeat /= columns;
        TRY(run_column(&column, j, threads, sum));
        c->polled = column.polled;
    }
    return LIBLOSS_OK;
}

libloss_status libloss__run_pointwise(libloss__call *c, libloss__sum *sum)
{
    const int64_t columns = libloss__columns(c), threads = libloss__threads_for(c, c->count);
    return columns == 1 ? run_column(c, 0, threads, sum) : run_columns(c, columns, threads, sum);
}
