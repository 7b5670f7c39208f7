"""The Python package: what its users type, and what comes back."""

from __future__ import annotations

import contextlib
import copy
import doctest
import gc
import inspect
import math
import os
import pathlib
import pickle
import re
import signal
import subprocess
import sys
import threading
import time
import tracemalloc

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
    with pytest.raises(libloss.ArgumentError, match="wrt = 'beta' is none of the inputs: prediction, target or learnable parameters: delta"):
        loss.grad(P, T, wrt="beta")


def test_learnable_parameters():
    loss = Loss("huber", delta=1.5)
    assert [p.name for p in loss.info.parameters if p.learnable] == ["delta"] and "learnable" in libloss.huber.__doc__
    over = np.maximum(abs(P - T) - 1.5, 0)
    value, (by_prediction, by_delta) = loss.value_and_grad(P, T, wrt=("prediction", "delta"))
    assert value == loss(P, T) and np.array_equal(by_prediction, loss.grad(P, T)) and type(by_delta) is float
    assert by_delta == pytest.approx(over.mean(), rel=1e-15) and loss.grad(P, T, wrt="delta") == by_delta
    w = [1, 0, 2]
    assert loss.grad(P, T, wrt="delta", weight=w, reduction="sum") == pytest.approx((over * w).sum(), rel=1e-15)
    assert loss.backward(P, T, wrt="delta", upstream=w) == pytest.approx((over * w).sum(), rel=1e-15)
    swapped = loss.grad(P, T, wrt=("delta", "target"), out=(None, own := np.empty(3)))
    assert swapped[0] == by_delta and swapped[1] is own and np.array_equal(own, -by_prediction)
    assert loss.evaluate(P, T, want=("value", "grad"), wrt="delta").grad == by_delta
    robust = Loss("adaptive_robust")
    by_alpha, by_scale = robust.grad(P, T, wrt=("alpha", "scale"), reduction="sum")
    near = [robust.replace(alpha=1 + h)(P, T, reduction="sum") for h in (1e-6, -1e-6)]
    assert by_alpha == pytest.approx((near[0] - near[1]) / 2e-6, rel=1e-8) and by_scale < 0
    assert Loss("adaptive_robust", alpha=-math.inf) == Loss("adaptive_robust(alpha=-inf)") == Loss("barron(alpha=-inf)")
    for call, kind, says in ((lambda: loss.hess(P, T, wrt="delta"), libloss.NotDifferentiableError, "second derivative"),
                             (lambda: Loss("quantile").grad(P, T, wrt="tau"), libloss.NotDifferentiableError, "tau is not learnable"),
                             (lambda: loss.grad(P, T, wrt=("delta", "delta")), libloss.ArgumentError, "twice"),
                             (lambda: loss.grad(P, T, wrt="delta", out=np.empty(3)), libloss.ArgumentError, "a float")):
        with pytest.raises(kind, match=says):
            call()


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
    with pytest.raises(AttributeError, match="cross_entropy, with reduction weighted_mean"):
        libloss.CrossEntropyLoss
    with pytest.raises(AttributeError, match=r"libloss\.metrics\.log_loss"):
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







def test_fit_constant():
    t = np.array([1.0, 2.0, 3.0, 10.0])
    assert Loss("squared_error").fit_constant(t) == pytest.approx(4, rel=1e-15)
    assert Loss("absolute_error").fit_constant(t) == pytest.approx(2.5, rel=1e-15)
    assert Loss("absolute_error").fit_constant(t[:3]) == 2
    assert Loss("binary_cross_entropy_with_logits").fit_constant([1, 1, 1, 0]) == pytest.approx(math.log(3), rel=1e-14)
    assert Loss("binary_cross_entropy").fit_constant([1, 1, 1, 0]) == pytest.approx(0.75, rel=1e-14)
    assert Loss("squared_error").fit_constant(t, weight=[1, 1, 1, 0]) == pytest.approx(2, rel=1e-15)


def test_fit_constant_of_rows():
    loss, label = Loss("cross_entropy"), [0, 0, 1, 3]
    np.testing.assert_allclose(np.exp(loss.fit_constant(label)), [0.5, 0.25, 0, 0.25], rtol=1e-15)
    np.testing.assert_allclose(np.exp(loss.fit_constant(np.array(label, np.uint8), classes=5, weight=[1, 0, 1, 2])), [0.25, 0.25, 0, 0.5, 0], rtol=1e-15)
    np.testing.assert_allclose(np.exp(loss.fit_constant(label, class_weight=[0.5, 1, 9, 2])), np.array([1, 1, 0, 2]) / 4, rtol=1e-15)
    np.testing.assert_allclose(np.exp(loss.fit_constant(np.ma.array(label, mask=[0, 0, 0, 1]))), [2 / 3, 1 / 3], rtol=1e-15)
    assert len(loss.replace(ignore_index=3).fit_constant(label)) == 2
    rows = np.array([[0.25, 0.75], [0.75, 0.25], [1, 0]], np.float32)
    np.testing.assert_allclose(Loss("kl_divergence").fit_constant(rows), [2 / 3, 1 / 3], rtol=1e-15)
    np.testing.assert_allclose(np.exp(loss.fit_constant(np.ma.array(rows, mask=[[0, 0], [0, 1], [0, 0]]))), [0.625, 0.375], rtol=1e-15)
    with pytest.raises(libloss.ArgumentError, match="huber has no classes"):
        Loss("huber").fit_constant([1.0], classes=2)
    with pytest.raises(libloss.DomainError, match=r"target\[3\] = 3 is not in \[0, 2\)"):
        loss.fit_constant(label, classes=2)


def test_links():
    loss = Loss("binary_cross_entropy_with_logits")
    assert loss.info.link == "logit" and Loss("poisson_nll", log_input=False).info.link == "identity" and Loss("hinge").info.link == ""
    share = np.array([[0, 0.25, 0.5], [0.75, 1, 0.1]])
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(loss.link(share), np.log(share / (1 - share)), rtol=1e-15)
    np.testing.assert_allclose(loss.inverse_link(loss.link(share)), share, rtol=1e-15)
    for dtype in (np.float16, np.float32):
        assert loss.link(share.astype(dtype).T).dtype == dtype
    assert loss.link([0, 1]).tolist() == [-np.inf, np.inf] and loss.inverse_link(0.0).shape == () and loss.inverse_link(0.0) == 0.5
    assert loss.link(share.astype(">f4")).dtype == np.float32
    np.testing.assert_allclose(Loss("cross_entropy").inverse_link([[0, 0, 0, 0]]), [[0.25] * 4])
    mean = Loss("gamma_nll").inverse_link(Loss("gamma_nll").fit_constant([1.0, 2, 6]))
    assert mean == pytest.approx(3, rel=1e-15)
    with pytest.raises(libloss.DomainError, match=r"mean\[1\] = 2 is not in \[0, 1\]"):
        loss.link([0.5, 2])
    with pytest.raises(libloss.ArgumentError, match="stands for no mean"):
        Loss("hinge").link([0.5])
    with pytest.raises(libloss.DTypeError, match="not there"):
        loss.link(np.ma.array([0.5, 0.5], mask=[0, 1]))


def test_full_hess():
    rng = np.random.default_rng(2)
    z, label = rng.normal(size=(5, 3)), [0, 1, 2, 1, 0]
    loss = Loss("cross_entropy")
    p = loss.inverse_link(z)
    want = (p[:, :, None] * np.eye(3) - p[:, :, None] * p[:, None, :]) / 5
    got = loss.full_hess(z, label)
    np.testing.assert_allclose(got, want, rtol=1e-13, atol=1e-16)
    np.testing.assert_array_equal(np.diagonal(got, axis1=1, axis2=2), loss.hess(z, label))
    np.testing.assert_array_equal(loss.full_hess(z.T, label, axis=0), got)
    np.testing.assert_array_equal(loss.full_hess(z, label, reduction="sum", weight=[1, 0, 2, 1, 1])[1], np.zeros((3, 3)))
    out = np.empty((5, 3, 3), np.float32)
    assert loss.full_hess(z, label, out=out) is out and np.allclose(out, want)
    soft = rng.dirichlet(np.ones(3), 5)
    assert not loss.full_hess(z, soft, wrt="target").any()
    assert (np.linalg.eigvalsh(Loss("softmax_focal").full_hess(z, label, curvature="upper")) > -1e-15).all()
    with pytest.raises(libloss.ArgumentError, match="no rows"):
        Loss("huber").full_hess(z, z)
    with pytest.raises(libloss.ShapeError, match=r"\(5, 3, 3\)"):
        loss.full_hess(z, label, out=np.empty((5, 3)))


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


def test_command_refuses_politely(tmp_path):
    for name, x in (("p", P), ("t", T), ("objects", np.array([object()])), ("cube", np.ones((2, 2, 3))), ("labels", np.zeros((2, 2), int))):
        np.save(tmp_path / f"{name}.npy", x)
    np.savez(tmp_path / "several.npz", a=P)
    (tmp_path / "text.txt").write_text("1 2 3")
    for arguments, code, says in (
        (["eval", "huber", "p.npy", "none.npy"], 1, "none.npy: No such file"),
        (["eval", "huber", "objects.npy", "t.npy"], 1, "objects.npy is no .npy file"),
        (["eval", "huber", "several.npz", "t.npy"], 1, "archive"),
        (["eval", "huber", "text.txt", "t.npy"], 1, "text.txt is no .npy file\n"),
        (["eval", "huber", "p.npy", "t.npy", "--dleta", "2"], 1, "did you mean delta"),
        (["eval", "huber", "p.npy", "t.npy", "--delta"], 2, "usage"),
        (["eval", "huber+mse", "p.npy", "t.npy", "--delta", "2"], 1, "terms of a sum"),
        (["eval", "accuracy", "labels.npy", "labels.npy", "--grad-out", "g.npy"], 1, "it counts"),
        (["eval", "huber", "p.npy", "t.npy", "--grad-out", "no/g.npy"], 1, "no/g.npy: No such file"),
        (["show", "nope"], 1, "unknown loss"),
        (["list", "--all"], 2, "usage"),
        ([], 2, "usage"),
    ):
        done = run(*arguments, cwd=tmp_path)
        assert done.returncode == code and says in done.stderr and "Traceback" not in done.stderr and not done.stdout, (arguments, done)
    assert float(run("eval", "huber", "p.npy", "t.npy", "--delta", "2", "--weight", "t.npy", cwd=tmp_path).stdout) == libloss.huber(P, T, delta=2)
    assert float(run("eval", "cross_entropy", "cube.npy", "labels.npy", "--label-smoothing=0.5", cwd=tmp_path).stdout) == pytest.approx(math.log(3), rel=1e-15)
    assert run("eval", "cross_entropy", "cube.npy", "labels.npy", "--reduction", "none", cwd=tmp_path).stdout.split() == ["1.0986122886681098"] * 4
    shell = subprocess.run(f"{sys.executable} -m libloss list | true", shell=True, capture_output=True, text=True, check=False)
    assert not shell.stderr


def test_no_references_are_lost():
    p, t, w = P.copy(), T.copy(), np.ones(3)
    loss, out = Loss("huber"), np.empty(3)
    calls = (lambda: libloss.huber(p, t), lambda: libloss.huber(p, t, weight=w), lambda: loss(p, t), lambda: loss.value_and_grad(p, t, out=out),
             lambda: loss.grad(p, t, weight=w))

    def refused():
        with contextlib.suppress(libloss.Error):
            loss(p, t[:2])

    def rounds(n):
        for call in (*calls, refused):
            for _ in range(n):
                call()

    rounds(100)
    before = sys.getrefcount(p), sys.getrefcount(t), sys.getrefcount(w), sys.getrefcount(out)
    tracemalloc.start()
    try:
        rounds(100)
        gc.collect()
        start = tracemalloc.get_traced_memory()[0]
        rounds(3000)
        for _ in range(100_000):
            libloss.huber(p, t)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - start
    finally:
        tracemalloc.stop()
    assert grown < 20_000, "less than a byte per call"
    assert (sys.getrefcount(p), sys.getrefcount(t), sys.getrefcount(w), sys.getrefcount(out)) == before


def test_import_is_quick():
    code = "import time, numpy; t = time.process_time(); import libloss; print(time.process_time() - t)"
    assert min(float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout) for _ in range(3)) < 0.1


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, ZeroDivisionError])
def test_what_callbacks_raise_comes_through_once(kind):
    def broken(prediction, target):
        raise kind("here")

    loss = libloss.define(broken)
    for _ in range(3):
        with pytest.raises(kind, match="here"):
            loss(P, T)
        with pytest.raises(libloss.ShapeError):  # not the one before
            Loss("huber")(P, T[:2])

    def outer(prediction, target):
        with contextlib.suppress(kind):
            loss(prediction, target)
        return prediction - target

    assert libloss.define(outer)(P, T) == (P - T).mean()


def test_callbacks_get_arrays_of_their_own():
    kept = []

    def keeper(prediction, target):
        kept.append(prediction)
        return prediction - target

    n = 40_000
    libloss.define(keeper)(np.arange(float(n)), np.zeros(n))
    assert [len(x) for x in kept] == [16384, 16384, n - 2 * 16384]
    assert all(x.flags.owndata and not x.flags.writeable for x in kept)
    assert np.array_equal(np.concatenate(kept), np.arange(n)), "what was kept is still what it was"


def test_arrays_that_change_meanwhile():
    p = np.zeros(200_000)
    stop = threading.Event()

    def scribble():
        while not stop.is_set():
            p[:] = np.random.default_rng().normal(size=len(p))

    worker = threading.Thread(target=scribble)
    worker.start()
    try:
        for _ in range(50):
            assert math.isfinite(libloss.huber(p, 0 * p))
    finally:
        stop.set()
        worker.join()


def test_options_that_mean_nothing_are_refused():
    loss, rows = Loss("huber"), Loss("cross_entropy")
    for call in (lambda: loss(P, T, wrt="target"), lambda: loss(P, T, curvature="upper"), lambda: Total(loss).add(P, T, reduction="sum"), lambda: loss.forward(P, T, weight=T)):
        with pytest.raises(TypeError, match="means nothing here"):
            call()
    for call, says in ((lambda: loss.grad(P, T, wrt=("target", "target")), "twice"), (lambda: loss(P, T, axis=0), "no rows"), (lambda: loss.reduce(P, reduction="none"), "none"),
                       (lambda: Total(loss).divisor("sum"), "divides by nothing"), (lambda: Total(2 * loss).divisor(), "divisor of its own"),
                       (lambda: libloss.metrics.precision(prediction=[1], target=[1], average=None), "did you mean 'none'"), (lambda: Loss("huber\0er"), "column 6"),
                       (lambda: libloss.define(cauchy, name="huber"), "is a loss of libloss"), (lambda: libloss.define(cauchy, family="row"), "none of elementwise, rowwise")):
        with pytest.raises(libloss.ArgumentError, match=says):
            call()
    for factor in ("2", None, np.ones(2)):
        with pytest.raises(TypeError):
            factor * loss
    assert np.float64(2) * loss == 2 * loss and 1 * loss == loss and (1 * loss).spec == loss.spec
    with pytest.raises(libloss.NotDifferentiableError, match="class_weight"):
        rows.grad([[1.0, 2]], [0], wrt="class_weight")
    assert loss.evaluate(P, T, weight=[1, 2, 0], reduction="weighted_mean", want=("grad", "divisor")).divisor == 3


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_everything_travels(protocol):
    mine = libloss.define(cauchy).replace(scale=2)
    losses = [Loss("huber", delta=0.1), Loss("quantile", tau=[0.1, 0.9]), Loss("cross_entropy", ignore_index=[1, 2]), 0.7 * Loss("huber") - Loss("mse"), mine, 0.5 * mine + Loss("mse")]
    totals = [Total(x).add(P, T) for x in losses if x.name not in ("quantile", "cross_entropy")]
    metrics = [libloss.metrics.Metric("f_beta", beta=0.1, average="macro"), libloss.metrics.Counts(3).add(prediction=[1, 2], target=[1, 1])]
    for x in (*losses, *totals, *metrics, Total("precision(average=none)"), Total("accuracy").add(prediction=[1], target=[1])):
        assert pickle.loads(pickle.dumps(x, protocol)) == x == copy.copy(x) == copy.deepcopy(x)
    for x in (*losses, *metrics[:1]):
        assert hash(pickle.loads(pickle.dumps(x, protocol))) == hash(x)
    newer = pickle.dumps(Loss("huber"), 0).replace(b"I1\n", b"I9\n")
    with pytest.raises(libloss.IncompatibleVersionError, match="format 9"):
        pickle.loads(newer)
    state = bytearray(totals[0].to_bytes())
    state[state.index(0) + 9] = 9  # the layout's number
    with pytest.raises(libloss.IncompatibleVersionError):
        Total.from_bytes(bytes(state))


def test_readme_runs():
    text = (pathlib.Path(__file__).resolve().parents[2] / "README.md").read_text()
    (block,) = re.findall(r"```python\n(.*?)```", text, re.S)
    scope = {}
    exec(block, scope)
    assert scope["total"].mean == libloss.huber(scope["prediction"], scope["target"], delta=1.5) and len(scope["gradient"]) == 3


@pytest.mark.parametrize("thing", [libloss.define, libloss.CustomLoss, libloss.check])
def test_docstrings_run(thing):
    (test, *_) = doctest.DocTestFinder(recurse=False).find(thing, thing.__name__, globs={"libloss": libloss, "np": np})
    assert test.examples and doctest.DocTestRunner().run(test).failed == 0


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
    with pytest.raises(libloss.ArgumentError, match="one of low, high"):
        loss.grad(low, high, t)
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


def python(text, **environment):
    env = {k: v for k, v in os.environ.items() if k not in ("LIBLOSS_NUM_THREADS", "OMP_NUM_THREADS")} | environment
    return subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, env=env, check=True).stdout.strip()


def test_threads():
    ask = "import libloss; print(libloss.get_threads())"
    assert python(ask, OMP_NUM_THREADS="3,2") == "3"
    assert python(ask, OMP_NUM_THREADS="3", LIBLOSS_NUM_THREADS="5") == "5"
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


STARTED = """
import os, time, numpy as np, libloss
from concurrent.futures import ThreadPoolExecutor
p, before = np.zeros(1 << 20, "f4"), len(os.listdir("/proc/self/task"))
started = lambda: len(os.listdir("/proc/self/task")) - before
libloss.huber(p, p)
libloss.huber(p, p, threads=1)
assert started() == 0                                   # the environment's 1
with libloss.threads(3):
    with ThreadPoolExecutor(1) as other:                # of another thread nothing was said
        assert other.submit(lambda: (libloss.huber(p, p), libloss.get_threads())[1]).result() == 1
    deadline = time.monotonic() + 10
    while started() > 0 and time.monotonic() < deadline:
        time.sleep(0.01)                                # what has been joined may linger in /proc
    assert started() == 0
    libloss.huber(p, p)
assert started() == 2
libloss.set_threads(4)
libloss.Loss("huber").value_and_grad(p, p)
assert started() == 3
libloss.Loss("log_cosh")(p, p, threads=5)
assert started() == 4
"""


def test_threads_are_started_as_wished():
    python(STARTED, LIBLOSS_NUM_THREADS="1")


POOLS = """
import sys
{first}
import libloss
assert ("threadpoolctl" in sys.modules) == {early}      # it is not imported for nothing
import threadpoolctl
[pool] = [p for p in threadpoolctl.threadpool_info() if p["user_api"] == "libloss"]
assert pool["num_threads"] == 3 and pool["version"] == libloss.__version__
with threadpoolctl.threadpool_limits(1):
    assert libloss.get_threads() == 1
assert libloss.get_threads() == 3
"""


@pytest.mark.parametrize("first", ["import threadpoolctl", ""])
def test_threadpoolctl(first):
    pytest.importorskip("threadpoolctl")
    python(POOLS.format(first=first, early=bool(first)), LIBLOSS_NUM_THREADS="3")


def test_total_of_values():
    loss = libloss.Loss("huber")
    p, t = np.random.default_rng(5).normal(size=(2, 100))
    w = np.arange(100.0)
    total = loss.total().add_values(loss.forward(p, t), weight=w)
    assert total == loss.total().add(p, t, weight=w)
    with pytest.raises(libloss.ArgumentError, match="metric"):
        libloss.Total("accuracy").add_values([1.0])


def test_the_short_way_is_no_other_way():
    """What goes through the module's own door, and what only just does not, against NumPy."""
    r = np.random.default_rng(5)
    a, b, w = (r.integers(-64, 64, (6, 4)) / np.float32(16) for _ in range(3))
    w = np.abs(w)
    loss = libloss.Loss("squared_error")
    views = [lambda x: x[0], lambda x: x, lambda x: x[::2, ::-1], lambda x: x[0, 0], lambda x: x[:0], lambda x: np.asfortranarray(x), lambda x: x[:, 1]]
    for dtype in (np.float32, np.float64, np.float16, np.int32):
        for view in views:
            p, t, v = (view(x.astype(dtype)) for x in (a, b, w))
            square = (p.astype(float) - t) ** 2
            mean = square.mean() if square.size else math.nan
            for value in (loss(p, t), libloss.squared_error(p, t), loss.value_and_grad(p, t)[0], libloss.squared_error(p, t, reduction="".join(["me", "an"]))):
                assert value == pytest.approx(mean, rel=1e-6, nan_ok=True)
            assert libloss.squared_error(p, t, weight=v, reduction="sum") == pytest.approx((v * square).sum(), rel=1e-6)
            gradient = loss.value_and_grad(p, t)[1]
            assert gradient.shape == p.shape and gradient.dtype == (np.float64 if dtype is np.int32 else dtype)
            np.testing.assert_allclose(gradient, 2 * (p.astype(float) - t) / max(p.size, 1), rtol=1e-3, atol=1e-6)
    big = np.zeros(1 << 18, np.float32)  # beyond what keeps the GIL and needs no poll
    assert loss.value_and_grad(big + 2, big)[0] == 4
    with pytest.raises(libloss.ShapeError, match="target"):
        loss(a, b[:3])
    with pytest.raises(libloss.DomainError, match=r"prediction\[1, 0\]"):
        libloss.binary_cross_entropy(np.array([[0.5], [1.5]]), np.ones((2, 1)))
    class Mine(np.ndarray):
        pass
    masked = np.ma.array(a, mask=a > 0)
    assert loss(masked, b) == pytest.approx(((a - b) ** 2)[a <= 0].mean(), rel=1e-6)
    assert loss(a.view(Mine), b) == loss(a, b)


def test_parameters_are_made_once_and_not_kept_for_ever():
    from libloss._functions import MOST_KEPT
    p, t = np.array([0.0, 4.0]), np.zeros(2)
    for delta in (1, 1.0, 2, *np.linspace(0.5, 3, 2 * MOST_KEPT), 2):
        assert libloss.huber(p, t, delta=delta) == pytest.approx(delta * (4 - delta / 2) / 2)
    assert len(libloss.huber.__globals__["huber_kept"]) <= MOST_KEPT
    assert libloss.quantile(np.zeros((3, 2)), np.ones((3, 2)), tau=np.array([0.25, 0.75])) == 0.5
    with pytest.raises(libloss.ArgumentError):
        libloss.huber(p, t, delta=math.nan)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
@pytest.mark.parametrize("spec", ["squared_error", "binary_cross_entropy_with_logits", "cross_entropy", "log_cosh"])
def test_the_short_way_is_the_long_way(spec, dtype):
    """Plain arrays with the commonest options go through one call of C; `threads` is an option that it does not know."""
    rng, loss = np.random.default_rng(3), libloss.Loss(spec)
    rows = spec == "cross_entropy"
    p = rng.normal(size=(40, 5) if rows else 40).astype(dtype)
    t = rng.integers(0, 5, 40) if rows else rng.integers(0, 2, 40).astype(dtype)
    w = rng.choice([0, 0.5, 2], 40).astype(dtype)
    flat = lambda x: [*x] if isinstance(x, tuple) else [x]  # noqa: E731
    for method in ("__call__", "grad", "value_and_grad", "hess", "grad_and_hess", "jet", "forward", "backward"):
        call = getattr(loss, method)
        for options in ({}, {"weight": w}, {"reduction": "sum"}, {"reduction": "weighted_mean", "weight": w}, {"reduction": "none"},
                        {"reduction": "none", "weight": w}, {"curvature": "upper"}, {"divisor": None, "empty": "nan"}):
            if ("curvature" in options and "hess" not in method and method != "jet") or (method in ("forward", "backward") and set(options) - {"weight"}):
                continue
            if method == "forward" and options:
                continue
            short = flat(call(p, t, **options))
            long = flat(loss(p, t, reduction="none", threads=1) if method == "forward" else call(p, t, threads=1, **options))
            assert len(short) == len(long)
            for a, b in zip(short, long, strict=True):
                assert type(a) is type(b) and np.asarray(a).dtype == np.asarray(b).dtype, (method, options)
                np.testing.assert_array_equal(a, b, err_msg=f"{method} {options}")
