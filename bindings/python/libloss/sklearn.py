"""scikit-learn: linear models of any loss, and scorers of losses and metrics.

    libloss.sklearn.LossRegressor("huber(delta=2)", alpha=0.01).fit(X, y)
    libloss.sklearn.LossClassifier("cross_entropy", l1_ratio=0.5).fit(X, y, sample_weight=w).predict_proba(X)
    cross_val_score(model, X, y, scoring=libloss.sklearn.scorer("quantile", tau=0.9))

What a model minimises is ``sum(w*loss)/sum(w) + alpha*(l1_ratio*|coef|_1 + (1 - l1_ratio)/2*|coef|_2^2)``; the intercept is free. The
data term is a mean by weight, so that a weight of 2 is the same as the row twice, and alpha means the same for any number of rows.
Others' penalties in these terms, with n = sum(w):

    LogisticRegression(C, l1_ratio)           "logistic" or "cross_entropy", alpha = 1/(C*n)
    Ridge(alpha)                              "half_squared_error", alpha/n
    ElasticNet(alpha, l1_ratio), Lasso        "half_squared_error", alpha
    Poisson-, Gamma-, TweedieRegressor(alpha) "poisson_nll", "gamma_nll", "tweedie(power=...)", alpha
    QuantileRegressor(quantile, alpha)        "quantile(tau=quantile)", alpha, l1_ratio=1
    HuberRegressor(epsilon, alpha)            "huber(delta=epsilon*scale_)", alpha*scale_/n (it estimates a scale_ besides)
    SVC(kernel="linear", C), SVR(C, epsilon)  "hinge", "epsilon_insensitive(epsilon=...)", alpha = 1/(C*n)
    LinearSVC(C)                              "squared_hinge", "hinge" or "multiclass_hinge", alpha = 1/(C*n) (it shrinks the intercept too)
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from numbers import Real
from typing import Any, Literal

import numpy as np

from . import _linear, _linear_fit
from ._errors import ArgumentError
from ._extras import tool
from ._loss import Loss
from ._scorer import Scorer, scorer
from ._types import Spec

base, exceptions, multiclass, validation = (tool(f"sklearn.{m}") for m in ("base", "exceptions", "utils.multiclass", "utils.validation"))
compute_sample_weight, available_if = tool("sklearn.utils.class_weight").compute_sample_weight, tool("sklearn.utils.metaestimators").available_if

Array = np.ndarray[Any, Any]
Solver = Literal["auto", "newton", "lbfgs", "interior"]
SOLVERS = ("auto", "newton", "lbfgs", "interior")


def _linear_loss(spec: Spec) -> Loss:
    """The loss, if a linear model's predictions can go into it."""
    loss = Loss(spec)
    needed = [i for i in loss.info.inputs if not i.optional]
    if loss.info.per_unit or loss.info.family == "tuple" or [i.name for i in needed] != ["prediction", "target"]:
        takes = "its value is of all rows together" if loss.info.per_unit else f"it takes {' and '.join(i.description for i in needed)}"
        raise ArgumentError(f"loss = {str(loss)!r} has no linear model: {takes}")
    if needed[0].kind == "probability":
        instead = "cross_entropy" if loss.info.per_row else "binary_cross_entropy_with_logits"
        raise ArgumentError(f"loss = {str(loss)!r} takes probabilities, which a linear model does not give; {instead} takes its logits")
    return loss


def _has_link(loss: Loss) -> bool:
    """Whether predictions stand for means; those of a sum do where all its terms agree on them."""
    terms = [term for _, term in loss.terms]
    return all(t.info.link for t in terms) and len({tuple(t.inverse_link([0.3, 0.7])) for t in terms}) == 1


def _to_mean(loss: Loss, raw: Array) -> Array:
    """What the model predicts on the scale of the target: the loss's inverse link, where it has one."""
    return loss.terms[0][1].inverse_link(raw) if _has_link(loss) else raw


class _LinearModel(base.BaseEstimator):  # type: ignore[misc, name-defined]
    loss: Spec
    alpha: float
    l1_ratio: float
    fit_intercept: bool
    solver: Solver
    tol: float
    max_iter: int
    warm_start: bool
    coef_: Array
    intercept_: Any
    loss_: Loss
    n_iter_: int

    def _check_parameters(self) -> None:
        for name, value, fits, must in (
            ("alpha", self.alpha, lambda v: 0 <= v < np.inf, "a finite number not below 0"),
            ("l1_ratio", self.l1_ratio, lambda v: 0 <= v <= 1, "in [0, 1]"),
            ("tol", self.tol, lambda v: 0 <= v < np.inf, "a finite number not below 0"),
            ("max_iter", self.max_iter, lambda v: v >= 1 and v == int(v), "an integer above 0"),
            ("solver", self.solver, lambda v: v in SOLVERS, f"one of {', '.join(SOLVERS)}"),
        ):
            if not isinstance(value, str if name == "solver" else Real) or not fits(value):
                raise ArgumentError(f"{name} = {value!r} must be {must}")

    def _weight(self, sample_weight: Any, X: Any) -> Array | None:
        return None if sample_weight is None else np.asarray(validation._check_sample_weight(sample_weight, X, dtype=np.float64))

    def _solve(self, X: Any, targets: list[Array], weight: Array | None, classes: int | None) -> None:
        """One problem per target; of a loss of rows, one for all classes."""
        start = None
        if self.warm_start and hasattr(self, "coef_"):
            start = np.atleast_2d(self.coef_).astype(float)
            if self.fit_intercept:
                start = np.column_stack([start, np.broadcast_to(self.intercept_, len(start))])
            start = start.T if start.shape == (classes or len(targets), X.shape[1] + self.fit_intercept) else None
        design = _linear.Design(X.astype(np.float64, copy=False), bool(self.fit_intercept))
        penalty = _linear.Penalty(self.alpha * self.l1_ratio, self.alpha * (1 - self.l1_ratio))
        fits = [
            _linear_fit.fit(self.loss_, design, target, weight, penalty, solver=self.solver, tol=self.tol, max_iter=int(self.max_iter), classes=classes,
                        start=None if start is None else start if classes else start[:, k])
            for k, target in enumerate(targets)
        ]
        theta = fits[0].theta if classes else np.column_stack([f.theta for f in fits])
        self.coef_ = np.ascontiguousarray(theta[: X.shape[1]].T, X.dtype)
        self.intercept_ = theta[X.shape[1]].astype(X.dtype) if self.fit_intercept else np.zeros(theta.shape[1], X.dtype)
        self.n_iter_ = max(f.n_iter for f in fits)
        for f in fits:
            if f.trouble:
                warnings.warn(f"{type(self).__name__} of {self.loss_}: {f.trouble} (tol = {self.tol:g} not reached after {f.n_iter} iterations)",
                              exceptions.ConvergenceWarning, stacklevel=4)

    def _raw(self, X: Any) -> Array:
        """X coef + intercept: (n, k), one column per target or class."""
        validation.check_is_fitted(self)
        X = validation.validate_data(self, X, accept_sparse=["csr", "csc"], dtype=[np.float64, np.float32], reset=False)
        raw: Array = X @ np.atleast_2d(self.coef_).T + self.intercept_
        return raw

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


class LossRegressor(base.RegressorMixin, _LinearModel):  # type: ignore[misc, name-defined]
    """A linear model that minimises a loss of real targets.

    Args:
        loss: a name, a spec ("huber(delta=2)") or a ``Loss``. One value per target (most), or one per row of targets ("cosine_distance",
            "cross_entropy" with rows of probabilities). The prediction is on the loss's own scale inside; ``predict`` gives means.
        alpha: weight of the penalty, not below 0.
        l1_ratio: the part of it that is |coef| and makes coefficients 0; the rest is coef^2/2.
        fit_intercept: whether a constant, unpenalised, is added.
        solver: "newton" (exact curvature, or the upper one of a loss that is not convex), "lbfgs" (many features),
            "interior" (losses made of straight lines such as quantile and hinge, with any penalty: a linear or quadratic program, by an
            interior-point method), or "auto", which of these fits.
        tol: largest component of the gradient at which the search ends.
        max_iter: of the search; a ConvergenceWarning tells when it was too few.
        warm_start: whether a further ``fit`` starts at the coefficients of the last one ("interior" starts anew all the same).

    Attributes:
        coef_: (features,), or (targets, features) where y has two axes; of X's dtype.
        intercept_: a number, or (targets,).
        loss_: the ``Loss``.
        n_iter_: iterations used; the most, of several targets.

    Raises:
        ArgumentError: parameters and losses that can't be; DomainError naming the first target outside the loss's domain.
    """

    def __init__(self, loss: Spec = "squared_error", *, alpha: float = 1e-4, l1_ratio: float = 0.0, fit_intercept: bool = True,
                 solver: Solver = "auto", tol: float = 1e-6, max_iter: int = 1000, warm_start: bool = False) -> None:
        self.loss = loss
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.warm_start = warm_start

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> LossRegressor:
        """X: (n, features), dense or sparse. y: (n,) or (n, targets). sample_weight: (n,), 0 means not there."""
        self._check_parameters()
        loss = self.loss_ = _linear_loss(self.loss)
        kind = loss.info.inputs[1]
        if kind.kind == "sign" or (kind.kind == "class" and not kind.or_rows):
            raise ArgumentError(f"loss = {str(loss)!r} takes classes: LossClassifier fits it")
        X, y = validation.validate_data(self, X, y, accept_sparse=["csr", "csc"], dtype=[np.float64, np.float32], multi_output=True, y_numeric=True)
        y = np.asarray(y, np.float64)
        if loss.info.per_row and y.ndim == 1:
            raise ArgumentError(f"y has shape {y.shape}: {loss} takes a row of targets for each row of X, (n, targets)")
        weight = self._weight(sample_weight, X)
        columns = np.atleast_2d(y.T)
        self._solve(X, [y] if loss.info.per_row else [np.ascontiguousarray(c) for c in columns], weight, len(columns) if loss.info.per_row else None)
        if y.ndim == 1:
            self.coef_, self.intercept_ = self.coef_[0], self.intercept_[0]
        return self

    def predict(self, X: Any) -> Array:
        """The mean that the model predicts, (n,) or (n, targets): for a loss with a logarithmic link exp(X coef + intercept)."""
        raw = self._raw(X)
        return _to_mean(self.loss_, raw[:, 0] if self.coef_.ndim == 1 else raw)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _gives_probabilities(self: LossClassifier) -> bool:
    """Whether the loss is proper: its best prediction is a probability's link."""
    loss = _linear_loss(self.loss)
    if _has_link(loss) and _linear.claims(loss) & {"proper", "calibrated"}:
        return True
    raise AttributeError(f"{loss} gives no probabilities: its scores are no link of them, as those of logistic and cross_entropy are")


class LossClassifier(base.ClassifierMixin, _LinearModel):  # type: ignore[misc, name-defined]
    """A linear model that minimises a loss of classes.

    Args:
        loss: a name, a spec or a ``Loss``. Of a loss of values (logistic, hinge, binary_cross_entropy_with_logits; squared_error of -1
            and 1) more than two classes are fitted one against the rest; a loss of rows (cross_entropy, multiclass_hinge) has a row of
            coefficients per class, also of two.
        class_weight: None, a dict from class to weight, or "balanced": n/(classes*count of the class). It multiplies sample_weight.

    The other parameters are those of ``LossRegressor``.

    Attributes:
        classes_: the labels, sorted.
        coef_: (1, features) of two classes and a loss of values, else (classes, features); of X's dtype.
        intercept_: (1,) or (classes,).
        loss_: the ``Loss``.
        n_iter_: iterations used; the most, of several problems.
    """

    classes_: Array

    def __init__(self, loss: Spec = "logistic", *, alpha: float = 1e-4, l1_ratio: float = 0.0, fit_intercept: bool = True,
                 class_weight: Mapping[Any, float] | Literal["balanced"] | None = None, solver: Solver = "auto", tol: float = 1e-6,
                 max_iter: int = 1000, warm_start: bool = False) -> None:
        self.loss = loss
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.class_weight = class_weight
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.warm_start = warm_start

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> LossClassifier:
        """X: (n, features), dense or sparse. y: (n,), labels of any type. sample_weight: (n,), 0 means not there."""
        self._check_parameters()
        loss = self.loss_ = _linear_loss(self.loss)
        kind = loss.info.inputs[1].kind
        if kind not in (("class",) if loss.info.per_row else ("sign", "probability", "real")):
            raise ArgumentError(f"loss = {str(loss)!r} takes no classes: LossRegressor fits it")
        X, y = validation.validate_data(self, X, y, accept_sparse=["csr", "csc"], dtype=[np.float64, np.float32])
        multiclass.check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        k = len(self.classes_)
        if k < 2:
            raise ArgumentError(f"y holds one class only, {self.classes_[0]!r}; a classifier needs two")
        weight = self._weight(sample_weight, X)
        if self.class_weight is not None:
            by_class = compute_sample_weight(self.class_weight, y)
            weight = by_class if weight is None else weight * by_class
        if loss.info.per_row:
            self._solve(X, [codes.astype(np.int64)], weight, k)
        else:
            low, high = _linear.labels(loss)
            self._solve(X, [np.where(codes == c, high, low) for c in ([1] if k == 2 else range(k))], weight, None)
        return self

    def decision_function(self, X: Any) -> Array:
        """Scores: (n, classes), the highest of which wins; of two classes (n,), above 0 for ``classes_[1]``."""
        raw = self._raw(X)
        return raw if len(self.classes_) > 2 else raw[:, 0] if raw.shape[1] == 1 else raw[:, 1] - raw[:, 0]

    def predict(self, X: Any) -> Array:
        """The class of the highest score, (n,)."""
        scores = self.decision_function(X)
        chosen: Array = self.classes_[(scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(1)]
        return chosen

    @available_if(_gives_probabilities)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> Array:
        """Probabilities, (n, classes), of a proper loss: the inverse link of the scores; of one-against-the-rest, made to sum to 1."""
        raw = self._raw(X)
        if self.loss_.info.per_row:
            return _to_mean(self.loss_, raw)
        if raw.shape[1] == 1:
            return _to_mean(self.loss_, np.hstack([-raw, raw]))
        p = _to_mean(self.loss_, raw)
        total = p.sum(1, keepdims=True)
        shares: Array = np.divide(p, total, out=np.full_like(p, 1 / p.shape[1]), where=total > 0)
        return shares

    @available_if(_gives_probabilities)  # type: ignore[untyped-decorator]
    def predict_log_proba(self, X: Any) -> Array:
        """Logarithms of ``predict_proba``."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.predict_proba(X)))


__all__ = ["LossClassifier", "LossRegressor", "Scorer", "scorer"]
