/*
 * Losses of strangers: a whole vtable, or a tile kernel that the engine feeds.
 */
#ifndef LIBLOSS_API_CUSTOM_H
#define LIBLOSS_API_CUSTOM_H

#include "../engine/object.h"

libloss_status libloss__eval_custom(const libloss_object *o, const libloss_args *args);

#endif
