"""How many threads a call may use: per call, per context, per process, from the environment, else as the machine allows.

C reads the environment (once) and counts the CPUs; here is what Python adds to that.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.util import find_spec
from typing import Any

from . import _core
from ._errors import ArgumentError
from ._libloss import ffi, lib

_here: ContextVar[int] = ContextVar("libloss_threads", default=0)  # 0: nobody has said anything
_everywhere = 0


def _checked(n: int | None) -> int:
    if n is not None and (isinstance(n, bool) or not isinstance(n, int) or not 0 < n < 2**31):
        raise ArgumentError(f"threads = {n!r} is no integer from 1")
    return n or 0


def set_threads(n: int | None, /) -> None:
    """For the whole process; None: the environment (LIBLOSS_NUM_THREADS, then OMP_NUM_THREADS), else all CPUs it may use."""
    global _everywhere
    _everywhere = _checked(n)


def get_threads() -> int:
    """The most that a call here may use. Work of less than some 260,000 elements stays on the thread that calls."""
    return current() or int(next(line for line in _core.text(lib.libloss_config).splitlines() if line.startswith("threads ")).split()[1])


@contextmanager
def threads(n: int | None, /) -> Iterator[None]:
    """``with libloss.threads(2): ...`` for this thread, or task, of Python only."""
    token = _here.set(_checked(n))
    try:
        yield
    finally:
        _here.reset(token)


def current() -> int:
    """What C is told: 0 where nobody has said anything."""
    return _here.get() or _everywhere


def wished(n: int | None) -> int:
    """The same for a call that may say it itself."""
    return _checked(n) or current()


# ---- threadpoolctl, with which joblib and scikit-learn tell libraries to use fewer threads ----

class _Controller:
    """The number of threads of libloss, for the whole process."""

    user_api, internal_api = "libloss", "libloss"
    filename_prefixes = ("libloss",)
    check_symbols = ("libloss_version",)

    def get_num_threads(self) -> int:
        return get_threads()

    def set_num_threads(self, num_threads: int) -> None:
        set_threads(num_threads)

    def get_version(self) -> str:
        return str(ffi.string(lib.libloss_version()).decode())

    def set_additional_attributes(self) -> None:
        """There are none."""


def _register(threadpoolctl: Any) -> None:
    if hasattr(threadpoolctl, "register"):  # since 3.2
        threadpoolctl.register(type("Controller", (_Controller, threadpoolctl.LibController), {}))


class _Later:
    """Sees threadpoolctl imported after libloss: importing it here would cost everybody some milliseconds."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != "threadpoolctl":
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            run = spec.loader.exec_module

            def exec_module(module: Any) -> None:
                run(module)
                _register(module)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


if "threadpoolctl" in sys.modules:
    _register(sys.modules["threadpoolctl"])
else:
    sys.meta_path.insert(0, _Later())
