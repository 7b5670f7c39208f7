"""Timing side by side: every contestant in turn, again and again, so that a noisy moment of the machine hits all of them."""

from __future__ import annotations

import ctypes
import dataclasses
import math
import pathlib
import statistics
import subprocess
import time
from collections.abc import Callable
from typing import Any

HERE = pathlib.Path(__file__).parent
PEERS = ("torch", "torch.compile", "jax", "sklearn", "numpy")
SAMPLE = 40_000  # ns that one sample should last at least: the clock's own cost vanishes in it
UNDISTURBED = 0.97  # of its wall time a sample has the processor, or a stranger had it meanwhile


def cpu() -> str:
    """The processor's name."""
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(": ")[2].strip() for line in lines if line.startswith("model name")), "?")


def sample(run: Callable[[], Any], calls: int) -> tuple[float, float]:
    """Wall and processor time (of all threads) of one call, in ns, as the mean of some."""
    number = range(calls)
    cpu, wall = time.process_time_ns(), time.perf_counter_ns()
    for _ in number:
        run()
    return (time.perf_counter_ns() - wall) / calls, (time.process_time_ns() - cpu) / calls


def undisturbed(samples: list[tuple[float, float]]) -> list[float]:
    """The wall times of the samples that no stranger cut into; where that happened to all (long ones), all processor times."""
    return [wall for wall, cpu in samples if cpu >= UNDISTURBED * wall] or [cpu for _, cpu in samples]


def race(contestants: dict[str, Callable[[], Any]], seconds: float, rounds: int = 5) -> dict[str, tuple[float, float]]:
    """The least and the median ns of each contestant, in interleaved repeats. The first calls of each, which compile, do not count."""
    calls = {}
    for name, run in contestants.items():
        run()
        run()
        calls[name] = max(1, int(SAMPLE / max(sample(run, 1)[0], 1)))
    samples: dict[str, list[tuple[float, float]]] = {name: [] for name in contestants}
    end, done = time.perf_counter() + seconds, 0
    while done < rounds or time.perf_counter() < end:
        for name, run in contestants.items():
            samples[name].append(sample(run, calls[name]))
        done += 1
    times = {name: undisturbed(s) for name, s in samples.items()}
    return {name: (min(t), statistics.median(t)) for name, t in times.items()}


@dataclasses.dataclass
class Row:
    """One line of a table. Times are ns per `unit`; `limit` is the memory limit, measured in the same race."""

    section: str
    work: str
    unit: str
    times: dict[str, tuple[float, float]]
    limit: tuple[float, float] | None = None
    target: str = ""
    holds: bool | None = None
    note: dict[str, float] = dataclasses.field(default_factory=dict)

    @property
    def ours(self) -> float:
        return self.times["libloss"][0] if "libloss" in self.times else math.nan

    @property
    def best_peer(self) -> tuple[str, float] | None:
        peers = [(t[0], name) for name, t in self.times.items() if name in PEERS]
        return (min(peers)[1], min(peers)[0]) if peers else None

    @property
    def ahead(self) -> float | None:
        return self.best_peer[1] / self.ours if self.best_peer else None

    @property
    def over_limit(self) -> float | None:
        return self.ours / self.limit[0] if self.limit else None

    def json(self) -> dict[str, Any]:
        return {**dataclasses.asdict(self), "best_peer_over_libloss": self.ahead, "libloss_over_limit": self.over_limit}

    def __str__(self) -> str:
        text = f"{self.work:58}" + "".join(f"  {name} {t[0]:.3f} ({t[1]:.3f})" for name, t in self.times.items())
        if self.limit:
            text += f"  | limit {self.limit[0]:.3f}, libloss {self.over_limit:.2f} of it"
        if self.best_peer:
            text += f"  | {self.best_peer[0]} takes {self.ahead:.2f} of libloss"
        text += "".join(f"  | {name} {x:.3g}" for name, x in self.note.items())
        if self.target:
            text += f"  | {self.target}: {'yes' if self.holds else 'NO'}"
        return text


# Sums in any order, and what that needs. Not -ffast-math: gcc 12 links libraries made with it so that loading them flushes this process's
# subnormal numbers to 0, the peers' and those of the data too.
UNORDERED = ["-fno-math-errno", "-fno-trapping-math", "-fno-signed-zeros", "-fassociative-math"]


class Limits:
    """limits.c: the machine's own streams, compiled here and timed among the losses."""

    flags = ("-O3", "-march=native", *UNORDERED)

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        subprocess.run(["cc", *self.flags, "-shared", "-fPIC", HERE / "limits.c", "-o", folder / "limits.so"], check=True)
        self.library = ctypes.CDLL(str(folder / "limits.so"))
        self.library.read1.restype = self.library.read2.restype = self.library.sum_in_double.restype = ctypes.c_double

    def stream(self, name: str, *arrays: Any) -> Callable[[], Any]:
        """A function that streams through these arrays (of equal bytes) as f32 numbers."""
        function = getattr(self.library, name)
        arguments = [ctypes.c_void_p(a.ctypes.data) for a in arrays] + [ctypes.c_ssize_t(arrays[0].nbytes // 4)]

        def run(keep: Any = arrays) -> Any:
            return function(*arguments)

        return run
