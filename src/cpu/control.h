/*
 * The floating-point environment: every entry computes under the IEEE default and gives the caller's own back. A host
 * linked with -ffast-math by gcc 12 runs with flush-to-zero, and threads inherit it; subnormals and same bits would be lost.
 */
#ifndef LIBLOSS_CPU_CONTROL_H
#define LIBLOSS_CPU_CONTROL_H

#include <stdint.h>

#if defined __x86_64__
#include <xmmintrin.h>

enum { IEEE_DEFAULT = 0x1f80, STICKY_FLAGS = 0x3f };

/* The word to give back; 0 where nothing had to be changed, which is nearly always and costs a nanosecond. */
static inline uint64_t libloss__enter(void)
{
    unsigned int word = _mm_getcsr();
    if ((word & ~(unsigned int)STICKY_FLAGS) == IEEE_DEFAULT) return 0;
    _mm_setcsr(IEEE_DEFAULT);
    return word;
}

static inline void libloss__leave(uint64_t word)
{
    if (word) _mm_setcsr((unsigned int)word);
}

/* Whether arithmetic met subnormal numbers between a call of one and of the other. Flags that were up before are up afterwards. */
enum { SUBNORMAL_FLAGS = 0x12 };

static inline unsigned int libloss__watch_subnormals(void)
{
    const unsigned int word = _mm_getcsr(), up = word & SUBNORMAL_FLAGS;
    if (up) _mm_setcsr(word & ~(unsigned int)SUBNORMAL_FLAGS);
    return up;
}

static inline int libloss__met_subnormals(unsigned int up)
{
    const unsigned int word = _mm_getcsr();
    if (up) _mm_setcsr(word | up);
    return (word & SUBNORMAL_FLAGS) != 0;
}

#elif defined __aarch64__

static inline uint64_t libloss__enter(void)
{
    uint64_t word;
    __asm__ volatile("mrs %0, fpcr" : "=r"(word));
    if (word == 0) return 0;
    __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)0));
    return word;
}

static inline void libloss__leave(uint64_t word)
{
    if (word) __asm__ volatile("msr fpcr, %0" : : "r"(word));
}

#else

static inline uint64_t libloss__enter(void) { return 0; }
static inline void libloss__leave(uint64_t word) { (void)word; }

#endif

#if !defined __x86_64__

/* No other core is known to be slow with them. */
static inline unsigned int libloss__watch_subnormals(void) { return 0; }
static inline int libloss__met_subnormals(unsigned int up)
{
    (void)up;
    return 0;
}

#endif
#endif
