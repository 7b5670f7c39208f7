"""What judges and cannot train. Keywords only, on purpose: precision with its arguments swapped is recall.

    libloss.metrics.precision(prediction=p, target=t, threshold=0.5)
    libloss.metrics.Counts(classes=3).add(prediction=p, target=t).f_beta(average="macro")

Where classes are counted, a prediction is an array of classes; with ``threshold`` an array of scores, of which those above it are
class 1; or rows of scores, one axis more than the target, of which the largest counts. Every element of the target is a case of one
class; with ``multilabel=True`` a row of the last axis is one, and has 0 or 1 for each label:

    libloss.metrics.f1(prediction=p, target=t, threshold=0.5, multilabel=True, average="samples")    # p and t of shape (rows, labels)

What judges probabilities, scores or real numbers takes them as they are; mean errors are losses with ``reduction="weighted_mean"``.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from ._errors import Error
from ._loss import Loss
from ._metrics import Counts, Metric, functions, info, metrics

globals().update(functions)


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    try:
        loss = Loss(name).name
    except Error as problem:
        if "a name of" in str(problem):
            raise AttributeError(f"libloss.metrics has no {name}: {problem}", name=name) from None
    else:
        raise AttributeError(f"libloss.metrics has no {name}: it is a loss, libloss.{loss}(..., reduction='weighted_mean')", name=name)
    near = get_close_matches(name.removesuffix("_score"), functions)
    hint = f"; did you mean {', '.join(near)}?" if near else f"; there are {', '.join(metrics())}"
    raise AttributeError(f"libloss.metrics has no {name}{hint}", name=name)


__all__ = ["Counts", "Metric", "info", "metrics", *functions]
