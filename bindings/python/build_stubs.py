"""Writes the type stubs of the package: the hand-written parts in stubs/, and one function per loss and metric of the library."""

import pathlib
import re
import sys
from typing import Any

import cffi

header, library, out = (pathlib.Path(argument) for argument in sys.argv[1:])
between = re.search(r"/\* cffi reads from here \*/(.*)/\* cffi reads to here \*/", header.read_text(), re.S)
assert between, "the marks in libloss.h are gone"
ffi = cffi.FFI()
ffi.cdef(between.group(1))
lib = ffi.dlopen(str(library))


def text(c: Any) -> str:
    return ffi.string(c).decode() if c != ffi.NULL else ""


def struct(kind: str, fill: Any, *where: Any) -> Any:
    s = ffi.new(f"{kind} *", {"struct_size": ffi.sizeof(kind)})
    assert fill(*where, s) == 0
    return s


def parameter(p: Any) -> str:
    """Name, type and default."""
    choices = text(p.choices).split()
    if choices == ["false", "true"]:
        kind, default = "bool", str(bool(p.fallback))
    elif "nan" in choices:
        kind, default = "float", choices[int(p.fallback)]
    elif choices:
        words = [c if c.isdigit() else repr(c) for c in choices]
        kind, default = f"Literal[{', '.join(words)}]", words[int(p.fallback)]
    else:
        kind = "int" if p.flags & lib.LIBLOSS_INTEGRAL else "float"
        default = repr(int(p.fallback) if kind == "int" else p.fallback)
        if p.flags & lib.LIBLOSS_VECTOR:
            kind += f" | Sequence[{kind}]"
        if p.flags & lib.LIBLOSS_OPTIONAL:
            kind, default = f"{kind} | None", "None"
    return f"{text(p.name)}: {kind} = {default}"


LOSS = """
@overload
def {name}({inputs}, *, {options}weight: ArrayLike | None = None, reduction: Reduced = "mean", divisor: float | None = None,
    empty: Empty = "nan", out: None = None, threads: int | None = None) -> float: ...
@overload
def {name}({inputs}, *, {options}weight: ArrayLike | None = None, reduction: Literal["none"], divisor: None = None,
    empty: Empty = "nan", out: Array | None = None, threads: int | None = None) -> Array: ...
"""
METRIC = """
def {name}(*, {inputs}, weight: ArrayLike | None = None{options}) -> {answer}: ...
"""
losses, metrics = [], []
for i in range(lib.libloss_count()):
    handle = ffi.new("libloss_object **")
    assert lib.libloss_create(lib.libloss_name(i), handle) == 0
    handle = handle[0]
    info = struct("libloss_info", lib.libloss_describe, handle)
    inputs = [struct("libloss_input", lib.libloss_describe_input, handle, k) for k in range(info.inputs)]
    parameters = [parameter(struct("libloss_parameter", lib.libloss_describe_parameter, handle, k)) for k in range(info.parameters)]
    name = text(info.name)
    if info.is_metric:
        given = ", ".join(f"{text(x.name)}: ArrayLike" + (" | None = None" if x.flags & lib.LIBLOSS_OPTIONAL else "") for x in inputs)
        averaged = next((p for p in parameters if p.startswith("average")), None)
        if averaged is None:
            answer = "npt.NDArray[np.float64]" if name.startswith("confusion") else "float"
            metrics.append(METRIC.format(name=name, inputs=given, options="".join(f", {p}" for p in parameters), answer=answer))
        else:
            number = ", ".join(p.replace(", 'none'", "") for p in parameters)
            vector = ", ".join("average: Literal['none']" if p == averaged else p for p in parameters)
            for options, answer in ((number, "float"), (vector, "npt.NDArray[np.float64]")):
                metrics.append("\n@overload" + METRIC.format(name=name, inputs=given, options=f", {options}", answer=answer))
    else:
        needed = [x for x in inputs if not x.flags & lib.LIBLOSS_OPTIONAL]
        options = [*parameters, *(f"{text(x.name)}: ArrayLike | None = None" for x in inputs if x.flags & lib.LIBLOSS_OPTIONAL)]
        if info.values_per == lib.LIBLOSS_PER_ROW:
            options.append("axis: int = -1")
        elif info.values_per == lib.LIBLOSS_PER_UNIT and all(x.shape == lib.LIBLOSS_SHAPE_LIKE_FIRST for x in inputs):
            options.append("unit_axes: int = 0")
        losses.append(LOSS.format(name=name, inputs=", ".join(f"{text(x.name)}: ArrayLike" for x in needed), options="".join(f"{o}, " for o in options)))
    lines = metrics if info.is_metric else losses
    lines.append("".join(f"{alias} = {name}\n" for alias in text(info.aliases).split()))
    lib.libloss_destroy(handle)

for file, functions in (("__init__.pyi", losses), ("metrics.pyi", metrics)):
    written = (pathlib.Path(__file__).parent / "stubs" / file).read_text()
    (out / file).write_text(written.replace("# functions\n", "".join(functions).lstrip()))
