"""Linear models of a loss: the risk, with its derivatives.

The risk is ``weighted_mean(loss(X w + b)) + alpha*(l1_ratio*|w|_1 + (1 - l1_ratio)/2*|w|^2)``. A loss of values has a vector w; a loss of
rows has a column of w per class, and everything below takes both: what is said of (n,) and (size,) holds for (n, k) and (size, k).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ._errors import ArgumentError, DomainError
from ._loss import Loss

Array = np.ndarray[Any, Any]
EPS = np.finfo(float).eps
CACHED = 1 << 15  # numbers


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
        """The transposed map times diag(h[:, j]) times the map, for each column of h, (n, m): (m, size, size)."""
        p = self.features
        out = np.zeros((h.shape[1], self.size, self.size))
        if hasattr(self.X, "multiply"):
            for each, column in zip(out, h.T, strict=True):
                each[:p, :p] = (self.X.T @ self.X.multiply(column[:, None]).tocsr()).toarray()
        else:
            some = max(64, CACHED // p)
            for i in range(0, len(h), some):
                x = self.X[i : i + some]
                for each, column in zip(out, h[i : i + some].T, strict=True):
                    each[:p, :p] += x.T @ (x * column[:, None])
        if self.intercept:
            out[:, -1, :p] = out[:, :p, -1] = (self.X.T @ h).T
            out[:, -1, -1] = h.sum(0)
        return out

    def gram_of_rows(self, h: Array) -> Array:
        """Of k columns of coefficients: what ``gram`` is with a (k, k) matrix per row, (size*k, size*k)."""
        k = h.shape[1]
        a, b = np.tril_indices(k)
        blocks = np.empty((self.size, k, self.size, k))
        blocks[:, a, :, b] = blocks[:, b, :, a] = self.gram(h[:, a, b])
        return blocks.reshape(self.size * k, self.size * k)


class Penalty(NamedTuple):
    """What a coefficient w costs, the intercept excepted: ``l1*|w| + l2/2*w^2``."""

    l1: float
    l2: float


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
        H: Array
        if len(self.shape) == 1:
            H = self.design.gram(self.loss.hess(z, self.target, **options)[:, None])[0]
        else:
            H = self.design.gram_of_rows(self.loss.full_hess(z, self.target, **options))
        H[np.diag_indices_from(H)] += self.shrunk
        return H


def claims(loss: Loss) -> frozenset[str]:
    """What the registry says of a loss; of a sum, what it says of every term, as long as none is subtracted."""
    if any(factor < 0 for factor, _ in loss.terms):
        return frozenset()
    return frozenset.intersection(*(term.info.claims for _, term in loss.terms))


def labels(loss: Loss) -> tuple[float, float]:
    """How a loss of values writes two classes."""
    zero_one = loss.info.inputs[1].kind == "probability" or any(term.parameters.get("labels") == "zero_one" for _, term in loss.terms)
    return (0.0, 1.0) if zero_one else (-1.0, 1.0)


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


def check_finite(risk: Risk, theta: Array) -> None:
    """DomainError that names the first row whose loss is infinite, or no number, where the search starts."""
    values = risk.loss(risk.design(theta), risk.target, weight=risk.weight, reduction="none")
    if not np.all(np.isfinite(values)):
        k = int(np.argmin(np.isfinite(values)))
        raise DomainError(f"target[{k}] = {risk.target[k]}: {risk.loss} is {values[k]} there, and the search for the least mean can't start")


def is_shift_invariant(risk: Risk, theta: Array) -> bool:
    """Whether it is a loss of rows to which a number added to all classes means nothing, as under softmax."""
    if len(risk.shape) == 1:
        return False
    g = risk.loss.grad(risk.design(theta.reshape(risk.shape)), risk.target, reduction="sum")
    return bool(np.all(np.abs(g.sum(1)) <= 16 * EPS * np.abs(g).sum(1)))


def centred(risk: Risk, theta: Array, l1: float) -> Array:
    """The same classes by the numbers that cost least: what is added to all of a feature is for the penalty to choose, or else for us."""
    rows = theta.reshape(risk.shape).copy()
    coef, intercept = np.split(rows, [risk.design.features])
    intercept -= intercept.mean(1, keepdims=True)
    if l1 and not risk.shrunk.any():
        coef -= np.sort(coef, axis=1)[:, [(coef.shape[1] - 1) // 2]]  # a median, so that one is 0
    elif not l1:
        coef -= coef.mean(1, keepdims=True)
    return rows.reshape(theta.shape)
