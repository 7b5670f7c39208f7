"""The object: a loss with its parameters, and everything that is more than a value."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from numbers import Real
from types import MappingProxyType, SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple, final

import numpy as np

from ._arrays import Plain, absent, columns_of, is_masked, plain, same_categories, same_index, weighed, wide
from ._core import ANSWERS, NO_VALUE, REDUCTIONS, Info, ParameterInfo, check, create, describe, is_flat, is_of_batch, numbers, text, word
from ._errors import ArgumentError, DTypeError, Error, IncompatibleVersionError, NotDifferentiableError, ShapeError, located
from ._libloss import ffi, lib, quick, reduced
from ._threads import wished
from ._types import Spec

if TYPE_CHECKING:
    from ._total import Total

ndarray, new = np.ndarray, np.empty
FIRST = [0]
UNSET = {"divisor": None, "empty": "nan", "threads": None}
EMPTY = {"nan": 0, "zero": 1}
CURVATURE = {"exact": 0, "upper": 1}
CODES = {"i": 0, "u": 1, "f": 2, "b": 6}  # of DLPack, by NumPy's kinds
FORMAT = 1  # of pickles
VALUE = frozenset(("weight", "reduction", "divisor", "empty", "axis", "threads", "unit_axes"))  # options of a value, and of derivatives
GRAD = VALUE | {"wrt"}
HESS = GRAD | {"curvature"}
OPTIONS = HESS | {"upstream"}
LABELS = ("class", "label")  # kinds of inputs that are integers which stand for something
CATEGORIES = "; of a table a column of categories too, in the order of its type (pandas dtype.categories, polars Enum, Arrow dictionary)"
ROLES = {"input": 0, "weight": 1, "upstream": 2, "values": 3, "grad": 4, "hess": 5, "auxiliary": 6}


class Jet(NamedTuple):
    """Value, gradient and Hessian diagonal."""

    value: Any
    grad: Any
    hess: Any


class Evaluation(SimpleNamespace):
    """What ``evaluate`` was asked for, as attributes; the others are not there."""


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
        hint = "; did you mean 'none'?" if "none" in p.choices else ""
        raise ArgumentError(f"{p.name} = None: it needs a value{hint}")
    if p.choices and isinstance(value, str):
        if value not in p.choices:
            raise ArgumentError(f"{p.name} = {value!r} is none of {', '.join(p.choices)}")
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
    if not numbers and p.optional:
        return None
    if p.kind == "flag":
        return bool(numbers[0])
    if p.kind == "choice":
        return word(p.choices[int(numbers[0])])
    if p.kind in ("integer", "integers"):
        whole = [int(v) for v in numbers]
        return whole[0] if len(whole) == 1 else tuple(whole)
    return numbers[0] if len(numbers) == 1 else tuple(numbers)


def _combine(terms: Sequence[tuple[float, Loss]]) -> Loss:
    if len(terms) == 1 and terms[0][0] == 1:
        return terms[0][1]
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

    Inputs are whatever holds numbers in memory: arrays, tensors, columns of tables (pandas, polars, Arrow), whole tables as rows. Nulls
    and masked values are not there; a float NaN is a NaN. Categories that are no numbers are class indices in the order of their type.
    """

    __slots__ = ("__weakref__", "_address", "_flat", "_handle", "_info", "_origin", "_parameters", "_spec", "_terms", "_wrt")
    _handle: Any
    _address: int  # of what the handle holds
    _flat: bool
    _info: Info
    _parameters: Mapping[str, Any]
    _terms: tuple[tuple[float, Loss], ...]
    _spec: str
    _wrt: list[int] | None  # the input that a gradient is by where nobody says; None: somebody must
    __array_ufunc__ = None  # a NumPy number times a loss is a loss
    _origin: tuple[Any, Any] | None  # of a loss of one's own: what it was made from, and the handle that C keeps

    def __new__(cls, spec: Spec, /, **parameters: Any) -> Loss:
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
            return _combine(_terms_of(handle))
        for name in parameters:
            if re.search(rf"\b{name}\s*=", spec):
                raise ArgumentError(f"{name} is set in the spec and as a keyword")
        return _make(info, {**settings(handle, info), **parameters})

    def _become(self, handle: Any, parameters: Mapping[str, Any], terms: tuple[tuple[float, Loss], ...]) -> None:
        put = object.__setattr__
        put(self, "_handle", handle)
        if not hasattr(self, "_origin"):
            put(self, "_origin", None)
        put(self, "_info", describe(handle))
        predictions = [k for k, i in enumerate(self._info.inputs) if i.role == "prediction"] or [0]
        put(self, "_wrt", predictions if len(predictions) == 1 else None)
        put(self, "_address", int(ffi.cast("intptr_t", handle)))
        put(self, "_flat", is_flat(self._info))
        put(self, "_parameters", parameters)
        put(self, "_terms", terms or ((1.0, self),))
        put(self, "_spec", text(lambda b, n: lib.libloss_spec(handle, b, n)))

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a loss is immutable: loss.replace({name}=...) makes another one")

    # ---- evaluation ----

    def _evaluate(self, inputs: tuple[Any, ...], named: Mapping[str, Any], want: Sequence[str], **options: Any) -> dict[str, Any]:
        """What is wanted, by name; an exception names the columns of tables."""
        try:
            return self._compute(inputs, named, want, **options)
        except Error as problem:
            given = {**dict(zip((i.name for i in self._info.inputs), inputs, strict=False)), **named, "weight": options.get("weight")}
            raise located(problem, {name: columns_of(x) for name, x in given.items()}) from problem.__cause__

    def _compute(self, inputs: tuple[Any, ...], named: Mapping[str, Any], want: Sequence[str], *, wrt: str | tuple[str, ...] | None = None,
                  curvature: str = "exact", matrices: bool = False, weight: Any = None, reduction: str = "mean", divisor: float | None = None,
                  empty: str = "nan", upstream: Any = None, axis: int = -1, out: Mapping[str, Any] | None = None,
                  threads: int | None = None, unit_axes: int = 0, total: Any = None) -> dict[str, Any]:
        info = self._info
        args = ffi.new("libloss_args *")
        args.struct_size = ffi.sizeof("libloss_args")
        args.reduction = choose(REDUCTIONS, reduction, "reduction")
        args.empty = choose(EMPTY, empty, "empty")
        args.curvature = choose(CURVATURE, curvature, "curvature")
        args.hessian_kind = lib.LIBLOSS_ROW_MATRIX if matrices else lib.LIBLOSS_DIAGONAL
        args.divisor = _positive(divisor)
        args.threads, args.unit_axes = wished(threads), unit_axes
        if "value" not in want or reduction == "none":
            args.flags = NO_VALUE
        if total is not None:
            args.total = ffi.cast("libloss_total *", ffi.from_buffer(total))

        given = self._bind(inputs, named)
        same_index([*((info.inputs[k].name, x) for k, x in enumerate(given)), ("weight", weight), ("upstream", upstream)])
        slots: list[tuple[Any, int, int, bool]] = []
        arrays: list[Plain | None] = []
        for k, x in enumerate(given):
            if x is None:
                arrays.append(None)
                continue
            p = plain(x, info.inputs[k].name, info.inputs[k].kind in LABELS)
            if info.inputs[k].per == "class":
                if p.mask is not None:  # a class that is not there
                    p = p._replace(array=np.where(p.mask, p.array.dtype.type(0), p.array), mask=None)
            elif axis != -1 and p.array.ndim == _ndim(given[0]):
                self._check_axis(axis, p.array)
                p = p._replace(array=np.moveaxis(p.array, axis, -1), mask=None if p.mask is None else np.moveaxis(p.mask, axis, -1))
            arrays.append(p)
            slots.append((p.array, ROLES["input"], k, p.bfloat16))
        first = arrays[0]
        assert first is not None
        if len(arrays) > 1 and arrays[1] is not None and arrays[1].categories is not None:
            same_categories(first, arrays[1], columns_of(given[0]))
        shaped = next((a for a in arrays if a is not None and a.array.ndim), first).array
        shape = self._unit_shape(args, slots) if info.per_unit else shaped.shape[:-1] if info.per_row else shaped.shape
        masks = [p.mask for p in arrays if p is not None]
        if upstream is not None:
            u = plain(upstream, "upstream")
            masks.append(u.mask)
            slots.append((u.array, ROLES["upstream"], 0, u.bfloat16))
        w = weighed(weight, absent(masks, shaped.ndim if is_of_batch(info) else len(shape)))
        if w is not None:
            slots.append((w.array, ROLES["weight"], 0, w.bfloat16))

        result: dict[str, Any] = {}
        each: list[Any] = []
        out = out or {}
        if all(own is None for own in out.values()):
            args.flags |= lib.LIBLOSS_DISCARD_ON_ERROR
        copies: list[tuple[Any, Any]] = []  # from memory that C can write to memory that it can't

        def output(own: Any, shape: tuple[int, ...], dtype: Any, role: str, k: int, what: str) -> Any:
            whole, dense, half = _output(own, shape, dtype, what)
            if dense is not whole and not np.may_share_memory(whole, dense):
                copies.append((whole, dense))
            rows_moved = role in ("grad", "hess") and axis != -1 and not (matrices and role == "hess")
            slots.append((np.moveaxis(dense, axis, -1) if rows_moved else dense, ROLES[role], k, half))
            return whole

        wide_values = any(p is not None and p.array.dtype == np.float64 for p in arrays) or not any(
            p is not None and (p.array.dtype.kind == "f" or p.bfloat16) for p in arrays)
        if "value" in want and reduction == "none":
            result["value"] = output(out.get("value"), shape, np.float64 if wide_values else np.float32, "values", 0, "out")
        for kind in ("grad", "hess"):
            if kind not in want:
                continue
            chosen, each = self._differentiate(wrt, kind), []
            own = out.get(kind)
            if isinstance(wrt, tuple) and own is not None and not (isinstance(own, tuple) and len(own) == len(chosen)):
                raise ArgumentError(f"out is a tuple of {len(chosen)}, as wrt is")
            for place, k in enumerate(chosen):
                if k < 0:
                    each.append(None)
                    if own is not None and (not isinstance(wrt, tuple) or own[place] is not None):
                        raise ArgumentError(f"out: the gradient by {info.parameters[~k].name} is a float, not an array")
                    continue
                source = arrays[k]
                if source is None:
                    raise NotDifferentiableError(f"{self.name}: there is no derivative with respect to {info.inputs[k].name}")
                of_input = source.array.shape if source.array.ndim else shape
                if axis != -1 and len(of_input) > len(shape):
                    of_input = np.moveaxis(source.array, -1, axis).shape
                if matrices and kind == "hess":
                    of_input = (*shape, source.array.shape[-1], source.array.shape[-1])
                each.append(output(own[place] if isinstance(wrt, tuple) and own is not None else own, of_input, source.dtype, kind, k, "out"))
            if any(k < 0 for k in chosen):
                by_parameters = ffi.new("double[]", sum(len(numbers(self._handle, i)) for i in range(len(info.parameters))))
                args.parameter_gradient = by_parameters
            result[kind] = tuple(each) if isinstance(wrt, tuple) else each[0]
        for k, name in enumerate(info.auxiliaries):
            if name in want:
                result[name] = output(out.get(name), shape, np.float64, "auxiliary", k, name)

        c_slots = ffi.new("libloss_py_slot[]", [(id(a), role, k, b) for a, role, k, b in slots])
        answer = lib.libloss_py_eval(self._handle, args, c_slots, len(slots), ffi.NULL)
        if answer.status == -1:
            raise DTypeError(f"{self.name}: an array that the buffer protocol does not give")
        check(answer.status)
        for whole, dense in copies:
            whole[...] = dense
        if "value" in want and reduction != "none":
            result["value"] = answer.value
        if args.parameter_gradient:
            whole = [self._learned(k, by_parameters) if k < 0 else x for k, x in zip(chosen, each, strict=True)]
            result["grad"] = tuple(whole) if isinstance(wrt, tuple) else whole[0]
        if "correct" in result:
            result["correct"] = result["correct"] != 0
        return result

    def _unit_shape(self, args: Any, slots: Sequence[tuple[Any, int, int, bool]]) -> tuple[int, ...]:
        """Of the values, where only C knows it."""
        plan = ffi.new("libloss_plan *")
        plan.struct_size = ffi.sizeof("libloss_plan")
        kept = args.total, args.flags
        args.total = ffi.NULL
        answer = lib.libloss_py_eval(self._handle, args, ffi.new("libloss_py_slot[]", [(id(a), role, k, b) for a, role, k, b in slots]), len(slots), plan)
        if answer.status == -1:
            raise DTypeError(f"{self.name}: an array that the buffer protocol does not give")
        check(answer.status)
        args.total, args.flags = kept
        return tuple(plan.values_shape[k] for k in range(plan.values_ndim))

    def _check_axis(self, axis: int, array: np.ndarray[Any, Any]) -> None:
        if not self._info.per_row:
            raise ArgumentError(f"axis = {axis}: {self.name} has no rows")
        if not -array.ndim <= axis < array.ndim:
            raise ShapeError(f"axis = {axis} is not in [{-array.ndim}, {array.ndim})")

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
                if name in OPTIONS or name == "out":
                    raise TypeError(f"{self.name}: {name} means nothing here")
                hint = {"y_true": "target", "y_pred": "prediction", "input": "prediction", "labels": "target", "logits": "prediction",
                        "sample_weight": "weight"}.get(name)
                also = f"; here it is called {hint!r}" if hint else ""
                raise TypeError(f"{self.name} has no input {name!r}{also}")
            if given[names.index(name)] is not None:
                raise TypeError(f"{name} is given twice")
            given[names.index(name)] = x
        for k, i in enumerate(self._info.inputs):
            if given[k] is None and not i.optional:
                if i.name in named or i.name in needed[: len(inputs)]:
                    raise DTypeError(f"{i.name} is None")
                raise TypeError(f"{self.name} needs {i.name}")
        return given

    def _learned(self, k: int, flat: Any) -> Any:
        """The gradient by parameter ~k, out of that by all numbers: a float, or a tuple if it is a vector."""
        counts = [len(numbers(self._handle, i)) for i in range(~k + 1)]
        own = tuple(float(flat[i]) for i in range(sum(counts[:-1]), sum(counts)))
        return own[0] if len(own) == 1 else own

    def _differentiate(self, wrt: str | tuple[str, ...] | None, kind: str = "grad") -> list[int]:
        """Inputs by number; ~k for parameter k."""
        names = [i.name for i in self._info.inputs]
        parameters = [p.name for p in self._info.parameters]
        if wrt is None:
            if self._wrt is None:
                several = ", ".join(i.name for i in self._info.inputs if i.role == "prediction")
                raise ArgumentError(f"{self.name} predicts several things: wrt is needed, one of {several}, or a tuple of them")
            return self._wrt
        each = wrt if isinstance(wrt, tuple) else (wrt,)
        for k, name in enumerate(each):
            if name not in names:
                learnable = [p.name for p in self._info.parameters if p.learnable]
                if name in parameters and name not in learnable:
                    raise NotDifferentiableError(f"{self.name}: {name} is not learnable")
                if name not in learnable:
                    also = f" or learnable parameters: {', '.join(learnable)}" if learnable else ""
                    raise ArgumentError(f"wrt = {name!r} is none of the inputs: {', '.join(names)}{also}")
                if kind == "hess":
                    raise NotDifferentiableError(f"{self.name}: no second derivative with respect to a parameter, and {name} is one")
                if self._parameters[name] is None:
                    raise NotDifferentiableError(f"{self.name}: {name} has no value")
            if name in each[:k]:
                raise ArgumentError(f"wrt = {name!r} is named twice")
        return [names.index(name) if name in names else ~parameters.index(name) for name in each]

    def _values(self, inputs: tuple[Any, ...], out: Any) -> Any:
        """Memory for a value per element of two plain arrays of one shape: the caller's, or new memory; else None."""
        if not self._flat or len(inputs) != 2 or type(inputs[0]) is not ndarray or type(inputs[1]) is not ndarray:
            return None
        shape, kinds = inputs[0].shape, (inputs[0].dtype.char, inputs[1].dtype.char)
        if not shape or shape != inputs[1].shape or not ("f" in kinds or "d" in kinds):
            return None
        if out is None:
            return new(shape, np.float64 if "d" in kinds else np.float32)
        return out if type(out) is ndarray and out.shape == shape else None

    def _quickly(self, inputs: tuple[Any, ...], options: Mapping[str, Any], grad: Any = None, hess: Any = None, *, values: Any = None,
                 new: bool = True, value: bool = True) -> float | None:
        """The value, or any number if it is not wanted, of plain arrays; None: it takes the long way."""
        if len(inputs) != 2 or (self._wrt != FIRST and (grad is not None or hess is not None)):
            return None
        weight, reduction, upper = None, "mean", False
        for name, x in options.items():
            if name == "weight":
                weight = x
            elif name == "reduction":
                reduction = x
            elif name == "curvature" and hess is not None and x in CURVATURE:
                upper = x == "upper"
            elif UNSET.get(name, name) is not x:
                return None
        return quick(self._address, inputs[0], inputs[1], weight, values, grad, hess, reduction, upper, self._flat, new, value)

    def __call__(self, *inputs: Any, out: Any = None, **options: Any) -> Any:
        """The value: a float, or an array under ``reduction="none"``."""
        values = self._values(inputs, out) if options.get("reduction") == "none" else None
        if values is not None or (out is None and options.get("reduction") != "none"):
            value = self._quickly(inputs, options, values=values, new=out is None)
            if value is not None:
                return value if values is None else values
        call, named = _split(options, VALUE)
        if out is not None and call.get("reduction") != "none":
            raise ArgumentError("out is for reduction='none': a reduced value is a float")
        return self._evaluate(inputs, named, ("value",), out={"value": out}, **call)["value"]

    def grad(self, *inputs: Any, out: Any = None, **options: Any) -> Any:
        """The gradient of the reduced value (of a mean: 1/n times each value's own) by ``wrt``, default the prediction.

        ``wrt`` may name learnable parameters too: ``wrt=("prediction", "alpha")``. A gradient by a parameter is a float, the exact sum
        over all values; ``loss.replace(alpha=...)`` takes the step.
        """
        grad = _like(inputs, out)
        if grad is not None and self._quickly(inputs, options, grad, new=out is None, value=False) is not None:
            return grad
        call, named = _split(options, GRAD | {"upstream"})
        return self._evaluate(inputs, named, ("grad",), out={"grad": out}, **call)["grad"]

    def value_and_grad(self, *inputs: Any, out: Any = None, **options: Any) -> tuple[Any, Any]:
        """Both in one pass; ``wrt`` as in ``grad``."""
        grad = _like(inputs, out)
        value = None if grad is None or options.get("reduction") == "none" else self._quickly(inputs, options, grad, new=out is None)
        if value is not None:
            return value, grad
        call, named = _split(options, GRAD)
        pair = _pair(out, "(value, gradient)") if call.get("reduction") == "none" else (None, out)
        got = self._evaluate(inputs, named, ("value", "grad"), out={"value": pair[0], "grad": pair[1]}, **call)
        return got["value"], got["grad"]

    def hess(self, *inputs: Any, out: Any = None, **options: Any) -> Any:
        """The diagonal of the Hessian, or with ``curvature="upper"`` a positive one for Newton steps and boosting."""
        hess = _like(inputs, out)
        if hess is not None and self._quickly(inputs, options, None, hess, new=out is None, value=False) is not None:
            return hess
        call, named = _split(options, HESS)
        return self._evaluate(inputs, named, ("hess",), out={"hess": out}, **call)["hess"]

    def full_hess(self, *inputs: Any, out: Any = None, **options: Any) -> Any:
        """All second derivatives of each row, (..., classes, classes): of losses of rows, whose Hessian is a matrix per row. The classes are
        the last two axes whatever ``axis`` says, and the diagonal is ``hess``. With ``curvature="upper"`` no matrix has a negative
        eigenvalue, and none is below the exact one."""
        call, named = _split(options, HESS)
        return self._evaluate(inputs, named, ("hess",), matrices=True, out={"hess": out}, **call)["hess"]

    def grad_and_hess(self, *inputs: Any, out: Any = None, **options: Any) -> tuple[Any, Any]:
        """What boosters ask for (they mean ``reduction="sum"``)."""
        pair = _pair(out, "(gradient, Hessian)")
        grad, hess = _like(inputs, pair[0]), _like(inputs, pair[1])
        if grad is not None and hess is not None and self._quickly(inputs, options, grad, hess, new=out is None, value=False) is not None:
            return grad, hess
        call, named = _split(options, HESS)
        got = self._evaluate(inputs, named, ("grad", "hess"), out={"grad": pair[0], "hess": pair[1]}, **call)
        return got["grad"], got["hess"]

    def jet(self, *inputs: Any, **options: Any) -> Jet:
        """Value, gradient and Hessian in one pass."""
        grad, hess = _like(inputs, None), _like(inputs, None)
        value = None if grad is None or options.get("reduction") == "none" else self._quickly(inputs, options, grad, hess)
        if value is not None:
            return Jet(value, grad, hess)
        call, named = _split(options, HESS)
        return Jet(**self._evaluate(inputs, named, ("value", "grad", "hess"), **call))

    def evaluate(self, *inputs: Any, want: Sequence[str], out: Mapping[str, Any] | None = None, **options: Any) -> Evaluation:
        """Everything at once: ``want`` names value, grad, hess, divisor and the loss's own auxiliaries (logsumexp, correct)."""
        call, named = _split(options, OPTIONS)
        want = (want,) if isinstance(want, str) else tuple(want)
        known = ("value", "grad", "hess", "divisor", *self._info.auxiliaries)
        for what, words in (("want", want), ("out", tuple(out or ()))):
            for each in words:
                if each not in known:
                    raise ArgumentError(f"{what} = {each!r} is none of {', '.join(known)}")
        if out and "value" in out and call.get("reduction") != "none":
            raise ArgumentError("out['value'] is for reduction='none': a reduced value is a float")
        if "divisor" not in want:
            return Evaluation(**self._evaluate(inputs, named, want, out=out, **call))
        total = self.total()
        got = self._evaluate(inputs, named, want, out=out, total=total._memory, **call)
        return Evaluation(**got, divisor=call.get("divisor") or total.divisor(call.get("reduction", "mean")))

    # ---- the three steps ----

    def forward(self, *inputs: Any, axis: int = -1, unit_axes: int = 0, out: Any = None, **named: Any) -> Any:
        """The values, unweighted and unreduced."""
        values = self._values(inputs, out)
        plainly = axis == -1 and not unit_axes and not named and values is not None
        if plainly and self._quickly(inputs, {"reduction": "none"}, values=values, new=out is None) is not None:
            return values
        return self._evaluate(inputs, named, ("value",), reduction="none", axis=axis, unit_axes=unit_axes, out={"value": out})["value"]

    def backward(self, *inputs: Any, upstream: Any = None, **options: Any) -> Any:
        """The gradient of sum(upstream * values)."""
        if upstream is not None:
            options["upstream"] = upstream
        return self.grad(*inputs, reduction="none", **options)

    def reduce(self, values: Any, *, weight: Any = None, reduction: str = "mean", divisor: float | None = None, empty: str = "nan") -> float:
        """The reduced number of what ``forward`` gave."""
        if divisor is None and empty == "nan":
            value = reduced(self._address, values, weight, reduction)
            if value is not None:
                return value
        return self._reduce(values, weight, reduction, divisor, empty, None)

    def _reduce(self, values: Any, weight: Any, reduction: str, divisor: float | None, empty: str, total: Any) -> float:
        if reduction == "none":
            raise ArgumentError("reduction = 'none': these values are reduced to no number")
        args = ffi.new("libloss_args *")
        args.struct_size = ffi.sizeof("libloss_args")
        args.reduction, args.empty = choose(REDUCTIONS, reduction, "reduction"), choose(EMPTY, empty, "empty")
        args.divisor = _positive(divisor)
        v = plain(values, "values")
        keep = [_tensor(wide(v))]
        args.input[0] = keep[0][0]
        w = weighed(weight, v.mask)
        if w is not None:
            keep.append(_tensor(wide(w)))
            args.weight = keep[1][0]
        number = ffi.new("double *")
        args.value = number
        if total is not None:
            args.total = ffi.cast("libloss_total *", ffi.from_buffer(total))
        check(lib.libloss_reduce(self._handle, args))
        return float(number[0])

    def fit_constant(self, target: Any, *, weight: Any = None, classes: int | None = None, **named: Any) -> Any:
        """The constant prediction that costs least: the mean, the median, the log-odds, ... of the targets. Further inputs by name.

        Of losses of rows an array, one number per class: the weighted frequencies of the classes, or their logarithms where the
        prediction is logits. How many classes there are, class indices do not tell: ``classes``, by default one more than the largest."""
        same_index([("target", target), ("weight", weight)])
        info = self._info
        args = ffi.new("libloss_args *")
        args.struct_size = ffi.sizeof("libloss_args")
        t = plain(target, "target", len(info.inputs) > 1 and info.inputs[1].kind in LABELS)
        by_class = len(info.inputs) > 1 and info.inputs[1].kind == "class" and t.array.dtype.kind != "f" and not t.bfloat16
        keep = [_tensor(t.array if by_class else wide(t))]
        args.input[1] = keep[0][0]
        for k, given in enumerate(self._bind((target, target), named)[2:], 2):
            if given is not None:
                keep.append(_tensor(wide(plain(given, info.inputs[k].name))))
                args.input[k] = keep[-1][0]
        if not info.per_row:
            if classes is not None:
                raise ArgumentError(f"classes = {classes}: {self.name} has no classes")
            count = 1
        elif by_class:
            count = self._classes_of(t, named.get("class_weight")) if classes is None else classes
        else:
            count = t.array.shape[-1] if t.array.ndim else 1
        missing = absent([t.mask], t.array.ndim if not info.per_row or by_class else t.array.ndim - 1)
        w = weighed(weight, missing)
        if w is not None:
            keep.append(_tensor(wide(w)))
            args.weight = keep[-1][0]
        found = ffi.new("double[]", max(count, 1))
        check(lib.libloss_fit_constant(self._handle, args, found, count))
        return np.array(list(found)) if info.per_row else float(found[0])

    def _classes_of(self, target: Plain, class_weight: Any) -> int:
        """How many classes there are: as many as have weights, or categories, else one more than the largest label that is there."""
        if class_weight is not None:
            return int(np.size(class_weight))
        if target.categories:
            return len(target.categories)
        labels = target.array if target.mask is None else target.array[~target.mask]
        ignored = self._parameters.get("ignore_index")
        if ignored is not None:
            labels = labels[~np.isin(labels, ignored)]
        return int(labels.max()) + 1 if labels.size else 1

    def link(self, mean: Any) -> np.ndarray[Any, Any]:
        """The prediction that stands for a mean of the target: its logarithm, its log-odds, ... as ``info.link`` names it. Of labels the mean is
        the probability of the upper one; of rows of logits, a row of probabilities."""
        return self._link(lib.libloss_link, mean, "mean")

    def inverse_link(self, prediction: Any) -> np.ndarray[Any, Any]:
        """The mean that a prediction stands for: the opposite of ``link``. Of rows of logits, softmax along the last axis."""
        return self._link(lib.libloss_inverse_link, prediction, "prediction")

    def _link(self, entry: Any, x: Any, name: str) -> np.ndarray[Any, Any]:
        p = plain(x, name)
        if p.mask is not None:
            raise DTypeError(f"{name} has values that are not there; a link needs all of them")
        whole, dense, half = _output(None, p.array.shape, p.dtype, name)
        given, out = _tensor(p.array, p.bfloat16), _tensor(dense, half)
        check(entry(self._handle, given[0], out[0]))
        return whole

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
        if not isinstance(factor, Real):
            return NotImplemented
        return _combine([(float(factor) * f, loss) for f, loss in self.terms])

    __rmul__ = __mul__

    def __truediv__(self, divisor: float) -> Loss:
        if not isinstance(divisor, Real):
            return NotImplemented
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
            return _unpickle_sum, (FORMAT, self.terms)
        if self._origin is not None:
            from ._custom import remake

            return remake, (self._origin[0], dict(self._parameters))
        return _unpickle, (FORMAT, self.name, dict(self._parameters))

    def __repr__(self) -> str:
        if self.name == "sum":
            return " + ".join(f"{f!r}*{loss!r}" for f, loss in self.terms)
        if self._origin is not None:
            origin = self._origin[0]
            changed = "".join(f", {k}={v!r}" for k, v in self._parameters.items() if v != origin.defaults[k]).removeprefix(", ")
            return f"{origin.shown}.replace({changed})" if changed else str(origin.shown)
        changed = "".join(f", {p.name}={self._parameters[p.name]!r}" for p in self._info.parameters if self._parameters[p.name] != p.default)
        return f"Loss({self.name!r}{changed})"

    def __str__(self) -> str:
        return self._spec


def _split(options: Mapping[str, Any], allowed: frozenset[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Options of the call; inputs by name."""
    return {k: v for k, v in options.items() if k in allowed}, {k: v for k, v in options.items() if k not in allowed}


def _like(inputs: tuple[Any, ...], out: Any) -> Any:
    """Memory for a derivative by the first input, a plain array: the caller's, or new memory; else None."""
    if not inputs or type(inputs[0]) is not ndarray:
        return None
    if out is None:
        return new(inputs[0].shape, inputs[0].dtype)
    return out if type(out) is ndarray and out.shape == inputs[0].shape else None


def _pair(out: Any, what: str) -> tuple[Any, Any]:
    """Two outputs, either of which may be None."""
    if out is None:
        return None, None
    if not isinstance(out, tuple) or len(out) != 2:
        raise ArgumentError(f"out is a pair here: {what}")
    return out


def _positive(divisor: float | None) -> float:
    """A divisor as C takes it: 0 is the reduction's own."""
    if divisor is None:
        return 0.0
    if not 0 < divisor < np.inf:
        raise ArgumentError(f"divisor = {divisor!r} is not above 0 and finite")
    return float(divisor)


def _output(own: Any, shape: tuple[int, ...], dtype: Any, what: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], bool]:
    """What the caller gets back, the memory that C writes (the same, if C can), and whether that is bfloat16."""
    if own is None:
        own = np.empty(shape, dtype)
    elif not isinstance(own, np.ndarray) or is_masked(own):
        raise DTypeError(f"{what} is a {type(own).__name__}; it must be a numpy.ndarray")
    if not own.flags.writeable:
        raise ArgumentError(f"{what} is read-only")
    if own.shape != shape:
        raise ShapeError(f"{what} has shape {own.shape}; it needs {shape}")
    if own.dtype.kind == "V" and own.dtype.name == "bfloat16":
        return own, own.view(np.uint16), True
    if own.dtype.kind != "f" or own.dtype.itemsize > 8:
        raise DTypeError(f"{what} has dtype {own.dtype}; it must be floating-point, of at most 64 bits")
    if not own.dtype.isnative or any(s % own.itemsize for s in own.strides):
        return own, np.empty(shape, own.dtype.newbyteorder("=")), False
    return own, own if type(own) is np.ndarray else own.view(np.ndarray), False


def _ndim(x: Any) -> int:
    return int(x.ndim) if hasattr(x, "ndim") else int(np.ndim(x))


def _tensor(array: np.ndarray[Any, Any], bfloat16: bool = False) -> tuple[Any, ...]:
    """The tensor of an array that ``plain`` gave, and what keeps it alive."""
    array = np.ascontiguousarray(array).reshape(array.shape)
    shape = ffi.new("int64_t[]", list(array.shape) or [0])
    t = ffi.new("libloss_tensor *")
    t.data, t.device_type, t.ndim, t.shape = ffi.cast("void *", array.__array_interface__["data"][0]), 1, array.ndim, shape
    t.dtype_code, t.dtype_bits, t.dtype_lanes = 4 if bfloat16 else CODES[array.dtype.kind], 8 * array.itemsize, 1
    return t, shape, array


def settings(handle: Any, info: Info) -> dict[str, Any]:
    """The parameters that an object holds."""
    return {p.name: _value_of(p, numbers(handle, k)) for k, p in enumerate(info.parameters)}


def _terms_of(handle: Any) -> list[tuple[float, Loss]]:
    """The terms of a sum, as losses of their own."""
    factor = ffi.new("double *")
    terms: list[tuple[float, Loss]] = []
    while (term := lib.libloss_term(handle, len(terms), factor)) != ffi.NULL:
        info = describe(term)
        terms.append((float(factor[0]), _make(info, settings(term, info))))
    return terms


def _make(info: Info, parameters: Mapping[str, Any]) -> Loss:
    self = object.__new__(Loss)
    handle = create_with(info, parameters)
    known = {p.name: p for p in info.parameters}
    values = {name: _value_of(known[name], numbers_of(known[name], value)) for name, value in parameters.items()}
    self._become(handle, {p.name: values.get(p.name, p.default) for p in info.parameters}, ())
    return self


def readable(version: int) -> None:
    """Whether a pickle's format is known here."""
    if version > FORMAT:
        raise IncompatibleVersionError(f"a pickle of format {version}; this libloss reads up to {FORMAT}")


def _unpickle(version: int, name: str, parameters: dict[str, Any]) -> Loss:
    readable(version)
    return Loss(name, **parameters)


def _unpickle_sum(version: int, terms: tuple[tuple[float, Loss], ...]) -> Loss:
    readable(version)
    return _combine(terms)


__all__ = ["Evaluation", "Info", "Jet", "Loss"]
