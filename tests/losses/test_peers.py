"""Foreign facts: every loss against a library that has it too, conventions mapped here and nowhere else.

Tolerances are the peers': several of them cancel or clip (the points are ordinary ones on purpose).
"""

from __future__ import annotations

import numpy as np
import pytest
from harness import Loss, names

torch = pytest.importorskip("torch")
F = torch.nn.functional
logistic = lambda z: torch.nn.functional.softplus(z, threshold=1000)  # noqa: E731

# loss -> the peer's function of (prediction, target), reduced by the mean unless it says otherwise; and how targets look
PEERS = {
    "squared_error": (F.mse_loss, "real"),
    "half_squared_error": (lambda p, t: F.mse_loss(p, t) / 2, "real"),
    "absolute_error": (F.l1_loss, "real"),
    "huber": (F.huber_loss, "real"),
    "huber(delta=0.5)": (lambda p, t: F.huber_loss(p, t, delta=0.5), "real"),
    "smooth_l1": (F.smooth_l1_loss, "real"),
    "smooth_l1(beta=0.25)": (lambda p, t: F.smooth_l1_loss(p, t, beta=0.25), "real"),
    "pseudo_huber": (lambda p, t: (torch.sqrt(1 + (p - t) ** 2) - 1).mean(), "real"),
    "log_cosh": (lambda p, t: torch.log(torch.cosh(p - t)).mean(), "real"),
    "quantile(tau=0.9)": (lambda p, t: torch.maximum(0.1 * (p - t), -0.9 * (p - t)).mean(), "real"),
    "absolute_percentage_error": (lambda p, t: ((p - t).abs() / t.abs()).mean(), "real"),
    "squared_log_error": (lambda p, t: F.mse_loss(torch.log1p(p), torch.log1p(t)), "positive"),
    "binary_cross_entropy": (F.binary_cross_entropy, "probability"),
    "binary_cross_entropy_with_logits": (F.binary_cross_entropy_with_logits, "label"),
    "binary_cross_entropy_with_logits(pos_weight=3)": (lambda p, t: F.binary_cross_entropy_with_logits(p, t, pos_weight=torch.tensor(3.0)), "label"),
    "brier": (F.mse_loss, "probability"),
    "logistic": (F.soft_margin_loss, "sign"),
    "hinge": (lambda p, t: torch.relu(1 - t * p).mean(), "sign"),
    "squared_hinge": (lambda p, t: (torch.relu(1 - t * p) ** 2).mean(), "sign"),
    "exponential": (lambda p, t: torch.exp(-t * p).mean(), "sign"),
    "cross_entropy": (F.cross_entropy, "class"),
    "cross_entropy(label_smoothing=0.1)": (lambda p, t: F.cross_entropy(p, t, label_smoothing=0.1), "class"),
    "cross_entropy(ignore_index=1)": (lambda p, t: F.cross_entropy(p, t, ignore_index=1), "class"),
    "nll": (F.nll_loss, "class"),
    "categorical_cross_entropy": (lambda p, t: F.nll_loss(torch.log(p), t), "class_probability"),
    "kl_divergence": (lambda p, t: F.kl_div(torch.log(p), t, reduction="batchmean"), "rows"),
    "gan_minimax": (lambda p, t: (t * logistic(-p) + (1 - t) * logistic(p)).mean(), "label"),
    "gan_minimax(player=generator)": (lambda p, t: -(t * logistic(-p) + (1 - t) * logistic(p)).mean(), "label"),
    "gan_non_saturating(player=generator)": (lambda p, t: ((1 - t) * logistic(-p) + t * logistic(p)).mean(), "label"),
}


def data(kind: str):
    rng = np.random.default_rng(12)
    p, t = rng.normal(size=400) * 2, rng.normal(size=400)
    if kind == "positive":
        return np.abs(p), np.abs(t)
    if kind == "probability":
        return rng.uniform(0.01, 0.99, 400), rng.uniform(size=400)
    if kind == "label":
        return p, (t > 0).astype(float)
    if kind == "sign":
        return p, np.sign(t)
    if kind == "real":
        return p, t
    rows = rng.normal(size=(80, 5))
    if kind == "rows":
        return rng.dirichlet(np.ones(5), 80), rng.dirichlet(np.ones(5), 80)
    return rng.dirichlet(np.ones(5), 80) if kind == "class_probability" else rows, rng.integers(0, 5, 80)


def test_every_loss_has_a_foreign_fact():
    assert set(names("pointwise") + names("rows")) == {spec.partition("(")[0] for spec in PEERS}


@pytest.mark.parametrize("spec", PEERS)
def test_agrees_with_the_peer(spec):
    peer, kind = PEERS[spec]
    p, t = data(kind)
    ours = Loss(spec).eval(p, t, grad=[0])
    x = torch.tensor(p, requires_grad=True)
    theirs = peer(x, torch.tensor(t))
    theirs.backward()
    assert ours["value"] == pytest.approx(theirs.item(), rel=1e-12)
    np.testing.assert_allclose(ours["grad0"], x.grad.numpy(), rtol=1e-9, atol=1e-15)


def test_class_weights_as_torch_means_them():
    p, t = data("class")
    w = np.array([0.5, 1, 2, 0.25, 3])
    for smoothing in (0.0, 0.1):
        x = torch.tensor(p, requires_grad=True)
        theirs = F.cross_entropy(x, torch.tensor(t), weight=torch.tensor(w), label_smoothing=smoothing)
        theirs.backward()
        ours = Loss(f"cross_entropy(label_smoothing={smoothing})").eval(p, t, w, grad=[0], reduction="weighted_mean")
        assert ours["value"] == pytest.approx(theirs.item(), rel=1e-12)
        np.testing.assert_allclose(ours["grad0"], x.grad.numpy(), rtol=1e-9, atol=1e-15)
