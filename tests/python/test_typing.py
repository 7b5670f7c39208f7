"""The stubs: mypy --strict accepts what is right, refuses every line that is wrong, and finds them true to the package."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import libloss
import pytest

pytest.importorskip("mypy")
HERE = pathlib.Path(__file__).parent / "typing"
SOURCE = pathlib.Path(__file__).parents[2] / "bindings/python"


def mypy(*arguments, module="mypy"):
    return subprocess.run([sys.executable, "-m", module, *map(str, arguments)], capture_output=True, text=True, check=False, cwd=HERE,
                          env={**os.environ, "KERAS_BACKEND": "torch"})  # stubtest imports every module, and Keras its backend


def test_good():
    done = mypy("--strict", "good.py")
    assert done.returncode == 0, done.stdout


def test_bad():
    done = mypy("--strict", "bad.py")
    lines = (HERE / "bad.py").read_text().splitlines()
    wrong = {k for k, line in enumerate(lines, 1) if line and not line.startswith(('"', "import", "from"))}
    found = {int(line.split(":")[1]) for line in done.stdout.splitlines() if ": error:" in line}
    assert found == wrong, done.stdout


def test_stubs_are_true():
    done = mypy("libloss", "--mypy-config-file", SOURCE / "pyproject.toml", "--allowlist", HERE / "allowed.txt", module="mypy.stubtest")
    assert done.returncode == 0, done.stdout


def test_the_package_itself():
    done = mypy("--strict", "--config-file", SOURCE / "pyproject.toml", "--package", "libloss")
    assert done.returncode == 0, done.stdout


def test_every_loss_has_a_stub():
    stub = (pathlib.Path(libloss.__file__).parent / "__init__.pyi").read_text()
    for name in libloss.losses():
        assert f"\ndef {name}(" in stub
        for alias in libloss.info(name).aliases:
            assert f"\n{alias} = {name}\n" in stub
