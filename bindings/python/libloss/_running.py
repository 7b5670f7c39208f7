"""Losses and metrics of data that comes in pieces, for every group of rows: running totals, and where there are none, values."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ._errors import ArgumentError, Error, located
from ._files import Keys, Piece, Place, Source, told
from ._loss import Loss
from ._metrics import Metric
from ._total import Total

Key = tuple[Any, ...]
Measure = Loss | Metric


class Whole:
    """The value of what does not add up; stands where a total would, and takes one piece."""

    def __init__(self, measure: Measure, reduction: str) -> None:
        self._measure, self._options = measure, {"reduction": reduction} if isinstance(measure, Loss) else {}
        self.value: Any = math.nan

    def add(self, **inputs: Any) -> None:
        self.value = self._measure(**inputs, **self._options)


def undivided(measure: Measure, given: Sequence[str], one_list: bool) -> str:
    """Why it needs all rows at once; "" where it does not.

    ``given``: names of its inputs. ``one_list``: the prediction has one axis, which a loss of lists takes as one list.
    """
    try:
        Total(measure)
    except ArgumentError:
        return f"the values of {measure.name} on parts of the data do not add up"
    for term in [loss for _, loss in measure.terms] if isinstance(measure, Loss) else [measure]:
        for i in term.info.inputs:
            if i.per == "other" and i.name in given:
                return f"{i.name} of {measure.name} is about all rows"
            if i.kind == "offsets" and one_list:
                return f"{measure.name} takes all rows as one list"
    return ""


def taken(measure: Measure, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the inputs that it takes."""
    names = {i.name for i in measure.info.inputs} | {"weight"}
    return {name: x for name, x in inputs.items() if name in names}


class Running:
    """Everything so far: ``groups`` holds by key a total for each measure.

    ``whole`` says of each measure whether it takes all rows at once. A group costs about 1.5 kB for each measure, and there may be
    ``most`` of them. Without keys all rows are of the group ().
    """

    def __init__(self, measures: Sequence[Measure], whole: Sequence[bool], data: Source, *, reduction: str, keys: Sequence[str], most: int) -> None:
        self._measures, self._whole, self._data, self._reduction, self._keys, self._most = measures, whole, data, reduction, keys, most
        self.groups: dict[Key, list[Total | Whole]] = {} if keys else {(): self._fresh()}
        self.place = Place()
        self.note = ""  # where a NaN came from

    def _fresh(self) -> list[Total | Whole]:
        return [Whole(m, self._reduction) if whole else Total(m) for m, whole in zip(self._measures, self._whole, strict=True)]

    def add(self, piece: Piece) -> None:
        """One more piece, to every group that it has rows of."""
        for key, rows in _grouped(piece.keys):
            if key not in self.groups:
                if len(self.groups) >= self._most:
                    raise ArgumentError(f"group-by: {', '.join(self._keys)} makes more than {self._most} groups, of which each takes "
                                        f"{1.5 * len(self._measures):g} kB: --max-groups N allows more")
                self.groups[key] = self._fresh()
            inputs = piece.inputs if rows is None else {name: x[rows] for name, x in piece.inputs.items()}
            for measure, total in zip(self._measures, self.groups[key], strict=True):
                self._add(measure, total, inputs, piece, rows)
        self.place = piece.end

    def _add(self, measure: Measure, total: Total | Whole, inputs: Mapping[str, Any], piece: Piece, rows: Any) -> None:
        try:
            total.add(**taken(measure, {**inputs, **self._data.shared}))
        except Error as problem:
            raise told(self._among_all(problem, piece, rows), self._data.columns, piece.start.row, piece.file) from problem.__cause__
        if not self.note and isinstance(measure, Loss) and isinstance(total, Total) and math.isnan(total.sum):
            self.note = f"{measure} is nan{self._nan(measure, piece, rows)}; a row with a null, or a weight of 0, is left out"

    def _among_all(self, problem: Error, piece: Piece, rows: Any) -> Error:
        """The same problem with its position among all rows, where it was found among those of a group."""
        if rows is None or not problem.position or problem.argument not in piece.inputs:
            return problem
        before, after = f"{problem.argument}[{problem.position[0]}", f"{problem.argument}[{rows[problem.position[0]]}"
        return type(problem)(str(problem).replace(before, after, 1), problem.status)

    def _nan(self, loss: Loss, piece: Piece, rows: Any) -> str:
        """Where the first NaN is, if it is in an input."""
        chosen = np.arange(piece.end.row - piece.start.row) if rows is None else rows
        weight = piece.inputs.get("weight")
        if weight is not None and np.ndim(weight) == 1:
            chosen = chosen[np.ma.filled(weight, 0)[chosen] != 0]
        for name, x in taken(loss, piece.inputs).items():
            if np.asarray(x).dtype.kind == "f" and len(found := np.argwhere(np.ma.filled(np.isnan(x[chosen]), False))):
                position = [chosen[found[0][0]], *found[0][1:]]
                return f": {located(ArgumentError(f'{name}{[int(p) for p in position]} = nan'), self._data.columns, piece.start.row)}"
        return ""

    def dump(self) -> dict[str, Any]:
        """As JSON can hold it; not where there are values in the place of totals."""
        return {"place": [*self.place], "groups": [[[*key], [_dump(t) for t in totals]] for key, totals in self.groups.items()]}

    def load(self, kept: Mapping[str, Any]) -> None:
        """The opposite."""
        self.place = Place(*kept["place"])
        self.groups = {tuple(key): [Total.from_bytes(base64.b64decode(t)) for t in totals] for key, totals in kept["groups"]}


def _dump(total: Total | Whole) -> str:
    assert isinstance(total, Total)
    return base64.b64encode(total.to_bytes()).decode()


def _grouped(keys: Sequence[Keys]) -> Iterator[tuple[Key, Any]]:
    """The groups of a piece, and their rows; None for all rows."""
    if not keys:
        yield (), None
        return
    codes, values = keys[0].codes, [(v,) for v in keys[0].values]
    for more in keys[1:]:
        pairs, codes = np.unique(codes * np.int64(len(more.values)) + more.codes, return_inverse=True)
        values = [(*values[pair // len(more.values)], more.values[pair % len(more.values)]) for pair in pairs]
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    for start, rows in zip(starts, np.split(order, starts[1:]), strict=True):
        yield values[codes[order[start]]], rows if len(starts) > 1 else None


__all__ = ["Key", "Measure", "Running", "Whole", "taken", "undivided"]
