"""What the engine promises for every loss: reductions, masks, layouts, types, exact sums, totals, bits."""

from __future__ import annotations

import math
import os
from fractions import Fraction

import numpy as np
import pytest
from harness import Failed, Loss, check, ffi, lib, names, tensor
from instruction_sets import printed_by_each
from points import elementwise

POINTWISE, ROWS = names("pointwise"), names("rows")
BOTH = POINTWISE + ROWS  # units have a test of their own, test_units.py


def sample(name, dtype=np.float32, n=300, classes=5, seed=0):
    """An ordinary prediction and target, and what other inputs there are."""
    rng = np.random.default_rng(seed)
    loss = Loss(name)
    if loss.info["rows"]:
        p = rng.dirichlet(np.ones(classes), n).astype(dtype)
        if loss.inputs[0]["kind"] == "real":
            p = np.log(p)
        t = rng.integers(0, classes, n) if loss.inputs[1]["kind"] == "class" else rng.dirichlet(np.ones(classes), n).astype(dtype)
        return p, t
    x = elementwise(name, name, loss.inputs, dtype, rng, n)
    keep = np.ones(len(x[0]), bool)
    for k, a in enumerate(x):
        keep &= np.abs(a) < 50
        if (k > 0 and loss.inputs[k]["kind"] in ("real", "positive")) or loss.inputs[k]["name"] == "variance":
            keep &= np.abs(a) > 1e-3
        if k == 0 and loss.inputs[k]["kind"] == "probability":
            keep &= (a > 1e-6) & (a < 1 - 1e-6)
    return tuple(a[keep].copy() for a in x)


def bits(x) -> bytes:
    x = np.array(x, copy=True)
    if x.dtype.kind == "f":
        x[np.isnan(x)] = np.nan
    return np.ascontiguousarray(x).tobytes()


def same(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(bits(a[k]) == bits(b[k]) for k in a)


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sum_is_exact_and_means_divide_it(name, dtype):
    loss = Loss(name)
    p, *t = sample(name, dtype)
    values = np.empty(len(p), dtype)
    loss.eval(p, *t, values=values, reduction="none")
    rng = np.random.default_rng(3)
    w = rng.choice([0, 0.3, 1, 2.5], len(p)).astype(dtype)
    terms = [Fraction(float(np.float64(a) * np.float64(b))) for a, b in zip(w, values, strict=True) if a]
    total, weights = float(sum(terms)), float(sum(Fraction(float(a)) for a in w))
    assert loss.eval(p, *t, reduction="sum")["value"] == float(sum(Fraction(float(v)) for v in values))
    assert loss.eval(p, *t, weight=w, reduction="sum")["value"] == total
    assert loss.eval(p, *t, weight=w)["value"] == total / np.count_nonzero(w)
    assert loss.eval(p, *t, weight=w, reduction="weighted_mean")["value"] == total / weights
    assert loss.eval(p, *t, weight=w, reduction="size_mean")["value"] == total / len(p)
    assert loss.eval(p, *t, weight=w, reduction="batch_mean")["value"] == total / len(p)
    assert loss.eval(p, *t, weight=w, divisor=7.5)["value"] == total / 7.5


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("reduction", ["mean", "sum", "weighted_mean", "size_mean"])
def test_gradient_is_the_jet_times_one_factor(name, dtype, reduction):
    loss = Loss(name)
    p, *t = sample(name, dtype)
    jet = loss.eval(p, *t, grad=[0], hess=[0], reduction="sum", outputs={"grad0": np.empty(p.shape), "hess0": np.empty(p.shape)})
    rng = np.random.default_rng(4)
    w = rng.choice([0.3, 1, 2.5], len(p)).astype(dtype)
    u = rng.normal(size=len(p))
    weights = float(sum(Fraction(float(a)) for a in w))
    divisor = {"mean": len(p), "sum": 1, "weighted_mean": weights, "size_mean": len(p)}[reduction]
    got = loss.eval(p, *t, weight=w, upstream=u, reduction=reduction, grad=[0], hess=[0])
    factor = (u / divisor) * w.astype(np.float64)
    if p.ndim == 2:
        factor = factor[:, None]
    for key in ("grad0", "hess0"):
        want = (jet[key] * factor).astype(dtype)
        if dtype is np.float32:  # the jet itself is rounded only where the formula is evaluated in f32
            assert np.all(np.abs(got[key] - want) <= 1.01 * np.spacing(np.abs(want))), (name, key)
        else:
            assert np.all(np.abs(got[key] - want) <= np.spacing(np.abs(want))), (name, key)


POISON = [np.nan, np.inf, -np.inf, -5.0, 1e30]


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("reduction", ["mean", "sum", "weighted_mean"])
@pytest.mark.parametrize("n", [1, 70, 2500])
def test_masked_is_dropped(name, dtype, reduction, n):
    loss = Loss(name)
    p, *t = sample(name, dtype, n)
    rng = np.random.default_rng(n)
    w = rng.choice([0, 0.3, 1, 2.5], len(p)).astype(dtype)
    gone = w == 0
    bad = [a.copy() for a in (p, *t)]
    for a in bad:
        a[gone] = rng.choice([-7, 99] if a.dtype.kind == "i" else POISON, a[gone].shape)
    totals = [loss.start_total(), loss.start_total()]
    wrt = [0]
    values = [np.full(len(p), 7, dtype), np.full(len(p) - gone.sum(), 7, dtype)]
    masked = loss.eval(*bad, weight=w, reduction=reduction, grad=wrt, hess=wrt, total=totals[0], values=values[0])
    dropped = loss.eval(p[~gone], *(a[~gone] for a in t), weight=w[~gone], reduction=reduction, grad=wrt, hess=wrt, total=totals[1], values=values[1])
    for key in ("grad0", "hess0", "values"):
        assert not masked[key][gone].any()
        masked[key] = masked[key][~gone]
    assert same(masked, dropped), name
    SIZE_AND_ROWS = slice(22, 24)  # these do count what is absent
    totals[0][SIZE_AND_ROWS] = totals[1][SIZE_AND_ROWS]
    assert bits(totals[0]) == bits(totals[1])


def test_ignored_rows_and_classes_without_weight_are_dropped():
    rng = np.random.default_rng(5)
    z, y = rng.normal(size=(60, 4)), rng.integers(0, 4, 60)
    weight = np.array([0, 1.5, 0.25, 2])
    for spec in ("cross_entropy(ignore_index=2)", "nll(ignore_index=2)"):
        loss = Loss(spec)
        gone = (y == 2) | (y == 0)
        z2 = z.copy()
        z2[gone] = np.nan
        for reduction in ("mean", "sum", "weighted_mean"):
            a = loss.eval(z2, y, weight, grad=[0], hess=[0], reduction=reduction)
            b = loss.eval(z[~gone], y[~gone], weight, grad=[0], hess=[0], reduction=reduction)
            assert not a["grad0"][gone].any()
            a["grad0"], a["hess0"] = a["grad0"][~gone], a["hess0"][~gone]
            assert same(a, b)


@pytest.mark.parametrize("spec", ["cross_entropy", "nll", "categorical_cross_entropy", "cross_entropy(label_smoothing=0.25)"])
@pytest.mark.parametrize("rows", [False, True])
def test_class_weights_count_as_weights(spec, rows):
    """weighted_mean divides by the sum of w times the weight of the row's classes, before smoothing; gradients know that divisor."""
    rng, loss = np.random.default_rng(6), Loss(spec)
    p = rng.dirichlet(np.ones(4), 50)
    y, cw, w = rng.integers(0, 4, 50), np.array([0.5, 1.5, 0.25, 2]), rng.choice([0, 1, 2.5], 50)
    t = np.eye(4)[y] * 0.75 + 0.0625 if rows else y
    mass = w * ((t * cw).sum(1) if rows else cw[y])
    each = loss.eval(p, t, cw, weight=w, reduction="none", values=np.empty(50))["values"]
    terms, weights = sum(map(Fraction, each.tolist())), sum(map(Fraction, mass.tolist()))
    got = loss.eval(p, t, cw, weight=w, reduction="weighted_mean", grad=[0])
    assert got["value"] == pytest.approx(float(terms / weights), rel=1e-15)
    whole = loss.eval(p, t, cw, weight=w, reduction="sum", grad=[0])
    np.testing.assert_allclose(got["grad0"], whole["grad0"] / float(weights), rtol=1e-14, atol=1e-300)


def strange(a: np.ndarray) -> list[np.ndarray]:
    """The same numbers in other layouts."""
    wide = np.zeros((a.shape[0] * 2, *a.shape[1:]), a.dtype)
    wide[::2] = a
    raw = np.zeros(a.nbytes + 1, np.uint8)
    shifted = raw[1:].view(a.dtype).reshape(a.shape)
    shifted[...] = a
    return [wide[::2], a[::-1].copy()[::-1], shifted, np.asfortranarray(a)]


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_layout_does_not_show(name, dtype):
    loss = Loss(name)
    p, *t = sample(name, dtype, 1500)
    w = np.random.default_rng(1).choice([0, 1, 2.5], len(p)).astype(dtype)
    plain = loss.eval(p, *t, weight=w, grad=[0], hess=[0], values=np.empty(len(p), dtype))
    for p2, w2, *t2 in zip(strange(p), strange(w), *(strange(a) for a in t), strict=True):
        for form in range(4):
            outputs = {k: strange(np.full(p.shape, 7, dtype))[form] for k in ("grad0", "hess0")}
            got = loss.eval(p2, *t2, weight=w2, grad=[0], hess=[0], values=np.empty(len(p), dtype), outputs=outputs)
            assert same(got, plain), (name, form)
    own = p.copy()
    assert bits(loss.eval(own, *t, weight=w, grad=[0], outputs={"grad0": own})["grad0"]) == bits(plain["grad0"])  # in place


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_repeated_number_is_as_good_as_many(name, dtype):
    """An input that a stride of 0 repeats is only read: each of its elements has the derivatives that it has in memory of its own."""
    loss = Loss(name)
    inputs = sample(name, dtype, 1500)
    wrt = [k for k, x in enumerate(inputs) if loss.inputs[k]["differentiable"] and x.dtype.kind == "f"]
    w = np.random.default_rng(1).choice([0, 1, 2.5], len(inputs[0])).astype(dtype)
    for k, x in enumerate(inputs):
        repeated = [np.broadcast_to(x.flat[0], x.shape) if i == k else a for i, a in enumerate(inputs)]
        for options in ({}, {"weight": w}, {"weight": w, "upstream": w, "reduction": "sum"}):
            got, want = (loss.eval(*each, grad=wrt, hess=wrt, values=np.empty(len(w), dtype), **options)
                         for each in (repeated, [np.array(a) for a in repeated]))
            assert same(got, want), (name, k)
    with pytest.raises(Failed, match="lie on each other"):  # what is written has its own memory
        loss.eval(*inputs, grad=[0], outputs={"grad0": np.broadcast_to(dtype(0), inputs[0].shape)})


@pytest.mark.parametrize("name", BOTH)
def test_any_storage_type(name):
    loss = Loss(name)
    p, *t = sample(name, np.float32)
    half, bfloat = p.astype(np.float16), (p.view(np.uint32) >> 16).astype(np.uint16)
    if loss.inputs[0]["kind"] == "probability":
        half = np.clip(half, 0, 1)
    as_f32 = [half.astype(np.float32), (bfloat.astype(np.uint32) << 16).view(np.float32)]
    for p2, dtype, wide in ((half, None, as_f32[0]), (bfloat, {0: (4, 16)}, as_f32[1])):
        want = loss.eval(wide, *t, grad=[0], outputs={"grad0": np.empty(p.shape, np.float64)})
        got = loss.eval(p2, *t, grad=[0], dtypes=dtype, outputs={"grad0": np.empty(p.shape, np.float64)})
        assert same(got, want)
        small = loss.eval(p2, *t, grad=[0], dtypes=dtype, outputs={"grad0": np.empty(p.shape, np.float16)})
        with np.errstate(over="ignore"):
            assert bits(small["grad0"]) == bits(want["grad0"].astype(np.float16))
    if len(t) == 1 and loss.inputs[1]["kind"] in ("sign", "probability") and not loss.info["rows"]:
        labels = (np.random.default_rng(0).random(len(p)) > 0.5).astype(np.int8)
        labels = labels * 2 - 1 if loss.inputs[1]["kind"] == "sign" else labels
        assert same(loss.eval(p, labels, grad=[0]), loss.eval(p, labels.astype(np.float32), grad=[0]))


def test_all_halves_convert_exactly():
    every = np.arange(65536, dtype=np.uint16)
    half = every.view(np.float16)
    loss = Loss("half_squared_error")
    zero = np.zeros((), np.float32)
    finite = np.isfinite(half)
    out = loss.eval(half, zero, grad=[0], reduction="sum", value=False, outputs={"grad0": np.empty(65536, np.float64)})["grad0"]
    assert bits(out[finite]) == bits(half.astype(np.float64)[finite])
    x = np.concatenate([np.random.default_rng(0).normal(size=20000) * 2.0 ** np.random.default_rng(1).integers(-30, 20, 20000),
                        half[finite].astype(np.float64), [65519.99, 65520, 2.0**-25, 2.0**-25 * 1.0001]])
    with np.errstate(over="ignore"):
        want = x.astype(np.float16)
    got = loss.eval(x, np.zeros(()), grad=[0], reduction="sum", value=False, outputs={"grad0": np.empty(x.shape, np.float16)})["grad0"]
    assert bits(got) == bits(want)


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sign", [1, -1])
def test_nan_stays_where_it_is(name, dtype, sign):
    loss = Loss(name)
    p, *t = sample(name, dtype, 40)
    clean = loss.eval(p, *t, grad=[0], hess=[0], values=np.empty(len(p), dtype), reduction="sum")
    p[3] = np.copysign(np.nan, sign)
    dirty = loss.eval(p, *t, grad=[0], hess=[0], values=np.empty(len(p), dtype), reduction="sum")
    others = np.arange(len(p)) != 3
    assert math.isnan(dirty["value"]) and np.all(np.isnan(dirty["values"][3:4]))
    if name != "nll":
        assert np.isnan(dirty["grad0"][3]).any()
    for key in ("values", "grad0", "hess0"):
        assert bits(dirty[key][others]) == bits(clean[key][others])


@pytest.mark.parametrize("name", BOTH)
def test_nothing_present(name):
    loss = Loss(name)
    p, *t = sample(name, np.float64, 9)
    w = np.zeros(len(p))
    for p2, w2, *t2 in ((p, w, *t), (p[:0], None, *(a[:0] for a in t))):
        got = loss.eval(p2, *t2, weight=w2, grad=[0], hess=[0])
        assert math.isnan(got["value"]) and not got["grad0"].any() and not got["hess0"].any()
        assert loss.eval(p2, *t2, weight=w2, empty=1)["value"] == 0
        assert loss.eval(p2, *t2, weight=w2, reduction="sum")["value"] == 0


@pytest.mark.parametrize("name", BOTH)
def test_any_split_gives_the_same_total(name):
    loss = Loss(name)
    p, *t = sample(name, np.float32, 2000)
    rng = np.random.default_rng(2)
    w = rng.choice([0, 0.3, 1], len(p)).astype(np.float32)
    whole = loss.start_total()
    value = loss.eval(p, *t, weight=w, reduction="weighted_mean", total=whole)["value"]
    order = rng.permutation(len(p))
    parts = []
    for piece in np.array_split(order, 7):
        parts.append(loss.start_total())
        loss.eval(p[piece], *(a[piece] for a in t), weight=w[piece], total=parts[-1])
    rng.shuffle(parts)
    cast = lambda a: ffi.cast("libloss_total *", ffi.from_buffer(a))  # noqa: E731
    while len(parts) > 1:  # a random tree, some of it through bytes
        a, b = parts.pop(), parts.pop(int(rng.integers(len(parts))))
        saved = np.zeros(lib.libloss_total_save(cast(b), ffi.NULL, 0), np.uint8)
        lib.libloss_total_save(cast(b), ffi.from_buffer(saved), len(saved))
        loaded = np.zeros(192, np.uint64)
        check(lib.libloss_total_load(cast(loaded), 1536, ffi.from_buffer(saved), len(saved)))
        check(lib.libloss_total_merge(cast(a), cast(loaded)))
        parts.append(a)
    assert bits(parts[0]) == bits(whole)
    number = ffi.new("double[5]")
    check(lib.libloss_total_value(cast(whole), 3, 0, 0, number, 5))
    assert number[0] == value and number[2] == np.count_nonzero(w) and number[3] == len(p)
    other = Loss("huber(delta=9)").start_total()
    assert lib.libloss_total_merge(cast(whole), cast(other)) == lib.LIBLOSS_ERR_TOTAL


def test_forward_reduce_backward_are_the_steps_of_eval():
    rng = np.random.default_rng(0)
    p, t, w = rng.normal(size=(40, 3)), rng.normal(size=(40, 3)), rng.choice([0, 0.5, 2], 40)
    for spec in ("huber(delta=0.7)", "pseudo_huber"):
        loss = Loss(spec)
        whole = loss.eval(p, t, weight=w, grad=[0, 1], hess=[0], reduction="weighted_mean")
        keep: list = []
        args = ffi.new("libloss_args *")
        args.struct_size = ffi.sizeof("libloss_args")
        values, grad, number = np.empty(p.shape), np.empty(p.shape), ffi.new("double *")
        args.input[0], args.input[1], args.values = tensor(p, keep), tensor(t, keep), tensor(values, keep)
        check(lib.libloss_forward(loss.handle, args))
        args.input[0], args.input[1], args.values = tensor(values, keep), ffi.NULL, ffi.NULL
        args.weight, args.value, args.reduction = tensor(w, keep), number, 3
        check(lib.libloss_reduce(loss.handle, args))
        assert number[0] == whole["value"]
        args.input[0], args.input[1], args.value = tensor(p, keep), tensor(t, keep), ffi.NULL
        args.gradient[0] = tensor(grad, keep)
        check(lib.libloss_backward(loss.handle, args))
        assert bits(grad) == bits(whole["grad0"])


def test_sums_reduce_term_by_term():
    rng = np.random.default_rng(0)
    p, t, w = rng.normal(size=50), rng.normal(size=50), rng.choice([0, 1, 3.0], 50)
    a, b, both = Loss("huber(delta=0.5)"), Loss("log_cosh"), Loss("0.7*huber(delta=0.5) - 0.25*log_cosh")
    x, y, z = (k.eval(p, t, weight=w, grad=[0], hess=[0], values=np.empty(50)) for k in (a, b, both))
    assert z["value"] == 0.7 * x["value"] - 0.25 * y["value"]
    for key in ("values", "grad0", "hess0"):
        np.testing.assert_array_equal(z[key], 0.7 * x[key] - 0.25 * y[key])
    assert Loss(both.spec).spec == both.spec


def test_levels_belong_to_columns():
    rng = np.random.default_rng(0)
    p, t, w = rng.normal(size=(700, 3)), rng.normal(size=(700, 3)), rng.choice([0, 1, 2.5], 700)
    got = Loss("quantile(tau=[0.1, 0.5, 0.9])").eval(p, t, weight=w, grad=[0, 1], values=np.empty(p.shape))
    for j, tau in enumerate((0.1, 0.5, 0.9)):
        one = Loss(f"quantile(tau={tau})").eval(p[:, j].copy(), t[:, j].copy(), weight=w, grad=[0], values=np.empty(700), divisor=3.0 * np.count_nonzero(w))
        assert bits(got["values"][:, j]) == bits(one["values"])
        np.testing.assert_allclose(got["grad0"][:, j], one["grad0"], rtol=1e-15)
    with pytest.raises(Failed, match="3 levels need a last axis of 3"):
        Loss("quantile(tau=[0.1, 0.5, 0.9])").eval(p[:, :2], t[:, :2])


def test_scalar_inputs_and_axes():
    p = np.random.default_rng(0).normal(size=(4, 5))
    loss = Loss("binary_cross_entropy_with_logits")
    assert loss.eval(p, np.ones(()), grad=[0])["value"] == loss.eval(p, np.ones((4, 5)), grad=[0])["value"]
    assert loss.eval(np.float64(2.0).reshape(()), np.zeros(()))["value"] == pytest.approx(2.1269280110429727, abs=1e-15)
    a = loss.eval(p, np.zeros(p.shape), reduction="batch_mean")["value"]
    assert a == pytest.approx(np.logaddexp(0, p).sum() / 4, rel=1e-14)
    row_weight = np.array([1.0, 0, 2, 1])
    by_row = loss.eval(p, np.zeros(p.shape), weight=row_weight)["value"]
    assert by_row == loss.eval(p, np.zeros(p.shape), weight=np.repeat(row_weight[:, None], 5, 1))["value"]


def test_beyond_2_to_the_31():
    n = 2**31 + 17
    p, t = np.broadcast_to(np.float32(3), n), np.broadcast_to(np.float32(1), n)
    assert Loss("squared_error").eval(p, t, reduction="sum")["value"] == 4 * n


ONCE = pytest.mark.skipif(os.environ.get("LIBLOSS_ISA", "avx512") != "avx512", reason="long, and about indices: one instruction set is enough")


@ONCE
def test_rows_beyond_2_to_the_31():
    """More numbers than an int32 counts, in one row and in many: zeros that nobody wrote take no memory."""
    wide = 2**31 + 5
    row = np.zeros((1, wide), np.float32)
    assert Loss("cross_entropy").eval(row, np.array([wide - 1]))["value"] == pytest.approx(math.log(wide), rel=1e-7)
    with pytest.raises(Failed, match=rf"target\[0\] = {wide} is not in \[0, {wide}\)"):
        Loss("cross_entropy").eval(row, np.array([wide]))
    rows = 2**27 + 3  # of 16 classes: 2^31 + 48 logits
    logits, label = np.zeros((rows, 16), np.float32), np.broadcast_to(np.int8(7), rows)
    assert Loss("cross_entropy").eval(logits, label, reduction="sum")["value"] == float(np.float32(math.log(16))) * rows
    assert Loss("top_k_accuracy(k=8)").eval(logits[: 2**22], label[: 2**22])["value"] == 1


@ONCE
def test_counting_beyond_2_to_the_31():
    n = 2**31 + 9
    one, two = np.broadcast_to(np.uint8(1), n), np.broadcast_to(np.uint8(0), n)
    counts = np.zeros((2, 4))
    Loss("confusion_counts").eval(two, one, values=counts, value=False)
    assert counts[1].tolist() == [0, 0, 0, n] and counts[0].tolist() == [0, n, 0, 0]


MASKS = [  # what shares a call with the holes: rows narrow and wide; weights of classes; ignored labels; smoothing; halves; in place
    (spec, classes, dtype, weigh, in_place)
    for spec in ("cross_entropy(ignore_index=2)", "cross_entropy(ignore_index=[2, -100], label_smoothing=0.1)", "nll(ignore_index=2)", "0.5*cross_entropy + 2*nll")
    for classes in (5, 70) for dtype in (np.float32, np.float64, np.float16) for weigh in (False, True) for in_place in (False, True)
]


@pytest.mark.parametrize(("spec", "classes", "dtype", "weigh", "in_place"), MASKS)
@pytest.mark.parametrize("reduction", ["mean", "sum", "weighted_mean"])
def test_masked_rows_are_dropped(spec, classes, dtype, weigh, in_place, reduction):
    """The whole product: NaN, infinities, labels of nowhere in the holes, weights other than 0 and 1, holes that shift all that follows."""
    loss, rng = Loss(spec), np.random.default_rng(classes)
    n = 700
    z, y = rng.normal(size=(n, classes)).astype(dtype), rng.integers(0, classes, n)
    w = rng.choice([0, 0.3, 1, 2.5], n)
    w[:3] = 0  # from the first row on
    cw = rng.choice([0, 0.5, 1.25, 3], classes) if weigh else None
    gone = w == 0
    if "ignore_index" in spec:
        gone |= y == 2
    if weigh and "smoothing" not in spec and "+" not in spec:  # a class of weight 0: not there, unless its mass is spread
        gone |= cw[y] == 0
    holes, labels = z.copy(), y.copy()
    holes[gone] = rng.choice([np.nan, np.inf, -np.inf, -5.0, 6e4], holes[gone].shape)
    labels[w == 0] = rng.choice([-7, 10**6], (w == 0).sum())
    if "[2, -100]" in spec:
        labels[(w != 0) & (y == 2)] = -100

    def run(z, y, w):
        z, total = z.copy(), np.zeros(512, np.uint64)
        check(lib.libloss_total_start(ffi.cast("libloss_total *", ffi.from_buffer(total)), total.nbytes, loss.handle, ffi.NULL))
        out = {"grad0": z} if in_place else None
        return loss.eval(z, y, cw, weight=w, reduction=reduction, grad=[0], hess=[0], outputs=out, values=np.full(len(z), 7, dtype), total=total), total

    masked, total = run(holes, labels, w)
    dropped, other = run(z[~gone], y[~gone], w[~gone])
    for key in ("grad0", "hess0", "values"):
        assert not masked[key][gone].any(), key
        masked[key] = masked[key][~gone]
    assert same(masked, dropped)
    for term in range(spec.count("+") + 1):  # a term's words: factor, values present, all values, rows, sums; the latter two count what is absent
        at = 20 + 78 * term + 2
        total[at : at + 2] = other[at : at + 2]
    assert bits(total) == bits(other)


ERRORS = [
    ("huber", lambda p, t: {"a": (p, t[:, None])}, "SHAPE", r"target has shape \(6, 1\), but prediction has \(6,\)"),
    ("huber", lambda p, t: {"a": (p, t[:3])}, "SHAPE", r"target has shape \(3,\)"),
    ("huber", lambda p, t: {"a": (p, None)}, "NULL", "target is NULL"),
    ("huber", lambda p, t: {"a": (p, t), "weight": np.array([1, 1, -2, 1, 1, 1.0])}, "WEIGHT", r"weight\[2\] = -2"),
    ("huber", lambda p, t: {"a": (p, t), "weight": np.array([1, np.nan, 1, 1, 1, 1.0])}, "WEIGHT", r"weight\[1\] = nan"),
    ("huber", lambda p, t: {"a": (p, t), "weight": np.ones(5)}, "SHAPE", "weight has shape"),
    ("huber", lambda p, t: {"a": (p, t), "reduction": "sum", "divisor": 3.0}, "OPTION", "divisor"),
    ("huber", lambda p, t: {"a": (p, t), "divisor": -3.0}, "OPTION", "divisor -3"),
    ("huber", lambda p, t: {"a": (p.astype(complex), t)}, "DTYPE", "prediction has an unsupported dtype"),
    ("huber", lambda p, t: {"a": (p, t), "grad": [0], "outputs": {"grad0": np.zeros(6, np.int64)}}, "DTYPE", "floating-point"),
    ("huber", lambda p, t: {"a": (p, t), "grad": [0], "outputs": {"grad0": t}}, "OVERLAP", "overlaps target"),
    ("huber", lambda p, t: {"a": (p, t), "grad": [0], "outputs": {"grad0": np.broadcast_to(np.zeros(1), 6)}}, "OVERLAP", "lie on each other"),
    ("huber", lambda p, t: (lambda g: {"a": (p, t), "grad": [0], "hess": [0], "outputs": {"grad0": g[:6], "hess0": g[3:]}})(np.zeros(9)), "OVERLAP",
     r"hessian\[0\] overlaps gradient\[0\]"),
    ("binary_cross_entropy", lambda p, t: {"a": (np.abs(p) * 0 + 2.7, t * 0)}, "DOMAIN", r"prediction\[0\] = 2.7 is not in \[0, 1\]"),
    ("hinge", lambda p, t: {"a": (p, t * 0)}, "DOMAIN", r"target\[0\] = 0 is not -1 or \+1; labels=zero_one"),
    ("hinge", lambda p, t: {"a": (p, t * 0 + 1), "grad": [1]}, "NO_GRADIENT", "no derivative with respect to target"),
    ("cross_entropy", lambda p, t: {"a": (np.ones((6, 4)), np.array([0, 1, 2, 3, 4, 0]))}, "LABEL", r"target\[4\] = 4 is not in \[0, 4\)"),
    ("cross_entropy", lambda p, t: {"a": (np.ones((6, 4)), np.zeros(6))}, "DTYPE", "class indices are integers"),
    ("cross_entropy", lambda p, t: {"a": (np.ones((6, 4)), np.zeros((6, 1), int))}, "SHAPE", r"class indices have shape \(6,\)|target has shape"),
    ("cross_entropy", lambda p, t: {"a": (np.ones((6, 4)), np.zeros(6, int)), "weight": np.ones(4)}, "SHAPE", "did you mean class_weight"),
]


@pytest.mark.parametrize("case", range(len(ERRORS)))
def test_bad_input_is_named_and_outputs_stay(case):
    name, build, status, message = ERRORS[case]
    rng = np.random.default_rng(0)
    call = build(rng.normal(size=6), rng.normal(size=6))
    inputs = call.pop("a")
    values = None
    call.setdefault("grad", [0])
    outputs = call.setdefault("outputs", {})
    if "grad0" not in outputs:
        outputs["grad0"] = np.full(inputs[0].shape, 77.0)
    before = {k: bits(v) for k, v in outputs.items()}
    with pytest.raises(Failed, match=message) as caught:
        Loss(name).eval(*inputs, values=values, **call)
    assert caught.value.status == getattr(lib, f"LIBLOSS_ERR_{status}")
    assert {k: bits(v) for k, v in outputs.items()} == before


def test_struct_size_rule():
    loss = Loss("huber")
    p = np.ones(3)
    keep: list = []
    block = ffi.new("char[]", ffi.sizeof("libloss_args") + 64)
    args = ffi.cast("libloss_args *", block)
    args.input[0], args.input[1] = tensor(p, keep), tensor(p, keep)
    number = ffi.new("double *")
    args.value = number
    for size, ok in ((0, False), (8, False), (ffi.sizeof("libloss_args"), True), (ffi.sizeof("libloss_args") + 64, True)):
        args.struct_size = size
        assert (lib.libloss_eval(loss.handle, args) == 0) == ok
    block[ffi.sizeof("libloss_args") + 3] = b"\xff"
    assert lib.libloss_eval(loss.handle, args) == lib.LIBLOSS_ERR_STRUCT


EXACT = {"perceptron"}  # a score or nothing: never rounded


def test_every_loss_describes_itself():
    seen = set()
    for name in names():
        loss = Loss(name)
        assert loss.spec == name and loss.info["title"] and loss.info["citation"] and loss.info["formula"]
        words = {i["name"] for i in loss.inputs} | {q["name"] for q in loss.parameters}
        assert len(words) == len(loss.inputs) + len(loss.parameters)
        assert not words & {"weight", "divisor", "empty", "reduction", "axis", "out", "threads", "upstream", "lambda"}
        assert all(0 <= bound <= 4 for bound in loss.info["f4"] + loss.info["f8"]) and (loss.info["f4"][0] > 0 or name in EXACT), name
        assert name not in seen
        seen.add(name)


@pytest.mark.parametrize("divisor", [1.0, 3.0, 2.0**40])
@pytest.mark.parametrize("spec", ["binary_cross_entropy_with_logits", "binary_cross_entropy_with_logits(pos_weight=1e-30)", "gan_minimax",
                                  "gan_non_saturating(player=generator)"])
def test_a_far_logit_changes_no_bit_of_its_neighbours(spec, divisor):
    """Tiles with a logit far out are computed in another way."""
    rng = np.random.default_rng(4)
    z = np.concatenate([rng.normal(size=300) * 4, rng.uniform(-60, 60, 300), [0, -0.0, 1e-40, -1e-30, 60, -60]]).astype(np.float32)
    t = rng.choice([0, 1, 0.25, 1e-40], z.size).astype(np.float32)

    def found(*more: float) -> dict:
        far = np.array(more, np.float32)
        loss, p, y = Loss(spec), np.concatenate([z, far]), np.concatenate([t, np.ones_like(far)])
        out = loss.eval(p, y, grad=[0], hess=[0], divisor=divisor)
        values = np.empty(p.size, np.float32)
        loss.eval(p, y, grad=[0], values=values, reduction="none")
        return {"values": values[: z.size], **{k: out[k][: z.size] for k in ("grad0", "hess0")}}

    alone = found()
    for more in ((80.0,), (-np.inf, 1000.0)):
        beside = found(*more)
        for key in alone:
            assert bits(alone[key]) == bits(beside[key]), key


FAINT = {np.float32: [1, 104, 1e-18, 1e-20, 1e-22, 1e-30, 1e-38, 1e-40, 1e-44],
         np.float64: [1, 750, 2000, 1e-150, 1e-153, 1e-155, 1e-157, 1e-161, 1e-163, 1e-200, 1e-295, 1e-300, 1e-305, 1e-307, 1e-308, 1e-310, 1e-320, 1e-323]}


def faint_numbers(kind: str, dtype, rng, n: int):
    if kind == "sign":
        return rng.choice([-1, 1], n).astype(dtype)
    x = (rng.random(n) * rng.choice(FAINT[dtype], n) * rng.choice([0, 1], n, p=[0.1, 0.9])).astype(dtype)
    if kind == "real":
        return x * rng.choice([-1, 1], n).astype(dtype)
    return np.minimum(x, dtype(1)) if kind == "probability" else np.where(x == 0, dtype(1), x)


@pytest.mark.parametrize("divisor", [1.0, 3.0, 2.0**100, 2.0**-100, 0.3, 2.0**-1000])
@pytest.mark.parametrize("dtype", FAINT)
@pytest.mark.parametrize("spec", ["squared_error", "half_squared_error", "brier", "huber", "huber(delta=1e-20)", "squared_epsilon_insensitive", "quantile(tau=0.3)",
                                  "expectile(tau=0.3)", "log_cosh", "pseudo_huber(delta=0.7)", "smooth_l1", "smooth_l1(beta=0.3)", "exponential",
                                  "logistic(kappa=3)", "pairwise_logistic(kappa=3)", "binary_cross_entropy_with_logits",
                                  "binary_cross_entropy_with_logits(pos_weight=1e-30)", "gan_minimax(player=generator)", "gan_non_saturating",
                                  "kl_pointwise", "kl_pointwise(log_target=true)", "poisson_nll", "gamma_nll(full=true)", "tweedie(power=1.3)"])
def test_faint_numbers_change_no_bit(spec, dtype, divisor):
    """A tile behind one that met subnormal numbers is computed in another way; of one tile and of many, a first time and again."""
    rng, loss = np.random.default_rng(4), Loss(spec)
    kinds = [i["kind"] for i in loss.inputs]
    faint = [faint_numbers(kind, dtype, rng, 4099) for kind in kinds]
    calm = [x if kind == "sign" else np.full(4099, kind == "positive", dtype) for kind, x in zip(kinds, faint, strict=True)]
    inputs = [faint, *([faint[j] if j == k else calm[j] for j in range(len(kinds))] for k in range(len(kinds)))]

    def values(*x) -> dict:
        out = np.empty(x[0].size, dtype)
        loss.eval(*x, values=out, reduction="none")
        return {"values": out}

    def derivatives(*x) -> dict:
        return loss.eval(*x, grad=[0], hess=[0], divisor=divisor)

    for n in (7, 16, 1000, 4099):
        ordinary = [np.full(n, 1 if kind == "sign" else 0.5, dtype) for kind in kinds]
        for x in ([a[:n] for a in y] for y in inputs):
            for found in (values, derivatives):
                for _ in range(20):  # so that nothing faint is expected any more
                    values(*ordinary)
                first, again = found(*x), found(*x)
                for key in first:
                    assert bits(first[key]) == bits(again[key]), (n, key)
                if spec == "squared_error" and found == values:
                    assert bits(first["values"]) == bits((x[0] - x[1]) * (x[0] - x[1]))  # NumPy's are rounded once, too


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64])
def test_weights_are_looked_at_as_they_are(dtype):
    """Also those that the arithmetic would round to 0."""
    loss, x = Loss("squared_error"), np.zeros(700, np.float32)
    w = np.ones(700, dtype)
    for bad in (-1, math.nan, math.inf, -1e-60, -5e-324):
        if np.dtype(dtype).kind == "i" and bad != -1:
            continue
        w[:] = 1
        w[650] = bad
        if not w[650]:
            continue
        for weight in (w, np.repeat(w, 2)[::2]):
            with pytest.raises(Failed, match=r"weight\[650\] = "):
                loss.eval(x, x, weight=weight)


HASH = """
import hashlib, numpy as np
from harness import Loss, names
from test_engine import sample, bits
h = hashlib.sha256()
for name in names("pointwise") + names("rows"):
    for dtype in (np.float32, np.float64):
        p, *t = sample(name, dtype, 1200, 70)
        out = Loss(name).eval(p, *t, grad=[0], hess=[0], values=np.empty(len(p), dtype))
        for k in sorted(out): h.update(bits(out[k]))
print(h.hexdigest())
"""


def test_same_bits_on_every_instruction_set_with_fma():
    first, second = printed_by_each(HASH)
    assert first == second


EDGES = {  # of domains: the last numbers that are in them, and the first that are not
    "probability": (lambda least, after: (0, 1), lambda least, after: (-least, after)),
    "positive": (lambda least, after: (least,), lambda least, after: (0, -least)),
    "nonnegative": (lambda least, after: (0,), lambda least, after: (-least,)),
    "sign": (lambda least, after: (-1, 1), lambda least, after: (0, after)),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", POINTWISE)
def test_edges_of_domains(name, dtype):
    """By the long way and, where the loss has two inputs, by the short call for plain arrays."""
    loss, call = Loss(name), getattr(lib, f"libloss_call_f{8 * np.dtype(dtype).itemsize}")
    words = "float[]" if dtype is np.float32 else "double[]"
    least, after = np.finfo(dtype).smallest_subnormal, np.nextafter(dtype(1), dtype(2))
    for k, spec in enumerate(loss.inputs):
        if spec["kind"] not in EDGES:
            continue
        for fine, edges in zip((True, False), EDGES[spec["kind"]], strict=True):
            for edge in edges(least, after):
                x = [np.ones(40, dtype) for _ in loss.inputs]
                x[k][33] = edge
                if fine:
                    loss.eval(*x)
                else:
                    with pytest.raises(Failed, match=r"\[33\]"):
                        loss.eval(*x)
                if len(x) == 2:
                    status = call(loss.handle, 0, 40, *(ffi.from_buffer(words, a) for a in x), ffi.new("double *"), ffi.NULL)
                    assert (status == 0) == fine, (spec["name"], edge)
