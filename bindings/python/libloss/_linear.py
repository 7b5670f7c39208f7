"""Linear models of a loss: the risk with its derivatives, and the methods that minimise it.

The risk is ``weighted_mean(loss(X w + b)) + alpha*(l1_ratio*|w|_1 + (1 - l1_ratio)/2*|w|^2)``. A loss of values has a vector w; a loss of
rows has a column of w per class, and everything below takes both: what is said of (n,) and (size,) holds for (n, k) and (size, k).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ._errors import ArgumentError, DomainError
from ._extras import tool
from ._loss import Loss

Array = np.ndarray[Any, Any]
EPS = np.finfo(float).eps
NEWTON_SIZE = 400  # above so many unknowns a Hessian costs more than it saves
INTERIOR_SIZE = 2000  # as far as a few dozen factorisations take seconds


class Design:
    """Rows of features, dense or sparse, as a linear map: of the coefficients, and of an intercept behind them if there is one."""

    def __init__(self, X: Any, intercept: bool) -> None:
        self.X, self.intercept = X, intercept
        self.features = X.shape[1]
        self.size = self.features + intercept

    def __call__(self, theta: Array) -> Array:
        """X w + b."""
        z: Array = self.X @ theta[: self.features]
        return z + theta[self.features] if self.intercept else z

    def pull(self, g: Array) -> Array:
        """The transposed map: a gradient by predictions to one by coefficients."""
        back: Array = self.X.T @ g
        return np.concatenate([back, g.sum(0, keepdims=True)]) if self.intercept else back

    def gram(self, h: Array) -> Array:
        """The transposed map times diag(h) times the map, a (size, size) matrix."""
        inner = self.X.T @ (self.X.multiply(h[:, None]).tocsr() if hasattr(self.X, "multiply") else self.X * h[:, None])
        out = np.empty((self.size, self.size))
        out[: self.features, : self.features] = inner.toarray() if hasattr(inner, "toarray") else inner
        if self.intercept:
            out[-1, :-1] = out[:-1, -1] = self.X.T @ h
            out[-1, -1] = h.sum()
        return out


class Penalty(NamedTuple):
    """What a coefficient w costs, the intercept excepted: ``l1*|w| + l2/2*w^2``."""

    l1: float
    l2: float


class Fit(NamedTuple):
    """Coefficients with the intercept behind them, and how they were found."""

    theta: Array
    n_iter: int
    trouble: str = ""  # why the search ended early


class Risk:
    """The smooth part of the risk (all but l1) as a function of theta, which is flat here whatever its shape."""

    def __init__(self, loss: Loss, design: Design, target: Array, weight: Array | None, l2: float, classes: int | None = None) -> None:
        self.loss, self.design, self.target, self.weight = loss, design, target, weight
        self.shape = (design.size,) if classes is None else (design.size, classes)
        shrunk = np.full(self.shape, l2)
        shrunk[design.features :] = 0
        self.shrunk = shrunk.ravel()

    def value_and_grad(self, theta: Array) -> tuple[float, Array]:
        z = self.design(theta.reshape(self.shape))
        value, g = self.loss.value_and_grad(z, self.target, weight=self.weight, reduction="weighted_mean")
        return value + float(self.shrunk @ (theta * theta)) / 2, self.design.pull(g).ravel() + self.shrunk * theta

    def hess(self, theta: Array, curvature: str) -> Array:
        z = self.design(theta.reshape(self.shape))
        options = {"weight": self.weight, "reduction": "weighted_mean", "curvature": curvature}
        if len(self.shape) == 1:
            H: Array = self.design.gram(self.loss.hess(z, self.target, **options))
        else:
            size, k = self.shape
            h = self.loss.full_hess(z, self.target, **options)
            blocks = np.empty((size, k, size, k))
            for a in range(k):
                for b in range(a + 1):
                    blocks[:, a, :, b] = blocks[:, b, :, a] = self.design.gram(h[:, a, b])
            H = blocks.reshape(size * k, size * k)
        H[np.diag_indices_from(H)] += self.shrunk
        return H


def claims(loss: Loss) -> frozenset[str]:
    """What the registry says of a loss; of a sum, what it says of every term, as long as none is subtracted."""
    if any(factor < 0 for factor, _ in loss.terms):
        return frozenset()
    return frozenset.intersection(*(term.info.claims for _, term in loss.terms))


def is_piecewise_linear(loss: Loss, target: Array) -> bool:
    """Whether a convex loss of values is made of straight lines: no curvature at any distance from the target."""
    if loss.info.per_row or "convex" not in claims(loss) or "differentiable" in claims(loss):
        return False
    scale = 2.0 ** np.arange(-40, 41)
    t = np.repeat(target[[0, -1]], 2 * scale.size + 1)
    apart = np.tile(np.concatenate([-scale, [0.0], scale]), 2)
    return not bool(np.any(loss.hess(t + apart, t, reduction="sum")))


def lines(loss: Loss, target: Array) -> tuple[Array, Array]:
    """Slopes and offsets, (K, n), of the straight lines whose highest a piecewise linear loss is: ``max_k slope[k]*p + offset[k]``."""

    def tangent(p: Array) -> tuple[Array, Array]:
        value, slope = loss.value_and_grad(p, target, reduction="none")
        return slope, value - slope * p

    def slope(p: float) -> Array:
        return np.asarray(loss.grad(np.full(target.shape, p), target, reduction="sum"))

    reach = 1 + 2 * float(np.abs(target).max())  # beyond it on either side there is one line; not much beyond, so that offsets keep their digits
    while np.any(slope(-reach) != slope(-1e100)) or np.any(slope(reach) != slope(1e100)):
        reach *= 2
    found = [tangent(np.full(target.shape, -reach)), tangent(np.full(target.shape, reach))]
    k = 0
    while k + 1 < len(found):
        (a, at_0), (b, bt_0) = found[k], found[k + 1]
        meet = np.divide(at_0 - bt_0, b - a, out=np.zeros(target.shape), where=a != b)
        between = tangent(meet)
        rise = (between[0] - a) * meet + between[1] - at_0  # of the loss above both lines, where they meet
        if np.any((rise > 64 * EPS * reach * np.maximum(np.abs(a), np.abs(b))) & (between[0] != a) & (between[0] != b)):
            found.insert(k + 1, between)
        else:
            k += 1
    return np.array([s for s, _ in found]), np.array([c for _, c in found])


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


def newton(risk: Risk, l1: float, theta: Array, tol: float, max_iter: int) -> Fit:
    """Newton's method with the exact curvature; with the upper one where the loss is not convex, or where the exact step leads nowhere.

    With l1 each step stays among the signs that theta has, or that a coefficient of 0 would take if it left 0, where |w| is linear: what
    would cross 0 stops there.
    """
    curvatures = ("exact", "upper") if "convex" in claims(risk.loss) else ("upper",)
    price = np.full(risk.shape, l1)
    price[risk.design.features :] = 0
    price = price.ravel()

    def at(theta: Array) -> tuple[float, Array]:
        """The risk, and its steepest ascent: 0 for a coefficient that l1 holds at 0."""
        value, g = risk.value_and_grad(theta)
        return value + float(price @ np.abs(theta)), np.where(theta == 0, np.sign(g) * np.maximum(np.abs(g) - price, 0), g + price * np.sign(theta))

    value, grad = at(theta)
    for n_iter in range(max_iter + 1):
        if np.abs(grad).max() <= tol:
            return Fit(theta, n_iter)
        if n_iter == max_iter:
            break
        sign = np.where(theta == 0, -np.sign(grad), np.sign(theta))
        for curvature in curvatures:
            step = _step(risk.hess(theta, curvature), grad, theta, sign, price > 0)
            if -float(grad @ step) <= EPS * abs(value) and curvature == curvatures[-1]:
                return Fit(theta, n_iter)  # no lower value could be told from this one
            found = _along(at, theta, value, grad, step, np.where(price > 0, sign, 0))
            if found is not None:
                theta, value, grad = found
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


def interior(loss: Loss, design: Design, target: Array, weight: Array | None, penalty: Penalty, tol: float, max_iter: int) -> Fit:
    """A primal-dual interior-point method for a piecewise linear loss with any penalty: a linear program, or with l2 a quadratic one.

    Each row has a loss s above all its lines, by r = s - slope*z - offset > 0, and each line a share a > 0 of the row's weight; at the
    solution a*r = 0 and the shares' gradient and the penalty's are in balance. s and the shares leave each step's equations row by row, so
    that what is solved is one system of the size of theta. |w| is two lines more per coefficient. The step is Mehrotra's: straight
    for the solution to see how far that leads, then centred accordingly.
    """
    sparse = tool("scipy.sparse", "sklearn")
    weight = np.ones(len(target)) if weight is None else weight
    keep = weight > 0
    target, weight = target[keep], weight[keep] / weight.sum()
    slope, offset = lines(loss, target)
    stack = sparse if sparse.issparse(design.X) else np
    A = design.X[keep]
    if design.intercept:
        A = stack.hstack([A, np.ones((len(target), 1))])
    if penalty.l1:
        A = stack.vstack([A, (sparse if stack is sparse else np).eye(design.features, design.size)])
        weight = np.concatenate([weight, np.full(design.features, penalty.l1)])
        sides = np.resize([1.0, -1.0], len(slope))[:, None]
        slope = np.hstack([slope, np.broadcast_to(sides, (len(slope), design.features))])
        offset = np.hstack([offset, np.zeros((len(slope), design.features))])
    rows = Design(A.tocsr() if stack is sparse else A, False)
    shrunk = np.full(design.size, penalty.l2)
    shrunk[design.features :] = 0

    theta = np.zeros(design.size)
    height = slope * rows(theta) + offset
    gap_at_start = weight @ (height.max(0) - height.min(0)) + EPS
    r = height.max(0) - height + gap_at_start / weight.sum()
    a = np.broadcast_to(weight / len(slope), slope.shape).copy()
    for n_iter in range(max_iter + 1):
        balance = shrunk * theta + rows.pull((slope * a).sum(0))
        gap = float((a * r).sum())
        if gap <= max(tol * tol, 16 * EPS) * gap_at_start and np.abs(balance).max() <= tol:
            if penalty.l1:  # 0 where both lines of |w| bear a share
                p = design.features
                theta[:p][np.all(a[:, -p:] * gap_at_start > r[:, -p:] * penalty.l1**2, axis=0)] = 0
            return Fit(theta, n_iter)
        d = a / r
        middle = (d * slope).sum(0) / d.sum(0)
        bent = slope - middle
        H = rows.gram((d * bent * bent).sum(0)) + np.diag(shrunk)
        if not (np.all(np.isfinite(H)) and gap < 1e12 * gap_at_start):
            return Fit(theta, n_iter, "the risk has no least value, or slopes of too different size for double precision")

        def step(push: Array, d: Array = d, bent: Array = bent, H: Array = H, balance: Array = balance) -> tuple[Array, Array, Array]:
            """By theta, r and a towards a*r = a*r + r*push."""
            move = -solve(H, balance + rows.pull((bent * push).sum(0)))
            dr = push.sum(0) / d.sum(0) - bent * rows(move)
            return move, dr, push - d * dr

        _, dr, da = step(-a)
        reach = min(_room(r, dr), _room(a, da))
        centre = float(((a + reach * da) * (r + reach * dr)).sum()) ** 3 / gap**3 * gap / a.size
        move, dr, da = step((centre - da * dr) / r - a)
        reach = min(1.0, 0.995 * min(_room(r, dr), _room(a, da)))
        theta, r, a = theta + reach * move, r + reach * dr, a + reach * da
    return Fit(theta, max_iter, f"max_iter = {max_iter} reached")


def _room(x: Array, dx: Array) -> float:
    """How many steps dx x can take before a number of it is 0; 1 at most counts."""
    falling = dx < 0
    return min(1.0, float(np.min(x[falling] / -dx[falling], initial=np.inf))) if falling.any() else 1.0


def choose(solver: str, loss: Loss, design: Design, target: Array, penalty: Penalty, classes: int | None) -> str:
    """The method, "auto" made definite; ArgumentError where it can't do what is asked."""
    size = design.size * (classes or 1)
    if solver in ("newton", "lbfgs"):
        return solver
    straight = is_piecewise_linear(loss, target)
    if solver == "interior" and not straight:
        raise ArgumentError(f"solver = 'interior' is for losses made of straight lines, and {loss} is none: solver='auto'")
    if straight and (solver == "interior" or size <= INTERIOR_SIZE):
        return "interior"
    return "newton" if "differentiable" in claims(loss) and size <= NEWTON_SIZE else "lbfgs"


def fit(loss: Loss, design: Design, target: Array, weight: Array | None, penalty: Penalty, *, solver: str, start: Array | None, tol: float,
        max_iter: int, classes: int | None = None) -> Fit:
    """The coefficients of least risk: (size,), or of a loss of rows (size, classes)."""
    solver = choose(solver, loss, design, target, penalty, classes)
    risk = Risk(loss, design, target, weight, penalty.l2, classes)
    theta = constant(risk) if start is None else start
    check_finite(risk, theta)
    if solver == "interior":
        return interior(loss, design, target, weight, penalty, tol, max_iter)
    found = {"lbfgs": lbfgs, "newton": newton}[solver](risk, penalty.l1, theta.ravel(), tol, max_iter)
    theta = found.theta.reshape(risk.shape)
    if classes is not None and is_shift_invariant(risk, theta):
        free = slice(design.features if penalty.l1 or penalty.l2 else 0, None)
        theta[free] -= theta[free].mean(1, keepdims=True)
    return found._replace(theta=theta)


def check_finite(risk: Risk, theta: Array) -> None:
    """DomainError that names the first row whose loss is infinite, or no number, where the search starts."""
    values = risk.loss(risk.design(theta), risk.target, weight=risk.weight, reduction="none")
    if not np.all(np.isfinite(values)):
        k = int(np.argmin(np.isfinite(values)))
        raise DomainError(f"target[{k}] = {risk.target[k]}: {risk.loss} is {values[k]} there, and the search for the least mean can't start")


def is_shift_invariant(risk: Risk, theta: Array) -> bool:
    """Whether a number added to all classes changes nothing, as under softmax: such a number is for us to choose."""
    g = risk.loss.grad(risk.design(theta), risk.target, reduction="sum")
    return bool(np.all(np.abs(g.sum(1)) <= 16 * EPS * np.abs(g).sum(1)))


def constant(risk: Risk) -> Array:
    """Where a search starts: as intercept the best constant for a thousand rows, if the loss knows a finite one, and no features."""
    theta = np.zeros(risk.shape)
    if risk.design.intercept:
        options = {} if len(risk.shape) == 1 or risk.target.ndim == 2 else {"classes": risk.shape[1]}
        some = slice(None, None, 1 + len(risk.target) // 1000)
        try:
            best = risk.loss.fit_constant(risk.target[some], weight=None if risk.weight is None else risk.weight[some], **options)
        except ArgumentError:  # a sum of losses, or a loss of rows without one
            best = 0.0
        theta[-1] = np.where(np.isfinite(best), best, 0)
    return theta
