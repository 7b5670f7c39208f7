/*
 * How much the last cache holds, and what is done for arrays beyond it: the end of stores that go past it, and fetching ahead.
 */
#ifndef LIBLOSS_CPU_CACHE_H
#define LIBLOSS_CPU_CACHE_H

#include <stdint.h>

#if defined __x86_64__
#include <xmmintrin.h>

int64_t libloss__last_cache(void); /* bytes; asked once */

/* Whether the processor's own prefetching stops where a page ends, as Intel's does: then it is worth fetching ahead, and not worth working on
 * whole pages. AMD's goes on, and by either is disturbed: on Zen 5 squared_error with its gradient 0.33 -> 0.48 ns per float of 192 MB. */
static inline int libloss__stops_at_pages(void) { return __builtin_cpu_is("intel"); }

/* Streaming stores are in no order with others until this fence. */
static inline void libloss__stream_end(void) { _mm_sfence(); }

#else

/* Elsewhere nothing is streamed: plain C has no such stores. */
static inline int64_t libloss__last_cache(void) { return INT64_MAX; }
static inline int libloss__stops_at_pages(void) { return 0; }
static inline void libloss__stream_end(void) {}

#endif

/* Of arrays this large a tile is fetched whole, some tiles ahead of the one that is added up: where the processor's own prefetching stops
 * at the end of a page, which a tile is, the next one (1.0 of the time of a plain loop of additions instead of 1.35; of smaller arrays 1.9 and
 * 1.8). Where it goes on, that pays in memory alone, and 12 KiB ahead (floats 0.98 instead of 1.35; one tile ahead 1.17; doubles 24 KiB ahead a
 * quarter slower). */
static inline int64_t libloss__far_bytes(void) { return libloss__stops_at_pages() ? 8 << 20 : libloss__last_cache(); }
static inline int64_t libloss__tiles_ahead(int64_t tile_bytes) { return libloss__stops_at_pages() ? 1 : (12 << 10) / tile_bytes; }

static inline void libloss__fetch(const char *from, int64_t bytes)
{
    for (int64_t k = 0; k < bytes; k += 64) __builtin_prefetch(from + k);
}

#endif
