"""Running totals: exact, mergeable in any order to the same bits, and the reduction is chosen when they are read."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._core import REDUCTIONS, check
from ._errors import Error, IncompatibleVersionError
from ._libloss import ffi, lib
from ._loss import EMPTY, Loss, _split, choose


class Total:
    """``Total("huber").add(p1, t1).add(p2, t2).mean``: the exact sum with all its divisors."""

    __hash__ = None  # type: ignore[assignment]
    __slots__ = ("_loss", "_memory")

    def __init__(self, loss: Loss | str, /, **parameters: Any) -> None:
        self._loss = Loss(loss, **parameters)
        size = max(lib.LIBLOSS_TOTAL_SIMPLE, 64 + 624 * len(self._loss.terms))
        self._memory = np.zeros(size // 8, np.uint64)
        check(lib.libloss_total_start(self._pointer, size, self._loss._handle, ffi.NULL))

    @property
    def _pointer(self) -> Any:
        return ffi.cast("libloss_total *", ffi.from_buffer(self._memory))

    def add(self, *inputs: Any, **options: Any) -> Total:
        """One more piece of the data."""
        call, named = _split(options)
        self._loss._evaluate(inputs, named, ("value",), total=self._memory, **call)
        return self

    def _read(self, reduction: str, divisor: float | None = None, empty: str = "nan") -> list[float]:
        out = ffi.new("double[5]")
        check(lib.libloss_total_value(self._pointer, choose(REDUCTIONS, reduction, "reduction"), choose(EMPTY, empty, "empty"), divisor or 0.0, out, 5))
        return [float(x) for x in out]

    def reduce(self, reduction: str = "mean", *, divisor: float | None = None, empty: str = "nan") -> float:
        """The number of any reduction."""
        return self._read(reduction, divisor, empty)[0]

    def divisor(self, reduction: str = "mean") -> float:
        """What the reduction divides by: hand it to ``grad(divisor=...)`` of every piece."""
        _, weights, present, size, rows = self._read("sum")
        return {"mean": present, "weighted_mean": weights, "size_mean": size, "batch_mean": rows}.get(reduction, 1.0)

    @property
    def loss(self) -> Loss:
        """Whose total it is."""
        return self._loss

    @property
    def sum(self) -> float:
        """Of weight * value."""
        return self._read("sum")[0]

    @property
    def mean(self) -> float:
        """The sum, divided by the number of values present."""
        return self._read("mean")[0]

    @property
    def weighted_mean(self) -> float:
        """The sum, divided by the sum of weights."""
        return self._read("weighted_mean")[0]

    @property
    def weight_sum(self) -> float:
        """Of the values present."""
        return self._read("sum")[1]

    @property
    def count(self) -> int:
        """Values present."""
        return int(self._read("sum")[2])

    @property
    def size(self) -> int:
        """All values, the absent ones too."""
        return int(self._read("sum")[3])

    def __float__(self) -> float:
        return self.mean

    def __iadd__(self, other: Any) -> Total:
        if not isinstance(other, Total):
            return NotImplemented
        check(lib.libloss_total_merge(self._pointer, other._pointer))
        return self

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
        other._memory[:] = self._memory
        return other

    def to_bytes(self) -> bytes:
        """The state, the same on every machine; the loss's spec goes before it."""
        state = bytearray(lib.libloss_total_save(self._pointer, ffi.NULL, 0))
        lib.libloss_total_save(self._pointer, ffi.from_buffer(state), len(state))
        return self._loss.spec.encode() + b"\0" + bytes(state)

    @classmethod
    def from_bytes(cls, data: bytes, /) -> Total:
        """What ``to_bytes`` wrote."""
        spec, mark, state = bytes(data).partition(b"\0")
        if not mark:
            raise Error("these bytes are no total")
        self = cls(spec.decode())
        status = lib.libloss_total_load(self._pointer, self._memory.nbytes, state, len(state))
        if status == lib.LIBLOSS_ERR_TOTAL and b"newer" in state:
            raise IncompatibleVersionError("a total of a newer libloss")
        check(status)
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return Total.from_bytes, (self.to_bytes(),)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Total) and self.to_bytes() == other.to_bytes()

    def __repr__(self) -> str:
        return f"<Total of {self._loss.spec}: {self.count} values, mean {self.mean!r}>"
