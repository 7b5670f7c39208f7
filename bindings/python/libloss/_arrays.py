"""Everything that may come in as an array, made plain: an ndarray, whether its uint16 are bfloat16, and what is masked."""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

import numpy as np

from ._errors import DeviceError, DTypeError, ShapeError


class Plain(NamedTuple):
    array: np.ndarray[Any, Any]
    bfloat16: bool = False
    mask: np.ndarray[Any, Any] | None = None  # True where nothing is there


def _package(x: Any) -> str:
    """Whose type it is: "pandas" for pandas.Series, wherever that release keeps the class."""
    return type(x).__module__.partition(".")[0]


def _torch(x: Any, name: str) -> Plain:
    if x.requires_grad:
        raise DTypeError(f"{name} requires grad: libloss would cut the graph silently; pass {name}.detach()")
    if x.device.type != "cpu":
        raise DeviceError(f"{name} is on {x.device}; libloss computes on the CPU: {name}.cpu()")
    torch = sys.modules["torch"]
    x = x.resolve_neg().resolve_conj() if hasattr(x, "resolve_neg") else x
    if x.dtype == torch.bfloat16:
        return Plain(x.view(torch.int16).numpy().view(np.uint16), True)
    return Plain(x.numpy())


def _table(x: Any) -> Plain | None:
    """pandas, polars and Arrow: nulls are not there; a float NaN is a NaN."""
    module = _package(x)
    if module == "polars":
        null = x.is_null().to_numpy() if x.__class__.__name__ == "Series" else np.stack([c.is_null().to_numpy() for c in x], 1)
        filled = x.fill_null(0)
    elif module == "pyarrow":
        null = np.asarray(x.is_null())
        filled = x.fill_null(0) if x.null_count else x
    elif module == "pandas":
        types = [x.dtype] if hasattr(x, "dtype") else list(x.dtypes)
        if all(isinstance(t, np.dtype) for t in types):
            return Plain(np.asarray(x))
        null, filled = np.asarray(x.isna()), x.fillna(0)
    else:
        return None
    array = np.asarray(filled)
    return Plain(array.astype(np.float64) if array.dtype == object else array, False, null if null.any() else None)


def _other(x: Any, name: str) -> Plain | None:
    """What lives on a device, or is exchanged by DLPack alone."""
    if not hasattr(x, "__dlpack_device__") or isinstance(x, np.ndarray):
        return None
    try:
        device = int(x.__dlpack_device__()[0])
    except Exception:  # JAX's tracers have the method and no device: asarray says what they are
        return None
    if device not in (1, 3, 11):  # CPU, pinned by CUDA, pinned by ROCm
        raise DeviceError(f"{name} is on a device (DLPack type {device}); libloss computes on the CPU: move it there first")
    return None if hasattr(x, "__array__") or hasattr(x, "__array_interface__") else Plain(np.from_dlpack(x))


def same_index(named: list[tuple[str, Any]]) -> None:
    """pandas people think that Series align by themselves: those with different indexes are refused."""
    if "pandas" not in sys.modules:
        return
    indexed = [(name, x) for name, x in named if _package(x) == "pandas" and hasattr(x, "index")]
    for name, x in indexed[1:]:
        if not x.index.equals(indexed[0][1].index):
            raise ShapeError(f"{name} and {indexed[0][0]} have different indexes, and nothing is aligned here: pass {name}.to_numpy(), or align them first")


def plain(x: Any, name: str) -> Plain:
    """An ndarray that the shim takes, or an exception that names the argument."""
    out = None
    if isinstance(x, np.ma.MaskedArray):
        mask = np.ma.getmaskarray(x)
        out = Plain(np.asarray(x.data), False, mask if mask.any() else None)
    elif _package(x) == "torch" and hasattr(x, "requires_grad"):
        out = _torch(x, name)
    elif not isinstance(x, (np.ndarray, int, float, list, tuple)):
        out = _table(x) or _other(x, name)
    if out is None:
        try:
            out = Plain(np.asarray(x))
        except Exception as problem:
            raise DTypeError(f"{name} is no array: {problem}") from problem
    array = out.array
    if array.dtype.name == "bfloat16":
        array, out = array.view(np.uint16), out._replace(bfloat16=True)
    if array.dtype.kind not in "fiub" or array.dtype.itemsize > 8:
        raise DTypeError(f"{name} has dtype {array.dtype}: numbers of at most 64 bits are needed")
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if any(s % array.itemsize for s in array.strides):
        array = array.copy()
    if type(array) is not np.ndarray:
        array = array.view(np.ndarray)
    return out._replace(array=array)


def absent(masks: list[np.ndarray[Any, Any] | None], ndim: int) -> np.ndarray[Any, Any] | None:
    """Where any mask says that a value is not there; a row of which anything is masked is not there."""
    union: np.ndarray[Any, Any] | None = None
    for mask in masks:
        if mask is not None:
            of_value = np.asarray(mask.any(-1)) if mask.ndim == ndim + 1 else mask
            union = of_value if union is None else union | of_value
    return union


def weighed(weight: Any, missing: np.ndarray[Any, Any] | None) -> Plain | None:
    """The weight with 0 where something is masked; None where there is neither weight nor mask."""
    if weight is None and missing is None:
        return None
    w = plain(1.0 if weight is None else weight, "weight")
    if w.mask is not None:
        missing = w.mask if missing is None else missing | w.mask
    if missing is None:
        return w
    array = w.array
    while 0 < array.ndim < missing.ndim:
        array = array[..., None]
    return Plain(np.where(missing, array.dtype.type(0), array), w.bfloat16)
