"""gcc's word on every marked loop: which of them did it not vectorise?

    python tests/vector/marked.py BUILD                a build directory made with Ninja and gcc, for this machine or another
    python tests/vector/marked.py BUILD REPORT         the same of what ninja printed as it made BUILD with OPTIONS among the flags

Clang refuses to compile a marked loop that it does not vectorise; gcc only tells. So every kernel and the engine's tile loops
are compiled once more as BUILD compiles them, with OPTIONS, if it was not made with them. Marked are the loops below VECTOR_LOOP, and in the
tile loops (engine/tiles.c, kernel/tile_sum.h) every plain walk over n numbers. Baseline x86-64 is not asked: it lacks operations that
some loops need.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import functools
import itertools
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
UNREACHABLE = "base addr of dr is a constant"  # a copy of the loop that reads through a pointer known to be NULL: it never runs
WIDTH = {"avx2": 32, "avx512": 64, "neon": 16}  # bytes of a register
ANY_WALK = ("engine/tiles.c", "kernel/tile_sum.h")
LINE = re.compile(r"^(.+?):(\d+):\d+: (optimized|missed): +(?:loop vectorized using (\d+) byte vectors|couldn't vectorize loop)")


OPTIONS = ("-fopt-info-vec-optimized-missed",)
Found = dict[tuple[pathlib.Path, int], list[int]]  # for each marked line the bytes of the vectors of each loop made of it, 0 for a loop that stayed scalar

Report = tuple[str, str, Found]  # a unit's name and its instruction set


@dataclasses.dataclass
class Unit:
    """One source compiled for one instruction set and storage type."""

    source: pathlib.Path
    isa: str
    bits: str
    command: list[str]
    folder: str

    def __str__(self) -> str:
        return f"{self.source.stem} {self.isa} f{self.bits}" if self.bits else f"{self.source.stem} {self.isa}"


def units(build: pathlib.Path) -> list[Unit]:
    """Every kernel of a vector instruction set, with the command that compiles it."""
    found = []
    for entry in json.loads(subprocess.run(["ninja", "-C", build, "-t", "compdb"], capture_output=True, text=True, check=True).stdout):
        isa = re.search(r"-DLIBLOSS_ISA=(\w+)", entry["command"])
        if not isa or isa[1] not in WIDTH:
            continue
        words = iter(shlex.split(entry["command"]))
        command = [w for w in words if not (w in ("-MD", "-c") or (w in ("-MT", "-MF", "-o") and next(words)) or w == entry["file"])]
        bits = re.search(r"-DLIBLOSS_BITS=(\d+)", entry["command"])
        found.append(Unit(pathlib.Path(entry["file"]).resolve(), isa[1], bits[1] if bits else "", command, entry["directory"]))
    return found


@functools.cache
def marked(file: pathlib.Path) -> frozenset[int]:
    """The lines of a source at which a marked loop begins."""
    lines = file.read_text().splitlines()
    after = {i + 2 for i, line in enumerate(lines) if re.search(r"^\s+(VECTOR|ELEMENT)_LOOP$", line)}
    if str(file).endswith(ANY_WALK):
        after |= {i + 1 for i, line in enumerate(lines) if re.search(r"for \(ptrdiff_t (\w+) = 0; \1 < n; \1\+\+\)", line)}
    return frozenset(after)


def compile_unit(unit: Unit, *options: str, source: pathlib.Path | None = None) -> subprocess.CompletedProcess:
    command = [*unit.command, *options, "-S", str(source or unit.source), "-o", os.devnull]
    return subprocess.run(command, cwd=unit.folder, capture_output=True, text=True)


def read_report(text: str, folder: str) -> Found:
    found: Found = {}
    for line, reason in itertools.pairwise([*text.splitlines(), ""]):
        match = LINE.match(line)
        if match and not (match[3] == "missed" and reason.endswith(UNREACHABLE)):
            place = (pathlib.Path(folder, match[1]).resolve(), int(match[2]))
            if place[1] in marked(place[0]):
                found.setdefault(place, []).append(int(match[4] or 0))
    return found


def loops(unit: Unit, source: pathlib.Path | None = None) -> Found:
    done = compile_unit(unit, *OPTIONS, source=source)
    assert done.returncode == 0, done.stderr
    return read_report(done.stderr, unit.folder)


def ask(all_units: list[Unit]) -> list[Report]:
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return [(str(unit), unit.isa, found) for unit, found in zip(all_units, pool.map(loops, all_units), strict=True)]


def reports_of(printed: str, build: pathlib.Path) -> list[Report]:
    """Of what ninja prints: a line for each object, and below it what the compiler said."""
    _, *parts = re.split(r"^\[\d+/\d+\] Building C object (.+)$", printed, flags=re.M)
    made = [(re.search(r"/libloss_\w+?_(avx2|avx512|neon)(?:_f\d\d)?\.dir/", name), name, text) for name, text in zip(parts[::2], parts[1::2], strict=True)]
    return [(name, kernel[1], read_report(text, str(build))) for kernel, name, text in made if kernel]


def reports_on(build: pathlib.Path, log: pathlib.Path) -> list[Report]:
    """As the log tells, if it tells of every kernel; else the compiler is asked."""
    every = units(build)
    told = reports_of(log.read_text(), build) if log.exists() else []
    return told if len(told) == len(every) and any(found for _, _, found in told) else ask(every)


def complaints_of(reports: list[Report]) -> list[str]:
    """Every complaint; empty when every marked loop is vectorised."""
    complaints, seen = [], set()
    for unit, isa, found in reports:
        for (file, line), widths in found.items():
            place = f"{file.relative_to(ROOT)}:{line}"
            seen.add((isa, file, line))
            if 0 in widths:
                complaints.append(f"{unit}: {place}: {widths.count(0)} of its loops stayed scalar")
            elif max(widths) < WIDTH[isa]:
                complaints.append(f"{unit}: {place}: vectors of {max(widths)} bytes only")
    for isa, file in sorted({(isa, file) for isa, file, _ in seen}):
        gone = sorted(line for line in marked(file) if (isa, file, line) not in seen)
        complaints += [f"{isa}: {file.relative_to(ROOT)}:{line}: this marked loop is in no kernel" for line in gone]
    return complaints


def main() -> int:
    if len(sys.argv) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    build, *printed = map(pathlib.Path, sys.argv[1:])
    reports = reports_of(printed[0].read_text(), build) if printed else ask(units(build))
    complaints = complaints_of(reports)
    print("\n".join(complaints) or f"{len(reports)} kernels: every marked loop is vectorised")
    return bool(complaints) or not reports


if __name__ == "__main__":
    sys.exit(main())
