"""Instructions per element of every loss at n = 1024, held under a committed ceiling: a loop that falls to scalar is eight times over.

    python tests/vector/ceilings.py BUILD              measure, print, compare; nothing is written
    python tests/vector/ceilings.py BUILD --update     write ceilings.txt: what is measured now, and a tenth more

BUILD is a build directory of gcc for x86-64. callgrind counts, and hides AVX-512, so these are AVX2's; the count is the same on every run.
Each line of ceilings.txt tells a call, then two ceilings: of the loss's own kernel, and of the whole libloss_eval (checks, survey, exact
sum, gathering). Lines `engine:` are one cheap loss given in many ways: weights, strides, half floats, domains, terms of many scales.
Lines `flat:` are the calls without structs, and count per call.
"""

from __future__ import annotations

import math
import os
import pathlib
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILE = pathlib.Path(__file__).with_name("ceilings.txt")
N = 1024
SLACK = 1.1  # of a new ceiling over what was measured
LOOSE = 2  # a ceiling this many times over what is measured holds nothing
HEAD = """\
# Instructions per element at n = 1024, AVX2, {compiler}: kernel, whole call. Written by ceilings.py --update; see there.
"""


def build_compiler(build: pathlib.Path) -> str:
    cache = (build / "CMakeCache.txt").read_text()
    command = re.search(r"^CMAKE_C_COMPILER:\w+=(.*)$", cache, re.M).group(1)
    name = "clang" if "clang" in subprocess.run([command, "--version"], capture_output=True, text=True, check=True).stdout else "gcc"
    return f"{name} {subprocess.run([command, '-dumpversion'], capture_output=True, text=True, check=True).stdout.strip().partition('.')[0]}"


def read_dump(text: str) -> tuple[str, int, dict[str, int]]:
    """Name, instructions, and instructions by function (what it calls not counted) of one dump."""
    name = re.search(r"^desc: Trigger: Client Request: (.*)$", text, re.M)
    own: dict[str, int] = {}
    function, skip = "", False
    for line in text.splitlines():
        if line.startswith("fn="):
            function = line[3:]
        elif line.startswith("calls="):
            skip = True
        elif line[:1].isdigit():
            if not skip:
                own[function] = own.get(function, 0) + int(line.split()[1])
            skip = False
    return (name[1] if name else ""), sum(own.values()), own


def dumps(library: pathlib.Path, *options: str) -> Iterator[str]:
    """What callgrind has to say of each call of count.c."""
    library = library.resolve()
    with tempfile.TemporaryDirectory() as folder:
        program = f"{folder}/count"
        subprocess.run(["cc", "-O1", f"-I{ROOT}/include", ROOT / "tests/vector/count.c", library, f"-Wl,-rpath,{library.parent}", "-o", program], check=True)
        subprocess.run(["valgrind", "-q", "--tool=callgrind", "--compress-strings=no", "--compress-pos=no", *options,
                        f"--callgrind-out-file={folder}/dump", program], check=True, env={**os.environ, "LIBLOSS_ISA": "avx2"})
        for file in pathlib.Path(folder).glob("dump.*"):
            text = file.read_text()
            if "desc: Trigger: Client Request: " in text:  # else: what ran after the last call
                yield text


def per_element(name: str) -> int:
    """How many elements a call's instructions are divided by."""
    return 1 if name.startswith("flat:") else N


def measure(library: pathlib.Path) -> dict[str, tuple[float, float]]:
    """For each call of the shared library: instructions per element of the kernel and of the whole."""
    result = {}
    for text in dumps(library):
        name, whole, own = read_dump(text)
        loss = re.match(r"(?:flat:)?(\w+)", name)
        kernel = sum(count for function, count in own.items() if re.match(rf"{loss[1]}(_\w+)?('\d+)?$", function))
        result[name] = (kernel / per_element(name), whole / per_element(name))
    return result


def read_ceilings() -> tuple[str, dict[str, tuple[float, float]]]:
    lines = FILE.read_text().splitlines()
    ceilings = {}
    for line in lines:
        if not line.startswith("#"):
            name, kernel, whole = line.rsplit(None, 2)
            ceilings[name.strip()] = (float(kernel), float(whole))
    return lines[0], ceilings


def compare(measured: dict[str, tuple[float, float]], ceilings: dict[str, tuple[float, float]]) -> list[str]:
    """Every complaint; empty when all is under its ceiling, and every ceiling near what it holds."""
    complaints = [f"{name}: no ceiling yet" for name in measured if name not in ceilings]
    complaints += [f"{name}: has a ceiling and was not measured" for name in ceilings if name not in measured]
    for name, numbers in measured.items():
        unit = "element" if per_element(name) == N else "call"
        for what, now, ceiling in zip(("kernel", "whole call"), numbers, ceilings.get(name, numbers), strict=True):
            if now > ceiling:
                complaints.append(f"{name}: {what} takes {now:.2f} instructions per {unit}, above its ceiling of {ceiling:.1f}")
            elif ceiling > LOOSE * now + 1:
                complaints.append(f"{name}: {what} takes {now:.2f} instructions per {unit}; its ceiling of {ceiling:.1f} holds nothing any more")
        if not name.startswith("engine:") and not numbers[0]:
            complaints.append(f"{name}: no function named like the loss ran")
    return complaints


def main() -> int:
    update = "--update" in sys.argv
    places = [a for a in sys.argv[1:] if a != "--update"]
    if len(places) != 1 or platform.machine() != "x86_64":
        print(__doc__, file=sys.stderr)
        return 2
    build = pathlib.Path(places[0])
    measured = measure(build / "src/libloss.so")
    if update:
        rows = [f"{name:60} {math.ceil(kernel * SLACK * 10) / 10:8.1f} {math.ceil(whole * SLACK * 10) / 10:8.1f}\n"
                for name, (kernel, whole) in sorted(measured.items())]
        FILE.write_text(HEAD.format(compiler=build_compiler(build)) + "".join(rows))
        print(f"{len(rows)} ceilings written")
        return 0
    for name, (kernel, whole) in sorted(measured.items()):
        print(f"{name:60} {kernel:8.2f} {whole:8.2f}")
    complaints = compare(measured, read_ceilings()[1])
    print("\n".join(complaints), file=sys.stderr)
    return bool(complaints)


if __name__ == "__main__":
    sys.exit(main())
