"""Exceptions by kind, with the C library's message and what it names."""

from __future__ import annotations

import re
from typing import Any

from ._libloss import lib


class Error(Exception):
    """What libloss refuses. ``argument``, ``position`` and ``value`` are read from the message where it names them."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status
        self.argument: str | None = None
        self.position: tuple[int, ...] | None = None
        self.value: Any = None
        named = re.search(r": (\w+)(?:\[([\d, ]+)\])? = (\S+) (?:is|\()", message)
        if named:
            self.argument = named[1]
            self.position = tuple(int(i) for i in named[2].split(",")) if named[2] else None
            try:
                self.value = float(named[3])
            except ValueError:
                self.value = named[3]
        elif argument := re.match(r"\w+: (\w+) (?:has|is|requires) ", message):
            self.argument = argument[1]

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.status)


class ArgumentError(Error, ValueError):
    """A value that can't be."""


class SpecError(ArgumentError):
    """A spec that can't be read."""

    @property
    def column(self) -> int | None:
        """Where in the spec, counted from 1."""
        found = re.search(r"column (\d+)", str(self))
        return int(found[1]) if found else None


class UnknownNameError(SpecError):
    """No loss, parameter or function of that name."""

    @property
    def nearest(self) -> tuple[str, ...]:
        """The names that come nearest."""
        found = re.search(r"did you mean (.*)\?", str(self))
        return tuple(found[1].split(", ")) if found else ()


class ShapeError(ArgumentError):
    """Shapes that do not belong together."""


class DomainError(ArgumentError):
    """A label, probability or weight outside its range."""


class DTypeError(Error, TypeError):
    """A type of number that does not fit."""


class DeviceError(Error, TypeError):
    """Memory that the CPU does not see."""


class NotDifferentiableError(Error, TypeError):
    """A derivative that does not exist."""


class IncompatibleVersionError(Error, ValueError):
    """Bytes of a newer libloss."""


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
    if status == lib.LIBLOSS_ERR_PARAMETER and "unknown parameter" in message:
        return UnknownNameError(message, status)
    return KINDS.get(status, ArgumentError)(message, status)
