"""Losses of two large .npy files in little memory, interrupted and resumed: the totals are the same to the bit.

    python tests/bench/large_file.py --megabytes 2000 --budget 1000

Writes prediction.npy and target.npy, together so large, evaluates them once in one go, then again with Ctrl-C on the way, and compares what
is printed. Every process may have ``--budget`` MB of address space, so that neither file need fit; its peak of memory is shown.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import pty
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

import numpy as np

LOSSES = ("squared_error", "huber:delta=0.5", "log_cosh", "smape")
ROWS = 1 << 18


class Done(NamedTuple):
    code: int
    printed: str
    shown: str  # on the terminal
    seconds: float
    megabytes: float  # at its peak


def make(folder: pathlib.Path, megabytes: float) -> int:
    """Writes the two files; how many rows they have."""
    rows = int(megabytes * 1e6 / 16)
    random = np.random.default_rng(7)
    for name in ("prediction", "target"):
        with open(folder / f"{name}.npy", "wb") as file:
            np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": (rows,)})
            for first in range(0, rows, ROWS):
                # of magnitudes that ordinary sums lose
                (random.normal(size=min(ROWS, rows - first)) * 10.0 ** random.integers(-8, 9, min(ROWS, rows - first))).tofile(file)
    return rows


def evaluate(folder: pathlib.Path, budget: float, *more: str, stop: float | None = None) -> Done:
    """Runs the command in that folder; sends it Ctrl-C when its bar shows ``stop``."""
    ours, theirs = pty.openpty()
    start = time.monotonic()
    limit = int(budget * 1e6)
    child = subprocess.Popen([sys.executable, "-m", "libloss", "eval", *LOSSES, "prediction.npy", "target.npy", "--json", *more], cwd=folder, text=True,
                             stdout=subprocess.PIPE, stderr=theirs, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
                             env={**os.environ, "OPENBLAS_NUM_THREADS": "1"})
    os.close(theirs)
    shown = ""
    while True:
        try:
            text = os.read(ours, 4096)
        except OSError:  # how Linux says that the other end is closed
            text = b""
        if not text:
            break
        shown += text.decode()
        if stop is not None and (percent := re.findall(r"(\d+)%", shown)) and int(percent[-1]) >= 100 * stop:
            child.send_signal(signal.SIGINT)
            stop = None
    os.close(ours)
    assert child.stdout is not None
    printed = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return Done(child.returncode, printed, shown, time.monotonic() - start, usage.ru_maxrss / 1e3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, default=2000, help="of both files (default: %(default)s)")
    parser.add_argument("--budget", type=float, default=1000, help="megabytes of address space (default: %(default)s)")
    parser.add_argument("--chunk", help="rows in memory at a time")
    parser.add_argument("--stop", type=float, default=0.3, help="the part after which Ctrl-C comes (default: %(default)s)")
    parser.add_argument("--folder", help="where the files go (default: a temporary one)")
    options = parser.parse_args()
    more = ["--chunk", options.chunk] if options.chunk else []
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = pathlib.Path(name)
        rows = make(folder, options.megabytes)
        print(f"2 files, {rows} rows, {options.megabytes:g} MB; {len(LOSSES)} losses; at most {options.budget:g} MB of address space")
        straight = evaluate(folder, options.budget, *more)
        stopped = evaluate(folder, options.budget, *more, stop=options.stop)
        resumed = evaluate(folder, options.budget, *more, "--resume") if stopped.code == 130 else stopped
        for what, done in (("in one go", straight), ("until Ctrl-C", stopped), ("resumed", resumed)):
            last = done.shown.rpartition("\033[K")[2].strip()
            print(f"{what:13} {done.seconds:6.1f} s  {done.megabytes:5.0f} MB at its peak  exit code {done.code}  {last}")
        if (straight.code, stopped.code, resumed.code) != (0, 130, 0) or straight.printed != resumed.printed:
            sys.exit("the totals differ, or a run failed")
        for result in json.loads(straight.printed)["results"]:
            print(f"{result.get('loss', result.get('metric')):16} {result['value']!r}")
        print("the same to the bit")


if __name__ == "__main__":
    main()
