"""Every loss as an objective of XGBoost, for its native interface and for that of scikit-learn.

    obj = libloss.xgboost.objective("log_cosh")
    start = libloss.xgboost.base_score("log_cosh", dtrain)
    xgboost.train({"base_score": start}, dtrain, obj=obj, custom_metric=libloss.xgboost.metric("log_cosh"))
    xgboost.XGBRegressor(objective=obj, base_score=start).fit(X, y, sample_weight=w)

XGBoost hands over margins (raw scores, float32), wants each row's own gradient and curvature, and leaves the weights to the objective.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import Loss
from ._boosting import Array, Boosted, Derivatives, Value, best_constant, boostable
from ._errors import ArgumentError
from ._extras import tool
from ._habits import XGBOOST
from ._types import BoosterCurvature

xgboost = tool("xgboost")

# From 3.4 on the first two are smoothed by a scale that all residuals have a part in, and Poisson's curvature is another: no habits of one row.
CHANGED = {"absolute_error", "quantile", "poisson_nll"} if tuple(int(v) for v in xgboost.__version__.split(".")[:2]) >= (3, 4) else set()

PROBABILITY = frozenset(("binary:logistic", "reg:logistic"))
MEAN = frozenset(("count:poisson", "reg:gamma", "reg:tweedie"))


def _of_matrix(data: Any) -> tuple[Array, Array | None]:
    """Labels, and weights if there are any: XGBoost says by an array of no elements that there are none."""
    weight = data.get_weight()
    return data.get_label(), weight if weight.size else None


class Objective(Derivatives):
    """What ``objective`` makes: ``obj(margins, dmatrix)``, or ``obj(labels, margins, sample_weight)`` as in scikit-learn's interface."""

    library, table = "XGBoost", {name: own for name, own in XGBOOST.items() if name not in CHANGED}

    def __call__(self, first: Any, second: Any, sample_weight: Array | None = None) -> tuple[Array, Array]:
        if isinstance(second, xgboost.DMatrix):
            prediction, (labels, weight) = first, _of_matrix(second)
        else:
            labels, prediction, weight = np.asarray(first), second, sample_weight
        out = np.empty(prediction.shape, np.float32), np.empty(prediction.shape, np.float32)
        return self.derivatives(prediction, labels, weight, out=out)


class Metric(Value):
    """What ``metric`` makes: (name, value) of margins and a DMatrix, or the value of labels and margins as in scikit-learn's interface."""

    library = "XGBoost"

    def __call__(self, first: Any, second: Any, sample_weight: Array | None = None) -> Any:
        if isinstance(second, xgboost.DMatrix):
            return self.__name__, self.value(first, *_of_matrix(second))
        return self.value(np.asarray(second), np.asarray(first), sample_weight)


def objective(loss: str | Loss, /, *, curvature: BoosterCurvature | None = None, class_weight: Any = None, **parameters: Any) -> Objective:
    """A loss as ``obj=`` of ``xgboost.train`` and as ``objective=`` of XGBRegressor and XGBClassifier.

    ``curvature``: "builtin" trains as XGBoost's own objective does, factor, curvature and floors (default where XGBoost has the loss);
    "upper" is positive everywhere (default elsewhere); "exact" is the second derivative, which may be 0 or negative. Its own models are met
    bit for bit, except where they have exponentials, which XGBoost rounds less well: then leaves differ in the seventh digit, and now and
    then a tie between two splits falls the other way.

    Losses of rows (cross_entropy, ...) need ``num_class``; others take labels (n, outputs), or classes 0, 1, ... as one against all others.
    ``class_weight``: a factor per class, for the losses that take one (XGBoost's own do not, so that "builtin" is none of theirs).

    Start values are yours to give, ``base_score`` below: without, all margins start at 0.5. ``scale_pos_weight`` is ignored beside ``obj``:
    ``pos_weight`` of the loss does that. Beside ``params["objective"]`` (which then decides link, saved name and ``max_delta_step``) the
    gradient is still the loss's; reg:quantileerror and reg:absoluteerror set the leaves anew after each tree.

    Raises ArgumentError for losses of probabilities, of batches and of rankings, DomainError by position for labels that the loss does not
    take. Warns of losses without curvature if none was named.
    """
    return Objective(_chosen(loss, parameters), curvature, class_weight)


def metric(loss: str | Loss | Objective, /, *, output_margin: bool = True, class_weight: Any = None, **parameters: Any) -> Metric:
    """A loss as ``custom_metric=`` of ``xgboost.train`` and as ``eval_metric=`` of the estimators: its mean, by weight where there are weights.

    XGBoost hands margins to metrics as soon as ``obj`` is given. Without ``obj``, beside a built-in objective, it hands over what
    ``predict`` gives, and ``output_margin=False`` takes the loss's link back first.
    """
    return Metric(_chosen(loss, parameters), getattr(loss, "class_weight", class_weight), output_margin)


def base_score(loss: str | Loss | Objective, target: Any, /, *, weight: Any = None, classes: int | None = None, objective: str | None = None,
               **parameters: Any) -> float | list[float]:
    """The best constant start as ``params["base_score"]``: a float, or for losses of rows a list of one per class.

    ``target``: labels (n,), or a DMatrix, whose weights then count. ``objective`` is the built-in one that stays in ``params``, if any:
    binary:logistic (which XGBClassifier keeps) wants the start as a probability, count:poisson, reg:gamma and reg:tweedie as a mean.
    """
    labels, weight = _target(target, weight)
    found = best_constant(_chosen(loss, parameters), labels, weight, classes, getattr(loss, "class_weight", None))
    if isinstance(found, np.ndarray):
        return [float(v) for v in found]
    if objective in PROBABILITY:
        return float(Loss("binary_cross_entropy_with_logits").inverse_link(found))
    return float(np.exp(found)) if objective in MEAN else found


def base_margin(loss: str | Loss | Objective, target: Any, /, *, weight: Any = None, classes: int | None = None, **parameters: Any) -> Array:
    """The same start for ``DMatrix.set_base_margin``: float32, (n,) or (n, classes). Every DMatrix that is predicted needs it too, which
    ``base_score`` spares you."""
    found = base_score(loss, target, weight=weight, classes=classes, **parameters)
    labels = _target(target, None)[0]
    return np.broadcast_to(np.asarray(found, np.float32), (len(labels), *np.shape(found))).copy()


def _chosen(loss: str | Loss | Boosted, parameters: dict[str, Any]) -> Loss:
    return boostable(loss.loss if isinstance(loss, Boosted) else loss, parameters, "XGBoost", ranking="its own are rank:ndcg, rank:map, rank:pairwise")


def _target(target: Any, weight: Any) -> tuple[Array, Any]:
    if not isinstance(target, xgboost.DMatrix):
        return np.asarray(target), weight
    if weight is not None:
        raise ArgumentError("weight is given twice: the DMatrix has its own")
    return _of_matrix(target)


__all__ = ["Metric", "Objective", "base_margin", "base_score", "metric", "objective"]
