/*
 * Both directions by one division of big integers: a double is the quotient num / den to 64 bits and a sticky remainder; its
 * digits are the quotient of its exact value and a power of ten. Specs are short, so plain long division is fast enough.
 */
#include "number.h"

#include <string.h>

enum { LIMBS = 300, DIGITS = 800 }; /* no double and no halfway point between two has more significant digits */

typedef struct {
    int n;
    uint32_t limb[LIMBS];
} big;

static void big_set(big *a, uint64_t x)
{
    a->limb[0] = (uint32_t)x;
    a->limb[1] = (uint32_t)(x >> 32);
    a->n = a->limb[1] ? 2 : a->limb[0] ? 1 : 0;
}

static void big_multiply_add(big *a, uint32_t factor, uint32_t carry)
{
    uint64_t t = carry;
    for (int i = 0; i < a->n; i++) {
        t += (uint64_t)a->limb[i] * factor;
        a->limb[i] = (uint32_t)t;
        t >>= 32;
    }
    if (t) a->limb[a->n++] = (uint32_t)t;
}

static void big_times_ten_to(big *a, int power)
{
    for (; power >= 9; power -= 9) big_multiply_add(a, 1000000000u, 0);
    for (; power > 0; power--) big_multiply_add(a, 10, 0);
}

static void big_shift(big *a, int bits)
{
    int limbs = bits / 32, rest = bits % 32;
    if (a->n == 0) return;
    a->limb[a->n] = 0;
    for (int i = a->n; i >= 0; i--) {
        uint32_t low = i > 0 && rest ? a->limb[i - 1] >> (32 - rest) : 0;
        a->limb[i + limbs] = a->limb[i] << rest | low;
    }
    memset(a->limb, 0, (size_t)limbs * sizeof a->limb[0]);
    a->n += limbs + 1;
    while (a->n > 0 && a->limb[a->n - 1] == 0) a->n--;
}

static int big_bits(const big *a) { return a->n ? a->n * 32 - __builtin_clz(a->limb[a->n - 1]) : 0; }

static int big_compare(const big *a, const big *b)
{
    if (a->n != b->n) return a->n < b->n ? -1 : 1;
    for (int i = a->n - 1; i >= 0; i--)
        if (a->limb[i] != b->limb[i]) return a->limb[i] < b->limb[i] ? -1 : 1;
    return 0;
}

static void big_subtract(big *a, const big *b)
{
    int64_t borrow = 0;
    for (int i = 0; i < a->n; i++) {
        int64_t t = (int64_t)a->limb[i] - (i < b->n ? b->limb[i] : 0) + borrow;
        a->limb[i] = (uint32_t)t;
        borrow = t >> 32;
    }
    while (a->n > 0 && a->limb[a->n - 1] == 0) a->n--;
}

/* The quotient, which must fit 64 bits; num becomes the remainder. */
static uint64_t big_divide(big *num, const big *den)
{
    static const int most = 64;
    uint64_t q = 0;
    int shift = big_bits(num) - big_bits(den);
    if (shift > most) shift = most;
    for (; shift >= 0; shift--) {
        big d = *den;
        big_shift(&d, shift);
        q <<= 1;
        if (big_compare(num, &d) >= 0) {
            big_subtract(num, &d);
            q |= 1;
        }
    }
    return q;
}

/* q * 2^e, q having its leading 1 somewhere and `sticky` for what was cut off, rounded to nearest even. */
static double assemble(uint64_t q, int e, int sticky)
{
    if (q == 0) return 0;
    int top = 63 - __builtin_clzll(q);
    int drop = top - 52; /* to 53 bits, fewer for subnormals */
    if (e + drop < -1074) drop = -1074 - e;
    if (drop > 64) return 0;
    if (drop > 0) {
        uint64_t cut = drop == 64 ? q : q & ((UINT64_C(1) << drop) - 1), half = UINT64_C(1) << (drop - 1);
        q = drop == 64 ? 0 : q >> drop;
        if (cut > half || (cut == half && (sticky || (q & 1)))) q++;
        e += drop;
    } else if (drop < 0) {
        q <<= -drop;
        e += drop;
    }
    if (q >> 53) {
        q >>= 1;
        e++;
    }
    uint64_t bits = q >> 52 ? (uint64_t)(e + 1075) << 52 | (q & 0xfffffffffffffu) : q;
    if (q >> 52 && e + 1075 >= 2047) bits = UINT64_C(0x7ff) << 52;
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static int same_word(const char *text, int64_t length, const char *word)
{
    int64_t n = (int64_t)strlen(word);
    if (length < n) return 0;
    for (int64_t i = 0; i < n; i++)
        if ((text[i] | 0x20) != word[i]) return 0;
    return 1;
}

static int digit_of(char c, int base)
{
    int d = c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : 99;
    return d < base ? d : -1;
}

/* An exponent after `mark`; leaves *i where it is if there is none. Saturates. */
static int64_t read_exponent(const char *text, int64_t length, int64_t *i, char mark)
{
    int64_t k = *i, value = 0;
    if (k >= length || (text[k] | 0x20) != mark) return 0;
    int negative = ++k < length && text[k] == '-';
    if (k < length && (text[k] == '-' || text[k] == '+')) k++;
    if (k >= length || digit_of(text[k], 10) < 0) return 0;
    for (; k < length && digit_of(text[k], 10) >= 0; k++)
        if (value < 1000000) value = value * 10 + digit_of(text[k], 10);
    *i = k;
    return negative ? -value : value;
}

static int64_t read_hex(const char *text, int64_t length, double *out)
{
    uint64_t q = 0;
    int64_t i = 2, e = 0;
    int seen = 0, point = 0, sticky = 0;
    for (; i < length; i++) {
        if (text[i] == '.' && !point) {
            point = 1;
            continue;
        }
        int d = digit_of(text[i], 16);
        if (d < 0) break;
        seen = 1;
        if (q >> 59) {
            sticky |= d != 0;
            e += point ? 0 : 4;
        } else {
            q = q * 16 + (uint64_t)d;
            e -= point ? 4 : 0;
        }
    }
    if (!seen) return 0;
    e += read_exponent(text, length, &i, 'p');
    e = e > 5000 ? 5000 : e < -5000 ? -5000 : e;
    *out = assemble(q, (int)e, sticky);
    return i;
}

static int64_t read_decimal(const char *text, int64_t length, double *out)
{
    char digits[DIGITS];
    int64_t i = 0, e = 0;
    int count = 0, seen = 0, point = 0, sticky = 0;
    for (; i < length; i++) {
        if (text[i] == '.' && !point) {
            point = 1;
            continue;
        }
        int d = digit_of(text[i], 10);
        if (d < 0) break;
        seen = 1;
        if (count == 0 && d == 0) {
            e -= point;
        } else if (count < DIGITS - 1) {
            digits[count++] = (char)d;
            e -= point;
        } else {
            sticky |= d != 0;
            e += !point;
        }
    }
    if (!seen) return 0;
    if (sticky) { /* one more digit that is not 0 stands for all that were cut off */
        digits[count++] = 1;
        e--;
    }
    e += read_exponent(text, length, &i, 'e');
    *out = 0;
    if (count == 0 || e + count < -330) return i;
    if (e + count > 310) {
        *out = __builtin_inf();
        return i;
    }
    big num = { 0 }, den;
    for (int k = 0; k < count; k++) {
        if (num.n == 0)
            big_set(&num, (uint64_t)digits[k]);
        else
            big_multiply_add(&num, 10, (uint32_t)digits[k]);
    }
    big_set(&den, 1);
    if (e >= 0)
        big_times_ten_to(&num, (int)e);
    else
        big_times_ten_to(&den, (int)-e);
    int shift = 63 - (big_bits(&num) - big_bits(&den)); /* the quotient gets 63 or 64 bits */
    if (shift > 0)
        big_shift(&num, shift);
    else if (shift < 0)
        big_shift(&den, -shift);
    uint64_t q = big_divide(&num, &den);
    *out = assemble(q, -shift, num.n > 0);
    return i;
}

int64_t libloss__read_number(const char *text, int64_t length, double *out)
{
    int64_t sign = length > 0 && (text[0] == '-' || text[0] == '+');
    int negative = sign && text[0] == '-';
    const char *rest = text + sign;
    int64_t left = length - sign, used;
    double x = 0;
    if (same_word(rest, left, "infinity"))
        x = __builtin_inf(), used = 8;
    else if (same_word(rest, left, "inf"))
        x = __builtin_inf(), used = 3;
    else if (same_word(rest, left, "nan"))
        x = (double)__builtin_nanf(""), used = 3;
    else if (!same_word(rest, left, "0x") || (used = read_hex(rest, left, &x)) == 0)
        used = read_decimal(rest, left, &x);
    if (used == 0) return 0;
    *out = negative ? -x : x;
    return used + sign;
}

/* x > 0 to `count` significant digits, correctly rounded; the value is digits * 10^*exponent. */
static uint64_t digits_of(double x, int count, int *exponent)
{
    uint64_t bits, limit = 1;
    memcpy(&bits, &x, sizeof bits);
    int field = (int)(bits >> 52), e = (field ? field : 1) - 1075;
    uint64_t mantissa = (bits & 0xfffffffffffffu) | (uint64_t)(field != 0) << 52;
    int top = 63 - __builtin_clzll(mantissa) + e; /* 2^top <= x */
    int k = top * 1233 / 4096 - (top < 0); /* about log10(x), too small by one at most */
    for (int i = 0; i < count; i++) limit *= 10;
    for (;; k++) {
        big num, den;
        int s = k - count + 1;
        big_set(&num, mantissa);
        big_set(&den, 1);
        if (s >= 0)
            big_times_ten_to(&den, s);
        else
            big_times_ten_to(&num, -s);
        if (e >= 0)
            big_shift(&num, e);
        else
            big_shift(&den, -e);
        uint64_t q = big_divide(&num, &den);
        big_shift(&num, 1);
        int half = big_compare(&num, &den);
        q += half > 0 || (half == 0 && (q & 1));
        if (q >= limit) continue; /* one digit too many: k was too small */
        *exponent = s;
        return q;
    }
}

int libloss__print_integer(int64_t x, char *out)
{
    char digits[20];
    int n = 0, length = 0;
    uint64_t u = x < 0 ? 0 - (uint64_t)x : (uint64_t)x;
    do digits[n++] = (char)('0' + u % 10);
    while (u /= 10);
    if (x < 0) out[length++] = '-';
    while (n > 0) out[length++] = digits[--n];
    out[length] = 0;
    return length;
}

static int put_word(char *out, const char *word)
{
    strcpy(out, word);
    return (int)strlen(word);
}

int libloss__print_number(double x, char out[32])
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    if (x != x) return put_word(out, "nan");
    if (x - x != 0) return put_word(out, x > 0 ? "inf" : "-inf");
    if (x == 0) return put_word(out, bits >> 63 ? "-0" : "0");

    char *p = out;
    double size = x < 0 ? -x : x;
    if (x < 0) *p++ = '-';
    int low = 1, high = 17, e = 0;
    while (low < high) { /* more digits read back too, so halving finds the fewest */
        int middle = (low + high) / 2;
        char text[48];
        double back;
        int length = libloss__print_integer((int64_t)digits_of(size, middle, &e), text);
        text[length++] = 'e';
        length += libloss__print_integer(e, text + length);
        libloss__read_number(text, length, &back);
        if (back == size)
            high = middle;
        else
            low = middle + 1;
    }
    uint64_t q = digits_of(size, low, &e);
    while (q % 10 == 0) q /= 10, e++;

    char digits[24];
    int n = libloss__print_integer((int64_t)q, digits), point = n + e; /* value = 0.digits * 10^point */
    if (point > 0 && point <= 17) {
        for (int i = 0; i < n || i < point; i++) {
            if (i == point) *p++ = '.';
            *p++ = i < n ? digits[i] : '0';
        }
    } else if (point <= 0 && point > -4) {
        *p++ = '0';
        *p++ = '.';
        for (int i = point; i < 0; i++) *p++ = '0';
        for (int i = 0; i < n; i++) *p++ = digits[i];
    } else {
        *p++ = digits[0];
        if (n > 1) *p++ = '.';
        for (int i = 1; i < n; i++) *p++ = digits[i];
        *p++ = 'e';
        p += libloss__print_integer(point - 1, p);
    }
    *p = 0;
    return (int)(p - out);
}
