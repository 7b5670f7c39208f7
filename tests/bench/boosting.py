"""How long boosters train by their own objective, by ours, and by one written in NumPy, on the same data from the same start.

    python boosting.py [--rows 200000] [--columns 20] [--repeats 3] [--threads 2]

Most of the time is the trees', whoever gives the gradient; in brackets is what the objective itself took. The least of interleaved repeats.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
import warnings
from collections.abc import Callable
from typing import Any

import libloss.lightgbm
import libloss.xgboost
import lightgbm
import numpy as np
import xgboost

Derivatives = Callable[[Any, Any], tuple[Any, Any]]


def sigmoid(z: Any) -> Any:
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-z))


def logistic(z: Any, y: Any) -> tuple[Any, Any]:
    p = sigmoid(z)
    return p - y, p * (1 - p)


def softmax(z: Any, y: Any) -> tuple[Any, Any]:
    q = np.exp(z - z.max(1, keepdims=True))
    q /= q.sum(1, keepdims=True)
    hess = 2 * q * (1 - q)
    q[np.arange(len(y)), y.astype(int)] -= 1
    return q, hess


def poisson(z: Any, y: Any) -> tuple[Any, Any]:
    mean = np.exp(z)
    return mean - y, mean * np.exp(0.7)


def log_cosh(z: Any, y: Any) -> tuple[Any, Any]:
    slope = np.tanh(z - y)
    return slope, 1 - slope * slope


@dataclasses.dataclass
class Work:
    loss: str
    by_hand: Derivatives
    xgboost: str | None
    lightgbm: str | None
    target: str
    rounds: int = 50
    classes: int = 0


WORKS = [
    Work("binary_cross_entropy_with_logits", logistic, "binary:logistic", "binary", "sign"),
    Work("cross_entropy", softmax, "multi:softprob", "multiclass", "class", rounds=10, classes=10),
    Work("poisson_nll", poisson, "count:poisson", "poisson", "count"),
    Work("log_cosh", log_cosh, None, None, "number"),
]


def targets(X: Any, rng: Any) -> dict[str, Any]:
    score = X[:, 0] + X[:, 1] * X[:, 2] + rng.normal(size=len(X)) / 2
    return {"number": score, "sign": (score > 0).astype(float), "count": rng.poisson(np.exp(score / 2)).astype(float),
            "class": np.digitize(score, np.quantile(score, np.arange(1, 10) / 10)).astype(float)}


def contestants(work: Work, library: str, X: Any, y: Any, threads: int) -> dict[str, Callable[[], float]]:
    """By name what trains once, and says how long the objective took."""
    many = {"num_class": work.classes} if work.classes else {}
    by_hand = lambda prediction, data: work.by_hand(prediction, data.get_label())  # noqa: E731
    if library == "XGBoost":
        data, params = xgboost.DMatrix(X, y, nthread=threads), {"nthread": threads, "base_score": 0.5, **many}

        def train(objective: Any, builtin: str | None) -> None:
            xgboost.train({**params, **({"objective": builtin} if builtin else {})}, data, work.rounds, obj=objective)

        own, ours = work.xgboost, libloss.xgboost.objective(work.loss)
    else:
        params = {"num_threads": threads, "verbose": -1, "force_row_wise": True, "boost_from_average": False}
        data = lightgbm.Dataset(X, y, free_raw_data=False)

        def train(objective: Any, builtin: str | None) -> None:
            lightgbm.train({**params, **many, "objective": objective or builtin}, data, work.rounds)

        own, ours = work.lightgbm, libloss.lightgbm.objective(work.loss)

    def clocked(objective: Any) -> Callable[[], float]:
        def run() -> float:
            spent = []

            def timed(prediction: Any, data: Any) -> Any:
                begin = time.perf_counter()
                answer = objective(prediction, data)
                spent.append(time.perf_counter() - begin)
                return answer

            train(timed, None)
            return sum(spent)

        return run

    runs = {"built-in": lambda: train(None, own) or 0.0} if own else {}
    return {**runs, "libloss": clocked(ours), "NumPy": clocked(by_hand)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, usual in (("rows", 200_000), ("columns", 20), ("repeats", 3), ("threads", 2)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    X = rng.normal(size=(options.rows, options.columns)).astype(np.float32)
    y = targets(X, rng)
    print(f"{options.rows} x {options.columns}, {options.threads} threads, XGBoost {xgboost.__version__}, LightGBM {lightgbm.__version__}")
    print("seconds of training (in the objective)")
    print(f"{'library':9} {'loss':33} {'rounds':>6}" + "".join(f" {name:>16}" for name in ("built-in", "libloss", "NumPy")))
    for library in ("XGBoost", "LightGBM"):
        for work in WORKS:
            best: dict[str, tuple[float, float]] = {}
            runs = contestants(work, library, X, y[work.target], options.threads)
            with libloss.threads(options.threads):
                for _ in range(options.repeats):
                    for name, run in runs.items():
                        begin = time.perf_counter()
                        inside = run()
                        best[name] = min(best.get(name, (np.inf, 0)), (time.perf_counter() - begin, inside))
            cells = (f"{best[name][0]:.3f}" + (f" ({best[name][1]:.3f})" if best[name][1] else 8 * " ") if name in best else "-" + 8 * " "
                     for name in ("built-in", "libloss", "NumPy"))
            print(f"{library:9} {work.loss:33} {work.rounds:6}" + "".join(f" {cell:>16}" for cell in cells), flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore", UserWarning)
    main()
