"""The object: a loss with its parameters, and everything that it can be asked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from numbers import Real
from types import MappingProxyType, SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple, final

import numpy as np

from ._arrays import Plain, absent, plain, same_index, weighed, wide
from ._call import GRAD, HESS, LABELS, OPTIONS, VALUE, Calls, like, output_of, pair, split, tensor_of
from ._core import Info, ParameterInfo, check, create, describe, form_of, numbers, text, word
from ._errors import ArgumentError, DTypeError, IncompatibleVersionError
from ._libloss import ffi, lib, quick, reduced
from ._types import Spec

if TYPE_CHECKING:
    from ._total import Total

FORMAT = 1  # of pickles


class Jet(NamedTuple):
    """Value, gradient and Hessian diagonal."""

    value: Any
    grad: Any
    hess: Any


class Evaluation(SimpleNamespace):
    """What ``evaluate`` was asked for, as attributes; the others are not there."""


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
class Loss(Calls):
    """An immutable loss with its parameters: ``Loss("huber", delta=2)`` or ``Loss("huber(delta=2)")``.

    Share it between threads; compare, hash, pickle and copy it freely. Derivatives are those of the *reduced* value under the
    same ``reduction`` (default the mean, so 1/n times each value's own; ``"sum"`` and ``"none"`` give every value's own).

    Inputs are whatever holds numbers in memory: arrays, tensors, columns of tables (pandas, polars, Arrow), whole tables as rows. Nulls
    and masked values are not there; a float NaN is a NaN. Categories that are no numbers are class indices in the order of their type.
    """

    __slots__ = ("__weakref__", "_address", "_form", "_handle", "_info", "_origin", "_parameters", "_spec", "_terms", "_wrt")
    _terms: tuple[tuple[float, Loss], ...]
    _spec: str
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
        put(self, "_form", form_of(self._info))
        put(self, "_parameters", parameters)
        put(self, "_terms", terms or ((1.0, self),))
        put(self, "_spec", text(lambda b, n: lib.libloss_spec(handle, b, n)))

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a loss is immutable: loss.replace({name}=...) makes another one")

    # ---- evaluation ----

    def __call__(self, *inputs: Any, out: Any = None, **options: Any) -> Any:
        """The value: a float, or an array under ``reduction="none"``."""
        values = None
        if not options and out is None and len(inputs) == 2:  # the commonest call has no time to lose
            value = quick(self._address, inputs[0], inputs[1], None, None, None, None, "mean", False, self._form, True, True)
        elif options.get("reduction") == "none":
            values = self._values(inputs, out)
            value = None if values is None else self._quickly(inputs, options, values=values, new=out is None)
        else:
            value = self._quickly(inputs, options) if out is None else None
        if value is not None:
            return value if values is None else values
        call, named = split(options, VALUE)
        if out is not None and call.get("reduction") != "none":
            raise ArgumentError("out is for reduction='none': a reduced value is a float")
        return self._evaluate(inputs, named, ("value",), out={"value": out}, **call)["value"]

    def grad(self, *inputs: Any, out: Any = None, **options: Any) -> Any:
        """The gradient of the reduced value (of a mean: 1/n times each value's own) by ``wrt``, default the prediction.

        ``wrt`` may name learnable parameters too: ``wrt=("prediction", "alpha")``. A gradient by a parameter is a float, the exact sum
        over all values; ``loss.replace(alpha=...)`` takes the step.
        """
        grad = like(inputs, out)
        if grad is not None and self._quickly(inputs, options, grad, new=out is None, value=False) is not None:
            return grad
        call, named = split(options, GRAD | {"upstream"})
        return self._evaluate(inputs, named, ("grad",), out={"grad": out}, **call)["grad"]

    def value_and_grad(self, *inputs: Any, out: Any = None, **options: Any) -> tuple[Any, Any]:
        """Both in one pass; ``wrt`` as in ``grad``."""
        grad = like(inputs, out)
        value = None if grad is None or options.get("reduction") == "none" else self._quickly(inputs, options, grad, new=out is None)
        if value is not None:
            return value, grad
        call, named = split(options, GRAD)
        both = pair(out, "(value, gradient)") if call.get("reduction") == "none" else (None, out)
        got = self._evaluate(inputs, named, ("value", "grad"), out={"value": both[0], "grad": both[1]}, **call)
        return got["value"], got["grad"]

    def hess(self, *inputs: Any, out: Any = None, **options: Any) -> Any:
        """The diagonal of the Hessian, or with ``curvature="upper"`` a positive one for Newton steps and boosting."""
        hess = like(inputs, out)
        if hess is not None and self._quickly(inputs, options, None, hess, new=out is None, value=False) is not None:
            return hess
        call, named = split(options, HESS)
        return self._evaluate(inputs, named, ("hess",), out={"hess": out}, **call)["hess"]

    def full_hess(self, *inputs: Any, out: Any = None, **options: Any) -> Any:
        """All second derivatives of each row, (..., classes, classes): of losses of rows, whose Hessian is a matrix per row. The classes are
        the last two axes whatever ``axis`` says, and the diagonal is ``hess``. With ``curvature="upper"`` no matrix has a negative
        eigenvalue, and none is below the exact one."""
        call, named = split(options, HESS)
        return self._evaluate(inputs, named, ("hess",), matrices=True, out={"hess": out}, **call)["hess"]

    def grad_and_hess(self, *inputs: Any, out: Any = None, **options: Any) -> tuple[Any, Any]:
        """What boosters ask for (they mean ``reduction="sum"``)."""
        both = pair(out, "(gradient, Hessian)")
        grad, hess = like(inputs, both[0]), like(inputs, both[1])
        if grad is not None and hess is not None and self._quickly(inputs, options, grad, hess, new=out is None, value=False) is not None:
            return grad, hess
        call, named = split(options, HESS)
        got = self._evaluate(inputs, named, ("grad", "hess"), out={"grad": both[0], "hess": both[1]}, **call)
        return got["grad"], got["hess"]

    def jet(self, *inputs: Any, **options: Any) -> Jet:
        """Value, gradient and Hessian in one pass."""
        grad, hess = like(inputs, None), like(inputs, None)
        value = None if grad is None or options.get("reduction") == "none" else self._quickly(inputs, options, grad, hess)
        if value is not None:
            return Jet(value, grad, hess)
        call, named = split(options, HESS)
        return Jet(**self._evaluate(inputs, named, ("value", "grad", "hess"), **call))

    def evaluate(self, *inputs: Any, want: Sequence[str], out: Mapping[str, Any] | None = None, **options: Any) -> Evaluation:
        """Everything at once: ``want`` names value, grad, hess, divisor and the loss's own auxiliaries (logsumexp, correct)."""
        call, named = split(options, OPTIONS)
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
        keep = [tensor_of(t.array if by_class else wide(t))]
        args.input[1] = keep[0][0]
        for k, given in enumerate(self._bind((target, target), named)[2:], 2):
            if given is not None:
                keep.append(tensor_of(wide(plain(given, info.inputs[k].name))))
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
            keep.append(tensor_of(wide(w)))
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
        whole, dense, half = output_of(None, p.array.shape, p.dtype, name)
        given, out = tensor_of(p.array, p.bfloat16), tensor_of(dense, half)
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
