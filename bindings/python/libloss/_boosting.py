"""What the adapters of the boosting libraries share: which losses can be boosted, labels as targets, derivatives, values, start values."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from . import Loss
from ._errors import ArgumentError, DomainError, ShapeError
from ._habits import Habit, habit

Array = np.ndarray[Any, Any]

# A booster's score is any real number. These losses take something else, and what takes scores in their place.
OF_SCORES = {
    "binary_cross_entropy": "binary_cross_entropy_with_logits", "brier": "binary_cross_entropy_with_logits", "binary_focal": "binary_focal_with_logits",
    "kl_pointwise": "binary_cross_entropy_with_logits", "nll": "cross_entropy", "categorical_cross_entropy": "cross_entropy",
    "kl_divergence": "cross_entropy", "multiclass_brier": "generalized_cross_entropy", "js_divergence": "generalized_cross_entropy",
    "poisson_nll": "poisson_nll(log_input=true)", "dice": "binary_focal_with_logits", "jaccard": "binary_focal_with_logits",
    "tversky": "binary_focal_with_logits",
}  # fmt: skip

# Losses of straight lines, and what bends in their place.
SMOOTH = {
    "absolute_error": "log_cosh or pseudo_huber", "quantile": "expectile", "epsilon_insensitive": "squared_epsilon_insensitive",
    "smooth_l1": "smooth_l1 with beta above 0", "absolute_percentage_error": "squared_log_error", "hinge": "squared_hinge or smooth_hinge",
    "perceptron": "logistic", "hinge_embedding": "squared_hinge", "multiclass_hinge": "cross_entropy", "multi_margin": "multi_margin(power=2)",
    "multilabel_margin": "multilabel_soft_margin",
}  # fmt: skip


def _takes_scores(loss: Loss) -> bool:
    return loss.name not in OF_SCORES or bool(loss.parameters.get("log_input"))


def _is_straight(loss: Loss) -> bool:
    return loss.name in SMOOTH and not loss.parameters.get("beta") and loss.parameters.get("power", 1) == 1


def takes_groups(loss: Loss) -> bool:
    """Whether it is a loss of rankings."""
    return any(i.name == "groups" for i in loss.info.inputs)


def has_classes(loss: Loss) -> bool:
    """Whether a target is the index of a class."""
    return loss.terms[0][1].info.inputs[1].kind == "class"


def boostable(spec: str | Loss, parameters: Mapping[str, Any], library: str, *, ranking: str | None) -> Loss:
    """The loss, or why it can't be trained by boosting. ``ranking`` says where else a loss of rankings is trained; None: here."""
    loss = Loss(spec, **parameters)
    for _, term in loss.terms:
        info, required = term.info, [i for i in term.info.inputs if not i.optional]
        if not _takes_scores(term):
            raise ArgumentError(f"loss = {term.name!r} takes no scores, which are any real numbers and what {library} trains; {OF_SCORES[term.name]} does")
        if takes_groups(term):
            if ranking:
                raise ArgumentError(f"loss = {term.name!r}: {library} gives objectives from outside no groups; {ranking}")
            if len(loss.terms) > 1:
                raise ArgumentError(f"loss = {loss.spec!r}: a loss of rankings is trained alone, not in a sum")
        elif info.per_unit or required[-1].kind == "label" or len(required) != 2 or required[1].role == "prediction":
            unit = f"a loss of {', '.join(i.name for i in required)}" if len(required) != 2 else "one of the whole batch"
            raise ArgumentError(f"loss = {term.name!r} is {unit}; {library} trains losses of one prediction and one target per row")
    return loss


def indices(labels: Array) -> Array:
    """Labels, which the libraries keep as floating-point numbers, as the integers they were."""
    if labels.dtype.kind != "f":
        return labels
    wrong = np.flatnonzero(~(np.isfinite(labels) & (labels == np.trunc(labels))))
    if wrong.size:
        raise DomainError(f"target[{wrong[0]}] = {labels[wrong[0]]:g} is no class: 0, 1, 2, ... are")
    return labels.astype(np.int64)


def targets(loss: Loss, labels: Array, prediction: Array) -> Array:
    """Labels as the loss takes them for predictions (n,) or (n, outputs)."""
    rows, outputs = len(prediction), prediction.shape[1:]
    if has_classes(loss):
        if not outputs:
            raise ShapeError(f"prediction has shape {prediction.shape}; {loss.name} needs a score per class: set their number")
        if labels.size == rows:
            return indices(labels.reshape(rows))
    if labels.size == prediction.size:
        return labels.reshape(prediction.shape)
    if not loss.info.per_row and labels.size == rows and loss.terms[0][1].info.inputs[1].kind in ("probability", "sign"):
        classes = indices(labels.reshape(rows))
        wrong = np.flatnonzero((classes < 0) | (classes >= outputs[0]))
        if wrong.size:
            raise DomainError(f"target[{wrong[0]}] = {classes[wrong[0]]} is not in [0, {outputs[0]})")
        return np.asarray(classes[:, None] == np.arange(outputs[0]), dtype=prediction.dtype)  # one class against all others
    raise ShapeError(f"target has shape {labels.shape} and prediction {prediction.shape}: {loss.name} needs a target for each prediction")


class Boosted:
    """A loss as a library of boosting sees it: labels are floating-point numbers, weights and groups are there or not."""

    library: str

    def __init__(self, loss: Loss, class_weight: Any = None) -> None:
        self.loss = loss
        self.class_weight = None if class_weight is None else np.asarray(class_weight, dtype=np.float64)
        if class_weight is not None and not all(any(i.name == "class_weight" for i in term.info.inputs) for _, term in loss.terms):
            raise ArgumentError(f"class_weight: {loss.spec} takes none")

    def __repr__(self) -> str:
        return f"libloss.{self.library.lower()}.{type(self).__name__}({self.loss.spec!r})"

    def named(self, groups: Array | None) -> dict[str, Any]:
        """Inputs beside prediction and target, as far as they are there."""
        return {name: given for name, given in (("class_weight", self.class_weight), ("groups", groups)) if given is not None}


class Derivatives(Boosted):
    """Gradient and curvature, each value's own, weighed once."""

    table: Mapping[str, Habit]
    threads: int | None = None

    def __init__(self, loss: Loss, curvature: str | None, class_weight: Any = None) -> None:
        super().__init__(loss, class_weight)
        own = habit(self.table, loss) if class_weight is None else None
        if curvature not in (None, "builtin", "upper", "exact"):
            raise ArgumentError(f"curvature = {curvature!r} is none of builtin, upper, exact")
        if curvature == "builtin" and own is None:
            raise ArgumentError(f"curvature = 'builtin': {self.library} has no {loss.spec} of its own; 'upper' is a positive one, 'exact' the true one")
        if curvature is None and all(_is_straight(term) for _, term in loss.terms):
            warnings.warn(f"{loss.spec} has no curvature: a round moves predictions by about the learning rate. {SMOOTH[loss.terms[0][1].name]} has one; "
                          "curvature='upper' says it is meant", stacklevel=3)
        self.curvature = curvature or ("builtin" if own else "upper")
        self.habit = own if own and self.curvature == "builtin" else Habit("", curvature="exact" if curvature == "exact" else "upper")
        tau = float(np.float32(loss.parameters["tau"])) if self.habit.float32_tau else None
        self.trained = loss if tau is None else loss.replace(tau=tau)

    def derivatives(self, prediction: Array, labels: Array, weight: Array | None, out: tuple[Array, Array],
                    groups: Array | None = None) -> tuple[Array, Array]:
        """Into ``out``, of any floating dtype and strides."""
        own, (grad, hess), target = self.habit, out, targets(self.loss, labels, prediction)
        if own.lowest > -np.inf:
            prediction = np.maximum(prediction, prediction.dtype.type(own.lowest))
        weight = None if weight is None else np.asarray(weight)
        per_value = np.ones((), hess.dtype) if weight is None else weight.astype(hess.dtype).reshape(-1, *[1] * (prediction.ndim - 1))
        late = own.rounds_before_weighing or own.arithmetic is not None or takes_groups(self.loss)  # a query has no weight, its rows have
        options = {**self.named(groups), "reduction": "sum", "weight": None if late else weight, "threads": self.threads}
        if own.arithmetic is not None:
            grad[...], hess[...] = own.arithmetic(prediction - target, **self.loss.parameters)
        elif own.curvature == "one":
            self.trained.grad(prediction, target, out=grad, **options)
            hess[...] = 1 if late else per_value
        else:
            stretch = own.factor * (prediction.shape[-1] / (prediction.shape[-1] - 1) if own.stretch == "C/(C-1)" else own.stretch)
            computed = hess if stretch == 1 else np.empty_like(prediction)  # not rounded to less before it is stretched
            self.trained.grad_and_hess(prediction, target, out=(grad, computed), curvature=own.curvature, **options)
            if computed is not hess:
                np.multiply(computed, computed.dtype.type(stretch), out=hess, casting="same_kind")
        if own.factor != 1:
            grad *= grad.dtype.type(own.factor)
        if own.floor:
            np.maximum(hess, hess.dtype.type(own.floor) * per_value, out=hess)
        if own.slope_at_kink:
            above = (np.float32(1) - np.float32(self.trained.parameters["tau"])) * (1 if late else per_value)
            np.copyto(grad, above, where=prediction == target, casting="same_kind")
        if late and weight is not None:
            for each in out:
                np.multiply(each, per_value, out=each)
                each[weight == 0] = 0
        return out


class Value(Boosted):
    """The loss as a metric: its mean, by weight where there are weights."""

    def __init__(self, loss: Loss, class_weight: Any, raw: bool) -> None:
        super().__init__(loss, class_weight)
        self.raw = raw
        self.__name__ = loss.spec.replace(" ", "")  # what the libraries call a metric in their logs, which XGBoost splits at spaces

    def value(self, prediction: Array, labels: Array, weight: Array | None, groups: Array | None = None) -> float:
        if not self.raw:
            prediction = self.loss.link(prediction)
        target = targets(self.loss, labels, prediction)
        return float(self.loss(prediction, target, **self.named(groups), weight=weight, reduction="weighted_mean"))


def best_constant(loss: Loss, labels: Array, weight: Any, classes: int | None, class_weight: Any) -> Any:
    """The constant score that costs least: a float, or an array of one per class."""
    named = {} if class_weight is None else {"class_weight": class_weight}
    return loss.fit_constant(indices(labels) if has_classes(loss) else labels, weight=weight, classes=classes, **named)


def same_for_all(start: Any, outputs: int) -> Array:
    """A start as a model can hold it, (outputs,): out of a number, one per output, or what is the same in all rows."""
    starts = np.asarray(start, dtype=np.float64)
    if starts.ndim and starts.shape != (outputs,):
        rows = starts.reshape(len(starts), -1)
        if (uneven := np.flatnonzero((rows != rows[:1]).any(1))).size:
            raise ArgumentError(f"start[{uneven[0]}] = {starts[uneven[0]]} is not start[0] = {starts[0]}: a model can only hold what is the same for all rows")
        starts = rows[0]
        if starts.size not in (outputs, 1):
            raise ShapeError(f"start has {starts.size} numbers; the model has {outputs} outputs")
    return np.broadcast_to(starts, outputs)
