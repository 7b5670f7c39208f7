/*
 * Memory for the length of a call.
 */
#ifndef LIBLOSS_CPU_MEMORY_H
#define LIBLOSS_CPU_MEMORY_H

#include <stdint.h>

/* As malloc, for free; NULL where there is none. */
void *libloss__scratch(int64_t bytes);

#endif
