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
} libloss__tiles;

const libloss__tiles *libloss__tiles_now(void);

#endif
