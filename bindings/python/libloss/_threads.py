"""How many threads a call may use: per call, per context, per process, from the environment, else as the machine allows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from ._errors import ArgumentError

_here: ContextVar[int | None] = ContextVar("libloss_threads", default=None)
_everywhere: int | None = None


def _checked(n: int | None) -> int | None:
    if n is not None and (isinstance(n, bool) or not isinstance(n, int) or n < 1):
        raise ArgumentError(f"threads = {n!r} is no integer from 1")
    return n


def _environment() -> int | None:
    for name in ("LIBLOSS_NUM_THREADS", "OMP_NUM_THREADS"):
        first = os.environ.get(name, "").partition(",")[0].strip()
        if first.isdigit() and int(first) > 0:
            return int(first)
    return None


def set_threads(n: int | None, /) -> None:
    """For the whole process; None: the environment (LIBLOSS_NUM_THREADS, then OMP_NUM_THREADS), else all CPUs it may use."""
    global _everywhere
    _everywhere = _checked(n)


def get_threads() -> int:
    """The most that a call here may use. (The kernels of this release run on the caller's thread alone.)"""
    return _here.get() or _everywhere or _environment() or len(os.sched_getaffinity(0))


@contextmanager
def threads(n: int | None, /) -> Iterator[None]:
    """``with libloss.threads(2): ...`` for this thread, or task, of Python only."""
    token = _here.set(_checked(n))
    try:
        yield
    finally:
        _here.reset(token)


def wished(n: int | None) -> int:
    """What C is told: 0 where nobody has said anything."""
    return _checked(n) or _here.get() or _everywhere or _environment() or 0
