"""Infinite inputs, and probabilities of exactly 0 and 1: what comes out is the limit of the formula."""

from __future__ import annotations

import pathlib
import sys

import mpmath as mp
import numpy as np
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from losses.points import specs
from losses.test_accuracy import POINTWISE, cancelling, error
from oracle.formula import Formula
from oracle.harness import Loss

INF = float("inf")


def near(x: float, dtype):
    """A number for the formula that stands for x: further out than any number of the dtype, closer to 0 or 1 than any."""
    huge = mp.mpf(10) ** (100 if dtype is np.float32 else 1000)
    return mp.sign(x) * huge if abs(x) == INF else mp.mpf(x)


def points(loss: Loss, spec: str) -> list[tuple[float, float]]:
    first, second = (i["kind"] for i in loss.inputs[:2])
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


def parameters(loss: Loss, spec: str, dtype):
    given = dict(part.split("=") for part in spec.partition("(")[2].rstrip(")").split(", ") if part)
    words, numbers = {}, {}
    for p in loss.parameters:
        value = given.get(p["name"], p["fallback"])
        if p["choices"]:
            words[p["name"]] = value if isinstance(value, str) else p["choices"][int(value)]
        else:
            numbers[p["name"]] = float(dtype(float(value)))
    return words, numbers


def agrees(got, exact, dtype, scale=None) -> bool:
    """As in test_accuracy, but that a number too small for the dtype may be 0 and one beyond the largest must be infinite."""
    return error(got, exact, dtype, scale) <= 4


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("spec", [s for n in POINTWISE for s in specs(n)])
def test_limits(spec, dtype):
    loss = Loss(spec)
    words, numbers = parameters(loss, spec, dtype)
    formula = Formula(loss.info["formula"])
    for p, t in points(loss, spec):
        values = np.empty(1, dtype)
        got = loss.eval(np.array([p], dtype), np.array([t], dtype), grad=[0], hess=[0], values=values, reduction="none")
        scope = {"prediction": near(p, dtype), "target": near(t, dtype), **numbers}
        try:
            jet = formula(wrt=loss.inputs[0]["name"], words=words, **scope)
            value, gradient, hessian = jet.v, jet.d, jet.h
        except ZeroDivisionError:  # ln 0 and the like: from the side of the domain
            inward = mp.mpf(10) ** -(60 if dtype is np.float32 else 400)
            jet = formula(wrt=loss.inputs[0]["name"], words=words, **{**scope, "prediction": scope["prediction"] + (inward if p == 0 else -inward)})
            value, gradient, hessian = jet.v, jet.d, jet.h
        if abs(value) > 20:
            value = mp.sign(value) * mp.mpf(10) ** 5000  # a logarithm of 0 is infinite, however slowly it gets there
        scope["target"] = t
        scale = None if abs(p) == INF else cancelling(spec.partition("(")[0], {**scope, "prediction": p})
        at = f"{spec} at ({p}, {t})"
        assert agrees(values[0], value, dtype), f"{at}: value {values[0]}, limit {mp.nstr(value, 8)}"
        assert agrees(got["grad0"][0], gradient, dtype, scale), f"{at}: gradient {got['grad0'][0]}, limit {mp.nstr(gradient, 8)}"
        assert agrees(got["hess0"][0], hessian, dtype), f"{at}: Hessian {got['hess0'][0]}, limit {mp.nstr(hessian, 8)}"


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
