"""libloss.so without its Python package: cffi reads the header's text, arrays go in as tensors. For tests only."""

from __future__ import annotations

import functools
import os
import pathlib
import re

import cffi
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
ffi = cffi.FFI()


@functools.cache
def _open():
    text = (ROOT / "include/libloss.h").read_text()
    ffi.cdef(re.search(r"/\* cffi reads from here \*/(.*)/\* cffi reads to here \*/", text, re.S).group(1))
    return ffi.dlopen(os.environ["LIBLOSS_SO"])


lib = _open()
REDUCTIONS = {"mean": 0, "sum": 1, "none": 2, "weighted_mean": 3, "size_mean": 4, "batch_mean": 5}
CODES = {"i": 0, "u": 1, "f": 2, "c": 5, "b": 6}
KINDS = ["real", "probability", "positive", "sign", "class", "offsets", "length", "label", "binary"]


class Failed(Exception):
    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status


def check(status: int) -> None:
    if status:
        raise Failed(status, ffi.string(lib.libloss_message()).decode())


def tensor(array: np.ndarray, keep: list, dtype: tuple[int, int] | None = None):
    t = ffi.new("libloss_tensor *")
    shape = ffi.new("int64_t[]", list(array.shape) or [0])
    if all(s % array.itemsize == 0 for s in array.strides):
        strides = ffi.new("int64_t[]", [s // array.itemsize for s in array.strides] or [0])
    else:
        raise ValueError("strides are no multiples of the element")
    t.data = ffi.cast("void *", array.__array_interface__["data"][0])
    t.device_type, t.ndim, t.dtype_lanes = 1, array.ndim, 1
    t.dtype_code, t.dtype_bits = dtype or (CODES[array.dtype.kind], array.itemsize * 8)
    t.shape, t.strides = shape, strides
    keep += [t, shape, strides, array]
    return t


class Loss:
    def __init__(self, spec: str):
        out = ffi.new("libloss_object **")
        check(lib.libloss_create(spec.encode(), out))
        self.handle = ffi.gc(out[0], lib.libloss_destroy)

    @property
    def spec(self) -> str:
        buffer = ffi.new("char[4096]")
        lib.libloss_spec(self.handle, buffer, 4096)
        return ffi.string(buffer).decode()

    @functools.cached_property
    def info(self) -> dict:
        info = ffi.new("libloss_info *")
        info.struct_size = ffi.sizeof("libloss_info")
        check(lib.libloss_describe(self.handle, info))
        return {
            "formula": ffi.string(info.formula).decode(), "family": ffi.string(info.family).decode(), "claims": info.claims,
            "inputs": info.inputs, "parameters": info.parameters, "rows": info.values_per == 1, "units": info.values_per == 2,
            "title": ffi.string(info.title).decode(), "citation": ffi.string(info.citation).decode(),
            "f4": tuple(info.ulp_f32), "f8": tuple(info.ulp_f64),
        }

    @functools.cached_property
    def inputs(self) -> list[dict]:
        out = []
        for i in range(self.info["inputs"]):
            x = ffi.new("libloss_input *")
            x.struct_size = ffi.sizeof("libloss_input")
            check(lib.libloss_describe_input(self.handle, i, x))
            kind = "nonnegative" if x.flags & lib.LIBLOSS_OR_ZERO else KINDS[x.kind]
            out.append({"name": ffi.string(x.name).decode(), "kind": kind, "shape": x.shape,
                        "differentiable": bool(x.flags & 2), "optional": bool(x.flags & 1)})
        return out

    @functools.cached_property
    def parameters(self) -> list[dict]:
        out = []
        for i in range(self.info["parameters"]):
            p = ffi.new("libloss_parameter *")
            p.struct_size = ffi.sizeof("libloss_parameter")
            check(lib.libloss_describe_parameter(self.handle, i, p))
            choices = ffi.string(p.choices).decode().split() if p.choices else None
            out.append({"name": ffi.string(p.name).decode(), "choices": choices, "fallback": p.fallback, "flags": p.flags})
        return out

    def numbers(self, k: int) -> list[float]:
        """Of the object's k-th parameter."""
        out = ffi.new("double[64]")
        return list(out[0 : lib.libloss_parameter_values(self.handle, k, out, 64)])

    def eval(self, *inputs, weight=None, reduction="mean", grad=(), hess=(), values=None, value=True, upper=False, divisor=0.0,
             empty=0, upstream=None, total=None, outputs=None, auxiliary=None, dtypes=None, flags=0, unit_axes=0,
             threads=0, poll=ffi.NULL, executor=ffi.NULL, matrices=False, parameters=None, learn=False):
        """A dict of what was asked: "value", "values", "grad0", "hess0", "by" (with `learn`: by the parameters), ... Outputs are of the
        inputs' dtype unless given."""
        keep: list = []
        args = ffi.new("libloss_args *")
        args.struct_size = ffi.sizeof("libloss_args")
        result: dict = {}
        outputs = outputs or {}
        for k, array in enumerate(inputs):
            if array is not None:
                args.input[k] = tensor(array, keep, (dtypes or {}).get(k))
        for name, wrt in (("grad", grad), ("hess", hess)):
            for k in wrt:
                out = outputs.get(f"{name}{k}")
                if out is None:
                    kind = inputs[k].dtype if inputs[k].dtype.kind == "f" else np.float64
                    out = np.full(inputs[k].shape, 77, kind)
                (args.gradient if name == "grad" else args.hessian)[k] = tensor(out, keep)
                result[f"{name}{k}"] = out
        if weight is not None:
            args.weight = tensor(np.asarray(weight), keep)
        if upstream is not None:
            args.upstream = tensor(np.asarray(upstream), keep)
        if values is not None:
            args.values = tensor(values, keep)
            result["values"] = values
        for k, array in (auxiliary or {}).items():
            args.auxiliary[k] = tensor(array, keep)
        number = ffi.new("double *")
        if value and reduction != "none":
            args.value = number
        args.reduction, args.divisor, args.empty, args.curvature, args.flags = REDUCTIONS[reduction], divisor, empty, upper, flags
        args.unit_axes, args.hessian_kind = unit_axes, matrices
        args.threads, args.poll, args.executor = threads, poll, executor
        if total is not None:
            args.total = ffi.cast("libloss_total *", ffi.from_buffer(total))
        if parameters is not None:
            keep.append(ffi.new("double[]", list(parameters) or [0.0]))
            args.parameters = keep[-1]
        if learn:
            result["by"] = np.full(max(sum(len(self.numbers(k)) for k in range(self.info["parameters"])), 1), 77.0)
            args.parameter_gradient = ffi.cast("double *", ffi.from_buffer(result["by"]))
        check(lib.libloss_eval(self.handle, args))
        if args.value:
            result["value"] = number[0]
        return result

    def start_total(self) -> np.ndarray:
        total = np.zeros(192, np.uint64)
        check(lib.libloss_total_start(ffi.cast("libloss_total *", ffi.from_buffer(total)), 1536, self.handle, ffi.NULL))
        return total


def names(kind: str | None = None) -> list[str]:
    """Of all losses, or of those of one kind: pointwise, rows (of classes), units. Metrics have tests of their own."""
    from rows import ROW_ORACLES
    from units import UNITS

    if kind:
        of = {name: "rows" if name in ROW_ORACLES else "units" if name in UNITS else "pointwise" for name in names()}
        return [name for name in of if of[name] == kind]
    out = []
    for i in range(lib.libloss_count()):
        name = ffi.string(lib.libloss_name(i)).decode()
        info = ffi.new("libloss_info *", {"struct_size": ffi.sizeof("libloss_info")})
        check(lib.libloss_describe(Loss(name).handle, info))
        if not info.is_metric:
            out.append(name)
    return out


def config() -> dict[str, str]:
    """What the library says of itself."""
    buffer = ffi.new("char[512]")
    lib.libloss_config(buffer, 512)
    names = ("version", "instruction set", "threads", "compiler")
    return {name: line.removeprefix(name + " ") for line in ffi.string(buffer).decode().splitlines() for name in names if line.startswith(name)}
