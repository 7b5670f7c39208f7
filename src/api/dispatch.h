/*
 * Fused evaluation, by the kind of object.
 */
#ifndef LIBLOSS_API_DISPATCH_H
#define LIBLOSS_API_DISPATCH_H

#include "../engine/builtin.h"
#include "../engine/metric.h"
#include "custom.h"

static inline libloss_status libloss__dispatch(const libloss_object *o, const libloss_args *args)
{
    switch (o->kind) {
    case OBJECT_CUSTOM: return libloss__eval_custom(o, args);
    case OBJECT_METRIC: return libloss__eval_metric(o, args);
    default: return libloss__eval(o, args);
    }
}

#endif
