"""The functions of kernel/math.h against mpmath, in ULP, for both grades and every instruction set of this machine."""

from __future__ import annotations

import ctypes
import math
import os
import random
import subprocess
import sys

import mpmath as mp
import numpy as np
import pytest
from conftest import ISAS, ROOT, has

mp.mp.prec = 500
DEEPER = 10 if os.environ.get("LIBLOSS_LONG") else 1
SOURCE = """
#include "kernel/math.h"
double one(int k, double x)
{
    switch (k) {
%s
    }
    return 0;
}
void many(int k, const double *x, double *y, long n) { for (long i = 0; i < n; i++) y[i] = one(k, x[i]); }
double two(double x, double y) { return pow_(x, y); }
"""


FUNCTIONS = {  # as written in C; exact function; bound in ULP of f64 data; domain; values at infinity, -infinity, 0
    "exp_(x)": (mp.exp, 0.6, "real", (math.inf, 0, 1)),
    "expm1_(x)": (mp.expm1, 0.9, "real", (math.inf, -1, 0)),
    "log_(x)": (mp.log, 0.55, "positive", (math.inf, math.nan, -math.inf)),
    "log1p_(x)": (mp.log1p, 0.55, "above -1", (math.inf, math.nan, 0)),
    "logit_(x)": (lambda p: mp.log(p) - mp.log1p(-p), 0.6, "unit", (math.nan, math.nan, -math.inf)),
    "softplus_(x)": (lambda x: mp.log1p(mp.exp(x)) if x < 700 else x + mp.exp(-x), 0.7, "real", (math.inf, 0, None)),
    "log_sigmoid_(x)": (lambda x: -mp.log1p(mp.exp(-x)) if x > -700 else x - mp.exp(x), 0.7, "real", (0, -math.inf, None)),
    "logistic_(x)": (lambda x: 1 / (1 + mp.exp(-x)), 0.7, "real", (1, 0, 0.5)),
    "sigmoid_parts_(x).pq": (lambda x: mp.exp(-abs(x)) / (1 + mp.exp(-abs(x))) ** 2, 1.1, "real", (0, 0, 0.25)),
    "sides_of(as_pair(x)).little": (lambda x: mp.log1p(mp.exp(-x)), 1.4, "not negative", (0, None, None)),
    "sides_of(as_pair(x)).p": (lambda x: 1 / (1 + mp.exp(-x)), 1.1, "not negative", (1, None, 0.5)),
    "sides_of(as_pair(x)).q": (lambda x: 1 / (1 + mp.exp(x)), 1.4, "not negative", (0, None, 0.5)),
    "hyperbolic_of(as_pair(x)).log_cosh": (lambda x: mp.log1p(2 * mp.sinh(x / 2) ** 2), 0.9, "real", (math.inf, math.inf, 0)),
    "hyperbolic_of(as_pair(x)).tanh": (mp.tanh, 1.0, "real", (1, -1, 0)),
    "hyperbolic_of(as_pair(x)).sech2": (lambda x: mp.sech(x) ** 2, 1.2, "real", (0, 0, 1)),
    "erf_(x)": (mp.erf, 0.7, "real", (1, -1, 0)),
    "erfc_(x)": (mp.erfc, 0.9, "real", (0, 2, 1)),
    "erfcx_(x)": (lambda x: mp.erfc(x) * mp.exp(x * x), 0.9, "erfcx", (0, math.inf, 1)),
    "lgamma_(x)": (mp.loggamma, 0.9, "positive", (math.inf, math.nan, math.inf)),
    "digamma_(x)": (mp.digamma, 0.9, "positive", (math.inf, math.nan, -math.inf)),
    "i0e_(x)": (lambda x: mp.besseli(0, x) * mp.exp(-x), 0.9, "not negative", (0, None, 1)),
    "bessel_ratio_(x)": (lambda x: mp.besseli(1, x) / mp.besseli(0, x), 0.9, "not negative", (1, None, 0)),
    "sincospi_pair(as_pair(x)).sin": (mp.sinpi, 0.7, "turns", (None, None, 0)),
    "sincospi_pair(as_pair(x)).cos": (mp.cospi, 0.7, "turns", (None, None, 1)),
    "sincos_pair(as_pair(x)).sin": (mp.sin, 0.7, "turns", (None, None, 0)),
}
SOURCE %= "\n".join(f"    case {k}: return {text};" for k, text in enumerate(FUNCTIONS))


LEAST_INSIDE = 2.0**-1022  # inside f32 data no double is subnormal


def points(domain: str, inside: bool) -> np.ndarray:
    r = random.Random(5)
    x = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 5e-324, -5e-324, 1e-310, 2.2e-308, 1 + 2**-52, 1 - 2**-53, 0.7071067811865475, 1.4142135623730951]
    for _ in range(400 * DEEPER):
        x += [r.uniform(-1, 1), r.uniform(-40, 40), r.choice([-1, 1]) * 10 ** r.uniform(-300, 2), r.choice([-1, 1]) * 2 ** r.uniform(-60, 9.4)]
    if not inside:
        x += [r.uniform(-745, -700) for _ in range(300)] + [r.uniform(700, 709.7) for _ in range(100)]
    limit = 80 if inside else 709.78
    if domain == "positive":  # of logarithms and Gamma: zeros, poles, and places where a piece begins
        x = [abs(v) for v in x if v] + [r.uniform(0.9, 1.1) for _ in range(600 * DEEPER)] + [10 ** r.uniform(-323, 300) for _ in range(600 * DEEPER)]
        x += [r.uniform(0.4, 10) for _ in range(600 * DEEPER)] + [v + r.uniform(-1e-6, 1e-6) for v in (1, 2, 1.4616321449683623) for _ in range(300)]
        limit = math.inf
    if domain == "above -1":
        x = [v for v in x if v > -1] + [-1 + 2.0**-j for j in range(1, 53)] + [r.uniform(-0.999, 1) for _ in range(600 * DEEPER)]
    if domain == "unit":
        x = [abs(v) for v in x if 0 < abs(v) < 1] + [r.uniform(0.2, 0.8) for _ in range(600 * DEEPER)] + [0.5 + r.uniform(-1e-6, 1e-6) for _ in range(500)]
    if domain == "erfcx":
        x = [v for v in x if v > -26] + [10 ** r.uniform(0, 300) for _ in range(500)]
    if domain == "not negative":
        x = [abs(v) for v in x] + [r.uniform(0, 20) for _ in range(600 * DEEPER)]
    if domain == "turns":
        x = [v for v in x if abs(v) < 40] + [r.randrange(-40, 40) / 4 for _ in range(100)] + [r.uniform(-1, 1) * 1e3 for _ in range(1000)]
    least = LEAST_INSIDE if inside else 0
    return np.array([v for v in x if abs(v) < limit and (abs(v) >= least or v == 0)])


def ulp(y) -> mp.mpf:
    return mp.ldexp(1, max(mp.frexp(y)[1] - 53, -1074)) if y else mp.ldexp(1, -1074)


def build_for(build, isa, bits) -> ctypes.CDLL:
    if not has(isa):
        pytest.skip(f"this machine has no {isa}")
    library = build([SOURCE], *ISAS[isa], f"-DLIBLOSS_BITS={bits}", *(["-DINSIDE_F64"] if bits == 32 else []))
    library.one.restype, library.one.argtypes = ctypes.c_double, [ctypes.c_int, ctypes.c_double]
    library.two.restype, library.two.argtypes = ctypes.c_double, [ctypes.c_double, ctypes.c_double]
    return library


def error(got: float, exact, bits: int) -> float:
    """In ULP; inside f32 data in 2^-28 of the result, since what shows there is 2^-24."""
    if not math.isfinite(got):
        return 0 if abs(exact) >= mp.mpf(sys.float_info.max) else math.inf
    unit = ulp(exact) if bits == 64 else max(abs(exact) * mp.mpf(2) ** -28, mp.mpf(2) ** -1000)
    return float(abs(mp.mpf(got) - exact) / unit)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("bits", [64, 32])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_within_bound(build, isa, bits, name):
    library = build_for(build, isa, bits)
    f, bound, domain, limits = FUNCTIONS[name]
    k = list(FUNCTIONS).index(name)
    x = points(domain, bits == 32)
    y = np.empty_like(x)
    pointer = ctypes.POINTER(ctypes.c_double)
    library.many(k, x.ctypes.data_as(pointer), y.ctypes.data_as(pointer), ctypes.c_long(len(x)))
    worst = max((error(float(b), f(mp.mpf(float(a))), bits), float(a)) for a, b in zip(x, y, strict=True))
    assert worst[0] <= (bound if bits == 64 else 1), worst
    for at, want in zip((math.inf, -math.inf, 0.0), limits, strict=True):
        got = library.one(k, at)
        if bits == 32 and want is not None:  # as the float that it becomes
            got = float(np.float32(got))
        assert want is None or got == want or (math.isnan(got) and math.isnan(want)), (name, at, got)
    assert math.isnan(library.one(k, math.nan))


@pytest.mark.parametrize("bits", [64, 32])
def test_powers(build, bits):
    library, r = build_for(build, "avx2" if has("avx2") else "baseline", bits), random.Random(6)
    worst = (0.0,)
    least = LEAST_INSIDE if bits == 32 else 5e-324
    for _ in range(1500 * DEEPER):
        x = r.choice([r.uniform(0, 2), 10 ** r.uniform(-300, 300), 1 + r.uniform(-1, 1) * 1e-8, least * r.randrange(1, 1000)])
        limit = (700 if bits == 64 else 80) / abs(math.log(x)) if x != 1 else 1e300
        y = r.choice([r.uniform(-1, 1) * limit, r.uniform(-1, 1) * min(limit, 4), float(round(r.uniform(-1, 1) * min(limit, 1e6)))])
        worst = max(worst, (error(library.two(x, y), mp.power(mp.mpf(x), mp.mpf(y)), bits), x, y))
    assert worst[0] <= (0.6 if bits == 64 else 1), worst
    for x, y, want in [(0.0, 0.0, 1), (2.0, 0.0, 1), (1.0, math.inf, 1), (0.0, 2.0, 0), (0.0, -1.0, math.inf), (math.inf, 0.5, math.inf), (2.0, 2000.0, math.inf)]:
        assert library.two(x, y) == want, (x, y)


def test_coefficients_are_made_by_their_generator(tmp_path):
    made = subprocess.run([sys.executable, str(ROOT / "src/kernel/coefficients.py")], check=True, capture_output=True, text=True).stdout
    assert made == (ROOT / "src/kernel/coefficients.h").read_text()
