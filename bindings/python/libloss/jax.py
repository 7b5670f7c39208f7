"""Losses for JAX: ``libloss.jax.loss("huber", delta=2)`` is a function for jit, grad, vmap, jvp, hessian and scan.

    loss = libloss.jax.loss("cross_entropy")
    value, gradient = jax.value_and_grad(loss)(logits, labels)

Order and names of arguments are libloss's: inputs by position, weights and learnable parameters by name. XLA calls the C library itself on the CPU;
where that can't be had (``backend`` says), through ``jax.pure_callback``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Literal

from . import _jax_ffi
from ._arrays import _refuse
from ._call import EMPTY, choose
from ._core import REDUCTIONS
from ._errors import ArgumentError, Error, NotDifferentiableError, ShapeError
from ._extras import tool
from ._jax_call import DTYPES, PARAMETER, WEIGHT, Call, is_real, learnable, request, wide
from ._libloss import lib
from ._loss import Loss
from ._threads import current
from ._types import Spec

jax = tool("jax")
jnp = jax.numpy

Backend = Literal["ffi", "callback"]


# An operation gives the value, gradients by the operands `wrt`, and a Hessian, in one pass. The tangent of each is the next one times a tangent.


def _operation(call: Call, wrt: tuple[int, ...] = (), hess: bool = False) -> Any:
    operation = jax.custom_jvp(lambda *operands: request(call, wrt, hess, operands)(*operands))
    operation.defjvp(functools.partial(_third if hess else _second if wrt else _first, call, wrt), symbolic_zeros=True)
    return operation


def _moved(tangents: Sequence[Any]) -> tuple[int, ...]:
    """The operands by which is differentiated."""
    return tuple(k for k, t in enumerate(tangents) if not isinstance(t, jax.custom_derivatives.SymbolicZero))


def _along(value: Any, grad: Any, tangent: Any) -> Any:
    """The tangent of a value; or of values, each of which has its own part of the gradient."""
    product = grad.astype(value.dtype) * tangent.astype(value.dtype)
    return jnp.sum(product, axis=tuple(range(value.ndim, product.ndim)))


def _first(call: Call, wrt: tuple[int, ...], primals: Any, tangents: Any) -> Any:
    moved, inputs = _moved(tangents), call.loss.info.inputs
    for k in moved:
        if call.roles[k] == WEIGHT or (call.roles[k] < WEIGHT and not inputs[call.roles[k]].differentiable):
            raise NotDifferentiableError(f"{call.loss.name}: there is no derivative with respect to {call.name(k)}: jax.lax.stop_gradient({call.name(k)})")
    each = tuple(k for k in moved if call.reduction == "none" and call.roles[k] >= PARAMETER)
    wrt = tuple(k for k in moved if k not in each)
    value, *grads = _operation(call, wrt)(*primals)
    if call.reduction == "none" and not _apart(call, value, primals):
        raise NotDifferentiableError(f"{call.loss.name}: with reduction='none' a value depends on more than its own row; differentiate a reduced one")
    if each:
        grads += _by_parameters(call, each, value.shape, primals)
    terms = (_along(value, grad, tangents[k]) for k, grad in zip((*wrt, *each), grads, strict=True))
    return (value,), (functools.reduce(jnp.add, terms),)


def _apart(call: Call, values: Any, operands: Sequence[Any]) -> bool:
    """Whether each value has a part of the first input for itself, so that the gradient of their sum holds that of each."""
    if call.separate:
        return True
    rows_meet = any(term.info.per_row and term.info.family == "batchwise" for _, term in call.loss.terms)
    return not rows_meet and "groups" not in map(call.name, range(len(operands))) and operands[0].shape[: values.ndim] == values.shape


def _by_parameters(call: Call, wrt: tuple[int, ...], shape: tuple[int, ...], operands: Sequence[Any]) -> list[Any]:
    """The gradients of each value by parameters. C gives their sum, so that each value is a call."""
    flat, axes = [], []
    for role, x in zip(call.roles, operands, strict=True):
        shared = role >= PARAMETER or (role < WEIGHT and call.loss.info.inputs[role].per == "class")
        if role == WEIGHT:
            x = jnp.broadcast_to(x.reshape(x.shape + (1,) * (len(shape) - x.ndim)), shape)
        flat.append(x if shared else x.reshape(-1, *x.shape[len(shape) :]))
        axes.append(None if shared else 0)
    _, *grads = jax.vmap(_operation(call._replace(reduction="sum"), wrt), in_axes=tuple(axes))(*flat)
    return [grad.reshape(shape + grad.shape[1:]) for grad in grads]


def _second(call: Call, wrt: tuple[int, ...], primals: Any, tangents: Any) -> Any:
    moved = _moved(tangents)
    if moved != wrt or len(wrt) > 1 or call.roles[wrt[0]] >= PARAMETER:
        first, second = (" and ".join(map(call.name, each)) for each in (wrt, moved))
        raise NotDifferentiableError(f"{call.loss.name}: there is no second derivative by {first}, then by {second}: only twice by one input")
    if not call.separate:
        raise NotDifferentiableError(f"{call.loss.name}: there is no second derivative, for a value depends on more than its own row")
    try:
        value, grad, hess = _operation(call, wrt, True)(*primals)
    except Error as problem:
        if problem.status != lib.LIBLOSS_ERR_UNSUPPORTED:
            raise
        raise NotDifferentiableError(f"{call.loss.name}: there is no second derivative, for the matrix of a row is not known") from None
    tangent = tangents[wrt[0]].astype(grad.dtype)
    turned = hess * tangent if hess.ndim == grad.ndim else jnp.einsum("...ij,...j->...i", hess, tangent, precision="highest")
    return (value, grad), (_along(value, grad, tangent), turned)


def _third(call: Call, wrt: tuple[int, ...], primals: Any, tangents: Any) -> Any:
    raise NotDifferentiableError(f"{call.loss.name}: there is no third derivative")


@functools.partial(jax.jit, static_argnums=0, inline=True)
def _apply(call: Call, *operands: Any) -> Any:
    return _operation(call)(*operands)[0]


def backend() -> Backend:
    """How JAX reaches libloss here: "ffi", from XLA to C directly; or "callback", through Python, which costs some 0.1 ms a call.

    The first needs a C compiler (once: what it makes is kept in the user's cache directory) and a JAX whose default device is the CPU.
    """
    return "callback" if _jax_ffi.failure() or jax.default_backend() != "cpu" else "ffi"


def _chosen(loss: Loss, wish: Backend | None) -> Backend:
    of_ones_own = any(term._origin is not None for _, term in loss.terms)
    if wish == "ffi" and of_ones_own:
        raise ArgumentError(f"backend = 'ffi': {loss.name} is a loss of one's own, which lives in Python: backend='callback'")
    if wish == "ffi" and _jax_ffi.failure():
        raise ArgumentError(f"backend = 'ffi' can't be had: {_jax_ffi.failure()}")
    if wish not in (None, "ffi", "callback"):
        raise ArgumentError(f"backend = {wish!r} is none of ffi, callback")
    return wish or ("callback" if of_ones_own else backend())


def _array(x: Any, name: str) -> Any:
    x = x if isinstance(x, jax.Array) else jnp.asarray(x)
    if x.dtype.name not in DTYPES:
        raise _refuse(name, x.dtype)
    return x


def loss(spec: Spec, /, *, reduction: str = "mean", empty: str = "nan", axis: int = -1, unit_axes: int = 0, backend: Backend | None = None,
         **parameters: Any) -> Callable[..., Any]:
    """A function ``f(prediction, target, ...)`` that JAX differentiates, maps, scans and compiles.

    Args:
        spec: as in ``libloss.Loss``, with its ``parameters``.
        reduction: "mean" (over the values present), "sum", "none", "weighted_mean", "size_mean", "batch_mean".
        empty: "nan" or "zero", the mean of nothing.
        axis: where the classes are, of losses of rows.
        unit_axes: how many last axes make one value together, of losses of a batch.
        backend: "ffi" or "callback"; None: what ``libloss.jax.backend()`` says, and the callback for losses of one's own.

    The function takes the loss's inputs by position or name, then by name ``weight``, optional inputs such as ``class_weight``, and any learnable
    parameter, which is differentiable there. Inputs of float16, bfloat16, float32 and, under ``jax_enable_x64``, float64, in any mixture; class indices
    of any integer dtype. It returns float32, or float64 where a real input is float64, rounded once from the exact sum; gradients have their
    input's dtype. Second derivatives are those by one input, twice. ``jax.shard_map`` takes it with ``check_vma=False``.

    Raises (when traced):
        ShapeError, DTypeError, ArgumentError: as libloss does.
        NotDifferentiableError: a derivative that libloss does not have.
    Raises (when run):
        jax.errors.JaxRuntimeError, or ValueError as JAX chooses: labels, weights, parameters out of range, in libloss's words.
    """
    base = Loss(spec, **parameters)
    info = base.info
    for table, word, what in ((REDUCTIONS, reduction, "reduction"), (EMPTY, empty, "empty")):
        choose(table, word, what)
    if axis != -1 and not info.per_row:
        raise ArgumentError(f"axis = {axis}: {base.name} has no rows")
    chosen, learned = _chosen(base, backend), {p.name: p for p in learnable(base)}

    def function(*inputs: Any, weight: Any = None, **named: Any) -> Any:
        stepped = {name: named.pop(name) for name in learned if name in named}
        operands = {k: _array(x, info.inputs[k].name) for k, x in enumerate(base._bind(inputs, named)) if x is not None}
        first = operands[0]
        if axis != -1:
            if not -first.ndim <= axis < first.ndim:
                raise ShapeError(f"axis = {axis} is not in [{-first.ndim}, {first.ndim})")
            operands = {k: jnp.moveaxis(x, axis, -1) if x.ndim == first.ndim and info.inputs[k].per != "class" else x for k, x in operands.items()}
        shape = max((x.shape for k, x in operands.items() if info.inputs[k].per == "input"), key=len, default=())
        for k, x in operands.items():
            if info.inputs[k].per == "input":
                if x.weak_type and is_real(x.dtype) and is_real(first.dtype):  # a number of Python's has the first one's dtype
                    x = x.astype(first.dtype)
                operands[k] = x if x.ndim else jnp.broadcast_to(x, shape)
        if weight is not None:
            operands[WEIGHT] = _array(weight, "weight")
        for name, value in stepped.items():
            x, p = _array(value, name), learned[name]
            if x.shape != (() if p.size == 1 else (p.size,)):
                raise ShapeError(f"{name} has shape {x.shape}; it needs {() if p.size == 1 else (p.size,)}")
            operands[PARAMETER + p.first] = x.astype(wide(x.dtype))
        return _apply(Call(base, reduction, empty, unit_axes, chosen, current(), tuple(operands)), *operands.values())

    function.__name__ = function.__qualname__ = base.name
    function.__doc__ = f"{info.title}, for JAX: {base!r}, reduction={reduction!r}."
    return function


__all__ = ["Backend", "backend", "loss"]
