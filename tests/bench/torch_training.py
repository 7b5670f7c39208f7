"""Training with libloss.torch beside training with PyTorch's own loss: the same small network on digits, step by step.

    python tests/bench/torch_training.py [--core 0] [--seconds 4]

One core. The least and the median CPU time of a step (forward, loss, backward, SGD), and of the loss alone (forward and backward), the two
losses in turn. No test: nothing fails on a stopwatch.
"""

from __future__ import annotations

import argparse
import functools
import os
import statistics
import time

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--core", type=int, default=0)
parser.add_argument("--seconds", type=float, default=4, help="for each line")
arguments = parser.parse_args()
os.sched_setaffinity(0, {arguments.core})

import libloss.torch  # noqa: E402
import torch  # noqa: E402
from sklearn.datasets import load_digits  # noqa: E402

torch.set_num_threads(1)
LOSSES = {"libloss": libloss.torch.Loss("cross_entropy"), "torch": torch.nn.CrossEntropyLoss()}


def race(work: dict[str, object], steps: int = 10) -> dict[str, tuple[float, float]]:
    """Microseconds of CPU per step of each, in turn: the least and the median."""
    times: dict[str, list[float]] = {name: [] for name in work}
    end = time.perf_counter() + arguments.seconds
    while time.perf_counter() < end or len(times["torch"]) < 3:
        for name, step in work.items():
            start = time.thread_time()
            for _ in range(steps):
                step()
            times[name].append((time.thread_time() - start) / steps * 1e6)
    return {name: (min(each), statistics.median(each)) for name, each in times.items()}


def training(batch: int) -> dict[str, object]:
    """One step of it with each loss: of one network, for where its memory lies counts for more than the loss does."""
    digits = load_digits()
    x, t = torch.tensor(digits.data / 16, dtype=torch.float32), torch.tensor(digits.target)
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    order = iter(lambda: torch.randperm(len(x))[:batch], None)

    def step(criterion: torch.nn.Module) -> None:
        rows = next(order)
        optimizer.zero_grad()
        criterion(model(x[rows]), t[rows]).backward()
        optimizer.step()

    return {name: functools.partial(step, criterion) for name, criterion in LOSSES.items()}


def alone(criterion: torch.nn.Module, rows: int, classes: int):
    """The loss with nothing around it."""
    z, t = torch.randn(rows, classes, requires_grad=True), torch.randint(0, classes, (rows,))

    def step() -> None:
        z.grad = None
        criterion(z, t).backward()

    return step


def report(what: str, times: dict[str, tuple[float, float]]) -> None:
    (ours, our_median), (theirs, their_median) = times["libloss"], times["torch"]
    print(f"{what:32} libloss {ours:8.1f} ({our_median:.1f})  torch {theirs:8.1f} ({their_median:.1f}) us  torch takes {theirs / ours:5.2f} of libloss",
          flush=True)


def main() -> None:
    print(f"libloss {libloss.config()['version']}, {libloss.config()['instruction_set']}; PyTorch {torch.__version__}; load {os.getloadavg()[0]:.1f}")
    for batch in (32, 64, 128, 256, 1797):
        report(f"training on digits, batch {batch}", race(training(batch)))
    for rows, classes in ((64, 10), (256, 10), (64, 1000), (256, 10_000)):
        work = {name: alone(criterion, rows, classes) for name, criterion in LOSSES.items()}
        report(f"cross_entropy of {rows} x {classes}", race(work, 5 if classes > 1000 else 50))


if __name__ == "__main__":
    main()
