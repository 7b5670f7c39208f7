/*
 * For "did you mean": the names nearest to one that does not exist.
 */
#ifndef LIBLOSS_API_NEAREST_H
#define LIBLOSS_API_NEAREST_H

#include <stdint.h>

/* Up to three, nearest first; how many. candidate(context, i) names the i-th of count. */
int libloss__nearest(const char *name, int64_t length, const char *(*candidate)(void *context, int64_t i), void *context, int64_t count,
                     const char *nearest[3]);

#endif
