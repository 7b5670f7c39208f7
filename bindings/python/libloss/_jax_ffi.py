"""Compiles _jax_ffi.c against the headers that the installed jaxlib ships, once per user, and gives it to XLA.

A wheel can't hold it: the header belongs to jaxlib, and its version to the process.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import pathlib
import shlex
import shutil
import subprocess
import tempfile

from ._extras import tool
from ._libloss import ffi, lib

TARGET = "libloss_jet"
FLAGS = ("-std=c11", "-O2", "-shared", "-fPIC")
HERE = pathlib.Path(__file__).parent


def _compiler() -> list[str]:
    if chosen := shlex.split(os.environ.get("CC", "")):
        return chosen
    found = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    if found is None:
        raise OSError("there is no C compiler (cc, gcc or clang; CC names another one)")
    return [found]


def _cache() -> pathlib.Path:
    """The user's own directory for what can be made again."""
    path = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "libloss"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def _compiled() -> pathlib.Path:
    """The shared object, made if nobody has: everything that it is made from is in its name."""
    jax = tool("jax")
    source, header, compiler = HERE / "_jax_ffi.c", HERE / "libloss.h", _compiler()
    made_from = (source.read_bytes(), header.read_bytes(), tool("jaxlib", "jax").__version__.encode(), repr((compiler, FLAGS)).encode())
    path = _cache() / f"jax-{hashlib.sha256(b'|'.join(made_from)).hexdigest()[:32]}.so"
    if not path.exists():
        with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
            new = pathlib.Path(scratch) / "new.so"
            command = [*compiler, *FLAGS, f"-I{HERE}", "-isystem", jax.ffi.include_dir(), str(source), "-o", str(new)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise OSError(f"{shlex.join(command)} failed: {done.stderr.strip()}")
            new.replace(path)  # whole or not at all: another process may be looking
    return path


@functools.cache
def failure() -> str:
    """Why XLA can't call libloss; "" if it can."""
    jax = tool("jax")
    try:
        handler = ctypes.CDLL(str(_compiled()))
        handler.libloss_jax_start(*(ctypes.c_void_p(int(ffi.cast("intptr_t", ffi.addressof(lib, name))))
                                    for name in ("libloss_create", "libloss_eval", "libloss_message")))
        jax.ffi.register_ffi_target(TARGET, jax.ffi.pycapsule(handler.libloss_jet), platform="cpu")
    except Exception as problem:  # whatever it is, pure_callback does the same, more slowly
        return str(problem)
    return ""
