"""Best constants against what statistics calls them: means, medians, quantiles, odds, and for the rest the balance that defines them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from formula import Formula
from harness import Failed, Loss, check, ffi, lib, names, tensor

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
    for spec in ("logistic", "logistic(kappa=0.25)", "exponential", "binary_cross_entropy_with_logits", "binary_cross_entropy_with_logits(pos_weight=3)",
                 "binary_focal_with_logits", "gan_non_saturating(player=discriminator)"):
        assert fit(spec, ones, weight=None) == np.inf, spec
        assert fit(spec, -ones if "log_input" in spec or spec.startswith(("logistic", "exp")) else 0 * ones, weight=None) == -np.inf, spec
    assert fit("binary_cross_entropy_with_logits(label_smoothing=0.5)", ones, weight=None) == pytest.approx(np.log(3), rel=1e-15)
    assert fit("binary_cross_entropy_with_logits(pos_weight=0)", ones, weight=None) == 0  # all are as good
    assert fit("hinge", -ones, weight=None) == -1 and fit("squared_hinge", -ones, weight=None) == -1
    for spec in ("poisson_nll", "tweedie"):
        assert fit(spec, 0 * ones, weight=None) == -np.inf, spec
    assert fit("poisson_nll(log_input=false)", 0 * ones, weight=None) == 0
    assert fit("kl_pointwise", ones, weight=None) == np.inf
    assert fit("binary_cross_entropy", ones, weight=None) == 1
    assert fit("binary_cross_entropy(clip=0.125)", ones, weight=None) == 0.875


# ---- at the ends of what there is ----


MEANS = ["squared_error", "half_squared_error", "poisson_nll(log_input=false)", "rmse"]


def exact_mean(t, w=None) -> float:
    """The mean by integers: one rounding of the sum, one of the quotient."""
    w = np.ones(len(t)) if w is None else w
    total, weights = (sum(map(Fraction, x)) for x in ([Fraction(a) * Fraction(b) for a, b in zip(w, t, strict=True)], w))
    return float(total / weights)


@pytest.mark.parametrize("spec", MEANS)
def test_means_are_exact(spec):
    hard = np.array([1e300, 1.0, 3e-300, 1e16, 5e-324])
    cases = [(hard, None), (hard, np.array([1e-300, 1, 1e300, 0, 2.0])), (np.array([0.1] * 10), None), (np.array([7.0]), np.array([5e-324])),
             (np.array([0.1, 0.7, 0.2]), np.array([5e-324, 1e-323, 5e-324])), (np.array([1.7e308] * 4), None), (np.array([3.0]), np.array([1.7e308])),
             (np.array([1e300, 1e299]), np.array([1e300, 1e301]))]
    if spec not in ("poisson_nll(log_input=false)",):
        cases.append((np.array([1e300, -1e300, 1.0]), None))
    for t, w in cases:
        assert fit(spec, t, weight=w) == pytest.approx(exact_mean(t, w), rel=3e-16, abs=0), (t, w)


def test_odds_are_right_to_the_last_bits():
    for w, want in (([1e20, 1], np.log(1e20)), ([1e15 + 1, 1e15], np.log1p(1e-15)), ([1e-310, 1e-310], 0.0), ([1.0, 3.0], -np.log(3)), ([1e300, 1e-300], 600 * np.log(10))):
        w, share = np.array(w), np.array([1.0, 0.0])
        assert fit("binary_cross_entropy_with_logits", share, weight=w) == pytest.approx(want, rel=4e-16, abs=0), w
        assert fit("logistic", 2 * share - 1, weight=w) == pytest.approx(want, rel=4e-16, abs=0)
        assert fit("logistic(labels=zero_one)", share, weight=w) == pytest.approx(want, rel=4e-16, abs=0)
        assert fit("exponential", 2 * share - 1, weight=w) == pytest.approx(want / 2, rel=4e-16, abs=0)
    t, w = np.array([0.2, 0.9, 0.4]), np.array([1.0, 2.0, 0.5])
    for s, factor in ((0.0, 2.5), (0.25, 1.0), (0.5, 0.125)):
        u = t * (1 - s) + s / 2
        want = np.log(factor * (w * u).sum() / (w * (1 - u)).sum())
        assert fit(f"binary_cross_entropy_with_logits(label_smoothing={s}, pos_weight={factor})", t, weight=w) == pytest.approx(want, rel=1e-14)


def test_order_and_split_of_the_data_do_not_count():
    rng = np.random.default_rng(0)
    t, w = rng.random(1000), rng.random(1000)
    order = rng.permutation(1000)
    for spec in ("squared_error", "binary_cross_entropy_with_logits", "huber", "quantile(tau=0.25)"):
        assert fit(spec, t, weight=w) == fit(spec, t[order], weight=w[order])


POINTWISE = [n for n in names("pointwise") if Loss(n).inputs[0]["name"] == "prediction"]
REFUSED = {"gan_minimax", "adaptive_robust"}  # not convex; the latter where alpha < 1


@pytest.mark.parametrize("name", POINTWISE)
def test_nothing_near_is_better(name):
    """Every pointwise loss answers, and the cost by its own formula is no less beside the answer than there."""
    loss, rng = Loss(name), np.random.default_rng(6)
    target = {"sign": rng.choice([-1.0, 1], 7), "probability": rng.random(7), "positive": rng.gamma(2, size=7), "nonnegative": rng.poisson(2, 7) + 0.0}.get(
        loss.inputs[1]["kind"], rng.normal(size=7) * 2)
    if name == "squared_log_error":
        target = np.abs(target)
    rest = [target, *[np.abs(rng.normal(size=7)) + 0.5] * (loss.info["inputs"] - 2)]
    w = rng.choice([0.5, 1.0, 1.75, 2.0], 7)  # of few digits, so that tiny ones are the same
    if name in REFUSED:
        with pytest.raises(Failed, match="no one constant prediction"):
            fit(name, *rest, weight=w)
        return
    c = fit(name, *rest, weight=w)
    if not np.isfinite(c):
        assert name in ("kl_pointwise", "hinge_embedding")  # which may fall for ever
        return

    def cost(x):
        values = np.empty(7)
        loss.eval(np.full(7, x), *rest, values=values, reduction="none")
        return (w * values).sum()

    for step in (1e-4, 1e-2, 0.1):
        for x in (c - step, c + step):
            if loss.inputs[0]["kind"] != "probability" or 0 < x < 1:
                assert cost(x) >= cost(c) - 1e-14 * abs(cost(c)), (name, c, x)
    assert fit(name, *[a[:1] for a in rest], weight=w[:1]) == pytest.approx(fit(name, *[a[:1] for a in rest], weight=None), rel=1e-15)
    assert np.isnan(fit(name, *rest, weight=np.zeros(7))) and np.isnan(fit(name, *[a[:0] for a in rest], weight=None))
    there = np.where(np.arange(7) < 4, w, 0)
    bad = [np.where(there > 0, a, np.nan) for a in rest]
    assert fit(name, *bad, weight=there) == fit(name, *[a[:4] for a in rest], weight=w[:4])
    assert fit(name, *rest, weight=w) == pytest.approx(fit(name, *rest, weight=w * 2.0**-1060), rel=1e-12)  # what weights measure in


# ---- rows ----


def fit_rows(spec: str, target, count: int, weight=None, class_weight=None) -> np.ndarray:
    keep: list = []
    args = ffi.new("libloss_args *", {"struct_size": ffi.sizeof("libloss_args")})
    args.input[1] = tensor(np.asarray(target), keep)
    if class_weight is not None:
        args.input[2] = tensor(np.asarray(class_weight), keep)
    if weight is not None:
        args.weight = tensor(np.asarray(weight), keep)
    out = ffi.new("double[]", max(count, 1))
    check(lib.libloss_fit_constant(Loss(spec).handle, args, out, count))
    return np.array(list(out))


CLASS = RNG.integers(0, 3, 200)
ROWS = RNG.dirichlet(np.ones(3), 200)
RW = RNG.choice([0.0, 0.5, 2.0], 200)
CW = np.array([1.0, 0.25, 3.0])


def frequencies(target, weight, class_weight, smoothing=0.0, ignore=None):
    rows = np.eye(3)[target] if target.ndim == 1 else target
    if ignore is not None:
        rows, weight = rows[target != ignore], weight[target != ignore]
    mass = class_weight * ((1 - smoothing) * (weight[:, None] * rows).sum(0) + smoothing / 3 * weight.sum())
    return mass / mass.sum()


@pytest.mark.parametrize("target", [CLASS, ROWS], ids=["labels", "rows"])
def test_rows_have_their_frequencies(target):
    plain, weighted = frequencies(target, RW, np.ones(3)), frequencies(target, RW, CW)
    for spec in ("cross_entropy", "nll"):
        np.testing.assert_allclose(fit_rows(spec, target, 3, RW, CW), np.log(weighted), rtol=1e-13)
        np.testing.assert_allclose(np.exp(fit_rows(spec, target, 3)).sum(), 1, rtol=1e-15)
    np.testing.assert_allclose(fit_rows("categorical_cross_entropy", target, 3, RW, CW), weighted, rtol=1e-14)
    np.testing.assert_allclose(fit_rows("multiclass_brier", target, 3, RW), plain, rtol=1e-14)
    np.testing.assert_allclose(fit_rows("cross_entropy(label_smoothing=0.3)", target, 3, RW, CW), np.log(frequencies(target, RW, CW, 0.3)), rtol=1e-13)
    if target is ROWS:
        np.testing.assert_allclose(fit_rows("kl_divergence", target, 3, RW), plain, rtol=1e-14)
        np.testing.assert_allclose(fit_rows("multilabel_soft_margin", target, 3, RW, CW), np.log(plain / (1 - plain)), rtol=1e-13)
    else:
        without = np.log(frequencies(target, RW, CW, ignore=1)[[0, 2]])
        np.testing.assert_allclose(fit_rows("cross_entropy(ignore_index=1)", target, 3, RW, CW)[[0, 2]], without, rtol=1e-13)
        assert fit_rows("cross_entropy(ignore_index=1)", target, 3)[1] == -np.inf


@pytest.mark.parametrize("spec", ["cross_entropy", "cross_entropy(label_smoothing=0.2)", "generalized_cross_entropy", "generalized_cross_entropy(q=0.25, label_smoothing=0.2)",
                                  "multilabel_soft_margin", "multiclass_brier", "kl_divergence"])
def test_the_gradient_of_all_rows_is_nothing(spec):
    c = fit_rows(spec, ROWS, 3, RW)
    grad = Loss(spec).eval(np.tile(c, (200, 1)), ROWS, weight=RW, grad=[0], reduction="sum")["grad0"].sum(0)
    if Loss(spec).inputs[0]["kind"] == "probability":
        grad -= grad.mean()  # held on the simplex
    assert np.abs(grad).max() < 1e-11


def test_rows_at_the_ends():
    big = np.array([0] * 3 + [1])
    got = fit_rows("cross_entropy", big, 3, np.array([1e20, 1.0, 1e-20, 0.0]))
    assert got[0] == 0 and got[1] == got[2] == -np.inf
    got = fit_rows("cross_entropy", np.array([0, 1]), 2, np.array([1e20, 1.0]))
    assert got[0] == -1e-20 and got[1] == pytest.approx(-np.log(1e20), rel=3e-16, abs=0)
    assert np.isnan(fit_rows("cross_entropy", CLASS, 3, np.zeros(200))).all() and np.isnan(fit_rows("cross_entropy", CLASS[:0], 3)).all()
    assert fit_rows("cross_entropy", np.array([4]), 5).tolist() == [-np.inf] * 4 + [0]
    assert fit_rows("generalized_cross_entropy(q=1)", np.array([0, 0, 1, 2, 2]), 3).tolist() == [-np.log(2), -np.inf, -np.log(2)]
    assert fit_rows("multilabel_soft_margin", np.array([[1.0, 0, 0.5]]), 3).tolist() == [np.inf, -np.inf, 0]
    for spec, count, target, message in (("cross_entropy", 0, CLASS, "a constant for each class, not 0"), ("cross_entropy", 2, CLASS, r"target\[\d+\] = 2 is not in"),
                                         ("cross_entropy", 4, ROWS, "3 constants, not 4"), ("kl_divergence", 3, np.array(0.5), "axes"),
                                         ("multi_margin", 3, CLASS, "no one constant prediction"), ("huber", 2, T, "1 constant, not 2")):
        with pytest.raises(Failed, match=message):
            fit_rows(spec, target, count)


def test_scikit_learn_starts_there():
    """Its losses know their own start values."""
    loss = pytest.importorskip("sklearn._loss.loss")
    w = W + 0.5
    t, share, amount, label = T, (SHARE > 0.3) * 1.0, AMOUNT, CLASS[:200].astype(float)
    for theirs, spec, y in ((loss.HalfSquaredError(), "half_squared_error", t), (loss.HalfBinomialLoss(), "binary_cross_entropy_with_logits", share),
                            (loss.HalfPoissonLoss(), "poisson_nll", COUNT), (loss.HalfGammaLoss(), "gamma_nll", amount), (loss.ExponentialLoss(), "exponential(labels=zero_one)", share)):
        assert fit(spec, y, weight=w) == pytest.approx(float(theirs.fit_intercept_only(y, sample_weight=w)), rel=1e-12), spec
    for quantile in (0.5, 0.3):
        theirs = float(loss.PinballLoss(quantile=quantile).fit_intercept_only(t[:101]))
        assert fit(f"quantile(tau={quantile})", t[:101], weight=None) == pytest.approx(theirs, rel=1e-12)
    got = fit_rows("cross_entropy", CLASS, 3, RW)
    theirs = loss.HalfMultinomialLoss(n_classes=3).fit_intercept_only(label, sample_weight=RW)
    np.testing.assert_allclose(got - got.mean(), theirs, rtol=1e-12)
