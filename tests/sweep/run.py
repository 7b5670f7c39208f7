"""Sweeps every loss of one number per input and prints its worst errors beside the declared bounds; fails where one is beyond.

    LIBLOSS_SO=.../libloss.so python tests/sweep/run.py [--stride 251] [--pairs 65521] [--search 100000] [--loss NAME ...] [--jobs 1]

f32: every stride-th of all 2^32 predictions at each fixed target, and every pairs-th of the 2^32 pairs of float16 and bfloat16 numbers
(--stride 1 --pairs 1: all). f64: so many random points at hard places, then climbing from the worst. oracles.h says what they are
held against; the worst places are looked at again with mpmath and the formula's own text. Strides are primes, so that every bit of
the numbers varies.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import mpmath as mp

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/oracle"), str(ROOT / "tests/losses")]
TARGETS = {"real": [0], "probability": [0, 1], "sign": [1, -1], "nonnegative": [0, 3], "positive": [0.375]}
OWN_TARGETS = {"absolute_percentage_error": [3], "kl_pointwise": [0.75]}
OUTPUTS = ("value", "gradient", "Hessian")


def build(folder: str) -> str:
    program, library = f"{folder}/sweep", os.path.realpath(os.environ["LIBLOSS_SO"])
    flags = ["-O2", "-fno-math-errno", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror"]
    subprocess.run([os.environ.get("SWEEP_CC", "gcc"), *flags, f"-I{ROOT}/include", str(ROOT / "tests/sweep/sweep.c"), library,
                    f"-Wl,-rpath,{os.path.dirname(library)}", "-lquadmath", "-lm", "-o", program], check=True)
    return program


def jobs(options) -> list[tuple[str, list[str]]]:
    from harness import Loss, names

    out = []
    for name in options.loss or names():
        loss = Loss(name)
        if loss.info["rows"] or loss.info["units"] or len(loss.inputs) != 2:
            continue
        kind = loss.inputs[1]["kind"]
        targets = OWN_TARGETS.get(name, TARGETS[kind])
        out += [(name, ["one", name, str(t), str(options.stride)]) for t in targets if options.stride]
        out += [(name, ["pairs", name, half, str(options.pairs)]) for half in ("f16", "bf16") if options.pairs and kind != "sign"]
        out += [(name, ["search", name, str(options.search), "1"])] if options.search else []
    return out


def exact_error(name: str, output: int, p: float, t: float, wide: bool) -> float:
    """In ULP, by the formula's text."""
    import numpy as np
    from formula import Formula
    from harness import Loss
    from scales import larger
    from test_accuracy import error, parameters

    loss, dtype = Loss(name), np.float64 if wide else np.float32
    x, y, values = np.array([p], dtype), np.array([t], dtype), np.empty(1, dtype)
    got = loss.eval(x, y, grad=[0], hess=[0], values=values, reduction="none")
    words, numbers = parameters(loss, name, dtype)
    scope = {"prediction": p, "target": t, **numbers}
    try:
        jet = Formula(loss.info["formula"])(wrt="prediction", words=words, **scope)
    except ZeroDivisionError:  # a limit, which oracles.h knows
        return math.inf
    key = ("value", "grad0", "hess0")[output]
    return error((values, got["grad0"], got["hess0"])[output][0], (jet.v, jet.d, jet.h)[output], dtype, larger(name, key, words, scope))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stride", type=int, default=251)
    parser.add_argument("--pairs", type=int, default=65521)
    parser.add_argument("--search", type=int, default=60000)
    parser.add_argument("--loss", action="append")
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    from harness import Loss

    over = 0
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        program = build(folder)

        def run(job):
            start = time.monotonic()
            done = subprocess.run([program, *job[1]], capture_output=True, text=True, check=False)
            return job, done, time.monotonic() - start

        for (name, arguments), done, seconds in pool.map(run, jobs(options)):
            label = f"{name} {arguments[0]} {' '.join(arguments[2:])}"
            if done.returncode == 3:
                print(f"{label}: not in oracles.h; only test_accuracy.py holds it")
                continue
            if done.returncode:
                raise SystemExit(done.stderr)
            info, wide = Loss(name).info, arguments[0] == "search"
            line = []
            for k, text in enumerate(done.stdout.splitlines()):
                error, p, t = float(text.split()[0]), *map(float.fromhex, text.split()[1:])
                bound = info["f8" if wide else "f4"][k]
                if error > bound and mp.isfinite(p) and mp.isfinite(t):
                    error = exact_error(name, k, p, t, wide)
                bad = error > bound
                over += bad
                line.append(f"{'BEYOND ' if bad else ''}{OUTPUTS[k]} {error:.3f} <= {bound:g} at ({p!r}, {t!r})")
            print(f"{label} [{seconds:.0f} s]: {'; '.join(line)}", flush=True)
    return over > 0


if __name__ == "__main__":
    raise SystemExit(main())
