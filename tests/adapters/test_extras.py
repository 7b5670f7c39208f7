"""The adapters are there by name, are imported when asked for, and say what they need."""

from __future__ import annotations

import pathlib

import child
import libloss
import pytest
from libloss import _extras


def python(code: str) -> str:
    done = child.python("-c", code)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_every_module_is_listed():
    modules = {path.stem for path in pathlib.Path(libloss.__file__).parent.glob("*.py") if not path.stem.startswith("_")}
    assert modules - {"metrics"} == set(_extras.ADAPTERS)


def test_importing_libloss_imports_no_tool():
    assert python(f"import libloss, sys; print([name for name in {_extras.ADAPTERS!r} if name in sys.modules])") == "[]"


@pytest.mark.parametrize("name", _extras.ADAPTERS)
def test_a_missing_tool_is_named(name):
    """With a finder in front that finds nothing outside libloss and the standard library."""
    said = python(f"""
import sys, numpy, libloss
class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in sys.stdlib_module_names | {{"libloss", "numpy"}}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Nothing())
try:
    libloss.{name}
except ModuleNotFoundError as missing:
    print(missing)
""")
    assert said.startswith(f"libloss.{name} needs ") and said.endswith(f": pip install 'libloss[{name}]'")
