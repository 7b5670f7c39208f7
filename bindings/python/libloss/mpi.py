"""Totals and gradients over the ranks of an MPI communicator, by mpi4py.

    total = libloss.mpi.evaluate("huber", prediction, target)                    of all ranks' data, on every rank
    value, gradient = libloss.mpi.value_and_grad("huber", prediction, target)    the whole's value, this rank's part of its gradient

Every rank hands in its own share of the data, which may be empty. Sums are exact, so the results have the same bits for any number of
ranks and any split, and are those of one machine that holds everything. Every function here but ``operation`` is collective: all ranks
of the communicator call it. Where one rank's share is refused, every rank raises, so none waits for ever.

A total is a sum over values. Losses whose value belongs to a whole batch (``dice``, ``info_nce``, ``cox``) are summed over the shares,
each of which is a batch of its own.

``comm.allreduce(total)`` works as well: totals pickle and add up. What is here sends a fixed number of bytes and no pickle.
"""

from __future__ import annotations

import hashlib
from typing import Any, NoReturn

import numpy as np

from ._errors import ArgumentError, Error
from ._extras import tool
from ._loss import Loss
from ._metrics import Metric
from ._total import Total
from ._types import Measured, Spec

MPI: Any = tool("mpi4py.MPI", "mpi")

NOTHING = np.iinfo(np.int64).min  # what a rank says that has nothing to say: every number is above it

__all__ = ["allreduce", "divisor", "evaluate", "grad", "operation", "reduce", "value_and_grad"]


def operation(total: Total) -> tuple[Any, Any]:
    """The MPI operation that merges totals of this loss, and the datatype of one, for calls of your own: ``comm.Iallreduce``, windows.

    The operation is commutative and works on what ``total.to_bytes()`` gives, whose length is the same for all totals of the loss once
    they have seen data (of metrics: with the same number of classes). Free both when done.

        op, datatype = libloss.mpi.operation(total)
        merged = bytearray(total.to_bytes())
        comm.Allreduce(MPI.IN_PLACE, [merged, 1, datatype], op=op)
        total = libloss.Total.from_bytes(merged)
    """
    return _operation(total, len(total.to_bytes()))


def _operation(like: Total, size: int) -> tuple[Any, Any]:
    """``size`` is what all ranks agree on, of which ``like`` may have less, having seen nothing."""
    def merge(given: Any, into: Any, _: Any) -> None:
        for at in range(0, len(into), size):
            one, other = bytes(given[at : at + size]), bytes(into[at : at + size])
            if any(one):  # zeros stand for a rank that has seen nothing
                into[at : at + size] = (_read(like, one) + _read(like, other)).to_bytes() if any(other) else one

    return MPI.Op.Create(merge, commute=True), MPI.BYTE.Create_contiguous(size).Commit()


def _read(like: Total, data: bytes) -> Total:
    """A total out of its bytes, also of a loss of one's own, whose name says nothing to ``Total.from_bytes``."""
    if not isinstance(like.loss, Loss):
        return Total.from_bytes(data)
    total = Total(like.loss)
    total._load(data.partition(b"\0")[2])
    return total


def allreduce(total: Total, comm: Any = None) -> Total:
    """The sum of all ranks' totals, on every rank; theirs stay as they are.

    Args:
        total: this rank's; all of the same loss, or of the same metric, of which a rank without data need not know the classes.
        comm: an intracommunicator of mpi4py; default ``COMM_WORLD``.

    Raises:
        ArgumentError: on every rank, where the ranks' losses differ.
    """
    comm = _comm(comm)
    _check(total)
    merged: Total = _merge(total, _agree(total, comm), comm)
    return merged


def reduce(total: Total, comm: Any = None, root: int = 0) -> Total | None:
    """The sum of all ranks' totals on the rank ``root``, None on the others; else as ``allreduce``."""
    comm = _comm(comm)
    if not 0 <= root < comm.size:
        raise ArgumentError(f"root = {root} is not in [0, {comm.size})")
    _check(total)
    merged: Total | None = _merge(total, _agree(total, comm), comm, root)
    return merged


def evaluate(loss: Measured, /, *inputs: Any, comm: Any = None, **options: Any) -> Total:
    """The total of a loss or metric over all ranks' data, on every rank.

    Args:
        loss: a loss, a metric, or a spec.
        inputs: this rank's share, as ``Total.add`` takes it (of a metric by name: ``prediction=, target=``).
        comm: an intracommunicator of mpi4py; default ``COMM_WORLD``.
        options: ``weight``, ``axis``, ``threads``, inputs by name.

    Raises:
        Error: of libloss, where this rank's share is refused; on the other ranks too, naming the rank.
    """
    comm = _comm(comm)
    problem: Exception | None = None
    total: Total | None = None
    try:
        total = Total(loss).add(*inputs, **options)
    except Exception as refused:
        problem = refused
    size = _agree(total, comm, problem)
    assert total is not None  # or _agree has raised
    merged: Total = _merge(total, size, comm)
    return merged


def divisor(loss: Spec, /, *inputs: Any, reduction: str = "mean", comm: Any = None, **options: Any) -> float:
    """What a reduction of all ranks' data divides by: for ``Loss.grad(divisor=...)`` of each share. Arguments as in ``evaluate``.

    The mean of the ranks' means is no mean where shares differ in length, weights or ignored labels; with this divisor, gradients of the
    shares are parts of the gradient of the whole.
    """
    return evaluate(loss, *inputs, comm=comm, **options).divisor(reduction)


def grad(loss: Spec, /, *inputs: Any, reduction: str = "mean", comm: Any = None, out: Any = None, **options: Any) -> Any:
    """This rank's part of the gradient of the value of all ranks' data; arguments and errors as in ``value_and_grad``."""
    return value_and_grad(loss, *inputs, reduction=reduction, comm=comm, out=out, **options)[1]


def value_and_grad(loss: Spec, /, *inputs: Any, reduction: str = "mean", comm: Any = None, out: Any = None, **options: Any) -> tuple[float, Any]:
    """The value of all ranks' data, and this rank's part of its gradient, in two passes: what the gradient is divided by is known after the first.

    Args:
        loss: a loss or a spec.
        inputs: this rank's share.
        reduction: ``"mean"``, ``"weighted_mean"``, ``"size_mean"``, ``"batch_mean"`` or ``"sum"``, of the whole.
        comm: an intracommunicator of mpi4py; default ``COMM_WORLD``.
        out: where the gradient goes, as in ``Loss.grad``.
        options: what ``Loss.grad`` takes too: ``weight``, ``wrt``, ``empty``, ``axis``, ``threads``, inputs by name.

    Returns:
        The value, the same on every rank, and an array of the shape and dtype of this rank's prediction. To sum gradients of a model's
        parameters over ranks, add what each rank makes of its part: there is no further division.

    Raises:
        Error: as ``evaluate``.
    """
    loss = Loss(loss)
    of_values = {name: x for name, x in options.items() if name not in ("wrt", "empty")}
    total = evaluate(loss, *inputs, comm=comm, **of_values)
    value = total.reduce(reduction, empty=options.get("empty", "nan"))
    by = total.divisor(reduction) if reduction != "sum" else 0.0
    if by:
        options["divisor"] = by  # by nothing if nothing is present anywhere: then gradients are 0
    return value, loss.grad(*inputs, reduction=reduction, out=out, **options)


# ---- before bytes are merged, the ranks agree on what they are ----


def _comm(comm: Any) -> Any:
    comm = MPI.COMM_WORLD if comm is None else comm
    if not isinstance(comm, MPI.Comm):
        raise TypeError(f"comm is a {type(comm).__name__}; it must be a communicator of mpi4py")
    if comm == MPI.COMM_NULL or comm.Is_inter():
        raise ArgumentError("comm is null or between two groups; an intracommunicator is needed")
    return comm


def _check(total: Any) -> None:
    if not isinstance(total, Total):
        raise TypeError(f"total is a {type(total).__name__}; it must be a libloss.Total (others that add up go by comm.allreduce)")


def _agree(total: Total | None, comm: Any, problem: Exception | None = None) -> int:
    """How many bytes each rank's total has, 0 if none has seen anything; raises on every rank where they do not fit, or one has failed.

    One reduction of a few integers by their maximum, of which each is sent negated as well: the least and the greatest are equal where all are.
    """
    kind = known = size = NOTHING
    if total is not None:
        spec, shared = total.loss.spec, _open(total.loss).spec
        seen = isinstance(total.loss, Loss) or bool(total._memory.size)
        kind = _digest(shared)
        known = _digest(spec) if seen or spec != shared else NOTHING
        size = len(total.to_bytes()) if seen else NOTHING
    both = [n if n == NOTHING else sign * n for n in (kind, known, size) for sign in (1, -1)]
    found = np.array([NOTHING if problem is None else comm.rank, *both], np.int64)
    comm.Allreduce(MPI.IN_PLACE, found, op=MPI.MAX)
    failed, *pairs = (int(n) for n in found)
    if problem is not None:
        raise problem
    if failed != NOTHING:
        raise Error(f"rank {failed} refused its share of the data; it tells why")
    if any(high != NOTHING and high != -low for high, low in zip(pairs[::2], pairs[1::2], strict=True)):
        _differ(total, comm)
    return 0 if pairs[4] == NOTHING else pairs[4]


def _open(loss: Loss | Metric) -> Loss | Metric:
    """A metric before it knows its number of classes or outputs."""
    if isinstance(loss, Loss):
        return loss
    return loss.replace(**{name: None for name in ("classes", "outputs") if name in loss.parameters})


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=7).digest(), "big")


def _differ(total: Total | None, comm: Any) -> NoReturn:
    """Tells the first rank's loss and the first other one."""
    specs = comm.allgather(total.loss.spec if total is not None else "")
    other = next((rank for rank, spec in enumerate(specs) if spec != specs[0]), 0)
    raise ArgumentError(f"totals of different losses do not add up: rank 0 has {specs[0]}, rank {other} has {specs[other]}")


def _merge(total: Total, size: int, comm: Any, root: int | None = None) -> Any:
    """The sum of all ranks' totals, whose bytes they have agreed on."""
    if not size:
        return total.copy() if root in (None, comm.rank) else None
    merged = bytearray(total.to_bytes() if isinstance(total.loss, Loss) or total._memory.size else bytes(size))
    op, datatype = _operation(total, size)
    try:
        if root is None:
            comm.Allreduce(MPI.IN_PLACE, [merged, 1, datatype], op=op)
        elif comm.rank == root:
            comm.Reduce(MPI.IN_PLACE, [merged, 1, datatype], op=op, root=root)
        else:
            comm.Reduce([merged, 1, datatype], None, op=op, root=root)
    finally:
        op.Free()
        datatype.Free()
    return _read(total, bytes(merged)) if root in (None, comm.rank) else None
