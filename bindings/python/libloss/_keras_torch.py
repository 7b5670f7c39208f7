"""The losses as Keras's torch backend computes them: value and gradients from one pass in C, on NumPy's views of the tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ._extras import tool
from ._loss import Loss

torch = tool("torch", "keras")


class _Evaluate(torch.autograd.Function):  # type: ignore[misc, name-defined]
    @staticmethod
    def forward(ctx: Any, base: Loss, options: dict[str, Any], weight: Any, *inputs: Any) -> Any:
        plain = [x.detach() for x in inputs]
        wrt = tuple(i.name for i, needed in zip(base.info.inputs, ctx.needs_input_grad[3:], strict=False) if needed)
        call = {**options, "weight": None if weight is None else weight.detach()}
        dtype = torch.float64 if any(x.dtype == torch.float64 for x in plain) else torch.float32
        ctx.base, ctx.call, ctx.wrt = base, call, wrt
        if wrt and options["reduction"] != "none":
            value, ctx.grads = base.value_and_grad(*plain, wrt=wrt, **call)
        else:
            value = base(*plain, **call)
            ctx.save_for_backward(*plain)
        return torch.as_tensor(np.asarray(value), dtype=dtype)

    @staticmethod
    @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, upstream: Any) -> Any:
        if ctx.call["reduction"] == "none":
            grads = [torch.as_tensor(g) for g in ctx.base.grad(*ctx.saved_tensors, wrt=ctx.wrt, upstream=upstream, **ctx.call)]
        else:
            grads = [upstream * torch.as_tensor(g) for g in ctx.grads]
        by_name = dict(zip(ctx.wrt, grads, strict=True))
        return None, None, None, *(by_name.get(i.name) for i in ctx.base.info.inputs[: len(ctx.needs_input_grad) - 3])


def loss(base: Loss, **options: Any) -> Callable[..., Any]:
    """What ``libloss.jax.loss`` is for JAX: a function of tensors, which autograd differentiates once."""

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def function(*inputs: Any, weight: Any = None) -> Any:
        return _Evaluate.apply(base, options, weight, *inputs)

    differentiable: Callable[..., Any] = function
    return differentiable
