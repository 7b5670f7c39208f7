/*
 * Times one loss file's loops on a tile of 1024 elements in L1: the fastest of many repeats, in ns per element, for ordinary data
 * and for each kind of data that has slowed some kernel down. Compiled by choice.py with the loss file itself.
 */
#include "kernel/loss.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#if LIBLOSS_BITS == 64
typedef double stored;
#else
typedef float stored;
#endif

extern const pointwise_kernels KERNEL_TABLE(NAME);

enum { N = 1024, REPEATS = 400, INNER = 8 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double uniform(void) { return (double)rand() / RAND_MAX; }

/* One element of a kind of data, for a prediction or a target of a kind (KIND_REAL...). */
static stored draw(const char *data, int kind, int first)
{
    const double tiny = LIBLOSS_BITS == 64 ? 1e-310 : 1e-40;
    if (kind == KIND_SIGN) return rand() & 1 ? 1 : -1;
    if (kind == KIND_PROBABILITY) {
        if (!first) return (stored)(rand() & 1);
        return *data == 's' ? (stored)(tiny * uniform()) : *data == 'n' ? (stored)__builtin_nan("") : (stored)uniform();
    }
    switch (*data) {
    case 'o': return (stored)(6 * uniform() - (kind == KIND_POSITIVE ? 0 : 3));
    case 'f': return (stored)(200 * uniform() - (kind == KIND_POSITIVE ? 0 : 100));
    case 's': return (stored)(tiny * (2 * uniform() - (kind == KIND_POSITIVE ? 0 : 1)));
    case 'n': return first ? (stored)__builtin_nan("") : 1;
    default: return first ? (stored)(rand() & 1 ? INFINITE : kind == KIND_POSITIVE ? INFINITE : -INFINITE) : 1;
    }
}

int main(int argc, char **argv)
{
    static stored input[MAX_INPUTS][N] __attribute__((aligned(64))), value[N] __attribute__((aligned(64))),
        grad[N] __attribute__((aligned(64))), hess[N] __attribute__((aligned(64)));
    static double factor[N] __attribute__((aligned(64)));
    double param[MAX_PARAMETERS];
    const pointwise_kernels *k = &KERNEL_TABLE(NAME);
    int inputs = argc > 1 ? atoi(argv[1]) : 0, a = 2;
    int kind[MAX_INPUTS] = { 0 };
    for (int i = 0; i < inputs && a < argc; i++) kind[i] = atoi(argv[a++]);
    for (int p = 0; p < MAX_PARAMETERS; p++) param[p] = a < argc ? atof(argv[a++]) : 0;
    pointwise_tile tile = { .count = N, .flat = 1.0 / N, .factor = factor, .value = value, .grad = grad, .hess = hess, .param = param };
    static const char *const sets[] = { "ordinary", "far", "subnormal", "nan", "infinite" };
    for (int i = 0; i < N; i++) factor[i] = 1.0 / N;
    for (size_t d = 0; d < sizeof sets / sizeof *sets; d++) {
        pointwise_kernel *run[] = { k->value, k->value_grad, k->grad_hess, k->value_grad_hess };
        double best[4] = { 1e30, 1e30, 1e30, 1e30 };
        tile.faint = k->may_underflow != NOWHERE && *sets[d] == 's'; /* as the engine says from the second tile on */
        for (int i = 0; i < inputs; i++) {
            tile.input[i] = input[i];
            for (int j = 0; j < N; j++) input[i][j] = draw(sets[d], kind[i], i == 0);
        }
        for (int r = 0; r < REPEATS; r++)
            for (int w = 0; w < 4; w++) {
                double start = now();
                for (int n = 0; n < INNER; n++) run[w](&tile);
                double spent = (now() - start) / N / INNER;
                if (spent < best[w]) best[w] = spent;
            }
        printf("%s %.3f %.3f %.3f %.3f\n", sets[d], best[0], best[1], best[2], best[3]);
    }
    return 0;
}
