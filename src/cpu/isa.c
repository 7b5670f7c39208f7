/*
 * Single features are asked for, never "x86-64-v3": clang 14 does not know the levels. The builtin also asks the
 * operating system whether it saves the wide registers.
 */
#include "isa.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define ISA_NAME(name_) #name_,
static const char *const names[] = { LIBLOSS_ISA_LIST(ISA_NAME) };

const char *libloss__isa_name(int isa) { return names[isa]; }

static int best(void)
{
#if defined __x86_64__ && !defined LIBLOSS_PLAIN && !defined LIBLOSS_ONLY
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return LIBLOSS_ISA_baseline;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq"))
        return LIBLOSS_ISA_avx512;
    return LIBLOSS_ISA_avx2;
#else
    return 0;
#endif
}

int libloss__isa(void)
{
    static atomic_int known = -1; /* two threads may both find out; they find the same */
    int isa = atomic_load_explicit(&known, memory_order_relaxed);
    if (isa >= 0) return isa;
    isa = best();
    const char *wish = getenv("LIBLOSS_ISA");
    for (int k = 0; wish && k < isa; k++)
        if (strcmp(wish, names[k]) == 0) isa = k;
    atomic_store_explicit(&known, isa, memory_order_relaxed);
    return isa;
}

static int stalls(void)
{
    const char *wish = getenv("LIBLOSS_STALLS");
    if (wish) return *wish == '1';
#if defined __x86_64__
    __builtin_cpu_init();
    return !__builtin_cpu_is("amd");
#else
    return 0;
#endif
}

int libloss__stalls(void)
{
    static atomic_int known = -1; /* as above */
    int is = atomic_load_explicit(&known, memory_order_relaxed);
    if (is < 0) atomic_store_explicit(&known, is = stalls(), memory_order_relaxed);
    return is;
}
