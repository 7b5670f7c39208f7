"""Every how-to of the gallery runs, and prints what it says it prints."""

from __future__ import annotations

import pathlib
import re

import child
import libloss
import pytest

HOWTOS = pathlib.Path(libloss.__file__).parent / "_gallery/how-to"


def promised(text: str) -> list[str]:
    """The lines after "# prints:" marks: each mark is followed by comment lines until the first other line."""
    return [line.removeprefix("# ") for block in re.findall(r"^# prints:\n((?:#.*\n)+)", text, re.M) for line in block.splitlines()]


@pytest.mark.parametrize("howto", sorted(HOWTOS.glob("*.py")), ids=lambda path: path.stem)
def test_howto(howto, tmp_path):
    done = child.python(howto, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == promised(howto.read_text())
