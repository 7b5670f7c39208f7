"""``libloss gallery DIR``: a folder of pages about every loss and metric, for a browser without a server.

Everything on the pages comes from the registry, from the C sources' own words, from calls of the library,
and from the scripts in how-to/.
"""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from functools import cache, partial

import libloss

from .._errors import ArgumentError
from . import _scenes
from ._coming import LIBRARIES
from ._pages import MARK, Site, infos

HERE = pathlib.Path(__file__).parent


def _makers() -> dict[str, Callable[[], str]]:
    """How to make each file, by its path in the folder."""
    everything = infos()
    blocks = cache(lambda: {i.name: _scenes.blocks(i) for i in everything if not i.is_metric})
    site = Site(everything, blocks, libloss.__version__)
    files: dict[str, Callable[[], str]] = {"index.html": site.index, "guide.html": site.guide, "howto.html": site.howto_index}
    files |= {name: partial((HERE / name).read_text, encoding="utf-8") for name in ("style.css", "script.js")}
    files |= {f"howto/{h.name}.html": partial(site.howto, h) for h in site.howtos}
    files |= {f"from/{library.file}.html": partial(site.coming, library) for library in LIBRARIES}
    return files | {site.file(i.name): partial(site.entry, i.name) for i in everything}


def pages() -> dict[str, str]:
    """All files by their path in the folder."""
    return {name: make() for name, make in _makers().items()}


def write(folder: str) -> pathlib.Path:
    """Writes the gallery; answers its first page. Files of the same name that are not its own are refused, before anything is written."""
    root, makers = pathlib.Path(folder), _makers()
    for name in makers:
        file = root / name
        if file.exists() and not (file.is_file() and MARK in file.read_text(encoding="utf-8", errors="replace")):
            raise ArgumentError(f"{file} is there and no page of a gallery; give another folder")
    for name, make in makers.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(make(), encoding="utf-8", newline="\n")
    return root / "index.html"
