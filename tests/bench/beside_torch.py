"""Every loss beside PyTorch, value and gradient by the first input, one core: PyTorch's own function where it has one, else the few
lines of it that tests/losses/test_peers.py and test_unit_peers.py hold equal to ours.

    python tests/bench/beside_torch.py [--core 0] [--losses NAME,NAME] [--seconds 0.5] [--dtype float64]

1 Mi numbers each, of lists 1024 documents; of matrices of similarities 512 x 512, of lists whose pairs are compared one. The least and the median ns per
number, in turn in one race. No test: nothing fails on a stopwatch.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import sys

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--core", type=int, default=0)
parser.add_argument("--losses", help="names, separated by commas")
parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
parser.add_argument("--seconds", type=float, default=0.5, help="for each pair")
arguments = parser.parse_args()
os.sched_setaffinity(0, {arguments.core})
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import libloss  # noqa: E402
import numpy as np  # noqa: E402

os.environ.setdefault("LIBLOSS_SO", str(next(pathlib.Path(libloss.__file__).parent.glob("libloss.so*"))))
TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "oracle"), str(TESTS / "losses")]
import test_peers  # noqa: E402
import test_unit_peers  # noqa: E402
import torch  # noqa: E402
from race import race  # noqa: E402

torch.set_num_threads(1)
N, CLASSES, SQUARE, DOCUMENTS = 1 << 20, 64, 512, 1024
PAIRS = ("ranknet", "lambdarank")
REASONS = {  # of what PyTorch does faster
    "nll": "PyTorch touches one number of each row; here the row is gathered as double, and its gradient scaled and rounded once",
    "list_net": "about the same: sums and exponentials are in double here",
    "adaptive_robust": "double in two parts holds one unit in the last place for every alpha; the peer's two powers of f32 do not",
}


def work() -> dict[str, tuple]:
    """Of each loss the peer and its inputs."""
    every = {spec: (peer, *test_peers.data(kind, N, CLASSES)) for spec, (peer, kind) in test_peers.PEERS.items()}
    rng = np.random.default_rng(5)
    every |= {s: p for s, p in test_unit_peers.peers(N // CLASSES, CLASSES, SQUARE, N, rng).items() if not s.startswith(PAIRS)}
    every |= {s: p for s, p in test_unit_peers.peers(4, CLASSES, SQUARE, DOCUMENTS, rng).items() if s.startswith(PAIRS)}
    every |= {s: (peer, *(x.reshape(-1, DOCUMENTS) for x in inputs)) for s, (peer, *inputs) in every.items() if s.startswith("list_net")}
    first: dict[str, tuple] = {}
    for spec, case in every.items():
        if spec.partition("(")[0] not in {s.partition("(")[0] for s in first}:
            first[spec] = case
    return first


def main() -> None:
    chosen = arguments.losses.split(",") if arguments.losses else None
    behind = []
    print(f"libloss {libloss.config()['version']}, {libloss.config()['instruction_set']}; PyTorch {torch.__version__}; {arguments.dtype}; load {os.getloadavg()[0]:.1f}")
    for spec, (peer, *inputs) in work().items():
        name = spec.partition("(")[0]
        if chosen and name not in chosen:
            continue
        inputs = [np.ascontiguousarray(x, arguments.dtype) if x.dtype.kind == "f" else x for x in inputs]
        loss, grad = libloss.Loss(spec), np.empty_like(inputs[0])
        wrt = loss.info.inputs[0].name
        theirs = [torch.tensor(x) for x in inputs]
        theirs[0].requires_grad_()

        def with_torch(peer=peer, theirs=theirs):
            theirs[0].grad = None
            value = peer(*theirs)
            value.backward()

        def with_libloss(loss=loss, inputs=inputs, wrt=wrt, grad=grad):
            loss.value_and_grad(*inputs, wrt=wrt, out=grad)

        times = race({"libloss": with_libloss, "torch": with_torch}, arguments.seconds, 3)
        (ours, our_median), (least, median) = ((a / inputs[0].size, b / inputs[0].size) for a, b in (times["libloss"], times["torch"]))
        print(f"{spec:48} libloss {ours:8.3f} ({our_median:.3f})  torch {least:8.3f} ({median:.3f}) ns  torch takes {least / ours:6.2f} of libloss", flush=True)
        if least < ours:
            behind.append(f"{name} ({least / ours:.2f}){': ' if name in REASONS else ''}{REASONS.get(name, '')}")
    print("\nslower than PyTorch: " + ("\n    ".join(["", *behind]) if behind else "nowhere"))


if __name__ == "__main__":
    main()
