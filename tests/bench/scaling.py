"""How libloss scales over MPI ranks: the same rows on 1, 2, 3, 4 ranks of one thread each.

    python tests/bench/scaling.py [--rows 8000000] [--ranks 1,2,3,4] [--loss NAME] [--out DIR]

Per number of ranks, of the slowest rank: the least time of a total of all rows, of value and gradient (two passes over the rows), and of
the merge alone, which is what more machines would add. Every run must find the bits of the first one.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

AS_ROOT = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMP_NUM_THREADS": "1"}
ROUNDS = 7


def on_a_rank(loss: str, rows: int) -> dict[str, Any] | None:
    """What this rank finds; on the first rank, of the slowest."""
    import libloss
    import numpy as np
    from mpi4py import MPI

    comm = MPI.COMM_WORLD
    random = np.random.default_rng(1)  # every rank draws all rows and keeps its own: the same data for any number of ranks
    cuts = [rows * k // comm.size for k in range(comm.size + 1)]
    prediction, target = (random.standard_normal(rows, dtype=np.float32)[cuts[comm.rank] : cuts[comm.rank + 1]].copy() for _ in range(2))
    own = libloss.Total(loss).add(prediction, target, threads=1)

    def timed(call: Callable[[], Any]) -> float:
        best = float("inf")
        for _ in range(ROUNDS):
            comm.Barrier()
            start = time.perf_counter()
            call()
            best = min(best, comm.allreduce(time.perf_counter() - start, op=MPI.MAX))
        return best

    gradient = np.empty_like(prediction)
    found = {
        "ranks": comm.size,
        "total": timed(lambda: libloss.mpi.evaluate(loss, prediction, target, threads=1)),
        "value_and_grad": timed(lambda: libloss.mpi.value_and_grad(loss, prediction, target, threads=1, out=gradient)),
        "merge": timed(lambda: libloss.mpi.allreduce(own)),
        "bytes": len(own.to_bytes()),
        "bits": libloss.mpi.allreduce(own).to_bytes().hex(),
    }
    return found if comm.rank == 0 else None


def measured(ranks: int, loss: str, rows: int) -> dict[str, Any]:
    mpirun = shutil.which("mpirun") or str(pathlib.Path(sys.executable).with_name("mpirun"))
    command = [mpirun, "-n", str(ranks), "--oversubscribe", sys.executable, "-m", "mpi4py", __file__, "--rank", "--rows", str(rows), "--loss", loss]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **AS_ROOT})
    if done.returncode:
        sys.exit(done.stderr)
    return dict(json.loads(done.stdout))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=8_000_000)
    parser.add_argument("--ranks", default="1,2,3,4", help="numbers, separated by commas")
    parser.add_argument("--loss", default="huber")
    parser.add_argument("--out", type=pathlib.Path, help="folder for scaling.json")
    parser.add_argument("--rank", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.rank:
        found = on_a_rank(options.loss, options.rows)
        if found:
            print(json.dumps(found))
        return
    runs = [measured(int(ranks), options.loss, options.rows) for ranks in options.ranks.split(",")]
    print(f"{options.loss}, {options.rows} rows of float32, {len(os.sched_getaffinity(0))} CPUs, {runs[0]['bytes']} bytes a total")
    print("ranks   total ms   speed-up   value and gradient ms   speed-up   merge us")
    for run in runs:
        if run["bits"] != runs[0]["bits"]:
            sys.exit(f"{run['ranks']} ranks find other bits than {runs[0]['ranks']}")
        print(f"{run['ranks']:5} {run['total'] * 1e3:10.2f} {runs[0]['total'] / run['total']:10.2f} {run['value_and_grad'] * 1e3:23.2f} "
              f"{runs[0]['value_and_grad'] / run['value_and_grad']:10.2f} {run['merge'] * 1e6:10.1f}")
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "scaling.json").write_text(json.dumps(runs, indent=1))


if __name__ == "__main__":
    main()
