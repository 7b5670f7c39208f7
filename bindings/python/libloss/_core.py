"""Between Python and the C library: objects, calls, callbacks. Nothing here computes."""

from __future__ import annotations

import threading
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from . import _libloss
from ._errors import SpecError, error
from ._libloss import ffi, lib
from ._threads import wished

REDUCTIONS = {"mean": 0, "sum": 1, "none": 2, "weighted_mean": 3, "size_mean": 4, "batch_mean": 5}
ANSWERS = {"batchmean": "batch_mean", "sum_over_batch_size": "size_mean", "avg": "mean", "auto": "mean"}
NO_VALUE = 1 << 63  # a flag between here and the shim

_raised: dict[int, BaseException] = {}  # by thread: what a callback raised


def _keep(kind: Any, exception: BaseException, traceback: Any) -> None:
    _raised[threading.get_ident()] = exception


@ffi.def_extern(error=1, onerror=_keep)  # type: ignore[untyped-decorator]
def libloss_py_poll(context: Any) -> int:
    """Runs some bytecode now and then, so that signal handlers get their turn."""
    return 0


def message() -> str:
    """Of this thread's last failing call."""
    return str(ffi.string(lib.libloss_message()).decode())


def check(status: int) -> None:
    """Raises what a status stands for, or what a callback raised."""
    if status:
        exception = _raised.pop(threading.get_ident(), None)
        raise exception if exception is not None else error(status, message())


lib.libloss_py_init(id(np.ndarray), id(_libloss), id(check), id(wished))


def text(get: Any) -> str:
    """A string that C writes into a buffer of the length it says."""
    size = get(ffi.NULL, 0) + 1
    buffer = ffi.new("char[]", size)
    get(buffer, size)
    return str(ffi.string(buffer).decode())


class Input(NamedTuple):
    name: str
    description: str
    kind: str
    optional: bool
    differentiable: bool
    or_rows: bool
    per: str

    @property
    def role(self) -> str:
        """ "prediction" (what a gradient is by, unless ``wrt`` says otherwise), "target" or "extra"."""
        return "target" if self.name == "target" else "prediction" if self.differentiable and not self.optional else "extra"


class ParameterInfo(NamedTuple):
    name: str
    kind: str
    default: Any
    range: str
    learnable: bool
    doc: str
    choices: tuple[str, ...] = ()
    optional: bool = False


class Info(NamedTuple):
    name: str
    aliases: tuple[str, ...]
    title: str
    family: str
    formula: str
    inputs: tuple[Input, ...]
    parameters: tuple[ParameterInfo, ...]
    claims: frozenset[str]
    bound_ulp: dict[str, tuple[float, float, float]]
    citation: str
    per_row: bool
    auxiliaries: tuple[str, ...]
    is_metric: bool = False
    per_unit: bool = False
    link: str = ""


CLAIMS = ("convex", "nonnegative", "even", "differentiable", "twice_differentiable", "lipschitz", "bounded", "calibrated", "proper")
KINDS = ("real", "probability", "positive", "sign", "class", "offsets", "length", "label", "binary")


def _string(c: Any) -> str:
    return str(ffi.string(c).decode()) if c != ffi.NULL else ""


def _struct(kind: str) -> Any:
    s = ffi.new(f"{kind} *")
    s.struct_size = ffi.sizeof(kind)
    return s


def word(choice: str) -> str | float:
    """A choice as people type it: a word, or a number."""
    return int(choice) if choice.isdigit() else float(choice) if choice == "nan" else choice


def _parameter(handle: Any, i: int) -> ParameterInfo:
    p = _struct("libloss_parameter")
    check(lib.libloss_describe_parameter(handle, i, p))
    choices = tuple(_string(p.choices).split())
    optional = bool(p.flags & lib.LIBLOSS_OPTIONAL)
    kind, default = "real", p.fallback
    if choices == ("false", "true"):
        kind, default = "flag", bool(p.fallback)
    elif choices:
        kind, default = "choice", word(choices[int(p.fallback)])
    elif p.flags & lib.LIBLOSS_VECTOR:
        kind = "integers" if p.flags & lib.LIBLOSS_INTEGRAL else "vector"
    elif p.flags & lib.LIBLOSS_INTEGRAL:
        kind, default = "integer", int(p.fallback)
    left, right = "(" if p.flags & lib.LIBLOSS_ABOVE else "[", ")" if p.flags & lib.LIBLOSS_BELOW else "]"
    reach = " | ".join(choices) if choices else "integers" if optional and kind == "integers" else f"{left}{p.lowest:g}, {p.highest:g}{right}"
    return ParameterInfo(_string(p.name), kind, None if optional else default, reach, bool(p.flags & lib.LIBLOSS_LEARNABLE),
                         _string(p.description), choices, optional)


def describe(handle: Any) -> Info:
    """What the library says of an object."""
    i = _struct("libloss_info")
    check(lib.libloss_describe(handle, i))
    inputs = []
    for k in range(i.inputs):
        x = _struct("libloss_input")
        check(lib.libloss_describe_input(handle, k, x))
        kind = "nonnegative" if x.flags & lib.LIBLOSS_OR_ZERO else KINDS[x.kind]
        inputs.append(Input(_string(x.name), _string(x.description), kind, bool(x.flags & lib.LIBLOSS_OPTIONAL),
                            bool(x.flags & lib.LIBLOSS_DIFFERENTIABLE), bool(x.flags & lib.LIBLOSS_OR_ROWS),
                            ("input", "value", "class", "other")[x.shape]))
    return Info(_string(i.name), tuple(_string(i.aliases).split()), _string(i.title), _string(i.family), _string(i.formula),
                tuple(inputs), tuple(_parameter(handle, k) for k in range(i.parameters)),
                frozenset(c for k, c in enumerate(CLAIMS) if i.claims >> k & 1),
                {"float32": tuple(i.ulp_f32), "float64": tuple(i.ulp_f64)}, _string(i.citation),
                i.values_per == lib.LIBLOSS_PER_ROW, tuple(_string(lib.libloss_auxiliary_name(handle, k)) for k in range(i.auxiliaries)),
                bool(i.is_metric), i.values_per == lib.LIBLOSS_PER_UNIT, _string(i.link))


FLAT, ROWS = 1, 2


def form_of(info: Info) -> int:
    """FLAT: it gives a value per element of exactly two inputs. ROWS: one per row of classes, of which an index may be the right one. Else 0."""
    if info.per_unit or len([i for i in info.inputs if not i.optional]) != 2:
        return 0
    return FLAT if not info.per_row else ROWS if info.inputs[1].kind == "class" else 0


def is_of_batch(info: Info) -> bool:
    """Whether it gives a value per batch of elements, whose axes the caller names."""
    return info.per_unit and all(i.per == "input" for i in info.inputs)


def create(spec: str) -> Any:
    """A handle from a spec."""
    for column, c in enumerate(spec, 1):
        if not (c in "\t\n" or " " <= c <= "~"):  # a NUL would end it, half a surrogate has no bytes
            raise SpecError(f"spec: column {column}: {c!r} stands in no spec")
    out = ffi.new("libloss_object **")
    check(lib.libloss_create(spec.encode(), out))
    return ffi.gc(out[0], lib.libloss_destroy)


@cache
def default(name: str) -> Info:
    """What the library says of a loss or a metric with the parameters that it has if none is given."""
    return describe(create(name))


def numbers(handle: Any, i: int) -> list[float]:
    """The numbers that an object holds as its i-th parameter."""
    count = lib.libloss_parameter_values(handle, i, ffi.NULL, 0)
    out = ffi.new("double[]", max(count, 1))
    lib.libloss_parameter_values(handle, i, out, count)
    return [float(out[k]) for k in range(count)]


def names(*, metrics: bool = False) -> list[str]:
    """Of all losses, or of all metrics, in the registry's order."""
    every = [_string(lib.libloss_name(i)) for i in range(lib.libloss_count())]
    return [name for name in every if default(name).is_metric == metrics]
