"""Prints the worst errors in ULP that the oracles find, beside what each loss declares: value, gradient and Hessian, f32 and f64.

    LIBLOSS_SO=.../libloss.so [LIBLOSS_ORACLES=folder] python tests/losses/worst.py [NAME ...]

The hard points are those of test_accuracy.py and test_units.py; of the derivatives by several inputs the worst one counts.
"""

from __future__ import annotations

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "oracle"))
import mpmath as mp
import numpy as np
from harness import Loss, names
from points import specs
from rows import ROW_ORACLES
from test_accuracy import measure, measure_rows
from test_units import measure_units
from units import UNITS


def found(name: str, dtype) -> list[dict]:
    if name in UNITS:
        digits, mp.mp.dps = mp.mp.dps, UNITS[name].digits
        try:
            return [measure_units(name, dtype)]
        finally:
            mp.mp.dps = digits
    return [measure_rows(name, dtype)] if name in ROW_ORACLES else [measure(spec, dtype) for spec in specs(name)]


def main() -> None:
    print(f"{'':34} {'f32: found':>16} {'declared':>14}   {'f64: found':>16} {'declared':>14}")
    for name in sys.argv[1:] or names():
        line = f"{name:34}"
        for dtype, key in ((np.float32, "f4"), (np.float64, "f8")):
            worst = found(name, dtype)
            columns = (max((w[0] for each in worst for k, w in each.items() if k.startswith(what)), default=0) for what in ("value", "grad", "hess"))
            line += " " + " ".join(f"{e:5.2f}" for e in columns) + f" {'/'.join(f'{b:g}' for b in Loss(name).info[key]):>14}  "
        print(line.rstrip(), flush=True)


if __name__ == "__main__":
    main()
