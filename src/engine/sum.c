/*
 * Limbs: adding, merging, rounding. Plain; the vector work is done before, in tile_sum.h.
 */
#include "sum.h"

#include "tiles.h"

/* Adds (low, high) at limb k, or takes it away, and carries to the end of the chain. */
static void add_at(libloss__sum *s, int k, uint64_t low, uint64_t high, int negative)
{
    uint64_t part[2] = { low, high }, carry = 0;
    for (int i = k; i < SUM_LIMBS && (i < k + 2 || carry); i++) {
        uint64_t x = i < k + 2 ? part[i - k] : 0, old = s->limb[i];
        if (negative) {
            uint64_t t = old - x;
            s->limb[i] = t - carry;
            carry = (uint64_t)(old < x) | (uint64_t)(t < carry);
        } else {
            uint64_t t = old + x;
            s->limb[i] = t + carry;
            carry = (uint64_t)(t < x) | (uint64_t)(s->limb[i] < t);
        }
    }
}

/* Counts of totals from elsewhere may be anything: they stay at the most there is. */
static int64_t both(int64_t a, int64_t b)
{
    const uint64_t sum = (uint64_t)a + (uint64_t)b;
    return (int64_t)(sum < (uint64_t)a ? UINT64_MAX : sum);
}

static int is_finite(const libloss__sum *s) { return (s->nan | s->plus_infinity | s->minus_infinity) == 0; }

static void add_non_finite(libloss__sum *s, int64_t nan, int64_t plus, int64_t minus)
{
    s->nan = both(s->nan, nan);
    s->plus_infinity = both(s->plus_infinity, plus);
    s->minus_infinity = both(s->minus_infinity, minus);
    if (!is_finite(s)) memset(s->limb, 0, sizeof s->limb);
}

void libloss__sum_add(libloss__sum *s, double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int field = (int)(bits >> 52 & 0x7ff), negative = (int)(bits >> 63);
    uint64_t mantissa = bits & 0xfffffffffffffu;
    if (field == 0x7ff) {
        add_non_finite(s, mantissa != 0, !mantissa && !negative, !mantissa && negative);
        return;
    }
    if (!is_finite(s)) return;
    if (field == 0)
        field = 1;
    else
        mantissa |= UINT64_C(1) << 52;
    if (mantissa == 0) return;
    int bit = field - 1, shift = bit % 64; /* the mantissa's unit is 2^bit units of 2^-1074 */
    add_at(s, bit / 64, mantissa << shift, shift > 11 ? mantissa >> (64 - shift) : 0, negative);
}

void libloss__sum_add_doubles(libloss__sum *s, const double *x, int64_t n)
{
    for (int64_t done = 0, some; done < n; done += some) {
        tile_sum tile;
        some = n - done < TILE_SUM_MAX ? n - done : TILE_SUM_MAX;
        libloss__tiles_now()->sum_f64(x + done, some, &tile);
        if (tile.parts >= 0)
            libloss__sum_add_tile(s, &tile);
        else
            for (int64_t i = done; i < done + some; i++) libloss__sum_add(s, x[i]);
    }
}

void libloss__sum_add_count(libloss__sum *s, int64_t n)
{
    const int bit = 1074; /* 1 = 2^1074 units */
    if (is_finite(s)) add_at(s, bit / 64, (uint64_t)n << bit % 64, (uint64_t)n >> (64 - bit % 64), 0);
}

void libloss__sum_add_tile(libloss__sum *s, const tile_sum *t)
{
    for (int32_t k = 0; k < t->parts; k++) libloss__sum_add(s, t->part[k]);
    if (t->nan | t->plus_infinity | t->minus_infinity) add_non_finite(s, t->nan, t->plus_infinity, t->minus_infinity);
}

void libloss__sum_merge(libloss__sum *into, const libloss__sum *from)
{
    uint64_t carry = 0;
    for (int i = 0; i < SUM_LIMBS; i++) {
        uint64_t t = into->limb[i] + from->limb[i], u = t + carry;
        carry = (uint64_t)(t < from->limb[i]) | (uint64_t)(u < t);
        into->limb[i] = u;
    }
    add_non_finite(into, from->nan, from->plus_infinity, from->minus_infinity);
}

/* m * 2^e for m with a leading 1 at bit 52, by bits; the exponent may be beyond a double's. */
static double build(uint64_t mantissa, int exponent, int negative)
{
    uint64_t bits = exponent > 1023 ? UINT64_C(0x7ff) << 52 : (uint64_t)(exponent + 1023) << 52 | (mantissa & 0xfffffffffffffu);
    double x;
    bits |= (uint64_t)negative << 63;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* The finite part, times 2^-scale (0 or 64), rounded once. */
static double round_limbs(const libloss__sum *s, int scale)
{
    uint64_t limb[SUM_LIMBS];
    memcpy(limb, s->limb, sizeof limb);
    int negative = (int)(limb[SUM_LIMBS - 1] >> 63);
    if (negative) {
        uint64_t carry = 1;
        for (int i = 0; i < SUM_LIMBS; i++) {
            limb[i] = ~limb[i] + carry;
            carry = carry && limb[i] == 0;
        }
    }
    int top = SUM_LIMBS - 1;
    while (top >= 0 && limb[top] == 0) top--;
    if (top < 0) return 0;
    int high = 63 - __builtin_clzll(limb[top]) + 64 * top; /* place of the leading bit */
    if (high <= 52) { /* fits as it is, subnormals included */
        double x;
        uint64_t bits = limb[0] | (uint64_t)negative << 63;
        if (high == 52) bits = (limb[0] & 0xfffffffffffffu) | UINT64_C(1) << 52 | (uint64_t)negative << 63;
        memcpy(&x, &bits, sizeof x);
        return x;
    }
    int low = high - 52, k = low / 64, shift = low % 64; /* 53 bits from `low` */
    uint64_t mantissa = limb[k] >> shift;
    if (shift > 0 && k + 1 < SUM_LIMBS) mantissa |= limb[k + 1] << (64 - shift);
    mantissa &= (UINT64_C(1) << 53) - 1;
    int half = low - 1;
    int round = (int)(limb[half / 64] >> half % 64 & 1);
    int sticky = (limb[half / 64] & ((UINT64_C(1) << half % 64) - 1)) != 0;
    for (int i = 0; i < half / 64 && !sticky; i++) sticky = limb[i] != 0;
    if (round && (sticky || (mantissa & 1))) mantissa++;
    if (mantissa >> 53) {
        mantissa >>= 1;
        high++;
    }
    return build(mantissa, high - 1074 - scale, negative);
}

double libloss__sum_round(const libloss__sum *s)
{
    if (s->nan || (s->plus_infinity && s->minus_infinity)) return (double)__builtin_nanf("");
    if (s->plus_infinity) return __builtin_inf();
    if (s->minus_infinity) return -__builtin_inf();
    return round_limbs(s, 0);
}

double libloss__sum_mean(const libloss__sum *s, double divisor)
{
    double sum = libloss__sum_round(s);
    if (sum - sum == 0 || s->nan || s->plus_infinity || s->minus_infinity) return sum / divisor;
    return round_limbs(s, 64) / divisor * 0x1p64; /* a finite sum beyond the largest double */
}
