"""Which arithmetic each loss of one number per input takes for f32 data, and what the others would cost: worst error of value, gradient
and Hessian in ULP, and ns per element of value + gradient on a tile of 1024 numbers in L1. Then the cliffs: the slowest kind of data
(logits in +-100, subnormal numbers, NaN, infinities) against ordinary data; more than 1.5 fails.

    LIBLOSS_SO=.../libloss.so python tests/sweep/choice.py [--isa avx512] [--bits 32] [--loss NAME ...]

Candidates: `f32` carries no remainders, `f32+` does, `f64` is double inside. `*` marks what the loss's file takes. What does not
compile (functions that exist in double only) or does not vectorise is left out.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/oracle"), str(ROOT / "tests/losses")]
FLAGS = ["-std=gnu11", "-O3", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"]
ISAS = {"baseline": [], "neon": [], "avx2": ["-mavx2", "-mfma"],
        "avx512": ["-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", "-mfma", "-mprefer-vector-width=512"]}
REMAINDER = re.compile(r"#define CARRIES_REMAINDER .*")
KINDS = {"real": 0, "probability": 1, "positive": 2, "nonnegative": 2, "sign": 3}  # KIND_ of src/kernel/loss.h
OUTPUTS = ("value", "grad0", "hess0")
COMBINED = 4  # place of value_grad_hess in the table of kernels


class Tile(ctypes.Structure):  # pointwise_tile of src/kernel/loss.h
    _fields_ = [("count", ctypes.c_ssize_t), ("input", ctypes.c_void_p * 8), ("flat", ctypes.c_double), ("in_double", ctypes.c_int),
                ("factor", ctypes.c_void_p), ("value", ctypes.c_void_p),
                ("grad", ctypes.c_void_p), ("hess", ctypes.c_void_p), ("wide_grad", ctypes.c_void_p * 8), ("wide_hess", ctypes.c_void_p * 8),
                ("by", ctypes.c_void_p), ("param", ctypes.c_void_p), ("upper", ctypes.c_int), ("faint", ctypes.c_int)]


def compile_candidate(folder, name, path, kind, isa, bits):
    """The timing program and the kernels as a library, or None."""
    home = pathlib.Path(folder) / kind
    shutil.copytree(ROOT / "src", home / "src", dirs_exist_ok=True)
    text = (ROOT / path).read_text().replace("#define INSIDE_F64\n", "")
    (home / path).write_text(("#define INSIDE_F64\n" if kind == "f64" and bits == 32 else "") + text)
    if kind == "f32":
        header = home / "src/kernel/pair.h"
        header.write_text(REMAINDER.sub("#define CARRIES_REMAINDER 0", header.read_text()))
    options = [*FLAGS, *ISAS[isa], f"-DLIBLOSS_ISA={isa}", f"-DLIBLOSS_BITS={bits}", f"-DNAME={name}", f"-I{home}/src", f"-I{home}/src/kernel", "-Wno-unknown-pragmas"]
    for extra, out in ([str(ROOT / "tests/sweep/time_kernel.c")], f"{folder}/{name}_{kind}"), (["-fPIC", "-shared"], f"{folder}/{name}_{kind}.so"):
        done = subprocess.run([os.environ.get("CC", "cc"), *options, str(home / path), *extra, "-o", out], capture_output=True, check=False)
        if done.returncode:
            return None
    return f"{folder}/{name}_{kind}"


def times(program, loss, bits) -> dict[str, list[float]]:
    arguments = [str(len(loss.inputs)), *(str(KINDS[i["kind"]]) for i in loss.inputs), *(str(p["fallback"]) for p in loss.parameters)]
    best: dict[str, list[float]] = {}
    for _ in range(3):
        for line in subprocess.run([program, *arguments], check=True, capture_output=True, text=True).stdout.splitlines():
            data, *numbers = line.split()
            best[data] = [min(a, float(b)) for a, b in zip(best.get(data, [1e9] * 4), numbers, strict=True)]
    return best


def errors(library, name, loss, isa, bits, count=150) -> list[float]:
    from formula import Formula
    from points import elementwise
    from scales import larger
    from test_accuracy import error, parameters

    dtype = np.float64 if bits == 64 else np.float32
    x = elementwise(name, name, loss.inputs, dtype, np.random.default_rng(3), count)
    n = len(x[0]) // 16 * 16  # kernels take whole blocks
    out = [np.empty(n, dtype) for _ in OUTPUTS]
    factor, param = np.ones(n), np.zeros(12)
    param[: len(loss.parameters)] = [q["fallback"] for q in loss.parameters]
    tile = Tile(count=n, flat=1, factor=factor.ctypes.data, value=out[0].ctypes.data, grad=out[1].ctypes.data, hess=out[2].ctypes.data, param=param.ctypes.data)
    for k, a in enumerate(x):
        tile.input[k] = a.ctypes.data
    table = (ctypes.c_void_p * (COMBINED + 1)).in_dll(ctypes.CDLL(library), f"libloss__{name}_{isa}_f{bits}")
    ctypes.CFUNCTYPE(None, ctypes.POINTER(Tile))(table[COMBINED])(ctypes.byref(tile))
    formula, worst = Formula(loss.info["formula"]), [0.0] * len(OUTPUTS)
    words, numbers = parameters(loss, name, dtype)
    for i in range(n):
        scope = {**{k["name"]: float(a[i]) for k, a in zip(loss.inputs, x, strict=True)}, **numbers}
        try:
            jet = formula(wrt=loss.inputs[0]["name"], words=words, **scope)
        except ZeroDivisionError:
            continue
        for k, (key, exact) in enumerate(zip(OUTPUTS, (jet.v, jet.d, jet.h), strict=True)):
            worst[k] = max(worst[k], error(out[k][i], exact, dtype, larger(name, key, words, scope)))
    return worst


def main() -> int:
    from harness import Loss, names

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--isa", default="avx512", choices=ISAS)
    parser.add_argument("--bits", type=int, default=32, choices=(32, 64))
    parser.add_argument("--loss", action="append")
    options = parser.parse_args()
    steep = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in options.loss or names():
            loss = Loss(name)
            if loss.info["rows"] or loss.info["units"]:
                continue
            path = f"src/losses/{loss.info['family']}/{name}.c"
            taken = "f64" if options.bits == 64 or "#define INSIDE_F64" in (ROOT / path).read_text() else "f32+"
            line = []
            for kind in ("f64",) if options.bits == 64 else ("f32", "f32+", "f64"):
                program = compile_candidate(folder, name, path, kind, options.isa, options.bits)
                if not program:
                    continue
                spent, worst = times(program, loss, options.bits), errors(program + ".so", name, loss, options.isa, options.bits)
                line.append(f"{'*' if kind == taken else ''}{kind} {'/'.join(f'{e:.2f}' if e < 1e4 else f'{e:.0e}' for e in worst)} ULP {spent['ordinary'][1]:.3f} ns")
                if kind == taken:
                    ratio, data = max((max(a / b for a, b in zip(times_of, spent["ordinary"], strict=True)), data) for data, times_of in spent.items())
            bad = ratio > 1.5
            steep += bad
            print(f"{name}: {'; '.join(line)}; {'CLIFF ' if bad else ''}slowest data {data} x {ratio:.2f}", flush=True)
    return steep > 0


if __name__ == "__main__":
    raise SystemExit(main())
