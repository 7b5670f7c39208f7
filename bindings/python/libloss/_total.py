"""Running totals: exact, mergeable in any order to the same bits, and the reduction is chosen when they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ._call import EMPTY, choose, positive, split
from ._core import REDUCTIONS, check, create, describe
from ._errors import ArgumentError
from ._libloss import ffi, lib
from ._loss import FORMAT, Loss, readable

if TYPE_CHECKING:
    from ._metrics import Metric
    from ._types import Measured, Spec

ADD = frozenset(("weight", "axis", "threads"))


class Total:
    """``Total("huber").add(p1, t1).add(p2, t2).mean``: the exact sum with all its divisors.

    One total is not for several threads at once: give each its own, and add them up.
    """

    __hash__ = None  # type: ignore[assignment]
    __slots__ = ("_loss", "_memory")

    def __init__(self, loss: Measured, /, **parameters: Any) -> None:
        from ._metrics import Metric

        if isinstance(loss, Metric) or (isinstance(loss, str) and describe(create(loss)).is_metric):
            self._loss: Loss | Metric = Metric(loss, **parameters)
            self._memory = np.zeros(0, np.uint64)  # sized by the first piece: rows of scores tell the number of classes
            if not self._plan().total_size:
                self._start()  # which says why there is none
            return
        self._loss = Loss(cast("Spec", loss), **parameters)
        self._start()

    def _plan(self) -> Any:
        args, plan = ffi.new("libloss_args *"), ffi.new("libloss_plan *")
        args.struct_size, plan.struct_size = ffi.sizeof("libloss_args"), ffi.sizeof("libloss_plan")
        check(lib.libloss_prepare(self._loss._handle, args, plan))
        return plan

    def _start(self) -> None:
        """Of a metric: when its number of classes is known, or is the fallback."""
        size = max(lib.LIBLOSS_TOTAL_SIMPLE, self._plan().total_size)
        self._memory = np.zeros(size // 8, np.uint64)
        check(lib.libloss_total_start(self._pointer, size, self._loss._handle, ffi.NULL))

    @property
    def _pointer(self) -> Any:
        if not self._memory.size:
            self._start()
        return ffi.cast("libloss_total *", ffi.from_buffer(self._memory))

    def add(self, *inputs: Any, **options: Any) -> Total:
        """One more piece of the data. Of a metric: ``add(prediction=, target=, weight=)``, and what else it takes, by name."""
        if isinstance(self._loss, Loss):
            call, named = split(options, ADD)
            self._loss._evaluate(inputs, named, ("value",), total=self._memory, **call)
            return self
        if inputs:
            raise TypeError(f"{self._loss.name} is a metric: its inputs are keywords, add(prediction=, target=)")
        metric = self._loss
        weight = options.pop("weight", None)
        given = metric._inputs(options)
        if not self._memory.size:
            p, t = metric._plain(given["prediction"], given["target"])
            known = metric.parameters
            if known.get("classes", 0) is None and p.array.ndim == t.array.ndim + 1 and p.array.shape[-1] > 1:
                metric = metric.replace(classes=p.array.shape[-1])
            elif known.get("classes", 0) is None and t.categories:
                metric = metric.replace(classes=max(2, len(t.categories)))
            elif known.get("classes", 0) is None and known.get("multilabel") and t.array.ndim > 1 and t.array.shape[-1] > 1:
                metric = metric.replace(classes=t.array.shape[-1])
            if known.get("outputs", 0) is None and t.array.ndim > 1 and t.array.shape[-1] > 0:
                metric = metric.replace(outputs=t.array.shape[-1])
            metric._evaluate(given, weight, want="plan")  # shapes that do not fit leave the total as it was
            self._loss = metric
        self._pointer  # noqa: B018
        metric._evaluate(given, weight, total=self._memory)
        return self

    def add_values(self, values: Any, *, weight: Any = None) -> Total:
        """One more piece of values that ``forward`` gave."""
        if not isinstance(self._loss, Loss):
            raise ArgumentError(f"{self._loss.name} is a metric: it counts predictions and targets, no values")
        self._loss._reduce(values, weight, "sum", None, "nan", self._memory)
        return self

    def _read(self, reduction: str, divisor: float | None = None, empty: str = "nan") -> list[float]:
        if reduction == "none":
            raise ArgumentError("reduction = 'none': a total holds no values of their own")
        numbers = self._numbers
        out = ffi.new("double[]", numbers + 4)
        check(lib.libloss_total_value(self._pointer, choose(REDUCTIONS, reduction if isinstance(self._loss, Loss) else "mean", "reduction"),
                                      choose(EMPTY, empty, "empty"), positive(divisor), out, numbers + 4))
        return [float(x) for x in out]

    @property
    def _numbers(self) -> int:
        """How many numbers come before the counts."""
        return 1 if isinstance(self._loss, Loss) else int(np.prod(self._shape))

    @property
    def _shape(self) -> tuple[int, ...]:
        assert not isinstance(self._loss, Loss)
        parameters = self._loss.parameters
        size = (parameters["outputs"] or 1) if "outputs" in parameters else (parameters.get("classes") or 2)
        known = {"confusion_matrix": (size, size), "confusion_counts": (size, 4)}
        return known.get(self._loss.name, (size,) if parameters.get("average") == "none" else ())

    @property
    def value(self) -> Any:
        """The mean; of a metric its number, or numbers."""
        if isinstance(self._loss, Loss):
            return self.mean
        out = self._read("mean")[: self._numbers]
        return np.array(out).reshape(self._shape) if self._shape else out[0]

    def reduce(self, reduction: str = "mean", *, divisor: float | None = None, empty: str = "nan") -> float:
        """The number of any reduction."""
        if not isinstance(self._loss, Loss):
            raise ArgumentError(f"{self._loss.name} is a metric: it has a value, no reduction")
        return self._read(reduction, divisor, empty)[0]

    def divisor(self, reduction: str = "mean") -> float:
        """What the reduction divides by: hand it to ``grad(divisor=...)`` of every piece."""
        if isinstance(self._loss, Loss) and self._loss.name == "sum":
            raise ArgumentError("each term of a sum has a divisor of its own")
        weights, present, size, rows = self._read("sum")[-4:]
        known = {"mean": present, "weighted_mean": weights, "size_mean": size, "batch_mean": rows}
        if reduction not in known:
            raise ArgumentError(f"reduction = {reduction!r} divides by nothing; there are {', '.join(known)}")
        return known[reduction]

    @property
    def loss(self) -> Any:
        """The loss or metric whose total it is."""
        return self._loss

    @property
    def sum(self) -> float:
        """Of weight * value."""
        return self.reduce("sum")

    @property
    def mean(self) -> float:
        """The sum, divided by the number of values present."""
        return self.reduce("mean")

    @property
    def weighted_mean(self) -> float:
        """The sum, divided by the sum of weights."""
        return self.reduce("weighted_mean")

    @property
    def weight_sum(self) -> float:
        """Of the values present."""
        return self._read("sum")[-4]

    @property
    def count(self) -> int:
        """Values present."""
        return int(self._read("sum")[-3])

    @property
    def size(self) -> int:
        """All values, the absent ones too."""
        return int(self._read("sum")[-2])

    def __float__(self) -> float:
        return float(self.value)

    def __iadd__(self, other: Any) -> Total:
        if not isinstance(other, Total):
            return NotImplemented
        if not other._memory.size and self._may_take(other):
            return self
        if not self._memory.size and other._may_take(self):
            self._loss, self._memory = other._loss, other._memory.copy()
            return self
        check(lib.libloss_total_merge(self._pointer, other._pointer))
        return self

    def _may_take(self, pending: Total) -> bool:
        """Whether a total that has seen nothing is one of the same metric, its number of classes perhaps still open."""
        if isinstance(self._loss, Loss) or isinstance(pending._loss, Loss):
            return False
        still_open = {name: None for name in ("classes", "outputs") if name in self._loss.parameters}
        return pending._loss in (self._loss, self._loss.replace(**still_open))

    def __add__(self, other: Any) -> Total:
        if not isinstance(other, Total):
            return NotImplemented
        merged = self.copy()
        merged += other
        return merged

    def __radd__(self, other: Any) -> Total:
        return self.copy() if isinstance(other, int) and other == 0 else NotImplemented

    def copy(self) -> Total:
        """Another total of the same state."""
        other = Total(self._loss)
        other._memory = self._memory.copy()
        return other

    def to_bytes(self) -> bytes:
        """The state, the same on every machine; the loss's spec goes before it."""
        return self._loss.spec.encode() + b"\0" + self._state()

    def _state(self) -> bytes:
        if not self._memory.size:
            return b""
        state = bytearray(lib.libloss_total_save(self._pointer, ffi.NULL, 0))
        lib.libloss_total_save(self._pointer, ffi.from_buffer(state), len(state))
        return bytes(state)

    @classmethod
    def from_bytes(cls, data: bytes, /) -> Total:
        """What ``to_bytes`` wrote."""
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"a total comes from bytes, not {type(data).__name__}")
        spec, mark, state = bytes(data).partition(b"\0")
        if not mark:
            raise ArgumentError("these bytes are no total")
        try:
            self = cls(spec.decode())
        except UnicodeDecodeError as problem:
            raise ArgumentError("these bytes are no total") from problem
        self._load(state)
        return self

    def _load(self, state: bytes) -> None:
        if not isinstance(self._loss, Loss):
            if not state:
                return
            self._start()
        check(lib.libloss_total_load(self._pointer, self._memory.nbytes, state, len(state)))

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickle, (FORMAT, self._loss, self._state())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Total) and self._loss == other._loss and self._state() == other._state()

    def __repr__(self) -> str:
        if not isinstance(self._loss, Loss):
            return f"<Total of {self._loss.spec}: {self.count} cases>"
        return f"<Total of {self._loss.spec}: {self.count} values, mean {self.mean!r}>"


def _unpickle(version: int, loss: Loss | Metric, state: bytes) -> Total:
    readable(version)
    total = Total(loss)
    total._load(state)
    return total
