"""How-tos: scripts of prose and code that run as they are, read here and made pages of.

A script opens with a docstring: its title, then an introduction. Comments that begin a line are prose; those after ``# prints:`` are what
the code before them prints; in prose, lines that are indented further are code that does not run here. Everything else is code.
"""

from __future__ import annotations

import ast
import pathlib
import re
from collections.abc import Callable, Iterator
from html import escape
from typing import NamedTuple

from .._core import Info

FOLDER = pathlib.Path(__file__).parent / "how-to"
TOOLS = {"xgboost": "XGBoost", "lightgbm": "LightGBM", "catboost": "CatBoost", "sklearn": "scikit-learn", "scipy": "SciPy", "torch": "PyTorch",
         "torch_distributed": "Several PyTorch processes", "jax": "JAX", "keras": "Keras", "tables": "Tables", "files": "Files", "mpi": "MPI",
         "dask": "Dask and Spark"}
PROSE = re.compile(r"^#(?: (.*))?$")


class Block(NamedTuple):
    kind: str  # prose, code, output
    text: str


class HowTo(NamedTuple):
    name: str
    title: str
    lead: str
    blocks: tuple[Block, ...]

    @property
    def tool(self) -> str:
        """As people write it."""
        return TOOLS.get(self.name, self.name.replace("_", " "))


def read(path: pathlib.Path) -> HowTo:
    """A script. Its name may begin with ``with_``, for ``dask.py`` would hide the module of that name from itself."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    title, _, lead = (ast.get_docstring(tree) or path.stem).partition("\n")
    start = tree.body[0].end_lineno if ast.get_docstring(tree) else 0
    inside = {line for node in tree.body for line in range(node.lineno + 1, (node.end_lineno or node.lineno) + 1)}  # a statement's later lines
    return HowTo(path.stem.removeprefix("with_"), title, " ".join(lead.split()), tuple(_blocks(text.splitlines(), start or 0, inside)))


def _blocks(lines: list[str], start: int, inside: set[int]) -> Iterator[Block]:
    kind, held = "code", list[str]()
    for number, line in enumerate([*lines[start:], "#"], start + 1):
        spoken = PROSE.match(line) if number not in inside else None
        now = "code" if not spoken else "output" if line == "# prints:" or kind == "output" else "prose"
        if now != kind or line == "# prints:" or number > len(lines):
            if any(each.strip() for each in held):
                yield Block(kind, "\n".join(held).strip("\n"))
            kind, held = now, []
        if line != "# prints:":
            held.append((spoken[1] or "") if spoken else line)


def howtos() -> list[HowTo]:
    """All there are: the tools in their order, then others."""
    order = list(TOOLS)
    found = [read(path) for path in sorted(FOLDER.glob("*.py")) if not path.stem.startswith("_")]
    return sorted(found, key=lambda h: order.index(h.name) if h.name in order else len(order))


# ---- which loss goes with which tool, by what the registry tells ----


def _boosted(i: Info) -> bool:
    """One score per tree and row, or one per class: no labels but indices, no other inputs, no bounds on the score."""
    needed = [x for x in i.inputs if not x.optional]
    return ([x.name for x in needed] == ["prediction", "target"] and needed[0].kind == "real" and not i.per_unit
            and i.family not in ("batchwise", "ranking", "sequence", "adversarial", "tuple") and (not i.per_row or needed[1].kind == "class"))


def _a_sum(i: Info) -> bool:
    """Over cases, so that parts of the data add up."""
    return i.family != "batchwise"


def _two(i: Info) -> bool:
    return [x.name for x in i.inputs if not x.optional] == ["prediction", "target"]


FITS: dict[str, Callable[[Info], bool]] = {
    "xgboost": _boosted, "lightgbm": _boosted, "catboost": _boosted, "sklearn": _boosted, "scipy": _two, "keras": _two, "mpi": _a_sum, "dask": _a_sum,
    "torch_distributed": _a_sum,
}


def fits(howto: HowTo, i: Info) -> bool:
    """Whether a loss makes sense in a tool; those that nothing is said of take any."""
    told = FITS.get(howto.name)
    return not i.is_metric and (told is None or told(i))


# ---- HTML ----


def prose(text: str, link: Callable[[str], str]) -> str:
    """Paragraphs, lists and indented code; ``link`` makes HTML of what stands between backquotes."""
    html = ""
    for part in re.split(r"\n{2,}", text):
        if all(line.startswith("    ") or not line for line in part.splitlines()):
            code = escape("\n".join(line[4:] for line in part.splitlines()))
            html += f'<div class="code aside"><pre tabindex="0"><code>{code}</code></pre></div>'
        elif part.lstrip().startswith("- "):
            items = re.split(r"^- ", part, flags=re.M)[1:]
            html += f"<ul>{''.join(f'<li>{spans(item, link)}</li>' for item in items)}</ul>"
        else:
            html += f"<p>{spans(part, link)}</p>"
    return html


def spans(text: str, link: Callable[[str], str]) -> str:
    """One paragraph: between single or double backquotes stands code."""
    parts = re.split(r"``(.+?)``|`(.+?)`", " ".join(text.split()))
    return "".join(escape(plain or "", quote=False) + (link(one or two) if (one or two) else "")
                   for plain, one, two in zip(parts[::3], [*parts[1::3], ""], [*parts[2::3], ""], strict=True))


def shown(howto: HowTo, link: Callable[[str], str], highlighted: Callable[[str, str], str]) -> str:
    """The blocks, one after the other; what is printed stands right under its code."""
    html = ""
    for kind, text in howto.blocks:
        if kind == "prose":
            html += prose(text, link)
        elif kind == "code":
            html += f'<div class="code"><pre tabindex="0"><code>{highlighted(text, "Python")}</code></pre></div>'
        else:
            html += f'<figure class="printed"><figcaption class="unseen">prints</figcaption><pre tabindex="0"><samp>{escape(text)}</samp></pre></figure>'
    return html
