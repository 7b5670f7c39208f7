"""Loss functions: value, gradient and curvature in one pass, accurate to the last bits.

    libloss.huber(prediction, target)                          one number
    libloss.Loss("huber", delta=2).value_and_grad(p, t)        number and gradient
    libloss.Total("huber").add(p1, t1).add(p2, t2).mean        a running, exact total
"""

from __future__ import annotations

import importlib
from typing import Any

from . import _core, _functions, metrics
from ._core import Info, Input, ParameterInfo
from ._custom import Check, CustomLoss, define
from ._custom import check_derivatives as check
from ._errors import (
    ArgumentError,
    DeviceError,
    DomainError,
    DTypeError,
    Error,
    IncompatibleVersionError,
    NotDifferentiableError,
    ShapeError,
    SpecError,
    UnknownNameError,
)
from ._extras import ADAPTERS
from ._libloss import ffi, lib
from ._loss import Evaluation, Jet, Loss
from ._threads import get_threads, set_threads, threads
from ._total import Total
from ._types import Array, ArrayLike, Curvature, Empty, Parameter, Reduced, Reduction

__version__: str = ffi.string(lib.libloss_version()).decode()

globals().update(_functions.build())


def losses() -> tuple[str, ...]:
    """The names of all losses, in the registry's order."""
    return tuple(_core.names())


def info(name: str | Loss, /) -> Info:
    """What the registry says of a loss."""
    return Loss(name).info


def config() -> dict[str, Any]:
    """Version, instruction set, threads and compiler of the C library."""
    lines = _core.text(lib.libloss_config).splitlines()
    names = ("instruction set", "version", "threads", "compiler")
    return {name.replace(" ", "_"): line.removeprefix(name).strip() for line in lines for name in names if line.startswith(name)}


def show_config() -> None:
    """Prints ``config()``."""
    for name, value in config().items():
        print(f"{name}: {value}")


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    if name in ADAPTERS:
        return importlib.import_module(f".{name}", __name__)
    if hasattr(metrics, name):
        raise AttributeError(f"libloss has no loss {name}: it is a metric, libloss.metrics.{name}", name=name)
    try:
        _core.create(name)
    except Error as problem:
        hint = str(problem).partition(f'"{name}"')[2].removeprefix(" (column 1)")
        raise AttributeError(f"libloss has no {name}{hint}", name=name) from None
    raise AttributeError(f"libloss has no {name}", name=name)


def __dir__() -> list[str]:
    return sorted({*__all__, *losses()})


__all__ = [
    "ArgumentError",
    "Array",
    "ArrayLike",
    "Check",
    "Curvature",
    "CustomLoss",
    "DTypeError",
    "DeviceError",
    "DomainError",
    "Empty",
    "Error",
    "Evaluation",
    "IncompatibleVersionError",
    "Info",
    "Input",
    "Jet",
    "Loss",
    "NotDifferentiableError",
    "Parameter",
    "ParameterInfo",
    "Reduced",
    "Reduction",
    "ShapeError",
    "SpecError",
    "Total",
    "UnknownNameError",
    "check",
    "config",
    "define",
    "get_threads",
    "info",
    "losses",
    "metrics",
    "set_threads",
    "show_config",
    "threads",
]
