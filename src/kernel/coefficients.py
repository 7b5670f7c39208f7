"""Makes coefficients.h: the polynomials of math_*.h, by Chebyshev interpolation with 60 digits.

    python src/kernel/coefficients.py > src/kernel/coefficients.h        (needs mpmath; gmpy2 makes it faster)

A function that is smooth on its interval is met within a factor of about two of the best polynomial's error, so Remez is not
worth its trouble. Every polynomial comes in two lengths: for f64 data, and inside f32 data, where 2^-35 is far more than shows.
"""

from __future__ import annotations

import mpmath as mp

mp.mp.dps = 60
HALF_PI_LOG = mp.log(2 * mp.pi) / 2
LOG_COSH = [-mp.bernoulli(2 * k) * 2 ** (2 * k - 1) * (4**k - 1) / (k * mp.factorial(2 * k)) for k in range(2, 16)]
ROOT = mp.findroot(mp.digamma, 1.46)


def exp_tail(r):
    return mp.nsum(lambda k: r**k / mp.factorial(k + 2), [0, 40]) if abs(r) < mp.mpf("0.1") else (mp.expm1(r) - r) / r**2


def atanh_tail(z):
    s = mp.sqrt(z)
    return mp.fsum(2 * z**k / (2 * k + 3) for k in range(90)) if z < mp.mpf("0.2") else (2 * mp.atanh(s) - 2 * s) / (s * z)


def atanh_ratio(z):
    return 2 + z * atanh_tail(z)


def atanh_tail_2(z):
    return mp.fsum(2 * z**k / (2 * k + 5) for k in range(90))


def log_cosh_tail(z):
    if z < mp.mpf("0.01"):
        return mp.fsum(c * z**k for k, c in enumerate(LOG_COSH))
    return (z / 2 - mp.log(mp.cosh(mp.sqrt(z)))) / z**2


def erf_ratio(z):
    return mp.fsum((-z) ** k / (mp.factorial(k) * (2 * k + 1)) for k in range(40)) * 2 / mp.sqrt(mp.pi)


def erfcx_scaled(t):  # (1 + 2x) erfcx(x), x = 4 (1 + t)/(1 - t)
    if t == 1:
        return 2 / mp.sqrt(mp.pi)
    x = 4 * (1 + t) / (1 - t)
    if x < 15:
        return (1 + 2 * x) * mp.erfc(x) * mp.exp(x * x)
    y = x  # continued fraction, from far out
    for k in range(400, 0, -1):
        y = x + mp.mpf(k) / 2 / y
    return (1 + 2 * x) / (y * mp.sqrt(mp.pi))


def erfcx_near(u):  # erfcx(1/4 + u)
    x = u + mp.mpf("0.25")
    return mp.erfc(x) * mp.exp(x * x)


def erfcx_slope(t):
    return mp.diff(erfcx_scaled, t) if abs(t) < 1 else mp.diff(erfcx_scaled, t * mp.mpf("0.999"))


def lgamma_ratio(y):  # ln Gamma(2 + y) / y
    return mp.loggamma(2 + y) / y if abs(y) > mp.mpf(10) ** -30 else 1 - mp.euler


def stirling(w):  # ln Gamma(x) = (x - 1/2) ln x - x + ln(2 pi)/2 + stirling(1/x^2)/x
    if w == 0:
        return mp.mpf(1) / 12
    x = 1 / mp.sqrt(w)
    with mp.workdps(90):
        return (mp.loggamma(x) - ((x - mp.mpf("0.5")) * mp.log(x) - x + mp.log(2 * mp.pi) / 2)) * x


def digamma_ratio(y):  # digamma(3/2 + y) / (3/2 + y - root)
    x = mp.mpf("1.5") + y
    return mp.digamma(x) / (x - ROOT) if abs(x - ROOT) > mp.mpf(10) ** -30 else mp.polygamma(1, ROOT)


def digamma_tail(w):  # digamma(x) = ln x - 1/(2x) - w digamma_tail(w), w = 1/x^2
    if w == 0:
        return mp.mpf(1) / 12
    x = 1 / mp.sqrt(w)
    with mp.workdps(90):
        return (mp.log(x) - 1 / (2 * x) - mp.digamma(x)) * x * x


def i0_near(z):  # (I0(x) - 1) / z, z = x^2/4
    return mp.fsum(z**k / mp.factorial(k + 1) ** 2 for k in range(80))


def i1_near(z):  # (I1(x) 2/x - 1) / z
    return mp.fsum(z**k / (mp.factorial(k + 1) * mp.factorial(k + 2)) for k in range(80))


def i0_far(u):  # sqrt(x) exp(-x) I0(x), 1/x = 1/16 + u
    t = u + mp.mpf(1) / 16
    return mp.besseli(0, 1 / t) * mp.exp(-1 / t) / mp.sqrt(t) if t else 1 / mp.sqrt(2 * mp.pi)


def ratio_far(u):  # I1(x)/I0(x), 1/x = 1/16 + u
    t = u + mp.mpf(1) / 16
    return mp.besseli(1, 1 / t) / mp.besseli(0, 1 / t) if t else mp.mpf(1)


def sinpi_ratio(z):  # sin(pi x)/x, z = x^2
    return mp.fsum((-z) ** k * mp.pi ** (2 * k + 1) / mp.factorial(2 * k + 1) for k in range(40))


def cospi_tail(z):  # (1 - cos(pi x))/z
    return mp.fsum((-z) ** k * mp.pi ** (2 * k + 2) / mp.factorial(2 * k + 2) for k in range(40))


def log1p_tail(e):  # (ln(1 + e) - e)/e^2
    return mp.fsum((-1) ** (k + 1) * e**k / (k + 2) for k in range(200)) if e < mp.mpf("0.3") else (mp.log1p(e) - e) / e**2


L = mp.log(2) / 2
S = (3 - 2 * mp.sqrt(2)) ** 2
POLYNOMIALS = [  # name, function, interval, terms for f64 and inside f32, coefficients kept in two parts, what it is
    ("exp_tail", exp_tail, (-L, L), 11, 6, 0, "(exp(r) - 1 - r)/r^2"),
    ("atanh_tail", atanh_tail, (0, S), 8, 4, 0, "(2 atanh(s) - 2s)/s^3, z = s^2, s <= 3 - 2 sqrt2"),
    ("atanh_tail_2", atanh_tail_2, (0, S), 9, 4, 0, "(2 atanh(s) - 2s - 2s^3/3)/s^5"),
    ("atanh_tail_wide", atanh_tail, (0, mp.mpf(1) / 9), 11, 11, 0, "(2 atanh(s) - 2s)/s^3, z = s^2, s <= 1/3"),
    ("atanh_ratio", atanh_ratio, (0, mp.mpf(1) / 9), 6, 6, 0, "2 atanh(s)/s, s <= 1/3"),
    ("log_cosh_tail", log_cosh_tail, (0, mp.mpf("0.765625")), 14, 7, 0, "(z/2 - ln cosh x)/z^2, z = x^2, x <= 7/8"),
    ("erf_ratio", erf_ratio, (0, mp.mpf("0.25")), 10, 6, 1, "erf(x)/x, z = x^2 <= 1/4"),
    ("erfcx_scaled", erfcx_scaled, (-1, 1), 29, 16, 1, "(1 + 2x) erfcx(x), t = (x - 4)/(x + 4)"),
    ("erfcx_near", erfcx_near, (-0.25, 0.25), 17, 17, 2, "erfcx(1/4 + z)"),
    ("erfcx_slope", erfcx_slope, (-1, 1), 7, 7, 0, "its derivative, for the low word of t alone"),
    ("lgamma_ratio", lgamma_ratio, (-0.5, 0.5), 18, 11, 2, "ln Gamma(2 + y)/y"),
    ("stirling", stirling, (0, mp.mpf(1) / 64), 8, 4, 0, "(ln Gamma(x) - (x - 1/2) ln x + x - ln(2 pi)/2) x, w = 1/x^2 <= 1/64"),
    ("digamma_ratio", digamma_ratio, (-0.5, 0.5), 22, 13, 2, "digamma(3/2 + y)/(3/2 + y - root)"),
    ("digamma_tail", digamma_tail, (0, mp.mpf(1) / 64), 8, 4, 0, "(ln x - 1/(2x) - digamma(x)) x^2, w = 1/x^2 <= 1/64"),
    ("i0_near", i0_near, (0, 16), 18, 11, 18, "(I0(x) - 1)/z, z = x^2/4 <= 16"),
    ("i1_near", i1_near, (0, 16), 18, 10, 18, "(2 I1(x)/x - 1)/z, z = x^2/4 <= 16"),
    ("i0_far", i0_far, (-0.0625, 0.0625), 26, 10, 1, "sqrt(x) exp(-x) I0(x), z = 1/x - 1/16 <= 1/16"),
    ("ratio_far", ratio_far, (-0.0625, 0.0625), 29, 10, 1, "I1(x)/I0(x), z = 1/x - 1/16 <= 1/16"),
    ("sinpi_ratio", sinpi_ratio, (0, mp.mpf(1) / 16), 8, 5, 1, "sin(pi x)/x, z = x^2 <= 1/16"),
    ("cospi_tail", cospi_tail, (0, mp.mpf(1) / 16), 8, 5, 1, "(1 - cos(pi x))/x^2, z = x^2 <= 1/16"),
]
FLOATS = [
    ("exp_float", exp_tail, (-L, L), 5, "(exp(r) - 1 - r)/r^2"),
    ("log1p_float", log1p_tail, (0, 1), 9, "(ln(1 + e) - e)/e^2"),
    ("log_float", log1p_tail, (mp.sqrt(0.5) - 1, mp.sqrt(2) - 1), 9, "(ln(1 + f) - f)/f^2 between sqrt(1/2) and sqrt 2"),
    ("atanh_float", atanh_tail, (0, 0.25), 7, "(2 atanh(s) - 2s)/s^3, s^2 <= 1/4"),
]


def rounded(x: mp.mpf, bits: int) -> mp.mpf:
    with mp.workprec(bits):
        return +x


def fit(f, interval, terms: int, bits: int = 53, split: int = 0):
    """Coefficients from the constant up, each rounded, with the error as evaluated without rounding."""
    a, b = (mp.mpf(x) for x in interval)
    found = mp.chebyfit(f, [a, b], terms)[::-1]
    kept = [rounded(x, bits + (53 if k < split else 0)) for k, x in enumerate(found)]
    at = [a + (b - a) * (1 - mp.cos(mp.pi * k / 64)) / 2 for k in range(1, 64)]
    return kept, max(abs(mp.polyval(kept[::-1], x) / f(x) - 1) for x in at)


def two_parts(x: mp.mpf) -> str:
    hi = mp.mpf(float(x))
    return f"(pair){{ {float(hi).hex()}, {float(x - hi).hex()} }}"


def horner(variable: str, kept) -> str:
    return "\n".join([f"    double p = {float(kept[-1]).hex()};", *(f"    p = fma64(p, {variable}, {float(c).hex()});" for c in kept[-2::-1])])


def paired_horner(variable: str, kept) -> str:
    return "\n".join([f"    pair p = {two_parts(kept[-1])};", *(f"    p = pair_step(p, {variable}, {two_parts(c)});" for c in kept[-2::-1])])


def print_double(name, f, interval, full, short, split, text) -> None:
    variable = "r" if name == "exp_tail" else "z"
    long, error = fit(f, interval, full, 53, split)
    brief, brief_error = fit(f, interval, short)
    paired = split == full  # every step in two parts
    heads = [] if paired else long[:split]
    print(f"\n/* {text}" + (f"; the first {'term' if split == 1 else f'{split} terms'} apart */" if heads else " */"))
    for k, c in enumerate(heads):
        print(f"#define {name.upper()}_{k} ({two_parts(c)})")
    kind = "pair" if paired else "double"
    if full == short:
        print(f"FORMULA double {name}(double {variable}) /* within 2^{float(mp.log(error, 2)):.0f} */\n{{")
        print(horner(variable, long[split:]))
    else:
        print("#if FULL")
        print(f"FORMULA {kind} {name}({kind} {variable}) /* within 2^{float(mp.log(error, 2)):.0f} */\n{{")
        print(paired_horner(variable, long) if paired else horner(variable, long[split:]))
        print("    return p;\n}\n#else")
        print(f"FORMULA {kind} {name}({kind} {variable}) /* within 2^{float(mp.log(brief_error, 2)):.0f} */\n{{")
        print(horner(f"{variable}.hi" if paired else variable, brief[0 if paired else split :]))
    end = "" if full == short else "\n#endif"
    print(f"    return {'(pair){ p, 0 }' if paired else 'p'};\n}}" + end)


def print_float(name, f, interval, terms, text) -> None:
    kept, error = fit(f, interval, terms, 24)
    print(f"\n/* {text} */\nFORMULA float {name}(float r) /* within 2^{float(mp.log(error, 2)):.1f} */\n{{")
    print(f"    float p = {float(kept[-1]).hex()}F;")
    for c in kept[-2::-1]:
        print(f"    p = fma32(p, r, {float(c).hex()}F);")
    print("    return p;\n}")


def main() -> None:
    print("/*\n * Made by coefficients.py, which says what each polynomial is; a test holds that it still makes this file. FULL: for f64 data.\n */")
    print('#ifndef LIBLOSS_KERNEL_COEFFICIENTS_H\n#define LIBLOSS_KERNEL_COEFFICIENTS_H\n\n#include "pair.h"\n\n#if REAL_BITS == 64')
    print(f"\n/* the positive zero of the digamma function */\n#define DIGAMMA_ROOT ({two_parts(ROOT)})")
    for polynomial in POLYNOMIALS:
        print_double(*polynomial)
    print("\n#else")
    for polynomial in FLOATS:
        print_float(*polynomial)
    print("\n#endif\n#endif")


if __name__ == "__main__":
    main()
