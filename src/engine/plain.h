/*
 * The short way: two dense arrays of one tile, no options. Same bits as the long way, without its bookkeeping.
 */
#ifndef LIBLOSS_ENGINE_PLAIN_H
#define LIBLOSS_ENGINE_PLAIN_H

#include "object.h"

/* Whether it was taken: 0 means nothing was done, and the long way tells why or does it. type: DTYPE_F32 or DTYPE_F64. */
int libloss__plain(const libloss_object *o, int32_t reduction, int64_t n, int32_t type, const void *prediction, const void *target,
                   double *value, void *gradient);

/* The same of few dense rows of logits with a label each. label_type: DTYPE_I32 or DTYPE_I64. */
int libloss__plain_rows(const libloss_object *o, int32_t reduction, int64_t rows, int64_t classes, int32_t type, const void *prediction,
                        int32_t label_type, const void *label, double *value, void *gradient);

#endif
