/*
 * sum(w*(x - mean)^2) = (W*Q - T^2)/W, in integers of units of 2^-1074 and 2^-2148.
 */
#include "spread.h"

#include "tiles.h"

enum { DIGITS = 2 * SUM_LIMBS /* of 32 bits */, STRIP = 256 };

/* The absolute value of a sum, lowest digit first. Returns 1 where the sum is below 0. */
static int digits_of(const libloss__sum *s, uint32_t digit[DIGITS])
{
    const int negative = (int)(s->limb[SUM_LIMBS - 1] >> 63);
    uint64_t carry = (uint64_t)negative;
    for (int i = 0; i < SUM_LIMBS; i++) {
        const uint64_t limb = (negative ? ~s->limb[i] : s->limb[i]) + carry;
        carry = carry && limb == 0;
        digit[2 * i] = (uint32_t)limb;
        digit[2 * i + 1] = (uint32_t)(limb >> 32);
    }
    return negative;
}

static void multiply(const uint32_t a[DIGITS], const uint32_t b[DIGITS], uint32_t product[2 * DIGITS])
{
    memset(product, 0, 2 * DIGITS * sizeof *product);
    for (int i = 0; i < DIGITS; i++) {
        uint64_t carry = 0;
        for (int j = 0; a[i] && j < DIGITS; j++) {
            carry += (uint64_t)a[i] * b[j] + product[i + j];
            product[i + j] = (uint32_t)carry;
            carry >>= 32;
        }
        if (a[i]) product[i + DIGITS] = (uint32_t)carry;
    }
}

/* The leading 64 bits, and what power of 2 they count; 0 of 0. */
static double leading(const uint32_t *digit, int count, int *exponent)
{
    int top = count - 1;
    while (top >= 0 && digit[top] == 0) top--;
    *exponent = 0;
    if (top < 0) return 0;
    uint64_t high = (uint64_t)digit[top] << 32 | (top > 0 ? digit[top - 1] : 0);
    const int shift = __builtin_clzll(high);
    high <<= shift;
    if (shift && top > 1) high |= digit[top - 2] >> (32 - shift);
    *exponent = 32 * (top - 1) - shift;
    return (double)high;
}

static double power_of_two(int k)
{
    const uint64_t bits = (uint64_t)(k + 1023) << 52;
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static double times_power_of_two(double x, int k)
{
    for (; k > 1000; k -= 1000) x *= 0x1p1000;
    for (; k < -1000; k += 1000) x *= 0x1p-1000;
    return x * power_of_two(k);
}

static int is_finite(const libloss__sum *s) { return !(s->nan | s->plus_infinity | s->minus_infinity); }

double libloss__spread(const libloss__sum *w, const libloss__sum *wx, const libloss__sum *wxx)
{
    uint32_t a[DIGITS], b[DIGITS], product[2 * DIGITS], square[2 * DIGITS];
    if (!is_finite(wx) || !is_finite(wxx)) return (double)__builtin_nanf("");
    digits_of(w, a);
    if (digits_of(wxx, b)) return 0; /* less than what underflowed */
    multiply(a, b, product);
    digits_of(wx, b);
    multiply(b, b, square);
    uint64_t borrow = 0;
    for (int i = 0; i < 2 * DIGITS; i++) {
        const uint64_t less = (uint64_t)product[i] - square[i] - borrow;
        product[i] = (uint32_t)less;
        borrow = less >> 63;
    }
    if (borrow) return 0;
    int up, down;
    const double numerator = leading(product, 2 * DIGITS, &up), weight = leading(a, DIGITS, &down);
    if (numerator == 0) return 0;
    return times_power_of_two(numerator / weight, up - down - 1074);
}

static void add_products(libloss__sum *s, const double *w, const double *x, int64_t n)
{
    double high[STRIP], low[STRIP];
    if (!w) {
        libloss__sum_add_few(s, x, n);
        return;
    }
    libloss__tiles_now()->products(w, x, n, high, low);
    libloss__sum_add_few(s, high, n);
    libloss__sum_add_few(s, low, n);
}

void libloss__add_moments(libloss__sum *wx, libloss__sum *wxx, const double *w, const double *x, int64_t n)
{
    double high[STRIP], low[STRIP];
    for (int64_t done = 0, some; done < n; done += some, x += some, w = w ? w + some : NULL) {
        some = n - done < STRIP ? n - done : STRIP;
        add_products(wx, w, x, some);
        libloss__tiles_now()->products(x, x, some, high, low);
        add_products(wxx, w, high, some);
        add_products(wxx, w, low, some);
    }
}
