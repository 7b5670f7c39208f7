"""Compiles small shared libraries out of single source files, to test what stands below the API."""

from __future__ import annotations

import ctypes
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
KERNEL = ["-std=gnu11", "-O3", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-fPIC", "-shared", "-DLIBLOSS_ISA=t"]
ISAS = {"baseline": [], "avx2": ["-mavx2", "-mfma"],
        "avx512": ["-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", "-mfma", "-mprefer-vector-width=512"]}


def has(isa: str) -> bool:
    flags = pathlib.Path("/proc/cpuinfo").read_text()
    return {"baseline": True, "avx2": " avx2 " in flags, "avx512": " avx512dq " in flags}[isa]


@pytest.fixture(scope="session")
def build(tmp_path_factory):
    """``build(sources, *flags)`` is the loaded library."""
    folder = tmp_path_factory.mktemp("built")

    def compile(sources: list[str], *flags: str) -> ctypes.CDLL:
        out = folder / f"{abs(hash((tuple(sources), flags)))}.so"
        files = []
        for i, source in enumerate(sources):
            path = ROOT / source
            if not source.endswith(".c"):
                path = folder / f"{out.stem}_{i}.c"
                path.write_text(source)
            files.append(str(path))
        subprocess.run([os.environ.get("CC", "cc"), *KERNEL, *flags, f"-I{ROOT}/include", f"-I{ROOT}/src", *files, "-o", str(out)], check=True)
        return ctypes.CDLL(str(out))

    return compile
