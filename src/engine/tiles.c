/*
 * Compiled once per instruction set; account.c chooses.
 */
#include "tiles.h"

#include "../kernel/loss.h"

static int outside_f32(const float *x, ptrdiff_t n, float low, float high, int ends)
{
    int32_t bad = 0;
    if (ends)
        for (ptrdiff_t i = 0; i < n; i++) bad |= (x[i] != low) & (x[i] != high) & (x[i] == x[i]);
    else
        for (ptrdiff_t i = 0; i < n; i++) bad |= (x[i] < low) | (x[i] > high);
    return bad;
}

static int outside_f64(const double *x, ptrdiff_t n, double low, double high, int ends)
{
    int64_t bad = 0;
    if (ends)
        for (ptrdiff_t i = 0; i < n; i++) bad |= (x[i] != low) & (x[i] != high) & (x[i] == x[i]);
    else
        for (ptrdiff_t i = 0; i < n; i++) bad |= (x[i] < low) | (x[i] > high);
    return bad != 0;
}

#define TABLE_(isa_) libloss__tiles_##isa_
#define TABLE(isa_) TABLE_(isa_)

extern const libloss__tiles TABLE(LIBLOSS_ISA);
const libloss__tiles TABLE(LIBLOSS_ISA) = { tile_sum_f32,          tile_sum_f64, tile_sum_weighted_f32,
                                            tile_sum_weighted_f64, outside_f32,  outside_f64 };
