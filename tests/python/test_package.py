"""The Python package: what its users type, and what comes back."""

from __future__ import annotations

import copy
import doctest
import inspect
import math
import pathlib
import pickle
import signal
import subprocess
import sys
import threading
import time

import libloss
import numpy as np
import pytest
from libloss import Loss, Total

P, T = np.array([0.5, 2.0, -1.0]), np.array([1.0, 1.0, 1.0])


def test_a_number_in_one_line():
    assert libloss.huber(P, T, delta=1.5) == pytest.approx((0.125 + 0.5 + 1.5 * (2 - 0.75)) / 3)
    assert libloss.mse(P, T) == libloss.squared_error(P, T) == pytest.approx(np.mean((P - T) ** 2))
    assert isinstance(libloss.huber(P, T), float)
    assert libloss.huber([0.5, 2], [1, 1]) == libloss.huber(np.array([0.5, 2]), np.array([1.0, 1]))
    assert libloss.huber(2.0, 1.0) == 0.5


@pytest.mark.parametrize("name", libloss.losses())
def test_every_function(name):
    f = getattr(libloss, name)
    signature = inspect.signature(f)
    positional = [p.name for p in signature.parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert positional == [i.name for i in libloss.info(name).inputs if not i.optional]
    assert {p.name for p in libloss.info(name).parameters} <= set(signature.parameters)
    found = doctest.DocTestFinder().find(f, name, globs={"libloss": libloss, "np": np})
    assert found and found[0].examples
    for test in found:
        assert doctest.DocTestRunner().run(test).failed == 0
    assert libloss.info(name).citation in f.__doc__


def test_only_inputs_are_positional():
    with pytest.raises(TypeError):
        libloss.huber(P, T, 2.0)
    with pytest.raises(TypeError, match="positional"):
        Loss("huber")(P, T, 2.0)
    with pytest.raises(TypeError, match="'target'"):
        Loss("huber")(P, y_true=T)


def test_loss_methods_agree():
    loss = Loss("huber", delta=1.5)
    w = np.array([1.0, 0.0, 2.0])
    value, grad = loss.value_and_grad(P, T, weight=w, reduction="weighted_mean")
    assert value == loss(P, T, weight=w, reduction="weighted_mean")
    np.testing.assert_array_equal(grad, loss.grad(P, T, weight=w, reduction="weighted_mean"))
    np.testing.assert_allclose(grad, w * np.clip(P - T, -1.5, 1.5) / 3)
    g, h = loss.grad_and_hess(P, T, reduction="sum")
    np.testing.assert_array_equal(h, [1, 1, 0])
    np.testing.assert_array_equal(g, loss.grad(P, T, reduction="none"))
    np.testing.assert_array_equal(loss.hess(P, T, reduction="sum", curvature="upper"), [1, 1, 0.75])
    jet = loss.jet(P, T)
    assert jet.value == loss(P, T) and np.array_equal(jet.grad, loss.grad(P, T))
    by_both = loss.grad(P, T, wrt=("prediction", "target"))
    np.testing.assert_array_equal(by_both[0], -by_both[1])
    np.testing.assert_array_equal(loss.backward(P, T, upstream=w), w * g)
    assert loss.reduce(loss.forward(P, T), weight=w) == loss(P, T, weight=w)
    with pytest.raises(libloss.ArgumentError, match="wrt"):
        loss.grad(P, T, wrt="delta")


def test_rows():
    rng = np.random.default_rng(0)
    z, y = rng.normal(size=(6, 4)), np.array([0, 1, 2, 3, 0, 1])
    loss = Loss("cross_entropy")
    lse = np.log(np.exp(z).sum(1))
    assert loss(z, y) == pytest.approx(np.mean(lse - z[np.arange(6), y]))
    np.testing.assert_allclose(loss.grad(z, y, reduction="sum"), np.exp(z) / np.exp(z).sum(1, keepdims=True) - np.eye(4)[y])
    assert loss(z, np.eye(4)[y]) == pytest.approx(loss(z, y), rel=1e-15)
    got = loss.evaluate(z, y, want=("value", "grad", "logsumexp", "correct"))
    np.testing.assert_allclose(got.logsumexp, lse)
    np.testing.assert_array_equal(got.correct, z.argmax(1) == y)
    w = np.array([0.5, 1, 2, 0])
    assert libloss.cross_entropy(z, y, class_weight=w, reduction="weighted_mean") == pytest.approx(np.sum(w[y] * (lse - z[np.arange(6), y])) / w[y].sum())
    channels = rng.normal(size=(2, 3, 5))
    labels = rng.integers(0, 3, (2, 5))
    moved = np.ascontiguousarray(np.moveaxis(channels, 1, -1))
    value, grad = loss.value_and_grad(channels, labels, axis=1)
    assert value == loss(moved, labels) and grad.shape == channels.shape
    np.testing.assert_array_equal(np.moveaxis(grad, 1, -1), loss.grad(moved, labels))
    with pytest.raises(libloss.DomainError, match=r"target\[2\] = 4 is not in \[0, 4\)") as caught:
        loss(z, [0, 1, 4, 0, 0, 0])
    assert (caught.value.argument, caught.value.position, caught.value.value) == ("target", (2,), 4.0)
    with pytest.raises(libloss.DTypeError, match="integers"):
        loss(z, np.zeros(6))


def test_out_and_in_place():
    loss, p = Loss("squared_error"), P.copy()
    out = np.empty(3, np.float32)
    assert loss.grad(P, T, out=out) is out
    np.testing.assert_array_equal(out, loss.grad(P, T).astype(np.float32))
    assert loss.grad(p, T, out=p) is p
    np.testing.assert_array_equal(p, loss.grad(P, T))
    locked = np.empty(3)
    locked.flags.writeable = False
    with pytest.raises(libloss.ArgumentError, match="read-only"):
        loss.grad(P, T, out=locked)
    with pytest.raises(libloss.ArgumentError, match="overlaps"):
        loss.grad(P, T, out=T)
    values = np.empty(3)
    assert libloss.huber(P, T, reduction="none", out=values) is values


def test_identity():
    a = Loss("huber", delta=2)
    for same in (Loss("huber(delta=2)"), pickle.loads(pickle.dumps(a)), copy.copy(a), copy.deepcopy(a), eval(repr(a)), Loss(a.spec), Loss("huber").replace(delta=2)):
        assert same == a and hash(same) == hash(a) and str(same) == "huber(delta=2)"
    assert a != Loss("huber") and Loss("mse") == Loss("squared_error")
    assert repr(a) == "Loss('huber', delta=2.0)"
    assert a.parameters == {"delta": 2.0}
    with pytest.raises(AttributeError):
        a.delta = 3
    with pytest.raises(libloss.ArgumentError, match="spec and as a keyword"):
        Loss("huber(delta=2)", delta=3)
    g = Loss("gan_minimax", player="generator")
    assert pickle.loads(pickle.dumps(g)) == g == eval(repr(g)) and g.parameters["player"] == "generator"
    c = Loss("cross_entropy", ignore_index=2, label_smoothing=0.1)
    assert eval(repr(c)) == c and c.parameters["ignore_index"] == 2


def test_compositions():
    a, b = Loss("huber", delta=0.5), Loss("log_cosh")
    both = 0.7 * a + b / 4 - 0.5 * b
    assert both(P, T) == pytest.approx(0.7 * a(P, T) - 0.25 * b(P, T), rel=1e-15)
    assert eval(repr(both)) == both == pickle.loads(pickle.dumps(both)) == Loss(both.spec)
    assert sum([a, b]) == a + b and (-a).terms == ((-1.0, a),)
    np.testing.assert_allclose(both.grad(P, T), 0.7 * a.grad(P, T) - 0.25 * b.grad(P, T))
    total = Total(both).add(P[:1], T[:1]).add(P[1:], T[1:])
    assert total.mean == both(P, T)


def test_totals():
    rng = np.random.default_rng(1)
    p, t, w = rng.normal(size=(3, 1000))
    w = np.abs(w)
    whole = Total("huber", delta=2).add(p, t, weight=w)
    parts = [Total("huber(delta=2)").add(p[i], t[i], weight=w[i]) for i in np.array_split(rng.permutation(1000), 9)]
    merged = sum(pickle.loads(pickle.dumps(x)) for x in parts)
    assert merged == whole and merged.to_bytes() == whole.to_bytes()
    assert whole.weighted_mean == libloss.huber(p, t, delta=2, weight=w, reduction="weighted_mean") and whole.count == 1000
    assert whole.divisor("weighted_mean") == whole.weight_sum
    np.testing.assert_array_equal(Loss("huber", delta=2).grad(p, t, weight=w, divisor=whole.divisor("weighted_mean")),
                                  Loss("huber", delta=2).grad(p, t, weight=w, reduction="weighted_mean"))
    with pytest.raises(libloss.Error):
        whole += Total("huber")
    assert math.isnan(Total("huber").mean) and Total("huber").reduce(empty="zero") == 0


def test_errors_are_kind():
    with pytest.raises(AttributeError, match="did you mean huber"):
        libloss.hubber
    with pytest.raises(AttributeError, match="reduction='weighted_mean'"):
        libloss.CrossEntropyLoss
    with pytest.raises(AttributeError, match="logistic"):
        libloss.log_loss
    with pytest.raises(libloss.UnknownNameError) as unknown:
        Loss("hubber")
    assert unknown.value.nearest == ("huber",)
    with pytest.raises(libloss.SpecError) as spec:
        Loss("huber(delta=)")
    assert spec.value.column == 13
    with pytest.raises(libloss.UnknownNameError, match="delta"):
        Loss("huber", delt=1)
    with pytest.raises(libloss.ArgumentError, match="batch_mean"):
        libloss.huber(P, T, reduction="batchmean")
    with pytest.raises(ValueError):
        libloss.huber(P, T, delta=-1)
    for error in (unknown.value, spec.value):
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error) and str(again) == str(error) and again.status == error.status
    with pytest.raises(libloss.ShapeError, match=r"target has shape \(3, 1\)"):
        libloss.huber(P, T[:, None])
    with pytest.raises(libloss.DomainError, match="logits"):
        libloss.binary_cross_entropy([2.7], [1])
    with pytest.raises(libloss.NotDifferentiableError):
        Loss("hinge").grad(P, T, wrt="target")


def test_masked_arrays_and_odd_types():
    masked = np.ma.array([1.0, np.nan, 3.0], mask=[0, 1, 0])
    value, grad = Loss("squared_error").value_and_grad(masked, [0, 0, 0])
    assert value == 5 and np.array_equal(grad, [1, 0, 3]) and type(grad) is np.ndarray
    assert libloss.squared_error([1, 1, 1], np.ma.array([0, 0, 9], mask=[0, 0, 1]), weight=[1, 0, 1]) == 1
    assert libloss.mse(P.astype(">f8"), T) == libloss.mse(P, T)
    record = np.zeros(3, [("a", "i1"), ("x", "f8")])
    record["x"] = P
    assert libloss.mse(record["x"], T) == libloss.mse(P, T)
    assert libloss.mse(np.asmatrix(P), np.asmatrix(T)) == libloss.mse(P, T)
    assert Loss("mse").grad(P.astype(np.float16), T.astype(np.float16)).dtype == np.float16
    assert Loss("mse")(np.float32(P), T, reduction="none").dtype == np.float64
    assert Loss("mse")(np.float32(P), T.astype(int), reduction="none").dtype == np.float32
    for bad in (np.array([1j]), np.array(["a"]), np.array([object()]), {}, None):
        with pytest.raises((libloss.DTypeError, TypeError)):
            libloss.mse(bad, P[:1])
    if np.dtype(np.longdouble).itemsize > 8:
        with pytest.raises(libloss.DTypeError, match="prediction has dtype"):
            libloss.mse(P.astype(np.longdouble), T)


def test_ml_dtypes():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    p = P.astype(ml_dtypes.bfloat16)
    assert libloss.mse(p, T) == libloss.mse(P, T)
    assert Loss("mse")(p, np.float32(T), reduction="none").dtype == np.float32


def test_torch_tensors():
    torch = pytest.importorskip("torch")
    assert libloss.mse(torch.tensor(P), torch.tensor(T)) == libloss.mse(P, T)
    assert libloss.mse(torch.tensor(P).to(torch.bfloat16), T) == libloss.mse(P, T)
    with pytest.raises(libloss.DTypeError, match="detach"):
        libloss.mse(torch.tensor(P, requires_grad=True), T)


def test_pandas():
    pandas = pytest.importorskip("pandas")
    assert libloss.mse(pandas.Series(P), pandas.Series(T)) == libloss.mse(P, T)
    assert libloss.mse(pandas.array([1, None, 3], dtype="Int64"), np.zeros(3)) == 5
    assert libloss.mse(pandas.Series([1, None, 3], dtype="Float64"), np.zeros(3)) == 5
    assert math.isnan(libloss.mse(pandas.Series([1, np.nan, 3]), np.zeros(3)))


def test_polars():
    polars = pytest.importorskip("polars")
    assert libloss.mse(polars.Series([1.0, None, 3.0]), np.zeros(3)) == 5


def test_fit_constant():
    t = np.array([1.0, 2.0, 3.0, 10.0])
    assert Loss("squared_error").fit_constant(t) == pytest.approx(4, rel=1e-15)
    assert Loss("absolute_error").fit_constant(t) == pytest.approx(2.5, rel=1e-15)
    assert Loss("absolute_error").fit_constant(t[:3]) == 2
    assert Loss("binary_cross_entropy_with_logits").fit_constant([1, 1, 1, 0]) == pytest.approx(math.log(3), rel=1e-14)
    assert Loss("binary_cross_entropy").fit_constant([1, 1, 1, 0]) == pytest.approx(0.75, rel=1e-14)
    assert Loss("squared_error").fit_constant(t, weight=[1, 1, 1, 0]) == pytest.approx(2, rel=1e-15)


def test_threads_share_a_loss_and_the_gil_is_free():
    p = np.random.default_rng(0).normal(size=300_000)
    loss = Loss("log_cosh")
    want = loss(p, p * 0.5)
    seen = []
    workers = [threading.Thread(target=lambda: seen.append(loss(p, p * 0.5))) for _ in range(8)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    assert seen == [want] * 8


def test_interrupt():
    """A handler's exception stops a long call and comes through as it was raised."""

    class Late(Exception):
        pass

    def handler(number, frame):
        raise Late

    before = signal.signal(signal.SIGALRM, handler)
    try:
        p = np.broadcast_to(np.float32(1), 2**33)
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        start = time.monotonic()
        with pytest.raises(Late):
            libloss.log_cosh(p, p)
        assert time.monotonic() - start < 5
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert libloss.mse(P, T) == libloss.squared_error(P, T)


def run(*arguments, **keywords):
    return subprocess.run([sys.executable, "-m", "libloss", *arguments], capture_output=True, text=True, **keywords)


def test_command(tmp_path):
    np.save(tmp_path / "p.npy", P)
    np.save(tmp_path / "t.npy", T)
    done = run("eval", "huber:delta=2", tmp_path / "p.npy", tmp_path / "t.npy", "--grad-out", tmp_path / "g.npy")
    assert done.returncode == 0 and float(done.stdout) == libloss.huber(P, T, delta=2)
    np.testing.assert_array_equal(np.load(tmp_path / "g.npy"), Loss("huber", delta=2).grad(P, T))
    refused = run("eval", "hubber", tmp_path / "p.npy", tmp_path / "t.npy")
    assert refused.returncode == 1 and "did you mean huber" in refused.stderr and "Traceback" not in refused.stderr
    assert all(name in run("list").stdout for name in libloss.losses())
    assert "delta" in run("show", "huber").stdout and run("--version").stdout.strip() == libloss.__version__
    assert "instruction_set" in run("config").stdout
    assert run("nonsense").returncode == 2


def test_no_references_are_lost():
    p, t = P.copy(), T.copy()
    before = sys.getrefcount(p), sys.getrefcount(t)
    for _ in range(10_000):
        libloss.huber(p, t)
    loss = Loss("huber")
    for _ in range(1000):
        loss.value_and_grad(p, t)
    assert (sys.getrefcount(p), sys.getrefcount(t)) == before


def test_readme_table_is_fresh():
    root = pathlib.Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, root / "tests/python/readme_table.py", "--check"], check=False).returncode == 0, "run tests/python/readme_table.py"


def cauchy(prediction, target, scale=1.0):
    """Cauchy, by hand."""
    x = (prediction - target) / scale
    return np.log1p(x * x), 2 * x / (1 + x * x) / scale, 2 * (1 - x * x) / (1 + x * x) ** 2 / scale**2


def test_a_loss_of_ones_own():
    loss = libloss.define(cauchy)
    p, t = np.random.default_rng(0).normal(size=(2, 40_000)) * 3
    w = np.where(p > 1, 0.0, 2.0)
    value, grad, hess = cauchy(p, t)
    assert loss(p, t) == pytest.approx(value.mean(), rel=1e-12)
    np.testing.assert_allclose(loss.grad(p, t, weight=w, reduction="sum"), w * grad)
    np.testing.assert_allclose(loss.hess(p, t, reduction="sum"), hess)
    assert loss.replace(scale=2)(p, t) == pytest.approx(np.log1p((p - t) ** 2 / 4).mean(), rel=1e-12)
    poisoned = np.where(w == 0, np.nan, p)
    assert loss(poisoned, t, weight=w) == loss(p[w > 0], t[w > 0], weight=w[w > 0])
    assert loss.grad(np.float32(p), np.float32(t)).dtype == np.float32
    again = pickle.loads(pickle.dumps(loss.replace(scale=3)))
    assert again == loss.replace(scale=3) and again(p, t) == loss.replace(scale=3)(p, t)
    assert Total(loss).add(p[:7], t[:7]).add(p[7:], t[7:]).mean == loss(p, t)
    both = 0.5 * Loss("huber") + Loss("mse")
    assert libloss.check(loss, p[:20], t[:20]) and libloss.check(both, p[:20], t[:20])
    rows = libloss.define(lambda prediction, target: (((prediction - target) ** 2).sum(1), 2 * (prediction - target)), name="rows", family="rowwise")
    a, b = np.random.default_rng(1).normal(size=(2, 5, 3))
    assert rows(a, b) == pytest.approx(((a - b) ** 2).sum(1).mean(), rel=1e-14)
    np.testing.assert_allclose(rows.grad(a, b, reduction="sum"), 2 * (a - b))


def test_exceptions_come_through_callbacks():
    class Mine(Exception):
        pass

    def broken(prediction, target):
        raise Mine("here")

    with pytest.raises(Mine, match="here"):
        libloss.define(broken)(P, T)
    with pytest.raises(libloss.ArgumentError, match=r"value of shape \(2,\)"):
        libloss.define(lambda prediction, target: prediction[:2], name="short")(P, T)
    with pytest.raises(libloss.NotDifferentiableError, match="returns no gradient"):
        libloss.define(lambda prediction, target: prediction, name="plain").grad(P, T)
    wrong = libloss.define(lambda prediction, target: (prediction**2, 3 * prediction, 2 + 0 * prediction), name="wrong")
    found = libloss.check(wrong, P, T)
    assert not found and "gradient at (0,)" in found.report


# ---- losses of several inputs, threads, inputs from elsewhere ----


class Pinballs(libloss.CustomLoss):
    """Two quantiles at once: the lower at 0.1, the upper at 0.9."""

    inputs = ("low", "high", "target")
    differentiable = ("low", "high")

    def __init__(self):
        self.seen = []

    def jet(self, low, high, target, *, want):
        self.seen.append((want, len(low)))
        value = np.maximum(0.1 * (target - low), 0.9 * (low - target)) + np.maximum(0.9 * (target - high), 0.1 * (high - target))
        return value, {"low": np.where(target > low, -0.1, 0.9), "high": np.where(target > high, -0.9, 0.1)}


def test_custom_loss_of_several_inputs():
    mine = Pinballs()
    loss = mine.build()
    low, high, t = np.random.default_rng(3).normal(size=(3, 1000))
    w = (np.arange(1000) % 3).astype(float)
    value, (by_low, by_high) = loss.value_and_grad(low, high, t, wrt=("low", "high"), weight=w)
    want = (libloss.quantile(low, t, tau=0.1, weight=w), libloss.quantile(high, t, tau=0.9, weight=w))
    assert value == pytest.approx(sum(want), rel=1e-14)
    np.testing.assert_allclose(by_low, libloss.Loss("quantile", tau=0.1).grad(low, t, weight=w), rtol=1e-14)
    np.testing.assert_allclose(by_high, libloss.Loss("quantile", tau=0.9).grad(high, t, weight=w), rtol=1e-14)
    assert sum(n for _, n in mine.seen) == np.count_nonzero(w), "what is masked is not seen"
    with pytest.raises(libloss.NotDifferentiableError, match="Hessian by low"):
        loss.hess(low, high, t, wrt="low")
    with pytest.raises(libloss.NotDifferentiableError, match="target"):
        loss.grad(low, high, t, wrt="target")


def test_custom_loss_by_rows():
    class Spread(libloss.CustomLoss):
        family = "rowwise"
        inputs = ("prediction", "target")

        def jet(self, prediction, target, *, want):
            r = prediction - target
            return (r * r).sum(-1), {"prediction": 2 * r, "target": -2 * r}

    p, t = np.random.default_rng(4).normal(size=(2, 5, 3))
    value, (by_p, by_t) = Spread().build().value_and_grad(p, t, wrt=("prediction", "target"), reduction="sum")
    assert value == pytest.approx(((p - t) ** 2).sum(), rel=1e-14)
    np.testing.assert_array_equal(by_p, 2 * (p - t))
    np.testing.assert_array_equal(by_t, -2 * (p - t))
    with pytest.raises(NotImplementedError, match="no jet"):
        libloss.CustomLoss().build()([1.0], [1.0])

    class Wrong(libloss.CustomLoss):
        differentiable = ("anchor",)

    with pytest.raises(libloss.ArgumentError, match="anchor"):
        Wrong().build()


def test_define_one_number_at_a_time():
    import math

    cauchy = libloss.define(lambda prediction, target, scale=1.0: (math.log1p(((prediction - target) / scale) ** 2), 2 * (prediction - target) / (scale**2 + (prediction - target) ** 2)),
                            name="cauchy", vectorized=False)
    p = np.linspace(-3, 3, 20)
    np.testing.assert_allclose(cauchy(p, 0 * p, reduction="none"), np.log1p(p**2), rtol=1e-15)
    np.testing.assert_allclose(cauchy.grad(p, 0 * p, reduction="sum"), 2 * p / (1 + p * p), rtol=1e-15)


def test_threads(monkeypatch):
    monkeypatch.delenv("LIBLOSS_NUM_THREADS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "3,2")
    assert libloss.get_threads() == 3
    monkeypatch.setenv("LIBLOSS_NUM_THREADS", "5")
    assert libloss.get_threads() == 5
    libloss.set_threads(4)
    try:
        assert libloss.get_threads() == 4
        with libloss.threads(2):
            assert libloss.get_threads() == 2
            assert libloss.huber([1.0, 2.0], [0.0, 0.0], threads=1) == libloss.huber([1.0, 2.0], [0.0, 0.0])
        assert libloss.get_threads() == 4
    finally:
        libloss.set_threads(None)
    for wrong in (0, -1, 1.5, True):
        with pytest.raises(libloss.ArgumentError, match="threads"):
            libloss.set_threads(wrong)
        with pytest.raises(libloss.ArgumentError, match="threads"):
            libloss.Loss("huber")([1.0], [1.0], threads=wrong)


def test_total_of_values():
    loss = libloss.Loss("huber")
    p, t = np.random.default_rng(5).normal(size=(2, 100))
    w = np.arange(100.0)
    total = loss.total().add_values(loss.forward(p, t), weight=w)
    assert total == loss.total().add(p, t, weight=w)
    with pytest.raises(libloss.ArgumentError, match="metric"):
        libloss.Total("accuracy").add_values([1.0])


def test_arrow():
    pyarrow = pytest.importorskip("pyarrow")
    p = pyarrow.array([0.5, None, 2.0])
    assert libloss.huber(p, [0.0, 5.0, 0.0]) == libloss.huber([0.5, 2.0], [0.0, 0.0])
    assert libloss.huber(pyarrow.chunked_array([[0.5], [2.0]]), [0.0, 0.0]) == libloss.huber([0.5, 2.0], [0.0, 0.0])


def test_jax():
    jax = pytest.importorskip("jax")
    p = jax.numpy.array([0.5, 2.0])
    assert libloss.huber(p, jax.numpy.zeros(2)) == libloss.huber(np.float32([0.5, 2.0]), np.zeros(2, np.float32))
    with pytest.raises(libloss.DTypeError, match="prediction"):
        jax.jit(lambda x: libloss.huber(x, x))(p)


def test_devices():
    class Elsewhere:
        def __dlpack__(self, **options):
            raise AssertionError

        def __dlpack_device__(self):
            return 2, 0

    with pytest.raises(libloss.DeviceError, match="target is on a device"):
        libloss.huber([1.0], Elsewhere())


def test_series_with_other_indexes():
    pandas = pytest.importorskip("pandas")
    a, b = pandas.Series([1.0, 2.0], index=[0, 1]), pandas.Series([2.0, 1.0], index=[1, 0])
    with pytest.raises(libloss.ShapeError, match="target and prediction have different indexes"):
        libloss.squared_error(a, b)
    assert libloss.squared_error(a, b.sort_index()) == 0
    for wrong in (None, {"a": 1}, (x for x in "ab"), "text", np.array(["a"]), 1j):
        with pytest.raises((libloss.DTypeError, TypeError), match="prediction"):
            libloss.squared_error(wrong, [1.0])
