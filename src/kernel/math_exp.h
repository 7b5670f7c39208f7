/*
 * Exponentials, logarithms and powers. Ranges of the series: exp on |r| <= ln2/2, the logarithm as 2 atanh(s) with
 * |s| <= 3 - 2 sqrt2.
 */
#ifndef LIBLOSS_KERNEL_MATH_EXP_H
#define LIBLOSS_KERNEL_MATH_EXP_H

#include "coefficients.h"

FORMULA double bits_to_double(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

FORMULA uint64_t double_to_bits(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* Choices by integers: gcc 12 moves the constants of ?: through the arithmetic that follows. Both numbers of a comparison are below 2^63. */
FORMULA uint64_t all_ones_if_less(uint64_t a, uint64_t b) { return -(uint64_t)((int64_t)a < (int64_t)b); }
FORMULA uint64_t chosen(uint64_t mask, uint64_t yes, uint64_t no) { return (yes & mask) | (no & ~mask); }
FORMULA double either(int condition, double yes, double no) /* without a branch, where nobody could foretell it */
{
    return bits_to_double(chosen(-(uint64_t)(condition != 0), double_to_bits(yes), double_to_bits(no)));
}
FORMULA uint64_t size_of_double(double x) { return double_to_bits(x) & INT64_MAX; }

/* A subnormal number times 2^1022, but not by a multiplication, which costs an Intel core 150 cycles; any other as it is. */
FORMULA double lifted_if_subnormal(double x)
{
    const uint64_t one = UINT64_C(1023) << 52, size = size_of_double(x), subnormal = all_ones_if_less(size, UINT64_C(1) << 52);
    const double lifted = bits_to_double((size & subnormal) | one) - 1;
    return bits_to_double(chosen(subnormal, double_to_bits(lifted), size) | (double_to_bits(x) ^ size));
}

/* A size, given by its bits, times 2^1022: also a subnormal one, or 0. */
FORMULA double lifted(uint64_t size)
{
    const uint64_t as_normal = double_to_bits(bits_to_double(size | double_to_bits(1)) - 1);
    return bits_to_double(chosen(all_ones_if_less(size, UINT64_C(1) << 52), as_normal, size + (UINT64_C(1022) << 52)));
}

/* (x - 1) 2^-1022 for x in [1, 2], with a sign: what was added to 1 has been rounded there as a subnormal number is. */
FORMULA double lowered(double x, uint64_t sign) { return bits_to_double((double_to_bits(x) - double_to_bits(1)) | sign); }

FORMULA uint64_t sign_of_product(double a, double b) { return (double_to_bits(a) ^ double_to_bits(b)) & ~(uint64_t)INT64_MAX; }

/* a c, which is below 2^-1022 where |a| < limit, and there is no product that an Intel core stalls at. */
FORMULA double times_below(double limit, double a, double c)
{
    const uint64_t size = size_of_double(a), small = all_ones_if_less(size, double_to_bits(limit));
    const double product = bits_to_double(chosen(small, double_to_bits(1), double_to_bits(a))) * c;
    const double low = lowered(fma64(lifted(size & small), abs_(c), 1), sign_of_product(a, c));
    return bits_to_double(chosen(small, double_to_bits(low), double_to_bits(product)));
}

/* ln 2 in two parts; 11 low bits of the first are 0, so its product with an exponent is exact. */
#define LN2_HI 0x1.62e42fefa3800p-1
#define LN2_LO 0x1.ef35793c76730p-45
#define ROUNDER 0x1.8p52 /* adding and subtracting it rounds to an integer, which stands in the low bits in between */

FORMULA double round_(double x) { return (x + ROUNDER) - ROUNDER; }

/* 2^k for an integer k held in a double, |k| <= 1022. */
FORMULA double power_of_two(double k) { return bits_to_double((double_to_bits(k + ROUNDER) << 52) + (UINT64_C(1023) << 52)); }

/* x 2^k, |k| <= 2044: in two factors, of which only the last rounds. */
FORMULA double times_power_of_two(double x, double k)
{
    double half = round_(k * 0.5);
    return x * power_of_two(half) * power_of_two(k - half);
}

/* x 2^k for x of ordinary size, or infinite: in three factors, of which only the last rounds unless x 2^(2k/3) is subnormal. */
FORMULA double times_far_power_of_two(double x, double far)
{
    double k = far < -3000 ? -3000 : far > 3000 ? 3000 : far;
    double third = round_(k * (1.0 / 3));
    return x * power_of_two(third) * power_of_two(third) * power_of_two(k - 2 * third);
}

/* The same without a product that is subnormal: what is below 2^-1022 is moved by integers. */
FORMULA double times_power_carefully(double x, double k)
{
    const uint64_t one = double_to_bits(1), least = UINT64_C(1) << 52, size = size_of_double(x);
    const double low = k < -2040 ? -2040 : k > 0 ? 0 : k; /* so that exponents do not go round */
    const uint64_t moved = size + (double_to_bits(low + ROUNDER) << 52), up = moved + (UINT64_C(1022) << 52);
    const uint64_t small = all_ones_if_less(least - 1, size) & all_ones_if_less(moved, least);
    const uint64_t left = small & all_ones_if_less(double_to_bits(0x1p-60), up); /* of less there is nothing left */
    const double low_x = lowered(1 + bits_to_double(up & left), double_to_bits(x) ^ size);
    const double other = bits_to_double(chosen(small, one, double_to_bits(x))), power = bits_to_double(double_to_bits(k) & ~small);
    return bits_to_double(chosen(small, double_to_bits(low_x), double_to_bits(times_far_power_of_two(other, power))));
}

/* x = m 2^e with |m| in [1, 2); 0, infinity and NaN with e = 0. */
typedef struct {
    double m, e;
} binary_parts;

FORMULA binary_parts parts_of(double x)
{
    int small = x < 0x1p-1022 && x > -0x1p-1022, whole = x != 0 && x - x == 0;
    uint64_t bits = double_to_bits(lifted_if_subnormal(x));
    double field = bits_to_double((bits >> 52 & 2047) | UINT64_C(0x4330000000000000)) - 0x1p52, e = field - (small ? 1023 + 1022 : 1023);
    double m = bits_to_double((bits & UINT64_C(0x800fffffffffffff)) | UINT64_C(0x3ff0000000000000));
    return (binary_parts){ whole ? m : x, whole ? e : 0 };
}

/* x cut at +-end; NaN is NaN. By integers where vectors of 64 bits compare them, or gcc 12 chooses at each step of what is made of it. */
FORMULA double cut(double x, double end)
{
#if FULL && HAS_FMA
    const uint64_t size = size_of_double(x), number = all_ones_if_less(size, double_to_bits(__builtin_inf()) + 1);
    const uint64_t beyond = number & all_ones_if_less(double_to_bits(end), size);
    return bits_to_double(chosen(beyond, double_to_bits(end) | (double_to_bits(x) ^ size), double_to_bits(x)));
#else
    return x < -end ? -end : x > end ? end : x;
#endif
}

/* x = k ln2 + r, the remainder in two parts. */
typedef struct {
    double k, hi, lo;
} reduced;

FORMULA reduced reduce_exp(double x, double lo)
{
#if FULL
    x -= 0x1p-120; /* beside 1 that is nothing, and no subnormal number is multiplied */
    lo += 0x1p-240;
#endif
    double k = round_(x * 0x1.71547652b82fep+0); /* 1/ln2 */
#if FULL
    double r = x - k * LN2_HI, tail = lo - k * LN2_LO;
    double hi = r + tail;
    return (reduced){ k, hi, tail - (hi - r) };
#else
    (void)lo;
    return (reduced){ k, fma64(k, -(LN2_HI + LN2_LO), x), 0 };
#endif
}

/* e^(hi + lo) as m 2^k with m near 1, for formulas that multiply before the result may underflow or overflow (times_power_of_two
 * does that last step). Arguments are cut at +-1400, where the other factors of any such formula have lost. */
typedef struct {
    pair m;
    double k;
} scaled_exp;

FORMULA scaled_exp exp_parts_within(pair a, double end)
{
    double x = cut(a.hi, end);
    reduced r = reduce_exp(x, x == a.hi ? a.lo : 0); /* the remainder of a huge argument is no small number */
#if FULL
    pair m = fast_two_sum(1, r.hi);
    return (scaled_exp){ fast_two_sum(m.hi, m.lo + (r.lo + (r.hi * r.lo + r.hi * r.hi * exp_tail(r.hi)))), r.k };
#else
    return (scaled_exp){ { 1 + (r.hi + r.hi * r.hi * exp_tail(r.hi)), 0 }, r.k };
#endif
}

FORMULA scaled_exp exp_parts(pair a) { return exp_parts_within(a, 1400); }

/* e^(hi + lo) */
FORMULA double exp_pair(pair a)
{
#if FULL
    scaled_exp e = exp_parts(a);
    return times_power_of_two(e.m.hi, e.k);
#else
    /* What is beyond is infinite or 0 as a float, and no subnormal double, also times a factor. */
    double x = a.hi < -600 ? -600 : a.hi > 700 ? 700 : a.hi;
    double k = fma64(x, 0x1.71547652b82fep+0, ROUNDER) - ROUNDER, r = fma64(k, -(LN2_HI + LN2_LO), x);
    return (1 + (r + r * r * exp_tail(r))) * power_of_two(k);
#endif
}

FORMULA double exp_(double x) { return exp_pair(as_pair(x)); }

/* e^(hi + lo) in two parts, over 2^k where data are doubles: it may overflow where what is made of it does not. The second part is 0 where
 * the first is below 2^-1022 or infinite. */
FORMULA pair exp_to_pair_over(pair a, double k, const int carefully)
{
#if FULL
    scaled_exp e = exp_parts(a);
    pair plain = { times_power_of_two(e.m.hi, e.k - k), times_power_of_two(e.m.lo, e.k - k) };
    pair clear = { times_power_carefully(e.m.hi, e.k - k), times_power_carefully(e.m.lo, e.k - k) }, y = choose(carefully, clear, plain);
    return (pair){ y.hi, y.hi >= 0x1p-1022 && y.hi < __builtin_inf() ? y.lo : 0 };
#else
    (void)k;
    (void)carefully;
    return as_pair(exp_pair(a));
#endif
}

FORMULA pair exp_to_pair(pair a) { return exp_to_pair_over(a, 0, 0); }

/* e^(hi + lo) - 1 in two parts */
FORMULA pair expm1_to_pair(pair a)
{
    double x = a.hi < -60 ? -60 : a.hi > 710 ? 710 : a.hi; /* from -38 on the answer is -1 */
    reduced r = reduce_exp(x, x == a.hi ? a.lo : 0);
    double half = round_(r.k * 0.5), rest = r.k - half;
    double inverse = r.k > 1000 ? 0 : power_of_two(r.k > 1000 ? 0 : -r.k); /* 2^-k */
#if FULL
    double tail = r.lo + (r.hi * r.lo + r.hi * r.hi * exp_tail(r.hi));
    pair base = two_sum(1, -inverse), s = two_sum(base.hi, r.hi), y = fast_two_sum(s.hi, base.lo + (s.lo + tail));
#else
    pair y = as_pair((1 - inverse) + (r.hi + r.hi * r.hi * exp_tail(r.hi)));
#endif
    y = (pair){ y.hi * power_of_two(half) * power_of_two(rest), y.lo * power_of_two(half) * power_of_two(rest) };
    int tiny = a.hi < 0x1p-54 && a.hi > -0x1p-54;
    return choose(tiny, a, y);
}

FORMULA double expm1_pair(pair a) { return close_pair(expm1_to_pair(a)); }
FORMULA double expm1_(double x) { return expm1_pair(as_pair(x)); }

/* ---- logarithms ---- */

/* a = m 2^e with m in [sqrt(1/2), sqrt 2); s = (m - 1)/(m + 1). Of positive finite numbers, for |lo| <= ulp(hi), which only f64 data have. */
typedef struct {
    double e;
    pair s;
} log_argument;

FORMULA log_argument reduce_log(pair a)
{
    const uint64_t sqrt_half = UINT64_C(0x3fe6a09e667f3bcd), whole = UINT64_C(0xfff0000000000000);
#if FULL
    int small = a.hi < 0x1p-1022; /* moved up by 2^1022: a multiplication would cost an Intel core 150 cycles */
    double moved = bits_to_double(double_to_bits(a.hi) | UINT64_C(1023) << 52) - 1, x = small ? moved : a.hi;
#else
    double x =
        a.hi + a.lo; /* which is a.hi; but without it gcc 12 computes adaptive_robust's twice. No subnormal double comes of floats. */
#endif
    uint64_t shifted = double_to_bits(x) - sqrt_half;
    double e = bits_to_double((shifted + (UINT64_C(1024) << 52)) >> 52 | UINT64_C(0x4330000000000000)) - (0x1p52 + 1024);
    double m = bits_to_double((shifted & ~whole) + sqrt_half);
#if FULL
    double inverse = bits_to_double((UINT64_C(0x3ff) << 52) - (shifted & whole)); /* 2^-e */
    inverse = e > 1023 ? 0 : inverse; /* which has no 2^-1024; beside a logarithm of 709 the remainder is nothing */
    e -= small ? 1022 : 0;
    pair f = two_sum(m - 1, a.lo * (small ? 0x1p1022 : 1) * inverse), d = fast_two_sum(2, f.hi);
    return (log_argument){ e, pair_div_tame(f, (pair){ d.hi, d.lo + f.lo }) };
#else
    double f = m - 1;
    return (log_argument){ e, as_pair(f / (2 + f)) };
#endif
}

/* y for ordinary x, and the limits of the logarithm for others */
FORMULA pair log_limits(double x, pair y)
{
    double limit = x == 0 ? -__builtin_inf() : (double)__builtin_nanf(""), end = x < __builtin_inf() ? y.hi : x;
    double hi = x > 0 ? end : limit;
    return (pair){ hi, hi - hi == 0 ? y.lo : 0 };
}

/* ln(hi + lo), within 2^-57 */
FORMULA pair log_to_pair(pair a)
{
    log_argument r = reduce_log(a);
    double s = r.s.hi, z = s * s;
#if FULL
    pair top = fast_two_sum(r.e * LN2_HI, 2 * s);
    return log_limits(a.hi, fast_two_sum(top.hi, top.lo + (r.e * LN2_LO + (2 * r.s.lo + s * (z * atanh_tail(z))))));
#else
    return log_limits(a.hi, as_pair((r.e * LN2_HI + 2 * s) + (r.e * LN2_LO + s * (z * atanh_tail(z)))));
#endif
}

/* The same within 2^-65, for results that an exponential magnifies */
FORMULA pair log_to_fine_pair(pair a)
{
#if FULL
    log_argument r = reduce_log(a);
    pair z = pair_mul_tame(r.s, r.s), two_thirds = { 0x1.5555555555555p-1, 0x1.5555555555555p-55 };
    pair sum = fast_two_sum(two_thirds.hi, z.hi * atanh_tail_2(z.hi));
    pair cubic = pair_mul_tame(pair_mul_tame(r.s, z), (pair){ sum.hi, sum.lo + two_thirds.lo });
    pair y = fast_two_sum(2 * r.s.hi, cubic.hi);
    y.lo += cubic.lo + 2 * r.s.lo;
    pair top = fast_two_sum(r.e * LN2_HI, y.hi);
    return log_limits(a.hi, fast_two_sum(top.hi, top.lo + (y.lo + r.e * LN2_LO)));
#else
    return log_to_pair(a);
#endif
}

FORMULA double log_(double x) { return log_to_pair(as_pair(x)).hi; }

/* ln(1 + hi + lo) in two parts */
FORMULA pair log1p_to_pair(pair a)
{
#if FULL
    pair u = two_sum(1, a.hi);
    pair y = log_to_pair((pair){ u.hi, (u.lo - u.lo == 0 ? u.lo : 0) + a.lo });
    pair small = fast_two_sum(a.hi, a.lo - 0.5 * a.hi * a.hi); /* the remainder of 1 + a has no room for that of a */
    return choose(abs_(a.hi) < 0x1p-30, small, y);
#else
    double x = a.hi, small = fma64(x * x, fma64(x, 1.0 / 3, -0.5), x); /* beyond, what 1 + x loses is less than 2^-40 of it */
    return choose(abs_(x) < 0x1p-12, as_pair(small), log_to_pair(as_pair(1 + x)));
#endif
}

FORMULA double log1p_(double x) { return log1p_to_pair(as_pair(x)).hi; }

/* ln(p / (1 - p)), which passes 0 at 1/2 and must not be a difference there */
FORMULA double logit_(double p)
{
    int near = p > 0.25 && p < 0.75;
    pair x = pair_div_to_pair(as_pair(near ? 2 * p - 1 : 0), two_diff(1, p));
    pair apart = pair_sub(log_to_pair(as_pair(p)), log1p_to_pair(as_pair(-p)));
    return near ? log1p_to_pair(x).hi : apart.hi;
}

/* x^y for x >= 0, as m 2^k; 0^0 = 1^inf = 1. */
FORMULA scaled_exp pow_parts(pair x, double y)
{
    pair l = log_to_fine_pair(x);
#if FULL
    pair p = two_product(l.hi, y);
    p.lo += l.lo * y;
    p.lo = p.lo - p.lo == 0 ? p.lo : 0;
#else
    pair p = as_pair(l.hi * y);
#endif
    int one = y == 0 || (x.hi == 1 && x.lo == 0);
    return exp_parts(choose(one, as_pair(0), p));
}

FORMULA double pow_(double x, double y)
{
    scaled_exp e = pow_parts(as_pair(x), y);
    return times_power_of_two(e.m.hi, e.k);
}

#endif
