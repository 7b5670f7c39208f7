/*
 * The engine's own hot loops over a tile, compiled once per instruction set like the kernels.
 */
#ifndef LIBLOSS_ENGINE_TILES_H
#define LIBLOSS_ENGINE_TILES_H

#include "../cpu/isa.h"
#include "sum.h"

typedef struct {
    void (*sum_f32)(const float *v, ptrdiff_t n, tile_sum *out);
    void (*sum_f64)(const double *v, ptrdiff_t n, tile_sum *out);
    void (*sum_weighted_f32)(const float *v, const float *w, ptrdiff_t n, tile_sum *out);
    void (*sum_weighted_f64)(const double *v, const double *w, ptrdiff_t n, tile_sum *out);
    /* Whether some number is outside [low, high], or with `ends` neither low nor high. NaN is nowhere and passes. */
    int (*outside_f32)(const float *x, ptrdiff_t n, float low, float high, int ends);
    int (*outside_f64)(const double *x, ptrdiff_t n, double low, double high, int ends);
} libloss__tiles;

const libloss__tiles *libloss__tiles_now(void);

#endif
