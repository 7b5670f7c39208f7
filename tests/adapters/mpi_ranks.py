"""What every rank does for test_mpi.py, under mpirun: its findings go to a file of its own, as a pickle.

The data are multiples of 1/8, whose squares and sums are exact in double, so that NumPy knows every bit.
"""

from __future__ import annotations

import pathlib
import pickle
import sys

import libloss
import numpy as np
from libloss import mpi
from mpi4py import MPI

N = 1000


def data() -> dict[str, np.ndarray]:
    random = np.random.default_rng(1)
    whole = {name: random.integers(-80, 80, N) / 8 for name in ("prediction", "target")}
    whole["weight"] = random.integers(0, 4, N) / 2
    whole["prediction"][whole["weight"] == 0] = np.nan  # not there, so never seen
    whole["label"] = random.integers(0, 3, N)
    whole["scores"] = random.normal(size=(N, 3)).astype(np.float32)
    return whole


def share(rank: int, size: int) -> slice:
    """Uneven, and of the last of more than two ranks nothing."""
    with_data = size - (size > 2)
    cuts = [N * min(k, with_data) ** 2 // with_data**2 for k in range(size + 1)]
    return slice(cuts[rank], cuts[rank + 1])


def refusal(call, *arguments, **options) -> str:
    try:
        call(*arguments, **options)
    except Exception as problem:
        return f"{type(problem).__name__}: {problem}"
    return "none"


def main() -> None:
    comm = MPI.COMM_WORLD
    mine = {name: x[share(comm.rank, comm.size)] for name, x in data().items()}
    p, t, w, label, scores = mine.values()
    found = {}

    total = libloss.Total("squared_error").add(p, t, weight=w)
    found["totals"] = [mpi.evaluate("squared_error", p, t, weight=w), mpi.allreduce(total), comm.allreduce(total)]
    found["own"] = total
    found["rooted"] = mpi.reduce(total, root=comm.size - 1)
    op, datatype = mpi.operation(total)
    merged = bytearray(total.to_bytes())
    comm.Iallreduce(MPI.IN_PLACE, [merged, 1, datatype], op=op).Wait()
    found["totals"].append(libloss.Total.from_bytes(merged))
    op.Free()
    datatype.Free()

    reductions = "mean", "weighted_mean", "size_mean", "batch_mean", "sum"
    found["gradients"] = {r: mpi.value_and_grad("squared_error", p, t, weight=w, reduction=r) for r in reductions}
    found["divisors"] = {r: mpi.divisor("squared_error", p, t, weight=w, reduction=r) for r in reductions[:-1]}
    found["nothing"] = mpi.value_and_grad("squared_error", p, t, weight=0.0, empty="zero")
    found["softmax"] = mpi.value_and_grad("cross_entropy", scores, label, weight=w)
    found["quartic"] = mpi.evaluate(libloss.define(lambda prediction, target: (prediction - target) ** 4, name="quartic"), np.nan_to_num(p), t).sum

    counts = libloss.Total("f_beta", average="macro")  # which the empty rank leaves without knowing how many classes there are
    if len(label):
        counts.add(prediction=scores, target=label, weight=w)
    found["counts"] = comm.allreduce(libloss.metrics.Counts(classes=3).add(prediction=scores, target=label, weight=w)).matrix
    found["f1"] = mpi.allreduce(counts).value
    alone = libloss.Total("f_beta", average="macro")  # of which one rank in the middle knows everything
    if comm.rank == comm.size // 2:
        alone.add(prediction=data()["scores"], target=data()["label"], weight=data()["weight"])
    found["f1 of one"] = mpi.allreduce(alone).value
    found["no data"] = mpi.allreduce(libloss.Total("f_beta", average="macro")).count
    found["matrix"] = mpi.evaluate("confusion_matrix(classes=3)", prediction=scores.argmax(-1), target=label, weight=w).value

    others = comm.Split(comm.rank % 2)
    found["subgroup"] = mpi.allreduce(total, others)
    others.Free()
    first, last = comm.rank == 0, comm.rank == comm.size - 1
    found["refusals"] = {
        "losses": refusal(mpi.allreduce, libloss.Total("huber" if first else "log_cosh")),
        "parameters": refusal(mpi.allreduce, libloss.Total("huber", delta=2 if last else 1)),
        "classes": refusal(mpi.allreduce, libloss.Total("balanced_accuracy", classes=3 + comm.rank)),
        "share": refusal(mpi.value_and_grad, "squared_error", p, t[1:] if first else t),
        "weight": refusal(mpi.evaluate, "squared_error", p, t, weight=-1.0 if first else 1.0),
        "reduction": refusal(mpi.value_and_grad, "squared_error", p, t, reduction="none"),
        "root": refusal(mpi.reduce, total, root=comm.size),
        "comm": refusal(mpi.allreduce, total, comm.size),
        "null": refusal(mpi.allreduce, total, MPI.COMM_NULL),
        "total": refusal(mpi.allreduce, libloss.metrics.Counts(classes=2)),
        "sum": refusal(mpi.value_and_grad, "huber + log_cosh", p, t),
    }
    pathlib.Path(sys.argv[1], f"{comm.rank}.pickle").write_bytes(pickle.dumps(found))


if __name__ == "__main__":
    main()
