"""What the adapters of the boosting libraries share: which losses can be boosted, labels as targets, derivatives, values, start values."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from ._errors import ArgumentError, DomainError, ShapeError
from ._habits import Habit, habit
from ._loss import Loss

Array = np.ndarray[Any, Any]
BoosterCurvature = Literal["builtin", "upper", "exact"]

# Scores of boosters are any real numbers: losses of probabilities, and what takes scores in their place.
OF_SCORES = {
    "binary_cross_entropy": "binary_cross_entropy_with_logits", "brier": "binary_cross_entropy_with_logits", "binary_focal": "binary_focal_with_logits",
    "nll": "cross_entropy", "categorical_cross_entropy": "cross_entropy", "kl_divergence": "cross_entropy", "kl_pointwise": "binary_cross_entropy_with_logits",
    "multiclass_brier": "generalized_cross_entropy", "js_divergence": "generalized_cross_entropy", "poisson_nll": "poisson_nll(log_input=true)",
    "dice": "binary_focal_with_logits", "jaccard": "binary_focal_with_logits", "tversky": "binary_focal_with_logits",
}  # fmt: skip

# Losses of straight lines, and what bends in their place.
SMOOTH = {
    "absolute_error": "log_cosh or pseudo_huber", "quantile": "expectile", "epsilon_insensitive": "squared_epsilon_insensitive",
    "smooth_l1": "smooth_l1 with beta above 0", "absolute_percentage_error": "squared_log_error", "hinge": "squared_hinge or smooth_hinge",
    "perceptron": "logistic", "hinge_embedding": "squared_hinge", "multiclass_hinge": "cross_entropy", "multi_margin": "multi_margin(power=2)",
    "multilabel_margin": "multilabel_soft_margin",
}  # fmt: skip
BENT_IF = {"smooth_l1": lambda p: p["beta"] > 0, "multi_margin": lambda p: p["power"] > 1}


def smooth_relative(loss: Loss) -> str | None:
    """What to take in place of a loss whose second derivative is 0 wherever it has one; None of all others."""
    for _, term in loss.terms:
        if term.name not in SMOOTH or BENT_IF.get(term.name, lambda p: False)(term.parameters):
            return None
    return SMOOTH[loss.terms[0][1].name]


def boostable(spec: str | Loss, parameters: Mapping[str, Any], library: str, *, ranking: bool = False) -> Loss:
    """The loss, or why it can't be trained by boosting."""
    loss = Loss(spec, **parameters)
    for _, term in loss.terms:
        info = term.info
        required = [i for i in info.inputs if not i.optional]
        if term.name in OF_SCORES and not (term.name == "poisson_nll" and term.parameters["log_input"]):
            raise ArgumentError(f"loss = {term.name!r}: its prediction is no score, which is any real number; {OF_SCORES[term.name]} takes the scores of {library}")
        if any(i.name == "groups" for i in info.inputs):
            if not ranking:
                raise ArgumentError(f"loss = {term.name!r}: {library} takes no ranking loss from outside; its own are rank:ndcg, rank:map and rank:pairwise"
                                    if library == "XGBoost" else f"loss = {term.name!r}: {library} tells an objective nothing of the groups; libloss.lightgbm does")
            if len(loss.terms) > 1:
                raise ArgumentError(f"loss = {loss.spec!r}: a ranking loss is trained alone, not in a sum")
        elif info.per_unit or len(required) != 2 or required[0].name != "prediction" or required[1].name != "target":
            unit = "a value of the whole batch" if info.per_unit else f"a loss of {', '.join(i.name for i in required)}"
            raise ArgumentError(f"loss = {term.name!r} is {unit}; {library} trains losses of one prediction and one target per row")
    return loss


def has_classes(loss: Loss) -> bool:
    """Whether a target is the index of a class."""
    return loss.terms[0][1].info.inputs[1].kind == "class"


def indices(labels: Array) -> Array:
    """Labels, which the libraries keep as floating-point numbers, as the integers they were."""
    if labels.dtype.kind != "f":
        return labels
    whole = np.trunc(labels)
    wrong = np.flatnonzero(~(whole == labels))
    if wrong.size:
        raise DomainError(f"target[{wrong[0]}] = {labels[wrong[0]]:g} is no class: 0, 1, 2, ... are")
    return whole.astype(np.int64)


def targets(loss: Loss, labels: Array, prediction: Array) -> Array:
    """Labels in the form the loss takes them in for these predictions, (n,) or (n, outputs)."""
    if has_classes(loss) and labels.size != prediction.size:
        if prediction.ndim < 2:
            raise ShapeError(f"prediction has shape {prediction.shape}; {loss.name} needs a score per class: set num_class")
        return indices(labels.reshape(len(prediction)))
    if labels.size == prediction.size:
        return labels.reshape(prediction.shape)
    if not loss.info.per_row and labels.size == len(prediction) and loss.terms[0][1].info.inputs[1].kind in ("probability", "sign"):  # one against all others
        classes = indices(labels.reshape(-1))
        wrong = np.flatnonzero((classes < 0) | (classes >= prediction.shape[1]))
        if wrong.size:
            raise DomainError(f"target[{wrong[0]}] = {classes[wrong[0]]} is not in [0, {prediction.shape[1]})")
        return np.asarray(classes[:, None] == np.arange(prediction.shape[1]), dtype=prediction.dtype)
    raise ShapeError(f"target has shape {labels.shape} and prediction {prediction.shape}: {loss.name} needs a target for each prediction")


class Boosted:
    """A loss as a library of boosting sees it: labels in floating point, weights or none, groups or none."""

    library: str
    table: Mapping[str, Habit]

    def __init__(self, loss: Loss, class_weight: Any = None) -> None:
        self.loss = loss
        self.class_weight = None if class_weight is None else np.asarray(class_weight, dtype=np.float64)
        if class_weight is not None and not any(i.name == "class_weight" for _, term in loss.terms for i in term.info.inputs):
            raise ArgumentError(f"class_weight: {loss.name} has no classes to weigh")

    def __repr__(self) -> str:
        return f"libloss.{self.library.lower()}.{type(self).__name__.lower()}({self.loss.spec!r})"

    def inputs(self, prediction: Array, labels: Array, groups: Any = None) -> tuple[tuple[Array, Array], dict[str, Any]]:
        named = {name: given for name, given in (("class_weight", self.class_weight), ("groups", groups)) if given is not None}
        return (prediction, targets(self.loss, labels, prediction)), named


class Derivatives(Boosted):
    """Gradient and curvature, each value's own, weighed once."""

    def __init__(self, loss: Loss, curvature: str | None, class_weight: Any = None) -> None:
        super().__init__(loss, class_weight)
        own = habit(self.table, loss) if class_weight is None else None
        if curvature == "builtin" and own is None:
            raise ArgumentError(f"curvature = 'builtin': {self.library} has no {loss.spec} of its own; 'upper' is always positive, 'exact' the second derivative")
        if curvature not in (None, "builtin", "upper", "exact"):
            raise ArgumentError(f"curvature = {curvature!r} is none of builtin, upper, exact")
        if curvature is None and (smooth := smooth_relative(loss)):
            warnings.warn(f"{loss.spec} has no curvature: boosting moves its predictions by about the learning rate per round. {smooth} has one; "
                          "curvature='upper' says that this is meant", stacklevel=3)
        self.curvature = curvature or ("builtin" if own else "upper")
        self.habit = own if self.curvature == "builtin" else Habit("", curvature="exact" if curvature == "exact" else "upper")

    def derivatives(self, prediction: Array, labels: Array, weight: Array | None, *, groups: Any = None, out: tuple[Array, Array]) -> tuple[Array, Array]:
        """Into ``out``, of any floating dtype and strides."""
        own, (grad, hess) = self.habit, out
        assert own is not None
        if own.lowest > -np.inf:
            prediction = np.maximum(prediction, prediction.dtype.type(own.lowest))
        inputs, named = self.inputs(prediction, labels, groups)
        late = weight if own.rounds_before_weighing else None
        options: dict[str, Any] = {**named, "reduction": "sum", "threads": self.threads} if self.threads else {**named, "reduction": "sum"}
        if weight is not None and late is None:
            options["weight"] = weight
        loss = self.loss.replace(tau=float(np.float32(self.loss.parameters["tau"]))) if own.float32_tau else self.loss
        per_value = 1.0 if weight is None else weight.reshape(-1, *[1] * (prediction.ndim - 1))
        if own.curvature == "one":
            loss.grad(*inputs, out=grad, **options)
            hess[...] = 1.0 if late is not None else per_value
        else:
            stretch = prediction.shape[-1] / (prediction.shape[-1] - 1) if own.stretch == "C/(C-1)" else own.stretch
            # Where it is stretched it must not have been rounded to less than it was computed in.
            first = hess if stretch == 1 else np.empty_like(prediction)
            loss.grad_and_hess(*inputs, out=(grad, first), curvature=own.curvature, **options)
            if stretch * own.factor != 1:
                np.multiply(first, first.dtype.type(stretch * own.factor), out=hess, casting="same_kind")
            if own.floor:
                np.maximum(hess, (own.floor * np.asarray(per_value)).astype(hess.dtype), out=hess)  # the floor is one of rows of weight 1
        if own.factor != 1:
            grad *= grad.dtype.type(own.factor)
        if own.float32_tau:
            above = (np.float32(1) - np.float32(self.loss.parameters["tau"])) * np.asarray(1.0 if late is not None else per_value, grad.dtype)
            np.copyto(grad, above, where=inputs[0] == inputs[1])
        if late is not None:
            for each in (grad, hess):
                each *= np.asarray(per_value, dtype=each.dtype)
                each[late == 0] = 0
        return out

    threads: int | None = None


class Value(Boosted):
    """The loss as a metric: the mean, by weight where there are weights, of raw scores."""

    def __init__(self, loss: Loss, class_weight: Any, raw: bool) -> None:
        super().__init__(loss, class_weight)
        self.raw = raw
        self.__name__ = loss.spec  # what the libraries call a metric in their logs

    def value(self, prediction: Array, labels: Array, weight: Array | None, groups: Any = None) -> float:
        if not self.raw:
            prediction = self.loss.link(prediction)
        inputs, named = self.inputs(prediction, labels, groups)
        return float(self.loss(*inputs, **named, weight=weight, reduction="weighted_mean"))


def start(loss: Loss, labels: Array, weight: Array | None, classes: int | None, class_weight: Any = None) -> Any:
    """The constant score that costs least: a float, or an array of one per class."""
    named = {} if class_weight is None else {"class_weight": class_weight}
    if has_classes(loss):
        return loss.fit_constant(indices(labels), weight=weight, classes=classes, **named)
    return loss.fit_constant(labels, weight=weight, **named)


def constant(start: Any, outputs: int) -> Array:
    """A start, one number or one per output, out of what ``start`` gave or of its copies for all rows: (outputs,)."""
    starts = np.asarray(start, dtype=np.float64)
    if starts.ndim and starts.shape != (outputs,):
        rows = starts.reshape(len(starts), -1)
        if (uneven := np.flatnonzero((rows != rows[:1]).any(1))).size:
            raise ArgumentError(f"start[{uneven[0]}] = {starts[uneven[0]]} is not start[0] = {starts[0]}: a model can only hold what is the same for all rows")
        starts = rows[0]
        if starts.shape not in ((outputs,), (1,)):
            raise ShapeError(f"start has {starts.size} numbers; the model has {outputs} outputs")
    return np.broadcast_to(starts, outputs)


def loss_of(loss: str | Loss | Boosted, parameters: Mapping[str, Any], library: str, *, ranking: bool = False) -> Loss:
    """Of an objective, a loss or a spec."""
    return loss.loss if isinstance(loss, Boosted) else boostable(loss, parameters, library, ranking=ranking)


__all__ = ["Array", "BoosterCurvature", "Boosted", "Derivatives", "Value", "boostable", "constant", "has_classes", "loss_of", "start"]
