"""Every loss as a module of PyTorch: autograd, ``torch.func`` and ``torch.compile`` work with it.

    criterion = libloss.torch.Loss("huber", delta=2.0)
    criterion(model(x), y).backward()

Value and gradient come from one pass of the C library over the tensors' own memory, on the CPU.
"""

from __future__ import annotations

import itertools
import math
import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _loss
from ._arrays import plain
from ._call import EMPTY, ROLES, choose, positive
from ._core import FLAT, NO_VALUE, REDUCTIONS, ParameterInfo, check, numbers
from ._errors import ArgumentError, DTypeError, NotDifferentiableError, ShapeError
from ._extras import tool
from ._libloss import exchange, ffi, lib
from ._libloss import tensors as plain_tensors
from ._threads import wished

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = tool("torch")
    Tensor = torch.Tensor

# Asked in every step, and so by short names.
transforms_active: Callable[[], bool] = torch._C._are_functorch_transforms_active  # what Function.apply itself asks
modes: Callable[[], int] = torch._C._len_torch_dispatch_stack  # how many watch, record or fake what is computed
grad_enabled, traced_by_dynamo = torch.is_grad_enabled, torch.compiler.is_dynamo_compiling

SEES_TENSORS = hasattr(Tensor, "__dlpack_c_exchange_api__")  # whether C can look at tensors itself; an older PyTorch goes the long way
if SEES_TENSORS:
    exchange(Tensor.__dlpack_c_exchange_api__, Tensor, torch.empty_like, *(torch.empty((), dtype=x, device="cpu") for x in (torch.float32, torch.float64)))

_own: dict[str, _loss.Loss] = {}  # losses that no spec makes again, for as long as their modules live
_serial = itertools.count()


def _key(module: Loss, loss: _loss.Loss) -> str:
    """A text by which an operator finds a module's loss: of a built-in one its spec, so that it holds in any process."""
    if all(term._origin is None for _, term in loss.terms):
        return loss.spec
    key = f"{loss.spec} #{next(_serial)}"
    _own[key] = loss
    weakref.finalize(module, _forget, key).atexit = False
    return key


def _forget(key: str) -> None:
    del _own[key]
    _call.cache_clear()  # whose calls hold it


def _extent(loss: _loss.Loss) -> str:
    """What a value depends on: "value" (one number of each input), "row" (one row of each) or "batch" (anything)."""
    if loss.name == "sum":
        extents = {_extent(term) for _, term in loss.terms}
        return extents.pop() if len(extents) == 1 else "batch"
    if loss.info.per_unit or loss.info.family == "batchwise":
        return "batch"
    return "row" if loss.info.per_row else "value"


class Call:
    """What is asked of a loss, beside its tensors.

    Args:
        key: which loss.
        names: of the tensors: inputs, then "weight", "divisor", "upstream" and parameters, as far as they are given.
        wrt: those of them that the value is differentiated by.
        reduction, empty, axis, unit_axes: as everywhere.
    """

    def __init__(self, key: str, names: tuple[str, ...], wrt: tuple[str, ...], reduction: str, empty: str, axis: int, unit_axes: int) -> None:
        self.loss = loss = _own.get(key) or _loss.Loss(key)
        self.fields = key, " ".join(names), " ".join(wrt), reduction, empty, axis, unit_axes
        self.key, self.names, self.wrt, self.reduction, self.axis, self.unit_axes = key, names, wrt, reduction, axis, unit_axes
        self.address = loss._address
        self.code, self.empty = choose(REDUCTIONS, reduction, "reduction"), choose(EMPTY, empty, "empty")
        self.at = tuple(names.index(name) for name in wrt)
        self.numbers = {i.name: k for k, i in enumerate(loss.info.inputs)}  # C's, of the inputs
        self.inputs = [k for k, name in enumerate(names) if name in self.numbers]
        self.of_classes = {i.name for i in loss.info.inputs if i.per == "class"}
        held = [numbers(loss._handle, k) for k in range(len(loss.info.parameters))]
        self.parameters = [number for each in held for number in each]
        places = {p.name: sum(map(len, held[:k])) for k, p in enumerate(loss.info.parameters)}
        self.learned = {name: places[name] for name in names if name in places}
        self.extent = _extent(loss)
        # A gradient is computed with the value, unless what it will be multiplied by has to be known first.
        self.fused = bool(wrt) and (reduction != "none" or (self.extent != "batch" and not self.learned))
        needed = tuple(i.name for i in loss.info.inputs if not i.optional)
        self.plain = (len(needed) == 2 and names == needed and wrt in ((), needed[:1]) and reduction != "none" and empty == "nan" and axis == -1
                      and unit_axes == 0 and (loss._form == FLAT if self.extent == "value" else loss.info.inputs[1].kind == "class"))
        self.by_row = self.extent == "row"
        self.single = len(wrt) == 1 and self.fused and reduction != "none"

    def by(self, name: str) -> Call:
        """The same, differentiated by one tensor."""
        return _call(self.key, self.names, (name,), *self.fields[3:])

    def pulled(self) -> Call:
        """The same with an upstream gradient as the last tensor."""
        return _call(self.key, (*self.names, "upstream"), self.wrt, *self.fields[3:])

    def run(self, tensors: Sequence[Tensor], outputs: Sequence[tuple[Tensor, str, int]], *, value: bool = False, slopes: bool = False,
            matrices: bool = False) -> tuple[float, Any]:
        """One evaluation into outputs, each with its role and number: the reduced value, and the gradient by all parameters, if wanted."""
        args = ffi.new("libloss_args *")
        args.struct_size, args.threads, args.unit_axes = ffi.sizeof("libloss_args"), wished(None), self.unit_axes
        args.reduction, args.empty = self.code, self.empty
        args.flags = lib.LIBLOSS_DISCARD_ON_ERROR | (0 if value else NO_VALUE)
        args.hessian_kind = lib.LIBLOSS_ROW_MATRIX if matrices else lib.LIBLOSS_DIAGONAL
        slots: list[tuple[Any, int, int, bool]] = []
        parameters = list(self.parameters)
        for name, x in zip(self.names, tensors, strict=True):
            if name == "divisor":
                args.divisor = positive(x.item())
            elif name in self.learned:
                parameters[self.learned[name]] = x.item()
            else:
                array, half = _array(x, name)
                number = self.numbers.get(name)
                if number is not None and self.axis != -1 and name not in self.of_classes and array.ndim == tensors[0].dim():
                    self.loss._check_axis(self.axis, array)
                    array = np.moveaxis(array, self.axis, -1)
                slots.append((array, ROLES["input" if number is not None else name], number or 0, half))
        for x, role, number in outputs:
            array = x.numpy()
            moved = self.axis != -1 and role in ("grad", "hess") and not matrices
            slots.append((np.moveaxis(array, self.axis, -1) if moved else array, ROLES[role], number, False))
        stepped, by_parameters = (ffi.new("double[]", parameters) if wanted else ffi.NULL
                                  for wanted in (self.learned, slopes and any(name in self.learned for name in self.wrt)))
        args.parameters, args.parameter_gradient = stepped, by_parameters
        c_slots = ffi.new("libloss_py_slot[]", [(id(array), *rest) for array, *rest in slots])
        answer = lib.libloss_py_eval(self.loss._handle, args, c_slots, len(slots), ffi.NULL)
        if answer.status == -1:
            for name, x in zip(self.names, tensors, strict=True):
                plain(x.detach(), name)  # says what is wrong
        check(answer.status)
        return answer.value, by_parameters

    def spread(self, upstream: Tensor) -> Tensor:
        """One number per value, in a shape that multiplies a gradient."""
        return upstream.unsqueeze(self.axis) if self.extent == "row" and self.reduction == "none" else upstream

    def turn(self, curvature: Tensor, direction: Tensor) -> Tensor:
        """The Hessian times a direction."""
        if self.extent == "value":
            return curvature * direction
        return (curvature @ direction.movedim(self.axis, -1)[..., None])[..., 0].movedim(-1, self.axis)


@lru_cache(maxsize=256)
def _call(key: str, names: tuple[str, ...], wrt: tuple[str, ...], reduction: str, empty: str, axis: int, unit_axes: int) -> Call:
    return Call(key, names, wrt, reduction, empty, axis, unit_axes)


# ---- what an answer looks like: of real tensors to write into, of fake ones for torch.compile ----


def _arithmetic(call: Call, tensors: Sequence[Tensor]) -> torch.dtype:
    """The type that libloss computes in, which the value has."""
    floats = [tensors[k].dtype for k in call.inputs if tensors[k].dtype.is_floating_point]
    return torch.float64 if torch.float64 in floats or not floats else torch.float32


def _value_like(call: Call, tensors: Sequence[Tensor]) -> Tensor:
    shape: Any = ()
    if call.reduction == "none":
        shaped = next((tensors[k] for k in call.inputs if tensors[k].dim()), tensors[0])
        info = call.loss.info
        shape = _unit_shape(call, tensors) if info.per_unit else shaped.movedim(call.axis, -1).shape[:-1] if info.per_row else shaped.shape
    return tensors[0].new_empty(shape, dtype=_arithmetic(call, tensors))


def _unit_shape(call: Call, tensors: Sequence[Tensor]) -> tuple[int, ...]:
    args = ffi.new("libloss_args *")
    args.struct_size, args.reduction, args.unit_axes = ffi.sizeof("libloss_args"), REDUCTIONS["none"], call.unit_axes
    blank = [np.zeros([int(n) for n in tensors[k].shape], np.float32 if tensors[k].dtype.is_floating_point else np.int64) for k in call.inputs]
    return call.loss._unit_shape(args, [(x, ROLES["input"], call.numbers[call.names[k]], False) for x, k in zip(blank, call.inputs, strict=True)])


def _gradients_like(call: Call, tensors: Sequence[Tensor]) -> list[Tensor]:
    """Half types get theirs in float32: a factor comes before the rounding, and may be a scale without which they would be 0."""
    return [torch.empty_like(x, dtype=x.dtype if name in call.learned or x.dtype == torch.float64 else torch.float32)
            for name, x in zip(call.wrt, (tensors[k] for k in call.at), strict=True)]


def _curvature_like(call: Call, tensors: Sequence[Tensor]) -> Tensor:
    gradient = _gradients_like(call, tensors)[0]
    if call.extent == "value":
        return gradient
    shape = gradient.movedim(call.axis, -1).shape
    return gradient.new_empty((*shape, shape[-1]))


# ---- what is computed: each a function of a call and its tensors ----


def evaluate(call: Call, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """The value, then its gradients if they are fused with it."""
    if call.plain and (answer := plain_tensors(call.address, call.code, call.by_row, call.fused, *tensors)) is not None:
        return answer
    value, gradients = _value_like(call, tensors), _gradients_like(call, tensors) if call.fused else []
    values = [(value, "values", 0)] if call.reduction == "none" else []
    number, slopes = call.run(tensors, [*values, *_by_inputs(call, gradients)], value=not values, slopes=call.fused)
    return value if values else value.fill_(number), *_with_slopes(call, gradients, slopes)


def _by_inputs(call: Call, gradients: Sequence[Tensor]) -> list[tuple[Tensor, str, int]]:
    """The outputs that C writes."""
    return [(g, "grad", call.numbers[name]) for name, g in zip(call.wrt, gradients, strict=False) if name not in call.learned]


def _with_slopes(call: Call, gradients: Sequence[Tensor], slopes: Any) -> tuple[Tensor, ...]:
    """All gradients, those by parameters filled in."""
    return tuple(g.fill_(slopes[call.learned[name]]) if name in call.learned else g for name, g in zip(call.wrt, gradients, strict=False))


def _array(x: Tensor, name: str) -> tuple[Any, bool]:
    """The memory of a tensor as an array, and whether that is bfloat16."""
    x = x.detach()
    try:
        return x.numpy(), False
    except (RuntimeError, TypeError):  # bfloat16, or an error that names it
        p = plain(x, name)
        return p.array, p.bfloat16


def pull_back(call: Call, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """The gradients of sum(upstream*values)."""
    gradients = _gradients_like(call, tensors)
    _, slopes = call.run(tensors, _by_inputs(call, gradients), slopes=True)
    return _with_slopes(call, gradients, slopes)


def curvature(call: Call, tensors: Sequence[Tensor]) -> tuple[Tensor]:
    """All second derivatives by one input: the diagonal where values have one number of it each, else a matrix per row."""
    out = _curvature_like(call, tensors)
    call.run(tensors, [(out, "hess", call.numbers[call.wrt[0]])], matrices=call.extent == "row")
    return (out,)


# ---- how it is differentiated, which is the same for all ways ----


def _differentiate(derive: Any, call: Call, saved: Sequence[Tensor], needed: Sequence[bool], upstream: Tensor | None,
                   along: Sequence[Tensor | None]) -> list[Tensor | None]:
    """The gradients by the tensors that are needed, given those by the value and by each of the gradients that came with it.

    ``saved`` is the tensors and these gradients; ``derive(compute, call, tensors)`` is how a derivative is computed that has none itself."""
    tensors, gradients = saved[: len(call.names)], saved[len(call.names) :]
    result: list[Tensor | None] = [None] * len(tensors)
    if upstream is not None:
        slopes = [call.spread(upstream) * g for g in gradients] if call.fused else derive(pull_back, call.pulled(), (*tensors, upstream))
        for k, slope in zip(call.at, slopes, strict=True):
            result[k] = slope.to(tensors[k].dtype)
    for k, direction in zip(call.at, along, strict=False):
        if direction is None:
            continue
        if call.extent == "batch":
            raise NotDifferentiableError(f"{call.loss.name}: no second derivative, for its Hessian would be a matrix of the whole batch")
        several = [name for name, wanted in zip(call.names, needed, strict=True) if wanted]
        if several != [call.names[k]] or call.names[k] in call.learned:
            raise NotDifferentiableError(f"{call.loss.name}: no second derivative by several things at once, or by parameters ({', '.join(several)});"
                                         " detach all inputs but one")
        turned = call.turn(derive(curvature, call.by(call.names[k]), tensors)[0], direction).to(tensors[k].dtype)
        slope = result[k]
        result[k] = turned if slope is None else slope + turned
    return result


def _no_more(call: Call) -> NotDifferentiableError:
    if call.fused:
        return NotDifferentiableError(f"{call.loss.name}: no third derivative")
    return NotDifferentiableError(f"{call.loss.name}: no second derivative of unreduced values that share inputs or learned parameters; reduce them")


def _each(apply: Any, count: int, in_dims: Sequence[int | None], tensors: Sequence[Tensor]) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
    """vmap, slice by slice: the mean of a slice has a divisor of its own."""
    answers = [apply(*(x if d is None else x.select(d, i) for x, d in zip(tensors, in_dims, strict=True))) for i in range(count)]
    return tuple(torch.stack(each) for each in zip(*answers, strict=True)), (0,) * len(answers[0])


class _Traced(torch.autograd.Function):
    """For ``torch.func``: the gradients are outputs too, with a rule of their own."""

    @staticmethod
    def forward(call: Call, *tensors: Tensor) -> Any:
        return evaluate(call, tensors)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.call = inputs[0]
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*inputs[1:], *output[1:])

    @staticmethod
    def backward(ctx: Any, upstream: Tensor | None, *along: Tensor | None) -> Any:
        return None, *_differentiate(_Last.of, ctx.call, ctx.saved_tensors, ctx.needs_input_grad[1:], upstream, along)

    @staticmethod
    def jvp(ctx: Any, *_: Any) -> Any:
        raise NotDifferentiableError("there is no forward mode: torch.func.vjp or jacrev, and for a Hessian jacrev(jacrev(f))")

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], call: Call, *tensors: Tensor) -> Any:
        return _each(lambda *slices: _Traced.apply(call, *slices), info.batch_size, in_dims[1:], tensors)  # type: ignore[no-untyped-call]


class _Eager(torch.autograd.Function):
    """For everyday use: without what ``torch.func`` needs, which takes as long as a small loss."""

    @staticmethod
    def forward(ctx: Any, call: Call, *tensors: Tensor) -> Tensor:
        value, *gradients = evaluate(call, tensors)
        ctx.call = call
        ctx.save_for_backward(*tensors, *gradients)
        return value

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Any:
        call, saved = ctx.call, ctx.saved_tensors
        if call.single and _is_all(upstream):
            result: list[Tensor | None] = [None] * len(call.names)
            (k,) = call.at
            result[k] = saved[-1].to(saved[k].dtype)
            return None, *result
        if call.fused and grad_enabled():  # of gradients that came with the value nobody knows how they came about
            tensors = saved[: len(call.names)]
            saved = (*tensors, *_Traced.apply(call, *tensors)[1:])  # type: ignore[no-untyped-call]
        return None, *_differentiate(_Last.of, call, saved, ctx.needs_input_grad[1:], upstream, ())


class _Pair(torch.autograd.Function):
    """For a plain prediction and target, which is nearly always: the shortest way there and back, for it is that of every step."""

    @staticmethod
    def forward(ctx: Any, call: Call, prediction: Tensor, target: Tensor) -> Tensor:
        answer = plain_tensors(call.address, call.code, call.by_row, True, prediction, target)
        if answer is None:
            raise _NotPlainError
        value: Tensor
        value, gradient = answer
        ctx.call = call
        ctx.save_for_backward(prediction, target, gradient)
        return value

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Any:
        return (None, ctx.saved_tensors[2], None) if _is_all(upstream) else _Eager.backward(ctx, upstream)


class _NotPlainError(Exception):
    """For ``Loss.forward``: these tensors take more than ``_Pair`` does."""


def _is_all(upstream: Tensor) -> bool:
    """Whether the gradients that came with a reduced value are the answer as they are."""
    try:
        return not grad_enabled() and not transforms_active() and upstream.item() == 1
    except RuntimeError:  # a batch of them, of is_grads_batched
        return False


_apply_pair: Callable[..., Tensor] = super(torch.autograd.Function, _Pair).apply  # what Function.apply leads to where no transform is active


class _Last(torch.autograd.Function):
    """A derivative that has none of its own."""

    @staticmethod
    def of(compute: Any, call: Call, tensors: Sequence[Tensor]) -> Any:
        return _Last.apply(compute, call, *tensors)  # type: ignore[no-untyped-call]

    @staticmethod
    def forward(compute: Any, call: Call, *tensors: Tensor) -> Any:
        return compute(call, tensors)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.call = inputs[1]

    @staticmethod
    def backward(ctx: Any, *_: Any) -> Any:
        raise _no_more(ctx.call)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], compute: Any, call: Call, *tensors: Tensor) -> Any:
        return _each(lambda *slices: _Last.of(compute, call, slices), info.batch_size, in_dims[2:], tensors)


# ---- the operators that torch.compile sees ----


def _of(key: str, names: str, wrt: str, *options: Any) -> Call:
    return _call(key, tuple(names.split()), tuple(wrt.split()), *options)


def _operator(compute: Callable[[Call, Sequence[Tensor]], Sequence[Tensor]], fake: Callable[[Call, Sequence[Tensor]], Sequence[Tensor]]) -> Any:
    op = torch.library.custom_op(
        f"libloss::{compute.__name__}", lambda tensors, *fields: list(compute(_of(*fields), tensors)), mutates_args=(),
        schema="(Tensor[] tensors, str loss, str names, str wrt, str reduction, str empty, int axis, int unit_axes) -> Tensor[]")
    op.register_fake(lambda tensors, *fields: list(fake(_of(*fields), tensors)))

    def vmap(info: Any, in_dims: Any, tensors: Sequence[Tensor], *fields: Any) -> Any:
        stacked, dims = _each(lambda *slices: op(list(slices), *fields), info.batch_size, in_dims[0], tensors)
        return list(stacked), list(dims)

    op.register_vmap(vmap)
    return op


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: Sequence[Tensor]) -> None:
    tensors, *fields = inputs
    _Traced.setup_context(ctx, (_of(*fields), *tensors), tuple(output))


def _backward(ctx: Any, cotangents: Sequence[Tensor | None]) -> Any:
    upstream, *along = cotangents
    return _differentiate(_operate, ctx.call, ctx.saved_tensors, ctx.needs_input_grad[0], upstream, along), *[None] * 7


def _operate(compute: Any, call: Call, tensors: Sequence[Tensor]) -> Any:
    return OPERATORS[compute](list(tensors), *call.fields)


def _end(ctx: Any, cotangents: Any) -> Any:
    raise _no_more(ctx.call)


OPERATORS: Mapping[Any, Any] = {
    evaluate: _operator(evaluate, lambda call, tensors: [_value_like(call, tensors), *(_gradients_like(call, tensors) if call.fused else [])]),
    pull_back: _operator(pull_back, _gradients_like),
    curvature: _operator(curvature, lambda call, tensors: [_curvature_like(call, tensors)]),
}
OPERATORS[evaluate].register_autograd(_backward, setup_context=_setup_context)
for _compute in (pull_back, curvature):
    OPERATORS[_compute].register_autograd(_end, setup_context=lambda ctx, inputs, output: setattr(ctx, "call", _of(*inputs[1:])))


# ---- the module ----


def _ends(p: ParameterInfo) -> tuple[float, float]:
    low, high = (float(end) for end in p.range.strip("[]()").split(", "))
    return low, high


def _constrain(p: ParameterInfo, raw: Tensor) -> Tensor:
    """From any real number to one inside the parameter's range."""
    low, high = _ends(p)
    if math.isfinite(low) and math.isfinite(high):
        return low + (high - low) * torch.sigmoid(raw)
    return low + torch.exp(raw) if math.isfinite(low) else raw.clone()


def _unconstrain(p: ParameterInfo, value: float) -> float:
    low, high = _ends(p)
    if not low < value < high:
        raise ArgumentError(f"{p.name} = {value!r} lies on the end of its range {p.range}: what is learned starts inside")
    if math.isfinite(low) and math.isfinite(high):
        return math.log((value - low) / (high - value))
    return math.log(value - low) if math.isfinite(low) else value


class Loss(torch.nn.Module):
    """A loss of libloss as a module: ``Loss("huber", delta=2.0)(prediction, target)``.

    Args:
        spec: a name, a spec ("huber(delta=2)", "0.7*bce_with_logits + 0.3*hinge_embedding") or a ``libloss.Loss``.
        reduction: "mean" (over the values present), "sum", "none", "weighted_mean", "size_mean" or "batch_mean".
        learn: names of parameters that are learned with the model. What an optimizer steps is ``raw[name]``, any real number; the loss
            gets its image in the parameter's range: itself where the range has no end below, low + exp(raw) where it has one, low + (high -
            low)*sigmoid(raw) where it has two. So no step can leave the range, and nothing is clipped; but weight decay would pull to
            raw = 0. ``learned`` holds the images.
        class_weight: of losses over classes, a factor per class; a buffer, so it is part of the state.
        empty: what a mean of nothing is: "nan" or "zero".
        axis: where the classes are: -1, unlike torch.nn's losses, whose is 1.
        unit_axes: of losses of many elements together (dice, rmse): how many last axes are one value's.
        parameters: of the loss.

    The call takes tensors in the registry's order (the prediction first, as PyTorch does), further inputs by name, and:

        weight: one number per value or per leading index of it; 0 (or False) means not there.
        divisor: a number to divide by instead of the reduction's own: the count over all ranks and micro-batches.

    It returns a tensor in the type of the arithmetic: float64 if a floating-point input has it, else float32, so that the mean of half
    numbers does not overflow. The gradient by an input has that input's type and is rounded to it once.

    Every input that the loss differentiates gets its gradient. Second derivatives are there by one input whose value has one number of it
    (an exact diagonal), or one row (an exact matrix per row) where the loss has such matrices; third ones are not.

    Raises:
        NotDifferentiableError: for a gradient that the loss does not have; DeviceError: for tensors elsewhere than on the CPU;
        ShapeError, DTypeError, DomainError, ArgumentError: as ``libloss.Loss`` does, with argument, position and value.
    """

    def __init__(self, spec: str | _loss.Loss, /, *, reduction: str = "mean", learn: Sequence[str] = (), class_weight: Any = None,
                 empty: str = "nan", axis: int = -1, unit_axes: int = 0, **parameters: Any) -> None:
        super().__init__()
        choose(REDUCTIONS, reduction, "reduction")
        choose(EMPTY, empty, "empty")
        self.reduction, self.empty, self.axis, self.unit_axes = reduction, empty, axis, unit_axes
        self.learn = (learn,) if isinstance(learn, str) else tuple(learn)
        self._start = loss = _loss.Loss(spec, **parameters)
        if class_weight is not None and all(i.name != "class_weight" for i in loss.info.inputs):
            raise ArgumentError(f"class_weight: {loss.name} has none")
        self.register_buffer("class_weight", None if class_weight is None else torch.as_tensor(class_weight))
        self._ready()
        learnable = {p.name: p for p in loss.info.parameters if p.learnable}
        for name in self.learn:
            if name not in learnable:
                raise NotDifferentiableError(f"{loss.name}: {name} is not learnable; learnable: {', '.join(learnable) or 'nothing'}")
        self.raw = torch.nn.ParameterDict({
            name: torch.nn.Parameter(torch.tensor(_unconstrain(learnable[name], loss.parameters[name]))) for name in self.learn})

    def _ready(self) -> None:
        """What a call needs, as plain values that torch.compile can follow."""
        info = self._start.info
        self._key = _key(self, self._start)
        self._needed = tuple(i.name for i in info.inputs if not i.optional)
        self._inputs = {i.name: i.differentiable for i in info.inputs}
        self._ranges = {p.name: p for p in info.parameters if p.name in self.learn}
        self._choose()

    def _choose(self) -> None:
        """The calls of two plain tensors, if that is all that the loss needs: for the value, and with a gradient by the first."""
        self._usual: tuple[Call, Call] | None = None
        if SEES_TENSORS and len(self._needed) == 2 and self._inputs[self._needed[0]] and not self.learn and self.class_weight is None:
            options = self.reduction, self.empty, self.axis, self.unit_axes
            value, differentiated = (_call(self._key, self._needed, wrt, *options) for wrt in ((), self._needed[:1]))
            if value.plain:
                self._usual = value, differentiated

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in ("reduction", "empty", "axis", "unit_axes", "class_weight") and "_needed" in self.__dict__:
            self._choose()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_usual": None}  # which is of this process

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self._ready()

    @property
    def learned(self) -> dict[str, Tensor]:
        """The parameters that are learned, as they are now."""
        return {name: _constrain(p, self.raw[name]) for name, p in self._ranges.items()}

    @property
    def loss(self) -> _loss.Loss:
        """The loss with its parameters as they are now."""
        return self._start.replace(**{name: x.item() for name, x in self.learned.items()}) if self.learn else self._start

    def __repr__(self) -> str:
        shown = {"reduction": (self.reduction, "mean"), "learn": (self.learn, ()), "empty": (self.empty, "nan"), "axis": (self.axis, -1),
                 "unit_axes": (self.unit_axes, 0)}
        changed = "".join(f", {name}={value!r}" for name, (value, usual) in shown.items() if value != usual)
        return f"{type(self).__name__}({str(self.loss)!r}{changed})"

    def forward(self, *inputs: Any, weight: Any = None, divisor: Any = None, **named: Any) -> Tensor:
        """The reduced value, or the values under ``reduction="none"``."""
        result: Tensor
        if not traced_by_dynamo() and self._usual is not None and len(inputs) == 2 and weight is None and divisor is None and not named:
            prediction, target = inputs
            if type(prediction) is type(target) is Tensor and not target.requires_grad and not transforms_active() and not modes():
                value, differentiated = self._usual
                if prediction.requires_grad and grad_enabled():
                    try:
                        return _apply_pair(differentiated, prediction, target)
                    except _NotPlainError:
                        pass
                elif (answer := plain_tensors(value.address, value.code, value.by_row, False, prediction, target)) is not None:
                    (result,) = answer
                    return result
        compiling = torch.compiler.is_compiling() or modes() > 0
        traced = not compiling and transforms_active()
        names, tensors, wrt = self._gather(self._bind(inputs, named), weight, divisor, traced)
        options = self.reduction, self.empty, self.axis, self.unit_axes
        if compiling:
            result, *_ = OPERATORS[evaluate](tensors, self._key, " ".join(names), " ".join(wrt), *options)
            return result
        call = _call(self._key, tuple(names), tuple(wrt), *options)
        if wrt and not traced:
            result = _Eager.apply(call, *tensors)  # type: ignore[no-untyped-call]
        else:
            result, *_ = _Traced.apply(call, *tensors) if wrt else evaluate(call, tensors)  # type: ignore[no-untyped-call]
        return result

    def _bind(self, inputs: Sequence[Any], named: Mapping[str, Any]) -> dict[str, Any]:
        """The inputs by name."""
        given = {**dict(zip(self._needed, inputs, strict=False)), **named}
        if len(given) < len(inputs) + len(named) or not self._inputs.keys() >= named.keys() or any(given.get(name) is None for name in self._needed):
            for name in ("reduction", "learn", "empty", "axis", "unit_axes"):
                if name in named:
                    raise TypeError(f"{name} belongs to the module: Loss({self._start.name!r}, {name}=...)")
            self._start._bind(tuple(inputs), named)  # says what is wrong
        if self.class_weight is not None and given.get("class_weight") is None:
            given["class_weight"] = self.class_weight
        return given

    def _gather(self, given: Mapping[str, Any], weight: Any, divisor: Any, traced: bool) -> tuple[list[str], list[Tensor], list[str]]:
        """All tensors with their names, and the names of those that the value is differentiated by."""
        enabled = torch.is_grad_enabled()
        names: list[str] = []
        tensors: list[Tensor] = []
        wrt: list[str] = []
        for name, differentiable in self._inputs.items():
            x = given.get(name)
            if x is None:
                continue
            x = _tensor(x, name, tensors)
            if enabled and (traced or x.requires_grad):  # what a transform sees from outside does not show in requires_grad
                if differentiable and x.dtype.is_floating_point:
                    wrt.append(name)
                elif x.requires_grad:
                    raise NotDifferentiableError(f"{name} requires grad, and {self._start.name} has no derivative by it: pass {name}.detach()")
            names.append(name)
            tensors.append(x)
        if wrt:  # a gradient by one number for all is a sum, which is autograd's
            shape = next((x.shape for x in tensors if x.dim()), ())
            tensors = [x.expand(shape) if name in wrt and not x.dim() else x for name, x in zip(names, tensors, strict=True)]
        if weight is not None:
            if enabled and isinstance(weight, Tensor) and weight.requires_grad:
                raise NotDifferentiableError("weight requires grad, and there is no derivative by it: pass weight.detach(),"
                                             " or multiply what reduction='none' gives")
            names.append("weight")
            tensors.append(_tensor(weight, "weight", tensors))
        if divisor is not None:
            if isinstance(divisor, Tensor) and divisor.dim():
                raise ShapeError(f"divisor has shape {tuple(divisor.shape)}; it is one number for all")
            names.append("divisor")
            tensors.append(divisor if isinstance(divisor, Tensor) else torch.as_tensor(divisor, dtype=torch.float64, device=tensors[0].device))
        for name, value in self.learned.items():
            names.append(name)
            tensors.append(value)
            if enabled and (traced or value.requires_grad):
                wrt.append(name)
        return names, tensors, wrt


def _tensor(x: Any, name: str, before: Sequence[Tensor]) -> Tensor:
    """Numbers as a tensor like the first input: where that is, and a float of its type."""
    if isinstance(x, Tensor):
        return x
    try:
        return torch.as_tensor(x, dtype=before[0].dtype if isinstance(x, float) and before and before[0].dtype.is_floating_point else None,
                               device=before[0].device if before else None)
    except (RuntimeError, TypeError, ValueError) as problem:
        raise DTypeError(f"{name} is a {type(x).__name__}, not a tensor: {problem}") from problem


__all__ = ["Loss"]
