"""The functions of kernel/math.h against mpmath, in ULP, for both grades and every instruction set of this machine."""

from __future__ import annotations

import ctypes
import math
import random

import mpmath as mp
import numpy as np
import pytest
from conftest import ISAS, has

mp.mp.prec = 500
SOURCE = """
#include "kernel/math.h"
double one(int k, double x)
{
    switch (k) {
    case 0: return exp_(x);
    case 1: return expm1_(x);
    case 2: return log_(x);
    case 3: return log1p_(x);
    case 4: return softplus_(x);
    case 5: return logistic_(x);
    case 6: return log_cosh_((pair){ x, 0 });
    case 7: return tanh_((pair){ x, 0 });
    case 8: return sech2_((pair){ x, 0 });
    default: return sigmoid_parts_(x).pq;
    }
}
void many(int k, const double *x, double *y, long n) { for (long i = 0; i < n; i++) y[i] = one(k, x[i]); }
"""
FUNCTIONS = {  # exact function, bound in ULP of f64 data, values at infinity, -infinity, 0
    "exp": (mp.exp, 0.8, (math.inf, 0, 1)),
    "expm1": (mp.expm1, 1.0, (math.inf, -1, 0)),
    "log": (mp.log, 0.65, (math.inf, math.nan, -math.inf)),
    "log1p": (mp.log1p, 0.6, (math.inf, math.nan, 0)),
    "softplus": (lambda x: mp.log1p(mp.exp(x)) if x < 700 else x + mp.exp(-x), 1.3, (math.inf, 0, None)),
    "logistic": (lambda x: 1 / (1 + mp.exp(-x)), 1.3, (1, 0, 0.5)),
    "log_cosh": (lambda x: mp.log1p(2 * mp.sinh(x / 2) ** 2), 1.8, (math.inf, math.inf, 0)),
    "tanh": (mp.tanh, 1.7, (1, -1, 0)),
    "sech2": (lambda x: mp.sech(x) ** 2, 2.2, (0, 0, 1)),
    "pq": (lambda x: mp.exp(-abs(x)) / (1 + mp.exp(-abs(x))) ** 2, 2.2, (0, 0, 0.25)),
}


def points(name: str, inside: bool) -> np.ndarray:
    r = random.Random(5)
    x = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 5e-324, -5e-324, 1e-310, 2.2e-308, 1 + 2**-52, 1 - 2**-53, 0.7071067811865475, 1.4142135623730951]
    for _ in range(1500):
        x += [r.uniform(-1, 1), r.uniform(-40, 40), r.choice([-1, 1]) * 10 ** r.uniform(-300, 2), r.choice([-1, 1]) * 2 ** r.uniform(-60, 9.4)]
    if not inside:
        x += [r.uniform(-745, -700) for _ in range(300)] + [r.uniform(700, 709.7) for _ in range(100)]
    if name == "log":
        x = [abs(v) for v in x if v] + [r.uniform(0.9, 1.1) for _ in range(2000)] + [10 ** r.uniform(-323, 308) for _ in range(2000)]
    if name == "log1p":
        x = [v for v in x if v > -1] + [-1 + 2.0**-j for j in range(1, 53)] + [r.uniform(-0.999, 1) for _ in range(2000)]
    limit = 80 if inside else 709.78
    return np.array([v for v in x if abs(v) < limit or name == "log"])


def ulp(y) -> mp.mpf:
    return mp.ldexp(1, max(mp.frexp(y)[1] - 53, -1074)) if y else mp.ldexp(1, -1074)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("bits", [64, 32])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_within_bound(build, isa, bits, name):
    if not has(isa):
        pytest.skip(f"this machine has no {isa}")
    library = build([SOURCE], *ISAS[isa], f"-DLIBLOSS_BITS={bits}", *(["-DINSIDE_F64"] if bits == 32 else []))
    f, bound, limits = FUNCTIONS[name]
    k = list(FUNCTIONS).index(name)
    x = points(name, bits == 32)
    y = np.empty_like(x)
    pointer = ctypes.POINTER(ctypes.c_double)
    library.many(k, x.ctypes.data_as(pointer), y.ctypes.data_as(pointer), ctypes.c_long(len(x)))
    worst = (0.0, 0.0)
    for a, b in zip(x, y, strict=True):
        exact = f(mp.mpf(float(a)))
        # inside f32 data: relative 2^-32, far below half a ULP of a float
        unit = ulp(exact) if bits == 64 else max(abs(exact) * mp.mpf(2) ** -32, mp.mpf(2) ** -1000)
        worst = max(worst, (float(abs(mp.mpf(float(b)) - exact) / unit), float(a)))
    assert worst[0] <= (bound if bits == 64 else 1), worst
    library.one.restype, library.one.argtypes = ctypes.c_double, [ctypes.c_int, ctypes.c_double]
    if bits == 64:
        for at, want in zip((math.inf, -math.inf, 0.0), limits, strict=True):
            got = library.one(k, at)
            assert want is None or got == want or (math.isnan(got) and math.isnan(want)), (name, at, got)
    assert math.isnan(library.one(k, math.nan))
