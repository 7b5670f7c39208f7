"""Every claim of every loss is attacked; what a loss does not claim must be false somewhere, so that no claim is forgotten."""

from __future__ import annotations

import functools
import pathlib
import sys

import numpy as np
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from losses.points import specs
from oracle.harness import Loss, lib, names
from oracle.rows import ROW_ORACLES, row_cases
from oracle.units import UNITS

CLAIMS = {n: getattr(lib, f"LIBLOSS_CLAIM_{n}") for n in
          ("CONVEX", "NONNEGATIVE", "EVEN", "DIFFERENTIABLE", "TWICE_DIFFERENTIABLE", "LIPSCHITZ", "BOUNDED", "CALIBRATED", "PROPER")}


def claims_of(spec: str) -> int:
    return Loss(spec).info["claims"]


def others(loss: Loss, spec: str) -> np.ndarray:
    """Some values of the inputs after the first, one row each."""
    kinds = [i["kind"] for i in loss.inputs]
    if spec.startswith("gaussian_nll"):
        return np.array([[0.0, 1.0], [1.0, 0.25], [-2.5, 3.0]])
    if kinds[-1] in ("sign", "probability") and len(kinds) == 3:
        labels = {"sign": [0, 1] if "zero_one" in spec else [-1, 1], "probability": [0, 1, 0.25, 0.7]}[kinds[-1]]
        return np.array([[0.5, y] for y in labels])
    if kinds[1] in ("positive", "nonnegative"):
        return np.array([[4.0], [1.0], [0.3]] if kinds[1] == "positive" else [[4.0], [1.0], [0.0]])
    if spec.startswith("kl_pointwise"):
        return np.array([[-2.5], [0.0], [-0.5]] if "log_target" in spec else [[2.5], [1.0], [0.0]])
    if kinds[1] == "sign":
        return np.array([[0.0], [1.0]] if "zero_one" in spec else [[-1.0], [1.0]])
    if kinds[1] == "probability":
        return np.array([[0.0], [1.0], [0.25], [0.7]])
    return np.array([[0.0], [1.0], [2.5]] if spec.startswith("squared_log") else [[0.0], [1.0], [-2.5]])


def grid(steps: np.ndarray, rest: np.ndarray) -> list[np.ndarray]:
    """All inputs, (rows of the others, steps)."""
    shape = (len(rest), len(steps))
    return [np.broadcast_to(steps, shape).copy(), *(np.broadcast_to(column[:, None], shape).copy() for column in rest.T)]


@functools.cache
def line(spec: str):
    """A fine grid through the places where losses bend, for some values of the other inputs; value, gradient, Hessian, upper (rows, points)."""
    loss = Loss(spec)
    steps = np.concatenate([np.linspace(-4, 4, 1601), np.array([-1, -0.5, 0, 0.5, 1, 3, 1e-3, -1e-3])[:, None].repeat(2, 1).ravel()])
    steps[1601::2] -= 1e-9
    steps[1602::2] += 1e-9
    steps = np.sort(steps)
    if loss.inputs[0]["kind"] == "probability":
        steps = (steps - steps[0]) / (steps[-1] - steps[0])
    if spec.startswith("squared_log") or "log_input=false" in spec:
        steps = steps[steps > (-0.999 if spec.startswith("squared_log") else 1e-3)]
    inputs = grid(steps, others(loss, spec))
    values = np.empty(inputs[0].shape)
    got = loss.eval(*inputs, grad=[0], hess=[0], values=values, reduction="none")
    upper = loss.eval(*inputs, hess=[0], upper=True, reduction="none")["hess0"]
    return steps, values, got["grad0"], got["hess0"], upper


def convex(spec):
    x, v, g, h, _ = line(spec)
    inside = np.isfinite(v)
    fall = np.diff(g, axis=1)[inside[:, 1:] & inside[:, :-1]]
    return (h[inside] >= 0).all() and (fall >= -1e-12 * np.abs(g[np.isfinite(g)]).max()).all()


def nonnegative(spec):
    _, v, *_ = line(spec)
    return (v >= 0).all()


def even(spec):
    loss = Loss(spec)
    r, t = np.random.default_rng(1).integers(-(2**20), 2**20, (2, 500)) / 2.0**18  # t + r and t - r are exact
    sides = [np.empty(500), np.empty(500)]
    if loss.inputs[1]["kind"] not in ("real", "probability") or spec.startswith("squared_log"):
        return False
    if loss.inputs[1]["kind"] == "probability":
        if loss.inputs[0]["kind"] == "real":
            return False
        r, t = r / 64, 0.5 + t / 64
    rest = [np.full(500, c) for c in others(loss, spec)[-1][1:]]
    loss.eval(t + r, t, *rest, values=sides[0], reduction="none")
    loss.eval(t - r, t, *rest, values=sides[1], reduction="none")
    return (sides[0] == sides[1]).all()


def jumps(x, y):
    """Whether y jumps between neighbours that are 2e-9 apart, by more than its slope explains."""
    close = np.diff(x) < 3e-9
    inside = np.isfinite(y[:, 1:]) & np.isfinite(y[:, :-1])
    scale = np.maximum(1, np.minimum(np.abs(y[:, 1:]), np.abs(y[:, :-1])))
    return bool(((np.abs(np.diff(y, axis=1)) > 1e-3 * scale) & close & inside).any())


def differentiable(spec):
    return not jumps(line(spec)[0], line(spec)[2])


def twice_differentiable(spec):
    return differentiable(spec) and not jumps(line(spec)[0], line(spec)[3])


def far(spec):
    """Values and gradients far out: on both sides, or towards the ends of [0, 1]."""
    loss = Loss(spec)
    x = 10.0 ** np.arange(1, 9)
    x = np.concatenate([1 / x, 1 - 1 / x]) if loss.inputs[0]["kind"] == "probability" else np.concatenate([x, -x])
    if spec.startswith("squared_log"):
        x = np.concatenate([x[:8], -1 + 1 / x[:8]])
    if "log_input=false" in spec:
        x = np.abs(x)
    x = x[np.abs(x) < 600] if spec.startswith("exponential") else x
    inputs = grid(x, others(loss, spec))
    values = np.empty(inputs[0].shape)
    return values, loss.eval(*inputs, grad=[0], values=values, reduction="none")["grad0"]


def lipschitz(spec):
    return np.abs(far(spec)[1]).max() < 1e3


def bounded(spec):
    return np.abs(far(spec)[0]).max() < 10


def calibrated(spec):
    """A margin loss whose best score has the sign of the likelier label (Bartlett, Jordan and McAuliffe 2006)."""
    if Loss(spec).inputs[-1]["kind"] != "sign":
        return False
    x, v, *_ = line(spec)
    for share in (0.1, 0.4, 0.45, 0.55, 0.6, 0.9):
        risk = share * v[1] + (1 - share) * v[0]
        best = x[np.flatnonzero(risk <= risk.min() * (1 + 1e-12))]
        if not ((best > 0) == (share > 0.5)).all():
            return False
    return True


def proper(spec):
    """The expected loss is least where the prediction is the probability itself (Gneiting and Raftery 2007)."""
    loss = Loss(spec)
    if loss.inputs[-1]["kind"] != "probability":
        return False
    x, v, *_ = line(spec)
    p = x if loss.inputs[0]["kind"] == "probability" else 1 / (1 + np.exp(-x))
    for share in (0.1, 0.3, 0.5, 0.8):
        if abs(p[np.argmin(share * v[1] + (1 - share) * v[0])] - share) > 2e-3:
            return False
    return True


ATTACKS = {"CONVEX": convex, "NONNEGATIVE": nonnegative, "EVEN": even, "DIFFERENTIABLE": differentiable, "TWICE_DIFFERENTIABLE": twice_differentiable,
           "LIPSCHITZ": lipschitz, "BOUNDED": bounded, "CALIBRATED": calibrated, "PROPER": proper}
POINTWISE = names("pointwise")
# What a grid of finitely many points can't tell from true: claims that a loss rightly does not make.
NOT_SEEN = {("brier", "LIPSCHITZ"): "bounded domain", ("brier", "BOUNDED"): "bounded domain",
            ("squared_log_error", "LIPSCHITZ"): "grows without bound only at -1",
            ("kl_pointwise", "LIPSCHITZ"): "its slope is the target, which has no bound"}


@pytest.mark.parametrize("claim", ATTACKS)
@pytest.mark.parametrize("name", POINTWISE)
def test_claim(name, claim):
    holds = [bool(ATTACKS[claim](spec)) for spec in specs(name) if not any(p in spec for p in ("smoothing", "pos_weight", "clip"))]
    if claims_of(name) & CLAIMS[claim]:
        assert all(holds), f"{name} claims {claim}"
    else:
        assert not all(holds) or (name, claim) in NOT_SEEN, f"{name} could claim {claim}"


@pytest.mark.parametrize("name", names("rows"))
def test_claims_of_rows(name):
    """Convexity along random lines, no negative value, and the least expected loss at the true probabilities."""
    loss, claims = Loss(name), claims_of(name)
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(400, 3)) * 3
    if loss.inputs[0]["kind"] == "probability":
        rows = np.exp(rows) / np.exp(rows).sum(-1, keepdims=True)
    elif name == "nll":
        rows -= np.log(np.exp(rows).sum(-1, keepdims=True))
    a, b = rows[:200], rows[200:]
    t = rng.dirichlet(np.ones(3), 200)
    va, vb, vm = np.empty(200), np.empty(200), np.empty(200)
    for p, v in ((a, va), (b, vb), ((a + b) / 2, vm)):
        loss.eval(p, t, values=v, reduction="none")
    if claims & CLAIMS["CONVEX"]:
        assert (vm <= (va + vb) / 2 * (1 + 1e-12) + 1e-12).all()
    if claims & CLAIMS["NONNEGATIVE"]:
        assert (np.concatenate([va, vb, vm]) >= 0).all()
    if claims & CLAIMS["PROPER"]:
        best = np.log(t) if name in ("cross_entropy", "nll") else t
        at_best, at_other = np.empty(200), np.empty(200)
        loss.eval(best, t, values=at_best, reduction="none")
        loss.eval(a, t, values=at_other, reduction="none")
        assert (at_best <= at_other + 1e-12).all()
    if claims & CLAIMS["DIFFERENTIABLE"]:
        near = a + 1e-9 * (1 if loss.inputs[0]["kind"] != "probability" else 0)
        g, h = loss.eval(a, t, grad=[0], reduction="none")["grad0"], loss.eval(near, t, grad=[0], reduction="none")["grad0"]
        assert np.abs(g - h).max() < 1e-5


@pytest.mark.parametrize("spec", [s for n in POINTWISE for s in specs(n)])
def test_upper_curvature(spec):
    """Positive wherever there is a slope, and not below the true one (squared_log_error's is Gauss-Newton's); for losses of a residual a
    parabola of that curvature, laid on, stays above, but for those whose slope is constant (boosters take 1 there) or that outgrow every
    parabola."""
    x, v, g, h, u = line(spec)
    finite = np.isfinite(v) & np.isfinite(h)
    assert (u[finite] >= 0).all() and (spec == "squared_log_error" or (u[finite] >= h[finite] * (1 - 1e-12)).all())
    moving = finite & (g != 0) & (np.abs(v) > 1e-300)
    assert (u[moving] > 0).all(), "a Newton step needs a curvature where there is a slope"
    if Loss(spec).info["family"] != "distance" or spec.startswith(("absolute", "quantile", "epsilon", "smooth_l1(beta=0)", "adaptive_robust(alpha=2.25", "adaptive_robust(alpha=6")):
        return
    some = np.arange(3, len(x), 17)
    for row in range(len(v)):
        for i in some:
            if not np.isfinite(u[row, i]) or g[row, i] == 0:
                continue
            parabola = v[row, i] + g[row, i] * (x - x[i]) + u[row, i] / 2 * (x - x[i]) ** 2
            assert (v[row] <= parabola * (1 + 1e-9) + 1e-9).all(), (spec, x[i])


@pytest.mark.parametrize("name", [*UNITS, *ROW_ORACLES])
def test_upper_curvature_of_rows_and_units(name):
    """The same for all other losses and each of their inputs: nowhere negative, nowhere below the true one, and positive where there is a slope."""
    cases = UNITS[name].cases(np.float64, np.random.default_rng(5)) if name in UNITS else row_cases(name, np.float64)
    seen = 0
    for case in cases:
        loss = Loss(case.spec)
        inputs = case.inputs if name in UNITS else (case.prediction, case.target, case.class_weight)
        options = {"weight": case.weight, "unit_axes": case.unit_axes} if name in UNITS else {}
        wrt = [k for k, i in enumerate(loss.inputs) if i["differentiable"] and inputs[k] is not None and inputs[k].dtype.kind == "f"]
        if loss.inputs[1]["kind"] == "class":
            wrt = [0]  # linear in a row of masses
        exact, upper = (loss.eval(*inputs, grad=wrt, hess=wrt, upper=u, reduction="sum", **options) for u in (False, True))
        for k in wrt:
            g, h, u = exact[f"grad{k}"], exact[f"hess{k}"], upper[f"hess{k}"]
            there = np.isfinite(g) & np.isfinite(h)
            scale = np.abs(h[there]).max(initial=0)
            assert (u[there] >= 0).all() and (u[there] >= h[there] * (1 - 1e-12) - 1e-14 * scale).all(), (case.spec, k)
            moving = there & (np.abs(g) > 1e-150) & (name != "cox")  # whose curvature may be less than any double
            assert (u[moving] > 0).all(), (case.spec, k, g[moving & (u <= 0)][:5])
            seen += moving.sum()
    assert seen > 20 or name == "cox"
