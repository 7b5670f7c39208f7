"""Prints the README's table of losses from the registry; with --check, says whether the README's is stale."""

import pathlib
import sys

import libloss

BEGIN, END = "<!-- losses: made by tests/python/readme_table.py -->", "<!-- end of losses -->"


def table() -> str:
    """The losses, one row each."""
    rows = ["| loss | family | formula | also called |", "| --- | --- | --- | --- |"]
    for name in libloss.losses():
        i = libloss.info(name)
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
