/*
 * Absent units are removed before the kernel sees them, so it knows no weights; what it answers is multiplied by
 * fl(fl(upstream / divisor) * w) and rounded once. All memory is there before the first store. Kernels run on the
 * calling thread unless they say that any will do.
 */
#include "call.h"

#include <string.h>

#include "split.h"

enum { CHUNK = 16384 }; /* numbers of the first input per kernel call: large enough for callbacks from interpreters */

typedef struct {
    const libloss__call *c;
    libloss_tile tile;
    int64_t units, width;
    int64_t *unit; /* the numbers of the present units of this chunk */
    void *value, *weight;
    double *factor, *scaled;
    double by[MAX_NUMBERS]; /* what the kernel adds to */
    char message[256];
    void *input[MAX_INPUTS], *gradient[MAX_INPUTS], *hessian[MAX_INPUTS];
} tile_job;

static int64_t width_of(const tile_job *job, int32_t k)
{
    const libloss__view *v = &job->c->input[k];
    return v->ndim > job->c->values_ndim ? job->width : 1;
}

static int is_label(const libloss__call *c, int32_t k) { return c->object->input[k].kind == KIND_CLASS && c->by_index; }

static size_t number_size(const libloss__call *c) { return c->arithmetic == DTYPE_F32 ? 4 : 8; }

/* Walks the pieces twice: once to add up their sizes, once to place them. */
static size_t lay_out(tile_job *job, char *memory)
{
    const libloss__call *c = job->c;
    const size_t number = number_size(c), n = (size_t)job->units;
    size_t at = 0;
#define PIECE(pointer_, bytes_) (pointer_) = (void *)(memory ? memory + at : NULL), at += ((bytes_) + 63) / 64 * 64
    PIECE(job->unit, n * 8);
    PIECE(job->value, n * number);
    PIECE(job->weight, n * number);
    PIECE(job->factor, n * 8);
    PIECE(job->scaled, n * (size_t)job->width * 8);
    for (int32_t k = 0; k < c->object->inputs; k++) {
        if (!libloss__given(&c->input[k])) continue;
        const size_t count = n * (size_t)width_of(job, k);
        const int shared = c->object->input[k].shape == PER_CLASS;
        PIECE(job->input[k], (shared ? (size_t)c->classes : count) * (is_label(c, k) ? 8 : number));
        if (libloss__given(&c->gradient[k])) PIECE(job->gradient[k], count * number);
        if (libloss__given(&c->hessian[k])) PIECE(job->hessian[k], count * number);
    }
#undef PIECE
    return at;
}

static tile_job job_of(const libloss__call *c)
{
    tile_job job = { .c = c, .width = c->object->their_loss->values_per == PER_ROW ? c->classes : 1 };
    job.units = CHUNK / job.width < 1 ? 1 : CHUNK / job.width;
    if (job.units > c->count) job.units = c->count;
    return job;
}

int64_t libloss__workspace_of_tiles(const libloss__call *c)
{
    tile_job job = job_of(c);
    return (int64_t)lay_out(&job, NULL);
}

static double number_at(const libloss__call *c, const void *p, int64_t i)
{
    return c->arithmetic == DTYPE_F32 ? ((const float *)p)[i] : ((const double *)p)[i];
}

/* The present units of a chunk, and their weights; the absent ones get zeros in every output. */
static int64_t select_units(tile_job *job, int64_t start, int64_t n, int32_t label_input)
{
    const libloss__call *c = job->c;
    int64_t present = 0;
    if (libloss__given(&c->weight)) libloss__gather_weight(c, start, n, job->weight);
    for (int64_t i = 0; i < n; i++) {
        int absent = libloss__given(&c->weight) && number_at(c, job->weight, i) == 0;
        if (!absent && c->absent_labels) {
            int64_t label;
            libloss__gather(&c->input[label_input], start + i, 1, &label, DTYPE_I64);
            absent = libloss__row_is_absent(c, label);
        }
        if (!absent) {
            if (libloss__given(&c->weight) && c->arithmetic == DTYPE_F32)
                ((float *)job->weight)[present] = ((float *)job->weight)[i];
            else if (libloss__given(&c->weight))
                ((double *)job->weight)[present] = ((double *)job->weight)[i];
            job->unit[present++] = start + i;
            continue;
        }
        if (libloss__given(&c->values)) libloss__clear(&c->values, start + i, 1);
        for (int32_t k = 0; k < c->object->inputs; k++) {
            const int64_t width = width_of(job, k);
            if (libloss__given(&c->gradient[k])) libloss__clear(&c->gradient[k], (start + i) * width, width);
            if (libloss__given(&c->hessian[k])) libloss__clear(&c->hessian[k], (start + i) * width, width);
        }
    }
    return present;
}

static void gather_units(tile_job *job, int32_t k, int64_t n, int all)
{
    const libloss__call *c = job->c;
    const int64_t width = width_of(job, k);
    const int32_t as = is_label(c, k) ? DTYPE_I64 : c->arithmetic;
    const size_t bytes = (size_t)width * (as == DTYPE_F32 ? 4 : 8);
    if (all) {
        libloss__gather(&c->input[k], job->unit[0] * width, n * width, job->input[k], as);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        libloss__gather(&c->input[k], job->unit[i] * width, width, (char *)job->input[k] + (size_t)i * bytes, as);
}

static void scatter_units(tile_job *job, const libloss__view *v, const void *jets, int64_t width, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < width; j++) job->scaled[j] = number_at(job->c, jets, i * width + j) * job->factor[i];
        libloss__scatter(v, job->unit[i] * width, width, job->scaled, DTYPE_F64);
    }
}

/* Adds factor i times what the kernel has said of the parameters. */
static void learn_unit(tile_job *job, int64_t i)
{
    const libloss_object *o = job->c->object;
    for (int32_t k = 0, place = 0; k < o->parameters; k++) {
        const int64_t begin = o->first[k], end = o->first[k + 1];
        if (!(o->parameter[k].flags & LEARNABLE)) continue;
        for (int64_t m = begin; m < end; m++) libloss__sum_add(&job->c->by[place + m - begin], job->factor[i] * job->by[m]);
        place += end > begin ? (int32_t)(end - begin) : 1;
    }
}

/* A kernel adds its derivatives by the parameters up, so it gets a unit at a time: each has a factor of its own, and the sum is exact. */
static libloss_status run_one_by_one(tile_job *job, int64_t n)
{
    const libloss__call *c = job->c;
    libloss_tile one = job->tile;
    one.count = 1;
    one.parameter_gradient = job->by;
    for (int64_t i = 0; i < n; i++) {
        memset(job->by, 0, sizeof job->by);
        for (int32_t k = 0; k < c->object->inputs; k++) {
            if (!libloss__given(&c->input[k]) || c->object->input[k].shape == PER_CLASS) continue;
            const size_t number = is_label(c, k) ? 8 : number_size(c), at = (size_t)i * (size_t)width_of(job, k) * number;
            one.input[k] = (const char *)job->input[k] + at;
            if (job->gradient[k]) one.gradient[k] = (char *)job->gradient[k] + at;
            if (job->hessian[k]) one.hessian[k] = (char *)job->hessian[k] + at;
        }
        if (job->tile.value) one.value = (char *)job->value + (size_t)i * number_size(c);
        TRY(c->object->theirs->tile(c->object->custom_self, &one));
        learn_unit(job, i);
    }
    return LIBLOSS_OK;
}

static libloss_status run_chunk(tile_job *job, int64_t start, int64_t units, int32_t label_input, libloss__sum *sum)
{
    const libloss__call *c = job->c;
    const libloss_vtable *theirs = c->object->theirs;
    const int64_t n = select_units(job, start, units, label_input);
    if (n == 0) return LIBLOSS_OK;
    job->message[0] = 0;
    job->tile.count = n;
    job->tile.message = job->message;
    job->tile.message_size = sizeof job->message;
    for (int32_t k = 0; k < c->object->inputs; k++)
        if (libloss__given(&c->input[k]) && c->object->input[k].shape != PER_CLASS) gather_units(job, k, n, n == units);
    const void *weight = libloss__given(&c->weight) ? job->weight : NULL;
    for (int64_t i = 0; i < n; i++)
        libloss__factors(c, job->unit[i], 1, weight ? (const char *)weight + (size_t)i * number_size(c) : NULL, &job->factor[i]);
    libloss_status status = c->learned ? run_one_by_one(job, n) : theirs->tile(c->object->custom_self, &job->tile);
    if (status != LIBLOSS_OK)
        return libloss__fail(c->sink, LIBLOSS_ERR_CALLBACK, "%s: %s", c->object->name,
                             job->message[0] ? job->message : "its kernel failed");
    for (int64_t i = 0; i < n; i++) {
        if (job->value && libloss__given(&c->values))
            libloss__account(c, job->unit[i], 1, (const char *)job->value + (size_t)i * number_size(c),
                             weight ? (const char *)weight + (size_t)i * number_size(c) : NULL, NULL);
    }
    if (sum) {
        libloss__call stored = *c;
        stored.values.dtype = DTYPE_NONE; /* already, unit by unit */
        libloss__account(&stored, 0, n, job->value, weight, sum);
    }
    for (int32_t k = 0; k < c->object->inputs; k++) {
        if (libloss__given(&c->gradient[k])) scatter_units(job, &c->gradient[k], job->gradient[k], width_of(job, k), n);
        if (libloss__given(&c->hessian[k])) scatter_units(job, &c->hessian[k], job->hessian[k], width_of(job, k), n);
    }
    return LIBLOSS_OK;
}

static libloss_status run_range(const libloss__piece *piece, void *shared)
{
    const libloss__call *c = piece->c;
    tile_job job = *(const tile_job *)shared;
    job.c = c;
    lay_out(&job, (char *)c->args->workspace + piece->slot * libloss__workspace_of_tiles(c));
    int32_t label_input = 0;
    job.tile = (libloss_tile){ .struct_size = sizeof job.tile,
                               .width = job.width,
                               .bits = c->arithmetic == DTYPE_F32 ? 32 : 64,
                               .parameters = (int32_t)c->object->first[c->object->parameters],
                               .parameter = c->parameter,
                               .value = piece->sum || libloss__given(&c->values) ? job.value : NULL };
    for (int32_t k = 0; k < c->object->inputs; k++) {
        job.tile.input[k] = job.input[k];
        job.tile.gradient[k] = job.gradient[k];
        job.tile.hessian[k] = job.hessian[k];
        if (is_label(c, k)) label_input = k;
        if (libloss__given(&c->input[k]) && c->object->input[k].shape == PER_CLASS)
            libloss__gather(&c->input[k], 0, c->classes, job.input[k], c->arithmetic);
    }
    for (int64_t start = piece->begin; start < piece->end; start += job.units) {
        const int64_t n = piece->end - start < job.units ? piece->end - start : job.units;
        TRY(run_chunk(&job, start, n, label_input, piece->sum));
    }
    return LIBLOSS_OK;
}

libloss_status libloss__run_tiles(libloss__call *c, libloss__sum *sum)
{
    tile_job job = job_of(c);
    const int64_t threads = libloss__threads_of(c);
    const libloss__split split = { .run = run_range,
                                   .job = &job,
                                   .count = c->count,
                                   .width = job.width,
                                   .unit = job.units,
                                   .longest = CHUNK,
                                   .threads = threads < c->slots ? threads : c->slots };
    return libloss__run_split(c, &split, sum);
}
