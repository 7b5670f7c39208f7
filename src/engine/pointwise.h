/*
 * A kernel of one number per input, run over any number of elements.
 */
#ifndef LIBLOSS_ENGINE_POINTWISE_H
#define LIBLOSS_ENGINE_POINTWISE_H

#include "object.h"

/* The kernel for `want` (VALUE | GRAD ...; WIDE or LEARN alone). What is left behind its last whole block of elements goes through a block
 * of its own, of copies. type: of the arrays. */
void libloss__run_kernel(const pointwise_kernels *kernels, int want, int32_t inputs, int32_t type, pointwise_tile *tile);

#endif
