"""Exact sums against Fraction: the tiles of every instruction set, and the limbs term by term, give the same bytes."""

from __future__ import annotations

import ctypes
import math
import random
import struct
from fractions import Fraction

import pytest
from conftest import ISAS, has

DRIVER = """
#define LIBLOSS_ISA t
#include "engine/tiles.h"
extern const libloss__tiles libloss__tiles_t;
const libloss__tiles *libloss__tiles_now(void) { return &libloss__tiles_t; }
static void put(libloss__sum *s, const double *v, long n)
{
    for (long i = 0; i < n; i++) libloss__sum_add(s, v[i]);
}
double tiles(const double *v, const double *w, long n, unsigned char *bytes)
{
    libloss__sum s = { .nan = 0 };
    for (long i = 0; i < n; i += TILE_SUM_MAX) {
        tile_sum t;
        long m = n - i < TILE_SUM_MAX ? n - i : TILE_SUM_MAX;
        if (w) libloss__tiles_t.sum_weighted_f64(v + i, w + i, m, &t);
        else libloss__tiles_t.sum_f64(v + i, m, &t);
        if (t.parts >= 0) libloss__sum_add_tile(&s, &t);
        else for (long j = i; j < i + m; j++) if (!w || w[j] != 0) libloss__sum_add(&s, w ? w[j] * v[j] : v[j]);
    }
    memcpy(bytes, &s, sizeof s);
    return libloss__sum_round(&s);
}
double tiles_f32(const float *v, const float *w, long n)
{
    libloss__sum s = { .nan = 0 };
    for (long i = 0; i < n; i += TILE_SUM_MAX) {
        tile_sum t;
        long m = n - i < TILE_SUM_MAX ? n - i : TILE_SUM_MAX;
        if (w) libloss__tiles_t.sum_weighted_f32(v + i, w + i, m, &t);
        else libloss__tiles_t.sum_f32(v + i, m, &t);
        libloss__sum_add_tile(&s, &t);
    }
    return libloss__sum_round(&s);
}
double limbs(const double *v, long n, unsigned char *bytes)
{
    libloss__sum s = { .nan = 0 };
    put(&s, v, n);
    memcpy(bytes, &s, sizeof s);
    return libloss__sum_round(&s);
}
double halves(const double *v, long n, long cut, unsigned char *bytes)
{
    libloss__sum a = { .nan = 0 }, b = { .nan = 0 };
    put(&a, v, cut);
    put(&b, v + cut, n - cut);
    libloss__sum_merge(&b, &a);
    memcpy(bytes, &b, sizeof b);
    return libloss__sum_round(&b);
}
double mean(const double *v, long n, double divisor)
{
    libloss__sum s = { .nan = 0 };
    put(&s, v, n);
    return libloss__sum_mean(&s, divisor);
}
"""
MAX = 1.7976931348623157e308


def number(r: random.Random) -> float:
    kind = r.random()
    if kind < 0.3:
        x = struct.unpack("d", struct.pack("Q", r.getrandbits(64)))[0]
        return x if x - x == 0 else 0.0
    if kind < 0.5:
        return r.gauss(0, 1) * 2.0 ** r.randint(-1074, 900)
    if kind < 0.6:
        return r.choice([5e-324, -5e-324, 2.2e-308, MAX, -MAX, 0.0, -0.0, 1e30, -1e30])
    return r.gauss(0, 1)


def rounded(exact: Fraction) -> float:
    try:
        return exact.numerator / exact.denominator
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


@pytest.mark.parametrize("isa", ISAS)
def test_exact(build, isa):
    if not has(isa):
        pytest.skip(f"this machine has no {isa}")
    L = build([DRIVER, "src/engine/tiles.c", "src/engine/sum.c"], *ISAS[isa])
    for f in (L.tiles, L.tiles_f32, L.limbs, L.halves, L.mean):
        f.restype = ctypes.c_double
    r = random.Random(1)
    for trial in range(1500):
        n = r.choice([0, 1, 2, 3, 15, 16, 17, 100, 1023, 1024, 1025, 2500]) if trial % 10 == 0 else r.randint(0, 40)
        scale = trial % 3
        v = [number(r) if scale == 0 else r.gauss(0, 1) * 2.0 ** (r.randint(-1074, -900) if scale == 1 else r.randint(-20, 20)) for _ in range(n)]
        w = [r.choice([0.0, 0.3, 1.0, 2.5]) for _ in range(n)]
        array, weights, single = (ctypes.c_double * n)(*v), (ctypes.c_double * n)(*w), [struct.unpack("f", struct.pack("f", x))[0] if abs(x) < 3e38 else 1.0 for x in v]
        one, two, three = ((ctypes.c_ubyte * 296)() for _ in range(3))
        exact = rounded(sum(map(Fraction, v), Fraction(0)))
        assert L.tiles(array, None, ctypes.c_long(n), one) == exact
        assert L.limbs(array, ctypes.c_long(n), two) == exact
        assert L.halves(array, ctypes.c_long(n), ctypes.c_long(r.randint(0, n)), three) == exact
        assert bytes(one) == bytes(two) == bytes(three)
        terms = [a * b for a, b in zip(v, w, strict=True) if b]
        if all(t - t == 0 for t in terms):
            assert L.tiles(array, weights, ctypes.c_long(n), one) == rounded(sum(map(Fraction, terms), Fraction(0)))
        assert L.tiles_f32((ctypes.c_float * n)(*single), None, ctypes.c_long(n)) == rounded(sum(map(Fraction, single), Fraction(0)))
    three = (ctypes.c_double * 3)(MAX, MAX, MAX)
    assert L.mean(three, ctypes.c_long(3), ctypes.c_double(3)) == MAX


@pytest.mark.parametrize(("terms", "total"), [([math.inf, 1], math.inf), ([-math.inf, MAX], -math.inf), ([math.inf, -math.inf], math.nan),
                                              ([math.nan, 1], math.nan), ([MAX, MAX, -MAX], MAX), ([MAX, MAX], math.inf), ([1e30, 1, -1e30], 1)])
def test_ends_of_the_range(build, terms, total):
    L = build([DRIVER, "src/engine/tiles.c", "src/engine/sum.c"])
    L.tiles.restype = ctypes.c_double
    got = L.tiles((ctypes.c_double * len(terms))(*terms), None, ctypes.c_long(len(terms)), (ctypes.c_ubyte * 296)())
    assert got == total or (math.isnan(got) and math.isnan(total))


@pytest.mark.parametrize("late", [1e-40, 5e-324, -3e-33, 1e4, -1e300, 1e-290])
@pytest.mark.parametrize("isa", ISAS)
def test_what_the_first_terms_do_not_show(build, isa, late):
    """A tile is summed in the levels that its first terms suggest; what comes later and does not fit is found."""
    if not has(isa):
        pytest.skip(f"this machine has no {isa}")
    L = build([DRIVER, "src/engine/tiles.c", "src/engine/sum.c"], *ISAS[isa])
    L.tiles.restype = ctypes.c_double
    for n in (65, 200, 1024):
        v = [1.0 + i / 64 for i in range(64)] + [0.5] * (n - 65) + [late]
        v[-1 if n == 65 else 70] = late
        v += [-x for x in v[:-1]] if n < 500 else []  # what is left over shows in the sum
        got = L.tiles((ctypes.c_double * len(v))(*v), None, ctypes.c_long(len(v)), (ctypes.c_ubyte * 296)())
        assert got == rounded(sum(map(Fraction, v), Fraction(0)))


@pytest.mark.parametrize("late", [math.nextafter(8, 0), 8.0, -9.0, 2.0**-21, 3 * 2.0**-26, 2.0**-45, 1e-40, 1e38, math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("isa", ISAS)
def test_floats_that_the_first_ones_do_not_show(build, isa, late):
    """One level is tried where the first floats of a tile look alike; a later one that is too large, too small or no number is found."""
    if not has(isa):
        pytest.skip(f"this machine has no {isa}")
    L = build([DRIVER, "src/engine/tiles.c", "src/engine/sum.c"], *ISAS[isa])
    L.tiles_f32.restype = ctypes.c_double
    late = ctypes.c_float(late).value
    for n in (65, 200, 1024):
        v = [(1.0 + i / 64) * (-1) ** (i % 3 == 0) for i in range(64)] + [0.5] * (n - 64)
        v[-1 if n == 65 else 70] = late
        v += [-x for x in v if x != late and x == x] if n < 500 else []  # what is left over shows in the sum
        got = L.tiles_f32((ctypes.c_float * len(v))(*v), None, ctypes.c_long(len(v)))
        if late - late == 0:
            assert got == rounded(sum(map(Fraction, v), Fraction(0)))
        else:
            assert got == late or (math.isnan(got) and math.isnan(late))


@pytest.mark.parametrize("special", [[math.nan], [math.inf], [-math.inf, math.inf], [math.nan, -math.inf]])
def test_what_is_not_finite_leaves_nothing_else(build, special):
    """Bytes tell how many such terms there were, and nothing of the others, in whatever order and pieces they came."""
    L = build([DRIVER, "src/engine/tiles.c", "src/engine/sum.c"])
    r = random.Random(str(special))
    seen = set()
    for _ in range(20):
        v = [r.gauss(0, 1) * 2.0 ** r.randint(-60, 60) for _ in range(r.choice([1, 40, 1500]))] + special
        r.shuffle(v)
        array, n = (ctypes.c_double * len(v))(*v), ctypes.c_long(len(v))
        one, two, three = ((ctypes.c_ubyte * 296)() for _ in range(3))
        L.tiles(array, None, n, one)
        L.limbs(array, n, two)
        L.halves(array, n, ctypes.c_long(r.randint(0, len(v))), three)
        seen |= {bytes(one), bytes(two), bytes(three)}
    counts = [sum(map(math.isnan, special)), special.count(math.inf), special.count(-math.inf)]
    assert seen == {bytes(272) + struct.pack("3q", *counts)}
