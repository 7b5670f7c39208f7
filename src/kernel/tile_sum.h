/*
 * The exact sum of a tile, as a few doubles that add up to it exactly, without a scalar path for ordinary data.
 *
 * Let every |x| <= 2^E and n <= 1024. With C = 1.5 * 2^(E + 1), x + C lies between 2^(E + 1) and 2^(E + 2), so it is x rounded
 * to a multiple of u = ulp(C) = 2^(E - 51), and its bits, read as an integer, are those of C plus that multiple. So
 * the multiples add up as 64-bit integers, at most 2^61: in any order, which lets every compiler vectorise the plain loop.
 * The remainders x - ((x + C) - C) are exact, at most u / 2, and go through the same again 52 binades lower; that ends when
 * none is left: for f32 data of one scale after one level. Where u would be below 2^-1074, C is such that u is
 * 2^-1074, and nothing remains.
 */
#ifndef LIBLOSS_KERNEL_TILE_SUM_H
#define LIBLOSS_KERNEL_TILE_SUM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { TILE_SUM_MAX = 1024, TILE_SUM_PARTS = 86 };

typedef struct {
    int32_t parts; /* -1: a term is near the largest double; add the terms one by one */
    double part[TILE_SUM_PARTS];
    int64_t nan, plus_infinity, minus_infinity;
} tile_sum;

#if defined LIBLOSS_ISA || defined LIBLOSS_PLAIN

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

/* Counts what is not finite and puts 0 there. */
static inline void take_non_finite(const double *v, double *x, ptrdiff_t n, tile_sum *out)
{
    int64_t nan = 0, plus = 0, minus = 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        nan += v[i] != v[i];
        plus += v[i] > 0x1.fffffffffffffp1023;
        minus += v[i] < -0x1.fffffffffffffp1023;
        x[i] = v[i] - v[i] == 0 ? v[i] : 0;
    }
    out->nan = nan;
    out->plus_infinity = plus;
    out->minus_infinity = minus;
}

/* The largest exponent field; 2047 where something is not finite. By the upper halves, as 32-bit integers: those have a
 * vector maximum on every instruction set. */
static inline int top_exponent(const double *x, ptrdiff_t n)
{
    int32_t top = 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        int32_t high = (int32_t)(to_bits(x[i]) >> 32 & 0x7fffffff);
        top = high > top ? high : top;
    }
    return top >> 20;
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

/* The terms are v; x is room for what remains of them, and may be v. */
static inline void sum_terms(const double *v, double *x, ptrdiff_t n, tile_sum *out)
{
    out->parts = 0;
    out->nan = out->plus_infinity = out->minus_infinity = 0;
    int exponent = top_exponent(v, n);
    if (exponent == 2047) {
        take_non_finite(v, x, n, out);
        v = x;
        exponent = top_exponent(v, n);
    }
    if (exponent > 2000) {
        out->parts = -1;
        return;
    }
    for (int field = exponent + 2;; field -= 52, v = x) { /* the exponent field of C; |x| <= 2^(field - 1 - 1023) */
        if (field < 1) field = 1; /* ulp(C) = 2^-1074, the least there is: nothing remains */
        const double c = from_bits((uint64_t)field << 52 | UINT64_C(1) << 51);
        uint64_t units = 0, left = 0;
        for (ptrdiff_t i = 0; i < n; i++) {
            double shifted = v[i] + c, rest = v[i] - (shifted - c);
            units += to_bits(shifted);
            left |= to_bits(rest);
            x[i] = rest;
        }
        put_units(units - (uint64_t)n * to_bits(c), field, out);
        if (left << 1 == 0) return;
    }
}

/* Mostly one level does, read from the floats themselves; else all over again as doubles. */
static inline void tile_sum_f32(const float *v, ptrdiff_t n, tile_sum *out)
{
    int32_t top = 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &v[i], sizeof bits);
        int32_t size = (int32_t)(bits & 0x7fffffff);
        top = size > top ? size : top;
    }
    const int exponent = top >> 23;
    if (exponent < 255) {
        const int field = (exponent ? exponent : 1) + 1023 - 127 + 2;
        const double c = from_bits((uint64_t)field << 52 | UINT64_C(1) << 51);
        uint64_t units = 0, left = 0;
        for (ptrdiff_t i = 0; i < n; i++) {
            double x = v[i], shifted = x + c;
            units += to_bits(shifted);
            left |= to_bits(x - (shifted - c));
        }
        if (left << 1 == 0) {
            out->parts = 0;
            out->nan = out->plus_infinity = out->minus_infinity = 0;
            put_units(units - (uint64_t)n * to_bits(c), field, out);
            return;
        }
    }
    double x[TILE_SUM_MAX];
    for (ptrdiff_t i = 0; i < n; i++) x[i] = v[i];
    sum_terms(x, x, n, out);
}

static inline void tile_sum_f64(const double *v, ptrdiff_t n, tile_sum *out)
{
    double x[TILE_SUM_MAX];
    sum_terms(v, x, n, out);
}

/* Terms are fl(w * v); a weight of 0 means that the value is not there, whatever it is. */
static inline void tile_sum_weighted_f32(const float *v, const float *w, ptrdiff_t n, tile_sum *out)
{
    double x[TILE_SUM_MAX];
    for (ptrdiff_t i = 0; i < n; i++) {
        double term = (double)w[i] * (double)v[i];
        x[i] = w[i] == 0 ? 0 : term;
    }
    sum_terms(x, x, n, out);
}

static inline void tile_sum_weighted_f64(const double *v, const double *w, ptrdiff_t n, tile_sum *out)
{
    double x[TILE_SUM_MAX];
    for (ptrdiff_t i = 0; i < n; i++) {
        double term = w[i] * v[i];
        x[i] = w[i] == 0 ? 0 : term;
    }
    sum_terms(x, x, n, out);
}

#endif
#endif
