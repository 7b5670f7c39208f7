"""The fit of a linear model: which method, from where, and what is made of what it finds."""

from __future__ import annotations

from ._errors import ArgumentError
from ._linear import Array, Design, Penalty, Risk, centred, check_finite, claims, constant, is_shift_invariant
from ._linear_descent import Fit, lbfgs, newton
from ._linear_piecewise import interior, is_piecewise_linear
from ._loss import Loss

NEWTON_SIZE = 400  # above so many unknowns a Hessian costs more than it saves
INTERIOR_SIZE = 2000  # as far as a few dozen factorisations take seconds


def choose(solver: str, loss: Loss, design: Design, target: Array, classes: int | None) -> str:
    """The method, "auto" made definite; ArgumentError where it can't do what is asked."""
    size = design.size * (classes or 1)
    if solver in ("newton", "lbfgs"):
        return solver
    straight = is_piecewise_linear(loss, target, classes)
    if solver == "interior" and not straight:
        raise ArgumentError(f"solver = 'interior' is for losses made of straight lines, and {loss} is none: solver='auto'")
    if straight and (solver == "interior" or size <= INTERIOR_SIZE):
        return "interior"
    return "newton" if "differentiable" in claims(loss) and size <= NEWTON_SIZE else "lbfgs"


def fit(loss: Loss, design: Design, target: Array, weight: Array | None, penalty: Penalty, *, solver: str, start: Array | None, tol: float,
        max_iter: int, classes: int | None = None) -> Fit:
    """The coefficients of least risk: (size,), or of a loss of rows (size, classes)."""
    solver = choose(solver, loss, design, target, classes)
    risk = Risk(loss, design, target, weight, penalty.l2, classes)
    theta = constant(risk) if start is None else start
    check_finite(risk, theta)
    if solver == "interior":
        found = interior(loss, design, target, weight, penalty, tol, max_iter, classes)
    else:
        found = {"lbfgs": lbfgs, "newton": newton}[solver](risk, penalty.l1, theta.ravel(), tol, max_iter)
    theta = found.theta.reshape(risk.shape)
    return found._replace(theta=centred(risk, theta, penalty.l1) if is_shift_invariant(risk, theta) else theta)
