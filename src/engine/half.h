/*
 * Halves: f16 and bf16 as bits, to floats and back, without branches and without the machine's own conversions (F16C and
 * AVX512-BF16 are not everywhere, and vcvtneps2bf16 loses subnormals), so that plain loops of them vectorise.
 */
#ifndef LIBLOSS_ENGINE_HALF_H
#define LIBLOSS_ENGINE_HALF_H

#include <stdint.h>
#include <string.h>

static inline float libloss__from_f16(uint16_t h)
{
    const uint32_t sign = (uint32_t)(h & 0x8000u) << 16, rest = h & 0x7fffu, rebias = (127u - 15u) << 23;
    uint32_t normal = (rest << 13) + rebias, bits;
    float x = (float)(int32_t)rest * 0x1p-24F; /* of a subnormal number, exact */
    memcpy(&bits, &x, sizeof bits);
    normal += rest >= 0x7c00u ? rebias : 0; /* infinities and NaN */
    bits = (rest >= 0x400u ? normal : bits) | sign;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline float libloss__from_bf16(uint16_t h)
{
    const uint32_t bits = (uint32_t)h << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* One rounding, to nearest, ties to even, to `digits` fraction bits and normal exponents from `lowest`; `least` is 2^lowest, `subnormals`
 * 2^(digits - lowest). With c = 1.5 * 2^(e + 52 - digits) for |x| of exponent e, |x| + c is rounded to the half's own steps. */
static inline uint16_t libloss__to_half(double x, int digits, int lowest, double least, double subnormals)
{
    const uint64_t infinity = (((uint64_t)(1 - lowest) << 1) + 1) << digits;
    const double size = __builtin_fabs(x), beyond = 4 / least; /* 2^(1 - lowest + 1) and more is infinite in any case */
    const double normal_size = size > least ? (size < beyond ? size : beyond) : least;
    uint64_t bits, sign;
    double c;
    memcpy(&sign, &x, sizeof sign);
    memcpy(&bits, &normal_size, sizeof bits);
    bits = ((bits >> 52) + (uint64_t)(52 - digits)) << 52 | UINT64_C(1) << 51;
    memcpy(&c, &bits, sizeof c);
    const double rounded = ((size < beyond ? size : beyond) + c) - c, tiny = rounded < least ? rounded : 0;
    memcpy(&bits, &rounded, sizeof bits);
    const uint64_t normal = (bits >> (52 - digits)) - ((uint64_t)(1023 - (1 - lowest)) << digits);
    uint64_t half = rounded < least ? (uint64_t)(int32_t)(tiny * subnormals) : normal;
    half = half < infinity ? half : infinity;
    half = size == size ? half : infinity | UINT64_C(1) << (digits - 1);
    return (uint16_t)(half | (sign >> 63 << 15));
}

static inline uint16_t libloss__to_f16(double x) { return libloss__to_half(x, 10, -14, 0x1p-14, 0x1p24); }
static inline uint16_t libloss__to_bf16(double x) { return libloss__to_half(x, 7, -126, 0x1p-126, 0x1p133); }

#endif
