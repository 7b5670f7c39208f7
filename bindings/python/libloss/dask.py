"""Losses and metrics of Dask arrays and dataframes: each chunk where it lies, totals merged in a tree.

    total = libloss.dask.evaluate("huber", prediction, target)     a Total, the same bits for any chunks and any number of workers
    gradient = libloss.dask.grad("huber", prediction, target)      a dask array: the parts of the whole's gradient, chunk by chunk

Inputs and weights are dask arrays, dask series or dataframes, and mixed with them NumPy arrays and numbers. They are split along the
first axis alone: chunks along the others, of which one may be that of the classes, are put together before a task sees them. Where
chunks differ, they are made those of the first input that has several. Dataframes and arrays of unknown chunk sizes are taken piece by
piece as they are: they need equal numbers of pieces, and a piece whose length differs from its neighbour's is refused when it is
computed. Nulls of nullable columns are not there, as everywhere in libloss.

A total is a sum over values. Losses whose value belongs to a whole batch (``dice``, ``info_nce``, ``cox``), and lists of documents that
``groups`` delimits, are refused where there is more than one chunk.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ._arrays import plain
from ._call import choose
from ._core import REDUCTIONS, Info
from ._errors import ArgumentError, DTypeError, ShapeError
from ._extras import tool
from ._loss import Loss
from ._metrics import Metric
from ._total import Total
from ._types import Measured, Spec

dask: Any = tool("dask")
da: Any = tool("dask.array")
Delayed: Any = tool("dask.delayed").Delayed
HighLevelGraph: Any = tool("dask.highlevelgraph").HighLevelGraph
flatten: Any = tool("dask.core").flatten
tokenize: Any = tool("dask.base").tokenize

__all__ = ["evaluate", "grad"]


def evaluate(loss: Measured, /, *inputs: Any, weight: Any = None, compute: bool = True, split_every: int = 8, **options: Any) -> Any:
    """The total of a loss or metric: ``.mean``, ``.value``, every reduction.

    Args:
        loss: a loss, a metric, or a spec.
        inputs: as ``Total.add`` takes them (of a metric by name: ``prediction=, target=``), of which some are dask collections.
        weight: a number, one per value, or one per leading index.
        compute: False gives a ``Delayed`` total, for ``dask.compute`` beside others, or ``client.compute``.
        split_every: how many totals a task merges.
        options: ``axis`` of the classes, never 0; ``threads`` of a task, by default 1, for the workers are many; inputs by name.

    Raises:
        ShapeError: where lengths or numbers of chunks do not fit; in a task, where shapes do not.
        ArgumentError: of a value that is no sum over chunks.
    """
    if not (isinstance(split_every, int) and split_every >= 2):
        raise ArgumentError(f"split_every = {split_every!r} is not an integer of at least 2")
    what = Total(loss).loss
    total = _total(what, _split(what, inputs, weight, options), options, split_every)
    return total.compute() if compute else total


def grad(loss: Spec, /, *inputs: Any, weight: Any = None, reduction: str = "mean", divisor: Any = None, wrt: str | None = None, **options: Any) -> Any:
    """The gradient of the reduced value of all chunks, as a lazy dask array with the chunks of what it is by.

    Args:
        loss: a loss or a spec.
        inputs: as for ``evaluate``.
        weight: as for ``evaluate``.
        reduction: ``"mean"``, ``"weighted_mean"``, ``"size_mean"``, ``"batch_mean"``, of the whole; ``"sum"`` or ``"none"`` for every value's own.
        divisor: what to divide by in place of the reduction's own, which takes a pass over all values first: a number, or a ``Delayed`` one.
        wrt: the input that it is by; default the prediction.
        options: as for ``evaluate``.

    Raises:
        ShapeError, ArgumentError: as ``evaluate``; NotDifferentiableError in a task.
    """
    loss = Loss(loss)
    choose(REDUCTIONS, reduction, "reduction")
    if wrt is not None and wrt not in [i.name for i in loss.info.inputs]:
        raise ArgumentError(f"wrt = {wrt!r} is none of the inputs: {', '.join(i.name for i in loss.info.inputs)}")
    by = loss.info.inputs[loss._differentiate(wrt)[0]].name
    split = _split(loss, inputs, weight, options)
    if by not in split.columns:
        raise ShapeError(f"{by} is one number: a gradient by it has no chunks")
    divide = divisor is None and reduction not in ("sum", "none")
    by_what = _total(loss, split, options, 8) if divide else divisor
    name = f"libloss-grad-{tokenize(loss, split.token, options, reduction, by, by_what)}"
    x = split.columns[by]
    trailing, dtype = x._meta.shape[1:] if _is_frame(x) else x.shape[1:], plain(x._meta, by).dtype
    depends = list(split.depends)
    if isinstance(by_what, Delayed):
        depends.append(by_what)
        by_what = by_what.key
    call = partial(_grad, loss, split.names, split.whole, {**_call(loss, options), "reduction": reduction, "wrt": by}, reduction if divide else None)
    layer = {(name, k, *[0] * len(trailing)): (call, by_what, *keys) for k, keys in enumerate(split.keys)}
    chunks = (split.lengths, *[(length,) for length in trailing])
    return da.Array(HighLevelGraph.from_collections(name, layer, dependencies=depends), name, chunks, meta=np.empty((0,) * len(chunks), dtype))


# ---- tasks ----


def _add(loss: Loss | Metric, names: tuple[str, ...], whole: Mapping[str, Any], options: Mapping[str, Any], *blocks: Any) -> Total:
    """The total of one chunk."""
    return Total(loss).add(**dict(zip(names, blocks, strict=True)), **whole, **options)


def _merge(*totals: Total) -> Total:
    return sum(totals[1:], totals[0])


def _grad(loss: Loss, names: tuple[str, ...], whole: Mapping[str, Any], options: Mapping[str, Any], reduction: str | None, by: Any, *blocks: Any) -> Any:
    """The gradient of one chunk; ``by`` is the divisor, or the total that tells it for a reduction."""
    divisor = by.divisor(reduction) if reduction else by
    named = dict(zip(names, blocks, strict=True))
    return loss.grad(**named, **whole, **options, divisor=divisor or None)  # of 0: nothing is present anywhere, and the gradient is 0 of itself


def _total(loss: Loss | Metric, split: Split, options: Mapping[str, Any], split_every: int) -> Any:
    """A tree, as a Delayed total. Named by what goes in, so that a value and a gradient share it."""
    name = f"libloss-total-{tokenize(loss, split.token, options, split_every)}"
    call = partial(_add, loss, split.names, split.whole, _call(loss, options))
    layer: dict[Any, Any] = {(name, 0, k): (call, *keys) for k, keys in enumerate(split.keys)}
    level, last = 0, list(layer)
    while len(last) > 1:
        level += 1
        merged = {(name, level, at): (_merge, *last[at : at + split_every]) for at in range(0, len(last), split_every)}
        layer |= merged
        last = list(merged)
    return Delayed(last[0], HighLevelGraph.from_collections(name, layer, dependencies=split.depends), layer=name)


def _call(loss: Loss | Metric, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a task's call."""
    return {"threads": 1, **{name: options[name] for name in ("threads", "axis") if name in options}} if isinstance(loss, Loss) else {}


# ---- chunks that belong together ----


class Split(NamedTuple):
    """Inputs and weight in pieces."""

    columns: dict[str, Any]  # what is split, as collections
    names: tuple[str, ...]  # of the columns, and of what a task computes whole
    keys: list[tuple[Any, ...]]  # of each piece, one per name
    lengths: tuple[float, ...]  # of the pieces; NaN: unknown
    whole: dict[str, Any]  # numbers, what is one per class, and a history
    depends: list[Any]  # the collections that the keys are of
    token: str


def _parts(loss: Loss | Metric, inputs: tuple[Any, ...], options: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs by name."""
    if isinstance(loss, Loss):
        given = loss._bind(inputs, {name: x for name, x in options.items() if name not in ("axis", "threads")})
        return {i.name: x for i, x in zip(loss.info.inputs, given, strict=True) if x is not None}
    if inputs:
        raise TypeError(f"{loss.name} is a metric: its inputs are keywords, evaluate(..., prediction=, target=)")
    return loss._inputs(options)


def _is_frame(x: Any) -> bool:
    return dask.is_dask_collection(x) and hasattr(type(x), "divisions")  # of the type: a Delayed has every attribute


def _is_dask(x: Any) -> bool:
    return isinstance(x, da.Array) or _is_frame(x)


def _ndim(x: Any) -> int:
    if dask.is_dask_collection(x) and not _is_dask(x):
        return 1  # as far as anybody knows
    return int(x.ndim) if hasattr(x, "ndim") else np.ndim(x)


def _split(loss: Loss | Metric, inputs: tuple[Any, ...], weight: Any, options: Mapping[str, Any]) -> Split:
    parts = {name: x for name, x in {**_parts(loss, inputs, options), "weight": weight}.items() if x is not None}
    shared = {i.name for i in loss.info.inputs if i.per == "class" or (i.per == "other" and i.kind in ("offsets", "real") and _ndim(parts.get(i.name)) == 1)}
    whole = {name: x for name, x in parts.items() if name in shared or _ndim(x) == 0}
    columns = {name: _column(x, name) for name, x in parts.items() if name not in whole}
    if not columns:
        raise ShapeError("there is nothing to split: every input is one number")
    axis = options.get("axis", -1)
    if axis in {0, *(-x.ndim for x in columns.values() if x.ndim > 1)}:
        raise ArgumentError(f"axis = {axis} is the axis of the chunks: move the classes' axis to another place")
    columns, lengths = _aligned(columns)
    if len(lengths) > 1:
        _is_a_sum(loss, columns, "groups" in whole)
    computed = {name: dask.delayed(x) for name, x in whole.items() if dask.is_dask_collection(x)}
    keys, depends = zip(*map(_keys, columns.values()), strict=True)
    pieces = [(*each, *(x.key for x in computed.values())) for each in zip(*keys, strict=True)]
    whole = {name: x for name, x in whole.items() if name not in computed}
    token = tokenize(*columns.items(), *computed.items(), *whole.items())
    return Split(columns, (*columns, *computed), pieces, lengths, whole, [*depends, *computed.values()], token)


def _column(x: Any, name: str) -> Any:
    """A dask collection as it is; other arrays as a dask array of one chunk."""
    if _is_dask(x):
        return x
    if dask.is_dask_collection(x):
        raise DTypeError(f"{name} is a {type(x).__name__}, whose shape is not known: make it an array with dask.array.from_delayed")
    if not isinstance(x, np.ndarray):
        p = plain(x, name)
        x = p.array if p.mask is None else np.ma.MaskedArray(p.array, p.mask)
    return da.from_array(x, chunks=-1)


def _lengths(x: Any) -> tuple[float, ...]:
    return (math.nan,) * x.npartitions if _is_frame(x) else tuple(x.chunks[0])


def _aligned(columns: dict[str, Any]) -> tuple[dict[str, Any], tuple[float, ...]]:
    """All with the same chunks, and their lengths."""
    lengths = {name: _lengths(x) for name, x in columns.items()}
    unknown = [name for name, each in lengths.items() if any(map(math.isnan, each))]
    if not unknown:
        first = next(iter(columns))
        for name, each in lengths.items():
            if sum(each) != sum(lengths[first]):
                raise ShapeError(f"{name} has {sum(each)} rows, but {first} has {sum(lengths[first])}")
        common = next((each for each in lengths.values() if len(each) > 1), lengths[first])
        return {name: x if lengths[name] == common else x.rechunk({0: common}) for name, x in columns.items()}, common
    first = unknown[0]
    for name, each in lengths.items():
        if len(each) != len(lengths[first]):
            raise ShapeError(f"{name} has {len(each)} chunk{'s' * (len(each) != 1)}, but {first} has {len(lengths[first])}, whose sizes are unknown: "
                             "compute_chunk_sizes() of an array, or repartition() of a dataframe, makes them fit")
    known = next((each for name, each in lengths.items() if name not in unknown), lengths[first])
    return columns, known


def _is_a_sum(loss: Loss | Metric, columns: Mapping[str, Any], grouped: bool) -> None:
    """ArgumentError where the whole's value is no sum over chunks."""
    infos: list[Info] = [term.info for _, term in loss.terms] if isinstance(loss, Loss) else [loss.info]
    for info in infos:
        if info.family == "batchwise":
            raise ArgumentError(f"{info.name} is a value of a whole batch, and no sum over its chunks: rechunk(-1) makes one chunk")
        if any(i.kind == "offsets" for i in info.inputs) and (grouped or columns[info.inputs[0].name].ndim == 1):
            raise ArgumentError(f"{info.name} is of lists of documents, which chunks of one axis may cut: pass rows, one list each, "
                                "or rechunk(-1), which makes one chunk")


def _keys(x: Any) -> tuple[list[Any], Any]:
    """The keys of the pieces along the first axis, and the collection that they are of."""
    if _is_frame(x):
        pieces = x.to_delayed()
        return [piece.key for piece in pieces], pieces[0]
    if x.ndim > 1:
        x = x.rechunk({axis: -1 for axis in range(1, x.ndim)})
    return list(flatten(x.__dask_keys__())), x
