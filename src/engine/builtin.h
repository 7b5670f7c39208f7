/*
 * Evaluation of any object, fused, and the steps by themselves. Built-in losses and tile kernels of strangers share one
 * table of steps.
 */
#ifndef LIBLOSS_ENGINE_BUILTIN_H
#define LIBLOSS_ENGINE_BUILTIN_H

#include "object.h"

extern const libloss_vtable libloss__builtin_vtable, libloss__sum_vtable;

/* args is complete (its struct_size has been dealt with). */
libloss_status libloss__eval(const libloss_object *o, const libloss_args *args);
libloss_status libloss__plan(const libloss_object *o, const libloss_args *args, libloss_plan *plan);

/* Weights and reduces what forward gave, as doubles or floats in input[0]: value, weighted values, total. */
libloss_status libloss__reduce(const libloss_object *owner, const libloss_args *args);

/* A stranger's whole vtable, step by step. */
libloss_status libloss__eval_steps(const libloss_object *o, const libloss_args *args);

#endif
