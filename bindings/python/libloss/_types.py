"""Types for annotations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, Union

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import libloss

    from . import _loss, _metrics


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
# What a loss, or a loss or a metric, is made from. For a type checker the classes of the stubs are others than those behind them.
Spec: TypeAlias = Union[str, "_loss.Loss", "libloss.Loss"]
Measured: TypeAlias = Union[str, "_loss.Loss", "libloss.Loss", "_metrics.Metric", "libloss.metrics.Metric"]
