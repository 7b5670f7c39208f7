"""Best constants against what statistics calls them: means, medians, quantiles, odds, and for the rest the balance that defines them."""

from __future__ import annotations

import numpy as np
import pytest
from formula import Formula
from harness import Loss, check, ffi, lib, tensor

RNG = np.random.default_rng(4)
T, W = RNG.normal(size=301) * 3, RNG.choice([0.0, 0.5, 1.0, 2.0], 301)
SHARE = RNG.random(301)
COUNT = RNG.poisson(2, 301).astype(float)
AMOUNT = RNG.gamma(2, size=301)
LABEL = np.where(SHARE > 0.3, 1.0, -1.0)
V = RNG.gamma(2, size=301) + 0.1


def fit(spec: str, *rest: np.ndarray, weight: np.ndarray | None = W) -> float:
    keep: list = []
    args = ffi.new("libloss_args *")
    args.struct_size = ffi.sizeof("libloss_args")
    for k, x in enumerate(rest, 1):
        args.input[k] = tensor(np.asarray(x, float), keep)
    if weight is not None:
        args.weight = tensor(weight, keep)
    number = ffi.new("double *")
    check(lib.libloss_fit_constant(Loss(spec).handle, args, number, 1))
    return number[0]


def mean(x: np.ndarray) -> float:
    return np.average(x, weights=W)


KNOWN = {
    "squared_error": (lambda: mean(T), (T,)),
    "half_squared_error": (lambda: mean(T), (T,)),
    "brier": (lambda: mean(SHARE), (SHARE,)),
    "binary_cross_entropy": (lambda: mean(SHARE), (SHARE,)),
    "binary_cross_entropy(clip=0.25)": (lambda: mean(SHARE), (SHARE,)),
    "binary_cross_entropy_with_logits": (lambda: np.log(mean(SHARE) / (1 - mean(SHARE))), (SHARE,)),
    "logistic(kappa=2)": (lambda: np.log(mean(LABEL > 0) / mean(LABEL < 0)) / 2, (LABEL,)),
    "exponential": (lambda: np.log(mean(LABEL > 0) / mean(LABEL < 0)) / 2, (LABEL,)),
    "squared_hinge": (lambda: mean(LABEL), (LABEL,)),
    "modified_huber": (lambda: mean(LABEL), (LABEL,)),
    "poisson_nll": (lambda: np.log(mean(COUNT)), (COUNT,)),
    "poisson_nll(log_input=false)": (lambda: mean(COUNT), (COUNT,)),
    "poisson_nll(log_input=false, eps=0.5)": (lambda: mean(COUNT) - 0.5, (COUNT,)),
    "gamma_nll": (lambda: np.log(mean(AMOUNT)), (AMOUNT,)),
    "tweedie(power=1.25)": (lambda: np.log(mean(COUNT)), (COUNT,)),
    "squared_log_error": (lambda: np.expm1(mean(np.log1p(AMOUNT))), (AMOUNT,)),
    "gaussian_nll": (lambda: np.average(T, weights=W / V), (T, V)),
}


@pytest.mark.parametrize("spec", KNOWN)
def test_known_constants(spec):
    want, rest = KNOWN[spec]
    assert fit(spec, *rest) == pytest.approx(want(), rel=1e-12)


def test_quantiles_and_medians():
    order = np.argsort(T)
    below = np.cumsum(W[order]) / W.sum()
    for tau in (0.1, 0.5, 0.9):
        assert fit(f"quantile(tau={tau})", T) == pytest.approx(T[order][np.searchsorted(below, tau)], rel=1e-15)
    assert fit("absolute_error", T) == pytest.approx(T[order][np.searchsorted(below, 0.5)], rel=1e-15)
    assert fit("absolute_error", np.array([1.0, 2, 5, 9]), weight=None) == 3.5


def test_balances():
    for tau in (0.1, 0.8):
        c = fit(f"expectile(tau={tau})", T)
        up, down = (W * np.maximum(T - c, 0)).sum(), (W * np.maximum(c - T, 0)).sum()
        assert tau * up == pytest.approx((1 - tau) * down, rel=1e-12)
    c = fit("huber(delta=0.7)", T)
    assert abs((W * np.clip(c - T, -0.7, 0.7)).sum()) < 1e-12
    c = fit("squared_epsilon_insensitive(epsilon=0.5)", T)
    assert abs((W * np.sign(c - T) * np.maximum(np.abs(c - T) - 0.5, 0)).sum()) < 1e-11


@pytest.mark.parametrize("spec", ["binary_focal", "binary_focal_with_logits", "binary_focal_with_logits(gamma=0.5, alpha=0.25)"])
def test_focal_by_search(spec):
    """Of two labels, three to one: a naive search on the formula itself."""
    loss = Loss(spec)
    formula = Formula(loss.info["formula"])
    gamma, alpha = (0.5, 0.25) if "alpha" in spec else (2.0, None)
    words, numbers = ({}, {"alpha": alpha}) if alpha else ({"alpha": "none"}, {})
    numbers |= {"gamma": gamma, "clip": 0.0} if spec == "binary_focal" else {"gamma": gamma}

    def cost(c):
        return sum(k * formula(words=words, prediction=c, target=t, **numbers).v for k, t in ((3, 1.0), (1, 0.0)))

    low, high = (0.001, 0.999) if spec == "binary_focal" else (-8.0, 8.0)
    for _ in range(90):
        a, b = low + (high - low) / 3, high - (high - low) / 3
        low, high = (low, b) if cost(a) < cost(b) else (a, high)
    assert fit(spec, np.array([1.0, 1, 1, 0]), weight=None) == pytest.approx(low, rel=1e-8)


def test_where_there_is_no_end():
    ones = np.ones(5)
    assert fit("hinge", ones, weight=None) == 1
    assert 700 < fit("logistic", ones, weight=None) < 800  # from there on the slope is 0 in double
    assert fit("kl_pointwise", ones, weight=None) == np.inf
    assert fit("binary_cross_entropy", ones, weight=None) == 1
    assert fit("binary_cross_entropy(clip=0.125)", ones, weight=None) == 0.875
