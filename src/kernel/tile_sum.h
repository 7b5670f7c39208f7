/*
 * The exact sum of a tile, as a few doubles that add up to it exactly, without a scalar path for any data.
 *
 * Let every |x| < 2^E and n <= 1024. With C = 1.5 * 2^(E + 1), x + C lies between 2^(E + 1) and 2^(E + 2), so it is x rounded
 * to a multiple of u = ulp(C) = 2^(E - 51), and its bits, read as an integer, are those of C plus that multiple. So
 * the multiples add up as 64-bit integers, at most 2^61: in any order, which lets every compiler vectorise the plain loop.
 * The remainder x - ((x + C) - C) is exact, at most u / 2, and goes through the same again 52 binades lower. A first look
 * at the exponents tells how many such levels reach the last bit of the smallest term, so the loop needs no tests: one
 * for f32 data within 28 binades, six for all of f32, two for f64 data or products of f32 data within 52. Where u would
 * be below 2^-1074, C is such that u is 2^-1074, and nothing remains. Where no x is negative C = 2^E does at the first level, and
 * everything reaches a binade further: that spares the values of logits in +-100 a level.
 */
#ifndef LIBLOSS_KERNEL_TILE_SUM_H
#define LIBLOSS_KERNEL_TILE_SUM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "vector_loop.h"

enum { TILE_SUM_MAX = 1024, TILE_SUM_PARTS = 86 };

typedef struct {
    int32_t parts; /* -1: a term is near the largest double; add the terms one by one */
    double part[TILE_SUM_PARTS];
    int64_t nan, plus_infinity, minus_infinity; /* where one is not 0 there are no parts */
} tile_sum;

#if defined LIBLOSS_ISA || defined LIBLOSS_PLAIN

#define TILE_LOOP static inline __attribute__((always_inline))

static inline double from_bits(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline uint64_t to_bits(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* Exponent fields of the largest and of the smallest term that is not 0, if any is. A field of 0 is one of subnormal numbers,
 * whose bits have the places of field 1. */
typedef struct {
    int top, low;
} exponent_range;

static inline int at_least_one(int field) { return field > 1 ? field : 1; }

/* Of the largest of the bits and the least of the bits less one, both without a sign. */
static inline exponent_range range_of_f32(int32_t most, int32_t least)
{
    return (exponent_range){ at_least_one(most >> 23), at_least_one((int)((least + INT64_C(1)) >> 23)) };
}

static inline exponent_range both_ranges(exponent_range a, exponent_range b)
{
    return (exponent_range){ a.top > b.top ? a.top : b.top, a.low < b.low ? a.low : b.low };
}

/* One less than the bits, without a sign: 0 becomes the largest number, and so is never the smallest. */
TILE_LOOP exponent_range range_f32(const float *v, ptrdiff_t n)
{
    int32_t top = 0, low = INT32_MAX;
    VECTOR_LOOP
    for (ptrdiff_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &v[i], sizeof bits);
        const int32_t size = (int32_t)(bits & 0x7fffffff), less = (int32_t)((bits - 1) & 0x7fffffff);
        top = size > top ? size : top;
        low = less < low ? less : low;
    }
    return range_of_f32(top, low);
}

TILE_LOOP exponent_range range_f64(const double *v, ptrdiff_t n)
{
    int64_t top = 0, low = INT64_MAX;
    VECTOR_LOOP
    for (ptrdiff_t i = 0; i < n; i++) {
        const uint64_t bits = to_bits(v[i]);
        const int64_t size = (int64_t)(bits & INT64_MAX), less = (int64_t)((bits - 1) & INT64_MAX);
        top = size > top ? size : top;
        low = less < low ? less : low;
    }
    return (exponent_range){ at_least_one((int)(top >> 52)), at_least_one((int)(((uint64_t)low + 1) >> 52)) };
}

/* A sum of multiples of the unit that belongs to C's exponent field, as one or two doubles. */
static inline void put_units(uint64_t units, int field, tile_sum *out)
{
    const double unit = from_bits(field > 52 ? (uint64_t)(field - 52) << 52 : UINT64_C(1) << (field - 1));
    const int64_t sum = (int64_t)units, high = sum >> 26;
    if (sum < INT64_C(1) << 53 && sum > -(INT64_C(1) << 53)) {
        out->part[out->parts++] = (double)sum * unit;
        return;
    }
    out->part[out->parts++] = (double)high * 0x1p26 * unit;
    out->part[out->parts++] = (double)(sum - high * (INT64_C(1) << 26)) * unit;
}

enum { LEVEL = 52, MOST_LEVELS = 6 }; /* binades from one level to the next */

/* C's exponent field at a level; the least there is has ulp(C) = 2^-1074. */
static inline int field_of(int top, int level) { return at_least_one(top + 2 - LEVEL * level); }

static inline double magic(int field) { return from_bits((uint64_t)field << 52 | UINT64_C(1) << 51); }

/* How many levels hold every bit of terms whose last bit is at most `digits` binades below their exponent. */
static inline int levels_of(exponent_range r, int digits, int negative)
{
    const int beyond = r.top - r.low + digits - (LEVEL - 1 - negative); /* binades below the first level's unit */
    return beyond > 0 ? (beyond + LEVEL - 1) / LEVEL + 1 : 1;
}

TILE_LOOP int any_negative(const float *v, ptrdiff_t n)
{
    int32_t signs = 0;
    VECTOR_LOOP
    for (ptrdiff_t i = 0; i < n; i++) {
        int32_t bits;
        memcpy(&bits, &v[i], sizeof bits);
        signs |= bits;
    }
    return signs < 0;
}

/* Splits the terms, f or v, at `levels` levels; without `negative` ones top is one less than their exponent. What then remains goes to `rest`; where that is NULL nothing may: not 0 if
 * something does, or if a term was too large for the first level. Levels, and which pointers are NULL, are constants. */
TILE_LOOP int split(const float *f, const double *v, double *rest, ptrdiff_t n, int top, int negative, const int levels, tile_sum *out)
{
    double c[MOST_LEVELS];
    uint64_t units[MOST_LEVELS] = { 0 }, beyond = 0, left = 0;
    for (int k = 0; k < levels; k++) c[k] = magic(field_of(top, k));
    if (!negative) c[0] = from_bits((uint64_t)field_of(top, 0) << 52);
    VECTOR_LOOP
    for (ptrdiff_t i = 0; i < n; i++) {
        double x = f ? (double)f[i] : v[i];
        for (int k = 0; k < levels; k++) {
            const double shifted = x + c[k];
            units[k] += to_bits(shifted);
            if (k == 0) beyond |= to_bits(shifted) ^ to_bits(c[0]);
            x -= shifted - c[k];
        }
        left |= to_bits(x);
        if (rest) rest[i] = x;
    }
    for (int k = 0; k < levels; k++) put_units(units[k] - (uint64_t)n * to_bits(c[k]), field_of(top, k), out);
    return beyond >> 52 || (!rest && left << 1);
}

static inline void start_tile(tile_sum *out)
{
    out->parts = 0;
    out->nan = out->plus_infinity = out->minus_infinity = 0;
}

/* Of a tile that holds a number that is not finite: how many there are of each kind. The others no longer matter. */
TILE_LOOP void count_non_finite_f32(const float *v, ptrdiff_t n, tile_sum *out)
{
    int32_t nan = 0, plus = 0, minus = 0;
    VECTOR_LOOP
    for (ptrdiff_t i = 0; i < n; i++) {
        nan += v[i] != v[i];
        plus += v[i] > 0x1.fffffep127F;
        minus += v[i] < -0x1.fffffep127F;
    }
    *out = (tile_sum){ .nan = nan, .plus_infinity = plus, .minus_infinity = minus };
}

TILE_LOOP void count_non_finite_f64(const double *v, ptrdiff_t n, tile_sum *out)
{
    int64_t nan = 0, plus = 0, minus = 0;
    VECTOR_LOOP
    for (ptrdiff_t i = 0; i < n; i++) {
        nan += v[i] != v[i];
        plus += v[i] > 0x1.fffffffffffffp1023;
        minus += v[i] < -0x1.fffffffffffffp1023;
    }
    *out = (tile_sum){ .nan = nan, .plus_infinity = plus, .minus_infinity = minus };
}

/* One level of floats whose largest is expected to have exponent field `top`, and in the same pass the range that they have. */
TILE_LOOP exponent_range split_once(const float *v, ptrdiff_t n, int top, tile_sum *out)
{
    const int field = field_of(top + 1023 - 127, 0);
    const double c = magic(field);
    int32_t most = 0, least = INT32_MAX;
    uint64_t units = 0;
    VECTOR_LOOP
    for (ptrdiff_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &v[i], sizeof bits);
        const int32_t size = (int32_t)(bits & 0x7fffffff), less = (int32_t)((bits - 1) & 0x7fffffff);
        most = size > most ? size : most;
        least = less < least ? less : least;
        units += to_bits((double)v[i] + c);
    }
    put_units(units - (uint64_t)n * to_bits(c), field, out);
    return range_of_f32(most, least);
}

/* Floats: the first ones say whether one level is to be expected; it is tried, and found right or wrong, in one pass. Else the range is
 * looked at first, and there are as many levels as it needs, six for all floats there are. */
static inline void tile_sum_f32(const float *v, ptrdiff_t n, tile_sum *out)
{
    enum { SAMPLE = 64, MARGIN = 2, NARROW = 13 }; /* of normal numbers one level, of their squares two */
    exponent_range r = range_f32(v, n < SAMPLE ? n : SAMPLE);
    start_tile(out);
    if (n > SAMPLE) {
        const int top = r.top + MARGIN;
        if (r.top < 255 && r.top - r.low <= NARROW) {
            r = split_once(v, n, top, out);
            if (r.top <= top && levels_of((exponent_range){ top, r.low }, 23, 1) == 1) return;
            start_tile(out);
        } else {
            r = both_ranges(r, range_f32(v + SAMPLE, n - SAMPLE));
        }
    }
    if (r.top == 255) {
        count_non_finite_f32(v, n, out);
        return;
    }
    const int most = levels_of(r, 23, 1), least = levels_of(r, 23, 0), negative = most == least || any_negative(v, n);
    const int top = r.top + 1023 - 127 - !negative;
    switch (negative ? most : least) {
    case 1: split(v, NULL, NULL, n, top, negative, 1, out); break;
    case 2: split(v, NULL, NULL, n, top, negative, 2, out); break;
    case 3: split(v, NULL, NULL, n, top, negative, 3, out); break;
    case 4: split(v, NULL, NULL, n, top, negative, 4, out); break;
    default: split(v, NULL, NULL, n, top, negative, 6, out); break;
    }
}

/* Doubles: the first terms of a tile say what to expect, mostly two levels; they are tried, and found right or wrong, in
 * one pass. x: room for what remains; may be v. digits: how far below its exponent the last bit of a term is. */
static inline void sum_terms(const double *v, double *x, ptrdiff_t n, int digits, tile_sum *out)
{
    enum { SAMPLE = 64, MARGIN = 8 };
    exponent_range r = range_f64(v, n < SAMPLE ? n : SAMPLE);
    start_tile(out);
    if (n > SAMPLE) r.top += MARGIN;
    if (r.top < 2000 && levels_of(r, digits, 1) <= 2) {
        if (split(NULL, v, NULL, n, r.top, 1, 2, out) == 0) return;
        start_tile(out);
    }
    r = range_f64(v, n);
    if (r.top == 2047) {
        count_non_finite_f64(v, n, out);
        return;
    }
    if (r.top > 2000) {
        out->parts = -1;
        return;
    }
    for (int levels = levels_of(r, digits, 1);; levels = levels_of(r, 52, 1), v = x) {
        switch (levels) {
        case 1:
        case 2: split(NULL, v, NULL, n, r.top, 1, 2, out); return;
        case 3: split(NULL, v, NULL, n, r.top, 1, 3, out); return;
        case 4: split(NULL, v, NULL, n, r.top, 1, 4, out); return;
        default: split(NULL, v, x, n, r.top, 1, 4, out); r = range_f64(x, n);
        }
    }
}

static inline void tile_sum_f64(const double *v, ptrdiff_t n, tile_sum *out)
{
    double x[TILE_SUM_MAX];
    sum_terms(v, x, n, 52, out);
}

/* Terms are fl(w * v); a weight of 0 means that the value is not there, whatever it is. */
static inline void terms_f32(double *term, const float *v, const float *w, ptrdiff_t n)
{
    VECTOR_LOOP
    for (ptrdiff_t i = 0; i < n; i++) {
        const double product = (double)w[i] * (double)v[i];
        term[i] = w[i] == 0 ? 0 : product;
    }
}

static inline void terms_f64(double *term, const double *v, const double *w, ptrdiff_t n)
{
    VECTOR_LOOP
    for (ptrdiff_t i = 0; i < n; i++) {
        const double product = w[i] * v[i];
        term[i] = w[i] == 0 ? 0 : product;
    }
}

static inline void tile_sum_weighted_f32(const float *v, const float *w, ptrdiff_t n, tile_sum *out)
{
    double x[TILE_SUM_MAX];
    terms_f32(x, v, w, n);
    sum_terms(x, x, n, 47, out); /* the product of two floats has 48 bits */
}

static inline void tile_sum_weighted_f64(const double *v, const double *w, ptrdiff_t n, tile_sum *out)
{
    double x[TILE_SUM_MAX];
    terms_f64(x, v, w, n);
    sum_terms(x, x, n, 52, out);
}

#endif
#endif
