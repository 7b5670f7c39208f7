"""How accurate libloss, PyTorch, JAX and scikit-learn are: the worst error of value and gradient in ULP, against the formula with 100 digits.

    python tests/bench/peers_accuracy.py [--points 60] [--losses NAME,NAME] [--out DIR]

Two sets of points: ordinary ones (predictions of a few units) and the hard ones of tests/losses/points.py (saturated logits, tiny residuals,
subnormals, probabilities at 0 and 1). Points where the exact result is infinite, and kinks where libraries differ by
convention, are left out. PyTorch and scikit-learn by their own functions; JAX as jax.nn and optax put it. ULP of the larger term where a soft
target truly cancels. `inf`: not finite where the exact result is, or the other way round.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import sys
from collections.abc import Callable
from typing import Any

HERE = pathlib.Path(__file__).resolve().parent
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--points", type=int, default=60, help="random points of each kind, beside the fixed hard ones")
parser.add_argument("--losses", help="names, separated by commas")
parser.add_argument("--out", type=pathlib.Path, help="folder for accuracy.json")

if "LIBLOSS_SO" not in os.environ:
    import libloss

    os.environ["LIBLOSS_SO"] = str(next(pathlib.Path(libloss.__file__).parent.glob("libloss.so*")))
sys.path[:0] = [str(HERE.parent / "oracle"), str(HERE.parent / "losses")]
import mpmath as mp  # noqa: E402
import numpy as np  # noqa: E402
from formula import Formula  # noqa: E402
from harness import Loss  # noqa: E402
from peers import jax, sklearn_loss, torch  # noqa: E402
from points import elementwise  # noqa: E402
from rows import cross_entropy, row_cases  # noqa: E402
from scales import larger  # noqa: E402
from test_accuracy import error  # noqa: E402

Pair = tuple[np.ndarray, np.ndarray]  # values and gradients
LOSSES = ("squared_error", "half_squared_error", "absolute_error", "huber", "smooth_l1", "pseudo_huber", "log_cosh", "quantile", "squared_log_error",
          "binary_cross_entropy", "binary_cross_entropy_with_logits", "logistic", "hinge", "squared_hinge", "exponential", "cross_entropy")
KINK_AT_0 = ("absolute_error", "quantile")


def of_torch(name: str) -> Callable[..., Any] | None:
    f = torch.nn.functional
    return {
        "squared_error": f.mse_loss, "absolute_error": f.l1_loss, "huber": f.huber_loss, "smooth_l1": f.smooth_l1_loss,
        "binary_cross_entropy": f.binary_cross_entropy, "binary_cross_entropy_with_logits": f.binary_cross_entropy_with_logits,
        "logistic": f.soft_margin_loss, "cross_entropy": f.cross_entropy,
    }.get(name)


def of_jax(name: str) -> Callable[..., Any] | None:
    jnp, nn = jax.numpy, jax.nn

    def huber(p, t):
        size = jnp.abs(p - t)
        quadratic = jnp.minimum(size, 1)
        return 0.5 * quadratic**2 + (size - quadratic)

    return {
        "squared_error": lambda p, t: (p - t) ** 2,
        "half_squared_error": lambda p, t: 0.5 * (p - t) ** 2,
        "absolute_error": lambda p, t: jnp.abs(p - t),
        "huber": huber,
        "log_cosh": lambda p, t: jnp.logaddexp(p - t, t - p) - jnp.log(2.0).astype(p.dtype),
        "pseudo_huber": lambda p, t: jnp.sqrt(1 + (p - t) ** 2) - 1,
        "squared_log_error": lambda p, t: (jnp.log1p(p) - jnp.log1p(t)) ** 2,
        "binary_cross_entropy_with_logits": lambda p, t: -t * nn.log_sigmoid(p) - (1 - t) * nn.log_sigmoid(-p),
        "logistic": lambda p, t: nn.softplus(-t * p),
        "hinge": lambda p, t: jnp.maximum(0, 1 - t * p),
        "exponential": lambda p, t: jnp.exp(-t * p),
        "cross_entropy": lambda z, k: nn.logsumexp(z, axis=-1) - jnp.take_along_axis(z, k[:, None], -1)[:, 0],
    }.get(name)


def of_sklearn(name: str, classes: int) -> Any:
    known = {"half_squared_error": lambda: sklearn_loss.HalfSquaredError(), "absolute_error": lambda: sklearn_loss.AbsoluteError(),
             "huber": lambda: sklearn_loss.HuberLoss(delta=1.0), "quantile": lambda: sklearn_loss.PinballLoss(quantile=0.5),
             "binary_cross_entropy_with_logits": lambda: sklearn_loss.HalfBinomialLoss(),
             "cross_entropy": lambda: sklearn_loss.HalfMultinomialLoss(n_classes=max(classes, 3)) if classes >= 3 else None}
    return known[name]() if name in known else None


def contestants(name: str, p: np.ndarray, t: np.ndarray) -> dict[str, Pair]:
    """Values and gradients of every value on its own, by each library that has the loss."""
    values = np.empty(len(p), p.dtype)
    got = {"libloss": (values, Loss(name).eval(p, t, grad=[0], values=values, reduction="none")["grad0"])}
    if torch and of_torch(name):
        x = torch.tensor(p, requires_grad=True)
        v = of_torch(name)(x, torch.tensor(t), reduction="none")
        v.sum().backward()
        got["torch"] = (v.detach().numpy(), x.grad.numpy())
    if jax and of_jax(name):
        f = of_jax(name)
        got["jax"] = (np.asarray(jax.jit(f)(p, t)), np.asarray(jax.jit(jax.grad(lambda x, y: f(x, y).sum()))(p, t)))
    if sklearn_loss and (theirs := of_sklearn(name, p.shape[-1])):
        got["sklearn"] = theirs.loss_gradient(t.astype(p.dtype), np.ascontiguousarray(p))
    return got


class Worst:
    """The worst error of each (output, library) and where it is."""

    def __init__(self) -> None:
        self.worst: dict[tuple[str, str], tuple[float, str]] = {}

    def note(self, output: str, library: str, err: float, place: str) -> None:
        if err > self.worst.get((output, library), (-1.0, ""))[0]:
            self.worst[output, library] = (err, place)


def ordinary(name: str, dtype: type, n: int) -> Pair:
    rng = np.random.default_rng(3)
    p, t = (rng.normal(size=n) * 2).astype(dtype), rng.normal(size=n).astype(dtype)
    if name == "squared_log_error":
        return np.abs(p), np.abs(t)
    if name == "binary_cross_entropy":
        return rng.uniform(0.01, 0.99, n).astype(dtype), rng.integers(0, 2, n).astype(dtype)
    if name == "binary_cross_entropy_with_logits":
        return p, rng.integers(0, 2, n).astype(dtype)
    return (p, np.sign(t)) if name in ("logistic", "hinge", "squared_hinge", "exponential") else (p, t)


def hard(name: str, dtype: type, n: int) -> Pair:
    """The tests' hard points; of a loss of scores also every saturated one with either label, whatever n is."""
    inputs = Loss(name).inputs
    p, t = elementwise(name, name, inputs, dtype, np.random.default_rng(7), n)
    if inputs[0]["kind"] == "real" and inputs[1]["kind"] in ("probability", "sign"):
        scores = [s * z for s in (-1, 1) for z in (17, 27, 40, 85, 89, 95, 103, 110, *([700, 720, 745] if dtype is np.float64 else []))]
        for label in (0, 1) if inputs[1]["kind"] == "probability" else (-1, 1):
            p, t = np.append(p, np.array(scores, dtype)), np.append(t, np.full(len(scores), label, dtype))
    return p, t


def pointwise(name: str, dtype: type, p: np.ndarray, t: np.ndarray) -> Worst:
    worst, loss = Worst(), Loss(name)
    formula = Formula(loss.info["formula"])
    words = {x["name"]: x["choices"][int(x["fallback"])] for x in loss.parameters if x["choices"]}
    parameters = {x["name"]: float(dtype(x["fallback"])) for x in loss.parameters if not x["choices"]}
    got = contestants(name, p, t)
    for i in range(len(p)):
        scope = {"prediction": float(p[i]), "target": float(t[i]), **parameters}
        try:
            exact = formula(wrt="prediction", words=words, **scope)
        except ZeroDivisionError:
            continue
        place = f"({p[i]:.9g}, {t[i]:.9g})"
        for library, (values, gradients) in got.items():
            if mp.isfinite(exact.v):
                worst.note("value", library, error(values[i], exact.v, dtype), place)
            if mp.isfinite(exact.d) and not (name in KINK_AT_0 and p[i] == t[i]):
                worst.note("gradient", library, error(gradients[i], exact.d, dtype, larger(name, "grad0", {}, scope)), place)
    return worst


def row_cases_of(dtype: type, far: bool) -> Any:
    for case in row_cases("cross_entropy", dtype):
        classes = case.prediction.shape[1]
        if case.spec == "cross_entropy" and case.target.ndim == 1 and case.class_weight is None and classes in (3, 10, 65):
            if not far:
                case.prediction = (np.random.default_rng(classes).normal(size=case.prediction.shape) * 2).astype(dtype)
            yield case


def of_rows(dtype: type, far: bool) -> Worst:
    worst = Worst()
    for case in row_cases_of(dtype, far):
        got = contestants("cross_entropy", case.prediction, case.target)
        for r in range(len(case.prediction)):
            exact = cross_entropy(case, r)
            row, label = case.prediction[r], case.target[r]
            place = f"row of {len(row)}: max {row.max():.6g}, label {label} has {row[label]:.6g}"
            for library, (values, gradients) in got.items():
                worst.note("value", library, error(values[r], exact.value, dtype), place)
                for j, x in enumerate(exact.grad):
                    worst.note("gradient", library, error(gradients[r, j], x, dtype), place)
    return worst


def main() -> None:
    arguments = parser.parse_args()
    if jax:
        jax.config.update("jax_enable_x64", True)
    chosen = arguments.losses.split(",") if arguments.losses else LOSSES
    libraries = ("libloss", "torch", "jax", "sklearn")
    found = []
    print(f"{'worst error in ULP':36} {'points':9} {'':9}" + "".join(f"{x:>14}" for x in libraries) + "  declared   worst peer at")
    for name in chosen:
        for dtype, far in ((np.float32, False), (np.float32, True), (np.float64, False), (np.float64, True)):
            if name == "cross_entropy":
                worst = of_rows(dtype, far)
            else:
                points = hard(name, dtype, arguments.points) if far else ordinary(name, dtype, 3 * arguments.points)
                worst = pointwise(name, dtype, *points)
            bounds = Loss(name).info["f4" if dtype is np.float32 else "f8"]
            for k, output in enumerate(("value", "gradient")):
                errors = {x: worst.worst[output, x] for x in libraries if (output, x) in worst.worst}
                peer = max((e for x, e in errors.items() if x != "libloss"), default=(0.0, ""))
                found.append({"loss": name, "dtype": np.dtype(dtype).name, "points": "hard" if far else "ordinary", "output": output, "declared": bounds[k],
                              **{x: {"ulp": str(e[0]), "at": e[1]} for x, e in errors.items()}})
                print(f"{name + ' ' + np.dtype(dtype).name:36} {'hard' if far else 'ordinary':9} {output:9}"
                      + "".join(f"{errors[x][0]:14.4g}" if x in errors else f"{'-':>14}" for x in libraries) + f"  {bounds[k]:8g}   {peer[1]}", flush=True)
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
        (arguments.out / "accuracy.json").write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
