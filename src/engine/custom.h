/*
 * The driver of strangers' tile kernels: strides, storage types, weights, labels, reductions and totals from the engine.
 */
#ifndef LIBLOSS_ENGINE_CUSTOM_H
#define LIBLOSS_ENGINE_CUSTOM_H

#include "call.h"

libloss_status libloss__run_tiles(libloss__call *c, libloss__sum *sum);

#endif
