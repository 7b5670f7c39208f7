"""Value, gradient and Hessian of every loss against the formula text with 100 digits, within the bound that its file declares."""

from __future__ import annotations

import functools
import os

import mpmath as mp
import numpy as np
import pytest
from formula import Formula
from harness import Loss, names
from points import elementwise, specs
from remember import remembered
from rows import ROW_ORACLES, row_cases
from scales import larger

COUNT = 4000 if os.environ.get("LIBLOSS_LONG") else 250
POINTWISE, ROWS = names("pointwise"), names("rows")
DIGITS = {np.float32: 400, np.float64: mp.mp.dps}  # of four floats in one product, as of four doubles, 100 stay


def ulp(x, dtype) -> mp.mpf:
    """The unit in the last place of the dtype at x."""
    info = np.finfo(dtype)
    lowest = int(np.log2(float(info.tiny))) if dtype is np.float32 else -1022
    exponent = max(mp.frexp(x)[1] - 1 if x else lowest, lowest)
    return mp.ldexp(1, exponent - info.nmant)


def error(got, exact, dtype, scale=None) -> float:
    """In ULP of the exact number, or of the larger addend where two inexact ones cancel."""
    biggest = mp.mpf(float(np.finfo(dtype).max))
    if mp.isnan(exact):
        return 0 if np.isnan(got) else np.inf
    if not np.isfinite(got):
        return 0 if abs(exact) > biggest * (1 - mp.mpf(2) ** -60) and np.sign(got) == mp.sign(exact) else np.inf
    if abs(exact) > biggest:
        return float(abs(exact) / biggest - 1) * 2**30
    return float(abs(mp.mpf(float(got)) - exact) / ulp(max(abs(exact), scale or 0), dtype))


def parameters(loss: Loss, spec: str, dtype) -> tuple[dict[str, str], dict[str, float]]:
    """What a spec says: words, and numbers rounded to the dtype."""
    given = dict(part.split("=") for part in spec.partition("(")[2].rstrip(")").split(", ") if part)
    words, numbers = {}, {}
    for p in loss.parameters:
        value = given.get(p["name"], "none" if p["flags"] & 1 else p["fallback"])
        if p["choices"]:
            words[p["name"]] = value if isinstance(value, str) else p["choices"][int(value)]
        elif value == "none":
            words[p["name"]] = value
        else:
            numbers[p["name"]] = float(dtype(float(value)))
    return words, numbers


def measure(spec: str, dtype) -> dict:
    """The worst error of each output and where it is."""
    loss = Loss(spec)
    name = spec.partition("(")[0]
    rng = np.random.default_rng(7)
    x = elementwise(name, spec, loss.inputs, dtype, rng, COUNT)
    wrt = [k for k, i in enumerate(loss.inputs) if i["differentiable"]]
    values = np.empty(x[0].shape, dtype)
    got = loss.eval(*x, grad=wrt, hess=wrt, values=values, reduction="none")
    fast = loss.eval(*x, grad=[0], hess=[0], reduction="none")  # the kernels that round to the stored type themselves
    words, numbers = parameters(loss, spec, dtype)
    points = [{k["name"]: float(a[i]) for k, a in zip(loss.inputs, x, strict=True)} for i in range(len(x[0]))]
    worst: dict = {}

    def note(key, number, exact, scale, at):
        err = error(number, exact, dtype, scale)
        if err > worst.get(key, (-1,))[0]:
            worst[key] = (err, *at.values())

    for k in wrt:
        with mp.workdps(DIGITS[dtype]):
            exact = exact_jets(name, loss.info["formula"], loss.inputs[k]["name"], k, words, [{**at, **numbers} for at in points])
        for i, (at, known) in enumerate(zip(points, exact, strict=True)):
            if known is None:
                continue  # a limit: tested as such in test_limits.py
            jet, scales = known
            if k == 0:
                note("value", values[i], jet.v, scales[0], at)
                assert fast["grad0"][i] == got["grad0"][i] or np.isnan(got["grad0"][i]), (spec, at)
                assert fast["hess0"][i] == got["hess0"][i] or np.isnan(got["hess0"][i]), (spec, at)
            note(f"grad{k}", got[f"grad{k}"][i], jet.d, scales[1], at)
            note(f"hess{k}", got[f"hess{k}"][i], jet.h, scales[2], at)
    return worst


@remembered
def exact_jets(name: str, text: str, variable: str, k: int, words: dict, scopes: list[dict]) -> list[tuple | None]:
    """At each point the jet by input k and the larger of what cancels in each of its numbers; None where it has none."""
    formula, out = Formula(text), []
    for scope in scopes:
        try:
            jet = formula(wrt=variable, words=words, **scope)
        except ZeroDivisionError:
            out.append(None)
            continue
        out.append((jet, [larger(name, key, words, scope) for key in ("value", f"grad{k}", f"hess{k}")]))
    return out


@remembered
def exact_rows(name: str, case) -> list:
    return [ROW_ORACLES[name](case, r) for r in range(len(case.prediction))]


@functools.cache
def bounds(name: str, dtype) -> tuple:
    return Loss(name).info["f4" if dtype is np.float32 else "f8"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("spec", [s for n in POINTWISE for s in specs(n)])
def test_within_the_declared_bound(spec, dtype):
    value, gradient, hessian = bounds(spec.partition("(")[0], dtype)
    worst = measure(spec, dtype)
    limit = {"value": value, "grad0": gradient, "hess0": hessian, "grad": max(gradient, 1), "hess": max(hessian, 1)}
    over = {k: w for k, w in worst.items() if w[0] > limit.get(k, limit.get(k[:4]))}
    assert not over, f"{spec} {dtype.__name__}: beyond {limit}: {over}"


def measure_rows(name: str, dtype) -> dict:
    """Like measure(), of a loss of rows; what is not there is 0."""
    worst: dict = {}
    for case in row_cases(name, dtype):
        loss = Loss(case.spec)
        wrt = [0] if case.target.ndim < case.prediction.ndim else [0, 1]
        values = np.empty(len(case.prediction), dtype)
        got = loss.eval(case.prediction, case.target, case.class_weight, grad=wrt, hess=wrt, values=values, reduction="none")
        with mp.workdps(DIGITS[dtype]):
            rows = exact_rows(name, case)
        for r, exact in enumerate(rows):
            if exact is None:  # the row is not there
                assert values[r] == 0 and not got["grad0"][r].any() and not got["hess0"][r].any()
                continue
            columns = [("value", [values[r]], [exact.value], None), ("grad0", got["grad0"][r], exact.grad, exact.scale),
                       ("hess0", got["hess0"][r], exact.hess, exact.hess_scale)]
            if 1 in wrt:
                columns.append(("grad1", got["grad1"][r], exact.target_grad, [exact.target_scale] * len(exact.target_grad)))
            for key, numbers, want, scale in columns:
                for j, x in enumerate(want):
                    found = (error(numbers[j], x, dtype, scale and scale[j]), case.spec, r, j, numbers[j], mp.nstr(x, 20), case.prediction[r], case.target[r])
                    worst[key] = max(worst.get(key, (-1,)), found, key=lambda w: w[0])
    return worst


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ROWS)
def test_rows_within_the_declared_bound(name, dtype):
    value, gradient, hessian = bounds(name, dtype)
    limit = {"value": value, "grad0": gradient, "hess0": hessian, "grad1": max(value, 4)}
    over = {k: w for k, w in measure_rows(name, dtype).items() if w[0] > limit[k]}
    assert not over, f"{name} {dtype.__name__}: beyond {limit}: {over}"
