"""Losses for Keras 3 on its JAX and torch backends: ``model.compile(loss=libloss.keras.Loss("huber", delta=2))``.

Here arguments come in Keras's order, (y_true, y_pred). What is masked or weighs 0 is not there: not even a NaN in it shows in a value or a gradient.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from . import _loss
from ._call import choose
from ._core import REDUCTIONS
from ._errors import ArgumentError
from ._extras import tool

keras = tool("keras")
ops = keras.ops
register = keras.saving.register_keras_serializable(package="libloss")

KERAS_NAMES: dict[str | None, str] = {None: "none", "sum_over_batch_size": "size_mean", "mean_with_sample_weight": "weighted_mean"}
EXACT = {"bfloat16": 2**8, "float16": 2**11, "float32": 2**24}  # below it a float tells a whole number from its neighbours
NO_CLASS = -(2**31)  # stands for a label that is no whole number


class Prepared(NamedTuple):
    """A batch as libloss takes it."""

    prediction: Any
    target: Any
    weight: Any  # the mask is in it
    mask: Any
    values: tuple[int, ...] | None  # their shape; None where a value is of many elements
    width: int  # of the last axis, over which a sample's value is the mean; 0: it is one number already


class _Adapter:
    """A loss on the way to the backend: what ``Loss`` and ``Metric`` share."""

    def __init__(self, spec: str | _loss.Loss, parameters: dict[str, Any], axis: int, unit_axes: int) -> None:
        self.base, self.axis, self.unit_axes = _loss.Loss(spec, **parameters), axis, unit_axes
        needed = [i.name for i in self.base.info.inputs if not i.optional]
        if len(needed) != 2 or needed[1] != "target":
            raise ArgumentError(f"{self.base.name} takes {', '.join(needed)}; Keras has a y_pred and a y_true for it")
        if axis != -1 and not self.base.info.per_row:
            raise ArgumentError(f"axis = {axis}: {self.base.name} has no rows")

    def config(self) -> dict[str, Any]:
        """What makes it again."""
        if any(term._origin is not None for _, term in self.base.terms):
            raise ArgumentError(f"{self.base.name} is a loss of one's own: its function can't be written into a file of Keras's")
        return {"spec": self.base.spec, "axis": self.axis, "unit_axes": self.unit_axes}

    def prepare(self, y_true: Any, y_pred: Any, sample_weight: Any, dtype: Any) -> Prepared:
        """A batch in libloss's shapes and dtypes."""
        mask, info = _mask(y_pred), self.base.info
        prediction, target = ops.convert_to_tensor(y_pred, dtype=dtype), ops.convert_to_tensor(y_true)
        rank = len(prediction.shape)
        if self.axis != -1:
            target = ops.moveaxis(target, self.axis, -1) if len(target.shape) == rank else target
            prediction = ops.moveaxis(prediction, self.axis, -1)
        if info.inputs[1].kind in ("class", "label"):
            if len(target.shape) == rank and target.shape[-1] == 1 != prediction.shape[-1]:
                target = ops.squeeze(target, -1)
            if len(target.shape) == rank:
                target = ops.cast(target, dtype)
            else:
                target = _indices(target)
                mask = self._known(target, mask)
        else:
            target = _same_rank(ops.cast(target, dtype), prediction)
        shape = tuple(prediction.shape[:-1] if info.per_row else prediction.shape)
        weight = None if sample_weight is None else _fit(ops.convert_to_tensor(sample_weight, dtype=dtype), shape)
        if mask is not None:
            mask = _fit(ops.convert_to_tensor(mask, dtype="bool"), shape)
            weight = ops.ones_like(mask, dtype=dtype) if weight is None else weight
            most = max(len(mask.shape), len(weight.shape))
            mask, weight = _deeper(mask, most), _deeper(weight, most)
            weight = ops.where(mask, weight, ops.zeros_like(weight))
        of_elements = not info.per_row and not info.per_unit
        return Prepared(prediction, target, weight, mask, None if info.per_unit else shape, shape[-1] if of_elements and rank > 1 else 0)

    def _known(self, target: Any, mask: Any) -> Any:
        """The mask without ignored labels, which Keras takes for masked."""
        ignored = self.base.parameters.get("ignore_index")
        if ignored is None:
            return mask
        known = functools.reduce(ops.logical_and, (ops.not_equal(target, each) for each in np.atleast_1d(ignored).tolist()))
        return known if mask is None else ops.logical_and(known, ops.convert_to_tensor(mask, dtype="bool"))

    def samples(self, batch: Prepared) -> Any:
        """A number per sample."""
        values = self.evaluate(batch, "none")
        return ops.mean(values, axis=-1) if batch.width else values

    def evaluate(self, batch: Prepared, reduction: str) -> Any:
        """The reduced number, or the values, as a tensor of the backend's."""
        options = {"reduction": reduction, "empty": "zero", **({"unit_axes": self.unit_axes} if self.unit_axes else {})}
        return _function_of(self.base, options)(batch.prediction, batch.target, weight=batch.weight)


def _function_of(base: _loss.Loss, options: dict[str, Any]) -> Callable[..., Any]:
    backend = keras.backend.backend()
    if backend == "jax":
        from . import jax

        return jax.loss(base, **options)
    if backend == "torch":
        from . import _keras_torch

        return _keras_torch.loss(base, **options)
    raise ArgumentError(f"libloss.keras knows Keras's jax and torch backends; this one is {backend}: KERAS_BACKEND=jax")


def _mask(x: Any) -> Any:
    """What Keras's layers say of a tensor: True where something is."""
    get = getattr(keras.src.backend, "get_keras_mask", None)
    return get(x) if get is not None else getattr(x, "_keras_mask", None)


def _indices(target: Any) -> Any:
    """Class indices, which Keras may have made floats."""
    dtype = keras.backend.standardize_dtype(target.dtype)
    if not keras.backend.is_float_dtype(dtype):
        return target
    whole = ops.logical_and(ops.equal(target, ops.floor(target)), ops.less(ops.abs(target), EXACT.get(dtype, 2**31)))
    return ops.cast(ops.where(whole, target, float(NO_CLASS)), "int32")


def _same_rank(target: Any, prediction: Any) -> Any:
    """(n,) and (n, 1) are taken for the same, as everywhere in Keras."""
    if len(target.shape) + 1 == len(prediction.shape) and prediction.shape[-1] == 1:
        return ops.expand_dims(target, -1)
    if len(target.shape) == len(prediction.shape) + 1 and target.shape[-1] == 1:
        return ops.squeeze(target, -1)
    return target


def _fit(weight: Any, values: tuple[Any, ...]) -> Any:
    """Without the last axes of length 1 that the values do not have there."""
    while len(weight.shape) and weight.shape[-1] == 1 and (len(weight.shape) > len(values) or values[len(weight.shape) - 1] != 1):
        weight = ops.squeeze(weight, -1)
    return weight


def _deeper(x: Any, rank: int) -> Any:
    """With further axes of length 1 behind."""
    return ops.reshape(x, (*x.shape, *(1,) * (rank - len(x.shape))))


@register
class Loss(keras.losses.Loss):  # type: ignore[misc, name-defined]
    """A loss of libloss as a ``keras.losses.Loss``.

    Args:
        spec: as in ``libloss.Loss``, with its ``parameters``.
        reduction: Keras's name or libloss's: "sum_over_batch_size" (libloss's size_mean), "mean_with_sample_weight" (weighted_mean), "sum", None
            or "none", and "mean" (over what is present: unlike Keras's it does not count what weighs 0), "size_mean", "weighted_mean", "batch_mean".
        axis: where the classes are, of losses of rows.
        unit_axes: how many last axes make one value together, of losses of a batch.
        dtype: of the computation; None: ``keras.config.floatx()``.

    As with Keras's losses, a loss of elements averages over the last axis before "sum" and "none", and a mask makes the batch smaller for
    "sum_over_batch_size". A mean of nothing is 0. Labels may be (n,) or (n, 1), integers or floats; -2147483648 in a message stands for a float
    label that is no whole number, or so large that it may have been rounded.

    Raises:
        ArgumentError, ShapeError, DTypeError: as libloss does. Labels, weights, targets out of range: DomainError with torch; with JAX, whose
        compiled programs raise nothing else, jax.errors.JaxRuntimeError in libloss's words.
    """

    def __init__(self, spec: str | _loss.Loss, *, reduction: str | None = "sum_over_batch_size", name: str | None = None, dtype: Any = None,
                 axis: int = -1, unit_axes: int = 0, **parameters: Any) -> None:
        self._adapter = _Adapter(spec, parameters, axis, unit_axes)
        self._reduction = KERAS_NAMES.get(reduction, str(reduction))
        choose(REDUCTIONS, self._reduction, "reduction")
        super().__init__(name=name or self.loss.name, dtype=dtype)
        self.reduction = reduction

    @property
    def loss(self) -> _loss.Loss:
        """The same, outside of Keras."""
        return self._adapter.base

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        with keras.name_scope(self.name):
            batch = self._adapter.prepare(y_true, y_pred, sample_weight, self.dtype)
            if self._reduction == "none":
                return self._adapter.samples(batch)
            if self._reduction == "sum":
                return self._adapter.evaluate(batch, "sum") / (batch.width or 1)
            if self._reduction == "size_mean" and batch.mask is not None and batch.values is not None:
                left = ops.sum(ops.cast(batch.mask, self.dtype)) * (math.prod(batch.values) / max(math.prod(batch.mask.shape), 1))
                return ops.divide_no_nan(self._adapter.evaluate(batch, "sum"), left)
            return self._adapter.evaluate(batch, self._reduction)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """A number per sample, unweighted."""
        return self._adapter.samples(self._adapter.prepare(y_true, y_pred, None, self.dtype)._replace(weight=None))

    def get_config(self) -> dict[str, Any]:
        """For Keras's files: the spec holds all parameters, exactly."""
        return {"name": self.name, "reduction": self.reduction, "dtype": self.dtype, **self._adapter.config()}


@register
class Metric(keras.metrics.Metric):  # type: ignore[misc, name-defined]
    """The mean of a loss over all samples that came, weighted: a ``keras.metrics.Metric`` whose value for one batch is that of
    ``Loss(spec, reduction="mean_with_sample_weight")``. What is masked or weighs 0 is not there.

    Keras keeps its state in two variables of ``dtype``, so that each batch's exact sum is rounded when it is added; ``libloss.Total`` stays exact.

    Args:
        spec, axis, unit_axes, parameters: as for ``Loss``.
        name: by default the loss's.
        dtype: of the state; None: ``keras.config.floatx()``.
    """

    def __init__(self, spec: str | _loss.Loss, *, name: str | None = None, dtype: Any = None, axis: int = -1, unit_axes: int = 0, **parameters: Any) -> None:
        self._adapter = _Adapter(spec, parameters, axis, unit_axes)
        super().__init__(name=name or self._adapter.base.name, dtype=dtype)
        self.total = self.add_variable(shape=(), initializer="zeros", dtype=self.dtype, name="total")
        self.count = self.add_variable(shape=(), initializer="zeros", dtype=self.dtype, name="count")

    @property
    def loss(self) -> _loss.Loss:
        """The same, outside of Keras."""
        return self._adapter.base

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch."""
        batch = self._adapter.prepare(y_true, y_pred, sample_weight, self.dtype)
        batch = batch._replace(prediction=ops.stop_gradient(batch.prediction))
        if batch.values is None:  # values of many elements, in which the weights are already
            values = self._adapter.evaluate(batch, "none")
            total, count = ops.sum(values), math.prod(values.shape)
        else:
            total, count = self._adapter.evaluate(batch, "sum"), math.prod(batch.values)
            if batch.weight is not None:
                count = ops.sum(batch.weight) * (count / max(math.prod(batch.weight.shape), 1))
        self.total.assign_add(ops.cast(total, self.dtype) / (batch.width or 1))
        self.count.assign_add(ops.cast(count, self.dtype) / (batch.width or 1))

    def result(self) -> Any:
        """0 where nothing came."""
        return ops.divide_no_nan(self.total, self.count)

    def get_config(self) -> dict[str, Any]:
        """For Keras's files."""
        return {"name": self.name, "dtype": self.dtype, **self._adapter.config()}


__all__ = ["Loss", "Metric"]
