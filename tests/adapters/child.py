"""Processes of the tests."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys


def python(*arguments: str | pathlib.Path, seconds: float = 300, **keywords) -> subprocess.CompletedProcess[str]:
    """Runs Python. A process that does not end, or leaves one behind that holds its output, is made to print where all its threads stand."""
    command = [sys.executable, "-X", "faulthandler", *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
                          **keywords) as child:
        try:
            out, err = child.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            ended = child.poll()
            os.killpg(child.pid, signal.SIGABRT)
            out, err = child.communicate(timeout=10)
            raise AssertionError(f"{command} did not end in {seconds} s (exit code {ended})\n{out}\n{err}") from None
    return subprocess.CompletedProcess(command, child.returncode, out, err)
