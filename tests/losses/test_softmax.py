"""Rows of logits: accuracy where rows are hard or long, and bits that depend on nothing but the row."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from harness import Loss, check, ffi, lib
from instruction_sets import printed_by_each
from test_accuracy import bounds, error
from test_engine import bits

INF = np.inf


def exact(z: np.ndarray, s: list):
    """Value, gradients and Hessians of masses s, with so many digits that the smallest number of the type stands beside 1."""
    with mp.workdps(150 if z.dtype == np.float32 else 450):
        z = [mp.mpf(float(x)) for x in z]
        top = max(z)
        e = [mp.exp(x - top) for x in z]
        total, mass = mp.fsum(e), mp.fsum(s)
        lse = top + mp.log(total)
        value = mp.fsum(w * (lse - x) for w, x in zip(s, z, strict=True) if w)
        q = [x / total for x in e]
        return value, [mass * p - w for p, w in zip(q, s, strict=True)], [mass * p * (1 - p) for p in q]


def hard_rows(dtype):
    far = [40, 39.3, 80, 87, 88.5, 95, 103.5, 104.5, 120, 150, 152.9, 153.2, 160, 300]
    if dtype is np.float64:
        far += [700, 708.5, 730, 745.5, 773.9, 774.5, 900]
    rng = np.random.default_rng(3)
    for gap in far:
        yield np.array([gap, 0, 0], dtype), 0
        yield np.array([0, gap, gap * 0.5], dtype), 0
        yield np.array([1.2345678, 1.2345678 - gap, -gap], dtype), 1
        yield np.array([gap, 0, *rng.normal(size=70)], dtype), 0
    for shift in (0, 1e3, -1e6, 1e8, 3e30):  # large logits: the differences are what counts
        yield (rng.normal(size=5) + shift).astype(dtype), 3
    for n in (2, 3, 5, 17, 64, 65, 66, 80, 81, 130):
        for spread in (0.01, 1, 10, 100):
            yield (rng.normal(size=n) * spread).astype(dtype), int(rng.integers(n))
    for k in range(150):  # two classes: all of e in one number
        yield np.array([0, -k * 0.0317], dtype), k % 2
    yield np.array([1, 2, -INF, -INF], dtype), 0
    yield np.array([0.0, -0.0, 0.0], dtype), 2
    for n in (1000, 4096, 4097, 9000):
        yield rng.normal(size=n).astype(dtype) * 2, 7
        yield (rng.normal(size=n) - 30 * (np.arange(n) != 11)).astype(dtype), 11


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_hard_rows(dtype):
    loss, limits = Loss("cross_entropy"), bounds("cross_entropy", dtype)
    worst = [0.0, 0.0, 0.0]
    for z, k in hard_rows(dtype):
        values = np.empty(1, dtype)
        got = loss.eval(z[None], np.array([k]), grad=[0], hess=[0], values=values, reduction="none")
        value, grad, hess = exact(z, [int(j == k) for j in range(len(z))])
        some = range(len(z)) if len(z) < 200 else [k, int(np.argmax(z)), *range(0, len(z), 97)]
        errors = [error(values[0], value, dtype), max(error(got["grad0"][0, j], grad[j], dtype) for j in some),
                  max(error(got["hess0"][0, j], hess[j], dtype) for j in some)]
        assert all(e <= limit for e, limit in zip(errors, limits, strict=True)), (z[:5], len(z), k, errors)
        worst = [max(pair) for pair in zip(worst, errors, strict=True)]
    assert max(worst) > 0.4  # they are hard indeed
    print(dtype.__name__, "worst ULP of value, gradient, Hessian:", [round(w, 3) for w in worst])


def test_a_sure_row():
    got = Loss("cross_entropy").eval(np.array([[40, 0, 0]], np.float32), np.array([0]), grad=[0])
    assert got["value"] == pytest.approx(8.4967e-18, rel=1e-4)
    np.testing.assert_allclose(got["grad0"], [[-8.4967e-18, 4.24835e-18, 4.24835e-18]], rtol=1e-4)


@pytest.mark.parametrize("classes", [3, 100])
def test_absent_classes_have_no_gradient_whatever_the_factor(classes):
    z = np.zeros((1, classes), np.float32)
    z[0, 1] = -INF
    got = Loss("cross_entropy").eval(z, np.array([0]), grad=[0], hess=[0], upstream=np.array([1e37]))
    assert got["grad0"][0, 1] == 0 and got["hess0"][0, 1] == 0 and got["grad0"][0, 2] > 1e30


SPECS = ["cross_entropy", "cross_entropy(label_smoothing=0.125)"]
CLASSES = [1, 2, 10, 64, 65, 100, 1000, 5000]


def some_rows(classes, dtype, rows=19):
    rng = np.random.default_rng(classes)
    z = (rng.normal(size=(rows, classes)) * rng.choice([0.1, 3, 60], (rows, 1))).astype(dtype)
    return z, rng.integers(0, classes, rows), rng.dirichlet(np.ones(classes), rows).astype(dtype), rng.uniform(0, 2, classes).astype(dtype)


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("classes", CLASSES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("target", ["label", "row"])
@pytest.mark.parametrize("weighted", [False, True])
def test_bits_depend_on_the_row_alone(spec, classes, dtype, target, weighted):
    loss = Loss(spec)
    z, label, soft, class_weight = some_rows(classes, dtype)
    t, w = label if target == "label" else soft, class_weight if weighted else None
    row_weight = np.ones(len(z), dtype)
    row_weight[[2, 7, 8]] = 0

    def run(z=z, t=t, weight=None, outputs=None, grad=(0,), hess=(0,)):
        return loss.eval(z, t, w, weight=weight, grad=grad, hess=hess, values=np.empty(len(z), dtype), value=False, reduction="sum", outputs=outputs)

    whole = run()
    for r in (0, 1, len(z) - 1):  # alone
        one = run(z[r : r + 1], t[r : r + 1])
        assert all(bits(one[k][0]) == bits(whole[k][r]) for k in ("values", "grad0", "hess0"))
    for grad, hess in (((), ()), ((0,), ()), ((), (0,))):  # less wanted
        less = run(grad=grad, hess=hess)
        assert all(bits(less[k]) == bits(whole[k]) for k in less)
    masked = run(weight=row_weight)  # others absent
    there = row_weight != 0
    assert all(bits(masked[k][there]) == bits(whole[k][there]) for k in ("values", "grad0", "hess0"))
    strided = np.full((len(z) * 2, classes), 7, dtype)
    strided[::2] = z
    out = {k: np.empty((len(z), classes * 3), dtype)[:, ::3] for k in ("grad0", "hess0")}
    apart = run(strided[::2], outputs=out)
    assert all(bits(apart[k]) == bits(whole[k]) for k in whole)
    wide = run(outputs={k: np.empty(z.shape, np.float64) for k in ("grad0", "hess0")})
    assert all(bits(wide[k].astype(dtype)) == bits(whole[k]) for k in whole)
    mixed = run(outputs={"hess0": np.empty(z.shape, np.float64)})  # one in place of the logits' kind, one not
    assert bits(mixed["grad0"]) == bits(whole["grad0"])
    for key in ("grad0", "hess0"):
        own = z.copy()
        assert bits(run(own, outputs={key: own})[key]) == bits(whole[key])


@pytest.mark.parametrize("classes", [2, 10, 100])
@pytest.mark.parametrize("rows", [1, 15, 16, 17, 64, 256, 257])
@pytest.mark.parametrize("bad", [False, True])
def test_flat_calls_are_evaluations(classes, rows, bad):
    rng = np.random.default_rng(rows)
    for dtype, label_dtype in ((np.float32, np.int32), (np.float32, np.int64), (np.float64, np.int32), (np.float64, np.int64)):
        z, y = rng.normal(size=(rows, classes)).astype(dtype), rng.integers(0, classes, rows).astype(label_dtype)
        if bad:
            y[-1] = classes
        entry = getattr(lib, f"libloss_rows_f{z.itemsize * 8}_i{y.itemsize * 8}")
        real, index = ("float" if z.itemsize == 4 else "double"), f"int{y.itemsize * 8}_t"
        for spec in (*SPECS, "cross_entropy(ignore_index=1)"):
            loss, number, grad = Loss(spec), ffi.new("double *"), np.full(z.shape, 77, dtype)
            arguments = (loss.handle, 0, rows, classes, ffi.from_buffer(f"{real}[]", z), ffi.from_buffer(f"{index}[]", y), number,
                         ffi.from_buffer(f"{real}[]", grad))
            if bad:
                assert entry(*arguments) == lib.LIBLOSS_ERR_LABEL and (grad == 77).all()
                continue
            check(entry(*arguments))
            want = loss.eval(z, y, grad=[0])
            assert bits(grad) == bits(want["grad0"])
            assert number[0] == want["value"] or np.isnan(want["value"])
            own = z.copy()
            check(entry(loss.handle, 0, rows, classes, ffi.from_buffer(f"{real}[]", own), ffi.from_buffer(f"{index}[]", y), ffi.NULL,
                        ffi.from_buffer(f"{real}[]", own)))
            assert bits(own) == bits(grad)


HASH = """
import hashlib, numpy as np
from harness import Loss
from test_engine import bits
from test_softmax import CLASSES, SPECS, some_rows
h = hashlib.sha256()
for classes in CLASSES:
    for dtype in (np.float32, np.float64):
        z, label, soft, weight = some_rows(classes, dtype)
        for spec in SPECS:
            for t in (label, soft):
                for w in (None, weight):
                    out = Loss(spec).eval(z, t, w, grad=[0], hess=[0], values=np.empty(len(z), dtype), auxiliary={0: np.empty(len(z))})
                    for k in sorted(out): h.update(bits(out[k]))
print(h.hexdigest())
"""


def test_rows_have_the_same_bits_on_every_instruction_set_with_fma():
    first, second = printed_by_each(HASH)
    assert first == second


def test_no_rows_of_no_classes():
    """An empty table is no error, nor a division by its width."""
    nothing = np.zeros((0, 0))
    for reduction in ("weighted_mean", "mean", "sum"):
        got = Loss("cross_entropy").eval(nothing, nothing, weight=np.zeros(0), reduction=reduction, grad=[0])["value"]
        assert np.isnan(got) if reduction != "sum" else got == 0
