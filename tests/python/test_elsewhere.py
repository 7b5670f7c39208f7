"""Names of other libraries are answered with ours, never computed and never met with silence."""

from __future__ import annotations

import pathlib
import re

import elsewhere
import libloss
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
ENTRIES = re.findall(r'^ELSEWHERE\("([^"]*)", "[^"]*", "([^"]*)"\)$', (ROOT / "src/losses/elsewhere.def").read_text(), re.MULTILINE)
OURS = {*libloss.losses(), *libloss.metrics.metrics()}
# What these compute is the work of a layer, not of a loss.
LAYERS = {"AdaptiveLogSoftmaxWithLoss", "LinearCrossEntropyLoss", "linear_cross_entropy"}


def test_every_entry_names_something_of_ours_and_nothing_twice():
    names = [name for words, _ in ENTRIES for name in words.split()]
    assert len(ENTRIES) > 70 and len(set(names)) == len(names)
    for words, text in ENTRIES:
        assert OURS & set(re.findall(r"\w+", text)), (words, text)
        for name in words.split():
            with pytest.raises(libloss.UnknownNameError, match=r"a name of .*; here it is ") as refused:
                libloss.Loss(name)
            assert text in str(refused.value)
            with pytest.raises(AttributeError, match="a name of"):
                getattr(libloss, name)


def test_all_of_torch_is_answered():
    pytest.importorskip("torch")
    assert {name for name in elsewhere.torch_names() if not elsewhere.answer(name)} <= LAYERS


def test_the_script_runs(capsys):
    elsewhere.main()
    printed = capsys.readouterr().out
    assert all(f"{library}: " in printed for library in elsewhere.LIBRARIES)
