"""Foreign facts: every loss against a library that has it too, conventions mapped here and nowhere else.

Tolerances are the peers': several of them cancel or clip (the points are ordinary ones on purpose).
"""

from __future__ import annotations

import functools

import numpy as np
import pytest
from harness import Loss, names

torch = pytest.importorskip("torch")
F = torch.nn.functional
logistic = lambda z: torch.nn.functional.softplus(z, threshold=1000)  # noqa: E731


def focal(p, t, gamma, alpha):
    """As torchvision computes it, from the probability."""
    share = 1 if alpha is None else alpha * t + (1 - alpha) * (1 - t)
    return (share * (1 - (p * t + (1 - p) * (1 - t))) ** gamma * F.binary_cross_entropy(p, t, reduction="none")).mean()


def softmax_focal(p, t, gamma):
    surprise = F.cross_entropy(p, t, reduction="none")
    return ((1 - (-surprise).exp()) ** gamma * surprise).mean()


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
    "expectile(tau=0.9)": (lambda p, t: torch.where(p > t, 0.1 * (p - t) ** 2, 0.9 * (p - t) ** 2).mean(), "real"),
    "epsilon_insensitive": (lambda p, t: torch.relu((p - t).abs() - 0.1).mean(), "real"),
    "squared_epsilon_insensitive": (lambda p, t: (torch.relu((p - t).abs() - 0.1) ** 2).mean(), "real"),
    "adaptive_robust": (lambda p, t: (torch.sqrt((p - t) ** 2 + 1) - 1).mean(), "real"),
    "adaptive_robust(alpha=-1.5, scale=2)": (lambda p, t: (3.5 / -1.5 * ((((p - t) / 2) ** 2 / 3.5 + 1) ** -0.75 - 1)).mean(), "real"),
    "absolute_percentage_error": (lambda p, t: ((p - t).abs() / t.abs()).mean(), "real"),
    "squared_log_error": (lambda p, t: F.mse_loss(torch.log1p(p), torch.log1p(t)), "positive"),
    "binary_cross_entropy": (F.binary_cross_entropy, "probability"),
    "binary_cross_entropy_with_logits": (F.binary_cross_entropy_with_logits, "label"),
    "binary_cross_entropy_with_logits(pos_weight=3)": (lambda p, t: F.binary_cross_entropy_with_logits(p, t, pos_weight=torch.tensor(3.0)), "label"),
    "brier": (F.mse_loss, "probability"),
    "binary_cross_entropy(clip=0.125)": (lambda p, t: F.binary_cross_entropy(p.clamp(0.125, 0.875), t), "probability"),
    "binary_focal(alpha=0.25)": (lambda p, t: focal(p, t, 2, 0.25), "label_probability"),
    "binary_focal_with_logits(gamma=1.5)": (lambda p, t: focal(torch.sigmoid(p), t, 1.5, None), "label"),
    "poisson_nll": (F.poisson_nll_loss, "count"),
    "poisson_nll(log_input=false, eps=0.5)": (lambda p, t: F.poisson_nll_loss(p, t, log_input=False, eps=0.5), "positive"),
    "poisson_nll(full=true)": (lambda p, t: -torch.distributions.Poisson(torch.exp(p)).log_prob(t).mean(), "count"),
    "gamma_nll": (lambda p, t: (p + t * torch.exp(-p)).mean(), "amount"),
    "tweedie(power=1.25)": (lambda p, t: (torch.exp(0.75 * p) / 0.75 + t * torch.exp(-0.25 * p) / 0.25).mean(), "count"),
    "kl_pointwise": (lambda p, t: F.kl_div(p, t, reduction="mean"), "log_probability"),
    "kl_pointwise(log_target=true)": (lambda p, t: F.kl_div(p, t, reduction="mean", log_target=True), "log_log"),
    "gaussian_nll(eps=1e-6)": (F.gaussian_nll_loss, "variance"),
    "gaussian_nll(eps=0.5)": (lambda p, t, v: F.gaussian_nll_loss(p, t, v, eps=0.5), "variance"),
    "gaussian_nll(full=true)": (lambda p, t, v: -torch.distributions.Normal(p, torch.sqrt(v)).log_prob(t).mean(), "variance"),
    "logistic": (F.soft_margin_loss, "sign"),
    "hinge": (lambda p, t: torch.relu(1 - t * p).mean(), "sign"),
    "squared_hinge": (lambda p, t: (torch.relu(1 - t * p) ** 2).mean(), "sign"),
    "exponential": (lambda p, t: torch.exp(-t * p).mean(), "sign"),
    "perceptron": (lambda p, t: torch.relu(-t * p).mean(), "sign"),
    "smooth_hinge(gamma=0.5)": (lambda p, t: F.huber_loss(torch.relu(1 - t * p), torch.zeros_like(p), delta=0.5) / 0.5, "sign"),
    "modified_huber": (lambda p, t: (F.huber_loss(torch.relu(1 - t * p), torch.zeros_like(p), delta=2.0) * 2), "sign"),
    "margin_ranking(margin=0.25)": (lambda a, b, t: F.margin_ranking_loss(a, b, t, margin=0.25), "pair_sign"),
    "pairwise_logistic": (lambda a, b, t: F.binary_cross_entropy_with_logits(a - b, t), "pair_probability"),
    "hinge_embedding": (F.hinge_embedding_loss, "sign"),
    "cross_entropy": (F.cross_entropy, "class"),
    "cross_entropy(label_smoothing=0.1)": (lambda p, t: F.cross_entropy(p, t, label_smoothing=0.1), "class"),
    "cross_entropy(ignore_index=1)": (lambda p, t: F.cross_entropy(p, t, ignore_index=1), "class"),
    "softmax_focal": (lambda p, t: softmax_focal(p, t, 2.0), "class"),
    "softmax_focal(gamma=0.5)": (lambda p, t: softmax_focal(p, t, 0.5), "class"),
    "generalized_cross_entropy": (lambda p, t: ((1 - F.cross_entropy(p, t, reduction="none").neg().exp() ** 0.7) / 0.7).mean(), "class"),
    "nll": (F.nll_loss, "class"),
    "categorical_cross_entropy": (lambda p, t: F.nll_loss(torch.log(p), t), "class_probability"),
    "kl_divergence": (lambda p, t: F.kl_div(torch.log(p), t, reduction="batchmean"), "rows"),
    "gan_minimax": (lambda p, t: (t * logistic(-p) + (1 - t) * logistic(p)).mean(), "label"),
    "gan_minimax(player=generator)": (lambda p, t: -(t * logistic(-p) + (1 - t) * logistic(p)).mean(), "label"),
    "gan_non_saturating(player=generator)": (lambda p, t: ((1 - t) * logistic(-p) + t * logistic(p)).mean(), "label"),
}


def data(kind: str, n: int = 400, classes: int = 5):
    rng = np.random.default_rng(12)
    rows = n // classes
    p, t = rng.normal(size=n) * 2, rng.normal(size=n)
    if kind == "count":
        return p, rng.poisson(2, n).astype(float)
    if kind == "amount":
        return p, rng.gamma(2, size=n)
    if kind in ("log_probability", "log_log"):
        a, b = rng.dirichlet(np.ones(classes), (2, rows)).reshape(2, n)
        return np.log(a), np.log(b) if kind == "log_log" else b
    if kind == "variance":
        return p, t, rng.gamma(2, size=n) + 0.01
    if kind == "pair_sign":
        return p, t, rng.choice([-1.0, 1.0], n)
    if kind == "pair_probability":
        return p, t, rng.uniform(size=n)
    if kind == "label_probability":
        return rng.uniform(0.01, 0.99, n), (t > 0).astype(float)
    if kind == "positive":
        return np.abs(p), np.abs(t)
    if kind == "probability":
        return rng.uniform(0.01, 0.99, n), rng.uniform(size=n)
    if kind == "label":
        return p, (t > 0).astype(float)
    if kind == "sign":
        return p, np.sign(t)
    if kind == "real":
        return p, t
    z = rng.normal(size=(rows, classes))
    if kind == "rows":
        return rng.dirichlet(np.ones(classes), rows), rng.dirichlet(np.ones(classes), rows)
    return rng.dirichlet(np.ones(classes), rows) if kind == "class_probability" else z, rng.integers(0, classes, rows)


def test_every_loss_has_a_foreign_fact():
    assert set(names("pointwise") + names("rows")) == {spec.partition("(")[0] for spec in PEERS}


@pytest.mark.parametrize("spec", PEERS)
def test_agrees_with_the_peer(spec):
    peer, kind = PEERS[spec]
    inputs = data(kind)
    loss = Loss(spec)
    wrt = [k for k, i in enumerate(loss.inputs[: len(inputs)]) if i["differentiable"] and inputs[k].dtype.kind == "f" and (k != 1 or len(inputs) > 2)]
    ours = loss.eval(*inputs, grad=wrt)
    theirs = [torch.tensor(x, requires_grad=k in wrt) for k, x in enumerate(inputs)]
    value = peer(*theirs)
    value.backward()
    assert ours["value"] == pytest.approx(value.item(), rel=1e-12)
    for k in wrt:
        np.testing.assert_allclose(ours[f"grad{k}"], theirs[k].grad.numpy(), rtol=1e-9, atol=1e-15)


def sklearn_peers():
    """scikit-learn's losses of raw predictions."""
    peers = pytest.importorskip("sklearn._loss.loss")
    return {
        "half_squared_error": (peers.HalfSquaredError(), "real"),
        "absolute_error": (peers.AbsoluteError(), "real"),
        "quantile(tau=0.9)": (peers.PinballLoss(quantile=0.9), "real"),
        "poisson_nll": (peers.HalfPoissonLoss(), "count"),
        "gamma_nll": (peers.HalfGammaLoss(), "amount"),
        "tweedie(power=1.25)": (peers.HalfTweedieLoss(power=1.25), "count"),
        "binary_cross_entropy_with_logits": (peers.HalfBinomialLoss(), "label"),
    }


@pytest.mark.parametrize("spec", ["half_squared_error", "absolute_error", "quantile(tau=0.9)", "poisson_nll", "gamma_nll", "tweedie(power=1.25)",
                                  "binary_cross_entropy_with_logits"])
def test_agrees_with_scikit_learn(spec):
    peer, kind = sklearn_peers()[spec]
    p, t = data(kind)
    values = np.empty(len(p))
    ours = Loss(spec).eval(p, t, grad=[0], hess=[0], upper=peer.constant_hessian, values=values, reduction="sum")
    np.testing.assert_allclose(values, peer.loss(t, p), rtol=1e-12, atol=1e-13)
    gradient, hessian = peer.gradient_hessian(t, p)
    np.testing.assert_allclose(ours["grad0"], gradient, rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(ours["hess0"], hessian, rtol=1e-10, atol=1e-14)


def test_full_gamma_is_half_the_deviance_of_scikit_learn():
    peers = pytest.importorskip("sklearn.metrics")
    p, t = data("amount")
    assert 2 * Loss("gamma_nll(full=true)").eval(p, t)["value"] == pytest.approx(peers.mean_gamma_deviance(t, np.exp(p)), rel=1e-12)


@pytest.mark.parametrize("spec", ["hinge", "squared_hinge", "perceptron", "modified_huber", "epsilon_insensitive(epsilon=0.25)",
                                  "squared_epsilon_insensitive(epsilon=0.25)"])
def test_agrees_with_scikit_learns_gradient_descent(spec):
    fast = pytest.importorskip("sklearn.linear_model._sgd_fast")
    make = {"hinge": lambda: fast.Hinge(1.0), "squared_hinge": lambda: fast.SquaredHinge(1.0), "perceptron": lambda: fast.Hinge(0.0),
            "modified_huber": fast.ModifiedHuber, "epsilon_insensitive": lambda: fast.EpsilonInsensitive(0.25),
            "squared_epsilon_insensitive": lambda: fast.SquaredEpsilonInsensitive(0.25)}
    peer = make[spec.partition("(")[0]]()
    p, t = data("real" if "epsilon" in spec else "sign")
    values = np.empty(len(p))
    ours = Loss(spec).eval(p, t, grad=[0], values=values, reduction="sum")
    np.testing.assert_allclose(values, [peer.py_loss(a, b) for a, b in zip(p, t, strict=True)], rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(ours["grad0"], [peer.py_dloss(a, b) for a, b in zip(p, t, strict=True)], rtol=1e-14, atol=1e-15)


OPTAX = {
    "squared_error": (lambda o, p, t: o.squared_error(p, t), "real"),
    "half_squared_error": (lambda o, p, t: o.l2_loss(p, t), "real"),
    "huber(delta=0.5)": (lambda o, p, t: o.huber_loss(p, t, delta=0.5), "real"),
    "log_cosh": (lambda o, p, t: o.log_cosh(p, t), "real"),
    "binary_cross_entropy_with_logits": (lambda o, p, t: o.sigmoid_binary_cross_entropy(p, t), "label"),
    "binary_focal_with_logits(alpha=0.25)": (lambda o, p, t: o.sigmoid_focal_loss(p, t, alpha=0.25, gamma=2.0), "label"),
    "hinge": (lambda o, p, t: o.hinge_loss(p, t), "sign"),
    "perceptron": (lambda o, p, t: o.perceptron_loss(p, t), "sign"),
}


@pytest.mark.parametrize("spec", OPTAX)
def test_agrees_with_optax(spec):
    jax, optax = pytest.importorskip("jax"), pytest.importorskip("optax")
    jax.config.update("jax_enable_x64", True)
    peer, kind = OPTAX[spec]
    p, t = data(kind)
    ours = Loss(spec).eval(p, t, grad=[0])
    value, gradient = jax.value_and_grad(lambda x: peer(optax.losses, x, t).mean())(p)
    assert ours["value"] == pytest.approx(float(value), rel=1e-12)
    np.testing.assert_allclose(ours["grad0"], gradient, rtol=1e-7, atol=1e-15)


@pytest.mark.parametrize("spec, peer", [("cross_entropy", F.cross_entropy), ("cross_entropy(label_smoothing=0.1)", functools.partial(F.cross_entropy, label_smoothing=0.1)),
                                        ("nll", F.nll_loss)])
def test_class_weights_as_torch_means_them(spec, peer):
    p, t = data("class")
    w = np.array([0.5, 1, 2, 0.25, 3])
    x = torch.tensor(p, requires_grad=True)
    theirs = peer(x, torch.tensor(t), weight=torch.tensor(w))
    theirs.backward()
    ours = Loss(spec).eval(p, t, w, grad=[0], reduction="weighted_mean")
    assert ours["value"] == pytest.approx(theirs.item(), rel=1e-12)
    np.testing.assert_allclose(ours["grad0"], x.grad.numpy(), rtol=1e-9, atol=1e-15)
