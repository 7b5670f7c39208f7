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
    /* Whether some number is no weight: not finite, or below 0. Adds those that are not 0 to `present`. */
    int (*not_weights_f32)(const float *w, ptrdiff_t n, int64_t *present);
    int (*not_weights_f64)(const double *w, ptrdiff_t n, int64_t *present);
    /* Terms fl(w * v); 0 where w is 0, whatever v is. */
    void (*terms_f32)(double *term, const float *v, const float *w, ptrdiff_t n);
    void (*terms_f64)(double *term, const double *v, const double *w, ptrdiff_t n);
    /* Derivatives times factors, in double, rounded once: by fl(factor * w) with 0 where w is 0, by one each. */
    void (*scale_weighted_f32)(float *x, double factor, const float *w, ptrdiff_t n);
    void (*scale_weighted_f64)(double *x, double factor, const double *w, ptrdiff_t n);
    void (*scale_each_f32)(float *x, const double *factor, ptrdiff_t n);
    void (*scale_each_f64)(double *x, const double *factor, ptrdiff_t n);
    /* 0 in place of terms whose weight is 0, whatever they are. */
    void (*drop_f32)(double *term, const void *w, ptrdiff_t n);
    void (*drop_f64)(double *term, const void *w, ptrdiff_t n);
    /* a*b = high + low, but for overflow and underflow. */
    void (*products)(const double *a, const double *b, ptrdiff_t n, double *high, double *low);
    /* The factors themselves. */
    void (*fill)(double *factor, double x, ptrdiff_t n);
    void (*divide)(double *factor, double divisor, ptrdiff_t n);
    void (*multiply)(double *x, double factor, ptrdiff_t n);
    void (*weigh_f32)(double *factor, const float *w, ptrdiff_t n); /* by doubles scale_each_f64 does */
    /* Dense runs to another type, each number rounded once; none needs to be aligned. */
    void (*from_f16)(void *to, const void *from, ptrdiff_t n); /* to floats */
    void (*from_bf16)(void *to, const void *from, ptrdiff_t n);
    void (*to_f16_f32)(void *to, const void *from, ptrdiff_t n); /* from floats */
    void (*to_f16_f64)(void *to, const void *from, ptrdiff_t n);
    void (*to_bf16_f32)(void *to, const void *from, ptrdiff_t n);
    void (*to_bf16_f64)(void *to, const void *from, ptrdiff_t n);
    void (*narrow)(void *to, const void *from, ptrdiff_t n); /* doubles to floats */
    void (*widen)(void *to, const void *from, ptrdiff_t n);
    /* A copy past the caches, for outputs that no cache would keep; libloss__stream_end() when all is written. */
    void (*stream)(char *to, const char *from, ptrdiff_t bytes);
} libloss__tiles;

const libloss__tiles *libloss__tiles_now(void);

#endif
