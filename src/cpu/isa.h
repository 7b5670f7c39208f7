/*
 * The instruction sets that kernels are compiled for, and which of them runs. The best one this machine has, unless
 * LIBLOSS_ISA in the environment names another one that it has. Decided once, at the first question.
 */
#ifndef LIBLOSS_CPU_ISA_H
#define LIBLOSS_CPU_ISA_H

/* From the plainest to the best. src/CMakeLists.txt has the flags of each. LIBLOSS_ONLY is the one that whoever builds wants alone. */
#if defined LIBLOSS_PLAIN
#define LIBLOSS_ISA_LIST(X) X(baseline)
#elif defined LIBLOSS_ONLY
#define LIBLOSS_ISA_EXPANDED(X, name_) X(name_)
#define LIBLOSS_ISA_LIST(X) LIBLOSS_ISA_EXPANDED(X, LIBLOSS_ONLY)
#elif defined __x86_64__
#define LIBLOSS_ISA_LIST(X) X(baseline) X(avx2) X(avx512)
#elif defined __aarch64__
#define LIBLOSS_ISA_LIST(X) X(neon)
#else
#define LIBLOSS_ISA_LIST(X) X(baseline)
#endif

#define LIBLOSS_ISA_ENUM(name_) LIBLOSS_ISA_##name_,
enum { LIBLOSS_ISA_LIST(LIBLOSS_ISA_ENUM) LIBLOSS_ISA_COUNT };

int libloss__isa(void);

/* Whether this processor is slow where a product or its factors are subnormal: Intel's takes 150 cycles, AMD's (Zen 5, measured) and ARM's hardly
 * any. LIBLOSS_STALLS=1 (or 0) in the environment says so of any; results are the same. */
int libloss__stalls(void);
const char *libloss__isa_name(int isa);

#endif
