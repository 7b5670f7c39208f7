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
    # where no class with a number has a target, scikit-learn falls back to a plain mean; here a mean of no weight is 0/0
    for n in (200,) if average == "weighted" and math.isnan(zero) else (1, 3, 200):
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


def test_it_counts():
    for name in m.metrics():
        with pytest.raises(libloss.NotDifferentiableError, match="it counts"):
            m.Metric(name).grad(prediction=[[0.1, 0.9]], target=[1])
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
