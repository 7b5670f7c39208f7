"""Losses of one's own: a NumPy function gets weights, masks, strides, dtypes, reductions and totals from the C engine."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from numbers import Real
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from ._arrays import plain, wide
from ._core import _keep, check, default, names
from ._errors import ArgumentError, DTypeError, NotDifferentiableError
from ._libloss import ffi, lib
from ._loss import Loss

Family = Literal["elementwise", "rowwise"]


class Origin:
    """What a loss of one's own was made from: enough to make it again with other parameters, or in another process."""

    def __init__(self, function: Callable[..., Any] | CustomLoss, name: str, family: Family, inputs: tuple[str, ...], defaults: Mapping[str, float],
                 differentiable: tuple[str, ...], vectorized: bool = True) -> None:
        self.function, self.name, self.family, self.inputs, self.defaults = function, name, family, inputs, dict(defaults)
        self.differentiable, self.vectorized = differentiable, vectorized

    @property
    def shown(self) -> str:
        """The expression that makes it, as far as there is one."""
        if isinstance(self.function, CustomLoss):
            return f"{type(self.function).__qualname__}().build()"
        options = "".join(f", {key}={value!r}" for key, value, usual in (("name", self.name, _name_of(self.function)), ("family", self.family, "elementwise"),
                                                                      ("vectorized", self.vectorized, True)) if value != usual)
        return f"libloss.define({getattr(self.function, '__qualname__', repr(self.function))}{options})"

    def make(self, parameters: Mapping[str, Any]) -> Loss:
        """A loss with these parameters; the others keep the function's defaults."""
        parameters = {name: _number(name, value) if name in self.defaults else 0.0 for name, value in parameters.items()}
        alive: list[Any] = []  # until C has copied all of it

        def text(words: str) -> Any:
            alive.append(ffi.new("char[]", words.encode()))
            return alive[-1]

        def new(kind: str, **fields: Any) -> Any:
            alive.append(ffi.new(f"{kind} *", {"struct_size": ffi.sizeof(kind), **fields}))
            return alive[-1]

        about = (inspect.getdoc(self.function) or self.name).partition("\n")[0]
        info = new("libloss_info", name=text(self.name), title=text(about), formula=text(""), family=text(""), aliases=text(""), citation=text(""),
                   inputs=len(self.inputs), parameters=len(self.defaults),
                   values_per=lib.LIBLOSS_PER_ROW if self.family == "rowwise" else lib.LIBLOSS_PER_ELEMENT)
        inputs = [new("libloss_input", name=text(name), description=text(""), flags=lib.LIBLOSS_DIFFERENTIABLE if name in self.differentiable else 0)
                  for name in self.inputs]
        described = [new("libloss_parameter", name=text(name), description=text(""), fallback=fallback, lowest=-np.inf, highest=np.inf)
                     for name, fallback in self.defaults.items()]
        first, second = ffi.new("libloss_input *[]", inputs), ffi.new("libloss_parameter *[]", described or [ffi.NULL])
        table = new("libloss_vtable", info=info, inputs=first, parameters=second, tile=lib.libloss_py_tile)
        settings = ffi.new("libloss_setting[]", max(len(parameters), 1))
        for s, (name, value) in zip(settings, parameters.items(), strict=False):
            alive.append(ffi.new("double[]", [value]))
            s.values, s.count, s.name = alive[-1], 1, text(name)
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
        if len(parts) > 3:
            raise ArgumentError(f"{self.name} returns {len(parts)} things; it may return (value, gradient, Hessian)")
        return (*parts, None, None)[:3]

    def __reduce__(self) -> tuple[Any, ...]:
        return Origin, (self.function, self.name, self.family, self.inputs, self.defaults, self.differentiable, self.vectorized)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Origin) and (self.function, self.name, self.family) == (other.function, other.name, other.family)

    def __hash__(self) -> int:
        return hash((self.function, self.name, self.family))


def _number(name: str, value: Any) -> float:
    if not isinstance(value, Real):
        raise ArgumentError(f"{name} = {value!r} is not a number")
    return float(value)


def _name_of(function: Any) -> str:
    return str(getattr(function, "__name__", type(function).__name__))


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
        if got.dtype.kind not in "fiub":
            raise DTypeError(f"{origin.name} returns a {word} of dtype {got.dtype}; numbers are needed")
        if got.shape not in (want, ()):
            raise ArgumentError(f"{origin.name} returns a {word} of shape {got.shape}; it needs {want}")
        _array(tile, pointer, width)[...] = got
    return 0


def _taken() -> frozenset[str]:
    """Names that mean something else in a spec."""
    every = [*names(), *names(metrics=True)]
    return frozenset([*every, *(alias for name in every for alias in default(name).aliases), "sum"])


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
    if name is not None and not name.isidentifier():
        raise ArgumentError(f"name = {name!r} is no identifier")
    if (name or _name_of(function)) in _taken():
        raise ArgumentError(f"{name or _name_of(function)} is a loss of libloss: name= another one")
    if family not in get_args(Family):
        raise ArgumentError(f"family = {family!r} is none of {', '.join(get_args(Family))}")
    inputs, defaults = [], {}
    for p in inspect.signature(function).parameters.values():
        if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            raise ArgumentError("a loss's function names its inputs and parameters: no * or **")
        if p.default is p.empty:
            inputs.append(p.name)
        else:
            defaults[p.name] = _number(p.name, p.default)
    if not inputs:
        raise ArgumentError("a loss's function needs an input: an argument without a default")
    return Origin(function, name or _name_of(function), family, tuple(inputs), defaults, (inputs[0],), vectorized).make({})


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
    (array([ 2., -0.]), array([-0., -4.]))
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
    """Compares gradient and Hessian by the first input with finite differences of the value at the given points, and attacks the claims.

    A slope must lie between those to the left and to the right (a step of 1e-5 away), up to ``rtol``; so at a kink any between them will do.

    >>> bool(libloss.check("log_cosh", [0.5, -3.0], [0.0, 1.0]))
    True
    """
    loss = Loss(loss)
    arrays = [wide(p) if k == 0 or p.array.dtype.kind == "f" else p.array
              for k, p in enumerate(plain(x, f"inputs[{k}]") for k, x in enumerate(inputs))]
    x = np.asarray(arrays[0], np.float64) if arrays else np.zeros(0)

    def value(at: Any) -> Any:
        return loss(at, *arrays[1:], reduction="none")

    def slope(at: Any) -> Any:
        return loss.grad(at, *arrays[1:], reduction="sum", wrt=loss.info.inputs[0].name)

    here, gradient, lines = value(x), slope(x), []
    try:
        hessian = loss.hess(x, *arrays[1:], reduction="sum", wrt=loss.info.inputs[0].name)
    except NotDifferentiableError:
        hessian = None
    rows = here.ndim < x.ndim
    step = np.maximum(np.abs(x), 1) * 1e-5

    def compare(word: str, mine: Any, low: Any, middle: Any, high: Any, h: Any, where: Any) -> None:
        """mine against the differences of low, middle, high, which are h apart."""
        sides = (middle - low) / h, (high - middle) / h
        slack = rtol * np.maximum(np.abs(mine), 1) + 16 * np.finfo(float).eps * np.abs(middle) / h
        between = (np.minimum(*sides) - slack <= mine) & (mine <= np.maximum(*sides) + slack)
        for i in np.argwhere(~between & where)[:1]:
            i = tuple(int(k) for k in i)
            lines.append(f"{word} at {(*i, j) if rows else i}: {float(mine[i])!r}, finite difference {float((sides[0] + sides[1])[i] / 2)!r}")

    for j in range(x.shape[-1] if rows else 1):
        part: Any = (..., j) if rows else ...
        side = np.zeros_like(x)
        side[part] = step[part]
        h, low, high = step[part], slope(x - side), slope(x + side)
        compare("gradient", gradient[part], value(x - side), here, value(x + side), h, True)
        if hessian is not None:  # not where the gradient jumps: there is none
            near = slope(x + side / 8)[part] - slope(x - side / 8)[part]
            smooth = np.abs(near) < np.maximum(np.abs(high - low)[part] / 2, 1e-3 * np.maximum(np.abs(gradient[part]), 1))
            compare("Hessian", hessian[part], low[part], gradient[part], high[part], h, smooth)
    if "nonnegative" in loss.info.claims and np.any(here < 0):
        lines.append(f"a value of {np.min(here)!r}, though it claims to be nonnegative")
    if "convex" in loss.info.claims and len(x) > 1 and not rows and x.ndim == 1 and all(np.ndim(a) == 0 for a in arrays[1:]):
        a, b = x[:-1], x[1:]
        if np.any(value((a + b) / 2) > (value(a) + value(b)) / 2 * (1 + rtol) + rtol):
            lines.append("a value above the chord between its neighbours, though it claims to be convex")
    what = "gradient and Hessian agree" if hessian is not None else "the gradient agrees (there is no Hessian)"
    return Check(not lines, "\n".join(lines) or f"{what} with finite differences at {x.size} numbers")
