"""What a long run shows, and how it is stopped."""

from __future__ import annotations

import signal
import sys
import threading
import time
from types import FrameType, TracebackType


class Progress:
    """A bar on stderr, if that is a terminal and there is time to see one."""

    def __init__(self) -> None:
        self._start = self._shown = time.monotonic()
        self._first: float | None = None  # what an earlier run has done
        self._drawn = False

    def show(self, done: float) -> None:
        """The part that is done, and how long the rest will take."""
        now = time.monotonic()
        self._first = done if self._first is None else self._first
        if now - self._shown < 0.2 or not sys.stderr.isatty():
            return
        left = (now - self._start) * (1 - done) / max(done - self._first, 1e-9)
        bar = ("#" * round(40 * done)).ljust(40, ".")
        print(f"\r{bar} {done:4.0%} {int(left) // 60:3}:{int(left) % 60:02} left", end="", file=sys.stderr, flush=True)
        self._shown, self._drawn = now, True

    def clear(self) -> None:
        """Leaves the line to others."""
        if self._drawn:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


class Interrupt:
    """Ctrl-C, kept until somebody asks ``if interrupt``: what is half done can be finished. A second one is not kept.

    A context manager; outside of the main thread, which gets no signals, it does nothing.
    """

    def __init__(self) -> None:
        self._caught = False

    def _catch(self, number: int, frame: FrameType | None) -> None:
        if self._caught:
            raise KeyboardInterrupt
        self._caught = True

    def __bool__(self) -> bool:
        return self._caught

    def __enter__(self) -> Interrupt:
        self._before = signal.signal(signal.SIGINT, self._catch) if threading.current_thread() is threading.main_thread() else None
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, traceback: TracebackType | None) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
