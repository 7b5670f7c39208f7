/*
 * All built-in losses and metrics: what each says of itself, and a loss's compiled loops per instruction set and storage
 * type. Data only. Metrics come last; their names are no loss's.
 */
#ifndef LIBLOSS_LOSSES_REGISTRY_H
#define LIBLOSS_LOSSES_REGISTRY_H

#include "../cpu/isa.h"
#include "../kernel/loss.h"
#include "../kernel/metric.h"

typedef struct {
    const char *family;
    const loss *loss;
    const void *kernels[LIBLOSS_ISA_COUNT][2]; /* [.][0] for f32 arrays, [.][1] for f64; the type is the shape's */
    const metric *metric; /* NULL: a loss */
} libloss__row;

/* Names of other libraries, separated by spaces; whose they are; what it is here. */
typedef struct {
    const char *names, *whose, *here;
} libloss__foreign;

extern const libloss__foreign libloss__elsewhere[];
extern const int64_t libloss__elsewhere_count;
extern const libloss__row libloss__rows[];
extern const int64_t libloss__row_count;

#endif
