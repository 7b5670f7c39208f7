"""Prints the README's table of losses from the registry; with --check, says whether the README's is stale."""

import pathlib
import sys

import libloss

BEGIN, END = "<!-- losses: made by tests/python/readme_table.py -->", "<!-- end of losses -->"


def table() -> str:
    """The losses and metrics, one row each."""
    rows = ["| loss or metric | family | formula | also called |", "| --- | --- | --- | --- |"]
    for i in [libloss.info(name) for name in libloss.losses()] + [libloss.metrics.info(name) for name in libloss.metrics.metrics()]:
        formula = i.formula.replace("|", "\\|")
        rows.append(f"| `{i.name}` | {i.family} | `{formula}` | {', '.join(f'`{a}`' for a in i.aliases)} |")
    return "\n".join(rows)


def main() -> int:
    readme = pathlib.Path(__file__).resolve().parents[2] / "README.md"
    before, _, rest = readme.read_text().partition(BEGIN)
    old, _, after = rest.partition(END)
    new = f"\n{table()}\n"
    if "--check" in sys.argv:
        return old != new
    readme.write_text(before + BEGIN + new + END + after)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
