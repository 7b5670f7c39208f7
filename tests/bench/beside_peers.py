"""Every loss beside PyTorch and JAX, value and gradient by the first input, one core. Of PyTorch its own function where it has one, else the few
lines of it that tests/losses/test_peers.py and test_unit_peers.py hold equal to ours; of JAX what its compiler makes of optax's function, else
of the formula as our registry prints it (losses of one number per element, and of logits of classes).

    python tests/bench/beside_peers.py [--core 0] [--losses NAME,NAME] [--seconds 0.5] [--dtype float64]

1 Mi numbers each, into new gradients; of lists 1024 documents; of matrices of similarities 512 x 512, of lists whose pairs are compared one. The least
and the median ns per number, in turn in one race, and what the fastest peer takes of our time. No test: nothing fails on a stopwatch.
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
from jitted import compiled, function_of, of_classes, worst_ulp  # noqa: E402
from race import race  # noqa: E402

torch.set_num_threads(1)
N, CLASSES, SQUARE, DOCUMENTS = 1 << 20, 64, 512, 1024
PAIRS = ("ranknet", "lambdarank")
ABOUT = "about the same, now more and now less: "
REASONS = {  # of what a peer does faster
    "squared_error": ABOUT + "both wait for memory, and the sum is exact here",
    "brier": "both wait for memory; here every number is looked at, for it must be a probability, and the sum is exact",
    "smooth_l1": "in double, for one ULP",
    "smooth_hinge": "in double, for one ULP",
    "exponential": "every label is looked at, and the sum is exact",
    "nll": ABOUT + "both clear memory",
    "rmse": ABOUT + "both read twice, and the sum is exact here",
    "cox": ABOUT + "both sort",
    "cross_entropy": "of rows as short as 64 what is done once per row, in double, shows beside their exponentials",
    "list_net": ABOUT + "sums and exponentials are in double here",
    "info_nce": ABOUT + "sums and exponentials are in double here",
    "cosine_embedding": ABOUT + "sums, roots and quotients are in double here, and in two parts, for pairs that are nearly parallel",
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
        loss = libloss.Loss(spec)
        wrt = loss.info.inputs[0].name
        theirs = [torch.tensor(x) for x in inputs]
        theirs[0].requires_grad_()

        def with_torch(peer=peer, theirs=theirs):
            theirs[0].grad = None
            value = peer(*theirs)
            value.backward()

        def with_libloss(loss=loss, inputs=inputs, wrt=wrt):
            loss.value_and_grad(*inputs, wrt=wrt)

        contestants = {"libloss": with_libloss, "torch": with_torch}
        formula = function_of(spec, loss, inputs) if spec in test_peers.PEERS and len(inputs) == 2 else None
        jax = compiled(formula, *inputs) if formula else of_classes(spec, inputs)
        if jax:
            contestants["jax"] = jax
        off = worst_ulp(formula, loss, inputs) if formula and arguments.dtype == "float32" else 0
        times = race(contestants, arguments.seconds, 3)
        per_number = {who: (least / inputs[0].size, median / inputs[0].size) for who, (least, median) in times.items()}
        best = min(least for who, (least, _) in per_number.items() if who != "libloss") / per_number["libloss"][0]
        table = "  ".join(f"{who} {least:8.3f} ({median:.3f})" for who, (least, median) in per_number.items())
        remark = f", whose values are off by {off:.0f} ULP" if off > 4 else ""
        print(f"{spec:48} {table} ns{remark}; the fastest peer takes {best:6.2f} of libloss", flush=True)
        if best < 1:
            reason = REASONS.get(name) or (f"in double, for one ULP; JAX's float is off by {off:.0f}" if off > 4 else "")
            behind.append(f"{name} ({best:.2f}){': ' if reason else ''}{reason}")
    print("\nslower than a peer: " + ("\n    ".join(["", *behind]) if behind else "nowhere"))


if __name__ == "__main__":
    main()
