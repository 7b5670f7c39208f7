"""Metrics against scikit-learn and against the counts written out; streaming, weights, what is refused."""

from __future__ import annotations

import itertools
import math
import pickle
from fractions import Fraction

import libloss
import numpy as np
import pytest
from libloss import metrics as m
from sklearn import metrics as sk

random = np.random.default_rng(7)
AVERAGES = ("macro", "micro", "weighted", "none")


def case(classes: int, n: int = 200, weighted: bool = False):
    t, p = random.integers(0, classes, n), random.integers(0, classes, n)
    return p, t, random.integers(0, 8, n) / 4 if weighted else None


@pytest.mark.parametrize("classes", [2, 3, 7])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("zero", [0, 1, math.nan])
@pytest.mark.filterwarnings("ignore")
def test_against_scikit_learn(classes, weighted, average, zero):
    for n in (1, 3, 200):
        p, t, w = case(classes, n, weighted)
        there = slice(None) if w is None else w != 0
        options = {"average": None if average == "none" else average, "sample_weight": w, "zero_division": zero}
        if average == "none":
            options["labels"] = range(classes)
        if w is not None and not there.any():
            continue
        if average != "none":  # scikit-learn's classes are those that occur; a case of weight 0 does not occur here
            options["labels"] = sorted({*p[there], *t[there]})
        for ours, theirs in ((m.precision, sk.precision_score), (m.recall, sk.recall_score)):
            got = ours(prediction=p, target=t, weight=w, average=average, zero_division=zero, classes=classes)
            np.testing.assert_allclose(got, theirs(t, p, **options), rtol=1e-15)
        for beta in (0.5, 1, 2):
            got = m.f_beta(prediction=p, target=t, weight=w, average=average, zero_division=zero, classes=classes, beta=beta)
            np.testing.assert_allclose(got, sk.fbeta_score(t, p, beta=beta, **options), rtol=1e-15)


@pytest.mark.parametrize("weighted", [False, True])
def test_binary_and_matrices(weighted):
    p, t, w = case(2, 300, weighted)
    tn, fp, fn, tp = sk.confusion_matrix(t, p, sample_weight=w).ravel()
    assert m.precision(prediction=p, target=t, weight=w) == tp / (tp + fp)
    assert m.recall(prediction=p, target=t, weight=w) == tp / (tp + fn)
    assert m.specificity(prediction=p, target=t, weight=w) == tn / (tn + fp)
    assert m.f1(prediction=p, target=t, weight=w) == pytest.approx(sk.f1_score(t, p, sample_weight=w), rel=1e-15)
    assert m.accuracy(prediction=p, target=t, weight=w) == pytest.approx(sk.accuracy_score(t, p, sample_weight=w), rel=1e-15)
    np.testing.assert_array_equal(m.confusion_counts(prediction=p, target=t, weight=w), [[tn, fn, tp, fp], [tp, fp, tn, fn]])
    p, t, w = case(5, 300, weighted)
    for ours, theirs in (("none", None), ("target", "true"), ("prediction", "pred"), ("all", "all")):
        got = m.confusion_matrix(prediction=p, target=t, weight=w, normalize=ours)
        np.testing.assert_allclose(got, sk.confusion_matrix(t, p, sample_weight=w, normalize=theirs), rtol=1e-15)


@pytest.mark.parametrize("classes", [2, 3, 7])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.filterwarnings("ignore")
def test_one_number_of_a_table(classes, weighted):
    for n in (3, 20, 500):
        p, t, w = case(classes, n, weighted)
        if w is not None and not w.any():
            continue
        given = {"prediction": p, "target": t, "weight": w, "classes": classes}
        for adjusted in (False, True):
            want = sk.balanced_accuracy_score(t, p, sample_weight=w, adjusted=adjusted)
            np.testing.assert_allclose(m.balanced_accuracy(**given, adjusted=adjusted), want, rtol=1e-13, atol=1e-15)
        np.testing.assert_allclose(m.matthews_correlation(**given), sk.matthews_corrcoef(t, p, sample_weight=w), rtol=1e-12, atol=1e-15)
        for weighting, weights in (("none", None), ("linear", "linear"), ("quadratic", "quadratic")):
            want = sk.cohen_kappa_score(t, p, labels=range(classes), weights=weights, sample_weight=w)
            np.testing.assert_allclose(m.cohen_kappa(**given, weighting=weighting), want, rtol=1e-12, atol=1e-14)
        there = slice(None) if w is None else w != 0
        labels = sorted({*p[there], *t[there]})
        for average in ("macro", "micro", "weighted"):
            for zero in (0, 1):
                want = sk.jaccard_score(t, p, labels=labels, average=average, sample_weight=w, zero_division=zero)
                np.testing.assert_allclose(m.jaccard_index(**given, average=average, zero_division=zero), want, rtol=1e-14)


def test_degenerate_tables():
    same = {"prediction": [1, 1, 1], "target": [1, 1, 1]}
    assert m.matthews_correlation(**same) == 0 and math.isnan(m.cohen_kappa(**same)) and m.balanced_accuracy(**same) == 1
    assert math.isnan(m.balanced_accuracy(**same, adjusted=True))
    none = {"prediction": np.zeros(0, int), "target": np.zeros(0, int)}
    assert m.matthews_correlation(**none) == 0 and math.isnan(m.cohen_kappa(**none)) and math.isnan(m.balanced_accuracy(**none))
    heavy = 2.0**40
    assert m.matthews_correlation(prediction=[0, 1], target=[0, 1], weight=[heavy, heavy]) == 1
    perfect, opposite = [0, 1, 2, 3], [3, 2, 1, 0]
    assert m.cohen_kappa(prediction=perfect, target=perfect, classes=4, weighting="quadratic") == 1
    assert m.cohen_kappa(prediction=opposite, target=perfect, classes=4, weighting="quadratic") == -1


@pytest.mark.parametrize("weighted", [False, True])
def test_rates_of_errors(weighted):
    p, t, w = case(2, 300, weighted)
    tn, fp, fn, tp = sk.confusion_matrix(t, p, sample_weight=w).ravel()
    assert m.negative_predictive_value(prediction=p, target=t, weight=w) == tn / (tn + fn)
    assert m.false_positive_rate(prediction=p, target=t, weight=w) == fp / (fp + tn)
    assert m.false_negative_rate(prediction=p, target=t, weight=w) == fn / (fn + tp)
    assert m.jaccard_index(prediction=p, target=t, weight=w) == tp / (tp + fp + fn)


def test_specificity_is_recall_of_the_rest():
    p, t, w = case(4, 100, True)
    for k, got in enumerate(m.specificity(prediction=p, target=t, weight=w, average="none")):
        assert got == pytest.approx(sk.recall_score(t != k, p != k, sample_weight=w), rel=1e-15)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_scores_and_rows(dtype):
    scores, t = random.normal(size=100).astype(dtype), random.integers(0, 2, 100)
    assert m.recall(prediction=scores, target=t, threshold=0) == sk.recall_score(t, scores > 0)
    assert m.accuracy(prediction=[0.5, 0.5], target=[0, 1], threshold=0.5) == 0.5, "equality is negative"
    rows, t = random.normal(size=(50, 2, 6)).astype(dtype), random.integers(0, 6, (50, 2)).astype(np.int32)
    assert m.accuracy(prediction=rows, target=t) == np.mean(rows.argmax(-1) == t)
    assert m.precision(prediction=rows, target=t, average="macro") == pytest.approx(
        sk.precision_score(t.ravel(), rows.argmax(-1).ravel(), average="macro", zero_division=0), rel=1e-15)
    assert m.accuracy(prediction=rows[::-2, :, ::-1], target=t[::-2]) == np.mean(rows[::-2, :, ::-1].argmax(-1) == t[::-2])
    for k in (1, 2, 6):
        want = np.mean([[tt in np.argsort(-r, kind="stable")[:k] for r, tt in zip(rr, ts, strict=True)] for rr, ts in zip(rows, t, strict=True)])
        assert m.top_k_accuracy(prediction=rows, target=t, k=k) == want
    assert m.top_k_accuracy(prediction=[[1, 1, 1, 1.0]] * 4, target=[0, 1, 2, 3], k=2) == 0.5, "of ties the first"


def test_nothing_and_masked():
    none = np.zeros(0, int)
    assert math.isnan(m.accuracy(prediction=none, target=none))
    assert m.precision(prediction=none, target=none) == 0
    assert math.isnan(m.recall(prediction=none, target=none, zero_division=math.nan, average="macro"))
    assert m.confusion_matrix(prediction=none, target=none).tolist() == [[0, 0], [0, 0]]
    t = np.array([0, 1, -7, 1])
    assert m.accuracy(prediction=[0.1, 0.9, math.nan, 0.2], target=t, threshold=0.5, weight=[1, 1, 0, 1]) == 2 / 3
    masked = np.ma.masked_array([0, 1, 9, 0], mask=[0, 0, 1, 0])
    assert m.recall(prediction=masked, target=[0, 1, 1, 1]) == 0.5
    assert m.accuracy(prediction=5, target=5) == 1


def test_weights_are_exact_and_free_of_order():
    n = 4000
    w = np.exp(random.normal(size=n) * 6)
    p, t = random.integers(0, 3, n), random.integers(0, 3, n)
    matrix = m.confusion_matrix(prediction=p, target=t, weight=w)
    unit = Fraction(1, 2**64)
    for i, j in itertools.product(range(3), range(3)):
        exact = sum((Fraction(x) for x in w[(t == i) & (p == j)]), Fraction(0))
        assert abs(Fraction(matrix[i, j]) - exact) <= exact * Fraction(1, 2**53) + n * unit
    order = random.permutation(n)
    assert m.confusion_matrix(prediction=p[order], target=t[order], weight=w[order]).tobytes() == matrix.tobytes()
    tree = [m.Counts(3).add(prediction=p[k::7], target=t[k::7], weight=w[k::7]) for k in range(7)]
    while len(tree) > 1:
        a, b = (tree.pop(random.integers(len(tree))) for _ in range(2))
        tree.append(pickle.loads(pickle.dumps(a)) + b)
    assert tree[0].matrix.tobytes() == matrix.tobytes()
    assert m.Counts(3).add(prediction=[0], target=[0], weight=2.0**40).matrix[0, 0] == 2.0**40
    counts = m.Counts().add(prediction=np.zeros(3, int), target=np.zeros(3, int), weight=[2.0**-55, 2.0**-55, 1 - 2.0**-53])
    assert counts.matrix[0, 0] == 1.0  # a tie, to even


def test_counts_agree_with_functions():
    p, t, w = case(4, 500, True)
    counts = sum(m.Counts(4).add(prediction=p[k::3], target=t[k::3], weight=w[k::3]) for k in range(3))
    each = m.confusion_counts(prediction=p, target=t, weight=w)
    np.testing.assert_array_equal(np.stack([counts.tp, counts.fp, counts.tn, counts.fn], 1), each)
    assert counts.accuracy() == m.accuracy(prediction=p, target=t, weight=w)
    for average in ("macro", "micro", "weighted"):
        for name, options in (("precision", {}), ("recall", {}), ("specificity", {}), ("f_beta", {"beta": 2})):
            whole = getattr(m, name)(prediction=p, target=t, weight=w, average=average, **options)
            assert getattr(counts, name)(average=average, **options) == whole
            total = m.Metric(name, average=average, classes=4, **options).total()
            for k in range(3):
                total.add(prediction=p[k::3], target=t[k::3], weight=w[k::3])
            assert total.value == whole and total.count == np.count_nonzero(w) and total.weight_sum == w.sum()
            assert libloss.Total.from_bytes(total.to_bytes()) == total


def test_totals_of_metrics():
    rows, t = random.normal(size=(40, 3)), random.integers(0, 3, 40)
    total = libloss.Total("precision(average=none)")
    assert sum([total.add(prediction=rows, target=t), m.Metric("precision", average="none").total()]).value.shape == (3,)
    assert (m.Metric("precision", average="none").total() + total).count == 40
    with pytest.raises(libloss.Error, match="classes"):
        total.add(prediction=rows[:, :2], target=t % 2)
    assert total.count == 40
    with pytest.raises(libloss.ArgumentError, match="no reduction"):
        total.reduce("mean")
    with pytest.raises(TypeError, match="keywords"):
        total.add(rows, t)
    with pytest.raises(libloss.Error):
        total += libloss.Total("recall").add(prediction=[0], target=[0])
    assert libloss.Total("top_k_accuracy(k=2)").add(prediction=rows, target=t).value == m.top_k_accuracy(prediction=rows, target=t, k=2)


def test_no_gradient():
    for name in m.metrics():
        more = {"history": [1.0, 2]} if name in ("mase", "rmsse") else {}
        with pytest.raises(libloss.NotDifferentiableError, match=f"{name} is a metric: it (counts|judges)"):
            m.Metric(name).grad(prediction=[[0.1, 0.9]], target=[1], **more)
        with pytest.raises(libloss.ArgumentError, match="is a metric"):
            libloss.Loss(name)
        with pytest.raises(AttributeError, match="metrics"):
            getattr(libloss, name)


@pytest.mark.parametrize(("call", "error", "text"), [
    (lambda: m.precision(prediction=[0.5], target=[1]), libloss.DTypeError, "threshold"),
    (lambda: m.precision(prediction=[1], target=[1.0]), libloss.DTypeError, "target is float64; class indices are integers"),
    (lambda: m.precision(prediction=[0, 1, 2], target=[0, 1, 2]), libloss.ArgumentError, "average=binary is of 2 classes, but there are 3"),
    (lambda: m.Counts().add(prediction=[0, 1, 2], target=[0, 1, 1]), libloss.DomainError, r"prediction\[2\] = 2 is not in \[0, 2\)"),
    (lambda: m.accuracy(prediction=[0.1, math.nan], target=[0, 1], threshold=0), libloss.DomainError, r"prediction\[1\] = nan is no score"),
    (lambda: m.accuracy(prediction=[[0.1, math.nan]], target=[1]), libloss.DomainError, r"prediction\[0, 1\] = nan is no score"),
    (lambda: m.accuracy(prediction=[0.1], target=[2], threshold=0), libloss.DomainError, r"target\[0\] = 2 is not in \[0, 2\)"),
    (lambda: m.accuracy(prediction=[1, 2], target=[1]), libloss.ShapeError, r"prediction has shape \(2,\), but target has \(1,\)"),
    (lambda: m.accuracy(prediction=[[1.0]], target=[0]), libloss.ShapeError, r"\(1, 1\)"),
    (lambda: m.accuracy(prediction=[1], target=[1], weight=[-1]), libloss.DomainError, r"weight\[0\] = -1"),
    (lambda: m.accuracy(prediction=[1], target=[1], weight=[2.0**41]), libloss.DomainError, "2\\^40"),
    (lambda: m.top_k_accuracy(prediction=[[1.0, 2]], target=[0], k=3), libloss.ArgumentError, "k = 3, but there are 2 classes"),
    (lambda: m.accuracy(prediction=[[0.1, 0.2]], target=[0], threshold=0), libloss.ArgumentError, "threshold"),
    (lambda: m.Metric("f_beta", beta=-1), libloss.ArgumentError, "beta = -1"),
    (lambda: m.Metric("huber"), libloss.ArgumentError, "is a loss"),
    (lambda: m.Metric("precisoin"), libloss.UnknownNameError, "precision"),
    (lambda: m.precisoin, AttributeError, "precision"),
    (lambda: m.precision([1], [1]), TypeError, "positional"),
    (lambda: m.Metric("precision").of_counts([1.0, 2]), libloss.ShapeError, r"\(2,\)"),
])
def test_refused(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_identity():
    a = m.Metric("f1", beta=2, average="macro")
    assert a == m.Metric("f_beta(average=macro, beta=2)") == pickle.loads(pickle.dumps(a)) == eval(repr(a), {"Metric": m.Metric})
    assert hash(a) == hash(m.Metric(a.spec)) and a != m.Metric("f1")
    assert a.parameters["zero_division"] == 0 and math.isnan(m.Metric("recall", zero_division=math.nan).parameters["zero_division"])


# ---- sums of what cases give ----

DTYPES = (np.float64, np.float32, np.float16)
BINARY = ("brier_score", "log_loss", "calibration_error")
OF_REALS = ("r2", "explained_variance", "smape", "wape", "mase", "rmsse", "tweedie_deviance")


def reals(shape, dtype=np.float64, weighted: bool = False):
    t = random.normal(3, 2, shape).astype(dtype)
    return (t + random.normal(0, 1, shape)).astype(dtype), t, random.integers(0, 8, shape[0]) / 4 if weighted else None


def rows_of_probabilities(n: int, classes: int):
    p = random.dirichlet(np.ones(classes), n)
    return p, random.integers(0, classes, n)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_explained(weighted, dtype):
    for shape in ((200,), (50, 1), (300, 4), (40, 70)):
        p, t, w = reals(shape, dtype, weighted)
        if len(shape) > 1:
            t[:, 0] = 2  # of one output nothing differs
        p64, t64 = p.astype(np.float64), t.astype(np.float64)
        for ours, theirs in ((m.r2, sk.r2_score), (m.explained_variance, sk.explained_variance_score)):
            for average, multioutput in (("uniform", "uniform_average"), ("variance_weighted", "variance_weighted"), ("none", "raw_values")):
                got = ours(prediction=p, target=t, weight=w, average=average)
                want = theirs(t64, p64, sample_weight=w, multioutput=multioutput)
                np.testing.assert_allclose(got, want if average != "none" or len(shape) > 1 else want[0], rtol=1e-12, atol=1e-13)


def exact_r2(p, t, w):
    p, t, w = ([Fraction(float(x)) for x in a] for a in (p, t, w))
    mean = sum(a * b for a, b in zip(w, t, strict=True)) / sum(w)
    residual = sum(a * (b - c) ** 2 for a, b, c in zip(w, t, p, strict=True))
    return float(1 - residual / sum(a * (b - mean) ** 2 for a, b in zip(w, t, strict=True)))


def test_spread_far_from_zero():
    """The sums of squares cancel to nothing in any floating-point format; in integers they do not."""
    for offset in (0.0, 1e8, -1e12, 2.0**50, 1e-120, 1e100):
        size = abs(offset) * 2**-50 if abs(offset) > 1e20 else 1e-121 if 0 < abs(offset) < 1 else 1.0
        t = offset + size * random.integers(-5, 6, 60)
        p = t + size * random.integers(-1, 2, 60)
        w = random.random(60) + 0.1
        assert m.r2(prediction=p, target=t, weight=w) == pytest.approx(exact_r2(p, t, w), rel=1e-15, abs=1e-15), offset
    assert m.r2(prediction=[1, 2], target=[5, 5]) == 0 and m.r2(prediction=[5, 5], target=[5, 5]) == 1
    assert math.isnan(m.r2(prediction=[1.0], target=[1.0])) and math.isnan(m.r2(prediction=[1, 2], target=[1, 3], weight=[1, 0]))
    assert m.explained_variance(prediction=[6, 7, 8], target=[1, 2, 3]) == 1
    assert math.isnan(m.r2(prediction=[1, math.nan, 3], target=[1, 2, 3])) and math.isnan(m.r2(prediction=[1, 2, 3], target=[1, math.inf, 3]))
    assert m.r2(prediction=np.zeros((3, 0)), target=np.zeros((3, 0)), average="none").shape == (0,)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_shares_and_scaled_errors(weighted, dtype):
    for shape in ((1,), (333,), (40, 7)):
        p, t, w = reals(shape, dtype, weighted)
        t.flat[0] = p.flat[0] = 0
        if weighted and not w.any():
            continue
        a, b = p.astype(np.float64), t.astype(np.float64)
        v = np.ones(shape) if w is None else np.broadcast_to(w.reshape(-1, *[1] * (len(shape) - 1)), shape)
        r = abs(a - b)
        with np.errstate(invalid="ignore"):
            share = np.where(r == 0, 0, 2 * r / (abs(a) + abs(b)))
        given = {"prediction": p, "target": t, "weight": w}
        assert m.smape(**given) == pytest.approx(np.sum(v * share) / np.sum(v), rel=1e-12)
        assert m.wape(**given) == pytest.approx(np.sum(v * r) / np.sum(v * abs(b)) if r.any() else 0, rel=1e-12)
        past = random.normal(size=50).cumsum()
        for season in (1, 7):
            steps = past[season:] - past[:-season]
            assert m.mase(**given, history=past, season=season) == pytest.approx(np.average(r, weights=v) / np.mean(abs(steps)), rel=1e-12)
            want = np.sqrt(np.average(r**2, weights=v) / np.mean(steps**2))
            assert m.rmsse(**given, history=past, season=season) == pytest.approx(want, rel=1e-12)


def test_shares_at_the_edge():
    assert m.smape(prediction=[0, 1, -2], target=[0, -1, 0]) == (0 + 2 + 2) / 3
    huge = 1.7e308
    assert m.smape(prediction=[huge], target=[-huge]) == 2 and m.smape(prediction=[huge], target=[huge / 2]) == pytest.approx(2 / 3, rel=1e-15)
    assert m.smape(prediction=[math.inf], target=[3]) == 2 and math.isnan(m.smape(prediction=[math.inf], target=[math.inf]))
    assert m.smape(prediction=[5e-324], target=[1e-323]) == pytest.approx(2 / 3, rel=1e-15)
    assert m.wape(prediction=[0, 0], target=[0, 0]) == 0 and m.wape(prediction=[1, 0], target=[0, 0]) == math.inf
    flat = {"history": [2, 2, 2]}
    assert m.mase(prediction=[1], target=[2], **flat) == math.inf and math.isnan(m.mase(prediction=[2], target=[2], **flat))
    assert math.isnan(m.mase(prediction=[1], target=[2], history=[1, math.nan, 3]))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("classes", [2, 3, 11, 3000])
def test_probabilities(classes, weighted):
    n = 200 if classes < 100 else 20
    p, t = rows_of_probabilities(n, classes)
    w = random.integers(0, 8, n) / 4 if weighted else None
    given = {"prediction": p, "target": t, "weight": w}
    labels = range(classes)
    assert m.log_loss(**given) == pytest.approx(sk.log_loss(t, p, sample_weight=w, labels=labels), rel=1e-12)
    for half in (False, True):
        assert m.brier_score(**given, scale_by_half=half) == pytest.approx(
            sk.brier_score_loss(t, p, sample_weight=w, labels=labels, scale_by_half=half), rel=1e-12)
    if classes == 2:
        one = {**given, "prediction": p[:, 1]}
        assert m.log_loss(**one) == pytest.approx(sk.log_loss(t, p[:, 1], sample_weight=w), rel=1e-12)
        assert m.brier_score(**one) == pytest.approx(sk.brier_score_loss(t, p[:, 1], sample_weight=w), rel=1e-12)
    assert m.log_loss(**{**given, "prediction": np.asfortranarray(p).astype(np.float32)}) == m.log_loss(**{**given, "prediction": p.astype(np.float32).astype(float)})


def test_impossible_things_happen():
    assert m.log_loss(prediction=[0.0, 0.5], target=[1, 1]) == math.inf == m.log_loss(prediction=[[0.0, 1.0]], target=[0])
    eps = float(np.finfo(np.float64).eps)
    for p in ([0.0, 1.0, 0.3], [1.0, 0.0, 1e-17]):
        assert m.log_loss(prediction=p, target=[1, 0, 1], clip=eps) == pytest.approx(sk.log_loss([1, 0, 1], p), rel=1e-15)
    assert m.log_loss(prediction=[1.0, 0.0], target=[1, 0]) == 0
    assert m.log_loss(prediction=[1e-20], target=[0]) == 1e-20
    assert math.isnan(m.log_loss(prediction=[math.nan, 0.5], target=[1, 1])) and math.isnan(m.calibration_error(prediction=[math.nan, 0.5], target=[1, 1]))


def naive_calibration(confidence, right, w, bins, norm):
    edges = np.arange(bins + 1) / bins
    place = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    weight = np.bincount(place, w, bins)
    gap = abs(np.bincount(place, w * right, bins) - np.bincount(place, w * confidence, bins)) / np.where(weight > 0, weight, 1)
    return {"l1": np.sum(weight * gap) / np.sum(w), "l2": np.sqrt(np.sum(weight * gap**2) / np.sum(w)), "max": gap.max()}[norm]


@pytest.mark.parametrize("norm", ["l1", "l2", "max"])
@pytest.mark.parametrize("bins", [1, 10, 15, 400])
def test_calibration(norm, bins):
    n = 500
    for w in (None, random.integers(0, 8, n) / 4):
        v = np.ones(n) if w is None else w
        p, t = rows_of_probabilities(n, 4)
        got = m.calibration_error(prediction=p, target=t, weight=w, bins=bins, norm=norm)
        assert got == pytest.approx(naive_calibration(p.max(1), p.argmax(1) == t, v, bins, norm), rel=1e-12)
        one, t = np.r_[np.arange(n // 2) / (n // 2 - 1), random.random(n - n // 2)], random.integers(0, 2, n)
        got = m.calibration_error(prediction=one, target=t, weight=w, bins=bins, norm=norm)
        assert got == pytest.approx(naive_calibration(one, t, v, bins, norm), rel=1e-12)
        got = m.calibration_error(prediction=one, target=t, weight=w, bins=bins, norm=norm, on="confidence")
        sure = np.maximum(one, 1 - one)
        assert got == pytest.approx(naive_calibration(sure, (one > 0.5) == t, v, bins, norm), rel=1e-12)


def naive_adaptive(confidence, right, w, bins, norm):
    """Bin by bin, with fractions for their edges."""
    whole, before, members = sum(map(Fraction, w)), Fraction(0), {}
    for value in sorted(set(confidence)):
        tied = [i for i, c in enumerate(confidence) if c == value]
        mass = sum(Fraction(w[i]) for i in tied)
        members.setdefault(min(int(bins * (before + mass / 2) / whole), bins - 1), []).extend(tied)
        before += mass
    weight = [sum(w[i] for i in m) for m in members.values()]
    gap = [abs(sum(w[i] * (right[i] - confidence[i]) for i in m) / v) for m, v in zip(members.values(), weight, strict=True)]
    return {"l1": np.average(gap, weights=weight), "l2": np.sqrt(np.average(np.square(gap), weights=weight)), "max": max(gap)}[norm]


@pytest.mark.parametrize("norm", ["l1", "l2", "max"])
@pytest.mark.parametrize("bins", [1, 3, 15])
def test_calibration_by_equal_mass(norm, bins):
    for n in (1, 10, 300):
        for digits in (1, 9):
            p, t, w = random.random(n).round(digits), random.integers(0, 2, n), random.integers(1, 8, n) / 4
            rows, label = rows_of_probabilities(n, 3)
            for weight in (None, w):
                v = np.ones(n) if weight is None else w
                options = {"weight": weight, "bins": bins, "norm": norm}
                got = m.adaptive_calibration_error(prediction=p, target=t, **options)
                assert got == pytest.approx(naive_adaptive(p, t, v, bins, norm), rel=1e-12)
                got = m.adaptive_calibration_error(prediction=p, target=t, on="confidence", **options)
                assert got == pytest.approx(naive_adaptive(np.maximum(p, 1 - p), (p > 0.5) == t, v, bins, norm), rel=1e-12)
                got = m.adaptive_calibration_error(prediction=rows, target=label, **options)
                assert got == pytest.approx(naive_adaptive(rows.max(1), rows.argmax(1) == label, v, bins, norm), rel=1e-12)
    light = {"prediction": [0.25, 1.0], "target": [0, 0], "weight": [1, 1e-20], "norm": "max"}
    assert m.adaptive_calibration_error(**light, bins=1) == 0.25, "the last bin ends with the last case"
    assert math.isnan(m.adaptive_calibration_error(prediction=[0.5, math.nan], target=[1, 1]))
    assert m.adaptive_calibration_error(prediction=[0.5, math.nan], target=[1, 1], weight=[1, 0]) == 0.5
    assert math.isnan(m.adaptive_calibration_error(prediction=[], target=np.zeros(0, int)))


def test_tweedie_deviance():
    from mpmath import mp, mpf

    n = 100
    t, p, w = random.gamma(2, 2, n), random.gamma(2, 2, n), random.random(n)
    for power in (1, 1.5, 2, 2.5, 3):
        got = m.tweedie_deviance(prediction=p, target=t, weight=w, power=power)
        assert got == pytest.approx(sk.mean_tweedie_deviance(t, p, sample_weight=w, power=power), rel=1e-11)
    for power in (1, 1.5):
        zero = np.where(t < 2, 0, t)
        assert m.tweedie_deviance(prediction=p, target=zero, power=power) == pytest.approx(sk.mean_tweedie_deviance(zero, p, power=power), rel=1e-12)
    assert m.tweedie_deviance(prediction=[1], target=[0], power=2) == math.inf
    with mp.workdps(60):
        for power in (1, 1 + 2**-40, 1.3, 1.5, 2 - 2**-40, 2, 2.5, 3, 3.5, 4, 5.7, 12, 30):
            for a, b in ((1.0, 1 + 2.0**-52), (3.0, math.nextafter(3, 4)), (3.0, 2.9), (5.0, 1e-6), (1e-8, 7.0), (2.0, 2.7), (2.0, 1.0), (0.7, 1.4),
                         (1e-200, 1e-201), (2e-160, 3e-160), (1e-310, 2e-310), (4e200, 1e200), (3.0, 0.0), (1e-170, 0.0)):
                want = tweedie(mpf(a), mpf(b), mpf(power))
                if mpf("1e-300") < want < mpf("1e300"):
                    assert m.tweedie_deviance(prediction=[a], target=[b], power=power) == pytest.approx(float(want), rel=1e-13, abs=0), (power, a, b)


def tweedie(p, t, power):
    """The formula, in mpmath's numbers."""
    from mpmath import mp

    if power == 1:
        return 2 * ((t * mp.log(t / p) if t else 0) - t + p)
    if power == 2:
        return 2 * (mp.log(p / t) + t / p - 1) if t else mp.inf
    if not t:
        return 2 * p ** (2 - power) / (2 - power) if power < 2 else mp.inf
    return 2 * (t ** (2 - power) / ((1 - power) * (2 - power)) - t * p ** (1 - power) / (1 - power) + p ** (2 - power) / (2 - power))


@pytest.mark.parametrize("power", [1, 1.5, 1.7, 2, 3])
def test_tweedie_deviance_of_runs(power):
    """What stands beside a number does not change it: zeros, NaN, infinities, and numbers near the ends of the doubles."""
    t = np.array([2, 0, 1e-300, 5e-324, math.inf, math.nan, 1.5, 1, 7, 1e300, 3e-3] * 60)
    p = np.array([1, 3, 1e-300, 1e-323, 2, 1, math.inf, math.nan, 7, 1e299, 4e5] * 60)
    each = np.array([m.tweedie_deviance(prediction=[a], target=[b], power=power) for a, b in zip(p[:11], t[:11], strict=True)])
    assert np.isnan(each[[5, 7]]).all() and each[8] == 0 and not np.isnan(each[[0, 1, 2, 3, 9, 10]]).any()
    for k in range(11):
        weight = np.zeros(len(t))
        weight[k::11] = 1
        np.testing.assert_array_equal(m.tweedie_deviance(prediction=p, target=t, weight=weight, power=power), each[k])
    finite = np.isfinite(each) & (each < 1e300)
    kept = np.tile(finite, 60)
    order = random.permutation(np.flatnonzero(kept))
    got = m.tweedie_deviance(prediction=p[order], target=t[order], power=power)
    assert got == m.tweedie_deviance(prediction=p[kept], target=t[kept], power=power) == pytest.approx(math.fsum(np.tile(each[finite], 60)) / kept.sum(), rel=1e-15)


def cases(name: str, n: int):
    """n cases for a metric that adds up, by their numbers; and what else it takes."""
    of_classes = name in BINARY
    p, t = (random.random(n), random.integers(0, 2, n)) if of_classes else (random.gamma(2, 2, n), random.gamma(2, 2, n))
    return lambda i: {"prediction": p[i], "target": t[i]}, {"history": [1.0, 3, 2, 5]} if name in ("mase", "rmsse") else {}


@pytest.mark.parametrize("name", [*BINARY, *OF_REALS])
def test_sums_are_free_of_order_and_holes(name):
    n = 1000
    at, more = cases(name, n)
    w = np.exp(random.normal(size=n) * 3)
    everything = np.arange(n)
    metric = m.Metric(name)
    whole = metric(**at(everything), **more, weight=w)
    order = random.permutation(n)
    assert metric(**at(order), **more, weight=w[order]) == whole
    tree = [metric.total().add(**at(everything[k::7]), **more, weight=w[k::7]) for k in range(7)]
    while len(tree) > 1:
        a, b = (tree.pop(random.integers(len(tree))) for _ in range(2))
        tree.append(pickle.loads(pickle.dumps(a)) + b)
    assert tree[0].value == whole and tree[0].count == n and tree[0].weight_sum == math.fsum(w)
    assert tree[0] == metric.total().add(**at(everything), **more, weight=w) == libloss.Total.from_bytes(tree[0].to_bytes())
    holes = at(everything)
    gone = random.random(n) < 0.3
    holes["prediction"] = np.where(gone, math.nan, holes["prediction"])
    kept = everything[~gone]
    assert metric(**holes, **more, weight=np.where(gone, 0, w)) == metric(**at(kept), **more, weight=w[kept])
    if name in OF_REALS:
        holes["target"] = np.where(gone, math.nan, holes["target"])
        assert metric(**holes, **more, weight=np.where(gone, 0, w)) == metric(**at(kept), **more, weight=w[kept])
    masked = at(everything)
    masked["prediction"] = np.ma.masked_array(masked["prediction"], gone)
    assert metric(**masked, **more) == metric(**at(kept), **more)
    none = at(everything[:0])
    assert math.isnan(metric(**none, **more)) and math.isnan(metric(**at(everything), **more, weight=np.zeros(n)))
    assert math.isnan(metric.total().value)
    twice = np.repeat(everything, 2)
    strided = {k: np.ascontiguousarray(v)[::-2] for k, v in at(twice).items()}
    assert metric(**strided, **more, weight=w[::-1]) == whole


def test_many_threads_give_the_same_bits():
    n = 600_000
    p, t, w = random.random(n), random.integers(0, 2, n), random.random(n)
    for name in BINARY:
        metric = m.Metric(name)
        total = metric.total()
        for k in range(0, n, 50_000):
            total.add(prediction=p[k:k + 50_000], target=t[k:k + 50_000], weight=w[k:k + 50_000])
        assert metric(prediction=p, target=t, weight=w) == total.value


def test_outputs_in_totals():
    p, t, w = reals((60, 3), weighted=True)
    for average in ("uniform", "variance_weighted", "none"):
        metric = m.Metric("r2", average=average)
        total = metric.total()
        for k in range(4):
            total.add(prediction=p[k::4], target=t[k::4], weight=w[k::4])
        np.testing.assert_array_equal(total.value, metric(prediction=p, target=t, weight=w))
        assert total.loss.parameters["outputs"] == 3
        assert (metric.total() + total) == total == (total + metric.total())
        with pytest.raises(libloss.ShapeError, match="outputs is 3"):
            total.add(prediction=p[:, 0], target=t[:, 0])


@pytest.mark.parametrize(("call", "error", "text"), [
    (lambda: m.log_loss(prediction=[0.5, 1.5], target=[0, 1]), libloss.DomainError, r"prediction\[1\] = 1.5 is not in \[0, 1\]$"),
    (lambda: m.log_loss(prediction=[[0.5, -0.5]], target=[1]), libloss.DomainError, r"prediction\[0, 1\] = -0.5"),
    (lambda: m.log_loss(prediction=[0.5, 0.5], target=[0, 2]), libloss.DomainError, r"target\[1\] = 2 is not in \[0, 2\)"),
    (lambda: m.log_loss(prediction=[[0.5, 0.5]], target=[-1]), libloss.DomainError, r"target\[0\] = -1 is not in \[0, 2\)"),
    (lambda: m.log_loss(prediction=[0.5], target=[1.0]), libloss.DTypeError, "class indices are integers"),
    (lambda: m.log_loss(prediction=[[1.0]], target=[0]), libloss.ShapeError, r"\(1, 1\)"),
    (lambda: m.r2(prediction=[1.0, 2], target=[1.0]), libloss.ShapeError, r"prediction has shape \(2,\), but target has \(1,\)"),
    (lambda: m.r2(prediction=[1.0, 2], target=[1.0, 2], weight=[1.0, -1]), libloss.DomainError, r"weight\[1\] = -1"),
    (lambda: m.r2(prediction=[1.0, 2], target=[1.0, 2], outputs=2), libloss.ShapeError, "outputs is 2"),
    (lambda: m.tweedie_deviance(prediction=[1, 0.0], target=[1, 1]), libloss.DomainError, r"prediction\[1\] = 0 is not above 0"),
    (lambda: m.tweedie_deviance(prediction=[1.0], target=[-1]), libloss.DomainError, r"target\[0\] = -1 is below 0"),
    (lambda: m.tweedie_deviance(prediction=[1.0], target=[1], power=0.5), libloss.ArgumentError, "power = 0.5"),
    (lambda: m.mase(prediction=[1.0], target=[1], history=[1, 2], season=2), libloss.ShapeError, "history has 2 numbers; a season of 2 needs more"),
    (lambda: m.mase(prediction=[1.0], target=[1], history=[[1, 2]]), libloss.ShapeError, "one axis"),
    (lambda: m.mase(prediction=[1.0], target=[1]), TypeError, "history"),
    (lambda: m.Metric("mase")(prediction=[1.0], target=[1]), TypeError, "mase needs history"),
    (lambda: m.Metric("r2")(prediction=[1.0], target=[1], history=[1]), TypeError, "r2 has no history"),
    (lambda: m.Metric("mase").total().add(prediction=[1.0], target=[1]), TypeError, "mase needs history"),
    (lambda: m.mase(prediction=[1.0], target=[1], history=np.ma.masked_array([1, 2], [0, 1])), libloss.ArgumentError, "history has values that are not there"),
    (lambda: m.Metric("r2").of_counts([[1, 2], [3, 4]]), libloss.Error, "no counts"),
    (lambda: m.calibration_error(prediction=[0.5], target=[1], bins=0), libloss.ArgumentError, "bins = 0"),
])
def test_refused_of_numbers(call, error, text):
    with pytest.raises(error, match=text):
        call()


# ---- what sorts ----


def scores(n: int, ties: bool, weighted: bool, dtype=np.float64):
    p = (random.integers(-3, 4, n) if ties else random.normal(size=n)).astype(dtype)
    return p, random.integers(0, 2, n), random.integers(0, 8, n) / 4 if weighted else None


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_areas(weighted, ties, dtype):
    for n in (12, 49, 700):
        p, t, w = scores(n, ties, weighted, dtype)
        t[:2], p64 = (0, 1), p.astype(np.float64)
        if weighted:
            w[:2] = 1
        given = {"prediction": p, "target": t, "weight": w}
        assert m.roc_auc(**given) == pytest.approx(sk.roc_auc_score(t, p64, sample_weight=w), rel=1e-13)
        for part in (0.05, 0.3, 0.5, 1):
            want = sk.roc_auc_score(t, p64, sample_weight=w, max_fpr=part)
            assert m.roc_auc(**given, max_fpr=part) == pytest.approx(want, rel=1e-11)
        assert m.average_precision(**given) == pytest.approx(sk.average_precision_score(t, p64, sample_weight=w), rel=1e-13)


@pytest.mark.parametrize("classes", [3, 6])
def test_areas_of_classes(classes):
    n = 300
    p, t = random.dirichlet(np.ones(classes), n).round(2), random.integers(0, classes, n)
    p /= p.sum(1, keepdims=True)
    w = random.integers(0, 8, n) / 4
    for average in ("macro", "weighted", "none"):
        options = {"multi_class": "ovr", "average": None if average == "none" else average}
        for weight in (None, w):
            got = m.roc_auc(prediction=p, target=t, weight=weight, average=average)
            np.testing.assert_allclose(got, sk.roc_auc_score(t, p, sample_weight=weight, **options), rtol=1e-13)
            got = m.average_precision(prediction=p, target=t, weight=weight, average=average)
            np.testing.assert_allclose(got, sk.average_precision_score(t, p, sample_weight=weight, average=options["average"]), rtol=1e-13)
        if average != "none":
            got = m.roc_auc(prediction=p, target=t, average=average, multiclass="ovo")
            np.testing.assert_allclose(got, sk.roc_auc_score(t, p, multi_class="ovo", average=average), rtol=1e-13)
    doubled = np.repeat(np.arange(n), (4 * w).astype(int))  # whole weights are repetitions
    for average in ("macro", "weighted"):
        got = m.roc_auc(prediction=p, target=t, weight=4 * w, average=average, multiclass="ovo")
        np.testing.assert_allclose(got, m.roc_auc(prediction=p[doubled], target=t[doubled], average=average, multiclass="ovo"), rtol=1e-13)
    each = m.roc_auc(prediction=p, target=t, average="none", multiclass="ovo")
    assert np.mean(each) == pytest.approx(m.roc_auc(prediction=p, target=t, multiclass="ovo"), rel=1e-13)


def naive_auc(p, t, w):
    """Pair by pair, as a fraction."""
    one, zero = [(Fraction(float(x)), Fraction(float(y))) for x, y, k in zip(p, w, t, strict=True) if k], [
        (Fraction(float(x)), Fraction(float(y))) for x, y, k in zip(p, w, t, strict=True) if not k]
    right = sum(a * b * (Fraction(int(x > y)) + Fraction(int(x == y), 2)) for x, a in one for y, b in zero)
    return float(right / (sum(a for _, a in one) * sum(b for _, b in zero)))


def test_areas_pair_by_pair():
    for n in (10, 60):
        p, t, _ = scores(n, True, False)
        t[:2], w = (0, 1), np.exp(random.normal(size=n) * 8)
        assert m.roc_auc(prediction=p, target=t, weight=w) == naive_auc(p, t, w)
        order = random.permutation(n)
        assert m.roc_auc(prediction=p[order], target=t[order], weight=w[order]) == naive_auc(p, t, w)


def test_areas_at_the_edge():
    one_class = {"prediction": [0.1, 0.2], "target": [1, 1]}
    assert math.isnan(m.roc_auc(**one_class)) and m.average_precision(**one_class) == 1
    assert m.average_precision(prediction=[0.1, 0.2], target=[0, 0]) == 0
    assert m.roc_auc(prediction=[0.0, -0.0], target=[0, 1]) == 0.5, "one zero"
    assert m.roc_auc(prediction=[-math.inf, math.inf], target=[0, 1]) == 1
    for metric in (m.roc_auc, m.average_precision):
        assert math.isnan(metric(prediction=[0.1, math.nan, 0.3], target=[0, 1, 1]))
        assert metric(prediction=[0.1, math.nan, 0.3], target=[0, 9, 1], weight=[1, 0, 1]) == 1
        assert math.isnan(metric(prediction=np.zeros(0), target=np.zeros(0, int)))
        assert math.isnan(metric(prediction=[0.1], target=[1], weight=[0]))
        p, t, w = scores(200, False, True)
        t[:2], w[:2] = (0, 1), 1
        kept, order = w != 0, random.permutation(200)
        assert metric(prediction=p, target=t, weight=w) == metric(prediction=p[kept], target=t[kept], weight=w[kept])
        assert metric(prediction=p[order], target=t[order], weight=w[order]) == metric(prediction=p, target=t, weight=w)
        assert metric(prediction=np.repeat(p, 2)[::-2], target=t[::-1]) == metric(prediction=p, target=t)
    rows = np.array([[0.1, 0.9, 0.3], [0.5, 0.2, 0.3]])
    assert m.roc_auc(prediction=rows, target=[1, 0]) == 1, "a class without cases is left out"
    np.testing.assert_array_equal(m.roc_auc(prediction=rows, target=[1, 0], average="none"), [1, 1, math.nan])


@pytest.mark.parametrize("weighted", [False, True])
def test_median(weighted):
    for shape in ((1,), (2,), (7,), (100,), (301, 3)):
        for whole in (False, True):
            p, t, w = reals(shape, weighted=weighted)
            if whole:
                p, t = p.round(), t.round()
            if weighted and not w.any():
                continue
            given = {"prediction": p, "target": t, "weight": w}
            assert m.median_absolute_error(**given) == pytest.approx(sk.median_absolute_error(t, p, sample_weight=w), rel=1e-15)
            each = sk.median_absolute_error(t, p, sample_weight=w, multioutput="raw_values")
            np.testing.assert_allclose(np.ravel(m.median_absolute_error(**given, average="none")), np.ravel(each), rtol=1e-15)
    for n in (4, 9, 1000):
        p, t, _ = reals((n,))
        assert m.median_absolute_error(prediction=p, target=t, weight=np.full(n, 0.1)) == m.median_absolute_error(prediction=p, target=t)
    assert m.median_absolute_error(prediction=[1, 2, math.inf], target=[1, 1, 1]) == 1
    assert math.isnan(m.median_absolute_error(prediction=[1, 2, math.nan], target=[1, 1, 1]))
    assert m.median_absolute_error(prediction=[1, 2, math.nan], target=[1, 1, 1], weight=[0, 1, 0]) == 1
    assert math.isnan(m.median_absolute_error(prediction=[], target=[])) and m.median_absolute_error(prediction=1.7e308, target=-1e308) == math.inf


def exact_median(error, w):
    """Of weights as integers: the first error that half of them do not pass; at exactly half the mean with the next one."""
    order = np.argsort(error, kind="stable")
    weights = [a * (2**1074 // b) for a, b in (float(w[i]).as_integer_ratio() for i in order)]
    below, whole = 0, sum(weights)
    for at, i in enumerate(order):
        below += weights[at]
        if 2 * below == whole and at + 1 < len(order):
            return (error[i] + error[order[at + 1]]) / 2
        if 2 * below >= whole:
            return error[i]
    raise AssertionError


@pytest.mark.parametrize("n", [2048, 2049, 2050, 5001])
@pytest.mark.parametrize("kind", ["apart", "wide", "tied", "equal", "two values", "zeros", "near"])
def test_median_of_many(n, kind):
    """Beyond so many it is selected, not sorted."""
    error = {"apart": random.normal(size=n), "wide": np.exp(random.normal(size=n) * 100), "tied": random.integers(0, 9, n) / 3, "equal": np.full(n, 0.7),
             "two values": (np.arange(n) < n // 2) + 1.0, "zeros": np.where(np.arange(n) < 3 * n // 4, 0, 5e-324), "near": 1 + random.integers(0, 99, n) * 2.0**-52}[kind]
    error = random.permutation(abs(error))
    t = np.zeros(n)
    want = np.median(error)
    assert m.median_absolute_error(prediction=-error, target=t) == want
    assert m.median_absolute_error(prediction=np.repeat(error, 2)[::2], target=t.astype(np.float32)) == want
    assert m.median_absolute_error(prediction=np.c_[error, error[::-1]], target=np.c_[t, t], average="none").tolist() == [want, want]
    assert m.median_absolute_error(prediction=np.r_[error, np.full(n, np.nan)], target=np.zeros(2 * n), weight=np.r_[np.full(n, 0.1), t]) == want
    for w in (np.full(n, 0.1), np.full(n, 5e-324), np.full(n, 1e308), random.integers(0, 3, n), random.random(n), np.exp(random.normal(size=n) * 30),
              np.where(np.arange(n) == n // 2, 2.0**90, 1), np.r_[np.full(n - 1, 1.0), 2.0**-80], np.r_[1.0, 1, np.full(n - 2, 2.0**-100)]):
        want = exact_median(error[w != 0], w[w != 0])
        got = m.median_absolute_error(prediction=error, target=t, weight=w)
        order = random.permutation(n)
        assert got == want == m.median_absolute_error(prediction=error[order], target=t[order], weight=w[order])


def test_median_of_many_at_the_edge():
    n = 3000
    error = random.random(n)
    t, w = np.zeros(n), np.ones(n)
    error[n // 2:] = math.inf
    assert m.median_absolute_error(prediction=error, target=t) == math.inf == m.median_absolute_error(prediction=error, target=t, weight=w)
    assert m.median_absolute_error(prediction=error[1:], target=t[1:]) == math.inf
    assert m.median_absolute_error(prediction=error[:-1], target=t[:-1]) == error[:n // 2].max()
    huge = np.where(np.arange(n) % 2, 1.7e308, 1.6e308)
    assert m.median_absolute_error(prediction=huge, target=t) == pytest.approx(1.65e308, rel=1e-15)
    error[17] = math.nan
    assert math.isnan(m.median_absolute_error(prediction=error, target=t)) and math.isnan(m.median_absolute_error(prediction=error, target=t, weight=w))
    w[17] = 0
    assert m.median_absolute_error(prediction=error, target=t, weight=w) == math.inf


def test_areas_of_tied_weights():
    """Sums over equal scores do not depend on the data's order, whatever the weights."""
    for n, ties in ((3000, 4), (3000, 1), (3000, 2000)):
        p, t, w = random.integers(0, ties, n).astype(float), random.integers(0, 2, n), np.exp(random.normal(size=n) * 20)
        order = random.permutation(n)
        for metric in (m.roc_auc, m.average_precision):
            assert metric(prediction=p, target=t, weight=w) == metric(prediction=p[order], target=t[order], weight=w[order])
        assert m.roc_auc(prediction=p, target=t, weight=w) == pytest.approx(sk.roc_auc_score(t, p, sample_weight=w), rel=1e-12)


@pytest.mark.parametrize("name", ["roc_auc", "average_precision", "median_absolute_error", "adaptive_calibration_error"])
def test_no_totals_of_what_sorts(name):
    with pytest.raises(libloss.Error, match=f"{name}: its value depends on the whole batch"):
        libloss.Total(name)
    with pytest.raises(libloss.Error, match=f"{name}: its value depends on the whole batch"):
        m.Metric(name).total()


# ---- lists ----


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("tied", [False, True])
def test_lists(tied, dtype):
    for queries, documents in ((1, 2), (20, 9), (5, 120)):
        p = (random.integers(0, 4, (queries, documents)) if tied else random.normal(size=(queries, documents))).astype(dtype)
        t, w = random.integers(0, 5, (queries, documents)), random.integers(0, 8, queries) / 4
        t[0], w[0] = 0, 1
        for k in (None, 1, 5, 1000):
            for weight in (None, w):
                given = {"prediction": p, "target": t, "weight": weight, "k": k, "gain": "linear"}
                theirs = {"k": k, "sample_weight": weight, "ignore_ties": False}
                p64 = p.astype(np.float64)
                assert m.ndcg(**given) == pytest.approx(sk.ndcg_score(t, p64, **theirs), rel=1e-13)
                assert m.dcg(**given) == pytest.approx(sk.dcg_score(t, p64, **theirs), rel=1e-13)
                assert m.dcg(**{**given, "gain": "exponential"}) == pytest.approx(sk.dcg_score(2.0**t - 1, p64, **theirs), rel=1e-13)
                if all(len(set(row)) == documents for row in p):  # else its order of ties is anybody's
                    assert m.ndcg(**given, ties="order") == pytest.approx(sk.ndcg_score(t, p64, **{**theirs, "ignore_ties": True}), rel=1e-13)


def naive_reciprocal(p, t, k):
    """Over all orders of equal scores."""
    values = []
    for order in itertools.permutations(range(len(p))):
        if all(p[a] >= p[b] for a, b in itertools.pairwise(order)):
            ranks = [rank for rank, i in enumerate(order, 1) if t[i] > 0 and (k is None or rank <= k)]
            values.append(1 / ranks[0] if ranks else 0)
    return np.mean(values)


def test_reciprocal_ranks():
    for _ in range(60):
        p, t = random.integers(0, 3, 6), random.integers(0, 2, 6)
        k = random.choice([None, 1, 2, 4])
        assert m.mrr(prediction=p, target=t, k=k) == pytest.approx(naive_reciprocal(p, t, k), rel=1e-13)
        order = np.argsort(-p, kind="stable")
        first = np.flatnonzero(t[order][:k] > 0)
        assert m.mrr(prediction=p, target=t, k=k, ties="order") == (1 / (first[0] + 1) if len(first) else 0)
    p, t, w = random.normal(size=(30, 8)), random.integers(0, 2, (30, 8)), random.random(30)
    each = [m.mrr(prediction=a, target=b) for a, b in zip(p, t, strict=True)]
    assert m.mrr(prediction=p, target=t, weight=w) == pytest.approx(np.average(each, weights=w), rel=1e-14)


@pytest.mark.parametrize("name", ["ndcg", "dcg", "mrr"])
def test_groups(name):
    lengths = np.array([3, 0, 1, 10, 300])
    offsets = np.r_[0, lengths.cumsum()]
    p, t, w = random.normal(size=lengths.sum()), random.integers(0, 4, lengths.sum()), random.random(5)
    metric = m.Metric(name)
    each = np.array([metric(prediction=p[a:b], target=t[a:b]) for a, b in itertools.pairwise(offsets)])
    assert each[1] == 0
    assert metric(prediction=p, target=t, groups=offsets) == pytest.approx(each.mean(), rel=1e-14)
    assert metric(prediction=p, target=t, groups=offsets, weight=w) == pytest.approx(np.average(each, weights=w), rel=1e-14)
    hole = p.copy()
    hole[3] = math.nan
    assert math.isnan(metric(prediction=hole, target=t, groups=offsets))
    kept = [0, 1, 3, 4]
    assert metric(prediction=hole, target=t, groups=offsets, weight=[1, 1, 0, 1, 1]) == pytest.approx(each[kept].mean(), rel=1e-14)
    total = metric.total()
    for k in random.permutation(5):
        a, b = offsets[k], offsets[k + 1]
        total.add(prediction=p[a:b], target=t[a:b], weight=w[k])
    assert total.value == metric(prediction=p, target=t, groups=offsets, weight=w) and total.count == 5
    if name != "mrr":
        shuffled = np.concatenate([random.permutation(np.arange(a, b)) for a, b in itertools.pairwise(offsets)])
        ties = p.round()
        assert metric(prediction=ties, target=t, groups=offsets) == pytest.approx(metric(prediction=ties[shuffled], target=t[shuffled], groups=offsets), rel=1e-14)
    rows, relevant = random.normal(size=(6, 4)), random.integers(0, 3, (6, 4))
    whole = metric(prediction=rows, target=relevant)
    assert metric(prediction=rows.ravel(), target=relevant.ravel(), groups=np.arange(0, 25, 4)) == whole
    masked = np.ma.masked_array(rows, np.arange(24).reshape(6, 4) == 9)
    assert metric(prediction=masked, target=relevant) == metric(prediction=np.delete(rows, 2, 0), target=np.delete(relevant, 2, 0))
    with pytest.raises(libloss.Error, match=r"groups ends at 3, but there are 4 elements"):
        metric(prediction=[1.0, 2, 3, 4], target=[1, 0, 0, 1], groups=[0, 3])
    with pytest.raises(libloss.ShapeError, match="both need one axis"):
        metric(prediction=rows, target=relevant, groups=[0, 24])


def test_nothing_relevant():
    given = {"prediction": [[1.0, 2, 3], [1, 2, 3]], "target": [[0, 0, 0], [0, 1, 0]]}
    second = m.ndcg(prediction=given["prediction"][1], target=given["target"][1])
    assert m.ndcg(**given) == second / 2 and m.ndcg(**given, empty=1) == (1 + second) / 2 and m.ndcg(**given, empty="skip") == second
    assert math.isnan(m.ndcg(prediction=[1.0, 2], target=[0, 0], empty="skip"))
    assert m.Metric("ndcg", empty="skip").total().add(**given).count == 1
    with pytest.raises(libloss.DomainError, match=r"target\[0, 1\] = -1 is below 0"):
        m.ndcg(prediction=[[1.0, 2]], target=[[1, -1]])


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.int64, np.float16, np.float32, ">f8"])
@pytest.mark.parametrize("name", [*OF_REALS, "median_absolute_error", "roc_auc", "average_precision", "ndcg", "dcg", "mrr"])
def test_any_type_of_number(name, dtype):
    p, t, w = random.integers(1, 9, (40, 3)), random.integers(1, 9, (40, 3)), random.integers(0, 3, 40)
    more = {"history": random.integers(0, 9, 20).astype(dtype)} if name in ("mase", "rmsse") else {}
    metric = m.Metric(name)
    labels = name in ("roc_auc", "average_precision")
    target = t[:, 0] % 3 if labels else t
    want = metric(prediction=p.astype(float), target=target if labels else t.astype(float), weight=w.astype(float), **{k: v.astype(float) for k, v in more.items()})
    assert math.isfinite(want)
    for layout in (np.ascontiguousarray, np.asfortranarray):
        given = layout(p.astype(dtype)), target.astype(np.uint8) if labels else layout(t.astype(dtype)), w.astype(dtype)
        assert metric(prediction=given[0], target=given[1], weight=given[2], **more) == want
    assert metric(prediction=p.astype(dtype)[::-1, ::1][::-1], target=target, weight=w.tolist(), **more) == want


def test_losses_are_named():
    for name, loss in (("mape", "absolute_percentage_error"), ("mse", "squared_error"), ("mean_squared_error", "squared_error"),
                       ("r2_score", "the metric r2"), ("mean_poisson_deviance", r"tweedie_deviance\(power=1\)")):
        with pytest.raises(AttributeError, match=loss):
            getattr(m, name)


def test_command_takes_further_inputs(tmp_path, capsys):
    from libloss._cli import main

    files = {name: str(tmp_path / f"{name}.npy") for name in ("prediction", "target", "history")}
    for name, numbers in (("prediction", [1.0, 2]), ("target", [2.0, 4]), ("history", [1.0, 2, 4])):
        np.save(files[name], numbers)
    assert main(["eval", "mase", files["prediction"], files["target"], "--history", files["history"], "--season", "1"]) == 0
    assert capsys.readouterr().out == "1.0\n"
    assert main(["eval", "mase", files["prediction"], files["target"]]) == 1
    assert "mase needs history" in capsys.readouterr().err
