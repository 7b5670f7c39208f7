/*
 * Sums in sixteen virtual lanes (index mod 16) and a halving tree: plain C that vectorises on every instruction set and gives the
 * same bits on each.
 */
#ifndef LIBLOSS_KERNEL_LANES_H
#define LIBLOSS_KERNEL_LANES_H

#include <stdint.h>

#include "loss.h"
#include "pair.h"
#include "vector_loop.h"

enum { LANES = 16 };

/* n, rounded up to a multiple of LANES */
FORMULA int64_t whole_lanes(int64_t n) { return (n + LANES - 1) / LANES * LANES; }

typedef struct {
    real hi[LANES], lo[LANES];
} lanes;

/* f64 data carry the error of each addition along; inside f32 data, double has bits to spare. */
FORMULA void add_to_lane(lanes *s, int l, real x)
{
#if CARRIES_REMAINDER
    pair t = two_sum(s->hi[l], x);
    s->hi[l] = t.hi;
    s->lo[l] += t.lo;
#else
    s->hi[l] += x;
#endif
}

FORMULA void add_pair_to_lane(lanes *s, int l, pair x)
{
    add_to_lane(s, l, x.hi);
    s->lo[l] += x.lo;
}

FORMULA void clear_lanes(lanes *s)
{
    for (int l = 0; l < LANES; l++) s->hi[l] = s->lo[l] = 0;
}

FORMULA void halve_lanes(lanes *s, const int half)
{
    LANE_LOOP
    for (int l = 0; l < half; l++) add_pair_to_lane(s, l, (pair){ s->hi[l + half], s->lo[l + half] });
}

FORMULA pair fold_lanes(lanes *s)
{
    halve_lanes(s, 8);
    halve_lanes(s, 4);
    halve_lanes(s, 2);
    halve_lanes(s, 1);
    return (pair){ s->hi[0], s->lo[0] };
}

/* Of lanes that hold no NaN, for each has kept its largest so far. */
FORMULA real largest_lane(const real *lane)
{
    real most = lane[0];
    for (int l = 1; l < LANES; l++) most = most < lane[l] ? lane[l] : most;
    return most;
}

/* One block's sum to those before it. */
FORMULA void add_block(pair *total, lanes *s)
{
    pair block = fold_lanes(s), t = two_sum(total->hi, block.hi);
    *total = (pair){ t.hi, total->lo + (t.lo + block.lo) };
}

#endif
