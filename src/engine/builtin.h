/*
 * The vtables of built-in losses and of sums, and the fused evaluation behind libloss_eval.
 */
#ifndef LIBLOSS_ENGINE_BUILTIN_H
#define LIBLOSS_ENGINE_BUILTIN_H

#include "object.h"

extern const libloss_vtable libloss__builtin_vtable, libloss__sum_vtable;

/* args is complete (its struct_size has been dealt with). */
libloss_status libloss__eval(const libloss_object *o, const libloss_args *args);
libloss_status libloss__plan(const libloss_object *o, const libloss_args *args, libloss_plan *plan);

#endif
