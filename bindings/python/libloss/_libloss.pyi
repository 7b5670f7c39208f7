"""The cffi module: C's own names, known to the compiler."""
from typing import Any

ffi: Any
lib: Any


def quick(address: int, prediction: Any, target: Any, weight: Any, gradient: Any, reduction: str, flat: bool, new: bool, /) -> float | None: ...
def exchange(capsule: Any, tensor: type, empty_like: Any, float32: Any, float64: Any, /) -> None: ...
def tensors(address: int, reduction: int, by_row: bool, derived: bool, prediction: Any, target: Any, /) -> tuple[Any, ...] | None: ...
