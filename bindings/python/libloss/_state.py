"""What an interrupted run leaves behind, for the same run to go on from.

A state file holds the totals, the place reached, and what makes it the same run: the version, losses, inputs, and of every file its path,
size and time of last change. Neither the size of pieces nor the reduction is among that, for totals depend on neither.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from ._errors import ArgumentError
from ._files import replacing
from ._libloss import ffi, lib

FORMAT = 1
AGAIN = "start again without --resume"


def identity(files: Sequence[str], **asked: Any) -> dict[str, Any]:
    """What makes a run the same."""
    stats = [(os.path.abspath(path), os.stat(path)) for path in files]
    return {"version": ffi.string(lib.libloss_version()).decode(), **asked, "files": [[path, stat.st_size, stat.st_mtime_ns] for path, stat in stats]}


def name(run: Mapping[str, Any]) -> str:
    """Of its state file, if nobody says another: the same whatever happens to the files' contents."""
    return f"libloss-{_digest({**run, 'version': '', 'files': [path for path, *_ in run['files']]})[:8]}.state"


def write(path: str, run: Mapping[str, Any], totals: Mapping[str, Any]) -> None:
    """All of it, or nothing."""
    kept = {"format": FORMAT, "run": run, "totals": totals}
    with replacing(path) as file:
        file.write(json.dumps({**kept, "sha256": _digest(kept)}).encode())


def read(path: str, run: Mapping[str, Any]) -> Any:
    """The totals; ArgumentError unless they are of this very run, on files that nobody has changed."""
    try:
        with open(path, "rb") as file:
            kept = json.loads(file.read())
        digest, version = kept.pop("sha256"), kept["format"]
    except FileNotFoundError:
        raise ArgumentError(f"{path} is not there: nothing to resume, for no run with these arguments was interrupted here") from None
    except (ValueError, LookupError, TypeError, AttributeError) as problem:
        raise ArgumentError(f"{path} is no state file of libloss eval") from problem
    if version != FORMAT:
        raise ArgumentError(f"{path} is a state file of format {version}, and this libloss reads {FORMAT}: {AGAIN}")
    if digest != _digest(kept):
        raise ArgumentError(f"{path} is damaged: {AGAIN}")
    for what, now in run.items():
        before = kept["run"].get(what)
        if what == "files":
            _same_files(path, before, now)
        elif before != now:
            raise ArgumentError(f"{path} is of another run: {what.replace('_', '-')} was {json.dumps(before)}, and here it is {json.dumps(now)}")
    return kept["totals"]


def _same_files(path: str, before: Sequence[Sequence[Any]], now: Sequence[Sequence[Any]]) -> None:
    if [b[0] for b in before] != [n[0] for n in now]:
        raise ArgumentError(f"{path} is of another run: it read {', '.join(b[0] for b in before)}")
    for (file, size, time), (_, size_now, time_now) in zip(before, now, strict=True):
        if (size, time) != (size_now, time_now):
            how = f"it had {size} bytes, and has {size_now}" if size != size_now else "it has been written to"
            raise ArgumentError(f"{file} has changed since {path} was left: {how}; {AGAIN}")


def _digest(kept: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()
