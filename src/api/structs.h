/*
 * The growth rule of structs that begin with struct_size: a shorter one is 0 beyond its end; in a longer one the rest
 * must be 0, so that an old library refuses a new wish instead of ignoring it.
 */
#ifndef LIBLOSS_API_STRUCTS_H
#define LIBLOSS_API_STRUCTS_H

#include "../engine/message.h"

/* Sizes in the first release: up to the last member there was. Fields that are appended later do not move them. */
#define UP_TO(struct_, member_) (offsetof(struct_, member_) + sizeof(((struct_ *)0)->member_))
enum {
    FIRST_ARGS = UP_TO(libloss_args, message_size),
    FIRST_PLAN = UP_TO(libloss_plan, values_shape),
    FIRST_INFO = UP_TO(libloss_info, ulp_f64),
    FIRST_INPUT = UP_TO(libloss_input, reserved),
    FIRST_PARAMETER = UP_TO(libloss_parameter, reserved),
    FIRST_VTABLE = UP_TO(libloss_vtable, destroy)
};

/* Copies the caller's struct into one of ours of `known` bytes. `first`: the size in the first release. */
libloss_status libloss__take_struct(libloss__sink sink, const char *name, void *ours, size_t known, const void *theirs, size_t first);

/* Fills the caller's struct from ours, as far as both know; struct_size stays the caller's. */
libloss_status libloss__give_struct(libloss__sink sink, const char *name, void *theirs, const void *ours, size_t known, size_t first);

#endif
