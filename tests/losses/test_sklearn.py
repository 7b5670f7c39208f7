"""scikit-learn's losses as foreign facts: values, gradients and Hessians of each element, and its metrics' weighted means."""

from __future__ import annotations

import numpy as np
import pytest
from harness import Loss

peers = pytest.importorskip("sklearn._loss.loss")
metrics = pytest.importorskip("sklearn.metrics")

# ours; theirs; how often theirs ours is; what the target looks like
POINTWISE = [
    ("half_squared_error", peers.HalfSquaredError(), 1, "real"),
    ("absolute_error", peers.AbsoluteError(), 1, "real"),
    ("quantile(tau=0.8)", peers.PinballLoss(quantile=0.8), 1, "real"),
    ("binary_cross_entropy_with_logits", peers.HalfBinomialLoss(), 1, "label"),
]


def numbers(kind: str):
    rng = np.random.default_rng(21)
    p, t, w = rng.normal(size=300) * 2, rng.normal(size=300), rng.choice([0.3, 1, 2.5], 300)
    return p, (t > 0).astype(float) if kind == "label" else t, w


@pytest.mark.parametrize(("spec", "peer", "times", "kind"), POINTWISE, ids=[p[0] for p in POINTWISE])
def test_elements(spec, peer, times, kind):
    p, t, w = numbers(kind)
    got = Loss(spec).eval(p, t, weight=w, reduction="none", grad=[0], hess=[0], values=np.empty(300), upper=spec == "quantile(tau=0.8)")
    gradient, hessian = peer.gradient_hessian(y_true=t, raw_prediction=p, sample_weight=w)
    np.testing.assert_allclose(got["values"], times * peer.loss(y_true=t, raw_prediction=p, sample_weight=w), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(got["grad0"], times * gradient, rtol=1e-12, atol=1e-15)
    if spec not in ("absolute_error", "quantile(tau=0.8)"):  # straight lines: 1 there, 0 or 1 here
        np.testing.assert_allclose(got["hess0"], times * hessian, rtol=1e-11, atol=1e-15)


def test_rows_of_logits():
    rng = np.random.default_rng(22)
    z, y, w = rng.normal(size=(200, 4)) * 2, rng.integers(0, 4, 200), rng.choice([0.3, 1, 2.5], 200)
    peer = peers.HalfMultinomialLoss(n_classes=4)
    got = Loss("cross_entropy").eval(z, y, weight=w, reduction="none", grad=[0], hess=[0], values=np.empty(200))
    gradient, hessian = peer.gradient_hessian(y_true=y.astype(float), raw_prediction=z, sample_weight=w)
    np.testing.assert_allclose(got["values"], peer.loss(y_true=y.astype(float), raw_prediction=z, sample_weight=w), rtol=1e-12)
    np.testing.assert_allclose(got["grad0"], gradient, rtol=1e-11, atol=1e-15)
    np.testing.assert_allclose(got["hess0"], hessian, rtol=1e-11, atol=1e-15)


METRICS = {
    "squared_error": (metrics.mean_squared_error, "real"),
    "absolute_error": (metrics.mean_absolute_error, "real"),
    "absolute_percentage_error": (metrics.mean_absolute_percentage_error, "real"),
    "quantile(tau=0.3)": (lambda t, p, sample_weight: metrics.mean_pinball_loss(t, p, alpha=0.3, sample_weight=sample_weight), "real"),
    "hinge": (lambda t, p, sample_weight: metrics.hinge_loss(t, p, sample_weight=sample_weight), "sign"),
    "brier": (metrics.brier_score_loss, "probability"),
    "binary_cross_entropy": (metrics.log_loss, "probability"),
}


@pytest.mark.parametrize("spec", METRICS)
def test_weighted_means(spec):
    """What scikit-learn calls a weighted mean is weighted_mean."""
    peer, kind = METRICS[spec]
    p, t, w = numbers("label" if kind != "real" else kind)
    if kind == "sign":
        t = 2 * t - 1
    if kind == "probability":
        p = 1 / (1 + np.exp(-p))
    assert Loss(spec).eval(p, t, weight=w, reduction="weighted_mean")["value"] == pytest.approx(peer(t, p, sample_weight=w), rel=1e-12)
