"""Every metric that scikit-learn has too beside it: 1e6 cases in f64 and int64, rows of 10 classes or documents where rows are what it takes,
one core, without weights and with them.

    python tests/bench/metrics.py [--core 0] [--metrics NAME,NAME] [--cases 1000000] [--seconds 1]

The least and the median ms, in turn in one race. No test: nothing fails on a stopwatch.
"""

from __future__ import annotations

import argparse
import os
import warnings

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--core", type=int, default=0)
parser.add_argument("--metrics", help="names, separated by commas")
parser.add_argument("--cases", type=int, default=1_000_000)
parser.add_argument("--seconds", type=float, default=1, help="for each pair")
arguments = parser.parse_args()
os.sched_setaffinity(0, {arguments.core})
os.environ.setdefault("OMP_NUM_THREADS", "1")

import libloss  # noqa: E402
import numpy as np  # noqa: E402
import sklearn  # noqa: E402
from race import cpu, race  # noqa: E402
from sklearn import metrics as sk  # noqa: E402

CLASSES = 10


def data(n: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Prediction and target of every kind."""
    rng = np.random.default_rng(5)
    two, ten = rng.integers(0, 2, n), rng.integers(0, CLASSES, n)
    reals, means, rows = rng.normal(3, 2, n), rng.gamma(2, 2, n), rng.random((n, CLASSES))
    lists = rng.integers(0, 5, (n // CLASSES, CLASSES))
    return {
        "two classes": (np.where(rng.random(n) < 0.8, two, 1 - two), two),
        "ten classes": (np.where(rng.random(n) < 0.8, ten, rng.integers(0, CLASSES, n)), ten),
        "scores": (np.clip(rng.normal(0.3 + 0.4 * two, 0.2), 0.001, 0.999), two),
        "rows": (rows / rows.sum(1, keepdims=True), ten),
        "reals": (reals + rng.normal(0, 1, n), reals),
        "means": (means * rng.gamma(9, 1 / 9, n), means),
        "lists": (lists + rng.normal(0, 2, lists.shape), lists),
    }


def work() -> list[tuple[str, str, object]]:
    """Specs of ours, the kind of their data, and scikit-learn's function of target, prediction and weight."""
    classes = range(CLASSES)
    return [
        *((name, "two classes", lambda t, p, w, f=f: f(t, p, sample_weight=w)) for name, f in (
            ("accuracy", sk.accuracy_score), ("balanced_accuracy", sk.balanced_accuracy_score), ("confusion_matrix", sk.confusion_matrix),
            ("precision", sk.precision_score), ("recall", sk.recall_score), ("f_beta", sk.f1_score), ("jaccard_index", sk.jaccard_score),
            ("matthews_correlation", sk.matthews_corrcoef), ("cohen_kappa", lambda t, p, sample_weight: sk.cohen_kappa_score(t, p, sample_weight=sample_weight)))),
        ("confusion_matrix(classes=10)", "ten classes", lambda t, p, w: sk.confusion_matrix(t, p, sample_weight=w, labels=classes)),
        ("f_beta(classes=10,average=macro)", "ten classes", lambda t, p, w: sk.f1_score(t, p, sample_weight=w, average="macro", labels=classes)),
        ("top_k_accuracy(k=3)", "rows", lambda t, p, w: sk.top_k_accuracy_score(t, p, sample_weight=w, k=3, labels=classes)),
        *((name, kind, lambda t, p, w, f=f: f(t, p, sample_weight=w)) for kind in ("scores", "rows") for name, f in (
            ("log_loss", sk.log_loss), ("brier_score", sk.brier_score_loss))),
        ("roc_auc", "scores", lambda t, p, w: sk.roc_auc_score(t, p, sample_weight=w)),
        ("average_precision", "scores", lambda t, p, w: sk.average_precision_score(t, p, sample_weight=w)),
        ("roc_auc", "rows", lambda t, p, w: sk.roc_auc_score(t, p, sample_weight=w, multi_class="ovr")),
        ("average_precision", "rows", lambda t, p, w: sk.average_precision_score(t, p, sample_weight=w)),
        *((name, "reals", lambda t, p, w, f=f: f(t, p, sample_weight=w)) for name, f in (
            ("r2", sk.r2_score), ("explained_variance", sk.explained_variance_score), ("median_absolute_error", sk.median_absolute_error))),
        *((f"tweedie_deviance(power={power})", "means", lambda t, p, w, power=power: sk.mean_tweedie_deviance(t, p, sample_weight=w, power=power))
          for power in (1, 1.5, 2, 3)),
        ("ndcg(gain=linear)", "lists", lambda t, p, w: sk.ndcg_score(t, p, sample_weight=w)),
        ("dcg(gain=linear)", "lists", lambda t, p, w: sk.dcg_score(t, p, sample_weight=w)),
    ]


def main() -> None:
    chosen = arguments.metrics.split(",") if arguments.metrics else None
    behind = []
    print(f"{cpu()}; libloss {libloss.config()['version']}, {libloss.config()['instruction_set']}; scikit-learn {sklearn.__version__}, "
          f"NumPy {np.__version__}; load {os.getloadavg()[0]:.1f}")
    every, weights = data(arguments.cases), np.random.default_rng(6).random(arguments.cases)
    for spec, kind, theirs in work():
        name = spec.partition("(")[0]
        if chosen and name not in chosen:
            continue
        metric, (p, t) = libloss.metrics.Metric(spec), every[kind]
        for weight in (None, weights[:len(t)]):
            times = race({"libloss": lambda m=metric, p=p, t=t, w=weight: m(prediction=p, target=t, weight=w),
                          "sklearn": lambda f=theirs, p=p, t=t, w=weight: f(t, p, w)}, arguments.seconds, 3)
            (ours, our_median), (least, median) = ((a / 1e6, b / 1e6) for a, b in (times["libloss"], times["sklearn"]))
            what = f"{spec}, {kind}{'' if weight is None else ', weighted'}"
            print(f"{what:58} libloss {ours:8.2f} ({our_median:.2f})  scikit-learn {least:8.2f} ({median:.2f}) ms  "
                  f"scikit-learn takes {least / ours:6.2f} of libloss", flush=True)
            if least < ours:
                behind.append(f"{what} ({least / ours:.2f})")
    print(f"\nslower than scikit-learn: {'; '.join(behind) or 'nowhere'}")


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # scikit-learn warns of rows that do not add up to 1 to the last bit
    main()
