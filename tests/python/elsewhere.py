"""Prints, for every other library that is installed, which of its losses and metrics libloss has or answers to, and which not yet.

    python tests/python/elsewhere.py
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable

import libloss


def torch_names() -> list[str]:
    torch = importlib.import_module("torch")
    words = re.compile(r"loss$|entropy|kl_div$")
    return [n for n in dir(torch.nn) if n.endswith("Loss")] + [n for n in dir(torch.nn.functional) if words.search(n) and n[0] != "_"]


def keras_names() -> list[str]:
    losses = importlib.import_module("keras").losses
    return [n for n, x in vars(losses).items() if inspect.isclass(x) and issubclass(x, losses.Loss) and x is not losses.Loss]


def optax_names() -> list[str]:
    losses = importlib.import_module("optax").losses
    return [n for n, x in vars(losses).items() if callable(x) and n[0] != "_" and n not in ("smooth_labels", "make_fenchel_young_loss")]


def sklearn_names() -> list[str]:
    metrics = importlib.import_module("sklearn.metrics")
    other = re.compile(r"Display$|^pair|^get_|^make_|^check_|report$|distances$|_curve$|^cluster$|^nan_|^DistanceMetric$|_at_thresholds$|_support$")
    return [n for n in metrics.__all__ if not other.search(n) and n not in vars(metrics.cluster)]


LIBRARIES: dict[str, Callable[[], list[str]]] = {"torch": torch_names, "keras": keras_names, "optax": optax_names, "sklearn": sklearn_names}


def answer(name: str) -> str | None:
    """What libloss says to a name: its own name, or that it is called otherwise here; None where it knows nothing of it."""
    try:
        return str(libloss.Loss(name).name)
    except libloss.Error as problem:
        if "a name of" in str(problem):
            return str(problem).partition("here it is ")[2]
    return name if hasattr(libloss.metrics, name) else None


def main() -> None:
    for library, names in LIBRARIES.items():
        try:
            answers = {name: answer(name) for name in names()}
        except ImportError:
            print(f"{library}: not installed")
            continue
        known = {name: text for name, text in answers.items() if text}
        print(f"{library}: {len(known)} of {len(answers)}")
        for name, text in known.items():
            print(f"    {name:44} {text}")
        print(f"    not yet: {', '.join(name for name in answers if name not in known) or 'none'}\n")


if __name__ == "__main__":
    main()
