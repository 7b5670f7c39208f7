"""From Python objects to one call of C: plain arrays go by a short way, everything that holds numbers by a long one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ._arrays import Plain, absent, columns_of, is_masked, plain, same_categories, same_index, weighed, wide
from ._core import ANSWERS, FLAT, NO_VALUE, REDUCTIONS, Info, check, is_of_batch, numbers
from ._errors import ArgumentError, DTypeError, Error, NotDifferentiableError, ShapeError, located
from ._libloss import ffi, lib, quick
from ._threads import wished

ndarray, new = np.ndarray, np.empty
FIRST = [0]
UNSET = {"divisor": None, "empty": "nan", "threads": None}
EMPTY = {"nan": 0, "zero": 1}
CURVATURE = {"exact": 0, "upper": 1}
CODES = {"i": 0, "u": 1, "f": 2, "b": 6}  # of DLPack, by NumPy's kinds
VALUE = frozenset(("weight", "reduction", "divisor", "empty", "axis", "threads", "unit_axes"))  # options of a value, and of derivatives
GRAD = VALUE | {"wrt"}
HESS = GRAD | {"curvature"}
OPTIONS = HESS | {"upstream"}
LABELS = ("class", "label")  # kinds of inputs that are integers which stand for something
CATEGORIES = "; of a table a column of categories too, in the order of its type (pandas dtype.categories, polars Enum, Arrow dictionary)"
ROLES = {"input": 0, "weight": 1, "upstream": 2, "values": 3, "grad": 4, "hess": 5, "auxiliary": 6}


def choose(table: Mapping[str, int], word: str, what: str) -> int:
    """The number of an option's word."""
    number = table.get(word)
    if number is None:
        hint = f"; did you mean {ANSWERS[word]!r}?" if word in ANSWERS and what == "reduction" else ""
        raise ArgumentError(f"{what} = {word!r} is none of {', '.join(table)}{hint}")
    return number


def split(options: Mapping[str, Any], allowed: frozenset[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Options of the call; inputs by name."""
    return {k: v for k, v in options.items() if k in allowed}, {k: v for k, v in options.items() if k not in allowed}


class Calls:
    """How a loss is called."""

    __slots__ = ()
    _handle: Any
    _address: int  # of what the handle holds
    _form: int
    _info: Info
    _parameters: Mapping[str, Any]
    _wrt: list[int] | None  # the input that a gradient is by where nobody says; None: somebody must

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
        args.divisor = positive(divisor)
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
            elif axis != -1 and p.array.ndim == ndim_of(given[0]):
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
            whole, dense, half = output_of(own, shape, dtype, what)
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
                    raise NotDifferentiableError(f"{self._info.name}: there is no derivative with respect to {info.inputs[k].name}")
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
            raise DTypeError(f"{self._info.name}: an array that the buffer protocol does not give")
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
            raise DTypeError(f"{self._info.name}: an array that the buffer protocol does not give")
        check(answer.status)
        args.total, args.flags = kept
        return tuple(plan.values_shape[k] for k in range(plan.values_ndim))

    def _check_axis(self, axis: int, array: np.ndarray[Any, Any]) -> None:
        if not self._info.per_row:
            raise ArgumentError(f"axis = {axis}: {self._info.name} has no rows")
        if not -array.ndim <= axis < array.ndim:
            raise ShapeError(f"axis = {axis} is not in [{-array.ndim}, {array.ndim})")

    def _bind(self, inputs: tuple[Any, ...], named: Mapping[str, Any]) -> list[Any]:
        names = [i.name for i in self._info.inputs]
        needed = [i.name for i in self._info.inputs if not i.optional]
        if len(inputs) > len(needed):
            raise TypeError(f"{self._info.name} takes {len(needed)} positional inputs ({', '.join(needed)}); everything else is a keyword")
        given: list[Any] = [None] * len(names)
        for k, x in enumerate(inputs):
            given[k] = x
        for name, x in named.items():
            if name not in names:
                if name in OPTIONS or name == "out":
                    raise TypeError(f"{self._info.name}: {name} means nothing here")
                hint = {"y_true": "target", "y_pred": "prediction", "input": "prediction", "labels": "target", "logits": "prediction",
                        "sample_weight": "weight"}.get(name)
                also = f"; here it is called {hint!r}" if hint else ""
                raise TypeError(f"{self._info.name} has no input {name!r}{also}")
            if given[names.index(name)] is not None:
                raise TypeError(f"{name} is given twice")
            given[names.index(name)] = x
        for k, i in enumerate(self._info.inputs):
            if given[k] is None and not i.optional:
                if i.name in named or i.name in needed[: len(inputs)]:
                    raise DTypeError(f"{i.name} is None")
                raise TypeError(f"{self._info.name} needs {i.name}")
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
                raise ArgumentError(f"{self._info.name} predicts several things: wrt is needed, one of {several}, or a tuple of them")
            return self._wrt
        each = wrt if isinstance(wrt, tuple) else (wrt,)
        for k, name in enumerate(each):
            if name not in names:
                learnable = [p.name for p in self._info.parameters if p.learnable]
                if name in parameters and name not in learnable:
                    raise NotDifferentiableError(f"{self._info.name}: {name} is not learnable")
                if name not in learnable:
                    also = f" or learnable parameters: {', '.join(learnable)}" if learnable else ""
                    raise ArgumentError(f"wrt = {name!r} is none of the inputs: {', '.join(names)}{also}")
                if kind == "hess":
                    raise NotDifferentiableError(f"{self._info.name}: no second derivative with respect to a parameter, and {name} is one")
                if self._parameters[name] is None:
                    raise NotDifferentiableError(f"{self._info.name}: {name} has no value")
            if name in each[:k]:
                raise ArgumentError(f"wrt = {name!r} is named twice")
        return [names.index(name) if name in names else ~parameters.index(name) for name in each]

    def _values(self, inputs: tuple[Any, ...], out: Any) -> Any:
        """Memory for a value per element of two plain arrays of one shape: the caller's, or new memory; else None."""
        if self._form != FLAT or len(inputs) != 2 or type(inputs[0]) is not ndarray or type(inputs[1]) is not ndarray:
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
        return quick(self._address, inputs[0], inputs[1], weight, values, grad, hess, reduction, upper, self._form, new, value)

    def _reduce(self, values: Any, weight: Any, reduction: str, divisor: float | None, empty: str, total: Any) -> float:
        if reduction == "none":
            raise ArgumentError("reduction = 'none': these values are reduced to no number")
        args = ffi.new("libloss_args *")
        args.struct_size = ffi.sizeof("libloss_args")
        args.reduction, args.empty = choose(REDUCTIONS, reduction, "reduction"), choose(EMPTY, empty, "empty")
        args.divisor = positive(divisor)
        v = plain(values, "values")
        keep = [tensor_of(wide(v))]
        args.input[0] = keep[0][0]
        w = weighed(weight, v.mask)
        if w is not None:
            keep.append(tensor_of(wide(w)))
            args.weight = keep[1][0]
        number = ffi.new("double *")
        args.value = number
        if total is not None:
            args.total = ffi.cast("libloss_total *", ffi.from_buffer(total))
        check(lib.libloss_reduce(self._handle, args))
        return float(number[0])


def like(inputs: tuple[Any, ...], out: Any) -> Any:
    """Memory for a derivative by the first input, a plain array: the caller's, or new memory; else None."""
    if not inputs or type(inputs[0]) is not ndarray:
        return None
    if out is None:
        return new(inputs[0].shape, inputs[0].dtype)
    return out if type(out) is ndarray and out.shape == inputs[0].shape else None


def pair(out: Any, what: str) -> tuple[Any, Any]:
    """Two outputs, either of which may be None."""
    if out is None:
        return None, None
    if not isinstance(out, tuple) or len(out) != 2:
        raise ArgumentError(f"out is a pair here: {what}")
    return out


def positive(divisor: float | None) -> float:
    """A divisor as C takes it: 0 is the reduction's own."""
    if divisor is None:
        return 0.0
    if not 0 < divisor < np.inf:
        raise ArgumentError(f"divisor = {divisor!r} is not above 0 and finite")
    return float(divisor)


def output_of(own: Any, shape: tuple[int, ...], dtype: Any, what: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], bool]:
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


def ndim_of(x: Any) -> int:
    return int(x.ndim) if hasattr(x, "ndim") else int(np.ndim(x))


def tensor_of(array: np.ndarray[Any, Any], bfloat16: bool = False) -> tuple[Any, ...]:
    """The tensor of an array that ``plain`` gave, and what keeps it alive."""
    array = np.ascontiguousarray(array).reshape(array.shape)
    shape = ffi.new("int64_t[]", list(array.shape) or [0])
    t = ffi.new("libloss_tensor *")
    t.data, t.device_type, t.ndim, t.shape = ffi.cast("void *", array.__array_interface__["data"][0]), 1, array.ndim, shape
    t.dtype_code, t.dtype_bits, t.dtype_lanes = 4 if bfloat16 else CODES[array.dtype.kind], 8 * array.itemsize, 1
    return t, shape, array
