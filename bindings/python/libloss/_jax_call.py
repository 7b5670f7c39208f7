"""A call of libloss as XLA makes it: operands and results by their roles, in C order, planned when it is traced and run in one of two ways."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from . import _jax_ffi
from ._call import CODES, EMPTY
from ._core import REDUCTIONS, check, numbers
from ._extras import tool
from ._libloss import ffi, lib
from ._loss import Loss

jax = tool("jax")

WEIGHT, PARAMETER = 8, 16  # roles of operands, as _jax_ffi.c numbers them; below WEIGHT the inputs
VALUE, GRADIENT, HESSIAN, PARAMETER_GRADIENT = 0, 8, 16, 32  # roles of results
ALL_AXES = -1  # a rank: the axes of vmap belong to the call too
DTYPES = frozenset(("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "bfloat16", "float32", "float64"))


class Learnable(NamedTuple):
    """A learnable parameter: where its numbers are among all of them."""

    name: str
    first: int
    size: int


def learnable(loss: Loss) -> list[Learnable]:
    """Those of a loss."""
    found, first = [], 0
    for i, p in enumerate(loss.info.parameters):
        size = len(numbers(loss._handle, i))
        if p.learnable:
            found.append(Learnable(p.name, first, size))
        first += size
    return found


def is_real(dtype: Any) -> bool:
    """Whether it is floating-point, bfloat16 included."""
    return bool(jax.numpy.issubdtype(dtype, jax.numpy.floating))


def wide(dtype: Any) -> Any:
    """The dtype of a gradient by what has this one: loss scaling multiplies it before it is rounded to 16 bits."""
    return np.dtype(np.float64 if dtype == np.float64 else np.float32)


class Call(NamedTuple):
    """All of a call that is known when it is traced, but shapes. ``roles`` are those of the operands."""

    loss: Loss
    reduction: str
    empty: str
    unit_axes: int
    backend: str
    threads: int
    roles: tuple[int, ...]

    def name(self, k: int) -> str:
        """Of operand k."""
        role = self.roles[k]
        if role < WEIGHT:
            return self.loss.info.inputs[role].name
        return "weight" if role == WEIGHT else next(p.name for p in learnable(self.loss) if p.first == role - PARAMETER)

    @property
    def separate(self) -> bool:
        """Whether every value is of one element, or one row, alone."""
        return all(not term.info.per_unit and term.info.family != "batchwise" for _, term in self.loss.terms)

    @property
    def parameters(self) -> list[float]:
        """All numbers of the object, where an operand replaces some of them; else none."""
        if not any(role >= PARAMETER for role in self.roles):
            return []
        return [x for i in range(len(self.loss.info.parameters)) for x in numbers(self.loss._handle, i)]


class Request(NamedTuple):
    """A call and what is to come of it."""

    call: Call
    roles: tuple[int, ...]  # of the results
    shapes: tuple[Any, ...]  # with dtypes
    ranks: tuple[int, ...]  # of operands and results, without the axes that vmap adds
    whole: bool  # whether those may belong to the call, because no value needs to know of another: so vmap makes no loop
    matrices: bool  # whether the Hessian is one per row

    def __call__(self, *operands: Any) -> Any:
        if self.call.backend == "callback":
            return jax.pure_callback(self._host, self.shapes, *operands, vmap_method="broadcast_all")
        call = self.call
        options = (REDUCTIONS[call.reduction], EMPTY[call.empty], call.unit_axes, int(self.matrices), call.threads)
        run = jax.ffi.ffi_call(_jax_ffi.TARGET, self.shapes, vmap_method="broadcast_all")
        return run(*operands, spec=call.loss.spec, parameters=np.array(call.parameters, np.float64), options=np.array(options, np.int64),
                   roles=np.array((*call.roles, *self.roles), np.int64),
                   ranks=np.array([ALL_AXES] * len(self.ranks) if self.whole else self.ranks, np.int64))

    def _host(self, *operands: Any) -> tuple[Any, ...]:
        """What the handler in C does."""
        call = self.call
        given = [np.ascontiguousarray(x).reshape(x.shape) for x in operands]
        batch = given[0].shape[: given[0].ndim - self.ranks[0]]
        out = tuple(np.empty(batch + x.shape, x.dtype) for x in self.shapes)
        for b in [()] if self.whole else np.ndindex(batch):
            each = [x[(*b, ...)] for x in (*given, *out)]
            parameters = call.parameters
            for role, x in zip(call.roles, each, strict=False):
                if role >= PARAMETER:
                    parameters[role - PARAMETER : role - PARAMETER + x.size] = x.ravel().tolist()
            tensors = [_tensor(x.ctypes.data, x.shape, x.dtype) for x in each]
            args, keep = _arguments(self, tensors, parameters)
            check(lib.libloss_eval(call.loss._handle, args))
            for role, x in zip(self.roles, each[len(given) :], strict=True):
                if role == VALUE and call.reduction != "none":
                    x[...] = args.value[0]
                elif role >= PARAMETER_GRADIENT:
                    first = role - PARAMETER_GRADIENT
                    x[...] = np.reshape([args.parameter_gradient[i] for i in range(first, first + x.size)], x.shape)
            del keep
        return out


def _tensor(address: int, shape: tuple[int, ...], dtype: Any) -> tuple[Any, Any]:
    """A tensor in C order, and its shape, which must live as long."""
    dims = ffi.new("int64_t[]", shape or (0,))
    code = 4 if dtype.name == "bfloat16" else CODES[dtype.kind]
    return ffi.new("libloss_tensor *", {"data": ffi.cast("void *", address), "device_type": 1, "ndim": len(shape), "dtype_code": code,
                                        "dtype_bits": 8 * dtype.itemsize, "dtype_lanes": 1, "shape": dims}), dims


def _arguments(request: Request, tensors: Sequence[tuple[Any, Any]], parameters: Sequence[float]) -> tuple[Any, Any]:
    """``libloss_args`` of operands and results, and the numbers in it, which must live as long."""
    call = request.call
    args = ffi.new("libloss_args *", {"struct_size": ffi.sizeof("libloss_args"), "reduction": REDUCTIONS[call.reduction], "empty": EMPTY[call.empty],
                                      "unit_axes": call.unit_axes, "hessian_kind": int(request.matrices), "threads": call.threads,
                                      "flags": lib.LIBLOSS_DISCARD_ON_ERROR})
    keep = ffi.new("double *"), ffi.new("double[]", parameters), ffi.new("double[]", max(len(parameters), 1))
    if parameters:
        args.parameters = keep[1]
    given = len(call.roles)
    for role, (tensor, _) in zip(call.roles, tensors[:given], strict=True):
        if role < WEIGHT:
            args.input[role] = tensor
        elif role == WEIGHT:
            args.weight = tensor
    for role, (tensor, _) in zip(request.roles, tensors[given:], strict=True):
        if role >= PARAMETER_GRADIENT:
            args.parameter_gradient = keep[2]
        elif role >= HESSIAN:
            args.hessian[role - HESSIAN] = tensor
        elif role >= GRADIENT:
            args.gradient[role - GRADIENT] = tensor
        elif call.reduction == "none":
            args.values = tensor
        else:
            args.value = keep[0]
    return args, keep


def _planned(request: Request, operands: Sequence[Any]) -> tuple[int, ...]:
    """The shape of the values. Whatever is wrong with shapes, dtypes and options is raised here."""
    address, tensors = 1 << 40, []  # no data is read; no two tensors overlap
    for x in (*operands, *request.shapes):
        tensors.append(_tensor(address, x.shape, np.dtype(x.dtype)))
        address += math.prod(x.shape) * x.dtype.itemsize + 64 & ~63
    args, keep = _arguments(request, tensors, request.call.parameters)
    args.values = ffi.NULL  # its shape is what is asked for
    plan = ffi.new("libloss_plan *", {"struct_size": ffi.sizeof("libloss_plan")})
    check(lib.libloss_prepare(request.call.loss._handle, args, plan))
    del keep
    if plan.values_ndim <= len(plan.values_shape):
        return tuple(plan.values_shape[k] for k in range(plan.values_ndim))
    return tuple(operands[0].shape[: plan.values_ndim])


def request(call: Call, wrt: tuple[int, ...], hess: bool, operands: Sequence[Any]) -> Request:
    """The value, its gradients by the operands ``wrt``, and the Hessian by the only one of them."""
    info, first = call.loss.info, operands[0].ndim
    inputs = [(info.inputs[role], x) for role, x in zip(call.roles, operands, strict=True) if role < WEIGHT]
    real = [x.dtype for _, x in inputs if is_real(x.dtype)]
    dtype = np.float64 if not real or np.float64 in real else np.float32
    roles, shapes = [VALUE], [jax.ShapeDtypeStruct((), jax.dtypes.canonicalize_dtype(dtype))]
    for k in wrt:
        role = call.roles[k]
        roles.append(GRADIENT + role if role < WEIGHT else PARAMETER_GRADIENT + role - PARAMETER)
        shapes.append(jax.ShapeDtypeStruct(operands[k].shape, wide(operands[k].dtype)))
    if hess:
        roles.append(HESSIAN + call.roles[wrt[0]])
        shape = operands[wrt[0]].shape
        shapes.append(jax.ShapeDtypeStruct((*shape, *shape[-1:]) if info.per_row else shape, shapes[1].dtype))
    alike = all(x.ndim == first or (i.per == "value" and x.ndim == first - 1) for i, x in inputs)
    whole = call.reduction == "none" and call.separate and alike and not call.parameters
    made = Request(call, tuple(roles), tuple(shapes), (), whole, hess and info.per_row)
    values = _planned(made, operands)
    if call.reduction == "none":
        shapes[0] = jax.ShapeDtypeStruct(values, shapes[0].dtype)
    return made._replace(shapes=tuple(shapes), ranks=(*(x.ndim for x in operands), *(len(x.shape) for x in shapes)))
