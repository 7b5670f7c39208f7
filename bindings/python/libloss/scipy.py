"""SciPy: losses as objectives of ``minimize`` and as robust losses of ``least_squares``.

    fun = libloss.scipy.objective("huber(delta=2)", (X, y))
    minimize(fun, theta, jac=True, hessp=fun.hessp, method="trust-ncg")
    least_squares(residuals, theta, loss=libloss.scipy.rho("log_cosh"))
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from . import _linear
from ._errors import ArgumentError, DTypeError, NotDifferentiableError, ShapeError
from ._extras import tool
from ._loss import Loss
from ._types import Spec

issparse, LinearOperator = tool("scipy.sparse").issparse, tool("scipy.sparse.linalg").LinearOperator

Array = np.ndarray[Any, Any]


class _Model(NamedTuple):
    """A model's predictions at theta, and its derivative there times a direction (jvp), or its transpose times a gradient (vjp)."""

    predict: Callable[[Array], Any]
    vjp: Callable[[Array, Array], Any]
    jvp: Callable[[Array, Array], Any] | None


def _linear_model(X: Any, loss: Loss) -> _Model:
    if not issparse(X) and not isinstance(X, LinearOperator):
        X = np.asarray(X)
    if len(X.shape) != 2:
        raise ShapeError(f"X has shape {tuple(X.shape)}; a linear model has rows of features, (n, features)")
    design = _linear.Design(X, False)

    def shaped(theta: Array, name: str) -> Array:
        """(features,), or of a loss of rows (features, classes)."""
        if theta.ndim != 1 or theta.size % design.size or (theta.size != design.size and not loss.info.per_row):
            raise ShapeError(f"{name} has shape {theta.shape}; X has {design.size} features"
                             + (" and it needs a multiple of them, one for each class" if loss.info.per_row else ""))
        return theta.reshape(design.size, -1) if loss.info.per_row else theta

    return _Model(lambda theta: design(shaped(theta, "theta")), lambda theta, g: design.pull(g).ravel(), lambda theta, v: design(shaped(v, "v")))


def _model(model: Any, loss: Loss) -> _Model:
    if isinstance(model, tuple):
        if len(model) not in (2, 3) or not all(callable(f) for f in model):
            raise ArgumentError(f"model = a tuple of {len(model)}: it must be functions (predict, vjp) or (predict, vjp, jvp)")
        return _Model(model[0], model[1], model[2] if len(model) == 3 else None)
    if hasattr(model, "predict") and hasattr(model, "vjp"):
        return _Model(model.predict, model.vjp, getattr(model, "jvp", None))
    if callable(model) and not isinstance(model, LinearOperator):
        raise ArgumentError("model is one function: it needs its derivative too, (predict, vjp) or (predict, vjp, jvp)")
    return _linear_model(model, loss)


class Objective:
    """What ``objective`` makes: ``fun(theta) -> (value, gradient)`` for ``minimize(jac=True)``, and ``hessp`` beside it."""

    def __init__(self, loss: Loss, model: _Model, inputs: tuple[Any, ...], options: dict[str, Any], curvature: str) -> None:
        self.loss = loss
        self._model, self._inputs, self._options, self._curvature = model, inputs, options, curvature
        self._bent: tuple[Array, Array] | None = None  # where the curvature was last asked for, and what it was: solvers ask many times

    def __call__(self, theta: Any) -> tuple[float, Array]:
        """The reduced loss, a Python float, and its gradient by theta, a new float64 array (theta.size,)."""
        theta = np.asarray(theta, float)
        value, g = self.loss.value_and_grad(np.asarray(self._model.predict(theta)), *self._inputs, **self._options)
        return float(value), self._flat(self._model.vjp(theta, g), theta, "vjp(theta, g)")

    def hessp(self, theta: Any, v: Any) -> Array:
        """The Hessian at theta times v, a new float64 array (theta.size,): for ``minimize(hessp=)``.

        Of a linear model it is exact; of any other what its own curvature adds is left out (Gauss-Newton), which vanishes with the slopes.
        """
        if self._model.jvp is None:
            raise NotDifferentiableError("hessp needs the model's jvp(theta, v): (predict, vjp, jvp)")
        theta, v = np.asarray(theta, float), np.asarray(v, float)
        if self._bent is None or not np.array_equal(self._bent[0], theta):
            z = np.asarray(self._model.predict(theta))
            hess = self.loss.full_hess if self.loss.info.per_row else self.loss.hess
            self._bent = theta.copy(), np.asarray(hess(z, *self._inputs, curvature=self._curvature, **self._options))
        h, dz = self._bent[1], np.asarray(self._model.jvp(theta, v))
        turned = (h @ dz[..., None])[..., 0] if self.loss.info.per_row else h * dz
        return self._flat(self._model.vjp(theta, turned), theta, "vjp(theta, g)")

    @staticmethod
    def _flat(g: Any, theta: Array, what: str) -> Array:
        own: Array = np.array(g, float)
        if own.shape != theta.shape:
            raise ShapeError(f"{what} has shape {own.shape}; theta has {theta.shape}")
        return own

    def __repr__(self) -> str:
        return f"<objective of {self.loss}>"


def objective(loss: Spec, model: tuple[Any, ...], *, weight: Any = None, reduction: str = "mean", curvature: str = "exact",
              **inputs: Any) -> Objective:
    """The loss of a model, for ``scipy.optimize.minimize(fun, theta, jac=True)``. Penalties are yours to add.

    Args:
        loss: a name, a spec or a ``Loss``. Of rows (cross_entropy) too: theta is then (features*classes,), the classes of a feature adjacent.
        model: what predicts, and the loss's inputs after the prediction: (X, y) for the linear model X theta, X an array, a sparse matrix or a
            LinearOperator, (n, features); or (m, y), where m is an object with the methods predict(theta), vjp(theta, g) and, for hessp,
            jvp(theta, v), or a tuple of these functions. vjp is the transposed Jacobian times g, shaped as theta; jvp the Jacobian times v.
        weight: (n,), 0 means not there.
        reduction: "mean", "sum", "weighted_mean", ... as everywhere.
        curvature: of ``hessp``: "exact", or "upper", which makes it positive semidefinite for losses that are not convex.
        inputs: what else the loss takes, by name: ``variance=``.

    Raises:
        ShapeError, ArgumentError: naming what does not fit; what is wrong with y says the first evaluation.
    """
    loss = Loss(loss)
    if not isinstance(model, tuple) or len(model) < 2:
        raise DTypeError(f"model is a {type(model).__name__}: it must be a tuple, (X, y) or ((predict, vjp), y)")
    if reduction == "none":
        raise ArgumentError("reduction = 'none': what is minimised is one number")
    if curvature not in ("exact", "upper"):
        raise ArgumentError(f"curvature = {curvature!r} is none of exact, upper")
    first, *rest = model
    options = {"weight": weight, "reduction": reduction, "wrt": loss.info.inputs[0].name, **inputs}
    return Objective(loss, _model(first, loss), tuple(rest), options, curvature)


class Rho:
    """What ``rho`` makes: ``rho(z) -> (3, n)``, twice the loss as a function of z = residual^2, and its two derivatives."""

    def __init__(self, loss: Loss) -> None:
        self.loss = loss

    def __call__(self, z: Any) -> Array:
        """z: (n,), squares of residuals, not below 0. A new float64 array."""
        z = np.asarray(z, float)
        r = np.sqrt(z)
        value, slope, bend = self.loss.jet(r, np.zeros_like(r), reduction="none")
        rate = np.divide(slope, r, out=bend.copy(), where=r > 0)
        return np.array([2 * value, rate, np.divide(bend - rate, 2 * z, out=np.zeros_like(z), where=z > 0)])

    def __repr__(self) -> str:
        return f"<rho of {self.loss}>"


def rho(loss: Spec, **parameters: Any) -> Rho:
    """A loss for ``scipy.optimize.least_squares(residuals, theta, loss=)``: the cost is the sum of the losses of the residuals.

    SciPy calls with squares of residuals, so that the loss must be of a residual and even, and smooth at 0. With ``f_scale=c`` the cost is
    c^2 times the sum of the losses of residual/c. SciPy's own names are "huber", "pseudo_huber" (soft_l1) and
    0.5*Loss("adaptive_robust", alpha=0, scale=0.5**0.5) (cauchy).

    Raises:
        ArgumentError: the loss is not even, or not of a residual alone; NotDifferentiableError: it has a kink at 0, as absolute_error.
    """
    loss = Loss(loss, **parameters)
    families = {term.info.family for _, term in loss.terms}
    if families != {"distance"}:
        raise ArgumentError(f"loss = {str(loss)!r} is not of a residual alone, which is all that least_squares gives it: huber, pseudo_huber or log_cosh is")
    if any("even" not in term.info.claims for _, term in loss.terms):
        raise ArgumentError(f"loss = {str(loss)!r} is not even, and least_squares gives squares, which have no sign: objective() takes it")
    if abs(loss.grad(1e-150, 0.0)) > 1e-75:
        raise NotDifferentiableError(f"loss = {str(loss)!r} has a kink at 0, where least_squares divides by its residual: huber or pseudo_huber is smooth")
    return Rho(loss)


__all__ = ["Objective", "Rho", "objective", "rho"]
