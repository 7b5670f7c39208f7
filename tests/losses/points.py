"""Inputs for every loss: hard places first, then random ones. A registry test fails where a loss has none."""

from __future__ import annotations

import numpy as np

VARIANTS = {  # specs tried besides the plain name
    "huber": ["huber(delta=0.5)", "huber(delta=1e-3)"],
    "smooth_l1": ["smooth_l1(beta=0)", "smooth_l1(beta=0.25)"],
    "pseudo_huber": ["pseudo_huber(delta=3)", "pseudo_huber(delta=1e-3)"],
    "quantile": ["quantile(tau=0.9)", "quantile(tau=0.125)"],
    "expectile": ["expectile(tau=0.9)", "expectile(tau=0.1)"],
    "epsilon_insensitive": ["epsilon_insensitive(epsilon=0)", "epsilon_insensitive(epsilon=1)"],
    "squared_epsilon_insensitive": ["squared_epsilon_insensitive(epsilon=0)", "squared_epsilon_insensitive(epsilon=1)"],
    "adaptive_robust": ["adaptive_robust(alpha=0)", "adaptive_robust(alpha=2, scale=0.5)", "adaptive_robust(alpha=-2, scale=0.3)",
                        "adaptive_robust(alpha=-inf, scale=2)", "adaptive_robust(alpha=1e-8)",
                        "adaptive_robust(alpha=1.999)", "adaptive_robust(alpha=2.25, scale=3)", "adaptive_robust(alpha=1.5)",
                        "adaptive_robust(alpha=6)", "adaptive_robust(alpha=-1e6)", "adaptive_robust(alpha=1e-300, scale=0.25)"],
    "absolute_percentage_error": ["absolute_percentage_error(eps=1)"],
    "binary_cross_entropy_with_logits": ["binary_cross_entropy_with_logits(pos_weight=3)",
                                         "binary_cross_entropy_with_logits(label_smoothing=0.25)"],
    "binary_cross_entropy": ["binary_cross_entropy(clip=1e-7)", "binary_cross_entropy(clip=0.25)"],
    "binary_focal": ["binary_focal(gamma=0)", "binary_focal(gamma=0.5, alpha=0.25)", "binary_focal(gamma=1, clip=0.125)", "binary_focal(gamma=3.5, alpha=0)"],
    "binary_focal_with_logits": ["binary_focal_with_logits(gamma=0)", "binary_focal_with_logits(gamma=0.5, alpha=0.25)",
                                 "binary_focal_with_logits(gamma=1)", "binary_focal_with_logits(gamma=3.5, alpha=0)"],
    "poisson_nll": ["poisson_nll(full=true)", "poisson_nll(log_input=false)", "poisson_nll(log_input=false, eps=0.25, full=true)"],
    "gamma_nll": ["gamma_nll(full=true)"],
    "tweedie": ["tweedie(power=1.1)", "tweedie(power=1.875)"],
    "kl_pointwise": ["kl_pointwise(log_target=true)"],
    "gaussian_nll": ["gaussian_nll(full=true)", "gaussian_nll(eps=0.25)"],
    "logistic": ["logistic(kappa=0.375)", "logistic(labels=zero_one)"],
    "hinge": ["hinge(labels=zero_one)"],
    "squared_hinge": ["squared_hinge(labels=zero_one)"],
    "exponential": ["exponential(labels=zero_one)"],
    "perceptron": ["perceptron(labels=zero_one)"],
    "smooth_hinge": ["smooth_hinge(gamma=0.375)", "smooth_hinge(gamma=2)", "smooth_hinge(labels=zero_one)"],
    "modified_huber": ["modified_huber(labels=zero_one)"],
    "margin_ranking": ["margin_ranking(margin=0.5)", "margin_ranking(labels=zero_one)"],
    "pairwise_logistic": ["pairwise_logistic(kappa=0.375)"],
    "hinge_embedding": ["hinge_embedding(margin=0.5)", "hinge_embedding(labels=zero_one)"],
    "gan_minimax": ["gan_minimax(player=generator)"],
    "gan_non_saturating": ["gan_non_saturating(player=generator)"],
}


def specs(name: str) -> list[str]:
    return [name, *VARIANTS.get(name, [])]


def reals(dtype, rng, n) -> np.ndarray:
    info = np.finfo(dtype)
    hard = [0, -0.0, info.smallest_subnormal, -info.smallest_subnormal, info.tiny, 1e-20, -1e-20, 1e-8, 1, -1, 0.5, 2, -2,
            np.nextafter(dtype(1), dtype(2)), np.nextafter(dtype(1), dtype(0)), 1e4, -1e4, 1e15, -1e18]
    spread = np.exp(rng.uniform(-30, 12, n)) * rng.choice([-1, 1], n)
    return np.concatenate([np.array(hard, dtype), rng.normal(size=n).astype(dtype), spread.astype(dtype)])


def logits(dtype, rng, n) -> np.ndarray:
    far = [80, 87.3, 88.8, 95, 103, 104, 110, 30, 36.7, 37.5]
    if dtype is np.float64:
        far += [700, 709.8, 720, 740, 745.2, 760]
    far = np.array(far)
    return np.concatenate([reals(dtype, rng, n), far.astype(dtype), -far.astype(dtype), rng.uniform(-110, 110, n).astype(dtype)])


def probabilities(dtype, rng, n) -> np.ndarray:
    one = dtype(1)
    hard = [0, 1, 0.5, np.finfo(dtype).smallest_subnormal, np.finfo(dtype).tiny, 1e-10, np.nextafter(one, dtype(0)), 0.88, 0.03]
    return np.concatenate([np.array(hard, dtype), rng.random(n).astype(dtype), np.exp(-rng.exponential(8, n)).astype(dtype)])


def pairs(a: np.ndarray, b: np.ndarray, rng, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Every hard value of one with some of the other."""
    i, j = rng.integers(0, len(a), n), rng.integers(0, len(b), n)
    i[: len(a)], j[: len(b)] = np.arange(min(len(a), n)), np.arange(min(len(b), n))
    rng.shuffle(j)
    return a[i], b[j]


def positives(dtype, rng, n) -> np.ndarray:
    """Counts among them; never 0."""
    return np.concatenate([np.abs(reals(dtype, rng, n))[2:], 1 + rng.poisson(3, n).astype(dtype)])


def elementwise(name: str, spec: str, inputs: list[dict], dtype, rng, n: int) -> tuple[np.ndarray, ...]:
    """One array per input, for a loss of one number per input."""
    first, second = inputs[0]["kind"], inputs[1]["kind"]
    if name == "squared_log_error":
        a = np.abs(reals(dtype, rng, n))
        p, t = pairs(a, a, rng, n)
        t[: n // 3] = p[: n // 3] * (1 + 2e-3 * rng.normal(size=n // 3).astype(dtype))
        return p, t
    if "log_input=false" in spec:
        a = np.concatenate([positives(dtype, rng, n), np.zeros(n // 8, dtype)])
        p, t = pairs(a[: -(n // 8)], a, rng, n)
        t[: n // 4] = p[: n // 4] * (1 + 1e-3 * rng.normal(size=n // 4).astype(dtype))
        return p, t
    if name in ("poisson_nll", "gamma_nll", "tweedie"):
        some = positives(dtype, rng, n)
        p, t = pairs(logits(dtype, rng, n), some if second == "positive" else np.concatenate([some, np.zeros(n // 8, dtype)]), rng, n)
        some = np.abs(p) < 40
        t[some] = np.where(rng.random(some.sum()) < 0.5, np.exp(p[some]) * (1 + rng.choice([0, 1e-3, 0.3], some.sum()) * rng.normal(size=some.sum())), t[some])
        return p, np.abs(t) if second == "nonnegative" else np.where(t > 0, t, 1).astype(dtype)
    if name == "kl_pointwise":
        a = -np.abs(logits(dtype, rng, n))
        p, t = pairs(a, a if "log_target" in spec else np.concatenate([positives(dtype, rng, n), [0, 1]]).astype(dtype), rng, n)
        t[: n // 4] = (p if "log_target" in spec else np.exp(np.maximum(p, -60)))[: n // 4] * (1 + 1e-3 * rng.normal(size=n // 4).astype(dtype))
        return p, t
    if len(inputs) == 3:
        a = reals(dtype, rng, n)
        p, t = pairs(a, a, rng, n)
        t[: n // 3] = p[: n // 3] + rng.normal(size=n // 3).astype(dtype) * 3
        last = inputs[2]["kind"]
        if last == "sign":
            return p, t, rng.choice([0, 1] if "zero_one" in spec else [-1, 1], n).astype(dtype)
        if last == "probability":
            return p, t, np.where(rng.random(n) < 0.5, rng.integers(0, 2, n), rng.permutation(np.resize(probabilities(dtype, rng, n), n))).astype(dtype)
        return p, t, rng.permutation(np.resize(positives(dtype, rng, n), n))
    if second == "sign":
        p = logits(dtype, rng, n)
        return p, rng.choice([0, 1] if "zero_one" in spec else [-1, 1], len(p)).astype(dtype)
    if first == "probability":
        a = probabilities(dtype, rng, n)
        p, t = pairs(a, a, rng, n)
        t[: n // 2] = rng.integers(0, 2, n // 2)
        return p, t
    if second == "probability":
        p, t = pairs(logits(dtype, rng, n), probabilities(dtype, rng, n), rng, 2 * n)
        t[::2] = rng.integers(0, 2, len(t[::2]))
        return p, t
    a = reals(dtype, rng, n)
    p, t = pairs(a, a, rng, n)
    t[: n // 3] = 0
    t[n // 3 : n // 2] = p[n // 3 : n // 2] + rng.normal(size=n // 2 - n // 3).astype(dtype) * 3
    return p, t
