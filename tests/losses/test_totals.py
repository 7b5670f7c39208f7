"""Totals across processes: any pieces of the data, any tree of merges, empty and loaded ones included, give the same bytes; and the number
is math.fsum's, or that of exact fractions."""

from __future__ import annotations

import math
import multiprocessing
import os
import random
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from itertools import chain, pairwise

import numpy as np
import pytest
from harness import REDUCTIONS, Loss, check, ffi, lib, tensor

SPEC = "absolute_error"
COUNT = 100_000_000 if os.environ.get("LIBLOSS_LONG") else 1_000_000
ZERO = np.zeros((), np.float32)
MAX = 1.7976931348623157e308


def cast(total):
    return ffi.cast("libloss_total *", ffi.from_buffer(total))


def save(total) -> bytes:
    out = np.zeros(lib.libloss_total_save(cast(total), ffi.NULL, 0), np.uint8)
    assert lib.libloss_total_save(cast(total), ffi.from_buffer(out), len(out)) == len(out)
    return out.tobytes()


def load(data: bytes):
    total = np.zeros(192, np.uint64)
    check(lib.libloss_total_load(cast(total), 1536, ffi.from_buffer(data), len(data)))
    return total


def read(total, reduction: int) -> float:
    number = ffi.new("double *")
    check(lib.libloss_total_value(cast(total), reduction, 0, 0, number, 1))
    return number[0]


def merged(one: bytes, other: bytes) -> bytes:
    """In whatever process this runs."""
    into, source = load(one), load(other)  # cffi keeps no array alive
    check(lib.libloss_total_merge(cast(into), cast(source)))
    return save(into)


def of_piece(file: str, begin: int, end: int, weighted: bool) -> bytes:
    """The total of some elements of a file."""
    data = np.memmap(file, np.float32, "r").reshape(2, -1)[:, begin:end]
    loss = Loss(SPEC)
    total = loss.start_total()
    loss.eval(data[0], ZERO, weight=data[1] if weighted else None, total=total)
    return save(total)


def of_values(values: list[float]) -> bytes:
    """The total of numbers as they are; of none: an empty one."""
    loss, keep = Loss(SPEC), []
    total = loss.start_total()
    if values:
        args = ffi.new("libloss_args *", {"struct_size": ffi.sizeof("libloss_args")})
        args.input[0], args.total = tensor(np.array(values), keep), cast(total)
        check(lib.libloss_reduce(loss.handle, args))
    return save(total)


@pytest.fixture(scope="module")
def processes():
    with ProcessPoolExecutor(3, multiprocessing.get_context("spawn")) as pool:
        yield pool


def grow(r: random.Random, pool, leaves: list[bytes]) -> bytes:
    """Merges a random tree: any two at a time, wherever they stand, each pair in some process."""
    while len(leaves) > 1:
        r.shuffle(leaves)
        pairs = min(r.randint(1, 8), len(leaves) // 2)
        made = [pool.submit(merged, leaves[2 * i], leaves[2 * i + 1]) for i in range(pairs)]
        leaves = leaves[2 * pairs:] + [m.result() for m in made]
    return leaves[0]


@pytest.mark.parametrize("weighted", [False, True])
def test_a_file_in_pieces(processes, tmp_path, weighted):
    file, r, step = str(tmp_path / "data"), random.Random(weighted), 1 << 20
    draw = np.random.default_rng(7)
    with open(file, "wb") as out:
        for _ in range(2):
            for begin in range(0, COUNT, step):
                x = draw.integers(0, 1 << 32, min(step, COUNT - begin), np.uint32).view(np.float32)  # all of f32
                out.write(np.abs(np.where(np.isfinite(x), x, np.float32(0))).tobytes())
    data = np.memmap(file, np.float32, "r").reshape(2, -1)
    terms = (data[0, i:i + step].astype(float) * (data[1, i:i + step] if weighted else 1.0) for i in range(0, COUNT, step))
    exact = math.fsum(chain.from_iterable(t.tolist() for t in terms))

    cuts = sorted({0, COUNT, *(r.randrange(COUNT) for _ in range(40))})
    pieces = list(pairwise(cuts))
    r.shuffle(pieces)
    parts = [p.result() for p in [processes.submit(of_piece, file, *piece, weighted) for piece in pieces]]
    whole = of_piece(file, 0, COUNT, weighted)
    assert grow(r, processes, parts) == whole
    total = load(whole)
    assert read(total, 1) == exact
    if weighted:
        assert read(total, 3) == exact / math.fsum(chain.from_iterable(data[1, i:i + step].tolist() for i in range(0, COUNT, step)))


SPECIAL = {"finite": [], "nan": [math.nan], "infinite": [math.inf], "minus": [-math.inf], "both": [math.inf, -math.inf], "nan and infinite": [math.nan, math.inf]}


@pytest.mark.parametrize("special", SPECIAL)
def test_any_tree_of_merges(processes, special):
    r = random.Random(special)
    values = [r.choice([r.gauss(0, 1) * 2.0 ** r.randint(-1074, 1000), MAX, -MAX, 5e-324, -5e-324, 0.0, -0.0, 1e16, 1.0]) for _ in range(300)]
    values += [-v for v in values if abs(v) == MAX] + SPECIAL[special]  # what overflows on the way comes back
    r.shuffle(values)
    trees = set()
    for _ in range(3):
        cuts = sorted(r.randrange(len(values)) for _ in range(12))  # equal cuts: empty totals
        leaves = [of_values(values[a:b]) for a, b in zip([0, *cuts], [*cuts, len(values)], strict=True)]
        trees.add(grow(r, processes, [*leaves, of_values([])]))
        r.shuffle(values)
    assert trees == {of_values(values)}
    total, there = load(trees.pop()), set(SPECIAL[special])
    got = read(total, 1)
    if not there:
        assert got == float(sum(map(Fraction, values), Fraction(0)))
    elif len(there) == 1 and not math.isnan(next(iter(there))):
        assert got == there.pop()
    else:
        assert math.isnan(got)


def test_a_sum_divides_by_masses():
    """The rows' masses count in the total of every term, as they do without one."""
    rng, loss = np.random.default_rng(8), Loss("0.5*cross_entropy + 0.25*cross_entropy(label_smoothing=0.1)")
    z, t, w = rng.normal(size=(40, 4)), rng.random((40, 4)), rng.choice([0, 1, 2.5], 40)
    total = np.zeros(400, np.uint64)
    check(lib.libloss_total_start(cast(total), total.nbytes, loss.handle, ffi.NULL))
    whole = loss.eval(z, t, weight=w, reduction="sum", total=total)["value"]
    assert read(total, REDUCTIONS["weighted_mean"]) == pytest.approx(whole / float(sum(map(Fraction, (w * t.sum(1)).tolist()))), rel=1e-14)
