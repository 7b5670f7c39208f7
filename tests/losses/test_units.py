"""Losses of units: value and derivatives against the naive definition, and what the engine promises of them: masks, layouts,
types, reductions, totals, errors."""

from __future__ import annotations

import functools

import mpmath as mp
import numpy as np
import pytest
from harness import Failed, Loss, check, ffi, lib, names
from test_accuracy import error
from units import UNITS, Case, all_derivatives, exact

DTYPES = [np.float32, np.float64]


@functools.cache
def cases(name: str, dtype) -> list[Case]:
    return list(UNITS[name].cases(dtype, np.random.default_rng(5)))


def run(case: Case, loss: Loss, **options):
    """Everything that the loss gives, of the sum of its values unless the options say more."""
    wrt = [k for k, i in enumerate(loss.inputs) if i["differentiable"] and case.inputs[k] is not None and case.inputs[k].dtype.kind == "f"]
    options = {"weight": case.weight, "grad": wrt, "hess": wrt, "reduction": "sum", "unit_axes": case.unit_axes, **options}
    return loss.eval(*case.inputs, **options)


def bits(result: dict) -> dict:
    return {k: np.asarray(v).tobytes() for k, v in result.items()}


def measure_units(name: str, dtype) -> dict:
    """The worst error of value, gradient and Hessian, and where it is. Set mp.dps to the unit's digits before."""
    unit, worst = UNITS[name], {}
    for case in cases(name, dtype):
        loss = Loss(case.spec)
        got = run(case, loss)
        want = mp.fsum(unit.value([exact(a) for a in case.inputs], exact(case.weight), case.param))
        # the sum is in double whatever the data are: one rounding to the arithmetic's type each where values are stored
        worst["value"] = max(worst.get("value", (0,)), (error(dtype(got["value"]), want, dtype), case.spec), key=lambda w: w[0])
        for k in range(len(case.inputs)):
            if f"grad{k}" not in got:
                continue
            known = all_derivatives(name, case, k)
            for index in np.ndindex(case.inputs[k].shape):
                if unit.weights_inside and case.weight is not None and case.weight[index] == 0:
                    assert got[f"grad{k}"][index] == 0 and got[f"hess{k}"][index] == 0
                    continue
                first, second = known[index]
                for what, exactly in (("grad", first), ("hess", second)):
                    scale = unit.addend(case, what, k, index) if unit.addend else None
                    e = error(got[f"{what}{k}"][index], exactly, dtype, scale)
                    worst[what] = max(worst.get(what, (0,)), (e, case.spec, k, index, repr(case.inputs)), key=lambda w: w[0])
    return worst


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", UNITS)
def test_within_the_declared_bound(name, dtype, monkeypatch):
    monkeypatch.setattr(mp.mp, "dps", UNITS[name].digits)
    bound = dict(zip(("value", "grad", "hess"), Loss(name).info["f4" if dtype is np.float32 else "f8"], strict=True))
    for what, w in measure_units(name, dtype).items():
        assert w[0] <= bound[what], f"{name} {dtype.__name__} {what}: {w} is above {bound[what]}"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", UNITS)
def test_layouts_and_wants_do_not_change_bits(name, dtype):
    for case in cases(name, dtype)[:6]:
        loss = Loss(case.spec)
        dense = bits(run(case, loss))
        doubled = [None if a is None else np.repeat(a, 2, -1)[..., ::2] if a.ndim else a for a in case.inputs]
        outputs = {f"{what}{k}": np.zeros((*a.shape[:-1], a.shape[-1] * 3), a.dtype)[..., ::3]
                   for k, a in enumerate(case.inputs) if a is not None and a.dtype.kind == "f" and a.ndim for what in ("grad", "hess")}
        spaced = run(Case(case.spec, doubled, case.weight, case.unit_axes), loss, outputs=outputs)
        assert bits(spaced) == dense, case.spec
        assert loss.eval(*case.inputs, weight=case.weight, reduction="sum", unit_axes=case.unit_axes)["value"] == run(case, loss)["value"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", UNITS)
def test_a_repeated_number_is_as_good_as_many(name, dtype):
    """An input that a stride of 0 repeats, beside the same numbers in memory of their own."""
    for case in cases(name, dtype)[:6]:
        loss = Loss(case.spec)
        for k, x in enumerate(case.inputs):
            if x is None or x.dtype.kind != "f" or x.size < 2:
                continue
            repeated = [np.broadcast_to(x.flat[0], x.shape) if i == k else a for i, a in enumerate(case.inputs)]
            got, want = (run(Case(case.spec, each, case.weight, case.unit_axes), loss)
                         for each in (repeated, [None if a is None else np.array(a) for a in repeated]))
            assert bits(got) == bits(want), (case.spec, k)


@pytest.mark.parametrize("name", [n for n in UNITS if UNITS[n].weights_inside])
@pytest.mark.parametrize("dtype", DTYPES)
def test_masked_elements_are_not_there(name, dtype):
    rng = np.random.default_rng(2)
    tried = 0
    for case in cases(name, dtype):
        n = case.inputs[0].size
        if case.inputs[0].ndim != 1 or n < 2:
            continue
        w = np.ones(n, dtype) if case.weight is None else case.weight.copy()
        w[rng.random(n) < 0.5] = 0
        w[int(rng.integers(n))] = 2.5
        keep, loss = w != 0, Loss(case.spec)
        holes = [np.where(keep, a, np.array([np.nan, np.inf, 7, -3], dtype)[rng.integers(0, 4, n)]) if a.dtype.kind == "f" else a for a in case.inputs]
        masked = run(Case(case.spec, holes, w), loss)
        dropped = run(Case(case.spec, [a[keep] for a in case.inputs], w[keep]), loss)
        assert masked["value"] == dropped["value"]
        for k, v in masked.items():
            if k != "value":
                assert v[keep].tobytes() == dropped[k].tobytes() and not v[~keep].any(), (case.spec, k)
        tried += 1
    assert tried > 3


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["info_nce", "nt_xent", "sup_con"])
def test_masked_rows_of_a_matrix_are_no_columns_either(name, dtype):
    rng, n = np.random.default_rng(6), 12
    s = rng.uniform(-1, 1, (n, n)).astype(dtype)
    w = rng.choice([1, 2.5], n).astype(dtype)
    w[[1, 4, 7, 10]] = 0
    keep, loss = np.flatnonzero(w), Loss(name)
    holes = s.copy()
    holes[w == 0], holes[:, w == 0] = np.nan, np.inf
    index = {"info_nce": None, "nt_xent": None, "sup_con": rng.integers(0, 4, n)}[name]
    kept = None if index is None else index[keep]
    values, some = np.empty(n, dtype), np.empty(len(keep), dtype)
    masked = loss.eval(holes, index, weight=w, grad=[0], hess=[0], values=values)
    dropped = loss.eval(s[np.ix_(keep, keep)], kept, weight=w[keep], grad=[0], hess=[0], values=some)
    assert masked["value"] == dropped["value"] and values[keep].tobytes() == some.tobytes() and not values[w == 0].any()
    for k in ("grad0", "hess0"):
        assert np.ascontiguousarray(masked[k][np.ix_(keep, keep)]).tobytes() == dropped[k].tobytes()
        assert not masked[k][w == 0].any() and not masked[k][:, w == 0].any()


def many_rows(name, dtype, rng, count):
    """A spec and inputs of so many rows, several times: those that the cases have, in any order."""
    if name not in UNITS:
        for classes in (3, 16, 21):
            p, q = (rng.dirichlet(np.ones(classes), count).astype(dtype) for _ in range(2))
            label = rng.integers(0, classes, count)
            yield name, {"nll": [np.log(p), label, None], "categorical_cross_entropy": [p, label, None], "kl_divergence": [p, q]}[name]
        return
    for case in cases(name, dtype):
        first, names_of = case.inputs[0], [i["name"] for i in Loss(case.spec).inputs]
        if "groups" in names_of and case.inputs[names_of.index("groups")] is not None:
            continue
        order = rng.integers(0, len(first), count) if first.ndim == 2 else np.argsort(rng.random((count, len(first))), -1)
        yield case.spec, [a if a is None or n == "class_weight" else a[order] for n, a in zip(names_of, case.inputs, strict=True)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["nll", "categorical_cross_entropy", "kl_divergence",
                                  *(n for n in UNITS if not UNITS[n].weights_inside and n not in ("info_nce", "nt_xent", "sup_con", "ctc"))])
def test_each_of_many_rows_has_the_bits_that_it_has_alone(name, dtype):
    rng, count = np.random.default_rng(8), 300
    for spec, inputs in many_rows(name, dtype, rng, count):
        loss = Loss(spec)
        wrt = [k for k, i in enumerate(loss.inputs) if i["differentiable"] and inputs[k] is not None and inputs[k].dtype.kind == "f"]
        per_row = [i["name"] != "class_weight" and inputs[k] is not None for k, i in enumerate(loss.inputs)]
        weight, upstream = rng.choice([0, 1, 2.5], count).astype(dtype), rng.choice([0, 1, -0.75], count).astype(dtype)
        holes = [np.where((weight == 0).reshape(-1, *[1] * (a.ndim - 1)), dtype(np.nan), a) if there and a.dtype.kind == "f" else a
                 for a, there in zip(inputs, per_row, strict=True)]
        values, alone = np.empty(count, dtype), np.empty(1, dtype)
        ask = {"reduction": "none", "grad": wrt, "hess": wrt}
        together = loss.eval(*holes, weight=weight, upstream=upstream, values=values, **ask)
        for r in [0, 1, count - 1, *rng.integers(0, count, 30)]:
            one = slice(r, r + 1)
            own = loss.eval(*(a[one] if there else a for a, there in zip(inputs, per_row, strict=True)), weight=weight[one],
                            upstream=upstream[one], values=alone, **ask)
            assert values[one].tobytes() == alone.tobytes(), (spec, r)
            for k in wrt:
                for what in (f"grad{k}", f"hess{k}"):
                    assert together[what][one].tobytes() == own[what].tobytes(), (spec, what, r)
                    assert (weight[r] and upstream[r]) or not together[what][one].any()


def test_factors_of_the_rows_of_a_matrix():
    """Every row's value has a weight of its own, though a similarity belongs to two of them."""
    s = np.random.default_rng(1).uniform(-1, 1, (5, 5))
    w = np.array([1, 2, 0.5, 3, 1])
    up = np.array([1, -1, 2, 0.5, 4.0])
    loss, h = Loss("info_nce"), 1e-6
    values = np.empty(5)

    def total(x):
        loss.eval(x, None, values=values, reduction="none")
        return float((values * w * up).sum() / w.sum())

    g = loss.eval(s, None, weight=w, upstream=up, reduction="weighted_mean", grad=[0])["grad0"]
    for i, j in np.ndindex(5, 5):
        step = np.zeros((5, 5))
        step[i, j] = h
        assert abs(g[i, j] - (total(s + step) - total(s - step)) / (2 * h)) < 1e-8


def test_a_row_alone_with_its_label_does_not_count():
    s = np.random.default_rng(1).uniform(-1, 1, (4, 4))
    loss, values = Loss("sup_con"), np.empty(4)
    got = loss.eval(s, np.array([3, 3, 8, 3]), values=values)
    assert values[2] == 0 and got["value"] == float(mp.fsum(values)) / 3
    assert np.isnan(loss.eval(s, np.array([0, 1, 2, 3]))["value"])


@pytest.mark.parametrize("name", [n for n in names("units") if n in UNITS and UNITS[n].weights_inside])
def test_several_units_are_each_their_own(name):
    case = next(c for c in cases(name, np.float64) if c.inputs[0].ndim == 1 and c.inputs[0].size > 5)
    loss, rng = Loss(case.spec), np.random.default_rng(4)
    stacked = [np.stack([rng.permutation(a) for _ in range(5)]) for a in case.inputs]
    weight = rng.choice([0, 1, 2.0], stacked[0].shape)
    weight[3] = 0
    values = np.empty(5)
    got = loss.eval(*stacked, weight=weight, unit_axes=1, grad=[0], values=values, reduction="mean")
    each = [loss.eval(*(a[u] for a in stacked), weight=weight[u], grad=[0], reduction="sum") for u in range(5)]
    assert [values[u] for u in range(5)] == [each[u]["value"] if u != 3 else 0 for u in range(5)]
    assert got["value"] == float(mp.fsum(values)) / 4  # the unit of weight 0 is not there
    assert loss.eval(*stacked, weight=weight, unit_axes=1, reduction="size_mean")["value"] == float(mp.fsum(values)) / 5
    for u in range(5):
        np.testing.assert_allclose(got["grad0"][u], each[u]["grad0"] / 4, rtol=1e-14)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [n for n in names("units") if n in UNITS and UNITS[n].weights_inside])
def test_axes_of_a_batch_are_only_elements(name, dtype):
    case = next(c for c in cases(name, dtype) if c.inputs[0].ndim == 1 and c.inputs[0].size > 8)
    loss, n, rng = Loss(case.spec), case.inputs[0].size // 6 * 6, np.random.default_rng(5)
    flat, weight = [a[:n] for a in case.inputs], rng.choice([0, 1, 2.5], n).astype(dtype)
    want = loss.eval(*flat, weight=weight, grad=[0], hess=[0])
    for shape in [(n // 2, 2), (2, n // 2), (3, 2, n // 6)]:
        got = loss.eval(*(a.reshape(shape) for a in flat), weight=weight.reshape(shape), grad=[0], hess=[0])
        assert got["value"] == want["value"]
        assert (got["grad0"].ravel() == want["grad0"]).all() and (got["hess0"].ravel() == want["hess0"]).all()
    for shape in [(59, 0), (0, 3), (2, 0, 5)]:
        empty = [np.zeros(shape, dtype) for _ in flat]
        assert loss.eval(*empty, grad=[0], reduction="sum")["value"] == 0
        assert loss.eval(*empty, weight=np.zeros(shape, dtype), grad=[0], reduction="sum")["value"] == 0


def total_of(loss: Loss, size: int, shapes=None) -> np.ndarray:
    total = np.zeros(size // 8, np.uint64)
    check(lib.libloss_total_start(ffi.cast("libloss_total *", ffi.from_buffer(total)), size, loss.handle, ffi.NULL))
    return total


def read(total: np.ndarray, reduction: int = 0) -> float:
    out = ffi.new("double *")
    check(lib.libloss_total_value(ffi.cast("libloss_total *", ffi.from_buffer(total)), reduction, 0, 0.0, out, 1))
    return out[0]


@pytest.mark.parametrize("name", ["dice", "jaccard", "tversky", "rmse"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_totals_of_sums_give_the_loss_of_the_whole(name, dtype):
    rng = np.random.default_rng(8)
    p, t, w = rng.random(5000).astype(dtype), rng.integers(0, 2, 5000).astype(dtype), rng.choice([0, 0.3, 1], 5000).astype(dtype)
    loss = Loss(name)
    whole = loss.eval(p, t, weight=w)["value"]
    one, two = total_of(loss, 4096), total_of(loss, 4096)
    for start, end, total in [(0, 17, one), (17, 1300, two), (1300, 1301, two), (1301, 5000, one)]:
        loss.eval(p[start:end], t[start:end], weight=w[start:end], total=total)
    saved = ffi.new("char[]", 4096)
    length = lib.libloss_total_save(ffi.cast("libloss_total *", ffi.from_buffer(two)), saved, 4096)
    loaded = np.zeros(512, np.uint64)
    check(lib.libloss_total_load(ffi.cast("libloss_total *", ffi.from_buffer(loaded)), 4096, saved, length))
    check(lib.libloss_total_merge(ffi.cast("libloss_total *", ffi.from_buffer(one)), ffi.cast("libloss_total *", ffi.from_buffer(loaded))))
    assert read(one) == whole
    assert read(one, 1) == whole
    assert np.isnan(read(total_of(loss, 4096)))


def test_wrong_requests_are_named():
    dice = Loss("dice")
    p, t = np.full((3, 4), 0.5), np.ones((3, 4))
    with pytest.raises(Failed, match=r"unit_axes = 3"):
        Loss("huber").eval(p, t, unit_axes=3)
    with pytest.raises(Failed, match="prediction has 2 axes; its last 3 are one unit"):
        dice.eval(p, t, unit_axes=3)
    with pytest.raises(Failed, match=r"weight has shape \(4,\), but the values have \(3, 4\)"):
        dice.eval(p, t, weight=np.ones(4))
    with pytest.raises(Failed, match=r"prediction\[1, 2\] = 1.5 is not in \[0, 1\]"):
        dice.eval(np.where(np.arange(12).reshape(3, 4) == 6, 1.5, 0.5), t)
    with pytest.raises(Failed, match="another number of units"):
        dice.eval(p, t, unit_axes=1, total=total_of(dice, 4096))


def test_empty_and_absent_units():
    for name in ("dice", "jaccard", "tversky"):
        zero = np.zeros(4)
        assert Loss(name).eval(zero, zero, grad=[0])["value"] == 0
        assert np.isnan(Loss(f"{name}(empty_class=nan)").eval(zero, zero)["value"])
        assert not Loss(name).eval(zero, zero, grad=[0])["grad0"].any()
    for name in UNITS:
        if UNITS[name].weights_inside:
            nothing = [np.zeros(0) for _ in range(2)]
            if len(Loss(name).inputs) == 2:
                assert np.isnan(Loss(name).eval(*nothing)["value"])
                assert Loss(name).eval(*nothing, reduction="sum")["value"] == 0


def test_labels_in_one_row_need_their_lengths():
    z = np.zeros((3, 5, 4))
    with pytest.raises(Failed, match="ctc: target has one axis for several sequences; it needs "):
        Loss("ctc").eval(z, np.ones(2, np.int64))
    one = Loss("ctc").eval(z[0], np.ones(2, np.int64))["value"]
    assert one == Loss("ctc").eval(z, np.ones(6, np.int64), None, np.full(3, 2))["value"] > 0
