/*
 * Links: a mean to the scale on which a loss takes its prediction, and back. Compiled like the losses, once per (instruction set, type of
 * the data), and in two parts throughout: these are the numbers that people look at.
 */
#define CARRIES_REMAINDER 1
#include "softmax_row.h"

#include "link.h"

static void log_run(const void *in, double *out, ptrdiff_t n, double factor)
{
    const stored *x = in;
    (void)factor;
    VECTOR_LOOP
    for (ptrdiff_t i = 0; i < n; i++) out[i] = log_((real)x[i]);
}

static void exp_run(const void *in, double *out, ptrdiff_t n, double factor)
{
    const stored *x = in;
    (void)factor;
    VECTOR_LOOP
    for (ptrdiff_t i = 0; i < n; i++) out[i] = exp_((real)x[i]);
}

static void logit_run(const void *in, double *out, ptrdiff_t n, double factor)
{
    const stored *x = in;
    VECTOR_LOOP
    for (ptrdiff_t i = 0; i < n; i++) out[i] = logit_((real)x[i]) / factor;
}

static void logistic_run(const void *in, double *out, ptrdiff_t n, double factor)
{
    const stored *x = in;
    VECTOR_LOOP
    for (ptrdiff_t i = 0; i < n; i++) {
        const pair z = two_product((real)x[i], factor);
        out[i] = sigmoid_to_pairs((pair){ z.hi, z.lo - z.lo == 0 ? z.lo : 0 }).p.hi;
    }
}

static void softmax_row(const void *in, double *out, ptrdiff_t n)
{
    const stored *z = in;
    const ptrdiff_t whole = n < WINDOW ? WINDOW : n;
    stored max, room[ROOM], few[WINDOW];
    ptrdiff_t top;
    if (n < WINDOW) { /* the loops want a whole one */
        for (ptrdiff_t j = 0; j < WINDOW; j++) few[j] = j < n ? z[j] : -__builtin_inff();
        z = few;
    }
    find_top(z, whole, &max, &top);
    const facts r = facts_of(max, sum_others(z, whole, max, top, NULL));
    for (ptrdiff_t j = 0; j < n; j += LANES) {
        const ptrdiff_t here = n - j < LANES ? n - j : LANES;
        const stored *from = sixteen(z, j, whole, -1, -__builtin_inff(), room);
        real p[LANES];
        LANE_LOOP
        for (int l = 0; l < LANES; l++) p[l] = share(r, (real)lifted_exp(from[l], max) * E_UNIT);
        for (ptrdiff_t l = 0; l < here; l++) out[j + l] = p[l];
    }
    if (top < n) out[top] = r.inverse.hi; /* a NaN is nowhere */
}

/* Near 1 from the difference, elsewhere from the quotient, whose rounding is nothing beside such a logarithm. */
static double log_quotient(double a, double b, double difference)
{
    const int near = a > 0.5 * b && a < 2 * b;
    const pair by_difference = log1p_to_pair(pair_div_to_pair(as_pair(difference), as_pair(b)));
    return near ? by_difference.hi : pair_sub(log_to_pair(as_pair(a)), log_to_pair(as_pair(b))).hi;
}

extern const link_kernels KERNEL_TABLE(links);
const link_kernels KERNEL_TABLE(links) = { log_run, exp_run, logit_run, logistic_run, softmax_row, log_quotient };
