/*
 * What a row of logits is known by: its largest logit m, at index `top` (the lowest of ties), and
 *     others = sum over j != top of e_j,     e_j = exp(z_j - m).
 * Then ln sum exp = m + log1p(others), p_j = e_j / (1 + others), and at the top 1 - p = others / (1 + others): nothing cancels,
 * however sure the row is.
 *
 * e_j is rounded once to the type of the data, 2^96 times too large, so that what is added up, divided and multiplied afterwards
 * is never subnormal (an assist of the processor's microcode each time) and still has all its digits after a large factor. From
 * z - m = -153 on (f64 data: -774) it is 0. For f32 data everything after the exponentials is double. What goes in is not subnormal
 * either: differences so small that e_j is 1 anyway are moved away from 0, their remainders likewise.
 *
 * The order of a row's sum is part of the contract, since it decides the bits: up to 55 classes j = 0, 1, 2, ...;
 * more: 16 lanes (j mod 16) per block of 4096, a halving tree, then the blocks in order. Plain C with 16 virtual lanes
 * vectorises on every instruction set and gives the same bits on each.
 */
#ifndef LIBLOSS_KERNEL_SOFTMAX_ROW_H
#define LIBLOSS_KERNEL_SOFTMAX_ROW_H

#define INSIDE_F64
#include "lanes.h"
#include "loss.h"
#include "math.h"

/* Up to NARROW classes a loop across transposed rows is faster than one along each, or as fast (measured with 32 to 64). */
enum { NARROW = 55, BLOCK = 4096, WINDOW = 64 };

/* To read, or (1) to write over. */
#if defined __GNUC__
#define PREFETCH(address_, written_) __builtin_prefetch((const void *)(address_), written_, 3)
#else
#define PREFETCH(address_, written_) (void)(address_)
#endif

/* ---- the exponential ---- */

#define E_UNIT 0x1p-96 /* what e is too large by, inverted */

#if LIBLOSS_BITS == 32

/* The difference in two parts, z - m = k ln2 + r, and a polynomial for (exp(r) - 1 - r)/r^2 (coefficients.py): 1.05 ULP. */
FORMULA float lifted_exp(float z, float max)
{
    const float rounder = 0x1.8p23F;
    float x = z - max, back = x - z, lo = (z - (x - back)) - (max + back), moved = x - 0x1p-60F;
    float shifted = fma32(moved, 0x1.715476p+0F, rounder), k = shifted - rounder;
    float r = fma32(k, -0x1.62e4p-1F, moved) + fma32(k, -0x1.7f7d1cp-20F, lo + 0x1p-100F); /* k times the first is exact */
    float p = 0x1.6d10fcp-10F;
    p = fma32(p, r, 0x1.120b62p-7F);
    p = fma32(p, r, 0x1.55551ap-5F);
    p = fma32(p, r, 0x1.5554dep-3F);
    p = fma32(p, r, 0.5F);
    uint32_t bits;
    float power;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits << 23) + ((UINT32_C(127) + 96) << 23);
    memcpy(&power, &bits, sizeof power);
    float e = (1 + fma32(r * r, p, r)) * power;
    return x < -153 ? 0 : e; /* whatever became of lo where x is infinite */
}

#else

FORMULA double lifted_exp(double z, double max)
{
    double x = z - max, back = x - z, lo = (z - (x - back)) - (max + back);
    reduced r = reduce_exp(x, lo);
    double e = 1 + (r.hi + (r.lo + (r.hi * r.lo + r.hi * r.hi * exp_tail(r.hi))));
    e *= power_of_two(r.k + 96);
    return x < -774 ? 0 : e;
}

#endif

/* hi and lo with no remainder where the sum is infinite, or NaN. */
FORMULA pair close_sum(pair s) { return s.lo - s.lo == 0 ? fast_two_sum(s.hi, s.lo) : (pair){ s.hi, 0 }; }

/* ---- facts ---- */

typedef struct {
    real nll, p, q; /* -ln p_k, p_k, 1 - p_k */
    real nll_lo, q_lo; /* what rounding took from them; 0 where no remainders are carried */
} outcome;

typedef struct {
    real max;
    pair others, inverse, nll_top; /* others; 1/(1 + others); log1p(others) */
} facts;

FORMULA facts facts_of(real max, pair others)
{
    pair sum = two_sum(1, others.hi);
    sum.lo += others.lo;
    facts r = { .max = max };
    real poison = max == -__builtin_inf() ? (real)__builtin_nanf("") : zero_of(max); /* where the top is all there is */
    r.others = (pair){ others.hi + poison, others.lo };
    r.inverse = pair_div_to_pair((pair){ 1, 0 }, sum);
    r.nll_top = log1p_to_pair(r.others);
    return r;
}

/* a times 1/(1 + others) */
FORMULA real share(facts r, real a)
{
#if CARRIES_REMAINDER && HAS_FMA
    return fma_(a, r.inverse.hi, a * r.inverse.lo);
#elif CARRIES_REMAINDER
    pair product = two_product(a, r.inverse.hi);
    return product.hi + (product.lo + a * r.inverse.lo);
#else
    return a * r.inverse.hi;
#endif
}

/* The same in two parts. */
FORMULA pair share_pair(facts r, pair a)
{
    real hi = share(r, a.hi);
#if CARRIES_REMAINDER
    pair product = two_product(a.hi, r.inverse.hi);
    return (pair){ hi, (product.hi - hi) + (product.lo + (a.hi * r.inverse.lo + a.lo * r.inverse.hi)) };
#else
    return (pair){ hi, 0 };
#endif
}

/* -ln p of a class. Both parts are non-negative, so nothing cancels. */
FORMULA pair nll_of(facts r, real z)
{
    pair d = two_diff(r.max, z);
#if CARRIES_REMAINDER
    pair s = two_sum(d.hi, r.nll_top.hi);
    return with_remainder(s.hi, s.lo + (d.lo + r.nll_top.lo));
#else
    return (pair){ d.hi + r.nll_top.hi, 0 };
#endif
}

/* Of a class that is not the top. */
FORMULA outcome outcome_of(facts r, stored z, stored e)
{
    real own = (real)e * E_UNIT;
    pair rest = two_diff(r.others.hi, own), sum = two_sum(1, rest.hi), nll = nll_of(r, z);
    sum.lo += rest.lo + r.others.lo;
    pair q = share_pair(r, sum);
    return (outcome){ nll.hi, share(r, own), q.hi, nll.lo, q.lo };
}

FORMULA outcome outcome_of_top(facts r)
{
    pair q = share_pair(r, r.others);
    return (outcome){ r.nll_top.hi, r.inverse.hi, q.hi, r.nll_top.lo, q.lo };
}

/* ---- one long row ---- */

FORMULA void fold_most(stored *most, const int half)
{
    LANE_LOOP
    for (int l = 0; l < half; l++) most[l] = most[l] < most[l + half] ? most[l + half] : most[l];
}

/* max and top. A NaN is a maximum or is not; either way it comes out of the exponentials. */
FORMULA void find_top(const stored *z, ptrdiff_t n, stored *max, ptrdiff_t *top)
{
    stored most[WINDOW];
    for (int l = 0; l < WINDOW; l++) most[l] = z[l];
    for (ptrdiff_t j = WINDOW; j < n; j += WINDOW) { /* the last window overlaps the one before */
        const stored *at = z + (j + WINDOW <= n ? j : n - WINDOW);
        LANE_LOOP
        for (int l = 0; l < WINDOW; l++) most[l] = most[l] < at[l] ? at[l] : most[l];
    }
    fold_most(most, 32);
    fold_most(most, 16);
    fold_most(most, 8);
    fold_most(most, 4);
    fold_most(most, 2);
    fold_most(most, 1);
    const stored best = most[0];
    ptrdiff_t start = 0;
    for (;; start += WINDOW) {
        int32_t any = 0;
        if (start + WINDOW > n) start = n - WINDOW;
        for (int l = 0; l < WINDOW; l++) any |= z[start + l] == best;
        if (any || start + WINDOW == n) break;
    }
    int32_t first = WINDOW - 1;
    for (int32_t l = 0; l < WINDOW; l++) {
        int32_t here = z[start + l] == best ? l : WINDOW - 1;
        first = here < first ? here : first;
    }
    *max = best;
    *top = start + first;
}

/* Sixteen numbers of a wide row from class j on: where they lie; or a copy, with `rest` at the place `hole` and after the end. */
FORMULA const stored *sixteen(const stored *x, ptrdiff_t j, ptrdiff_t end, ptrdiff_t hole, stored rest, stored *room)
{
    const ptrdiff_t over = end - j < LANES ? LANES - (end - j) : 0; /* sixteen that end where the row does begin so much earlier */
    if (over == 0 && (size_t)(hole - j) >= LANES) return x + j;
    memcpy(room, x + j - over, LANES * sizeof *x);
    for (int l = LANES; l < 2 * LANES; l++) room[l] = rest;
    if ((size_t)(hole - j) < LANES) room[over + (hole - j)] = rest;
    return room + over;
}

enum { ROOM = 2 * LANES };

/* The first `count` < 16 of them, to where they belong. A loop would become a call. */
FORMULA void put_some(stored *to, const stored *from, ptrdiff_t count)
{
    ptrdiff_t at = 0;
    if (count & 8) memcpy(to, from, 8 * sizeof *to), at = 8;
    if (count & 4) memcpy(to + at, from + at, 4 * sizeof *to), at += 4;
    if (count & 2) memcpy(to + at, from + at, 2 * sizeof *to), at += 2;
    if (count & 1) to[at] = from[at];
}

enum { STRETCH = 256 };

/* e of classes start .. end - 1 of a row of n, but for the top: added to the lanes, and put to `home`, which may be where z lies, or be
 * NULL. At the top it is 0. A stretch is put down first and added up then: in one loop both wait for each other. */
FORMULA void add_others(lanes *s, const stored *z, ptrdiff_t n, ptrdiff_t start, ptrdiff_t end, stored max, ptrdiff_t top, stored *home)
{
    stored own[STRETCH], room[ROOM];
    for (ptrdiff_t from = start; from < end; from += STRETCH) {
        const ptrdiff_t here = end - from < STRETCH ? end - from : STRETCH, whole = here / LANES * LANES;
        stored *const to = home ? home + from : own;
        for (ptrdiff_t j = 0; j < whole; j += LANES) {
            PREFETCH((uintptr_t)z + (size_t)(n + from + j) * sizeof *z, 0); /* of the next row, most likely: it comes meanwhile */
            if (home) PREFETCH((uintptr_t)home + (size_t)(n + from + j) * sizeof *z, 1);
            LANE_LOOP
            for (int l = 0; l < LANES; l++) to[j + l] = lifted_exp(z[from + j + l], max);
        }
        if ((size_t)(top - from) < (size_t)whole) to[top - from] = 0;
        for (ptrdiff_t j = 0; j < whole; j += LANES) {
            LANE_LOOP
            for (int l = 0; l < LANES; l++) add_to_lane(s, l, to[j + l]);
        }
        if (whole < here) {
            stored last[LANES];
            const stored *rest = sixteen(z, from + whole, end, top, -__builtin_inff(), room);
            LANE_LOOP
            for (int l = 0; l < LANES; l++) {
                last[l] = lifted_exp(rest[l], max);
                add_to_lane(s, l, last[l]);
            }
            if (home) put_some(to + whole, last, here - whole);
        }
    }
}

FORMULA pair close_others(pair total)
{
    total = close_sum(total);
    return (pair){ total.hi * E_UNIT, total.lo * E_UNIT };
}

FORMULA pair sum_others(const stored *z, ptrdiff_t n, stored max, ptrdiff_t top, stored *home)
{
    pair total = { 0, 0 };
    for (ptrdiff_t start = 0; start < n; start += BLOCK) {
        lanes s;
        clear_lanes(&s);
        add_others(&s, z, n, start, n - start < BLOCK ? n : start + BLOCK, max, top, home);
        add_block(&total, &s);
    }
    return close_others(total);
}

#endif
