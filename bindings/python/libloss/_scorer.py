"""Losses and metrics as scikit-learn's scorers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._core import create, describe
from ._errors import ArgumentError
from ._extras import tool
from ._linear import labels
from ._loss import Loss
from ._metrics import Metric
from ._types import Measured

MetadataRequest = tool("sklearn.utils.metadata_routing", "sklearn").MetadataRequest

Array = np.ndarray[Any, Any]
ERRORS = frozenset((
    "false_positive_rate", "false_negative_rate", "smape", "wape", "brier_score", "log_loss", "calibration_error", "adaptive_calibration_error",
    "mase", "rmsse", "tweedie_deviance", "median_absolute_error",
))
"""The metrics that are better when lower."""


class Scorer:
    """A loss or a metric as ``scorer(estimator, X, y)``; ``libloss.sklearn.scorer`` makes it."""

    def __init__(self, what: Loss | Metric, response_method: str | tuple[str, ...], greater_is_better: bool) -> None:
        self.what, self.response_method, self.greater_is_better = what, response_method, greater_is_better
        self._request = MetadataRequest(owner=self)
        self._request.score.add_request(param="sample_weight", alias=None)

    def __call__(self, estimator: Any, X: Any, y: Any, *, sample_weight: Any = None) -> float:
        """The score of an estimator's response to X, higher is better.

        y: (n,) or (n, targets); labels are those of ``estimator.classes_``, but for multilabel metrics, which take 0 and 1 for each.
        sample_weight: (n,), 0 means not there.
        """
        classes = getattr(estimator, "classes_", None)
        methods = (self.response_method,) if isinstance(self.response_method, str) else self.response_method
        if classes is None:  # whose predictions are means, of probabilities too
            methods = (*methods, "predict")
        method = next((m for m in methods if hasattr(estimator, m)), None)
        if method is None:
            raise AttributeError(f"{type(estimator).__name__} has no {' or '.join(methods)}, which {self.what.name} scores")
        response = getattr(estimator, method)(X)
        if self.what.parameters.get("multilabel"):
            if isinstance(response, list):  # of every label the probabilities of its classes, which may be 0 or 1 alone
                response = np.stack([p @ (c == 1) for p, c in zip(response, estimator.classes_, strict=True)], 1)
            classes = None
        response = np.asarray(response)
        if classes is not None:
            y, response = _codes(y, classes, "y"), _codes(response, classes, "predict(X)") if method == "predict" else response
        value = (self._loss if isinstance(self.what, Loss) else self._metric)(response, np.asarray(y), method, sample_weight, classes)
        return value if self.greater_is_better else -value

    def _loss(self, response: Array, y: Array, method: str, weight: Any, classes: Any) -> float:
        loss = self.what
        assert isinstance(loss, Loss)
        prediction, target = loss.info.inputs[0], loss.info.inputs[1]
        if loss.info.per_row and response.ndim == 1:  # of two classes
            response = np.column_stack([1 - response if prediction.kind == "probability" else np.zeros(len(response)), response])
        if classes is not None and not loss.info.per_row:
            if method == "predict_proba" and response.ndim == 2:
                response = response[:, 1:] if response.shape[1] == 2 else response
            if response.ndim == 2:  # a value per class: one against the rest
                y = y[:, None] == np.arange(response.shape[1]) if response.shape[1] > 1 else y[:, None]
            y = np.where(y, labels(loss)[1], labels(loss)[0]) if target.kind in ("sign", "probability") else y.astype(float)
        if prediction.kind != "probability" and method != "decision_function" and loss.info.link not in ("", "identity"):
            response = loss.link(response)  # the estimator gave means or probabilities, the loss takes logarithms or logits
        return float(loss(response, y, weight=weight, reduction="weighted_mean"))

    def _metric(self, response: Array, y: Array, method: str, weight: Any, classes: Any) -> float:
        metric = self.what
        assert isinstance(metric, Metric)
        if classes is not None:
            if method == "predict_proba" and response.shape[1] == 2 and metric.name != "top_k_accuracy":
                response = response[:, 1]
            if "classes" in metric.parameters and metric.parameters["classes"] is None and metric.parameters["threshold"] is None:
                metric = metric.replace(classes=len(classes))
        value = metric(prediction=response, target=y, weight=weight)
        if np.ndim(value):
            raise ArgumentError(f"{metric.spec} gives {np.size(value)} numbers, and a score is one: set average to macro, micro or weighted")
        return float(value)

    def set_score_request(self, *, sample_weight: bool | str | None) -> Scorer:
        """Whether, or under which name, sample weights are routed here where scikit-learn routes metadata. Returns itself."""
        self._request.score.add_request(param="sample_weight", alias=sample_weight)
        return self

    def get_metadata_routing(self) -> Any:
        """What this scorer asks for."""
        return self._request

    def __repr__(self) -> str:
        return f"scorer({self.what!r}, response_method={self.response_method!r}, greater_is_better={self.greater_is_better})"


def _codes(labels: Any, classes: Array, name: str) -> Array:
    """Labels as numbers of their classes."""
    labels = np.asarray(labels)
    codes = np.searchsorted(classes, labels)
    known = classes[np.minimum(codes, len(classes) - 1)] == labels
    if not np.all(known):
        k = int(np.argmin(known))
        label = labels[k : k + 1].tolist()[0]
        raise ArgumentError(f"{name}[{k}] = {label!r} is none of the classes that the estimator was fitted on: {', '.join(map(str, classes))}")
    return np.asarray(codes, np.int64)


def _response(what: Loss | Metric) -> str | tuple[str, ...]:
    """What an estimator has to give: what the prediction is, by the registry."""
    inputs = what.info.inputs
    needed = [i.name for i in inputs if not i.optional]
    if needed != ["prediction", "target"] or what.info.per_unit:
        raise ArgumentError(f"{what.name} scores no estimator: it takes {', '.join(needed)}, and not a target per row")
    prediction, target = inputs[0].kind, inputs[1].kind
    if isinstance(what, Metric):
        if prediction == "probability":
            return "predict_proba"
        if target != "class" or what.parameters.get("threshold", 0) is None:
            return "predict"
        return "predict_proba" if "threshold" in what.parameters or what.name == "top_k_accuracy" else ("decision_function", "predict_proba")
    if target in ("real", "positive", "nonnegative"):
        return "predict"
    if prediction == "probability":
        return "predict_proba"
    return ("decision_function", "predict_proba") if what.info.link else "decision_function"


def scorer(what: Measured, *, response_method: str | tuple[str, ...] | None = None, greater_is_better: bool | None = None,
           **parameters: Any) -> Scorer:
    """A scorer for ``cross_val_score``, ``GridSearchCV(scoring=)`` and the like: higher is better, so that a loss comes with a minus.

    Args:
        what: a loss or a metric: its name or spec, a ``Loss`` or a ``Metric``.
        response_method: "predict", "decision_function", "predict_proba", or several of which the first that the estimator has is taken.
            By default by what the loss takes: means ("predict", through the loss's link where it has one), probabilities
            ("predict_proba"), scores and logits ("decision_function", else the link of "predict_proba").
        greater_is_better: by default False for losses and for the metrics that are errors.
        parameters: of the loss or metric: ``scorer("quantile", tau=0.9)``.

    A loss is averaged by weight. Labels may be of any type; of two classes the second in ``estimator.classes_`` is class 1.

    Raises:
        ArgumentError: for what needs more than a prediction and a target per row; UnknownNameError naming what is near.
    """
    given: Any = what
    is_metric = isinstance(what, Metric) or (isinstance(what, str) and describe(create(what)).is_metric)
    made: Loss | Metric = Metric(given, **parameters) if is_metric else Loss(given, **parameters)
    better = greater_is_better if greater_is_better is not None else isinstance(made, Metric) and made.name not in ERRORS
    return Scorer(made, response_method or _response(made), bool(better))
