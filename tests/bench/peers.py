"""The same work in PyTorch, torch.compile, JAX, scikit-learn and NumPy, as their users write it; those that are installed."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

Runs = dict[str, Callable[[], Any]]


def find(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


torch, jax, sklearn_loss = find("torch"), find("jax"), find("sklearn._loss.loss")
if torch:
    torch.set_num_threads(1)


def versions() -> dict[str, str]:
    found = {"numpy": np.__version__}
    for name in ("torch", "jax", "jaxlib", "sklearn"):
        module = find(name)
        found[name] = module.__version__ if module else "not installed"
    return found


def _torch_losses() -> dict[str, Callable[..., Any]]:
    f = torch.nn.functional
    return {
        "squared_error": f.mse_loss, "huber": f.huber_loss, "binary_cross_entropy_with_logits": f.binary_cross_entropy_with_logits,
        "binary_cross_entropy": f.binary_cross_entropy, "cross_entropy": f.cross_entropy, "brier": f.mse_loss,
    }


def _jax_losses() -> dict[str, Callable[..., Any]]:
    jnp = jax.numpy

    def bce(p, t):
        log_p, log_q = jnp.clip(jnp.log(p), -100), jnp.clip(jnp.log1p(-p), -100)
        return -jnp.mean(t * log_p + (1 - t) * log_q)

    return {
        "squared_error": lambda x, y: jnp.mean((x - y) ** 2),
        "brier": lambda x, y: jnp.mean((x - y) ** 2),
        "huber": lambda x, y: jnp.mean(jnp.where(abs(x - y) <= 1, (x - y) ** 2 / 2, abs(x - y) - 0.5)),
        "binary_cross_entropy_with_logits": lambda x, y: jnp.mean(jax.nn.softplus(x) - y * x),
        "binary_cross_entropy": bce,
        "cross_entropy": lambda x, k: jnp.mean(jax.nn.logsumexp(x, axis=1) - jnp.take_along_axis(x, k[:, None], 1)[:, 0]),
    }


def _numpy_losses() -> dict[str, Callable[..., Any]]:
    def squared(p, t):
        d = p - t
        return (d * d).mean(), d * (2 / p.size)

    def huber(p, t):
        d = p - t
        clipped = np.clip(d, -1, 1)
        return (clipped * (d - clipped / 2)).mean(), clipped / p.size

    def bce(p, t):
        return (np.logaddexp(0, p) - t * p).mean(), (1 / (1 + np.exp(-p)) - t) / p.size

    def cross_entropy(z, y):
        e = np.exp(z - z.max(1, keepdims=True))
        p = e / e.sum(1, keepdims=True)
        rows = np.arange(len(z))
        value = -np.log(p[rows, y]).mean()
        p[rows, y] -= 1
        return value, p / len(z)

    return {"squared_error": squared, "huber": huber, "binary_cross_entropy_with_logits": bce, "cross_entropy": cross_entropy}


def _sklearn_loss(loss: str, classes: int) -> Any:
    if loss == "cross_entropy":
        return sklearn_loss.HalfMultinomialLoss(n_classes=classes)
    known = {"squared_error": lambda: sklearn_loss.HalfSquaredError(), "huber": lambda: sklearn_loss.HuberLoss(delta=1.0),
             "binary_cross_entropy_with_logits": lambda: sklearn_loss.HalfBinomialLoss()}
    return known[loss]() if loss in known else None


def value_and_grad(loss: str, p: np.ndarray, t: np.ndarray, compiled: bool) -> Runs:
    """Value of the mean and its gradient by the prediction. `compiled`: with torch.compile, which takes long to warm up."""
    runs: Runs = {}
    if torch and loss in _torch_losses():
        x, y = torch.tensor(p, requires_grad=True), torch.tensor(t)

        def with_torch(f):
            def run():
                x.grad = None
                value = f(x, y)
                value.backward()
                return value

            return run

        runs["torch"] = with_torch(_torch_losses()[loss])
        if compiled:
            torch._dynamo.reset()
            runs["torch.compile"] = with_torch(torch.compile(_torch_losses()[loss], dynamic=False))
    if jax and loss in _jax_losses():
        if p.dtype == np.float64:
            jax.config.update("jax_enable_x64", True)
        step = jax.jit(jax.value_and_grad(_jax_losses()[loss]))
        a, b = jax.numpy.asarray(p), jax.numpy.asarray(t)
        runs["jax"] = lambda: jax.block_until_ready(step(a, b))
    if sklearn_loss:
        theirs = _sklearn_loss(loss, p.shape[-1])
        if theirs:
            label = t.astype(p.dtype)
            value, grad = np.empty(len(p), p.dtype), np.empty_like(p)
            runs["sklearn"] = lambda: theirs.loss_gradient(label, p, None, value, grad, 1)
    if loss in _numpy_losses():
        runs["numpy"] = lambda: _numpy_losses()[loss](p, t)
    return runs


def value(loss: str, p: np.ndarray, t: np.ndarray) -> Runs:
    runs: Runs = {}
    if torch and loss in _torch_losses():
        x, y, f = torch.tensor(p), torch.tensor(t), _torch_losses()[loss]
        runs["torch"] = lambda: f(x, y)
    if jax and loss in _jax_losses():
        step = jax.jit(_jax_losses()[loss])
        a, b = jax.numpy.asarray(p), jax.numpy.asarray(t)
        runs["jax"] = lambda: jax.block_until_ready(step(a, b))
    if loss == "squared_error":
        runs["numpy"] = lambda: ((p - t) ** 2).mean()
    return runs


def sums(v: np.ndarray) -> Runs:
    """In double, whatever the values are."""
    runs: Runs = {"numpy": lambda: v.sum(dtype=np.float64)}
    if torch:
        x = torch.tensor(v)
        runs["torch"] = lambda: x.sum(dtype=torch.float64)
    return runs


def grad_and_hess(loss: str, p: np.ndarray, t: np.ndarray) -> Runs:
    """Of every value on its own, as boosters ask."""
    runs: Runs = {}
    if sklearn_loss and _sklearn_loss(loss, 0):
        theirs, grad, hess = _sklearn_loss(loss, 0), np.empty_like(p), np.empty_like(p)
        runs["sklearn"] = lambda: theirs.gradient_hessian(t, p, None, grad, hess, 1)
    if jax and loss == "binary_cross_entropy_with_logits":

        def both(x, y):
            s = jax.nn.sigmoid(x)
            return s - y, s * (1 - s)

        step, a, b = jax.jit(both), jax.numpy.asarray(p), jax.numpy.asarray(t)
        runs["jax"] = lambda: jax.block_until_ready(step(a, b))
    return runs
