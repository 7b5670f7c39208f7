"""The cffi module: C's own names, known to the compiler."""
from typing import Any

ffi: Any
lib: Any


def quick(address: int, prediction: Any, target: Any, weight: Any, gradient: Any, reduction: str, flat: bool, /) -> float | None: ...
