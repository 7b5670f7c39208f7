"""Numbers as text against Python's float() and repr(), which are correctly rounded."""

from __future__ import annotations

import ctypes
import os
import random
import struct
from decimal import Decimal, getcontext

import pytest

COUNT = 1_000_000 if os.environ.get("LIBLOSS_LONG") else 30_000


@pytest.fixture(scope="module")
def library(build):
    L = build(["src/engine/number.c"])
    L.libloss__read_number.restype = ctypes.c_int64
    L.libloss__read_number.argtypes = [ctypes.c_char_p, ctypes.c_int64, ctypes.POINTER(ctypes.c_double)]
    L.libloss__print_number.argtypes = [ctypes.c_double, ctypes.c_char_p]
    return L


def read(library, text: bytes) -> tuple[int, float]:
    out = ctypes.c_double()
    return library.libloss__read_number(text, len(text), ctypes.byref(out)), out.value


def test_round_trip(library):
    r = random.Random(3)
    buffer = ctypes.create_string_buffer(32)
    for i in range(COUNT):
        x = [lambda: struct.unpack("d", struct.pack("Q", r.getrandbits(64)))[0], lambda: round(r.uniform(-100, 100), r.randint(0, 6)),
             lambda: 2.0 ** r.randint(-1074, 1023), lambda: r.randint(1, 9) * 10.0 ** r.randint(-320, 307),
             lambda: struct.unpack("d", struct.pack("Q", r.getrandbits(r.randint(1, 52))))[0], lambda: r.gauss(0, 1)][i % 6]()
        if x != x:
            continue
        text = repr(x).encode()
        assert read(library, text) == (len(text), x)
        library.libloss__print_number(x, buffer)
        assert float(buffer.value) == x
        digits = [len(t.lower().partition(b"e")[0].translate(None, b"-.").strip(b"0")) for t in (buffer.value, text)]
        assert digits[0] <= digits[1] + 1, (buffer.value, text)  # one more only next to a power of two


def test_halfway_cases(library):
    getcontext().prec = 1200
    r = random.Random(4)
    for _ in range(2000):
        bits = r.getrandbits(62)
        x, y = (struct.unpack("d", struct.pack("Q", bits + k))[0] for k in (0, 1))
        if y - y != 0:
            continue
        half = str((Decimal(x) + Decimal(y)) / 2)
        for text in (half, half + "1" if "E" not in half else half.replace("E", "1E")):
            assert read(library, text.encode())[1] == float(text), text


@pytest.mark.parametrize("text", ["1", "1.", ".5", "1e-3", "0x1.8p3", "0X.8", "inf", "-Infinity", "+2", "1e400", "1e-400", "0" * 900 + "1", "1" * 2000, "0." + "0" * 400 + "1"])
def test_forms(library, text):
    want = float.fromhex(text) if "x" in text.lower() else float(text)
    assert read(library, text.encode()) == (len(text), want)


@pytest.mark.parametrize(("text", "used"), [("", 0), (".", 0), ("-", 0), ("e5", 0), ("x", 0), ("1e", 1), ("1e+", 1), ("0x", 1), ("1.5.5", 3), ("2*huber", 1)])
def test_prefixes(library, text, used):
    assert read(library, text.encode())[0] == used
