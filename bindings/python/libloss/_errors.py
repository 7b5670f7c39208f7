"""Exceptions by kind, with the C library's message and what it names."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from ._libloss import lib

COLUMN = r"""(?:\ \(column\ "(?:[^"\\]|\\.)*"\))?"""
NAMED = re.compile(rf"""(?:^|[:;]\ )(\w+){COLUMN}(?:\[([\d, ]+)\])?\ =\ ('[^']*'|\[[^\]]*\]|[^\s,;:(]+)""", re.VERBOSE)
ABOUT = re.compile(
    rf"""(?:\w+:\ )?(?:(?:there\ is\ no|a)\ derivative\ with\ respect\ to\ (\w+)
    |unknown\ parameter\ "(\w+)"
    |(?!\w+\ is\ a\ (?:metric|loss)\b)(\w+){COLUMN}\ (?:has|is|requires|needs|overlaps|and\ \w+\ have)\b)""",
    re.VERBOSE,
)


class Error(Exception):
    """What libloss refuses. ``argument``, ``position`` and ``value`` are read from the message where it names them."""

    _code = lib.LIBLOSS_ERR_OPTION

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status: int = status or self._code
        self.argument: str | None = None
        self.position: tuple[int, ...] | None = None
        self.value: Any = None
        if named := NAMED.search(message):
            self.argument = named[1]
            self.position = tuple(int(i) for i in named[2].split(",")) if named[2] else None
            try:
                self.value = float(named[3])
            except ValueError:
                self.value = named[3].strip("'")
        elif about := ABOUT.match(message):
            self.argument = about[1] or about[2] or about[3]

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.status)


class ArgumentError(Error, ValueError):
    """A value that can't be."""


class SpecError(ArgumentError):
    """A spec that can't be read."""

    _code = lib.LIBLOSS_ERR_SPEC

    @property
    def column(self) -> int | None:
        """Where in the spec, counted from 1."""
        found = re.search(r"column (\d+)", str(self))
        return int(found[1]) if found else None


class UnknownNameError(SpecError):
    """No loss, parameter or function of that name."""

    _code = lib.LIBLOSS_ERR_NAME

    @property
    def nearest(self) -> tuple[str, ...]:
        """The names that come nearest."""
        found = re.search(r"did you mean (.*)\?", str(self))
        return tuple(found[1].split(", ")) if found else ()


class ShapeError(ArgumentError):
    """Shapes that do not belong together."""

    _code = lib.LIBLOSS_ERR_SHAPE


class DomainError(ArgumentError):
    """A label, probability or weight outside its range."""

    _code = lib.LIBLOSS_ERR_DOMAIN


class DTypeError(Error, TypeError):
    """A type of number that does not fit."""

    _code = lib.LIBLOSS_ERR_DTYPE


class DeviceError(Error, TypeError):
    """Memory that the CPU does not see."""

    _code = lib.LIBLOSS_ERR_DEVICE


class NotDifferentiableError(Error, TypeError):
    """A derivative that does not exist."""

    _code = lib.LIBLOSS_ERR_NO_GRADIENT


class IncompatibleVersionError(Error, ValueError):
    """Bytes of a newer libloss."""

    _code = lib.LIBLOSS_ERR_TOTAL


KINDS: dict[int, type[Error]] = {
    lib.LIBLOSS_ERR_NAME: UnknownNameError, lib.LIBLOSS_ERR_SPEC: SpecError, lib.LIBLOSS_ERR_PARAMETER: ArgumentError,
    lib.LIBLOSS_ERR_SHAPE: ShapeError, lib.LIBLOSS_ERR_OVERFLOW: ShapeError, lib.LIBLOSS_ERR_DTYPE: DTypeError,
    lib.LIBLOSS_ERR_DEVICE: DeviceError, lib.LIBLOSS_ERR_LABEL: DomainError, lib.LIBLOSS_ERR_DOMAIN: DomainError,
    lib.LIBLOSS_ERR_WEIGHT: DomainError, lib.LIBLOSS_ERR_NO_GRADIENT: NotDifferentiableError,
    lib.LIBLOSS_ERR_NO_CURVATURE: NotDifferentiableError, lib.LIBLOSS_ERR_NULL: ArgumentError,
}


def error(status: int, message: str) -> Error | MemoryError:
    """The exception for a status."""
    if status == lib.LIBLOSS_ERR_MEMORY:
        return MemoryError(message)
    if status == lib.LIBLOSS_ERR_TOTAL and "not known to this version" in message:
        return IncompatibleVersionError(message, status)
    if status == lib.LIBLOSS_ERR_PARAMETER and "unknown parameter" in message:
        return UnknownNameError(message, status)
    return KINDS.get(status, ArgumentError)(message, status)


E = TypeVar("E", bound=Error)


def located(problem: E, columns: Mapping[str, Sequence[str]], first: int = 0) -> E:
    """The same exception with the columns of tables named, and rows counted from ``first``: target (column "y")[17].

    ``columns``: by argument, one name for a Series, several for a table, whose last axis they are; "" is no name.
    """

    def named(found: re.Match[str]) -> str:
        position = [int(i) for i in found[2].split(",")] if found[2] else []
        names = columns.get(found[1], ())
        name = names[0] if len(names) == 1 else names[position[-1]] if len(position) == 2 and position[1] < len(names) else ""
        if position:
            position[0] += first
        return found[1] + (f" (column {json.dumps(name, ensure_ascii=False)})" if name else "") + (f"[{', '.join(map(str, position))}]" if position else "")

    message = re.sub(r"\b(\w+)(?:\[(\d[\d, ]*)\]|(?=\ (?:has|is|requires|needs|overlaps|and)\b))", named, str(problem))
    return problem if message == str(problem) else type(problem)(message, problem.status)
