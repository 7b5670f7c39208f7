/*
 * Mathematics for metrics: the kernels' own, in double, and without fused multiply-add. Most metrics are compiled once for all machines of
 * a kind, so that is what gives the same bits on all.
 */
#ifndef LIBLOSS_METRICS_FUNCTIONS_H
#define LIBLOSS_METRICS_FUNCTIONS_H

#ifndef LIBLOSS_BITS
#define LIBLOSS_BITS 64
#endif
#define WITHOUT_FMA
#include "../kernel/metric.h"
#include "../kernel/unit.h"

#endif
