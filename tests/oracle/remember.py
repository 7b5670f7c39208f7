"""Keeps what oracles have found: another instruction set, or the next run, asks the same questions, and 1000 digits take time.

Answers lie in the folder that LIBLOSS_ORACLES names, under a hash of the question and of the oracles' own text; without it nothing is kept.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import os
import pathlib
import pickle

import mpmath as mp

HERE = pathlib.Path(__file__).parent


@functools.cache
def _text() -> bytes:
    """Of everything that an answer depends on beside the question."""
    return b"".join(p.read_bytes() for p in sorted(HERE.glob("*.py"))) + mp.__version__.encode()


def remembered(function):
    """For functions of plain data, whose answer is plain data or mpmath's numbers."""
    folder = os.environ.get("LIBLOSS_ORACLES")
    if not folder:
        return function
    text = inspect.getsource(function)

    @functools.wraps(function)
    def answer(*question):
        key = hashlib.sha256(_text() + pickle.dumps((text, mp.mp.dps, question))).hexdigest()
        file = pathlib.Path(folder, key)
        if file.exists():
            return pickle.loads(file.read_bytes())
        found = function(*question)
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(f".{os.getpid()}")  # others write beside us
        part.write_bytes(pickle.dumps(found))
        part.replace(file)
        return found

    return answer
