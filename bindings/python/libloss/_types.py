"""Types for annotations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol, TypeAlias, Union

import numpy as np
import numpy.typing as npt


class SupportsDLPack(Protocol):
    """Memory that can be looked at by way of DLPack."""

    def __dlpack__(self, *, max_version: tuple[int, int] | None = ...) -> Any: ...

    def __dlpack_device__(self) -> tuple[int, int]: ...


ArrayLike: TypeAlias = Union[npt.ArrayLike, SupportsDLPack]  # noqa: UP007 (a string inside npt.ArrayLike knows no |)
Array: TypeAlias = npt.NDArray[np.floating[Any]]
Reduced: TypeAlias = Literal["mean", "sum", "weighted_mean", "size_mean", "batch_mean"]
Reduction: TypeAlias = Literal["mean", "sum", "weighted_mean", "size_mean", "batch_mean", "none"]
Empty: TypeAlias = Literal["nan", "zero"]
Curvature: TypeAlias = Literal["exact", "upper"]
BoosterCurvature: TypeAlias = Literal["builtin", "upper", "exact"]
Average: TypeAlias = Literal["binary", "micro", "macro", "weighted"]
Parameter: TypeAlias = bool | int | float | str | Sequence[float] | npt.NDArray[Any] | None
