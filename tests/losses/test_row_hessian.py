"""Matrices of second derivatives of a row: against the chain rule and against numerical differentiation of the value with many digits."""

from __future__ import annotations

import hashlib
import itertools

import mpmath as mp
import numpy as np
import pytest
from harness import Failed, Loss, ffi, lib, names, tensor
from instruction_sets import printed_by_each
from rows import Case, generalized_cross_entropy, masses, softmax_focal
from test_accuracy import bounds, error
from test_engine import bits

INF = np.inf
SOFTMAX = {"cross_entropy": lambda surprise, param: (surprise, mp.mpf(1), mp.mpf(0), mp.mpf(0)), "softmax_focal": softmax_focal,
           "generalized_cross_entropy": generalized_cross_entropy}
OTHERS = ["nll", "categorical_cross_entropy", "kl_divergence", "js_divergence", "multiclass_brier", "multilabel_soft_margin", "multi_margin",
          "multiclass_hinge", "multilabel_margin"]


def matrices(loss: Loss, *inputs, k=0, upper=False, reduction="sum", out=None, **options):
    """The matrices by input k, and a dict of what else was asked for."""
    shape = (*inputs[k].shape, inputs[k].shape[-1])
    out = np.full(shape, 77, inputs[k].dtype) if out is None else out
    return loss.eval(*inputs, hess=[k], upper=upper, reduction=reduction, outputs={f"hess{k}": out, **options.pop("outputs", {})}, matrices=True,
                     value=False, **options)


def exact(case: Case, r: int):
    """The matrix by the chain rule, and the largest addend of each entry; None where the row is not there."""
    s, _, _ = masses(case, r)
    if s is None:
        return None
    z = [mp.mpf(float(x)) for x in case.prediction[r]]
    n, top = len(z), max(z)
    e = [mp.exp(x - top) for x in z]
    total = mp.fsum(e)
    p = [x / total for x in e]
    param = {"rounded": lambda x: mp.mpf(float(case.prediction.dtype.type(x))), **case.param}
    at = [SOFTMAX[case.spec.partition("(")[0]](top + mp.log(total) - x, param) if w else None for x, w in zip(z, s, strict=True)]
    entry, largest = ([[mp.mpf(0)] * n for _ in range(n)] for _ in range(2))
    for i, j in itertools.product(range(n), repeat=2):
        straight = p[i] * (1 - p[i]) if i == j else -p[i] * p[j]
        terms, sizes = [], [abs(mp.fsum(w * f[1] for w, f in zip(s, at, strict=True) if w) * straight)]
        for k in range(n):
            if not s[k]:
                continue
            terms.append(s[k] * at[k][1] * straight)
            turn = (p[i] - (i == k)) * (p[j] - (j == k))
            terms.append(s[k] * at[k][2] * turn)
            sizes.append(abs(s[k] * at[k][3] * turn))
        entry[i][j], largest[i][j] = mp.fsum(terms), max(sizes)
    return entry, largest


def cases(name: str, dtype):
    rng = np.random.default_rng(5)
    settings = {"softmax_focal": [{"gamma": 0.5}, {"gamma": 3.5}, {"gamma": 0}], "generalized_cross_entropy": [{"q": 1}, {"q": 0.0625}]}
    for classes in (1, 2, 3, 7):
        rows = 8
        z = (rng.normal(size=(rows, classes)) * rng.choice([0.1, 3, 30], (rows, 1))).astype(dtype)
        if classes >= 3:
            z[0], z[1], z[2, 1], z[3] = 0, 0, -INF, 1e4
            z[0, 0], z[1, 1] = 40, 90
        label = rng.integers(0, classes, rows)
        label[:3] = 0
        soft, weight = rng.dirichlet(np.ones(classes), rows).astype(dtype), rng.uniform(0.25, 2, classes).astype(dtype)
        soft[2] = label[2] == np.arange(classes)
        weight[0] = 0
        yield Case(name, z, label)
        yield Case(f"{name}(ignore_index={label[3]})", z, label, weight, 0.0, (label[3],))
        yield Case(name, z, soft, weight)
        there = z if classes < 3 else np.delete(z, 2, 0)  # smoothing gives an absent class a mass, which costs without end
        yield Case(f"{name}(label_smoothing=0.125)", there, label[: len(there)], None, 0.125)
        yield Case(f"{name}(label_smoothing=0.125)", there, soft[-len(there) :], weight, 0.125)
        for param in settings.get(name, []) if classes == 3 else []:
            spec = f"{name}({', '.join(f'{k}={v}' for k, v in param.items())})"
            yield Case(spec, there, label[: len(there)], param={k: mp.mpf(v) for k, v in param.items()})
            yield Case(spec, there, soft[-len(there) :], param={k: mp.mpf(v) for k, v in param.items()})


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", SOFTMAX)
def test_the_chain_rule(name, dtype):
    limit, worst = bounds(name, dtype)[2], [0.0, 0.0]
    with mp.workdps(200):
        for case in cases(name, dtype):
            inputs = (case.prediction, case.target, case.class_weight)
            got = matrices(Loss(case.spec), *inputs)["hess0"]
            diagonal = Loss(case.spec).eval(*inputs, hess=[0], reduction="sum")["hess0"]
            assert bits(np.diagonal(got, axis1=1, axis2=2)) == bits(diagonal), case.spec
            assert bits(got) == bits(got.transpose(0, 2, 1)), case.spec
            for r in range(len(got)):
                want = exact(case, r)
                if want is None:
                    assert not got[r].any()
                    continue
                for i, j in itertools.product(range(got.shape[1]), repeat=2):
                    e = error(got[r, i, j], want[0][i][j], dtype, want[1][i][j])
                    worst[i != j] = max(worst[i != j], e)
                    assert e <= limit, (case.spec, case.prediction[r], case.target[r], i, j, got[r, i, j], e)
    assert worst[1] > 0.3  # they are hard indeed
    print(name, dtype.__name__, "worst ULP on and beside the diagonal:", [round(w, 2) for w in worst])


# ---- the others, from their values alone ----


def log(x):
    return mp.log(x)


VALUES = {
    "cross_entropy": lambda z, t, w: mp.fsum(t[k] * w[k] * (log(mp.fsum(mp.exp(x) for x in z)) - z[k]) for k in range(len(z))),
    "softmax_focal": lambda z, t, w: mp.fsum(
        t[k] * w[k] * (1 - mp.exp(z[k]) / mp.fsum(mp.exp(x) for x in z)) ** 2 * (log(mp.fsum(mp.exp(x) for x in z)) - z[k]) for k in range(len(z))),
    "nll": lambda p, t, w: -mp.fsum(w[k] * t[k] * p[k] for k in range(len(p))),
    "categorical_cross_entropy": lambda p, t, w: -mp.fsum(w[k] * t[k] * log(p[k]) for k in range(len(p))),
    "categorical_cross_entropy(normalize=true)": lambda p, t, w: -mp.fsum(w[k] * t[k] * log(p[k] / mp.fsum(p)) for k in range(len(p))),
    "kl_divergence": lambda p, t, w: mp.fsum(t[k] * log(t[k] / p[k]) for k in range(len(p))),
    "js_divergence": lambda p, t, w: mp.fsum((t[k] * log(2 * t[k] / (t[k] + p[k])) + p[k] * log(2 * p[k] / (t[k] + p[k]))) / 2 for k in range(len(p))),
    "multiclass_brier": lambda p, t, w: mp.fsum((p[k] - t[k]) ** 2 for k in range(len(p))),
    "multilabel_soft_margin": lambda z, t, w: mp.fsum(
        w[k] * (t[k] * log(1 + mp.exp(-z[k])) + (1 - t[k]) * log(1 + mp.exp(z[k]))) for k in range(len(z))) / len(z),
    "multi_margin(power=2)": lambda z, t, w: mp.fsum(
        t[k] * w[k] * mp.fsum(max(1 - z[k] + z[j], 0) ** 2 for j in range(len(z)) if j != k) for k in range(len(z))),
    "multi_margin": lambda z, t, w: mp.fsum(t[k] * w[k] * mp.fsum(max(1 - z[k] + z[j], 0) for j in range(len(z)) if j != k) for k in range(len(z))),
    "multiclass_hinge": lambda z, t, w: mp.fsum(t[k] * max(1 + max(z[j] for j in range(len(z)) if j != k) - z[k], 0) for k in range(len(z))),
    "multilabel_margin": lambda z, t, w: mp.fsum(
        t[i] * (1 - t[j]) * max(1 - z[i] + z[j], 0) for i in range(len(z)) for j in range(len(z))) / len(z),
}
HAS_WEIGHTS = ("cross_entropy", "softmax_focal", "nll", "categorical", "multilabel_soft", "multi_margin")


def some(spec: str):
    """Inputs of five rows of four classes, and the target as rows."""
    rng, name = np.random.default_rng(8), spec.partition("(")[0]
    z = rng.normal(size=(5, 4)) * 2
    label, rows = rng.integers(0, 4, 5), rng.dirichlet(np.ones(4), 5)
    hot = np.eye(4)[label]
    if name in ("kl_divergence", "js_divergence", "categorical_cross_entropy", "multiclass_brier"):
        z = rng.dirichlet(np.ones(4), 5)
    target = hot if name == "multilabel_margin" else label if name in ("multi_margin", "multiclass_hinge") else rows
    weight = rng.uniform(0.5, 2, 4) if name.startswith(HAS_WEIGHTS) else None
    return (z, target, weight) if weight is not None else (z, target), rows if target is rows else hot


@pytest.mark.parametrize("spec", VALUES)
def test_numerical_differentiation(spec):
    inputs, rows = some(spec)
    got = matrices(Loss(spec), *inputs)["hess0"]
    weight = inputs[2] if len(inputs) == 3 else np.ones(4)
    with mp.workdps(40):
        for r, i in itertools.product(range(5), range(4)):
            for j in range(i + 1):
                order = [0] * 4
                order[i] += 1
                order[j] += 1
                t, w, z = ([mp.mpf(float(x)) for x in a] for a in (rows[r], weight, inputs[0][r]))
                want = float(mp.diff(lambda *x, t=t, w=w: VALUES[spec](x, t, w), z, tuple(order)))
                assert got[r, i, j] == pytest.approx(want, rel=1e-14, abs=1e-15), (r, i, j)
                assert got[r, j, i] == got[r, i, j]


@pytest.mark.parametrize("spec", ["cross_entropy", "nll", "kl_divergence", "js_divergence", "multiclass_brier", "multilabel_soft_margin"])
def test_by_the_target_it_is_a_diagonal(spec):
    inputs, _ = some(spec)
    got = matrices(Loss(spec), *inputs, k=1)["hess1"]
    diagonal = Loss(spec).eval(*inputs, hess=[1], reduction="sum")["hess1"]
    assert bits(got) == bits(diagonal[:, :, None] * np.eye(4))


# ---- upper ----


@pytest.mark.parametrize("spec", [*VALUES, "softmax_focal(gamma=0.5)", "generalized_cross_entropy(q=1)", "generalized_cross_entropy(label_smoothing=0.5)"])
def test_upper_has_no_negative_eigenvalue_and_is_nowhere_below(spec):
    inputs, _ = some(spec)
    if "cross_entropy" in spec or "focal" in spec:  # where the true one has some: far from what is so
        inputs = (np.concatenate([inputs[0], inputs[0] * 0.1, np.eye(4)[[0, 1, 2, 3, 0]] * 3]) if "categorical" not in spec else inputs[0].repeat(3, 0),
                  np.tile(inputs[1], (3, 1)), *inputs[2:])
    exact_ones, upper = (matrices(Loss(spec), *inputs, upper=u)["hess0"] for u in (False, True))
    least = np.linalg.eigvalsh(upper).min(1)
    size = np.abs(upper).max((1, 2)) + 1e-300
    assert (least >= -1e-14 * size).all(), least
    assert (np.linalg.eigvalsh(upper - exact_ones).min(1) >= -1e-14 * size).all()
    if spec in ("softmax_focal", "generalized_cross_entropy(q=1)"):
        assert np.linalg.eigvalsh(exact_ones).min() < -1e-3  # not for nothing
    if spec in ("cross_entropy", "kl_divergence"):
        assert bits(upper) == bits(exact_ones)


# ---- what the engine does with them ----

ALL = [*SOFTMAX, "cross_entropy(label_smoothing=0.125)", "softmax_focal(label_smoothing=0.125)", "categorical_cross_entropy(normalize=true)", "multi_margin(power=2)"]


def some_rows(spec: str, dtype, classes: int, rows: int = 23):
    rng = np.random.default_rng(classes)
    z = rng.normal(size=(rows, classes)) * 2
    if spec.startswith("categorical"):
        z = np.exp(z - z.max(1, keepdims=True))
    return z.astype(dtype), rng.integers(0, classes, rows)


@pytest.mark.parametrize("spec", ALL)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("classes", [1, 3, 16, 40, 65, 130])
def test_bits_depend_on_the_row_alone(spec, dtype, classes):
    loss = Loss(spec)
    z, label = some_rows(spec, dtype, classes)
    whole = matrices(loss, z, label)["hess0"]
    assert np.isfinite(whole).all()
    for r in (0, 1, len(z) - 1):
        assert bits(matrices(loss, z[r : r + 1], label[r : r + 1])["hess0"][0]) == bits(whole[r])
    assert bits(np.diagonal(whole, axis1=1, axis2=2)) == bits(loss.eval(z, label, hess=[0], reduction="sum")["hess0"])
    mask = np.ones(len(z), dtype)
    mask[[2, 7, 8]] = 0
    bad = z.copy()
    bad[mask == 0] = np.nan
    masked = matrices(loss, bad, label, weight=mask)["hess0"]
    assert bits(masked[mask != 0]) == bits(whole[mask != 0]) and not masked[mask == 0].any()
    strided = np.empty((2 * len(z), classes, 3 * classes), dtype)[::-2, :, ::3]
    assert bits(matrices(loss, np.asfortranarray(z), label, out=strided)["hess0"]) == bits(whole)
    both = matrices(loss, z, label, grad=[0], values=np.empty(len(z), dtype))
    alone = loss.eval(z, label, grad=[0], values=np.empty(len(z), dtype), reduction="sum")
    assert bits(both["hess0"]) == bits(whole) and bits(both["grad0"]) == bits(alone["grad0"]) and bits(both["values"]) == bits(alone["values"])
    own = z.copy()
    over = matrices(loss, own, label, grad=[0], outputs={"grad0": own})
    assert bits(over["hess0"]) == bits(whole) and bits(own) == bits(alone["grad0"])
    half = matrices(loss, z, label, out=np.empty(whole.shape, np.float16))["hess0"]
    wide = matrices(loss, z, label, out=np.empty(whole.shape))["hess0"]
    with np.errstate(over="ignore"):
        assert bits(wide.astype(dtype)) == bits(whole) and bits(half) == bits(wide.astype(np.float16))


@pytest.mark.parametrize("spec", ["cross_entropy", "multiclass_brier"])
def test_scaled_like_every_hessian(spec):
    rng = np.random.default_rng(2)
    z, label, w, up = rng.dirichlet(np.ones(3), 6), rng.integers(0, 3, 6), rng.uniform(0.5, 2, 6), rng.normal(size=6)
    own = matrices(Loss(spec), z, label)["hess0"]
    for reduction, divisor in (("sum", 1), ("mean", 6), ("weighted_mean", w.sum())):
        got = matrices(Loss(spec), z, label, weight=w, upstream=up, reduction=reduction)["hess0"]
        factor = up / divisor * w
        np.testing.assert_array_max_ulp(got, own * factor[:, None, None], 1)
    z = np.array([[np.nan, 0, 0.5]])
    assert np.isnan(np.diagonal(matrices(Loss("cross_entropy"), z, label[:1])["hess0"][0])).all()


def test_sums_add_them_up():
    rng = np.random.default_rng(3)
    z, label = rng.normal(size=(9, 5)), rng.integers(0, 5, 9)
    one, two = (matrices(Loss(s), z, label)["hess0"] for s in ("cross_entropy", "multi_margin(power=2)"))
    both = matrices(Loss("0.5*cross_entropy + 2*multi_margin(power=2)"), z, label)["hess0"]
    np.testing.assert_allclose(both, 0.5 * one + 2 * two, rtol=1e-15, atol=1e-16)
    with pytest.raises(Failed, match="cosine_distance: no Hessian matrix"):
        matrices(Loss("js_divergence + cosine_distance"), np.full((1, 2), 0.5), np.full((1, 2), 0.5))


def test_more_axes_and_none():
    rng = np.random.default_rng(4)
    z, label = rng.normal(size=(2, 3, 4)), rng.integers(0, 4, (2, 3))
    got = matrices(Loss("cross_entropy"), z, label)["hess0"]
    assert bits(got.reshape(6, 4, 4)) == bits(matrices(Loss("cross_entropy"), z.reshape(6, 4), label.ravel())["hess0"])
    assert matrices(Loss("cross_entropy"), np.zeros((0, 4)), np.zeros(0, int))["hess0"].shape == (0, 4, 4)
    one = matrices(Loss("cross_entropy"), z[0, 0], label[0, 0])["hess0"]
    assert bits(one) == bits(got[0, 0])


def test_what_is_refused():
    z, label = np.zeros((3, 2)), np.zeros(3, int)
    for name in names():
        loss = Loss(name)
        known = name in SOFTMAX or name in OTHERS
        args = ffi.new("libloss_args *", {"struct_size": ffi.sizeof("libloss_args"), "hessian_kind": lib.LIBLOSS_ROW_MATRIX})
        keep: list = []
        for k, i in enumerate(loss.inputs):
            if not i["optional"]:
                args.input[k] = tensor(label if i["kind"] == "class" else np.full((3, 2), 0.5), keep)
        plan = ffi.new("libloss_plan *", {"struct_size": ffi.sizeof("libloss_plan")})
        status = lib.libloss_prepare(loss.handle, args, plan)
        assert status == (lib.LIBLOSS_OK if known else lib.LIBLOSS_ERR_UNSUPPORTED), name
    with pytest.raises(Failed, match=r"hessian\[0\] has shape \(3, 2\); it needs \(3, 2, 2\)"):
        matrices(Loss("cross_entropy"), z, label, out=np.zeros((3, 2)))
    memory = np.zeros(12)
    with pytest.raises(Failed, match=r"hessian\[0\] overlaps prediction"):
        matrices(Loss("cross_entropy"), memory[:6].reshape(3, 2), label, out=memory.reshape(3, 2, 2))
    with pytest.raises(Failed, match="lie on each other"):
        matrices(Loss("cross_entropy"), z, label, out=np.lib.stride_tricks.as_strided(memory, (3, 2, 2), (0, 16, 8)))
    out = np.full((3, 2, 2), 5.0)
    with pytest.raises(Failed, match=r"target\[1\] = 2"):
        matrices(Loss("cross_entropy"), z, np.array([0, 2, 0]), out=out)
    assert (out == 5).all()


HASH = """
from test_row_hessian import digest
print(digest())
"""


def digest() -> str:
    h = hashlib.sha256()
    for spec, dtype, classes, upper in itertools.product(ALL, (np.float32, np.float64), (3, 16, 65), (False, True)):
        h.update(bits(matrices(Loss(spec), *some_rows(spec, dtype, classes), upper=upper)["hess0"]))
    return h.hexdigest()


def test_the_same_bits_on_every_instruction_set_with_fma():
    first, second = printed_by_each(HASH)
    assert first == second


def test_any_number_of_threads():
    rng = np.random.default_rng(6)
    z, label = rng.normal(size=(70000, 5)), rng.integers(0, 5, 70000)
    one, many = (matrices(Loss("cross_entropy"), z, label, threads=n)["hess0"] for n in (1, 5))
    assert bits(one) == bits(many)
