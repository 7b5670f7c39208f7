"""Metrics: the objects, and one function for each, made at import from the registry."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, final

import numpy as np

from . import _core
from ._arrays import Plain, absent, columns_of, plain, same_categories, same_index, weighed, wide
from ._call import CATEGORIES, LABELS, ROLES, tensor_of
from ._core import Info, check, create, describe, text
from ._errors import ArgumentError, DTypeError, Error, located
from ._libloss import ffi, lib
from ._loss import FORMAT, _value_of, create_with, numbers_of, readable, settings
from ._texts import INSIGHTS
from ._total import Total


@final
class Metric:
    """An immutable metric with its parameters: ``Metric("f_beta", beta=2, average="macro")`` or ``Metric("f_beta(beta=2)")``.

    Raises:
        UnknownNameError, ArgumentError: naming what is near, or the range of a parameter.
    """

    __slots__ = ("_handle", "_info", "_parameters", "_spec")
    _handle: Any
    _info: Info
    _parameters: Mapping[str, Any]
    _spec: str

    def __new__(cls, spec: str | Metric, /, **parameters: Any) -> Metric:
        if isinstance(spec, Metric):
            return spec.replace(**parameters) if parameters else spec
        if not isinstance(spec, str):
            raise DTypeError(f"a metric is a name or a spec, not {type(spec).__name__}")
        handle = create(spec)
        info = describe(handle)
        if not info.is_metric:
            raise ArgumentError(f"{info.name} is a loss: libloss.Loss({spec!r})")
        return cls._make(info, {**settings(handle, info), **parameters})

    @classmethod
    def _make(cls, info: Info, parameters: Mapping[str, Any]) -> Metric:
        self = object.__new__(cls)
        known = {p.name: p for p in info.parameters}
        given = {k: v for k, v in parameters.items() if v is not None or k not in known or not known[k].optional}
        put = object.__setattr__
        put(self, "_handle", create_with(info, given))
        put(self, "_info", info)
        values = {name: _value_of(known[name], numbers_of(known[name], value)) for name, value in given.items()}
        put(self, "_parameters", MappingProxyType({p.name: values.get(p.name, p.default) for p in info.parameters}))
        put(self, "_spec", text(lambda b, n: lib.libloss_spec(self._handle, b, n)))
        return self

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a metric is immutable: metric.replace({name}=...) makes another one")

    def _inputs(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The inputs that are there, by name; TypeError where one is missing or too many."""
        inputs = {i.name: i for i in self._info.inputs}
        unknown = [name for name in given if name not in inputs]
        if unknown:
            raise TypeError(f"{self.name} has no {', '.join(unknown)}; its inputs are {', '.join(inputs)} and weight")
        missing = [name for name, i in inputs.items() if name not in given and not i.optional]
        if missing:
            raise TypeError(f"{self.name} needs {' and '.join(missing)}")
        return {name: given[name] for name in inputs if name in given and not (given[name] is None and inputs[name].optional)}

    def _evaluate(self, inputs: Mapping[str, Any], weight: Any, **options: Any) -> Any:
        """What is wanted; an exception names the columns of tables."""
        try:
            return self._compute(inputs, weight, **options)
        except Error as problem:
            raise located(problem, {name: columns_of(x) for name, x in (*inputs.items(), ("weight", weight))}) from problem.__cause__

    def _plain(self, prediction: Any, target: Any) -> tuple[Plain, Plain]:
        """Prediction and target; where labels are counted, categories stand for class indices in both."""
        known = {i.name: i.kind in LABELS for i in self._info.inputs}
        p, t = plain(prediction, "prediction", "threshold" in self._parameters), plain(target, "target", known["target"])
        labels = columns_of(target) if self._multilabel else ()
        same_categories(p, t._replace(categories=labels) if labels else t, columns_of(prediction))
        return p, t

    @property
    def _multilabel(self) -> bool:
        """Whether cases are rows of labels."""
        return bool(self._parameters.get("multilabel"))

    def _compute(self, inputs: Mapping[str, Any], weight: Any, *, total: Any = None, want: str = "value") -> Any:
        """The numbers ("value"); nothing but a plan ("plan"); a gradient, which is refused ("gradient")."""
        prediction, target = inputs["prediction"], inputs["target"]
        same_index([("prediction", prediction), ("target", target), ("weight", weight)])
        p, t = self._plain(prediction, target)
        slots: list[Any] = [(p.array, ROLES["input"], 0, p.bfloat16), (t.array, ROLES["input"], 1, t.bfloat16)]
        for k, i in enumerate(self._info.inputs[2:], 2):
            if i.name in inputs:
                x = plain(inputs[i.name], i.name)
                if x.mask is not None:
                    raise ArgumentError(f"{i.name} has values that are not there")
                slots.append((x.array, ROLES["input"], k, x.bfloat16))
        lists = any(i.kind == "offsets" for i in self._info.inputs) and "groups" not in inputs
        w = weighed(weight, absent([p.mask, t.mask], t.array.ndim - (lists or self._multilabel)))
        if w is not None:
            slots.append((w.array, ROLES["weight"], 0, w.bfloat16))
        args = ffi.new("libloss_args *")
        args.struct_size = ffi.sizeof("libloss_args")
        args.flags = _core.NO_VALUE

        def run(plan: Any) -> float:
            c_slots = ffi.new("libloss_py_slot[]", [(id(a), role, k, b) for a, role, k, b in slots])
            answer = lib.libloss_py_eval(self._handle, args, c_slots, len(slots), plan)
            if answer.status == -1:
                raise DTypeError(f"{self.name}: an array that the buffer protocol does not give")
            check(answer.status)
            return float(answer.value)

        if want == "gradient":
            slots.append((np.empty(p.array.shape), ROLES["grad"], 0, False))
            return run(ffi.NULL)
        plan = ffi.new("libloss_plan *")
        plan.struct_size = ffi.sizeof("libloss_plan")
        run(plan)
        if want == "plan":
            return plan
        shape = tuple(plan.values_shape[k] for k in range(plan.values_ndim))
        if total is not None:
            args.total = ffi.cast("libloss_total *", ffi.from_buffer(total))
        if not shape:
            args.flags = 0
            return run(ffi.NULL)
        values = np.empty(shape)
        args.flags = _core.NO_VALUE
        slots.append((values, ROLES["values"], 0, False))
        run(ffi.NULL)
        return values

    def __call__(self, *, prediction: Any, target: Any, weight: Any = None, **inputs: Any) -> Any:
        """A float; an array where the metric gives more than one number. What else it takes (``info.inputs``) goes by name too."""
        return self._evaluate(self._inputs({"prediction": prediction, "target": target, **inputs}), weight)

    def of_counts(self, matrix: Any, /) -> Any:
        """The metric of a confusion matrix: rows the targets, columns the predictions; with multilabel of what confusion_counts gives."""
        matrix = wide(plain(matrix, "matrix"))
        tensor, *keep = tensor_of(matrix)
        args = ffi.new("libloss_args *")
        args.struct_size = ffi.sizeof("libloss_args")
        args.input[0] = tensor
        classes = matrix.shape[0] if matrix.ndim else 0
        shape = {"confusion_matrix": (classes, classes), "confusion_counts": (classes, 4)}.get(
            self.name, (classes,) if self._parameters.get("average") == "none" else ())
        value, values = ffi.new("double *"), np.empty(shape)
        out, *keep_out = tensor_of(values)
        out.data = ffi.cast("void *", values.__array_interface__["data"][0])
        if shape:
            args.values = out
        else:
            args.value = value
        check(lib.libloss_reduce(self._handle, args))
        del keep, keep_out
        return values if shape else float(value[0])

    def grad(self, *, prediction: Any, target: Any, weight: Any = None, **inputs: Any) -> Any:
        """Never: raises NotDifferentiableError, for a metric judges."""
        return self._evaluate(self._inputs({"prediction": prediction, "target": target, **inputs}), weight, want="gradient")

    def total(self) -> Total:
        """A running total of this metric: exact, mergeable."""
        return Total(self)

    def replace(self, **parameters: Any) -> Metric:
        """Another metric with other parameters."""
        return Metric._make(self._info, {**self._parameters, **parameters})

    @property
    def name(self) -> str:
        """The canonical name."""
        return self._info.name

    @property
    def parameters(self) -> Mapping[str, Any]:
        """All parameters by name."""
        return self._parameters

    @property
    def info(self) -> Info:
        """What the registry says of it."""
        return self._info

    @property
    def spec(self) -> str:
        """The text that makes an equal metric."""
        return self._spec

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Metric) and self._spec == other._spec

    def __hash__(self) -> int:
        return hash(self._spec)

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickle, (FORMAT, self.name, dict(self._parameters))

    def __repr__(self) -> str:
        changed = "".join(f", {p.name}={self._parameters[p.name]!r}" for p in self._info.parameters if self._parameters[p.name] != p.default)
        return f"Metric({self.name!r}{changed})"

    def __str__(self) -> str:
        return self._spec


def _unpickle(version: int, name: str, parameters: dict[str, Any]) -> Metric:
    readable(version)
    return Metric(name, **parameters)


class Counts:
    """Confusion counts, weighted and exact; every counting metric is read from them.

    Args:
        classes: how many; needed with labels of more than 2 classes, for a piece of the data may lack one. Rows of scores tell by themselves.
        threshold: a score above it is class 1.
    """

    __hash__ = None  # type: ignore[assignment]
    __slots__ = ("_total",)

    def __init__(self, classes: int | None = None, *, threshold: float | None = None) -> None:
        self._total = Total(Metric("confusion_matrix", classes=classes, threshold=threshold))

    def add(self, *, prediction: Any, target: Any, weight: Any = None) -> Counts:
        """One more piece of the data."""
        self._total.add(prediction=prediction, target=target, weight=weight)
        return self

    @property
    def matrix(self) -> np.ndarray[Any, Any]:
        """Rows: target, columns: prediction."""
        return np.asarray(self._total.value)

    def _column(self, k: int) -> np.ndarray[Any, Any]:
        return np.asarray(Metric("confusion_counts").of_counts(self.matrix)[:, k])

    @property
    def tp(self) -> np.ndarray[Any, Any]:
        """Per class: of it, and taken for it."""
        return self._column(0)

    @property
    def fp(self) -> np.ndarray[Any, Any]:
        """Per class: not of it, but taken for it."""
        return self._column(1)

    @property
    def tn(self) -> np.ndarray[Any, Any]:
        """Per class: neither of it, nor taken for it."""
        return self._column(2)

    @property
    def fn(self) -> np.ndarray[Any, Any]:
        """Per class: of it, but not taken for it."""
        return self._column(3)

    @property
    def count(self) -> int:
        """Cases present."""
        return self._total.count

    def accuracy(self) -> float:
        """The part that is right; NaN of nothing."""
        return float(Metric("accuracy").of_counts(self.matrix))

    def precision(self, *, average: str = "binary", zero_division: float = 0) -> Any:
        """tp/(tp + fp)."""
        return Metric("precision", average=average, zero_division=zero_division).of_counts(self.matrix)

    def recall(self, *, average: str = "binary", zero_division: float = 0) -> Any:
        """tp/(tp + fn)."""
        return Metric("recall", average=average, zero_division=zero_division).of_counts(self.matrix)

    def specificity(self, *, average: str = "binary", zero_division: float = 0) -> Any:
        """tn/(tn + fp)."""
        return Metric("specificity", average=average, zero_division=zero_division).of_counts(self.matrix)

    def f_beta(self, *, beta: float = 1.0, average: str = "binary", zero_division: float = 0) -> Any:
        """Precision and recall in one number; beta says how many times as much recall counts."""
        return Metric("f_beta", beta=beta, average=average, zero_division=zero_division).of_counts(self.matrix)

    def __iadd__(self, other: Any) -> Counts:
        if not isinstance(other, Counts):
            return NotImplemented
        self._total += other._total
        return self

    def __add__(self, other: Any) -> Counts:
        if not isinstance(other, Counts):
            return NotImplemented
        merged = object.__new__(Counts)
        merged._total = self._total + other._total
        return merged

    def __radd__(self, other: Any) -> Counts:
        if not (isinstance(other, int) and other == 0):
            return NotImplemented
        copy = object.__new__(Counts)
        copy._total = self._total.copy()
        return copy

    def to_bytes(self) -> bytes:
        """The state, the same on every machine."""
        return self._total.to_bytes()

    @classmethod
    def from_bytes(cls, data: bytes, /) -> Counts:
        """What ``to_bytes`` wrote."""
        self = object.__new__(cls)
        self._total = Total.from_bytes(data)
        if getattr(self._total.loss, "name", "") != "confusion_matrix":
            raise ArgumentError("these bytes are a total of something else than counts")
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return Counts.from_bytes, (self.to_bytes(),)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Counts) and self._total == other._total

    def __repr__(self) -> str:
        return f"<Counts of {self.count} cases, accuracy {self.accuracy():.4g}>"


def _classes_in(prediction: Any, target: Any, weight: Any) -> int | None:
    """How many classes whole arrays of labels hold: as many as categories, or one more than the largest; None where the prediction is no labels."""
    p, t = plain(prediction, "prediction", True), plain(target, "target", True)
    if p.array.ndim != t.array.ndim or p.array.dtype.kind not in "iub" or t.array.dtype.kind not in "iub":
        return None
    if known := p.categories or t.categories:
        return max(2, len(known))
    top = 1
    for array, mask in ((p.array, p.mask), (t.array, t.mask)):
        there = np.ones(array.shape, bool) if mask is None else ~mask
        if weight is not None and np.shape(weight) == array.shape:
            there &= np.asarray(weight) != 0
        top = max(top, int(np.max(array, where=there, initial=0)))
    return top + 1


FUNCTION = '''
def {name}(*, {inputs}, weight=None{parameters}):
    {infer}return {name}_metric.replace({pass_})({given}, weight=weight)
'''


def _docstring(info: Info) -> str:
    insight = [INSIGHTS[info.name], ""] if info.name in INSIGHTS else []
    lines = [f"{info.title}.", "", *insight, f"    {info.formula}", "", "Args:"]
    counts, counts_labels = (any(p.name == name for p in info.parameters) for name in ("threshold", "multilabel"))
    lines += [f"    {i.name}: {i.description}{CATEGORIES if i.kind in LABELS or (counts and i.name == 'prediction') else ''}." for i in info.inputs]
    lines.append("    weight: a number, one per case, or one per leading index; 0 means not there.")
    for p in info.parameters:
        rows = "of scores or of labels" if counts_labels else "of scores"
        doc = f"number of classes; None: one more than the largest label, or the length of rows {rows}" if p.name == "classes" else f"{p.doc}, {p.range}"
        lines.append(f"    {p.name}: {doc}; default {p.default!r}.")
    lines += ["", "Returns:", "    A float, or an array where there is more than one number.", "",
              "Raises:", "    ShapeError, DTypeError, DomainError, ArgumentError: naming argument, position and value.", "",
              f"Reference: {info.citation}."]
    return "\n".join(lines)


def _build() -> dict[str, Any]:
    scope: dict[str, Any] = {"classes_in": _classes_in}
    source, infos = [], {}
    for name in _core.names(metrics=True):
        info = infos[name] = _core.default(name)
        parameters = [p.name for p in info.parameters]
        one = " and not multilabel" if "multilabel" in parameters else ""
        unknown = f"classes is None and threshold is None{one}"
        infer = f"if {unknown}:\n        classes = classes_in(prediction, target, weight)\n    " if "classes" in parameters else ""
        source.append(FUNCTION.format(name=name, parameters="".join(f", {p.name}={p.default!r}" for p in info.parameters), infer=infer,
                                      inputs=", ".join(f"{i.name}=None" if i.optional else i.name for i in info.inputs),
                                      given=", ".join(f"{i.name}={i.name}" for i in info.inputs),
                                      pass_=", ".join(f"{p}={p}" for p in parameters)))
        scope[f"{name}_metric"] = Metric(name)
    exec(compile("\n".join(source), "<libloss metrics>", "exec"), scope)
    functions = {}
    for name, info in infos.items():
        f = scope[name]
        f.__module__, f.__doc__ = "libloss.metrics", _docstring(info)
        for each in (name, *info.aliases):
            functions[each] = f
    return functions


functions = _build()


def metrics() -> tuple[str, ...]:
    """The names of all metrics, in the registry's order."""
    return tuple(_core.names(metrics=True))


def info(name: str | Metric, /) -> Info:
    """What the registry says of a metric."""
    return Metric(name).info
