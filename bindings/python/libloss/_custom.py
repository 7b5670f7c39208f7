"""Losses of one's own: a NumPy function gets weights, masks, strides, dtypes, reductions and totals from the C engine."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import numpy as np

from ._core import _keep, check
from ._errors import ArgumentError
from ._libloss import ffi, lib
from ._loss import Loss

Family = Literal["elementwise", "rowwise"]


class Origin:
    """What a loss of one's own was made from: enough to make it again with other parameters, or in another process."""

    def __init__(self, function: Callable[..., Any], name: str, family: Family, inputs: tuple[str, ...], defaults: Mapping[str, float]) -> None:
        self.function, self.name, self.family, self.inputs, self.defaults = function, name, family, inputs, dict(defaults)
        self._alive: list[Any] = []

    def _text(self, text: str) -> Any:
        self._alive.append(ffi.new("char[]", text.encode()))
        return self._alive[-1]

    def _new(self, kind: str) -> Any:
        struct = ffi.new(f"{kind} *")
        struct.struct_size = ffi.sizeof(kind)
        self._alive.append(struct)
        return struct

    def make(self, parameters: Mapping[str, Any]) -> Loss:
        """A loss with these parameters; the others keep the function's defaults."""
        self._alive = []
        info, table = self._new("libloss_info"), self._new("libloss_vtable")
        info.name, info.inputs, info.parameters = self._text(self.name), len(self.inputs), len(self.defaults)
        info.title = self._text((inspect.getdoc(self.function) or self.name).partition("\n")[0])
        info.formula = info.family = info.aliases = info.citation = self._text("")
        info.values_per = lib.LIBLOSS_PER_ROW if self.family == "rowwise" else lib.LIBLOSS_PER_ELEMENT
        inputs, described = [], []
        for k, name in enumerate(self.inputs):
            x = self._new("libloss_input")
            x.name, x.description = self._text(name), self._text("")
            x.flags = lib.LIBLOSS_DIFFERENTIABLE if k == 0 else 0
            inputs.append(x)
        for name, fallback in self.defaults.items():
            p = self._new("libloss_parameter")
            p.name, p.description, p.fallback = self._text(name), self._text(""), fallback
            p.lowest, p.highest = -np.inf, np.inf
            described.append(p)
        table.info = info
        first, second = ffi.new("libloss_input *[]", inputs), ffi.new("libloss_parameter *[]", described or [ffi.NULL])
        self._alive += [first, second]  # a C struct keeps nothing alive
        table.inputs, table.parameters = first, second
        table.tile = lib.libloss_py_tile
        settings = ffi.new("libloss_setting[]", max(len(parameters), 1))
        for s, (name, value) in zip(settings, parameters.items(), strict=False):
            numbers = ffi.new("double[]", [float(value)])
            self._alive.append(numbers)
            s.name, s.values, s.count = self._text(name), numbers, 1
        me, out = ffi.new_handle(self), ffi.new("libloss_object **")
        check(lib.libloss_create_custom(table, me, settings, len(parameters), out))
        loss = object.__new__(Loss)
        object.__setattr__(loss, "_origin", (self, me))
        loss._become(ffi.gc(out[0], lib.libloss_destroy), MappingProxyType({**self.defaults, **parameters}), ())
        return loss

    def __reduce__(self) -> tuple[Any, ...]:
        return Origin, (self.function, self.name, self.family, self.inputs, self.defaults)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Origin) and (self.function, self.name, self.family) == (other.function, other.name, other.family)

    def __hash__(self) -> int:
        return hash((self.function, self.name, self.family))


def remake(origin: Origin, parameters: dict[str, Any]) -> Loss:
    """For pickles."""
    return origin.make(parameters)


def _array(tile: Any, pointer: Any, per: int) -> Any:
    dtype: Any = np.float32 if tile.bits == 32 else np.float64
    count = tile.count * per
    flat = np.frombuffer(ffi.buffer(pointer, count * (tile.bits // 8)), dtype)
    return flat.reshape(tile.count, per) if per > 1 else flat


@ffi.def_extern(error=1, onerror=_keep)  # type: ignore[untyped-decorator]
def libloss_py_tile(me: Any, tile: Any) -> int:
    """Runs the function on copies of a tile: an array that it keeps must not dangle."""
    origin: Origin = ffi.from_handle(me)
    per = tile.width if origin.family == "rowwise" else 1
    inputs = []
    for k in range(len(origin.inputs)):
        x = _array(tile, tile.input[k], per).copy()
        x.flags.writeable = False
        inputs.append(x)
    numbers = dict(zip(origin.defaults, (tile.parameter[k] for k in range(len(origin.defaults))), strict=True))
    answer = origin.function(*inputs, **numbers)
    parts = answer if isinstance(answer, tuple) else (answer,)
    wanted = (tile.value, tile.gradient[0], tile.hessian[0])
    for k, (pointer, word) in enumerate(zip(wanted, ("value", "gradient", "Hessian"), strict=True)):
        if pointer == ffi.NULL:
            continue
        if k >= len(parts) or parts[k] is None:
            from ._errors import NotDifferentiableError

            raise NotDifferentiableError(f"{origin.name} returns no {word}: return (value, gradient, Hessian)")
        width = 1 if k == 0 else per
        want = (tile.count, width) if width > 1 else (tile.count,)
        got = np.asarray(parts[k])
        if got.shape not in (want, ()):
            raise ArgumentError(f"{origin.name} returns a {word} of shape {got.shape}; it needs {want}")
        _array(tile, pointer, width)[...] = got
    return 0


def define(function: Callable[..., Any], /, *, name: str | None = None, family: Family = "elementwise") -> Loss:
    """A loss from a function of arrays: ``def cauchy(prediction, target, scale=1.0): return value, gradient, hessian``.

    The function's positional arguments without defaults are the inputs, those with a default the parameters. It gets
    read-only arrays, one number per value (rowwise: one row per value), without anything that is masked, and
    returns the values, or a tuple with gradient and Hessian by the first input as well. Nothing is registered anywhere.

    >>> cauchy = libloss.define(lambda prediction, target, scale=1.0: np.log1p(((prediction - target) / scale) ** 2), name="cauchy")
    >>> round(cauchy([1.0, 5.0], [0.0, 0.0], weight=[1, 0]), 6)
    0.693147
    """
    inputs, defaults = [], {}
    for p in inspect.signature(function).parameters.values():
        if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            raise ArgumentError("a loss's function names its inputs and parameters: no * or **")
        if p.default is p.empty:
            inputs.append(p.name)
        else:
            defaults[p.name] = float(p.default)
    if not inputs:
        raise ArgumentError("a loss's function needs an input: an argument without a default")
    return Origin(function, name or function.__name__, family, tuple(inputs), defaults).make({})


class Check(NamedTuple):
    """What ``check`` found."""

    passed: bool
    report: str

    def __bool__(self) -> bool:
        return self.passed


def check_derivatives(loss: Loss | str, /, *inputs: Any, rtol: float = 1e-6) -> Check:
    """Compares gradient and Hessian by the first input with finite differences of the value, at the given points.

    >>> bool(libloss.check("log_cosh", [0.5, -3.0], [0.0, 1.0]))
    True
    """
    loss = Loss(loss)
    arrays = [np.asarray(x, dtype=np.float64) if np.asarray(x).dtype.kind != "i" or k == 0 else np.asarray(x) for k, x in enumerate(inputs)]
    x = arrays[0]
    gradient, hessian = loss.grad(*arrays, reduction="sum"), loss.hess(*arrays, reduction="sum")
    step = np.maximum(np.abs(x), 1) * 1e-5
    rows = loss.info.per_row or (loss._origin is not None and loss._origin[0].family == "rowwise")
    lines, passed = [], True
    for j in range(x.shape[-1] if rows else 1):
        side = np.zeros_like(x)
        side[(..., j) if rows else ...] = step[(..., j) if rows else ...]
        up, down = ([x + s, *arrays[1:]] for s in (side, -side))
        for word, have, numeric in (
            ("gradient", gradient, (loss(*up, reduction="none") - loss(*down, reduction="none"))),
            ("Hessian", hessian, None),
        ):
            mine = have[..., j] if rows else have
            h = step[..., j] if rows else step
            if numeric is None:
                up_g, down_g = loss.grad(*up, reduction="sum"), loss.grad(*down, reduction="sum")
                numeric = (up_g - down_g)[..., j] if rows else up_g - down_g
            numeric = numeric / (2 * h)
            off = np.abs(mine - numeric) > rtol * np.maximum(np.abs(numeric), 1) * 10
            if np.any(off):
                passed = False
                i = tuple(int(k) for k in np.argwhere(off)[0])
                lines.append(f"{word} at {i}: {mine[i]!r}, finite difference {numeric[i]!r}")
    return Check(passed, "\n".join(lines) or f"gradient and Hessian agree with finite differences at {x.size} numbers")
