"""The tools that libloss plugs into. Each has a module here of its own name, which is imported when it is asked for."""

from __future__ import annotations

import importlib
from typing import Any

ADAPTERS = ("catboost", "dask", "jax", "keras", "lightgbm", "mpi", "scipy", "sklearn", "torch", "xgboost")
"""The modules, which are extras of the package by the same names."""


def tool(module: str, adapter: str | None = None) -> Any:
    """The module of a tool, or an ImportError that says which extra of libloss brings it.

    ``adapter`` is the module of libloss that asks, where it has another name than the tool.
    """
    adapter = adapter or module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as missing:
        if missing.name != module.partition(".")[0]:
            raise
        said = f"libloss.{adapter} needs {missing.name}, which is not installed: pip install 'libloss[{adapter}]'"
        raise ModuleNotFoundError(said, name=missing.name) from None
