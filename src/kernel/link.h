/*
 * The tables of links: what turns the mean of a target into a prediction, and back. Plain data, like loss.h.
 */
#ifndef LIBLOSS_KERNEL_LINK_H
#define LIBLOSS_KERNEL_LINK_H

#include <stddef.h>

/* n numbers of the arithmetic to as many doubles, not rounded yet. `factor` is what a prediction is multiplied by to be a logit. */
typedef void link_kernel(const void *in, double *out, ptrdiff_t n, double factor);

typedef struct {
    link_kernel *log, *exp, *logit, *logistic;
    void (*softmax)(const void *in, double *out, ptrdiff_t classes); /* one row */
    double (*log_quotient)(double a, double b, double difference); /* ln(a/b), given a - b to all its digits */
} link_kernels;

#endif
