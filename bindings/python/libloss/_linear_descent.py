"""Methods of descent for the risk of a linear model: Newton's, and L-BFGS for more unknowns. Both take an l1 beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ._extras import tool
from ._linear import EPS, Array, Risk, centred, claims, is_shift_invariant


class Fit(NamedTuple):
    """Coefficients with the intercept behind them, and how they were found."""

    theta: Array
    n_iter: int
    trouble: str = ""  # why the search ended early


def newton(risk: Risk, l1: float, theta: Array, tol: float, max_iter: int) -> Fit:
    """Newton's method with the exact curvature; with the upper one where the loss is not convex, or where the exact step leads nowhere; and
    with its diagonal, which always leads down, where that does too.

    With l1 each step stays among the signs that theta has, or that a coefficient of 0 would take if it left 0, where |w| is linear: what
    would cross 0 stops there.
    """
    curvatures = ("exact", "upper", "diagonal") if "convex" in claims(risk.loss) else ("upper", "diagonal")
    price = np.full(risk.shape, l1)
    price[risk.design.features :] = 0
    price = price.ravel()

    def at(theta: Array) -> tuple[float, Array]:
        """The risk, and its steepest ascent: 0 for a coefficient that l1 holds at 0."""
        value, g = risk.value_and_grad(theta)
        return value + float(price @ np.abs(theta)), np.where(theta == 0, np.sign(g) * np.maximum(np.abs(g) - price, 0), g + price * np.sign(theta))

    shifted = bool(l1) and is_shift_invariant(risk, theta)
    value, grad = at(theta)
    for n_iter in range(max_iter + 1):
        if np.abs(grad).max() <= tol:
            return Fit(theta, n_iter)
        if n_iter == max_iter:
            break
        sign = np.where(theta == 0, -np.sign(grad), np.sign(theta))
        for curvature in curvatures:
            H = risk.hess(theta, "upper" if curvature == "diagonal" else curvature)
            if curvature == "diagonal":
                H = np.diag(np.diag(H))
            step = _step(H, grad, theta, sign, price > 0)
            if -float(grad @ step) <= EPS * abs(value) and curvature == curvatures[-1]:
                return Fit(theta, n_iter)  # no lower value could be told from this one
            found = _along(at, theta, value, grad, step, np.where(price > 0, sign, 0))
            if found is not None:
                theta, value, grad = found
                if shifted:  # where the risk is flat the penalty has kinks, and no curvature tells how far they are
                    theta = centred(risk, theta, l1)
                    value, grad = at(theta)
                break
        else:
            return Fit(theta, n_iter, "no step lowers the risk")
    return Fit(theta, max_iter, f"max_iter = {max_iter} reached")


def _step(H: Array, grad: Array, theta: Array, sign: Array, priced: Array) -> Array:
    """The Newton step in the coefficients that may move: all but those held at 0, and those that would leave 0 to the wrong side."""
    moving = ~priced | (theta != 0) | (grad != 0)
    while True:
        step = np.zeros_like(theta)
        step[moving] = -solve(H[np.ix_(moving, moving)], grad[moving])
        wrong = moving & priced & (theta == 0) & (step * sign < 0)
        if not wrong.any():
            return step
        moving &= ~wrong


def _along(at: Callable[[Array], tuple[float, Array]], theta: Array, value: float, grad: Array, step: Array,
           sign: Array) -> tuple[Array, float, Array] | None:
    """The first of a step, its half, its quarter ... that lowers the risk by a part of what the slope promises; None if none does."""
    if not grad @ step < 0 or not np.all(np.isfinite(step)):
        return None
    for k in range(30):
        there = theta + 0.5**k * step
        there[there * sign < 0] = 0
        new, new_grad = at(there)
        level = new - value <= 16 * EPS * abs(value) and np.abs(new_grad).max() < np.abs(grad).max()  # too near for values to tell
        if new <= value + 1e-4 * (grad @ (there - theta)) or level:
            return there, new, new_grad
    return None


def lbfgs(risk: Risk, l1: float, theta: Array, tol: float, max_iter: int) -> Fit:
    """L-BFGS. With l1 over w = u - v, u and v not below 0, where |w| is smooth: what hits the bound is exactly 0."""
    optimize = tool("scipy.optimize", "sklearn")
    options = {"gtol": tol, "ftol": EPS, "maxiter": max_iter, "maxfun": 20 * max_iter, "maxls": 50}
    fun: Callable[[Array], tuple[float, Array]] = risk.value_and_grad
    bounds, start, n = None, theta, 0
    if l1:
        n = theta.reshape(risk.shape)[: risk.design.features].size  # of u, which stand where w did, and of v, which come last

        def fun(x: Array) -> tuple[float, Array]:
            value, g = risk.value_and_grad(_joined(x, n))
            split = np.concatenate([g, -g[:n]])
            split[:n] += l1
            split[-n:] += l1
            return value + l1 * (x[:n].sum() + x[-n:].sum()), split

        start = np.concatenate([np.maximum(theta[:n], 0), theta[n:], np.maximum(-theta[:n], 0)])
        bounds = [(0, None)] * n + [(None, None)] * (theta.size - n) + [(0, None)] * n
    found = optimize.minimize(fun, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    return Fit(_joined(found.x, n), found.nit, "" if found.success else str(found.message))


def _joined(x: Array, n: int) -> Array:
    """w = u - v with the intercepts behind it, of what ``lbfgs`` splits into n u, the intercepts and n v."""
    theta = x[: x.size - n].copy()
    theta[:n] -= x[x.size - n :]
    return theta


def solve(H: Array, b: Array) -> Array:
    """H^-1 b of a matrix without negative eigenvalues, in units in which its diagonal is 1.

    Along a direction without curvature b is 0, and so is the answer but for rounding; or it is the slope of an l1, which bends at some
    distance: then the answer is a step there of moderate length.
    """
    linalg = tool("scipy.linalg", "sklearn")
    unit = np.sqrt(np.diag(H))
    unit[unit == 0] = 1
    scaled = H / unit / unit[:, None]
    try:
        factor = linalg.cho_factor(scaled, lower=True, check_finite=False)
        if np.diag(factor[0]).min() ** 2 > len(b) * EPS:
            return np.asarray(linalg.cho_solve(factor, b / unit, check_finite=False) / unit)
    except linalg.LinAlgError:
        pass
    curvature, directions = linalg.eigh(scaled, check_finite=False)
    curvature[curvature <= len(b) * EPS] = 0.01
    return np.asarray(directions @ (directions.T @ (b / unit) / curvature) / unit)
