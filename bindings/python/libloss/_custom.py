"""Losses of one's own: a NumPy function gets weights, masks, strides, dtypes, reductions and totals from the C engine."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import numpy as np

from ._core import _keep, check
from ._errors import ArgumentError, NotDifferentiableError
from ._libloss import ffi, lib
from ._loss import Loss

Family = Literal["elementwise", "rowwise"]


class Origin:
    """What a loss of one's own was made from: enough to make it again with other parameters, or in another process."""

    def __init__(self, function: Callable[..., Any] | CustomLoss, name: str, family: Family, inputs: tuple[str, ...], defaults: Mapping[str, float],
                 differentiable: tuple[str, ...], vectorized: bool = True) -> None:
        self.function, self.name, self.family, self.inputs, self.defaults = function, name, family, inputs, dict(defaults)
        self.differentiable, self.vectorized = differentiable, vectorized
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
        for name in self.inputs:
            x = self._new("libloss_input")
            x.name, x.description = self._text(name), self._text("")
            x.flags = lib.LIBLOSS_DIFFERENTIABLE if name in self.differentiable else 0
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

    def run(self, inputs: list[Any], numbers: Mapping[str, float], want: str) -> tuple[Any, Any, Any]:
        """Value, gradient, Hessian, as far as the function gives them."""
        if isinstance(self.function, CustomLoss):
            answer = self.function.jet(*inputs, want=want)
        elif self.vectorized:
            answer = self.function(*inputs, **numbers)
        else:
            each = [self.function(*row, **numbers) for row in zip(*inputs, strict=True)]
            answer = tuple(np.array(column) for column in zip(*each, strict=True)) if isinstance(each[0], tuple) else np.array(each)
        parts = answer if isinstance(answer, tuple) else (answer,)
        return (*parts, None, None)[:3]

    def __reduce__(self) -> tuple[Any, ...]:
        return Origin, (self.function, self.name, self.family, self.inputs, self.defaults, self.differentiable, self.vectorized)

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
    parts = origin.run(inputs, numbers, "hess" if any(tile.hessian) else "grad" if any(tile.gradient) else "value")
    wanted = [(tile.value, "value", parts[0], 1)] if tile.value != ffi.NULL else []
    for pointers, word, part in ((tile.gradient, "gradient", parts[1]), (tile.hessian, "Hessian", parts[2])):
        for k, name in enumerate(origin.inputs):
            if pointers[k] != ffi.NULL:
                of_input = part.get(name) if isinstance(part, Mapping) else part if name == origin.differentiable[0] else None
                wanted.append((pointers[k], word if len(origin.differentiable) == 1 else f"{word} by {name}", of_input, per))
    for pointer, word, part, width in wanted:
        if part is None:
            raise NotDifferentiableError(f"{origin.name} returns no {word}: return (value, gradient, Hessian)")
        want = (tile.count, width) if width > 1 else (tile.count,)
        got = np.asarray(part)
        if got.shape not in (want, ()):
            raise ArgumentError(f"{origin.name} returns a {word} of shape {got.shape}; it needs {want}")
        _array(tile, pointer, width)[...] = got
    return 0


def define(function: Callable[..., Any], /, *, name: str | None = None, family: Family = "elementwise", vectorized: bool = True) -> Loss:
    """A loss from a function of arrays: ``def cauchy(prediction, target, scale=1.0): return value, gradient, hessian``.

    The function's positional arguments without defaults are the inputs, those with a default the parameters. It gets
    read-only arrays, one number per value (rowwise: one row per value), without anything that is masked, and
    returns the values, or a tuple with gradient and Hessian by the first input as well. ``vectorized=False``: it gets and returns one
    number (one row) at a time. Nothing is registered anywhere.

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
    return Origin(function, name or function.__name__, family, tuple(inputs), defaults, (inputs[0],), vectorized).make({})


class CustomLoss:
    """A loss of several inputs, with state of its own: subclass it, name the inputs, write ``jet``, call ``build``.

    ``inputs``: their names. ``differentiable``: those with derivatives; None: all. ``family``: "elementwise", or "rowwise" for one value
    per row. ``jet`` gets read-only arrays as ``define`` describes them, and what is wanted at most ("value", "grad", "hess"); it returns
    the values, or a tuple with gradients and Hessians as well: dictionaries by the name of the input, or the array of the only one.

    >>> class Spread(libloss.CustomLoss):
    ...     inputs = ("low", "high", "target")
    ...     differentiable = ("low", "high")
    ...     def jet(self, low, high, target, *, want):
    ...         below, above = np.minimum(target - low, 0), np.maximum(target - high, 0)
    ...         return below**2 + above**2, {"low": -2 * below, "high": -2 * above}
    >>> Spread().build().grad([0.0, 0.0], [1.0, 1.0], [-1.0, 3.0], wrt=("low", "high"), reduction="sum")
    (array([2., 0.]), array([-0., -4.]))
    """

    inputs: tuple[str, ...] = ("prediction", "target")
    differentiable: tuple[str, ...] | None = None
    family: Family = "elementwise"

    def jet(self, *inputs: Any, want: str) -> Any:
        """Values, gradients, Hessians of a tile."""
        raise NotImplementedError(f"{type(self).__name__} has no jet")

    def build(self) -> Loss:
        """The loss."""
        chosen = self.inputs if self.differentiable is None else tuple(self.differentiable)
        unknown = [name for name in chosen if name not in self.inputs]
        if unknown or not chosen:
            raise ArgumentError(f"differentiable = {chosen!r}: these are no inputs of {type(self).__name__}" if unknown else "differentiable names no input")
        return Origin(self, type(self).__name__, self.family, tuple(self.inputs), {}, chosen).make({})


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
