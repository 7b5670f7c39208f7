"""The object: a loss with its parameters, and everything that is more than a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType, SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple, final

import numpy as np

from ._arrays import Plain, absent, plain, same_index, weighed
from ._core import ANSWERS, NO_VALUE, REDUCTIONS, Info, ParameterInfo, check, create, describe, text, word
from ._errors import ArgumentError, DomainError, DTypeError, ShapeError, UnknownNameError
from ._libloss import ffi, lib
from ._threads import wished

if TYPE_CHECKING:
    from ._total import Total

EMPTY = {"nan": 0, "zero": 1}
CURVATURE = {"exact": 0, "upper": 1}
ROLES = {"input": 0, "weight": 1, "upstream": 2, "values": 3, "grad": 4, "hess": 5, "auxiliary": 6}


class Jet(NamedTuple):
    """Value, gradient and Hessian diagonal."""

    value: Any
    grad: Any
    hess: Any


class Evaluation(SimpleNamespace):
    """What ``evaluate`` was asked for, as attributes."""


def choose(table: Mapping[str, int], word: str, what: str) -> int:
    """The number of an option's word."""
    number = table.get(word)
    if number is None:
        hint = f"; did you mean {ANSWERS[word]!r}?" if word in ANSWERS and what == "reduction" else ""
        raise ArgumentError(f"{what} = {word!r} is none of {', '.join(table)}{hint}")
    return number


def numbers_of(p: ParameterInfo, value: Any) -> list[float]:
    """A parameter's value as C takes it: a list of doubles."""
    if value is None:
        if p.optional:
            return []
        raise ArgumentError(f"{p.name} = None: it needs a value")
    if p.choices and isinstance(value, str):
        if value not in p.choices:
            raise ArgumentError(f"{p.name} = {value} is none of: {' '.join(p.choices)}")
        return [float(p.choices.index(value))]
    if p.choices and isinstance(value, float) and value != value and "nan" in p.choices:
        return [float(p.choices.index("nan"))]
    if isinstance(value, str):
        raise ArgumentError(f"{p.name} = {value!r} is not a number")
    try:
        return [float(v) for v in np.atleast_1d(np.asarray(value, dtype=float))]
    except (TypeError, ValueError) as problem:
        raise ArgumentError(f"{p.name} = {value!r} is not a number") from problem


def create_with(info: Info, parameters: Mapping[str, Any]) -> Any:
    """A handle by name and typed values: no number passes through text."""
    known = {p.name: p for p in info.parameters}
    settings = ffi.new("libloss_setting[]", max(len(parameters), 1))
    keep = []
    for setting, (name, value) in zip(settings, parameters.items(), strict=False):
        if name == "reduction":
            raise ArgumentError("reduction is an argument of the call, not of the loss")
        numbers = numbers_of(known[name], value) if name in known else [0.0]
        keep += [ffi.new("char[]", name.encode()), ffi.new("double[]", numbers or [0.0])]
        setting.name, setting.values, setting.count = keep[-2], keep[-1], len(numbers)
    out = ffi.new("libloss_object **")
    check(lib.libloss_create_with(info.name.encode(), settings, len(parameters), out))
    return ffi.gc(out[0], lib.libloss_destroy)


def _value_of(p: ParameterInfo, numbers: list[float]) -> Any:
    if p.kind == "flag":
        return bool(numbers[0])
    if p.kind == "choice":
        return word(p.choices[int(numbers[0])])
    if p.kind in ("integer", "integers"):
        whole = [int(v) for v in numbers]
        return None if not whole else whole[0] if len(whole) == 1 else tuple(whole)
    return numbers[0] if len(numbers) == 1 else tuple(numbers)


def _combine(terms: Sequence[tuple[float, Loss]]) -> Loss:
    handles = ffi.new("libloss_object *[]", [loss._handle for _, loss in terms])
    factors = ffi.new("double[]", [factor for factor, _ in terms])
    out = ffi.new("libloss_object **")
    check(lib.libloss_combine(handles, factors, len(terms), out))
    self = object.__new__(Loss)
    self._become(ffi.gc(out[0], lib.libloss_destroy), MappingProxyType({}), tuple(terms))
    return self


@final
class Loss:
    """An immutable loss with its parameters: ``Loss("huber", delta=2)`` or ``Loss("huber(delta=2)")``.

    Share it between threads; compare, hash, pickle and copy it freely. Derivatives are those of the *reduced* value under the
    same ``reduction`` (default the mean, so 1/n times each value's own; ``"sum"`` and ``"none"`` give every value's own).
    """

    __slots__ = ("__weakref__", "_handle", "_info", "_origin", "_parameters", "_spec", "_terms")
    _handle: Any
    _info: Info
    _parameters: Mapping[str, Any]
    _terms: tuple[tuple[float, Loss], ...]
    _spec: str
    _origin: tuple[Any, Any] | None  # of a loss of one's own: what it was made from, and the handle that C keeps

    def __new__(cls, spec: str | Loss, /, **parameters: Any) -> Loss:
        if isinstance(spec, Loss):
            return spec.replace(**parameters) if parameters else spec
        if not isinstance(spec, str):
            raise DTypeError(f"a loss is a name or a spec, not {type(spec).__name__}")
        handle = create(spec)
        info = describe(handle)
        if info.is_metric:
            raise ArgumentError(f"{info.name} is a metric: libloss.metrics.{info.name}(...), or libloss.metrics.Metric({spec!r})")
        if info.family == "sum":
            if parameters:
                raise ArgumentError("parameters belong to the terms of a sum: write them into its spec")
            return _parse_sum(text(lambda b, n: lib.libloss_spec(handle, b, n)))
        set_in_text = _settings(handle, info)
        both = set(parameters) & {k for k, v in set_in_text.items() if f"{k}=" in spec.replace(" ", "")}
        if both:
            raise ArgumentError(f"{', '.join(sorted(both))} is set in the spec and as a keyword")
        return _make(info, {**set_in_text, **parameters})

    def _become(self, handle: Any, parameters: Mapping[str, Any], terms: tuple[tuple[float, Loss], ...]) -> None:
        put = object.__setattr__
        put(self, "_handle", handle)
        if not hasattr(self, "_origin"):
            put(self, "_origin", None)
        put(self, "_info", describe(handle))
        put(self, "_parameters", parameters)
        put(self, "_terms", terms or ((1.0, self),))
        put(self, "_spec", text(lambda b, n: lib.libloss_spec(handle, b, n)))

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a loss is immutable: loss.replace({name}=...) makes another one")

    # ---- evaluation ----

    def _evaluate(self, inputs: tuple[Any, ...], named: Mapping[str, Any], want: Sequence[str], *, wrt: str | tuple[str, ...] | None = None,
                  curvature: str = "exact", weight: Any = None, reduction: str = "mean", divisor: float | None = None,
                  empty: str = "nan", upstream: Any = None, axis: int = -1, out: Mapping[str, Any] | None = None,
                  threads: int | None = None, total: Any = None) -> dict[str, Any]:
        info = self._info
        args = ffi.new("libloss_args *")
        args.struct_size = ffi.sizeof("libloss_args")
        args.reduction = choose(REDUCTIONS, reduction, "reduction")
        args.empty = choose(EMPTY, empty, "empty")
        args.curvature = choose(CURVATURE, curvature, "curvature")
        if divisor is not None:
            if not divisor > 0:
                raise ArgumentError(f"divisor = {divisor} is not above 0")
            args.divisor = divisor
        args.threads = wished(threads)
        if "value" not in want or reduction == "none":
            args.flags = NO_VALUE
        if total is not None:
            args.total = ffi.cast("libloss_total *", ffi.from_buffer(total))

        given = self._bind(inputs, named)
        same_index([(info.inputs[k].name, x) for k, x in enumerate(given)])
        slots: list[tuple[Any, int, int, bool]] = []
        arrays: list[Plain | None] = []
        for k, x in enumerate(given):
            if x is None:
                arrays.append(None)
                continue
            p = plain(x, info.inputs[k].name)
            if info.per_row and axis != -1 and info.inputs[k].per != "class" and p.array.ndim == _ndim(given[0]):
                p = p._replace(array=np.moveaxis(p.array, axis, -1), mask=None if p.mask is None else np.moveaxis(p.mask, axis, -1))
            arrays.append(p)
            slots.append((p.array, ROLES["input"], k, p.bfloat16))
        first = arrays[0]
        assert first is not None
        shaped = next((a for a in arrays if a is not None and a.array.ndim), first).array
        shape = shaped.shape[:-1] if info.per_row else shaped.shape
        w = weighed(weight, absent([p.mask for p in arrays if p is not None], len(shape)))
        if w is not None:
            slots.append((w.array, ROLES["weight"], 0, w.bfloat16))
        if upstream is not None:
            slots.append((plain(upstream, "upstream").array, ROLES["upstream"], 0, False))

        result: dict[str, Any] = {}
        out = out or {}
        wide = any(p is not None and p.array.dtype == np.float64 for p in arrays) or not any(
            p is not None and (p.array.dtype.kind == "f" or p.bfloat16) for p in arrays)
        if "value" in want and reduction == "none":
            result["value"] = self._output(out.get("value"), shape, np.float64 if wide else np.float32)
            slots.append((result["value"], ROLES["values"], 0, False))
        for kind in ("grad", "hess"):
            if kind not in want:
                continue
            each: list[Any] = []
            for k in self._differentiate(wrt):
                source = arrays[k]
                assert source is not None
                kept = source.array.dtype if source.array.dtype.kind == "f" else np.dtype(np.float32 if source.bfloat16 else np.float64)
                own = out.get(kind)
                if isinstance(own, tuple):
                    own = own[len(each)]
                if info.per_row and axis != -1:
                    whole = self._output(own, np.moveaxis(source.array, -1, axis).shape, kept)
                    view = np.moveaxis(whole, axis, -1)
                else:
                    view = whole = self._output(own, source.array.shape if source.array.ndim else shape, kept)
                each.append(whole)
                slots.append((view, ROLES[kind], k, False))
            result[kind] = tuple(each) if isinstance(wrt, tuple) else each[0]
        for k, name in enumerate(info.auxiliaries):
            if name in want:
                result[name] = self._output(out.get(name), shape, np.float64)
                slots.append((result[name], ROLES["auxiliary"], k, False))

        c_slots = ffi.new("libloss_py_slot[]", [(id(a), role, k, b) for a, role, k, b in slots])
        answer = lib.libloss_py_eval(self._handle, args, c_slots, len(slots), ffi.NULL)
        if answer.status == -1:
            self._explain(slots)
        check(answer.status)
        if "value" in want and reduction != "none":
            result["value"] = answer.value
        if "correct" in result:
            result["correct"] = result["correct"] != 0
        return result

    @staticmethod
    def _output(own: Any, shape: tuple[int, ...], dtype: Any) -> np.ndarray[Any, Any]:
        if own is None:
            return np.empty(shape, dtype)
        if type(own) is not np.ndarray:
            raise DTypeError(f"out is {type(own).__name__}; it must be a numpy.ndarray")
        if not own.flags.writeable:
            raise ArgumentError("out is read-only")
        if own.shape != shape:
            raise ShapeError(f"out has shape {own.shape}; it needs {shape}")
        return own

    def _explain(self, slots: Sequence[tuple[Any, int, int, bool]]) -> None:
        for array, role, _, _ in slots:
            if role > ROLES["upstream"] and not array.flags.writeable:
                raise ArgumentError("out is read-only")
        raise DTypeError(f"{self.name}: an array that the buffer protocol does not give")

    def _bind(self, inputs: tuple[Any, ...], named: Mapping[str, Any]) -> list[Any]:
        names = [i.name for i in self._info.inputs]
        needed = [i.name for i in self._info.inputs if not i.optional]
        if len(inputs) > len(needed):
            raise TypeError(f"{self.name} takes {len(needed)} positional inputs ({', '.join(needed)}); everything else is a keyword")
        given: list[Any] = [None] * len(names)
        for k, x in enumerate(inputs):
            given[k] = x
        for name, x in named.items():
            if name not in names:
                hint = {"y_true": "target", "y_pred": "prediction", "input": "prediction", "labels": "target", "logits": "prediction",
                        "sample_weight": "weight"}.get(name)
                also = f"; here it is called {hint!r}" if hint else ""
                raise TypeError(f"{self.name} has no input {name!r}{also}")
            if given[names.index(name)] is not None:
                raise TypeError(f"{name} is given twice")
            given[names.index(name)] = x
        for k, i in enumerate(self._info.inputs):
            if given[k] is None and not i.optional:
                raise TypeError(f"{self.name} needs {i.name}")
        return given

    def _differentiate(self, wrt: str | tuple[str, ...] | None) -> list[int]:
        names = [i.name for i in self._info.inputs]
        if wrt is None:
            predicted = [i.name for i in self._info.inputs if i.differentiable and i.name != "target"]
            if len(predicted) > 1:
                raise ArgumentError(f"{self.name} predicts {', '.join(predicted)}: say wrt=, one of them or a tuple")
            return [0]
        each = wrt if isinstance(wrt, tuple) else (wrt,)
        for name in each:
            if name not in names:
                raise ArgumentError(f"wrt = {name!r} is none of the inputs: {', '.join(names)}")
        return [names.index(name) for name in each]

    def _quick(self, inputs: tuple[Any, ...], grad: Any, reduction: str = "mean") -> float | None:
        """The value of two plain arrays, or None where it takes more than that to answer."""
        answer = lib.libloss_py_call(self._handle, id(inputs[0]), id(inputs[1]), 0, 0 if grad is None else id(grad), REDUCTIONS[reduction])
        if answer.status > 0 and sum(not i.optional for i in self._info.inputs) == 2:
            check(answer.status)
        return None if answer.status else float(answer.value)

    def __call__(self, *inputs: Any, out: Any = None, **options: Any) -> Any:
        """The value: a float, or an array under ``reduction="none"``."""
        if not options and len(inputs) == 2 and type(inputs[0]) is np.ndarray and type(inputs[1]) is np.ndarray and out is None:
            value = self._quick(inputs, None)
            if value is not None:
                return value
        call, named = _split(options)
        return self._evaluate(inputs, named, ("value",), out={"value": out}, **call)["value"]

    def grad(self, *inputs: Any, out: Any = None, **options: Any) -> Any:
        """The gradient of the reduced value (of a mean: 1/n times each value's own) by ``wrt``, default the prediction."""
        call, named = _split(options)
        return self._evaluate(inputs, named, ("grad",), out={"grad": out}, **call)["grad"]

    def value_and_grad(self, *inputs: Any, out: Any = None, **options: Any) -> tuple[Any, Any]:
        """Both in one pass."""
        if not options and len(inputs) == 2 and type(inputs[0]) is np.ndarray and type(inputs[1]) is np.ndarray:
            grad = out
            if out is None and inputs[0].dtype.kind == "f" and inputs[0].ndim:
                grad = np.empty(inputs[0].shape, inputs[0].dtype)
            if grad is not None:
                value = self._quick(inputs, grad)
                if value is not None:
                    return value, grad
        call, named = _split(options)
        pair = out if call.get("reduction") == "none" and isinstance(out, tuple) else (None, out)
        got = self._evaluate(inputs, named, ("value", "grad"), out={"value": pair[0], "grad": pair[1]}, **call)
        return got["value"], got["grad"]

    def hess(self, *inputs: Any, out: Any = None, **options: Any) -> Any:
        """The diagonal of the Hessian, or with ``curvature="upper"`` a positive one for Newton steps and boosting."""
        call, named = _split(options)
        return self._evaluate(inputs, named, ("hess",), out={"hess": out}, **call)["hess"]

    def grad_and_hess(self, *inputs: Any, out: Any = (None, None), **options: Any) -> tuple[Any, Any]:
        """What boosters ask for (they mean ``reduction="sum"``)."""
        call, named = _split(options)
        got = self._evaluate(inputs, named, ("grad", "hess"), out={"grad": out[0], "hess": out[1]}, **call)
        return got["grad"], got["hess"]

    def jet(self, *inputs: Any, **options: Any) -> Jet:
        """Value, gradient and Hessian in one pass."""
        call, named = _split(options)
        return Jet(**self._evaluate(inputs, named, ("value", "grad", "hess"), **call))

    def evaluate(self, *inputs: Any, want: Sequence[str], **options: Any) -> Evaluation:
        """Everything at once: ``want`` names value, grad, hess and the loss's own auxiliaries (logsumexp, correct)."""
        call, named = _split(options)
        for name in want:
            if name not in ("value", "grad", "hess", *self._info.auxiliaries):
                raise ArgumentError(f"want = {name!r} is none of value, grad, hess{''.join(', ' + a for a in self._info.auxiliaries)}")
        return Evaluation(**self._evaluate(inputs, named, tuple(want), **call))

    # ---- the three steps ----

    def forward(self, *inputs: Any, axis: int = -1, out: Any = None, **named: Any) -> Any:
        """The values, unweighted and unreduced."""
        return self(*inputs, axis=axis, out=out, reduction="none", **named)

    def backward(self, *inputs: Any, upstream: Any = None, **options: Any) -> Any:
        """The gradient of sum(upstream * values)."""
        return self.grad(*inputs, upstream=upstream, reduction="none", **options)

    def reduce(self, values: Any, *, weight: Any = None, reduction: str = "mean", divisor: float | None = None, empty: str = "nan") -> float:
        """The reduced number of what ``forward`` gave."""
        return self._reduce(values, weight, reduction, divisor, empty, None)

    def _reduce(self, values: Any, weight: Any, reduction: str, divisor: float | None, empty: str, total: Any) -> float:
        args = ffi.new("libloss_args *")
        args.struct_size = ffi.sizeof("libloss_args")
        args.reduction, args.empty = choose(REDUCTIONS, reduction, "reduction"), choose(EMPTY, empty, "empty")
        args.divisor = divisor or 0.0
        keep = [_tensor(np.asarray(values))]
        args.input[0] = keep[0][0]
        if weight is not None:
            keep.append(_tensor(np.asarray(weight)))
            args.weight = keep[1][0]
        number = ffi.new("double *")
        args.value = number
        if total is not None:
            args.total = ffi.cast("libloss_total *", ffi.from_buffer(total))
        check(lib.libloss_reduce(self._handle, args))
        return float(number[0])

    def fit_constant(self, target: Any, *, weight: Any = None, **named: Any) -> float:
        """The constant prediction that costs least: the mean, the median, the log-odds, ... of the targets. Further inputs by name."""
        args = ffi.new("libloss_args *")
        args.struct_size = ffi.sizeof("libloss_args")
        keep = [_tensor(plain(target, "target").array)]
        args.input[1] = keep[0][0]
        for k, given in enumerate(self._bind((target, target), named)[2:], 2):
            if given is not None:
                keep.append(_tensor(plain(given, self._info.inputs[k].name).array))
                args.input[k] = keep[-1][0]
        if weight is not None:
            keep.append(_tensor(plain(weight, "weight").array))
            args.weight = keep[-1][0]
        number = ffi.new("double *")
        check(lib.libloss_fit_constant(self._handle, args, number, 1))
        return float(number[0])

    # ---- identity ----

    @property
    def name(self) -> str:
        """The canonical name; "sum" for a composition."""
        return self._info.name

    @property
    def spec(self) -> str:
        """A text that makes an equal loss."""
        return self._spec

    @property
    def parameters(self) -> Mapping[str, Any]:
        """All parameters with their values."""
        return MappingProxyType(dict(self._parameters))

    @property
    def terms(self) -> tuple[tuple[float, Loss], ...]:
        """Factors and losses of a composition; ((1.0, self),) of any other loss."""
        return self._terms

    @property
    def info(self) -> Info:
        """What the registry says of it."""
        return self._info

    def replace(self, **parameters: Any) -> Loss:
        """The same loss with other parameters."""
        if self.name == "sum":
            raise ArgumentError("parameters belong to the terms of a sum")
        if self._origin is not None:
            made: Loss = self._origin[0].make({**self._parameters, **parameters})
            return made
        return _make(self._info, {**self._parameters, **parameters})

    def total(self) -> Total:
        """An empty running total of this loss."""
        from ._total import Total

        return Total(self)

    __replace__ = replace

    def __add__(self, other: Any) -> Loss:
        return _combine([*self.terms, *other.terms]) if isinstance(other, Loss) else NotImplemented

    def __sub__(self, other: Any) -> Loss:
        return self + -other if isinstance(other, Loss) else NotImplemented

    def __radd__(self, other: Any) -> Loss:
        return self if isinstance(other, int) and other == 0 else NotImplemented

    def __mul__(self, factor: float) -> Loss:
        if isinstance(factor, Loss):
            return NotImplemented
        return _combine([(float(factor) * f, loss) for f, loss in self.terms])

    __rmul__ = __mul__

    def __truediv__(self, divisor: float) -> Loss:
        return _combine([(f / float(divisor), loss) for f, loss in self.terms])

    def __neg__(self) -> Loss:
        return self * -1.0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Loss) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[Any, ...]:
        if self.name == "sum":
            return tuple((f, loss._key()) for f, loss in self.terms)
        return self.name if self._origin is None else self._origin[0], tuple(sorted((k, str(v)) for k, v in self._parameters.items()))

    def __copy__(self) -> Loss:
        return self

    def __deepcopy__(self, memo: Any) -> Loss:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        if self.name == "sum":
            return _unpickle_sum, (1, self.terms)
        if self._origin is not None:
            from ._custom import remake

            return remake, (self._origin[0], dict(self._parameters))
        return _unpickle, (1, self.name, dict(self._parameters))

    def __repr__(self) -> str:
        if self.name == "sum":
            return " + ".join(f"{f!r}*{loss!r}" for f, loss in self.terms)
        if self._origin is not None:
            return f"libloss.define({self._origin[0].function.__qualname__})" + (f".replace(**{dict(self._parameters)!r})" if self._parameters else "")
        changed = "".join(f", {p.name}={self._parameters[p.name]!r}" for p in self._info.parameters if self._parameters[p.name] != p.default)
        return f"Loss({self.name!r}{changed})"

    def __str__(self) -> str:
        return self._spec


OPTIONS = frozenset(("wrt", "curvature", "weight", "reduction", "divisor", "empty", "upstream", "axis", "threads"))


def _split(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Options of the call; inputs by name."""
    return {k: v for k, v in options.items() if k in OPTIONS}, {k: v for k, v in options.items() if k not in OPTIONS}


def _ndim(x: Any) -> int:
    return int(x.ndim) if hasattr(x, "ndim") else int(np.ndim(x))


def _tensor(array: np.ndarray[Any, Any]) -> tuple[Any, ...]:
    """A dense tensor and what keeps it alive."""
    array = np.ascontiguousarray(array, dtype=array.dtype if array.dtype in (np.float32, np.float64) else np.float64).reshape(array.shape)
    shape = ffi.new("int64_t[]", list(array.shape) or [0])
    t = ffi.new("libloss_tensor *")
    t.data, t.device_type, t.ndim, t.shape = ffi.cast("void *", array.__array_interface__["data"][0]), 1, array.ndim, shape
    t.dtype_code, t.dtype_bits, t.dtype_lanes = 2, 8 * array.itemsize, 1
    return t, shape, array


def _settings(handle: Any, info: Info) -> dict[str, Any]:
    """The parameters of an object that was made from a spec: its canonical text names those that differ."""
    values = {p.name: p.default for p in info.parameters}
    canonical = text(lambda b, n: lib.libloss_spec(handle, b, n))
    _, _, inside = canonical.partition("(")
    known = {p.name: p for p in info.parameters}
    for part in _commas(inside.removesuffix(")")):
        name, _, value = part.partition("=")
        p = known[name]
        numbers = [float(v) for v in value.strip("[]").split(",") if v.strip()] if not p.choices else numbers_of(p, value)
        values[name] = _value_of(p, numbers)
    return values


def _commas(inside: str) -> list[str]:
    """Splits at commas outside brackets."""
    parts, depth, start = [], 0, 0
    for i, c in enumerate(inside):
        depth += (c == "[") - (c == "]")
        if c == "," and depth == 0:
            parts.append(inside[start:i].strip())
            start = i + 1
    return [p for p in (*parts, inside[start:].strip()) if p]


def _make(info: Info, parameters: Mapping[str, Any]) -> Loss:
    self = object.__new__(Loss)
    handle = create_with(info, parameters)
    known = {p.name: p for p in info.parameters}
    values = {name: _value_of(known[name], numbers_of(known[name], value)) for name, value in parameters.items()}
    self._become(handle, {p.name: values.get(p.name, p.default) for p in info.parameters}, ())
    return self


def _parse_sum(spec: str) -> Loss:
    """A composition from its canonical text: factor*loss, joined by " + " and " - "."""
    import re

    terms = []
    for sign, factor, name in re.findall(r"(?:^|( [+-] ))([^*\s]+)\*(\w+(?:\([^)]*\))?)", spec):
        terms.append((float(factor) * (-1 if "-" in sign else 1), Loss(name)))
    return _combine(terms)


def _unpickle(version: int, name: str, parameters: dict[str, Any]) -> Loss:
    if version > 1:
        from ._errors import IncompatibleVersionError

        raise IncompatibleVersionError(f"a pickle of format {version}; this libloss reads up to 1")
    return Loss(name, **parameters)


def _unpickle_sum(version: int, terms: tuple[tuple[float, Loss], ...]) -> Loss:
    return _combine(terms)


__all__ = ["DomainError", "Evaluation", "Info", "Jet", "Loss", "UnknownNameError"]
