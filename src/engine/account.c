/*
 * What happens to the numbers of a tile outside the loss: weights, upstream gradients, divisor, exact sum, storing.
 */
#include "split.h"
#include "tiles.h"

#define DECLARE_TILES(isa_) extern const libloss__tiles libloss__tiles_##isa_;
#define TILES_ENTRY(isa_) &libloss__tiles_##isa_,
LIBLOSS_ISA_LIST(DECLARE_TILES)

const libloss__tiles *libloss__tiles_now(void)
{
    static const libloss__tiles *const tiles[] = { LIBLOSS_ISA_LIST(TILES_ENTRY) };
    return tiles[libloss__isa()];
}

double libloss__flat_factor(const libloss__call *c)
{
    double upstream = 1;
    if (libloss__given(&c->upstream)) libloss__gather(&c->upstream, 0, 1, &upstream, DTYPE_F64);
    return c->present == 0 ? 0 : upstream / c->divisor; /* an empty mean has no slope, whatever it is */
}

void libloss__factors(const libloss__call *c, int64_t start, int64_t n, const void *weight, double *factor)
{
    const libloss__tiles *tiles = libloss__tiles_now();
    if (!libloss__given(&c->upstream) || c->upstream.single || c->present == 0) {
        tiles->fill(factor, libloss__flat_factor(c), n);
    } else {
        libloss__gather(&c->upstream, start, n, factor, DTYPE_F64);
        tiles->divide(factor, c->divisor, n);
    }
    if (!weight) return;
    if (c->arithmetic == DTYPE_F32)
        tiles->weigh_f32(factor, weight, n);
    else
        tiles->scale_each_f64(factor, weight, n);
}

static double number_at(const void *p, int32_t dtype, int64_t i)
{
    return dtype == DTYPE_F32 ? ((const float *)p)[i] : ((const double *)p)[i];
}

static void store_terms(const libloss__call *c, int64_t start, int64_t n, const void *value, const void *weight)
{
    enum { SOME = 256 };
    double term[SOME];
    for (int64_t i = 0; i < n; i += SOME) {
        const int64_t some = n - i < SOME ? n - i : SOME;
        if (c->arithmetic == DTYPE_F32)
            libloss__tiles_now()->terms_f32(term, (const float *)value + i, (const float *)weight + i, some);
        else
            libloss__tiles_now()->terms_f64(term, (const double *)value + i, (const double *)weight + i, some);
        libloss__scatter(&c->values, start + i, some, term, DTYPE_F64);
    }
}

void libloss__account(const libloss__call *c, int64_t start, int64_t n, const void *value, const void *weight, libloss__sum *sum)
{
    if (libloss__given(&c->values)) {
        if (weight)
            store_terms(c, start, n, value, weight);
        else
            libloss__scatter(&c->values, start, n, value, c->arithmetic);
    }
    if (!sum) return;
    tile_sum tile;
    for (int64_t done = 0; done < n; done += TILE_SUM_MAX) {
        int64_t some = n - done < TILE_SUM_MAX ? n - done : TILE_SUM_MAX;
        const libloss__tiles *tiles = libloss__tiles_now();
        if (c->arithmetic == DTYPE_F32) {
            const float *v = (const float *)value + done;
            if (weight)
                tiles->sum_weighted_f32(v, (const float *)weight + done, some, &tile);
            else
                tiles->sum_f32(v, some, &tile);
        } else {
            const double *v = (const double *)value + done;
            if (weight)
                tiles->sum_weighted_f64(v, (const double *)weight + done, some, &tile);
            else
                tiles->sum_f64(v, some, &tile);
        }
        if (tile.parts >= 0) {
            libloss__sum_add_tile(sum, &tile);
            continue;
        }
        for (int64_t i = done; i < done + some; i++) { /* terms near the largest double: one by one */
            double v = number_at(value, c->arithmetic, i), w = weight ? number_at(weight, c->arithmetic, i) : 1;
            if (w != 0) libloss__sum_add(sum, w * v);
        }
    }
}

void libloss__clear_absent(const libloss__call *c, int64_t start, int64_t n, const void *weight)
{
    const libloss__tiles *tiles = libloss__tiles_now();
    int64_t there = 0;
    if (c->arithmetic == DTYPE_F32)
        tiles->not_weights_f32(weight, n, &there);
    else
        tiles->not_weights_f64(weight, n, &there);
    for (int64_t i = 0; there < n && i < n;) {
        int64_t run = i;
        while (run < n && number_at(weight, c->arithmetic, run) == 0) run++;
        for (int32_t k = 0; run > i && k < c->object->inputs; k++) {
            if (libloss__given(&c->gradient[k])) libloss__clear(&c->gradient[k], start + i, run - i);
            if (libloss__given(&c->hessian[k])) libloss__clear(&c->hessian[k], start + i, run - i);
        }
        i = run + 1;
    }
}

void libloss__learn(const libloss__call *c, int32_t k, double *term, int64_t n, const void *weight)
{
    const libloss__tiles *tiles = libloss__tiles_now();
    if (weight) (c->arithmetic == DTYPE_F32 ? tiles->drop_f32 : tiles->drop_f64)(term, weight, n);
    libloss__sum_add_doubles(&c->by[k], term, n);
}

void libloss__store_learned(const libloss__call *c)
{
    const libloss_object *o = c->object;
    for (int32_t k = 0, place = 0; k < o->parameters; k++) {
        const int learnable = o->parameter[k].flags & LEARNABLE, none = o->first[k] == o->first[k + 1];
        for (int64_t i = o->first[k]; i < o->first[k + 1]; i++)
            c->args->parameter_gradient[i] = learnable ? libloss__sum_round(&c->by[place++]) : 0;
        place += learnable && none;
    }
}

double libloss__finish(const libloss__sum *sum, int32_t reduction, double divisor, int32_t empty)
{
    if (reduction == LIBLOSS_SUM || reduction == LIBLOSS_NONE) return libloss__sum_round(sum);
    if (divisor == 0) return empty == LIBLOSS_EMPTY_ZERO ? 0 : (double)__builtin_nanf("");
    return libloss__sum_mean(sum, divisor);
}

int64_t libloss__workspace(const libloss__call *c)
{
    if (c->count == 0) return 0;
    if (c->object->kind == OBJECT_CUSTOM) return libloss__workspace_of_tiles(c);
    const int shape = c->object->row->loss->shape;
    return shape == SHAPE_SOFTMAX ? libloss__workspace_of_softmax(c) : shape == SHAPE_UNIT ? libloss__workspace_of_units(c) : 0;
}

int64_t libloss__threads_of(const libloss__call *c)
{
    if (c->object->kind == OBJECT_CUSTOM && !(c->object->theirs->flags & LIBLOSS_ANY_THREAD)) return 1;
    const int64_t units = c->count / c->values_per_unit, threads = libloss__threads_for(c, units * c->length * c->width);
    return threads > units ? units : threads;
}

libloss_status libloss__run(libloss__call *c, libloss__sum *sum)
{
    if (c->count == 0) return LIBLOSS_OK;
    if (c->object->kind == OBJECT_CUSTOM) return libloss__run_tiles(c, sum);
    const loss *loss = c->object->row->loss;
    if (loss->shape == SHAPE_SOFTMAX) return libloss__run_softmax(c, sum);
    if (loss->shape == SHAPE_SUMS) return libloss__run_sums(c, sum);
    if (loss->shape == SHAPE_UNIT) return libloss__run_units(c, sum);
    return libloss__run_pointwise(c, sum);
}
