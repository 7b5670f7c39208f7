/*
 * How much the last cache holds, and the end of stores that go past it.
 */
#ifndef LIBLOSS_CPU_CACHE_H
#define LIBLOSS_CPU_CACHE_H

#include <stdint.h>

#if defined __x86_64__
#include <xmmintrin.h>

int64_t libloss__last_cache(void); /* bytes; asked once */

/* Streaming stores are in no order with others until this fence. */
static inline void libloss__stream_end(void) { _mm_sfence(); }

#else

/* Elsewhere nothing is streamed: plain C has no such stores. */
static inline int64_t libloss__last_cache(void) { return INT64_MAX; }
static inline void libloss__stream_end(void) {}

#endif
#endif
