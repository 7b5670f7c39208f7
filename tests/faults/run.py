"""Shows that the tests can fail: breaks a scratch copy of the sources in one place at a time, and sees some test object.

    python tests/faults/run.py           a few faults
    python tests/faults/run.py --long    all

Each copy is built with the README's one line of cc, so a fault costs seconds.
"""

from __future__ import annotations

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
FAULTS = [  # file, what stands there, what a slip would make of it, the tests that must object
    ("losses/distance/huber.c", ".grad = clipped", ".grad = -clipped", "test_accuracy.py -k huber-float64"),
    ("engine/account.c", "term[i] = w == 0 ? 0 : w * v", "term[i] = w * v", "test_engine.py -k 'masked and float64'"),
    ("engine/survey.c", "label[i] >= c->classes", "label[i] > c->classes", "test_engine.py -k bad_input"),
    ("kernel/tile_sum.h", "field -= 52", "field -= 53", "test_engine.py -k 'exact and float64'"),
    ("losses/distance/quantile.c", "1 - tau : r.hi < 0 ? -tau", "tau : r.hi < 0 ? tau - 1", "test_accuracy.py -k 'quantile and float64'"),
    ("losses/distance/pseudo_huber.c", ".hess = ", ".hess = -", "test_accuracy.py -k 'pseudo_huber and float64'"),
    ("losses/distance/log_cosh.c", "log_cosh_(r)", "log_cosh_(r) + 1e-15", "test_accuracy.py -k log_cosh"),
    ("losses/margin/hinge.c", "CONVEX", "CONVEX | DIFFERENTIABLE", "test_claims.py -k hinge"),
    ("losses/elementwise/binary_cross_entropy_with_logits.c", "wrong == 0 ? 0 : size * wrong", "size * wrong",
     "test_limits.py -k 'binary_cross_entropy_with_logits and float64'"),
    ("kernel/math_exp.h", "k * LN2_LO", "k * LN2_HI * 0", "test_accuracy.py -k exponential"),
    ("kernel/softmax.h", "tile->smoothing / (real)n", "tile->smoothing / (real)(n - 1)", "test_peers.py test_accuracy.py -k cross_entropy"),
    ("engine/total.c", "into->present += from->present", "into->present = from->present", "test_engine.py -k 'split'"),
    ("engine/tensor.c", "return v->strides[axis]", "return -v->strides[axis]", "test_engine.py -k layout"),
    ("engine/call.c", "if (libloss__meet(v, seen->view[k]))", "if (0)", "test_engine.py -k bad_input"),
    ("engine/builtin.c", "o->factor[k] * add[a].one[i]", "add[a].one[i]", "test_engine.py -k term_by_term"),
]


def build(source: pathlib.Path, out: pathlib.Path) -> None:
    line = re.search(r"^cc .*LIBLOSS_PLAIN.* -o libloss.so$", (ROOT / "README.md").read_text(), re.M).group()
    subprocess.run(["sh", "-c", line.replace("-o libloss.so", f"-o {out}")], cwd=source, check=True, capture_output=True)


def objected(library: pathlib.Path, selection: str) -> bool:
    files = [str(ROOT / "tests/losses" / w) if w.endswith(".py") else w for w in shlex.split(selection)]
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *files], env={**os.environ, "LIBLOSS_SO": str(library)},
                          capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1, 2):
        raise SystemExit(f"{selection}: {done.stdout[-2000:]}")
    return done.returncode != 0


def main() -> int:
    faults = FAULTS if "--long" in sys.argv else FAULTS[:4]
    missed = 0
    with tempfile.TemporaryDirectory() as scratch:
        build(ROOT, pathlib.Path(scratch) / "whole.so")
        for selection in dict.fromkeys(selection for *_, selection in faults):
            if objected(pathlib.Path(scratch) / "whole.so", selection):
                print(f"ALWAYS    {selection} objects to unbroken sources")
                missed += 1
        for file, old, new, selection in faults:
            copy = pathlib.Path(scratch) / "copy"
            shutil.rmtree(copy, ignore_errors=True)
            for part in ("src", "include"):
                shutil.copytree(ROOT / part, copy / part)
            text = (copy / "src" / file).read_text()
            if old not in text:
                print(f"gone      {file}: {old!r} is not there any more")
                missed += 1
                continue
            (copy / "src" / file).write_text(text.replace(old, new, 1))
            build(copy, copy / "libloss.so")
            seen = objected(copy / "libloss.so", selection)
            missed += not seen
            print(f"{'seen' if seen else 'MISSED':9} {file}: {new!r}", flush=True)
    return missed > 0


if __name__ == "__main__":
    raise SystemExit(main())
