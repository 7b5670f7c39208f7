"""Everything that may come in as an array, made plain: an ndarray, whether its uint16 are bfloat16, and what is masked."""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

import numpy as np

from ._errors import DeviceError, DTypeError, ShapeError

Array = np.ndarray[Any, Any]
FOREIGN = ("torch", "pandas", "polars", "pyarrow", "jax")


class Plain(NamedTuple):
    array: Array
    bfloat16: bool = False
    mask: Array | None = None  # True where nothing is there
    dtype: Any = np.float64  # of its gradient


def _package(x: Any) -> str | None:
    """Whose type it is, or is derived from: "pandas" for pandas.Series, wherever that release keeps the class."""
    for each in type(x).__mro__:
        package = each.__module__.partition(".")[0]
        if package in FOREIGN:
            return package
    return None


def _refuse(name: str, dtype: Any) -> DTypeError:
    return DTypeError(f"{name} has dtype {dtype}: numbers of at most 64 bits are needed")


def _torch(x: Any, name: str) -> Plain:
    torch = sys.modules["torch"]
    if not isinstance(x, torch.Tensor):
        raise DTypeError(f"{name} is a {type(x).__name__}, not an array of numbers")
    if x.requires_grad:
        raise DTypeError(f"{name} requires grad: libloss would cut the graph silently; pass {name}.detach()")
    if x.device.type != "cpu":
        raise DeviceError(f"{name} is on {x.device}; libloss computes on the CPU: {name}.cpu()")
    try:
        x = x.resolve_conj().resolve_neg()  # NumPy would see the memory without its sign
        return Plain(x.view(torch.int16).numpy().view(np.uint16), True, dtype=np.float32) if x.dtype == torch.bfloat16 else Plain(x.numpy())
    except (RuntimeError, TypeError) as problem:  # sparse, quantized, wrapped by torch.func
        raise DTypeError(f"{name} is no plain tensor (dtype {x.dtype}, layout {x.layout}): {problem}") from problem


# ---- tables: nulls are not there; a float NaN is a NaN ----


def _nullable(values: Any, null: Any) -> Plain:
    values, null = np.asarray(values), np.asarray(null)
    return Plain(values, False, null if null.any() else None)


def _pandas(x: Any, name: str) -> Plain:
    pandas = sys.modules["pandas"]
    if hasattr(x, "dtypes") and x.ndim == 2:
        if all(isinstance(t, np.dtype) for t in x.dtypes):
            return Plain(np.asarray(x))
        return _columns([_pandas(x.iloc[:, k], name) for k in range(x.shape[1])])
    dtype = x.dtype
    if isinstance(dtype, np.dtype):
        return Plain(np.asarray(x))
    if isinstance(dtype, pandas.CategoricalDtype):
        kinds, codes = np.asarray(dtype.categories), np.asarray(pandas.Categorical(x).codes)
        if kinds.dtype.kind not in "fiub":
            raise _refuse(name, f"category of {dtype.categories.dtype}")
        return _nullable(kinds[codes] if len(kinds) else np.zeros(len(codes)), codes < 0)
    if isinstance(dtype, pandas.SparseDtype):
        return Plain(np.asarray(x))
    stored = getattr(dtype, "numpy_dtype", None)
    if stored is None or np.dtype(stored).kind not in "fiub":
        raise _refuse(name, dtype)
    return _nullable(x.to_numpy(dtype=stored, na_value=np.zeros((), stored).item()), x.isna())


def _polars(x: Any, name: str) -> Plain:
    if hasattr(x, "get_columns"):
        return _columns([_polars(column, name) for column in x.get_columns()])
    dtype = getattr(x, "dtype", None)
    boolean = str(dtype) == "Boolean"
    if dtype is None or not (boolean or dtype.is_float() or dtype.is_integer()):
        raise _refuse(name, dtype) if dtype is not None else DTypeError(f"{name} is a {type(x).__name__}: collect() it first")
    return _nullable(x.fill_null(False if boolean else 0).to_numpy(), x.is_null().to_numpy())


def _arrow(x: Any, name: str) -> Plain | None:
    pyarrow = sys.modules["pyarrow"]
    if isinstance(x, (pyarrow.Table, pyarrow.RecordBatch)):
        return _columns([_arrow(column, name) for column in x.columns])
    if not isinstance(x, (pyarrow.Array, pyarrow.ChunkedArray)):
        return None
    if isinstance(x.type, pyarrow.DictionaryType):
        x = x.cast(x.type.value_type)
    boolean = pyarrow.types.is_boolean(x.type)
    if not (boolean or pyarrow.types.is_integer(x.type) or pyarrow.types.is_floating(x.type)):
        raise _refuse(name, x.type)
    zero = pyarrow.scalar(False if boolean else 0).cast(x.type) if x.null_count else None
    return _nullable(x.fill_null(zero) if x.null_count else x, x.is_null())


def _columns(columns: list[Any]) -> Plain:
    null = [np.zeros(c.array.shape, bool) if c.mask is None else c.mask for c in columns]
    return _nullable(np.stack([c.array for c in columns], 1), np.stack(null, 1)) if columns else Plain(np.zeros((0, 0)))


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


TAKE = {"torch": _torch, "pandas": _pandas, "polars": _polars, "pyarrow": _arrow}


def same_index(named: list[tuple[str, Any]]) -> None:
    """pandas aligns Series by their index; here position counts, so that differing ones are refused."""
    indexed = [(name, x) for name, x in named if hasattr(x, "index") and hasattr(x.index, "equals")]
    for name, x in indexed[1:]:
        if not x.index.equals(indexed[0][1].index):
            raise ShapeError(f"{name} and {indexed[0][0]} have different indexes, and nothing is aligned here: pass {name}.to_numpy(), or align them first")


def _object(array: Array, x: Any, name: str) -> DTypeError:
    """What is wrong with an array of Python objects."""
    if array.ndim == 0:
        return DTypeError(f"{name} is None" if x is None else f"{name} is a {type(x).__name__}, not an array of numbers")
    for position, item in np.ndenumerate(array):
        if not isinstance(item, (int, float, np.number, np.bool_)):
            shown = repr(item) if isinstance(item, (str, bytes, type(None))) else f"<{type(item).__name__}>"
            return DTypeError(f"{name} has dtype object: {name}[{', '.join(map(str, position))}] = {shown} is no number")
    return DTypeError(f"{name} has dtype object: numbers of at most 64 bits are needed; {name}.astype(float) makes them")


def plain(x: Any, name: str) -> Plain:
    """An ndarray that the shim takes, or an exception that names the argument."""
    out = None
    try:
        if isinstance(x, np.ma.MaskedArray):
            mask = np.ma.getmaskarray(x)
            out = Plain(np.asarray(x.data), False, mask if mask.any() else None)
        elif not isinstance(x, (np.ndarray, int, float, list, tuple)):
            take = TAKE.get(_package(x) or "")
            out = (take(x, name) if take else None) or _other(x, name)
        if out is None:
            out = Plain(np.asarray(x))
    except (DTypeError, DeviceError):
        raise
    except Exception as problem:
        traced = _package(x) == "jax"
        raise DTypeError(f"{name} is traced by JAX and has no numbers yet: call libloss outside of jit, grad and vmap"
                         if traced else f"{name} is no array of numbers: {problem}") from problem
    array = out.array
    if array.dtype.kind == "V" and array.dtype.name == "bfloat16":  # a name takes as long as a small loss
        array, out = array.view(np.uint16), out._replace(bfloat16=True, dtype=array.dtype)
    elif array.dtype.kind == "O":
        raise _object(array, x, name)
    elif array.dtype.kind not in "fiub" or array.dtype.itemsize > 8:
        raise _refuse(name, array.dtype)
    elif array.dtype.kind == "f":
        out = out._replace(dtype=array.dtype.newbyteorder("="))
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if any(s % array.itemsize for s in array.strides):
        array = array.copy()
    if type(array) is not np.ndarray:
        array = array.view(np.ndarray)
    return out._replace(array=array)


def wide(p: Plain) -> Array:
    """The numbers as float32 or float64, dense."""
    array = (p.array.astype(np.uint32) << 16).view(np.float32) if p.bfloat16 else p.array
    return np.ascontiguousarray(array, dtype=array.dtype if array.dtype in (np.float32, np.float64) else np.float64).reshape(array.shape)


def absent(masks: list[Array | None], ndim: int) -> Array | None:
    """Where any mask says that a value is not there; a row of which anything is masked is not there."""
    union: Array | None = None
    for mask in masks:
        if mask is not None:
            of_value = np.asarray(mask.any(-1)) if mask.ndim == ndim + 1 else mask
            union = of_value if union is None else union | of_value
    return union


def weighed(weight: Any, missing: Array | None) -> Plain | None:
    """The weight with 0 where something is masked; None where there is neither weight nor mask."""
    if weight is None and missing is None:
        return None
    w = plain(1.0 if weight is None else weight, "weight")
    if w.mask is not None:
        leading = w.mask
        while missing is not None and 0 < leading.ndim < missing.ndim:
            leading = leading[..., None]
        missing = leading if missing is None else missing | leading
    if missing is None:
        return w
    array = w.array
    while 0 < array.ndim < missing.ndim:
        array = array[..., None]
    return w._replace(array=np.where(missing, array.dtype.type(0), array), mask=None)
