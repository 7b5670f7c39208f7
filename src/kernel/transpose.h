/*
 * Rows turned into columns, four by four numbers at a time where the compiler has shuffles: one by one, loads and stores took a fifth of
 * the time of rows of ten classes.
 */
#ifndef LIBLOSS_KERNEL_TRANSPOSE_H
#define LIBLOSS_KERNEL_TRANSPOSE_H

#include "lanes.h"

enum { QUAD = 4 };

#ifndef TURNED
#define TURNED stored /* a file that turns other numbers says so before its include */
#endif

#if defined __has_builtin
#if __has_builtin(__builtin_shufflevector)
#define HAS_SHUFFLES
#endif
#endif

#if defined HAS_SHUFFLES

typedef TURNED quad __attribute__((vector_size(QUAD * sizeof(TURNED))));

FORMULA void put_quad(const quad *x, TURNED *to, const int adds)
{
    quad sum = *x;
    if (adds) {
        quad there;
        memcpy(&there, to, sizeof there);
        sum += there;
    }
    memcpy(to, &sum, sizeof sum);
}

/* The quads at from[i] + at, i = 0 .. 3, turned, to to[i] + place; or added to what stands there. */
FORMULA void turn_quads(const TURNED *const *from, ptrdiff_t at, TURNED *const *to, ptrdiff_t place, const int adds)
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
    put_quad(&a, to[0] + place, adds);
    put_quad(&b, to[1] + place, adds);
    put_quad(&c, to[2] + place, adds);
    put_quad(&d, to[3] + place, adds);
}

#else

FORMULA void turn_quads(const TURNED *const *from, ptrdiff_t at, TURNED *const *to, ptrdiff_t place, const int adds)
{
    for (int i = 0; i < QUAD; i++)
        for (int k = 0; k < QUAD; k++) to[k][place + i] = (adds ? to[k][place + i] : 0) + from[i][at + k];
}

#endif

#endif
