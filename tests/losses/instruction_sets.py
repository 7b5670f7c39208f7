"""The instruction sets that must give the same bits: those with a fused multiply-add."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

LOSSES = pathlib.Path(__file__).resolve().parent


def printed_by_each(program: str) -> list[str]:
    """What a program that imports the tests prints, by each set in a process of its own. Skips where the machine has only one."""
    flags = pathlib.Path("/proc/cpuinfo").read_text()
    if " avx2" not in flags or " avx512dq" not in flags:
        pytest.skip("this machine has only one instruction set with FMA")
    code = f"import sys; sys.path[:0] = [{str(LOSSES.parent / 'oracle')!r}, {str(LOSSES)!r}]\n{program}"
    return [subprocess.run([sys.executable, "-c", code], env={**os.environ, "LIBLOSS_ISA": isa}, capture_output=True, text=True, check=True).stdout
            for isa in ("avx2", "avx512")]
