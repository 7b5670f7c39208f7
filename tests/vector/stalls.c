/*
 * How often a loss of one number per input multiplies, divides or takes the root of a subnormal number, or ends at one: each time
 * an Intel core stalls for 150 cycles, which no stopwatch on another maker's shows. Exceptions are unmasked around the kernel;
 * each that comes is counted by its instruction, which then runs with exceptions masked, one step.
 *     stalls ISA     prints "loss bits data want count", the count per vector of numbers, for all of the registry
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <xmmintrin.h>

#include "losses/registry.h"

enum { N = 1024, MASKED = 0x1f80, UNMASKED = MASKED & ~0x900, FLAGS = 0x3f, STEP = 0x100 }; /* operand, underflow */

static volatile long stalls;

/* Additions and comparisons of subnormal numbers cost nothing, nor do conversions. */
static int is_product(const unsigned char *at)
{
    int map = 1;
    unsigned char op;
    if (at[0] == 0xc5) {
        op = at[2];
    } else if (at[0] == 0xc4) {
        map = at[1] & 31, op = at[3];
    } else if (at[0] == 0x62) {
        map = at[1] & 7, op = at[4];
    } else {
        while (*at == 0x66 || *at == 0xf2 || *at == 0xf3 || (*at & 0xf0) == 0x40) at++;
        op = at[1];
    }
    if (map == 1) return op == 0x59 || op == 0x5e || op == 0x51;
    return map == 2 && (op & 15) >= 6 && op >= 0x96 && op <= 0xbf; /* fused */
}

static void on_exception(int signal, siginfo_t *info, void *context)
{
    ucontext_t *u = context;
    (void)signal;
    (void)info;
    stalls += is_product((const unsigned char *)u->uc_mcontext.gregs[REG_RIP]);
    u->uc_mcontext.fpregs->mxcsr = MASKED | (u->uc_mcontext.fpregs->mxcsr & FLAGS);
    u->uc_mcontext.gregs[REG_EFL] |= STEP;
}

static void on_step(int signal, siginfo_t *info, void *context)
{
    ucontext_t *u = context;
    (void)signal;
    (void)info;
    u->uc_mcontext.fpregs->mxcsr = UNMASKED;
    u->uc_mcontext.gregs[REG_EFL] &= ~(long long)STEP;
}

static double uniform(void) { return (rand() + 0.5) / (RAND_MAX + 1.0); }

/* One number of a kind; `size` of reals, and of probabilities if they are the first input. */
static double draw(const loss_input *input, int first, double size)
{
    const int minus = rand() & 1;
    if (input->kind == KIND_SIGN) return minus ? -1 : 1;
    if (input->kind == KIND_PROBABILITY) return first && size < 1 ? size * uniform() : 0.02 + 0.96 * uniform();
    return size * (0.01 + uniform()) * (input->kind == KIND_REAL && minus ? -1 : 1);
}

/* Of ordinary numbers (of size 1) whatever meets a subnormal one counts, as the engine would take it for one of the data's. */
static void count(const libloss__row *row, int isa, int f64, const char *data, double size, double flat)
{
    static double in[MAX_INPUTS][N] __attribute__((aligned(64))), out[3][N] __attribute__((aligned(64))), factor[N];
    const loss_info *info = row->loss->info;
    const pointwise_kernels *k = row->kernels[isa][f64];
    double param[MAX_PARAMETERS];
    pointwise_tile tile = { .count = N, .flat = flat, .factor = factor, .value = out[0], .grad = out[1], .hess = out[2], .param = param };
    pointwise_kernel *run[] = { k->value, k->value_grad, k->value_grad_hess };
    for (int p = 0; p < MAX_PARAMETERS; p++) param[p] = info->param[p].fallback;
    for (int i = 0; i < MAX_INPUTS && info->input[i].name; i++) {
        tile.input[i] = in[i];
        for (int j = 0; j < N; j++) {
            const double x = draw(&info->input[i], i == 0, size);
            if (f64)
                in[i][j] = x;
            else
                ((float *)in[i])[j] = (float)x;
        }
    }
    for (int j = 0; j < N; j++) factor[j] = 1.0 / N;
    tile.stalls = 1;
    tile.faint = k->may_underflow != NOWHERE; /* as the engine says from the second tile on */
    static const char *const want[] = { "value", "gradient", "Hessian" };
    for (int w = 0; w < 3; w++) {
        stalls = 0;
        _mm_setcsr(UNMASKED);
        run[w](&tile);
        stalls += size == 1 && (_mm_getcsr() & 0x12);
        _mm_setcsr(MASKED);
        printf("%s f%d %s %s %.2f\n", row->loss->name, f64 ? 64 : 32, data, want[w], (double)stalls * (f64 ? 4 : 8) / N);
    }
}

int main(int argc, char **argv)
{
    struct sigaction exception = { .sa_sigaction = on_exception, .sa_flags = SA_SIGINFO | SA_NODEFER }, step = exception;
    int isa = 0;
    step.sa_sigaction = on_step;
    sigaction(SIGFPE, &exception, NULL);
    sigaction(SIGTRAP, &step, NULL);
    while (isa < LIBLOSS_ISA_COUNT && (argc < 2 || strcmp(libloss__isa_name(isa), argv[1]) != 0)) isa++;
    if (isa == LIBLOSS_ISA_COUNT) return 1;
    for (int64_t r = 0; r < libloss__row_count; r++) {
        const libloss__row *row = &libloss__rows[r];
        if (row->metric || row->loss->shape != SHAPE_POINTWISE) continue;
        for (int f64 = 0; f64 < 2; f64++) {
            count(row, isa, f64, "subnormal", f64 ? 1e-310 : 1e-39, 1.0 / N);
            count(row, isa, f64, "squares", f64 ? 1e-157 : 1e-20, 1.0 / N);
            count(row, isa, f64, "far", f64 ? 760 : 104, 1.0 / N);
            for (int k = 0; k < 3; k++) count(row, isa, f64, "ordinary", 1, (const double[]){ 1.0 / N, 1, 1.7 }[k]);
        }
    }
    return 0;
}
