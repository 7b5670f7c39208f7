/*
 * The best constant where it is the link of a mean, or of frequencies.
 */
#ifndef LIBLOSS_API_FIT_H
#define LIBLOSS_API_FIT_H

#include "../engine/call.h"

/* What the weights are multiplied by, so that the largest is in [low, high): a power of two. */
double libloss__weight_scale(const libloss__call *c, int64_t count, double low, double high);

/* The number of the parameter of this name, or what stands for its absence. */
double libloss__parameter_named(const libloss__call *c, const char *name, double otherwise);

/* Of a surveyed call with something present, which has a constant prediction as its first input. */
double libloss__fit_mean(const libloss__call *c);
libloss_status libloss__fit_rows(const libloss__call *c, double *constant);

#endif
