/*
 * The driver of losses that know their batch through a few sums: every element's terms times its weight, added exactly; the value
 * from the sums; then, where derivatives are wanted, the elements once more. A total of such a loss keeps the sums themselves,
 * one set per unit, so that streaming gives the loss of the whole and not a mean of losses.
 */
#include "sums.h"

#include <pthread.h>
#include <string.h>

#include "split.h"

#include "tiles.h"
#include "units.h"

enum { ELEMENTS = 1024, ROOM = MAX_TERMS * ELEMENTS / 2 }; /* of a tile, and numbers made of them: small stacks have room for that */

static const sums_kernels *kernels_of(const libloss_object *o, int32_t arithmetic)
{
    return o->row->kernels[libloss__isa()][arithmetic == DTYPE_F64];
}

/* A run of elements as the kernels want them: inputs where they lie or gathered, weights as double. */
typedef struct {
    double weight[ELEMENTS], out[ROOM];
    union {
        float f32[ELEMENTS / 2];
        double f64[ELEMENTS / 2];
    } input[2];
    int64_t ones; /* so many weights of 1 stand there already */
} room;

static int lies_ready(const libloss__call *c, int k)
{
    return libloss__is_direct(&c->input[k], c->arithmetic) && c->input[k].ndim == c->ndim;
}

/* Elements of a tile of which so many numbers each are made. */
static int64_t tile_of(const libloss__call *c, int numbers)
{
    return numbers * ELEMENTS <= ROOM && lies_ready(c, 0) && lies_ready(c, 1) ? ELEMENTS : ELEMENTS / 2;
}

static void load(const libloss__call *c, int64_t start, int64_t n, room *r, sums_tile *tile)
{
    const int64_t size = c->arithmetic == DTYPE_F32 ? 4 : 8;
    tile->count = n;
    tile->weight = r->weight;
    for (int k = 0; k < 2; k++) {
        const libloss__view *v = &c->input[k];
        if (lies_ready(c, k)) {
            tile->input[k] = v->data + start * size;
        } else {
            libloss__gather(v, v->single ? 0 : start, n, &r->input[k], c->arithmetic);
            tile->input[k] = &r->input[k];
        }
    }
    if (!libloss__given(&c->weight) && r->ones >= n) return;
    libloss__weights_as_double(c, start, n, r->weight);
    r->ones = n;
}

static void add_tile(const double *term, const double *weight, int64_t n, libloss__sum *sum)
{
    tile_sum part;
    if (weight)
        libloss__tiles_now()->sum_weighted_f64(term, weight, n, &part);
    else
        libloss__tiles_now()->sum_f64(term, n, &part);
    if (part.parts >= 0) {
        libloss__sum_add_tile(sum, &part);
        return;
    }
    for (int64_t i = 0; i < n; i++) /* terms near the largest double: one by one */
        if (!weight || weight[i] != 0) libloss__sum_add(sum, weight ? weight[i] * term[i] : term[i]);
}

/* Adds the terms of elements start .. to the sums. */
static void gather(const libloss__call *c, const sums_kernels *kernels, int64_t start, int64_t n, const double *param, libloss__sum *sum)
{
    const int weighted = libloss__given(&c->weight);
    const int64_t each = tile_of(c, kernels->filled);
    room r;
    r.ones = 0;
    for (int64_t done = 0; done < n; done += each) {
        sums_tile tile = { .param = param };
        load(c, start + done, n - done < each ? n - done : each, &r, &tile);
        for (int k = 0; k < kernels->filled; k++) tile.term[k] = r.out + k * each;
        kernels->gather(&tile);
        for (int k = 0; k < kernels->filled; k++)
            if (k != kernels->ones) add_tile(tile.term[k], weighted ? r.weight : NULL, tile.count, &sum[k]);
        if (weighted && kernels->ones >= 0) add_tile(r.weight, NULL, tile.count, &sum[kernels->ones]);
    }
    if (!weighted && kernels->ones >= 0) libloss__sum_add(&sum[kernels->ones], (double)n);
}

static double close_sums(const sums_kernels *kernels, const libloss__sum *sum, const double *param, double *fact)
{
    double rounded[MAX_TERMS];
    for (int k = 0; k < kernels->terms; k++) rounded[k] = libloss__sum_round(&sum[k]);
    return kernels->close(rounded, param, fact);
}

static void spread(const libloss__call *c, const sums_kernels *kernels, int64_t start, int64_t n, const double *param, const double *fact,
                   double factor)
{
    const libloss__view *view[4] = { &c->gradient[0], &c->gradient[1], &c->hessian[0], &c->hessian[1] };
    const int direct =
        libloss__is_direct(view[0], c->arithmetic) && !libloss__given(view[1]) && !libloss__given(view[2]) && !libloss__given(view[3]);
    const int64_t each = tile_of(c, direct ? 0 : MAX_TERMS);
    room r;
    r.ones = 0;
    for (int64_t done = 0; done < n; done += each) {
        sums_tile tile = { .param = param, .fact = fact, .factor = factor, .upper = c->args->curvature == LIBLOSS_UPPER };
        for (int k = 0; k < 2 && !direct; k++) {
            tile.grad[k] = r.out + k * each;
            tile.hess[k] = r.out + (k + 2) * each;
        }
        load(c, start + done, n - done < each ? n - done : each, &r, &tile);
        tile.direct = direct ? view[0]->data + (start + done) * view[0]->bytes : NULL;
        kernels->spread(&tile);
        for (int k = 0; k < 4 && !direct; k++)
            if (libloss__given(view[k])) libloss__scatter(view[k], start + done, tile.count, r.out + k * each, DTYPE_F64);
    }
}

/* ---- both over a whole unit, which threads may share ---- */

typedef struct {
    const sums_kernels *kernels;
    const double *param, *fact;
    double factor;
    int64_t start; /* of the unit */
    pthread_mutex_t lock; /* guards the sums */
    libloss__sum *sum;
} unit_pass;

static libloss_status gather_range(const libloss__piece *piece, void *shared)
{
    unit_pass *job = shared;
    libloss__sum own[MAX_TERMS];
    memset(own, 0, sizeof own);
    gather(piece->c, job->kernels, job->start + piece->begin, piece->end - piece->begin, job->param, own);
    pthread_mutex_lock(&job->lock);
    for (int k = 0; k < job->kernels->terms; k++) libloss__sum_merge(&job->sum[k], &own[k]);
    pthread_mutex_unlock(&job->lock);
    return LIBLOSS_OK;
}

static libloss_status spread_range(const libloss__piece *piece, void *shared)
{
    const unit_pass *job = shared;
    spread(piece->c, job->kernels, job->start + piece->begin, piece->end - piece->begin, job->param, job->fact, job->factor);
    return LIBLOSS_OK;
}

static libloss_status pass_over(libloss__call *c, libloss_status (*run)(const libloss__piece *, void *), unit_pass *job, int64_t n)
{
    const libloss__split split = {
        .run = run, .job = job, .count = n, .width = 1, .unit = ELEMENTS, .threads = libloss__threads_for(c, n)
    };
    return libloss__run_split(c, &split, NULL);
}

static libloss_status gather_all(libloss__call *c, const sums_kernels *kernels, int64_t start, int64_t n, const double *param,
                                 libloss__sum *sum)
{
    unit_pass job = { .kernels = kernels, .param = param, .start = start, .lock = PTHREAD_MUTEX_INITIALIZER, .sum = sum };
    libloss_status status = pass_over(c, gather_range, &job, n);
    pthread_mutex_destroy(&job.lock);
    return status;
}

static libloss_status spread_all(libloss__call *c, const sums_kernels *kernels, int64_t start, int64_t n, const double *param,
                                 const double *fact, double factor)
{
    unit_pass job = { .kernels = kernels, .param = param, .fact = fact, .factor = factor, .start = start };
    return pass_over(c, spread_range, &job, n);
}

static int wants_derivatives(const libloss__call *c)
{
    for (int k = 0; k < 2; k++)
        if (libloss__given(&c->gradient[k]) || libloss__given(&c->hessian[k])) return 1;
    return 0;
}

/* A total has a part for every sum of every unit. */
static void add_to_total(libloss_total *t, const sums_kernels *kernels, int64_t u, const libloss__sum *sums)
{
    for (int k = 0; k < kernels->terms; k++) {
        libloss__part *part = &t->term[u * kernels->terms + k].part;
        part->present++;
        libloss__sum_merge(&part->sum, &sums[k]);
    }
}

libloss_status libloss__run_sums(libloss__call *c, libloss__sum *sum)
{
    const sums_kernels *kernels = kernels_of(c->object, c->arithmetic), *exact = kernels_of(c->object, DTYPE_F64);
    const int64_t size = c->length * c->width;
    const int derivatives = wants_derivatives(c);
    double param[MAX_PARAMETERS] = { 0 };
    for (int32_t k = 0; k < c->object->parameters; k++) param[k] = libloss__parameter_of(c, k, 0);
    for (int64_t u = 0; u < c->count; u++) {
        libloss__sum sums[MAX_TERMS];
        double fact[MAX_FACTS] = { 0 }, factor = 0, value = 0;
        const int present = libloss__batch_is_present(c, u);
        memset(sums, 0, sizeof sums);
        if (present) {
            TRY(gather_all(c, kernels, u * size, size, param, sums));
            value = close_sums(exact, sums, param, fact); /* as a total does, whatever the data are */
            libloss__factors(c, u, 1, NULL, &factor);
            if (c->args->total) add_to_total(c->args->total, kernels, u, sums);
        }
        if (derivatives) TRY(spread_all(c, kernels, u * size, size, param, fact, factor));
        if (libloss__given(&c->values)) libloss__scatter(&c->values, u, 1, &value, DTYPE_F64);
        if (sum && present) libloss__sum_add(sum, value);
    }
    return LIBLOSS_OK;
}

int64_t libloss__sums_parts(const libloss_object *o, int64_t units) { return units * kernels_of(o, DTYPE_F64)->terms; }

int libloss__parts_fit(uint64_t owner, int64_t parts)
{
    const libloss__row *row = libloss__owner_of(owner);
    if (!row || row->metric || row->loss->shape != SHAPE_SUMS) return row && row->metric && parts == 0;
    const sums_kernels *kernels = row->kernels[libloss__isa()][1];
    return parts > 0 && parts % kernels->terms == 0;
}

double libloss__sums_total_value(const libloss_total *t, const libloss__row *row, int32_t reduction, int32_t empty, double divisor,
                                 int64_t *present)
{
    const sums_kernels *kernels = row->kernels[libloss__isa()][1];
    const int64_t units = t->parts / kernels->terms;
    libloss__sum all = { .nan = 0 };
    *present = 0;
    for (int64_t u = 0; u < units; u++) {
        libloss__sum sums[MAX_TERMS];
        double fact[MAX_FACTS];
        const libloss__term_total *term = &t->term[u * kernels->terms];
        if (term->part.present == 0) continue;
        for (int k = 0; k < kernels->terms; k++) sums[k] = term[k].part.sum;
        libloss__sum_add(&all, close_sums(kernels, sums, t->parameter, fact));
        ++*present;
    }
    double own = reduction == LIBLOSS_SUM                                            ? 1
                 : reduction == LIBLOSS_SIZE_MEAN || reduction == LIBLOSS_BATCH_MEAN ? (double)units
                                                                                     : (double)*present;
    if (divisor != 0) own = divisor;
    if (*present == 0 && reduction != LIBLOSS_SUM) own = 0;
    return libloss__finish(&all, reduction, own, empty);
}
