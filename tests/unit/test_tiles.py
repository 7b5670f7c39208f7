"""The engine's loops that convert and copy: every half there is, every place where rounding turns, any address, no byte too much."""

from __future__ import annotations

import ctypes
import math

import numpy as np
import pytest
from conftest import ISAS, has

DRIVER = """
#include "engine/tiles.h"
extern const libloss__tiles libloss__tiles_t;
void convert(int which, void *to, const void *from, long n)
{
    const libloss__tiles *t = &libloss__tiles_t;
    void (*const f[])(void *, const void *, ptrdiff_t) = { t->from_f16, t->from_bf16, t->to_f16_f32, t->to_f16_f64,
                                                           t->to_bf16_f32, t->to_bf16_f64, t->narrow, t->widen };
    f[which](to, from, n);
}
void stream(char *to, const char *from, long bytes) { libloss__tiles_t.stream(to, from, bytes); }
int not_weights(const float *w, long n, long *present)
{
    int64_t there = 0;
    int bad = libloss__tiles_t.not_weights_f32(w, n, &there);
    *present = there;
    return bad;
}
"""
NAMES = ["from_f16", "from_bf16", "to_f16_f32", "to_f16_f64", "to_bf16_f32", "to_bf16_f64", "narrow", "widen"]
HALVES = np.arange(1 << 16, dtype=np.uint32)


def bf16_value(h):
    with np.errstate(invalid="ignore"):
        return (h.astype(np.uint32) << 16).view(np.float32).astype(np.float64)


def to_bf16(x: float) -> int:
    """By integers: the nearest multiple of the step, ties to even."""
    sign = 0x8000 if math.copysign(1, x) < 0 else 0
    x = abs(x)
    if x == 0:
        return sign
    if math.isnan(x):
        return sign | 0x7FC0
    if math.isinf(x):
        return sign | 0x7F80
    step = max(math.frexp(x)[1] - 1, -126) - 7
    mantissa, exponent = math.frexp(x)
    n, shift = int(mantissa * 2.0**53), exponent - 53 - step
    units = n << shift if shift >= 0 else (n + (1 << (-shift - 1)) - 1 + (n >> -shift & 1)) >> -shift
    return sign | min(((step + 133) << 7) + units, 0x7F80)


@pytest.fixture(scope="module", params=ISAS)
def tiles(request, build):
    if not has(request.param):
        pytest.skip(f"this machine has no {request.param}")
    library = build([DRIVER, "src/engine/tiles.c"], *ISAS[request.param])

    def convert(name, data, to, shift=0):
        """Between two guards, at an address that is `shift` bytes off."""
        size = np.dtype(to).itemsize
        source = ctypes.create_string_buffer(bytes(shift) + data.tobytes())
        out = ctypes.create_string_buffer(b"\x55" * (len(data) * size + shift + 64))
        address = ctypes.addressof(out) + shift
        library.convert(NAMES.index(name), ctypes.c_void_p(address), ctypes.c_void_p(ctypes.addressof(source) + shift), ctypes.c_long(len(data)))
        raw = out.raw[:-1]
        assert raw[:shift] == b"\x55" * shift and set(raw[shift + len(data) * size:]) == {0x55}
        return np.frombuffer(raw, to, len(data), shift)

    library.of = convert
    return library


def same(a, b):
    return np.array_equal(a, b, equal_nan=True) and np.array_equal(np.signbit(a), np.signbit(b))


def test_from_halves(tiles):
    halves = HALVES.astype(np.uint16)
    for shift in (0, 1):
        with np.errstate(invalid="ignore"):
            assert same(tiles.of("from_f16", halves, np.float32, shift), halves.view(np.float16).astype(np.float32))
        assert same(tiles.of("from_bf16", halves, np.float32, shift), bf16_value(halves).astype(np.float32))
    for n in range(40):
        assert same(tiles.of("from_f16", halves[15000:15000 + n], np.float32), halves[15000:15000 + n].view(np.float16).astype(np.float32))


def turns(values):
    """All numbers, what lies half-way between neighbours, and the next doubles on both sides of each."""
    values = np.unique(values[np.isfinite(values)])
    middle = (values[1:] + values[:-1]) / 2
    ends = np.array([65519.99, 65520, 65536, 1e5, 1e30, 3.3961775e38, 3.4e38, 3.5e38, 1e308, 5e-324, np.inf, -np.inf, np.nan, 0.0, -0.0])
    points = np.concatenate([values, middle, ends])
    with np.errstate(over="ignore"):
        return np.concatenate([points, np.nextafter(points, np.inf), np.nextafter(points, -np.inf)])


def test_to_halves(tiles):
    with np.errstate(invalid="ignore", over="ignore"):
        x = turns(HALVES.astype(np.uint16).view(np.float16).astype(np.float64))
        expected = x.astype(np.float16)
        single = x.astype(np.float32)
        assert same(tiles.of("to_f16_f64", x, np.float16), expected)
        assert same(tiles.of("to_f16_f32", single, np.float16, 1), single.astype(np.float64).astype(np.float16))
    x = turns(bf16_value(HALVES.astype(np.uint16)))[::7]
    got = tiles.of("to_bf16_f64", x, np.uint16)
    assert got.tolist() == [to_bf16(v) for v in x.tolist()]
    with np.errstate(over="ignore"):
        single = x.astype(np.float32)
    assert tiles.of("to_bf16_f32", single, np.uint16, 1).tolist() == [to_bf16(v) for v in single.astype(np.float64).tolist()]


def test_other_widths(tiles):
    x = np.random.default_rng(1).normal(size=1000) * 10.0 ** np.random.default_rng(2).integers(-60, 60, 1000)
    with np.errstate(over="ignore", under="ignore"):
        assert same(tiles.of("narrow", x, np.float32, 1), x.astype(np.float32))
        assert same(tiles.of("widen", x.astype(np.float32), np.float64, 1), x.astype(np.float32).astype(np.float64))


def test_stream(tiles):
    data = bytes(range(256)) * 3
    for shift in (0, 1, 4, 16, 48, 63):
        for n in (0, 1, 15, 63, 64, 65, 127, 128, 200, 700):
            out = ctypes.create_string_buffer(b"\x55" * 900)
            at = -ctypes.addressof(out) % 64 + shift
            tiles.stream(ctypes.c_void_p(ctypes.addressof(out) + at), data, ctypes.c_long(n))
            assert out.raw[:-1] == b"\x55" * at + data[:n] + b"\x55" * (900 - at - n)


@pytest.mark.parametrize("bad", [-1e-45, -1, math.inf, -math.inf, math.nan, None])
def test_weights(tiles, bad):
    for n in (1, 15, 16, 17, 100):
        w = (ctypes.c_float * n)(*[i % 3 for i in range(n)])
        present = ctypes.c_long()
        if bad is not None:
            w[n - 1] = bad
        assert bool(tiles.not_weights(w, ctypes.c_long(n), ctypes.byref(present))) == (bad is not None)
        assert present.value == sum(v != 0 for v in w)
