"""scikit-build-core, and an sdist that carries the C sources along: they lie above this folder, where no sdist reaches."""

from __future__ import annotations

import pathlib
import shutil

from scikit_build_core.build import *  # noqa: F403
from scikit_build_core.build import build_sdist as _build_sdist

HERE = pathlib.Path(__file__).resolve().parent
CARRIED = ["CMakeLists.txt", "libloss.pc.in", "LICENSE", "src", "include", "bindings/python/CMakeLists.txt", "bindings/python/build_ffi.py",
           "bindings/python/build_stubs.py", "bindings/python/build_texts.py", "bindings/python/stubs", "bindings/python/shim.h"]


def build_sdist(sdist_directory: str, config_settings: dict[str, list[str] | str] | None = None) -> str:
    root, carried = HERE.parent.parent, HERE / "c"
    if not (root / "src").is_dir():  # an sdist made from an sdist
        return _build_sdist(sdist_directory, config_settings)
    try:
        for name in CARRIED:
            source, to = root / name, carried / name
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(source, to) if source.is_dir() else shutil.copy2(source, to)
        return _build_sdist(sdist_directory, config_settings)
    finally:
        shutil.rmtree(carried, ignore_errors=True)
