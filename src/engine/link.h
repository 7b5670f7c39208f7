/*
 * From means to predictions and back, by what a loss declares as its link.
 */
#ifndef LIBLOSS_ENGINE_LINK_H
#define LIBLOSS_ENGINE_LINK_H

#include "../kernel/link.h"
#include "object.h"

/* The link of an object with its own parameters, or with these; LINK_NONE for sums, metrics and strangers. */
int libloss__link_kind(const libloss_object *o, const double *parameters);
const char *libloss__link_name(int kind); /* "" for LINK_NONE */

/* What a prediction is multiplied by to be a logit. */
double libloss__link_factor(const libloss_object *o, const double *parameters);

/* The loops for numbers of this type, as the machine runs them best. */
const link_kernels *libloss__link_kernels(int32_t dtype);

/* All of `in` to `out`; `back`: from predictions to means. */
libloss_status libloss__run_link(const libloss_object *o, int back, const libloss_tensor *in, const libloss_tensor *out);

#endif
