"""Inputs in files, read in pieces: here .npy files, one for each input.

A piece is some rows of every input. How large pieces are changes no result, for totals are exact; so a reader may stop after any piece,
and go on later from the ``Place`` where it stopped.
"""

from __future__ import annotations

import contextlib
import csv
import os
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any, NamedTuple, Protocol

import numpy as np

from ._arrays import Array
from ._errors import ArgumentError, Error, ShapeError, located

NUMBERS = 1 << 20  # in an input of a piece, unless the caller says how many rows


class Need(NamedTuple):
    """An input that some loss or metric takes."""

    name: str
    source: str  # a .npy file, or names of columns
    labels: bool = False  # class indices
    shared: bool = False  # not by row: the weights of classes, the history of a series; always a .npy file


class Place(NamedTuple):
    """Where a reader stands: how many rows lie before it, and of tables the file and the offset there (in rows; of a .csv in bytes)."""

    row: int = 0
    file: int = 0
    offset: int = 0


class Keys(NamedTuple):
    """A column to group by: ``values[codes[row]]``."""

    codes: Array
    values: list[Any]


class Piece(NamedTuple):
    """Some rows of every input."""

    inputs: dict[str, Any]
    keys: list[Keys]
    start: Place
    end: Place
    file: str = ""  # where there are several


class Source(Protocol):
    """Files that are read in pieces."""

    paths: list[str]
    columns: dict[str, tuple[str, ...]]  # of inputs, for messages
    shared: dict[str, Any]  # inputs that are not by row

    def pieces(self, start: Place, rows: int | None, *, whole: bool = False) -> Iterator[Piece]:
        """All from ``start`` on; ``rows`` at most in each, or all of them in one."""

    def done(self, place: Place) -> float:
        """The part of the data that lies before a place."""

    def is_flat(self, name: str) -> bool:
        """Whether an input is one number per row."""


def told(problem: Error, columns: Mapping[str, Sequence[str]], row: int, file: str) -> Error:
    """A problem of a piece, by columns and by rows of the whole data."""
    problem = located(problem, columns, row)
    return type(problem)(f"{problem} (in {file}; rows are counted over all files)", problem.status) if file and problem.position else problem


def suffix(path: str) -> str:
    """".npy", ".csv", ".parquet", ..."""
    return pathlib.Path(path).suffix.lower()


def split(names: str) -> list[str]:
    """a,b as two names; "a,b" in double quotes as one."""
    return next(csv.reader([names], skipinitialspace=True), [])


@contextlib.contextmanager
def replacing(path: str) -> Iterator[IO[bytes]]:
    """A file that takes the place of ``path`` when it is complete, and leaves no trace when it fails."""
    unfinished = f"{path}.{os.getpid()}.tmp"
    try:
        with open(unfinished, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except BaseException as problem:
        with contextlib.suppress(OSError):
            os.unlink(unfinished)
        if isinstance(problem, OSError):
            problem.filename, problem.filename2 = path, None
        raise


class ArrayFile:
    """A .npy file of which rows are mapped into memory when they are asked for."""

    def __init__(self, path: str) -> None:
        self.path = path
        with open(path, "rb") as file:
            size, magic = os.fstat(file.fileno()).st_size, file.read(6)
            if magic[:4] == b"PK\x03\x04":
                raise ArgumentError(f"{path} is an archive of several arrays; one .npy file is needed")
            if magic != b"\x93NUMPY":
                raise ArgumentError(f"{path} is {'empty' if not size else 'no .npy file'}")
            file.seek(0)
            try:
                version = np.lib.format.read_magic(file)
                header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                self.shape, self.fortran, self.dtype = header(file)
            except ValueError as problem:
                raise ArgumentError(f"{path} is no .npy file: {problem}") from problem
            self.offset = file.tell()
        if self.dtype.hasobject:
            raise ArgumentError(f"{path} is no .npy file of numbers: it holds Python objects")
        promised = self.offset + self.dtype.itemsize * int(np.prod(self.shape, dtype=object))
        if size < promised:
            raise ArgumentError(f"{path} is cut off: its header promises {promised} bytes, and there are {size}")

    def rows(self, start: int = 0, stop: int | None = None) -> Array:
        """Rows of it, read-only; all by default."""
        if 0 in self.shape:
            return np.empty(self.shape, self.dtype)
        if not self.shape or self.fortran:
            whole = np.memmap(self.path, self.dtype, "r", self.offset, self.shape, "F" if self.fortran else "C").view(np.ndarray)
            return whole[start:stop] if self.shape else whole.reshape(())
        stop = self.shape[0] if stop is None else min(stop, self.shape[0])
        row = self.dtype.itemsize * int(np.prod(self.shape[1:]))
        return np.memmap(self.path, self.dtype, "r", self.offset + start * row, (stop - start, *self.shape[1:])).view(np.ndarray)


class Arrays:
    """One .npy file per input, cut along the first axis."""

    def __init__(self, needs: Sequence[Need], keys: Sequence[str]) -> None:
        files, self._by = {n.name: ArrayFile(n.source) for n in needs}, [ArrayFile(path) for path in keys]
        shared = {n.name for n in needs if n.shared or not files[n.name].shape}
        self._files = {name: file for name, file in files.items() if name not in shared}
        self.paths = [file.path for file in (*files.values(), *self._by)]
        self.columns: dict[str, tuple[str, ...]] = {name: () for name in self._files}
        self.shared: dict[str, Any] = {name: files[name].rows() for name in shared}
        self._rows = self._length()

    def _length(self) -> int:
        """How many rows all have."""
        every = [*self._files.items(), *(("group-by", file) for file in self._by)]
        for name, file in every:
            if name == "group-by" and len(file.shape) != 1:
                raise ShapeError(f"group-by has shape {file.shape} ({file.path}); keys are one for each row")
            if file.shape[0] != every[0][1].shape[0]:
                raise ShapeError(f"{name} has {file.shape[0]} rows ({file.path}), and {every[0][0]} has {every[0][1].shape[0]} ({every[0][1].path})")
        return int(every[0][1].shape[0]) if every else 1

    def pieces(self, start: Place, rows: int | None, *, whole: bool = False) -> Iterator[Piece]:
        widest = max((int(np.prod(file.shape[1:])) for file in self._files.values()), default=1)
        step = max(1, self._rows if whole else rows or NUMBERS // max(1, widest))
        for first in range(start.row, max(self._rows, 1), step):
            last = min(first + step, self._rows)
            inputs = {name: file.rows(first, last) for name, file in self._files.items()}
            yield Piece(inputs, [_keys(file.rows(first, last)) for file in self._by], Place(first), Place(last))

    def done(self, place: Place) -> float:
        return place.row / max(1, self._rows)

    def is_flat(self, name: str) -> bool:
        return len(self._files[name].shape) == 1 if name in self._files else False


def _keys(column: Array) -> Keys:
    values, codes = np.unique(column, return_inverse=True)
    return Keys(codes, readable(values.tolist()))


def readable(values: list[Any]) -> list[Any]:
    """Keys as they are printed and kept: numbers, strings, None (a NaN too, which would differ from itself); anything else as its text."""
    return [v if v is None or isinstance(v, (str, int)) else (None if v != v else v) if isinstance(v, float) else str(v) for v in values]
