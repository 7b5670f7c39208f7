"""Every example is built, run, and prints what it says it prints."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).parent
LIBRARY = os.environ.get("LIBLOSS_SO")


def promised(text: str) -> list[str]:
    said = re.search(r"prints: (.*?)(?:\*/|\"\"\")", text, re.S)
    return [line.removeprefix(" * ").strip() for line in said[1].strip().splitlines()]


@pytest.mark.parametrize("example", sorted(HERE.glob("0*.c")), ids=lambda path: path.name)
def test_c(example, tmp_path):
    if not LIBRARY:
        pytest.skip("LIBLOSS_SO names no library")
    command = [os.environ.get("CC", "cc"), "-std=c11", "-Wall", "-Wextra", "-Werror", f"-I{HERE.parents[1]}/include", example, LIBRARY, "-o", tmp_path / "example"]
    built = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    done = subprocess.run([tmp_path / "example"], capture_output=True, text=True, check=True, env={**os.environ, "LD_LIBRARY_PATH": str(pathlib.Path(LIBRARY).parent)})
    assert done.stdout.splitlines() == promised(example.read_text())


@pytest.mark.parametrize("example", sorted(HERE.glob("0*.py")), ids=lambda path: path.name)
def test_python(example):
    done = subprocess.run([sys.executable, example], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == promised(example.read_text())
