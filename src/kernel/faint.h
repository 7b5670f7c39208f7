/*
 * Products that may be subnormal, or of subnormal numbers, though nothing else is wrong with the data: one costs an Intel core 150
 * cycles. A file that says where it MAY_UNDERFLOW writes them with what stands here, and has loops of its own for tiles in which such
 * numbers are about (param[FAR], a constant of each loop): WHERE_IT_STALLS, or EVERYWHERE, for on AMD's cores some formulas gain by them
 * and some lose (measured). They give the same bits, for nobody knows beforehand which tiles they are.
 *
 * Floats go by way of double. Doubles are moved by 2^1022 (by integers, since a multiplication would be one of those) and come back
 * beside 1, where a fused sum rounds as a subnormal number does. Without FMA they are multiplied as ever.
 */
#ifndef LIBLOSS_KERNEL_FAINT_H
#define LIBLOSS_KERNEL_FAINT_H

#include "loss.h"
#include "math.h"

#ifndef MAY_UNDERFLOW
#define MAY_UNDERFLOW NOWHERE
#endif
enum {
    UNDERFLOWS = (int)MAY_UNDERFLOW > 0 && (REAL_BITS == 32 || (LIBLOSS_BITS == 64 && HAS_FMA)),
    FAINT_LOOPS = UNDERFLOWS ? (int)MAY_UNDERFLOW : 0 /* where they are worth while */
};

/* A file whose formula needs much of its parameters alone computes it once for a tile: PREPARED numbers behind the parameters. */
#ifndef PREPARED
#define PREPARED 0
#endif

enum { FAR = MAX_PARAMETERS + PREPARED, FAINT, PARAM_ROOM }; /* see is_far(); tile->faint, not a constant of the loop */

/* In loops for such tiles. */
FORMULA int is_faint(const real *param) { return UNDERFLOWS && param[FAR] != 0; }

/* Below, choices are made of integers: gcc 12 moves the constants of ?: through the arithmetic that follows. */

/* x, or 0 where that is nearer to 0 than `least`. */
FORMULA real unless_below(real least, real x)
{
#if REAL_BITS == 32
    const uint32_t size = float_to_bits(x) & 0x7fffffffU;
    return bits_to_float(float_to_bits(x) & ~(uint32_t)(((int32_t)size - (int32_t)float_to_bits(least)) >> 31));
#else
    return bits_to_double(double_to_bits(x) & ~all_ones_if_less(size_of_double(x), double_to_bits(least)));
#endif
}

#if REAL_BITS == 64

/* a c of a constant c between 2^-900 and 2^800, whatever a is. The limit, 2^-1022 / |c|, may be subnormal: then it is made as an integer, for arithmetic
 * that meets such a number would tell the engine that the data do. */
FORMULA double times_constant(double a, double c)
{
    const uint64_t one = double_to_bits(1), size = size_of_double(c), above = all_ones_if_less(one, size);
    const double most = bits_to_double(chosen(above, size, one)), inverse = 1 / bits_to_double(chosen(above, one, size));
    const uint64_t large = double_to_bits(0x1p-1022 * inverse) - (inverse > 1); /* a little less, for it was rounded */
    const uint64_t small = double_to_bits(0x1p52 / most + 0x1p52) - double_to_bits(0x1p52);
    return times_below(bits_to_double(chosen(above, small, large)), a, c);
}

/* a b, which is subnormal or 0 where both are below 2^-511; what is below 2^-900 gives 0 there. */
FORMULA double times_each_other(double a, double b)
{
    const uint64_t one = double_to_bits(1), size_a = size_of_double(a), size_b = size_of_double(b), up = UINT64_C(511) << 52;
    const uint64_t limit = double_to_bits(0x1p-511), nothing = double_to_bits(0x1p-900);
    const uint64_t small = all_ones_if_less(size_a, limit) & all_ones_if_less(size_b, limit);
    const double lifted_a = bits_to_double((size_a + up) & small & ~all_ones_if_less(size_a, nothing));
    const double lifted_b = bits_to_double((size_b + up) & small & ~all_ones_if_less(size_b, nothing));
    const double low = lowered(fma64(lifted_a, lifted_b, 1), sign_of_product(a, b));
    const double other_a = bits_to_double(chosen(small, one, double_to_bits(a))),
                 other_b = bits_to_double(chosen(small, one, double_to_bits(b)));
    return bits_to_double(chosen(small, double_to_bits(low), double_to_bits(other_a * other_b)));
}

/* a c, whatever they are, and clear of subnormal products for c of ordinary size: an |a| below 2^-900 is moved, and what is below 2^-1022 then comes
 * back beside 1, what is not by a product that is exact. */
FORMULA double times_anyhow(double a, double c)
{
    const uint64_t one = double_to_bits(1), size = size_of_double(a), sign = ~(uint64_t)INT64_MAX;
    const uint64_t low = all_ones_if_less(size, double_to_bits(0x1p-900)) & all_ones_if_less(size_of_double(c), double_to_bits(0x1p800));
    const double up = lifted(size & low), sum = fma64(up, abs_(c), 1);
    const uint64_t small = low & all_ones_if_less(double_to_bits(sum), double_to_bits(2));
    const uint64_t moved = chosen(low, double_to_bits(up) | (double_to_bits(a) & sign), double_to_bits(a));
    const double back = bits_to_double(chosen(low & ~small, double_to_bits(0x1p-1022), one));
    const double other = bits_to_double(chosen(small, one, moved)) * c * back;
    return bits_to_double(chosen(small, double_to_bits(lowered(sum, sign_of_product(a, c))), double_to_bits(other)));
}

/* a c + d, the same way: beside a d that is no tiny number a tiny a is nothing. */
FORMULA double fused_anyhow(double a, double c, double d)
{
    const uint64_t size_a = size_of_double(a), size_c = size_of_double(c), size_d = size_of_double(d), some_d = all_ones_if_less(0, size_d);
    const uint64_t some = all_ones_if_less(0, size_a) & all_ones_if_less(0, size_c); /* else the sign of 0 + 0 is the sum's */
    const uint64_t low = all_ones_if_less(size_a, double_to_bits(0x1p-900)) & all_ones_if_less(size_c, double_to_bits(0x1p100));
    const uint64_t nothing = low & (~some_d | all_ones_if_less(double_to_bits(0x1p-700), size_d));
    const double sum = fma64(bits_to_double(double_to_bits(a) & ~(size_a & nothing)), c, d);
    return bits_to_double(chosen(some & ~some_d, double_to_bits(times_anyhow(a, c)), double_to_bits(sum)));
}

#endif

/* a b. Of floats the exact product in double, which is rounded once, as a float's product is. Gcc knows that as well, and would take
 * the float's product again, but for a 1 of which it does not know. */
FORMULA real times(real a, real b, const real *param)
{
    if (!is_faint(param)) return a * b;
#if REAL_BITS == 64
    return times_each_other(a, b);
#else
    return (real)((double)a * (double)param[FAINT] * (double)b);
#endif
}

#if REAL_BITS == 64

/* a c + d and a c of a c of ordinary size, though a may be subnormal, or the product. */
FORMULA double fused(double a, double c, double d, const real *param) { return is_faint(param) ? fused_anyhow(a, c, d) : fma64(a, c, d); }
FORMULA double times_ordinary(double a, double c, const real *param) { return is_faint(param) ? times_anyhow(a, c) : a * c; }

/* e^(hi + lo) */
FORMULA double exp_of(pair a, const real *param)
{
    if (!is_faint(param)) return exp_pair(a);
    scaled_exp e = exp_parts(a);
    return times_power_carefully(e.m.hi, e.k);
}

/* x 2^k for x of ordinary size */
FORMULA double times_far_power_at(double x, double k, const real *param)
{
    return is_faint(param) ? times_power_carefully(x, k) : times_far_power_of_two(x, k);
}

FORMULA sigmoid_sides sides_at(pair x, const real *param) { return sides_within(x, is_faint(param)); }
FORMULA sigmoid_parts sigmoid_parts_at(pair x, const real *param) { return sigmoid_parts_within(x, is_faint(param)); }

#endif

/* a, or where the tile is faint 0 for what is below `least`, if that is the same to the formula. */
FORMULA pair held_above(real least, pair a, const real *param)
{
    if (!is_faint(param)) return a;
    return (pair){ unless_below(least, a.hi), abs_(a.hi) < least ? 0 : a.lo };
}

/* What was made of that, or what it is where nothing was left. */
FORMULA real made_of(pair held, real made, real of_nothing, const real *param)
{
    return is_faint(param) && held.hi == 0 ? of_nothing : made;
}

/* x / 2, for what is multiplied by an x of that size: where the tile is faint without a multiplication, and 0 instead of a subnormal number. */
FORMULA real half_of(real x, const real *param)
{
    if (!is_faint(param)) return x * (real)0.5;
#if REAL_BITS == 64
    const uint64_t size = size_of_double(x), sign = double_to_bits(x) ^ size;
    return bits_to_double(sign | ((size - (UINT64_C(1) << 52)) & ~all_ones_if_less(size, UINT64_C(2) << 52)));
#else
    const uint32_t size = float_to_bits(x) & 0x7fffffffU, sign = float_to_bits(x) ^ size;
    return bits_to_float(sign | (size < 2U << 23 ? 0 : size - (1U << 23)));
#endif
}

#endif
