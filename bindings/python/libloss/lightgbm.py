"""Every loss as an objective of LightGBM, for its native interface and for that of scikit-learn.

    obj = libloss.lightgbm.objective("log_cosh")
    start = libloss.lightgbm.init_score("log_cosh", y)
    booster = lightgbm.train({"objective": obj}, lightgbm.Dataset(X, y, init_score=start), feval=libloss.lightgbm.metric("log_cosh"))
    libloss.lightgbm.bake_start(booster, start)      # predict() knows nothing of init_score otherwise
    lightgbm.LGBMRegressor(objective=obj).fit(X, y, sample_weight=w)

LightGBM hands over raw scores (float64, classes in Fortran order), wants each row's own gradient and curvature as float32, and leaves the
weights to the objective.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import Loss
from ._boosting import Array, Boosted, Derivatives, Value, best_constant, boostable, same_for_all, takes_groups
from ._errors import ArgumentError
from ._extras import tool
from ._habits import LIGHTGBM
from ._types import BoosterCurvature

lightgbm = tool("lightgbm")


def _offsets(sizes: Any) -> Array | None:
    """Where queries begin, and where the last one ends, out of how many rows each has."""
    return None if sizes is None else np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])


def _arguments(first: Any, second: Any, weight: Any, group: Any) -> tuple[Array, Array, Any, Array | None]:
    """Scores, labels, weights and offsets of queries, from either interface."""
    if isinstance(second, lightgbm.Dataset):
        return first, np.asarray(second.get_label()), second.get_weight(), _offsets(second.get_group())
    return second, np.asarray(first), weight, _offsets(group)


class Objective(Derivatives):
    """What ``objective`` makes: ``obj(scores, dataset)``, or ``obj(labels, scores, weight, group)`` as in scikit-learn's interface."""

    library, table = "LightGBM", LIGHTGBM

    def __call__(self, first: Any, second: Any, weight: Array | None = None, group: Array | None = None) -> tuple[Array, Array]:
        prediction, labels, weight, offsets = _arguments(first, second, weight, group)
        # In the order of the scores: LightGBM reads its classes column by column, and what lies so needs no copy.
        out = np.empty_like(prediction, np.float32), np.empty_like(prediction, np.float32)
        return self.derivatives(prediction, labels, weight, groups=_of_ranking(self.loss, offsets), out=out)


class Metric(Value):
    """What ``metric`` makes: (name, value, False: less is better) of scores and a Dataset, or of labels and scores."""

    library = "LightGBM"

    def __call__(self, first: Any, second: Any, weight: Array | None = None, group: Array | None = None) -> tuple[str, float, bool]:
        prediction, labels, weight, offsets = _arguments(first, second, weight, group)
        groups = _of_ranking(self.loss, offsets)
        if groups is not None and weight is not None:  # a query weighs what its rows weigh on average
            weight = np.add.reduceat(weight, groups[:-1]) / np.diff(groups)
        return self.__name__, self.value(prediction, labels, weight, groups), False


def _of_ranking(loss: Loss, offsets: Array | None) -> Array | None:
    if not takes_groups(loss):
        return None
    if offsets is None:
        raise ArgumentError(f"group = None: {loss.name} needs the sizes of the queries: Dataset(..., group=sizes), or fit(..., group=sizes)")
    return offsets


def _chosen(loss: str | Loss | Boosted, parameters: dict[str, Any]) -> Loss:
    return boostable(loss.loss if isinstance(loss, Boosted) else loss, parameters, "LightGBM", ranking=None)


def objective(loss: str | Loss, /, *, curvature: BoosterCurvature | None = None, class_weight: Any = None, **parameters: Any) -> Objective:
    """A loss as ``params["objective"]`` of ``lightgbm.train`` and as ``objective=`` of LGBMRegressor, LGBMClassifier and LGBMRanker.

    ``curvature``: "builtin" trains as LightGBM's own objective does (default where it has the loss); "upper" is positive everywhere
    (default elsewhere); "exact" is the second derivative, which may be 0 or negative. Losses of rows (cross_entropy, ...) need
    ``num_class``; with it losses of labels or signs train one class against all others. ranknet, lambdarank and list_net take the groups.

    ``class_weight``: a factor per class, for the losses that take one (LightGBM's own do not, so that "builtin" is none of theirs).

    LightGBM's quantile, regression_l1 and mape set their leaves anew after each tree, which it forbids to all objectives from outside.
    LGBMClassifier with such an objective predicts raw scores: ``predict_proba`` below. Start values are yours to give: ``init_score``.

    Raises ArgumentError for losses of probabilities and of batches, DomainError by position for labels that the loss does not take.
    Warns of losses without curvature if none was named.
    """
    return Objective(_chosen(loss, parameters), curvature, class_weight)


def metric(loss: str | Loss | Objective, /, *, raw_score: bool = True, class_weight: Any = None, **parameters: Any) -> Metric:
    """A loss as ``feval=`` of ``lightgbm.train`` and as ``eval_metric=`` of the estimators: its mean, by weight where there are weights.

    LightGBM hands raw scores to metrics beside an objective from outside; beside a built-in one what ``predict`` gives, and
    ``raw_score=False`` takes the loss's link back first.
    """
    return Metric(_chosen(loss, parameters), getattr(loss, "class_weight", class_weight), raw_score)


def init_score(loss: str | Loss | Objective, target: Any, /, *, weight: Any = None, classes: int | None = None, **parameters: Any) -> Array:
    """The best constant start for each row, as ``init_score=`` of a Dataset or of ``fit``: float64, (n,) or (n, classes).

    ``target``: labels (n,), or a Dataset that has been constructed, whose weights then count. ``bake_start`` takes the result.
    """
    if isinstance(target, lightgbm.Dataset):
        if weight is not None:
            raise ArgumentError("weight is given twice: the Dataset has its own")
        target, weight = target.get_label(), target.get_weight()
    labels = np.asarray(target)
    found = best_constant(_chosen(loss, parameters), labels, weight, classes, getattr(loss, "class_weight", None))
    return np.broadcast_to(found, (len(labels), *np.shape(found))).copy(order="F")


def bake_start(model: Any, start: Any, /) -> Any:
    """Adds a start to the leaves of the first tree (of each class), so that ``predict`` and a saved model know it. Once per model.

    ``model``: a Booster or a fitted estimator, which is returned. ``start``: a number, one per class, or the ``init_score`` the model was
    trained with, of which all rows must be the same.
    """
    booster = getattr(model, "booster_", model)
    starts = same_for_all(start, booster.num_model_per_iteration())
    described = booster.dump_model(num_iteration=1, start_iteration=0)
    if described.get("average_output"):
        raise ArgumentError("model is a random forest, whose trees are averaged: a start in the first would be divided by their number")
    if "is_linear=1" in booster.model_to_string(num_iteration=1):
        raise ArgumentError("model has linear trees, whose leaves are no numbers that a start could be added to")
    for tree, own in zip(described["tree_info"], starts, strict=True):
        for leaf in range(tree["num_leaves"]):
            booster.set_leaf_output(tree["tree_index"], leaf, booster.get_leaf_output(tree["tree_index"], leaf) + own)
    return model


def predict_proba(model: Any, X: Any, /, *, loss: str | Loss | Objective | None = None, **options: Any) -> Array:
    """Probabilities, (n, classes), of a model that was trained with an ``objective`` of this module: LightGBM gives raw scores of those.

    ``loss`` is the estimator's own objective if it is not given; a Booster does not know it. ``options`` go to ``predict``. Trained one
    against all others, the classes' probabilities do not add up to 1.
    """
    if loss is None:
        loss = getattr(model, "objective", None)
        if not isinstance(loss, Objective):
            raise ArgumentError("loss = None: the model does not know what it was trained with; loss=... names it")
    chosen = _chosen(loss, {})
    if chosen.info.link not in ("logit", "half_logit", "softmax"):
        raise ArgumentError(f"loss = {chosen.name!r} gives no probabilities; binary_cross_entropy_with_logits and cross_entropy do")
    probability = chosen.inverse_link(model.predict(X, raw_score=True, **options))
    return probability if probability.ndim == 2 else np.stack([1 - probability, probability], 1)


__all__ = ["Metric", "Objective", "bake_start", "init_score", "metric", "objective", "predict_proba"]
