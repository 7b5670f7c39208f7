/*
 * Making objects: from the registry by name, as sums, from a stranger's vtable.
 */
#ifndef LIBLOSS_API_OBJECT_H
#define LIBLOSS_API_OBJECT_H

#include "../engine/message.h"
#include "../engine/object.h"

/* A row by canonical name or alias; NULL if there is none. */
const libloss__row *libloss__find_row(const char *name, int64_t length);

/* An object of a registry row with the fallback of every parameter. */
libloss_status libloss__new_object(libloss__sink sink, const libloss__row *row, const double *values, const int64_t *counts,
                                   libloss_object **out);
/* What is derived from the parameters and inputs, once they are there: special places, the hash of the spec. */
void libloss__finish_object(libloss_object *object);
void libloss__retain(libloss_object *object);
uint64_t libloss__hash_spec(const libloss_object *object); /* of its canonical spec */
libloss_status libloss__out_of_memory(libloss__sink sink);

/* libloss_combine, and where the terms stand in a spec (columns from 1; NULL: in none). */
libloss_status libloss__combine(const libloss_object *const *terms, const double *factors, const int64_t *columns, int64_t count,
                                libloss_object **out);

#endif
