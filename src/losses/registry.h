/*
 * All built-in losses: what each says of itself, and its compiled loops per instruction set and storage type. Data only.
 */
#ifndef LIBLOSS_LOSSES_REGISTRY_H
#define LIBLOSS_LOSSES_REGISTRY_H

#include "../cpu/isa.h"
#include "../kernel/loss.h"

typedef struct {
    const char *family;
    const loss *loss;
    const void *kernels[LIBLOSS_ISA_COUNT][2]; /* [.][0] for f32 arrays, [.][1] for f64; the type is the shape's */
} libloss__row;

extern const libloss__row libloss__rows[];
extern const int64_t libloss__row_count;

#endif
