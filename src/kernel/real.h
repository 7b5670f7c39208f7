/*
 * The number type of a kernel, and the few words every kernel is written with.
 *
 * Each loss file is ordinary C, compiled once per (instruction set, storage type). LIBLOSS_BITS says what
 * the arrays hold (`stored`: float or double). `real` is what the formula computes in: the same type, or double
 * for f32 data when the file asks for it with `#define INSIDE_F64` before its include; which of the two a loss
 * takes is decided by measurement (accuracy first, then time).
 *
 * Nothing here or in any other header of this folder calls libm, touches a global, allocates or fails.
 */
#ifndef LIBLOSS_KERNEL_REAL_H
#define LIBLOSS_KERNEL_REAL_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "vector_loop.h"

#if LIBLOSS_BITS == 64
typedef double stored;
typedef double real;
#define REAL_BITS 64
#elif defined INSIDE_F64
typedef float stored;
typedef double real;
#define REAL_BITS 64
#else
typedef float stored;
typedef float real;
#define REAL_BITS 32
#endif

/* GNU extensions stand behind macros. FORMULA functions must disappear into their loop, or it would not vectorise. */
#define FORMULA static inline __attribute__((always_inline))

/* A fused multiply-add where the machine has one, else multiply and add: without FMA hardware fma() is a libm call,
 * 40 times slower. Code that needs the exact product uses two_product(), which is right everywhere. */
#if (defined __FMA__ || defined __aarch64__) && !defined WITHOUT_FMA
#define HAS_FMA 1
FORMULA double fma64(double a, double b, double c) { return __builtin_fma(a, b, c); }
FORMULA float fma32(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
#else
#define HAS_FMA 0
FORMULA double fma64(double a, double b, double c) { return a * b + c; }
FORMULA float fma32(float a, float b, float c) { return a * b + c; }
#endif

#if REAL_BITS == 64
FORMULA real fma_(real a, real b, real c) { return fma64(a, b, c); }
FORMULA real sqrt_(real x) { return __builtin_sqrt(x); }
FORMULA real abs_(real x) { return __builtin_fabs(x); }
FORMULA real copysign_(real x, real sign) { return __builtin_copysign(x, sign); }
#else
FORMULA real fma_(real a, real b, real c) { return fma32(a, b, c); }
FORMULA real sqrt_(real x) { return __builtin_sqrtf(x); }
FORMULA real abs_(real x) { return __builtin_fabsf(x); }
FORMULA real copysign_(real x, real sign) { return __builtin_copysignf(x, sign); }
#endif

/* Comparisons and ?: only: gcc does not vectorise fmax and fmin. A NaN in the first argument comes through. */
FORMULA real max_(real a, real b) { return a < b ? b : a; }
FORMULA real min_(real a, real b) { return a > b ? b : a; }
FORMULA real clamp(real x, real low, real high) { return min_(max_(x, low), high); }
FORMULA real indicator(int condition) { return condition ? (real)1 : (real)0; }

/* NaN where x is NaN, else 0: what stands for 0 in a formula that must let a NaN through. (x * 0 would make one of infinity.) */
FORMULA real zero_of(real x) { return x == x ? 0 : x; }

/* -1, 0 or 1; NaN is NaN. Not zero_of(x): gcc multiplies each arm by what the sign is multiplied by, and x may be subnormal. */
FORMULA real sign_(real x) { return x > 0 ? (real)1 : x < 0 ? (real)-1 : x == x ? 0 : (real)__builtin_nanf(""); }

#endif
