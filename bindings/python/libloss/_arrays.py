"""Everything that may come in as an array, made plain: an ndarray, whether its uint16 are bfloat16, and what is masked."""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

import numpy as np

from ._errors import ArgumentError, DeviceError, DTypeError, ShapeError, located
from ._extras import tool

Array = np.ndarray[Any, Any]
FOREIGN = ("torch", "pandas", "polars", "pyarrow", "jax")


class Plain(NamedTuple):
    array: Array
    bfloat16: bool = False
    mask: Array | None = None  # True where nothing is there
    dtype: Any = np.float64  # of its gradient
    categories: tuple[Any, ...] | None = None  # what its class indices stand for


def _package(x: Any) -> str | None:
    """Whose type it is, or is derived from: "pandas" for pandas.Series, wherever that release keeps the class."""
    for each in type(x).__mro__:
        package = each.__module__.partition(".")[0]
        if package in FOREIGN:
            return package
    return None


def _refuse(name: str, dtype: Any, labels: bool = False) -> DTypeError:
    needed = "class indices are integers, or categories (pandas.CategoricalDtype, polars.Enum) in the order of the classes"
    return DTypeError(f"{name} has dtype {dtype}: {needed if labels else 'numbers of at most 64 bits are needed'}")


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
#
# Categories that are numbers are those numbers. Other categories (strings, mostly) are class indices where labels are asked for, in the order
# of the type: of pandas ``dtype.categories`` (sorted, unless one says otherwise), of a polars Enum as declared, of an Arrow dictionary its own
# (mostly that of first appearance). A polars Categorical has no order: its codes depend on what the process has seen before.


def columns_of(x: Any) -> tuple[str, ...]:
    """The names of a table's columns; one for a Series; none for what has none."""
    package = _package(x)
    if package == "pyarrow":
        names = x.schema.names if hasattr(x, "schema") else ()
    elif package in ("pandas", "polars"):
        names = x.columns if getattr(x, "ndim", 0) == 2 or hasattr(x, "get_columns") else (getattr(x, "name", None) if hasattr(x, "dtype") else None,)
    else:
        names = ()
    return tuple("" if name is None else str(name) for name in names)


def _nullable(values: Any, null: Any, categories: Any = None) -> Plain:
    values, null = np.asarray(values), np.asarray(null)
    return Plain(values, mask=null if null.any() else None, categories=None if categories is None else tuple(categories))


def _rows(flat: Plain, null: Any, widths: Any, name: str) -> Plain:
    """A column of lists, which must be of one length, as rows; ``flat`` and ``widths`` are without the lists that are null."""
    null, widths = np.asarray(null), np.asarray(widths)
    width = int(widths[0]) if len(widths) else 0
    if (odd := np.flatnonzero(widths != width)).size:
        row, first = np.flatnonzero(~null)[[odd[0], 0]]
        raise ShapeError(f"{name}[{row}] has {widths[odd[0]]} values, and {name}[{first}] has {width}: rows are of one length")
    rows, mask = np.zeros((len(null), width), flat.array.dtype), np.repeat(null[:, None], width, 1)
    rows[~null] = flat.array[: len(widths) * width].reshape(-1, width)
    if flat.mask is not None:
        mask[~null] = flat.mask[: len(widths) * width].reshape(-1, width)
    return _nullable(rows, mask)


def _pandas(x: Any, name: str, labels: bool) -> Plain:
    pandas = sys.modules["pandas"]
    if hasattr(x, "dtypes") and x.ndim == 2:
        if len(set(x.dtypes)) == 1 and isinstance(x.dtypes.iloc[0], np.dtype):
            return Plain(np.asarray(x))
        return _table([x.iloc[:, k] for k in range(x.shape[1])], columns_of(x), _pandas, name)
    dtype = x.dtype
    if isinstance(dtype, (np.dtype, pandas.SparseDtype)):
        return Plain(np.asarray(x))
    if isinstance(dtype, pandas.CategoricalDtype):
        codes, kinds = np.asarray(pandas.Categorical(x).codes), np.asarray(dtype.categories)
        if kinds.dtype.kind in "fiub":
            return _nullable(kinds[codes] if len(kinds) else np.zeros(len(codes)), codes < 0)
        if not labels:
            raise _refuse(name, f"category of {dtype.categories.dtype}")
        return _nullable(np.maximum(codes, 0), codes < 0, dtype.categories)
    if isinstance(dtype, pandas.ArrowDtype):
        return _arrow(pandas.array(x).__arrow_array__(), name, labels)
    stored = getattr(dtype, "numpy_dtype", None)
    if stored is None or np.dtype(stored).kind not in "fiub":
        raise _refuse(name, dtype, labels)
    return _nullable(x.to_numpy(dtype=stored, na_value=np.zeros((), stored).item()), x.isna())


def _polars(x: Any, name: str, labels: bool) -> Plain:
    if hasattr(x, "get_columns"):
        return _table(x.get_columns(), columns_of(x), _polars, name)
    if not hasattr(x, "dtype"):
        raise DTypeError(f"{name} is a {type(x).__name__}, which has no numbers yet: collect() it first")
    dtype, kind = x.dtype, type(x.dtype).__name__
    if kind == "Enum" and labels:
        return _polars(x.to_physical(), name, False)._replace(categories=tuple(dtype.categories))
    if kind == "Categorical" and labels:
        raise DTypeError(f"{name} has dtype Categorical, which has no order of its own: cast it to polars.Enum(classes), in the order of the classes")
    if kind in ("Array", "List"):
        there = x.drop_nulls()
        return _rows(_polars(there.explode(), name, False), x.is_null().to_numpy(), (there.arr if kind == "Array" else there.list).len().to_numpy(), name)
    if kind != "Boolean" and not dtype.is_float() and not dtype.is_integer():
        raise _refuse(name, dtype, labels)
    return _nullable(x.fill_null(False if kind == "Boolean" else 0).to_numpy(), x.is_null().to_numpy())


def _arrow(x: Any, name: str, labels: bool) -> Plain:
    pyarrow = sys.modules["pyarrow"]
    types = pyarrow.types
    if isinstance(x, (pyarrow.Table, pyarrow.RecordBatch)):
        return _table(x.columns, columns_of(x), _arrow, name)
    if not isinstance(x, (pyarrow.Array, pyarrow.ChunkedArray)):
        raise DTypeError(f"{name} is a {type(x).__name__}, not an array of numbers")
    kind = x.type
    if types.is_dictionary(kind):
        if not labels or _is_number(kind.value_type):
            return _arrow(x.cast(kind.value_type), name, False)
        whole = (x if isinstance(x, pyarrow.ChunkedArray) else pyarrow.chunked_array([x])).unify_dictionaries()
        codes = pyarrow.chunked_array([piece.indices for piece in whole.chunks], kind.index_type)
        return _arrow(codes, name, False)._replace(categories=tuple(whole.chunk(0).dictionary.to_pylist()) if whole.num_chunks else ())
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        compute, there = tool("pyarrow.compute", "files"), x.drop_null()
        return _rows(_arrow(compute.list_flatten(there), name, False), x.is_null(), compute.list_value_length(there), name)
    if not _is_number(kind):
        raise _refuse(name, kind, labels)
    zero = pyarrow.scalar(False if types.is_boolean(kind) else 0).cast(kind) if x.null_count else None
    return _nullable(x.fill_null(zero) if x.null_count else x, x.is_null())


def _is_number(kind: Any) -> bool:
    """Whether an Arrow type is one of numbers that NumPy has too."""
    types = sys.modules["pyarrow"].types
    return bool(types.is_boolean(kind) or types.is_integer(kind) or types.is_floating(kind))


def _table(columns: list[Any], names: tuple[str, ...], take: Any, name: str) -> Plain:
    """Columns side by side, as rows."""
    taken = []
    for column, title in zip(columns, names, strict=True):
        try:
            taken.append(take(column, name, False))
        except DTypeError as problem:
            raise located(problem, {name: (title,)}) from problem.__cause__
    if not taken:
        return Plain(np.zeros((0, 0)))
    null = [np.zeros(c.array.shape, bool) if c.mask is None else c.mask for c in taken]
    return _nullable(np.stack([c.array for c in taken], 1), np.stack(null, 1))


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


TABLES = {"pandas": _pandas, "polars": _polars, "pyarrow": _arrow}


def same_index(named: list[tuple[str, Any]]) -> None:
    """pandas aligns Series by their index; here position counts, so that differing ones are refused."""
    indexed = [(name, x) for name, x in named if hasattr(x, "index") and hasattr(x.index, "equals")]
    for name, x in indexed[1:]:
        if not x.index.equals(indexed[0][1].index):
            raise ShapeError(f"{name} and {indexed[0][0]} have different indexes, and nothing is aligned here: pass {name}.to_numpy(), or align them first")


def same_categories(prediction: Plain | None, target: Plain | None, columns: tuple[str, ...]) -> None:
    """A class index means one class: categories of prediction and target, or the columns of its scores, are the same in the same order."""
    ours, theirs = prediction and prediction.categories, target and target.categories
    if ours is not None and theirs is not None and ours != theirs:
        raise ArgumentError(f"prediction and target have different categories, {_few(ours)} and {_few(theirs)}: give both one type, with all classes")
    if theirs is not None and columns != theirs and set(columns) == set(theirs):
        raise ArgumentError(f"prediction has the classes {_few(columns)}, and target {_few(theirs)}: the same in another order")


def _few(names: tuple[Any, ...]) -> str:
    return ", ".join(map(repr, names[:5])) + (", ..." if len(names) > 5 else "")


def _object(array: Array, x: Any, name: str) -> DTypeError:
    """What is wrong with an array of Python objects."""
    if array.ndim == 0:
        return DTypeError(f"{name} is None" if x is None else f"{name} is a {type(x).__name__}, not an array of numbers")
    for position, item in np.ndenumerate(array):
        if not isinstance(item, (int, float, np.number, np.bool_)):
            shown = repr(item) if isinstance(item, (str, bytes, type(None))) else f"<{type(item).__name__}>"
            rows = f": numpy.stack({name}) makes rows of a column of lists" if isinstance(item, (list, tuple, np.ndarray)) else ""
            return DTypeError(f"{name} has dtype object: {name}[{', '.join(map(str, position))}] = {shown} is no number{rows}")
    return DTypeError(f"{name} has dtype object: numbers of at most 64 bits are needed; {name}.astype(float) makes them")


def plain(x: Any, name: str, labels: bool = False) -> Plain:
    """An ndarray that the shim takes, or an exception that names the argument, and the column where there are columns.

    ``labels``: class indices are asked for, so that categories may stand for them.
    """
    try:
        return _plain(x, name, labels)
    except (DTypeError, DeviceError, ShapeError) as problem:
        raise located(problem, {name: columns_of(x)}) from problem.__cause__


def is_masked(x: Any) -> bool:
    """Whether x is a masked array, without NumPy's module of these, which takes a fifth of the time that ``import libloss`` does."""
    return "numpy.ma" in sys.modules and isinstance(x, np.ma.MaskedArray)


def _plain(x: Any, name: str, labels: bool) -> Plain:
    out = None
    try:
        if is_masked(x):
            mask = np.ma.getmaskarray(x)
            out = Plain(np.asarray(x.data), False, mask if mask.any() else None)
        elif not isinstance(x, (np.ndarray, int, float, list, tuple)):
            package = _package(x)
            out = _torch(x, name) if package == "torch" else TABLES[package](x, name, labels) if package in TABLES else _other(x, name)
        if out is None:
            out = Plain(np.asarray(x))
    except (DTypeError, DeviceError, ShapeError):
        raise
    except Exception as problem:
        traced = _package(x) == "jax"
        raise DTypeError(f"{name} is traced by JAX and has no numbers yet: libloss.jax.loss makes what jit, grad and vmap take"
                         if traced else f"{name} is no array of numbers: {problem}") from problem
    array = out.array
    if array.dtype.kind == "V" and array.dtype.name == "bfloat16":  # a name takes as long as a small loss
        array, out = array.view(np.uint16), out._replace(bfloat16=True, dtype=array.dtype)
    elif array.dtype.kind == "O":
        raise _object(array, x, name)
    elif array.dtype.kind not in "fiub" or array.dtype.itemsize > 8:
        raise _refuse(name, array.dtype, labels)
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
