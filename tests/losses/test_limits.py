"""Infinite inputs, and probabilities of exactly 0 and 1: what comes out is the limit of the formula."""

from __future__ import annotations

import pathlib
import sys

import mpmath as mp
import numpy as np
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from losses.points import specs
from losses.test_accuracy import POINTWISE, error, parameters
from oracle.formula import Formula
from oracle.harness import Loss
from oracle.remember import remembered
from oracle.scales import larger

INF = float("inf")


def near(x: float, dtype, spec: str = ""):
    """A number for the formula that stands for x: further out than any number of the dtype, closer to 0 or 1 than any. Near alpha = 2
    powers go slowly."""
    huge = mp.mpf(10) ** (400000 if spec.startswith(("adaptive_robust(alpha=1.999", "adaptive_robust(alpha=2.25")) else 100 if dtype is np.float32 else 1000)
    return mp.sign(x) * huge if abs(x) == INF else mp.mpf(x)


def points(loss: Loss, spec: str) -> list[tuple[float, ...]]:
    first, second = (i["kind"] for i in loss.inputs[:2])
    if spec.startswith("gaussian_nll"):
        return [(INF, 0.0, 1.0), (-INF, 0.0, 2.0), (1.0, INF, 1.0), (1.0, 0.0, INF)]
    if len(loss.inputs) == 3:
        labels = (0.0, 1.0) if "zero_one" in spec or loss.inputs[2]["kind"] == "probability" else (-1.0, 1.0)
        return [(p, t, y) for p, t in ((INF, 0.0), (-INF, 0.0), (0.0, INF)) for y in labels]
    if spec.startswith("kl_pointwise"):
        return [(-INF, -1.0), (-1.0, -INF)] if "log_target" in spec else [(-INF, 0.0), (-INF, 1.0), (-1.0, 0.0)]
    if "log_input=false" in spec:
        return [(p, t) for p in (0.0, INF) for t in (0.0, 3.0)]
    if second in ("positive", "nonnegative"):
        return [(p, t) for p in (INF, -INF) for t in (1.0, 3.0, *((0.0,) if second == "nonnegative" else ()))]
    if first == "probability":
        return [(p, t) for p in (0.0, 1.0, 0.25) for t in (0.0, 1.0, 0.25)]
    if second == "sign":
        return [(p, t) for p in (INF, -INF) for t in ((0.0, 1.0) if "zero_one" in spec else (-1.0, 1.0))]
    if second == "probability":
        return [(p, t) for p in (INF, -INF) for t in (0.0, 1.0, 0.25)]
    if spec.startswith("squared_log"):
        return [(INF, 1.0), (0.0, 0.0), (2.0, 2.0)]
    far = [(INF, 1.0), (-INF, 1.0)]
    return far if spec.startswith("absolute_percentage") else [*far, (INF, 0.0)]


def agrees(got, exact, dtype, scale=None) -> bool:
    """As in test_accuracy, but that a number too small for the dtype may be 0 and one beyond the largest must be infinite."""
    return error(got, exact, dtype, scale) <= 4


@remembered
def numbers_at(text, first, words, scope):
    jet = Formula(text)(wrt=first, words=words, **scope)
    return jet.v, jet.d, jet.h


def end_of(near, nearer):
    """Where two numbers on the way to an end are going: without end, to 0, or there already."""
    if abs(nearer) > 1.4 * abs(near):
        return mp.sign(nearer) * mp.mpf(10) ** 5000
    return mp.mpf(0) if 1.4 * abs(nearer) < abs(near) else nearer


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("spec", [s for n in POINTWISE for s in specs(n)])
def test_limits(spec, dtype):
    loss = Loss(spec)
    words, numbers = parameters(loss, spec, dtype)
    formula = loss.info["formula"]
    name = spec.partition("(")[0]
    for x in points(loss, spec):
        values = np.empty(1, dtype)
        got = loss.eval(*(np.array([v], dtype) for v in x), grad=[0], hess=[0], values=values, reduction="none")
        first, *rest = (i["name"] for i in loss.inputs)
        scope = {first: near(x[0], dtype, spec), **{k: near(v, dtype, spec) for k, v in zip(rest, x[1:], strict=True)}, **numbers}
        try:
            value, gradient, hessian = numbers_at(formula, first, words, scope)
        except ZeroDivisionError:  # ln 0 and the like: from the side of the domain
            value, gradient, hessian = (end_of(*both) for both in zip(
                *(numbers_at(formula, first, words, {**scope, first: scope[first] + (step if x[0] == 0 else -step)})
                  for step in (mp.mpf(10) ** -400, mp.mpf(10) ** -800)), strict=True))
        if abs(value) > 20:
            value = mp.sign(value) * mp.mpf(10) ** 5000  # a logarithm is infinite, however slowly it gets there
        scales = {key: None if abs(x[0]) == INF else larger(name, key, words, scope) for key in ("value", "grad0", "hess0")}
        for what, number, limit in (("value", values[0], value), ("grad0", got["grad0"][0], gradient), ("hess0", got["hess0"][0], hessian)):
            assert agrees(number, limit, dtype, scales[what]), f"{spec} at {x}: {what} {number}, limit {mp.nstr(limit, 8)}"


def test_infinite_logits_of_a_row():
    """-inf is an absent class; +inf takes everything; two infinities of one sign have no difference."""
    loss = Loss("cross_entropy")
    z = np.array([[1.0, 2.0, -INF], [1.0, INF, 0.0], [1.0, INF, 0.0], [INF, INF, 0.0]])
    values = np.empty(4)
    got = loss.eval(z, np.array([0, 1, 0, 0]), grad=[0], values=values, reduction="none")["grad0"]
    q = 1 / (1 + np.exp(1.0))
    np.testing.assert_allclose(values[0], np.log1p(np.exp(1.0)), rtol=1e-15)
    np.testing.assert_allclose(got[0], [q - 1, 1 - q, 0], rtol=1e-15)
    assert values[1] == 0 and not got[1].any()
    assert values[2] == INF
    assert np.isnan(values[3])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["multi_margin(scale=classes)", "multilabel_margin"])
def test_infinite_scores_of_a_row(name, dtype):
    """The formulas in IEEE's arithmetic, of the first label or the second."""
    loss = Loss(name)
    z = np.array([[0, INF, 0], [0, INF, 0], [0, -INF, 0], [0, -INF, 0], [INF, INF, 0], [0, np.nan, 0]], dtype)
    label = np.array([0, 1, 0, 1, 0, 0])
    target = label if name.startswith("multi_margin") else np.eye(3, dtype=dtype)[label]
    values = np.empty(6, dtype)
    grad = loss.eval(z, target, grad=[0], values=values, reduction="none")["grad0"]
    np.testing.assert_allclose(values, [INF, 0, dtype(1 / 3), INF, np.nan, np.nan], rtol=1e-6)
    np.testing.assert_allclose(grad[:4] * 3, [[-2, 1, 1], [0, 0, 0], [-1, 0, 1], [1, -2, 1]], rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("spec", [s for n in POINTWISE for s in specs(n) if Loss(s).inputs[0]["kind"] == "probability"])
def test_a_probability_of_minus_0_is_0(spec, dtype):
    """Down there a slope is -1/p, and 1/-0 is the other infinity."""
    loss, target = Loss(spec), np.array([0, 0.25, 1], dtype)
    plus, minus = (loss.eval(np.full(3, zero, dtype), target, grad=[0], hess=[0], reduction="sum") for zero in (0.0, -0.0))
    for what in ("value", "grad0", "hess0"):
        np.testing.assert_array_equal(minus[what], plus[what])
    assert np.all(plus["grad0"][1:] <= 0), "more is better where there is something to find"
