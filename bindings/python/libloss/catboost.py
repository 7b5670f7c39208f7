"""Every loss as an objective of CatBoost.

    obj = libloss.catboost.objective("pseudo_huber")
    start = libloss.catboost.baseline("pseudo_huber", y)
    model = catboost.CatBoostRegressor(loss_function=obj, eval_metric=libloss.catboost.metric("pseudo_huber"))
    model.fit(catboost.Pool(X, y, weight=w, baseline=start))
    libloss.catboost.bake_start(model, start)        # predict() knows nothing of a baseline otherwise

CatBoost climbs: it wants the derivatives of minus the loss. It calls for blocks of rows from several threads at once (of losses of rows for
every row on its own, which is slow), and leaves the weights to the objective.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from . import Loss
from ._boosting import Array, Boosted, Derivatives, Value, best_constant, boostable, has_classes, same_for_all, targets
from ._errors import Error
from ._extras import tool
from ._habits import CATBOOST
from ._types import BoosterCurvature

catboost = tool("catboost")


class Objective(Derivatives):
    """What ``objective`` makes of losses with one prediction per row."""

    library, table, threads = "CatBoost", CATBOOST, 1

    def calc_ders_range(self, approxes: Any, targets: Any, weights: Any) -> Array:
        """First and second derivatives of minus the loss, (n, 2)."""
        prediction = np.asarray(approxes)
        both = np.empty((len(prediction), 2))
        self.derivatives(prediction, np.asarray(targets), None if weights is None else np.asarray(weights), out=(both[:, 0], both[:, 1]))
        return np.negative(both, out=both)


class RowObjective(Derivatives):
    """What ``objective`` makes of losses with a prediction per class: a Hessian per row, as CatBoost's MultiClass has it."""

    library, table, threads = "CatBoost", CATBOOST, 1

    @cached_property
    def matrices(self) -> bool:
        """Whether the loss has a Hessian per row; otherwise its diagonal stands for it."""
        if not self.loss.info.per_row:
            return False
        try:
            self.loss.full_hess(np.zeros((1, 2)), np.array([0]) if has_classes(self.loss) else np.ones((1, 2)))
        except Error:
            return False
        return True

    def calc_ders_multi(self, approxes: Any, target: Any, weight: float) -> tuple[Array, Array]:
        """Gradient, (outputs,), and Hessian, (outputs, outputs), of minus the loss of one row."""
        prediction, labels, weights = np.asarray(approxes)[None], np.atleast_1d(target)[None], np.array([weight])
        if self.matrices:
            evaluate: Any = self.loss._evaluate  # type: ignore[attr-defined]  # both in one call, which is what a row costs
            both = evaluate((prediction, targets(self.loss, labels, prediction)), self.named(None), ("grad", "hess"), matrices=True,
                            curvature=self.habit.curvature, weight=weights, reduction="sum", threads=self.threads)
            return np.negative(both["grad"][0]), np.negative(both["hess"][0])
        grad, diagonal = self.derivatives(prediction, labels, weights, out=(np.empty_like(prediction), np.empty_like(prediction)))
        return np.negative(grad[0]), np.diag(np.negative(diagonal[0]))


class MultiTargetObjective(RowObjective, catboost.MultiTargetCustomObjective):  # type: ignore[misc, name-defined]
    """The same where a target is a row of numbers, which CatBoost tells by the class."""


class Metric(Value):
    """What ``metric`` makes: a sum and a divisor, which CatBoost adds up over blocks."""

    library = "CatBoost"

    def evaluate(self, approxes: Any, target: Any, weight: Any) -> tuple[float, float]:
        """The weighted sum of the loss, and of the weights."""
        prediction = np.asarray(approxes[0]) if len(approxes) == 1 else np.stack(approxes, 1)
        labels = np.stack(target, 1) if isinstance(target, tuple) else np.asarray(target)
        weights = float(len(prediction)) if weight is None else float(np.sum(weight))
        return weights * self.value(prediction, labels, None if weight is None else np.asarray(weight)), weights

    def get_final_error(self, error: float, weight: float) -> float:
        return error / weight if weight else float("nan")

    def is_max_optimal(self) -> bool:
        return False


class MultiTargetMetric(Metric, catboost.MultiTargetCustomMetric):  # type: ignore[misc, name-defined]
    """The same where a target is a row of numbers."""


def _chosen(loss: str | Loss | Boosted, parameters: dict[str, Any]) -> Loss:
    return boostable(loss.loss if isinstance(loss, Boosted) else loss, parameters, "CatBoost", ranking="libloss.lightgbm trains it")


def _many(loss: Loss, multi_target: bool) -> bool:
    return multi_target or (loss.info.per_row and not has_classes(loss))


def objective(loss: str | Loss, /, *, curvature: BoosterCurvature | None = None, class_weight: Any = None, multi_target: bool = False,
              **parameters: Any) -> Objective | RowObjective:
    """A loss as ``loss_function=`` of CatBoost and its estimators, which need an ``eval_metric`` beside it: ``metric`` of the same loss.

    ``curvature``: "builtin" trains as CatBoost's own objective does (default where it has the loss); "upper" is positive everywhere
    (default elsewhere); "exact" is the second derivative, which may be 0 or negative. Losses of classes need ``class_names``
    (without which CatBoostClassifier can't say labels), or ``classes_count``. ``multi_target``: targets are rows of numbers, each with a
    prediction of its own; losses of target rows know it themselves.

    ``class_weight``: a factor per class, for the losses that take one (CatBoost's own do not, so that "builtin" is none of theirs).

    Start values are yours to give: ``baseline``. CatBoost's ``boost_from_average`` works for its own objectives only.

    Raises ArgumentError for losses of probabilities, of batches and of rankings. Labels that the loss does not take are named by position
    in their block of rows, in a CatBoostError. Warns of losses without curvature if none was named.
    """
    chosen = _chosen(loss, parameters)
    kind = MultiTargetObjective if _many(chosen, multi_target) else RowObjective if chosen.info.per_row else Objective
    return kind(chosen, curvature, class_weight)


def metric(loss: str | Loss | Boosted, /, *, class_weight: Any = None, multi_target: bool = False, **parameters: Any) -> Metric:
    """A loss as ``eval_metric=``: its mean, by weight where there are weights, of raw values (CatBoost hands over no others)."""
    chosen = _chosen(loss, parameters)
    kind = MultiTargetMetric if _many(chosen, multi_target or isinstance(loss, MultiTargetObjective)) else Metric
    return kind(chosen, getattr(loss, "class_weight", class_weight), True)


def baseline(loss: str | Loss | Boosted, target: Any, /, *, weight: Any = None, classes: int | None = None, **parameters: Any) -> Array:
    """The best constant start for each row, as ``baseline=`` of a Pool or of ``fit``: float64, (n,) or (n, classes)."""
    labels = np.asarray(target)
    found = best_constant(_chosen(loss, parameters), labels, weight, classes, getattr(loss, "class_weight", None))
    return np.broadcast_to(found, (len(labels), *np.shape(found))).copy()


def bake_start(model: Any, start: Any, /) -> Any:
    """Adds a start to the model's bias, so that ``predict`` and a saved model know it. Once per model, which is returned.

    ``start``: a number, one per class, or the ``baseline`` the model was trained with, of which all rows must be the same.
    """
    scale, bias = model.get_scale_and_bias()
    added = bias + same_for_all(start, np.size(bias))
    model.set_scale_and_bias(scale, added.tolist() if np.ndim(bias) else float(added[0]))
    return model


__all__ = ["Metric", "MultiTargetMetric", "MultiTargetObjective", "Objective", "RowObjective", "bake_start", "baseline", "metric", "objective"]
