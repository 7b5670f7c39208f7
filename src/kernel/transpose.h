/*
 * Sixteen rows of n numbers, turned so that sixteen numbers of the same class lie side by side; and back. Four by four numbers at a time
 * where the compiler has shuffles: one by one, loads and stores took a fifth of the time of rows of ten classes.
 */
#ifndef LIBLOSS_KERNEL_TRANSPOSE_H
#define LIBLOSS_KERNEL_TRANSPOSE_H

#include "lanes.h"

enum { QUAD = 4 };

#if defined __has_builtin
#if __has_builtin(__builtin_shufflevector)
#define HAS_SHUFFLES
#endif
#endif

#if defined HAS_SHUFFLES

typedef stored quad __attribute__((vector_size(QUAD * sizeof(stored))));

/* The quads at from[i] + at, i = 0 .. 3, turned, to to[i] + place. */
FORMULA void turn_quads(const stored *const *from, ptrdiff_t at, stored *const *to, ptrdiff_t place)
{
    quad a, b, c, d;
    memcpy(&a, from[0] + at, sizeof a);
    memcpy(&b, from[1] + at, sizeof b);
    memcpy(&c, from[2] + at, sizeof c);
    memcpy(&d, from[3] + at, sizeof d);
    const quad ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    const quad cd = __builtin_shufflevector(c, d, 0, 4, 1, 5), cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    a = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
    b = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
    c = __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5);
    d = __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7);
    memcpy(to[0] + place, &a, sizeof a);
    memcpy(to[1] + place, &b, sizeof b);
    memcpy(to[2] + place, &c, sizeof c);
    memcpy(to[3] + place, &d, sizeof d);
}

#else

FORMULA void turn_quads(const stored *const *from, ptrdiff_t at, stored *const *to, ptrdiff_t place)
{
    for (int i = 0; i < QUAD; i++)
        for (int k = 0; k < QUAD; k++) to[k][place + i] = from[i][at + k];
}

#endif

/* The rows, wherever each begins, to n times sixteen numbers. */
static __attribute__((noinline)) void transpose_in(const stored *const *row, ptrdiff_t n, stored *to)
{
    if (n < QUAD)
        for (ptrdiff_t j = 0; j < n; j++)
            for (int l = 0; l < LANES; l++) to[j * LANES + l] = row[l][j];
    for (ptrdiff_t start = 0; start < n && n >= QUAD; start += QUAD) {
        const ptrdiff_t j = start + QUAD <= n ? start : n - QUAD; /* the last four overlap those before */
        stored *const column[QUAD] = { to + j * LANES, to + (j + 1) * LANES, to + (j + 2) * LANES, to + (j + 3) * LANES };
        for (int l = 0; l < LANES; l += QUAD) turn_quads(row + l, j, column, l);
    }
}

/* And back, of the first `count` rows. */
static __attribute__((noinline)) void transpose_out(const stored *from, ptrdiff_t n, stored *const *row, ptrdiff_t count)
{
    const ptrdiff_t quads = n < QUAD ? 0 : count / QUAD * QUAD;
    for (ptrdiff_t start = 0; start < n && quads; start += QUAD) {
        const ptrdiff_t j = start + QUAD <= n ? start : n - QUAD;
        const stored *const column[QUAD] = { from + j * LANES, from + (j + 1) * LANES, from + (j + 2) * LANES, from + (j + 3) * LANES };
        for (ptrdiff_t l = 0; l < quads; l += QUAD) turn_quads(column, l, row + l, j);
    }
    for (ptrdiff_t j = 0; j < n && quads < count; j++)
        for (ptrdiff_t l = quads; l < count; l++) row[l][j] = from[j * LANES + l];
}

#endif
