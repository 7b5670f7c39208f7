/*
 * How a hot loop says that it must be vectorised.
 */
#ifndef LIBLOSS_KERNEL_VECTOR_LOOP_H
#define LIBLOSS_KERNEL_VECTOR_LOOP_H

/* Marks a loop whose iterations are independent even where an output lies exactly on an input (in place). Clang
 * refuses to compile a marked loop that it can't vectorise (-Werror=pass-failed); gcc names it in -fopt-info-vec-missed.
 * `restrict` would be undefined behaviour in place, and the compilers' own alias checks make clang 14 fall to scalar. */
#if defined __clang__
#define VECTOR_LOOP _Pragma("clang loop vectorize(assume_safety)")
#elif defined __GNUC__
#define VECTOR_LOOP _Pragma("GCC ivdep")
#else
#define VECTOR_LOOP
#endif

/* A loop over a few lanes. gcc would take so short a loop apart before its vectoriser sees it. */
#if defined __clang__ || !defined __GNUC__ || defined LIBLOSS_PLAIN /* which is built without -fopenmp-simd */
#define LANE_LOOP VECTOR_LOOP
#else
#define LANE_LOOP _Pragma("omp simd")
#endif

#endif
