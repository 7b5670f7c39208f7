"""Writes the module _texts: what the C sources say of losses and metrics in words that the registry does not carry.

The sentences that open a loss's file tell why one would want it; elsewhere.def holds the names of other libraries.
"""

import pathlib
import pprint
import re
import sys

source, out = (pathlib.Path(argument) for argument in sys.argv[1:])


def insight(file: pathlib.Path) -> str:
    """The first paragraph of a file's opening comment."""
    opening = re.match(r"/\*(.*?)\*/", file.read_text(), re.S)
    assert opening, f"{file} opens with no comment"
    lines = [line.strip().removeprefix("*").strip() for line in opening[1].strip().splitlines()]
    return " ".join("\n".join(lines).strip().partition("\n\n")[0].split())


files = {name: source / "losses" / folder / f"{name}.c"
         for folder, name in re.findall(r"^LOSS\((\w+), (\w+)\)", (source / "losses/losses.def").read_text(), re.M)}
files |= {name: source / "metrics" / f"{name}.c"
          for name in re.findall(r"^METRIC_(?:ROW|KERNELS)\((\w+)\)", (source / "metrics/metrics.def").read_text(), re.M)}
foreign = re.findall(r'^ELSEWHERE\("([^"]*)", "([^"]*)", "([^"]*)"\)$', (source / "losses/elsewhere.def").read_text(), re.M)
assert len(files) > 1 and len(foreign) > 1
insights = pprint.pformat({name: insight(file) for name, file in files.items()}, width=200, sort_dicts=False)
names = pprint.pformat([(tuple(names.split()), whose, here) for names, whose, here in foreign], width=200)
out.write_text(f'''"""What the C sources say in words; written by build_texts.py."""

from __future__ import annotations

INSIGHTS: dict[str, str] = {insights}

# names in other libraries, whose they are, what it is here
ELSEWHERE: list[tuple[tuple[str, ...], str, str]] = {names}
''')
