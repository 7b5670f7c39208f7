"""Small real sets for the boosters, and what their tests share."""

from __future__ import annotations

import functools
import warnings

import numpy as np
from sklearn import datasets

Arrays = tuple[np.ndarray, np.ndarray]


def shown(x: object) -> str:
    """A sample or a loss in the name of a test, which must be the same in every process."""
    return getattr(x, "__name__", str(x))


@functools.cache
def diabetes() -> Arrays:
    return datasets.load_diabetes(return_X_y=True)


def small_diabetes() -> Arrays:
    """Targets of a few units, so that 1 is an ordinary residual."""
    X, y = diabetes()
    return X, y / 50


def counts() -> Arrays:
    X, y = diabetes()
    return X, np.floor(y / 30)


@functools.cache
def cancer() -> Arrays:
    return datasets.load_breast_cancer(return_X_y=True)


@functools.cache
def digits() -> Arrays:
    X, y = datasets.load_digits(return_X_y=True)
    return X[:700], y[:700]


@functools.cache
def wine() -> Arrays:
    return datasets.load_wine(return_X_y=True)


def weights(y: np.ndarray, weighted: bool) -> np.ndarray | None:
    return np.random.default_rng(0).uniform(0.5, 2, len(y)) if weighted else None


def silently(make, *args, **named):
    """Of losses that warn of having no curvature."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return make(*args, **named)


def smooth_quantile(prediction, target, tau=0.5, width=0.1):
    """Pinball loss with a kink of some width: a loss of one's own."""
    r = (prediction - target) / width
    above = 1 / (1 + np.exp(-np.clip(r, -500, 500)))
    return width * (np.logaddexp(0, r) - tau * r), above - tau, above * (1 - above) / width


def fair(prediction, target, c=1.0):
    """What LightGBM calls fair: c^2 (|r|/c - ln(1 + |r|/c))."""
    r = prediction - target
    size = np.abs(r) / c
    return c * c * (size - np.log1p(size)), r / (1 + size), 1 / (1 + size) ** 2
