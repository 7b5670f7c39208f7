"""Multilabel data against scikit-learn and against the counts written out: averages, weights, totals, what is refused."""

from __future__ import annotations

import math
import pickle
from fractions import Fraction

import libloss
import numpy as np
import pytest
from libloss import metrics as m
from sklearn import metrics as sk

random = np.random.default_rng(11)
AVERAGES = ("micro", "macro", "weighted", "samples", "none")
RATIOS = {  # of tp, fp, tn, fn
    "precision": lambda tp, fp, tn, fn: (tp, tp + fp),
    "recall": lambda tp, fp, tn, fn: (tp, tp + fn),
    "specificity": lambda tp, fp, tn, fn: (tn, tn + fp),
    "negative_predictive_value": lambda tp, fp, tn, fn: (tn, tn + fn),
    "false_positive_rate": lambda tp, fp, tn, fn: (fp, fp + tn),
    "false_negative_rate": lambda tp, fp, tn, fn: (fn, fn + tp),
    "f_beta": lambda tp, fp, tn, fn: (2 * tp, 2 * tp + fn + fp),
    "jaccard_index": lambda tp, fp, tn, fn: (tp, tp + fp + fn),
}


def case(rows: int, labels: int, density: float = 0.3, weighted: bool = False):
    t, p = random.random((rows, labels)) < density, random.random((rows, labels)) < density
    return p.astype(int), t.astype(int), random.integers(0, 8, rows) / 4 if weighted else None


def theirs(average: str, p, t, w, **options):
    """What scikit-learn is asked: its rows of weight 0 occur, ours do not."""
    there = slice(None) if w is None else w != 0
    return {"y_true": t[there], "y_pred": p[there], "sample_weight": w if w is None else w[there],
            "average": None if average == "none" else average, **options}


@pytest.mark.parametrize("labels", [2, 5, 700])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("zero", [0, 1, math.nan])
@pytest.mark.filterwarnings("ignore")
def test_against_scikit_learn(labels, weighted, average, zero):
    for rows in (2, 30) if labels > 100 else (1, 2, 30, 600):
        for density in (0.05, 0.4) if labels > 100 else (0, 0.05, 0.4, 1):  # with labels that no row has, and rows that have none
            p, t, w = case(rows, labels, density, weighted)
            if density == 0:
                p[0, 0] = 1
            if w is not None and not w.any():
                continue
            given = {"prediction": p, "target": t, "weight": w, "multilabel": True, "average": average, "zero_division": zero}
            asked = theirs(average, p, t, w, zero_division=zero)
            np.testing.assert_allclose(m.precision(**given), sk.precision_score(**asked), rtol=1e-14)
            np.testing.assert_allclose(m.recall(**given), sk.recall_score(**asked), rtol=1e-14)
            for beta in (0.5, 1, 2):
                np.testing.assert_allclose(m.f_beta(**given, beta=beta), sk.fbeta_score(**asked, beta=beta), rtol=1e-14)
            if not math.isnan(zero):
                np.testing.assert_allclose(m.jaccard_index(**given), sk.jaccard_score(**asked), rtol=1e-14)


@pytest.mark.parametrize("weighted", [False, True])
def test_counts_and_hits(weighted):
    for rows, labels in ((1, 2), (40, 3), (700, 17), (9, 1200)):
        p, t, w = case(rows, labels, 0.2, weighted)
        p[: rows // 2] = t[: rows // 2]
        given = {"prediction": p, "target": t, "weight": w}
        (tn, fp), (fn, tp) = np.moveaxis(sk.multilabel_confusion_matrix(t, p, sample_weight=w), 0, 2)
        np.testing.assert_array_equal(m.confusion_counts(**given, multilabel=True), np.stack([tp, fp, tn, fn], 1))
        if w is None or w.any():
            assert m.accuracy(**given, multilabel=True) == pytest.approx(sk.accuracy_score(t, p, sample_weight=w), rel=1e-15)
            assert 1 - m.accuracy(**given) == pytest.approx(sk.hamming_loss(t, p, sample_weight=w), rel=1e-13, abs=1e-15), "element by element"


@pytest.mark.parametrize("name", RATIOS)
def test_every_ratio(name):
    p, t, w = case(200, 6, 0.3, weighted=True)
    zero = 0.0

    def ratio(part, whole):
        return np.where(whole == 0, zero, part / np.where(whole == 0, 1, whole))

    def counts(v, axis):
        return ((v * p * t).sum(axis), (v * p * (1 - t)).sum(axis), (v * (1 - p) * (1 - t)).sum(axis), (v * (1 - p) * t).sum(axis))

    each, of_row = counts(w[:, None], 0), counts(1, 1)
    want = {"micro": ratio(*RATIOS[name](*(c.sum() for c in each))), "none": ratio(*RATIOS[name](*each))}
    want |= {"macro": want["none"].mean(), "weighted": np.average(want["none"], weights=each[0] + each[3]),
             "samples": np.average(ratio(*RATIOS[name](*of_row)), weights=w)}
    for average in AVERAGES:
        got = m.Metric(name, average=average, multilabel=True)(prediction=p, target=t, weight=w)
        np.testing.assert_allclose(got, want[average], rtol=1e-14, err_msg=average)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_scores(dtype):
    scores, t = random.normal(size=(60, 5)).astype(dtype), random.integers(0, 2, (60, 5))
    scores[0] = 0
    for average in AVERAGES:
        got = m.f1(prediction=scores, target=t, threshold=0, multilabel=True, average=average)
        np.testing.assert_allclose(got, sk.f1_score(t, scores > 0, average=None if average == "none" else average, zero_division=0), rtol=1e-14)
    assert m.accuracy(prediction=[[0.5, 0.6], [0.5, 0.4]], target=[[0, 1], [1, 0]], threshold=0.5, multilabel=True) == 0.5, "equality is negative"


@pytest.mark.parametrize("average", AVERAGES)
def test_layouts_and_holes(average):
    metric = m.Metric("f1", average=average, multilabel=True)
    p, t, w = case(50, 4, 0.4, weighted=True)
    want = metric(prediction=p, target=t, weight=w)
    for kind in (bool, np.int8, np.uint8, np.uint64):
        np.testing.assert_array_equal(metric(prediction=p.astype(kind), target=np.asfortranarray(t.astype(kind)), weight=w), want)
    np.testing.assert_array_equal(metric(prediction=p[::-1], target=t[::-1], weight=w[::-1]), want)
    np.testing.assert_array_equal(metric(prediction=p.reshape(5, 10, 4), target=t.reshape(5, 10, 4), weight=w.reshape(5, 10)), want)
    gone = w == 0
    assert gone.any()
    p[gone], t[gone] = 7, -3  # what is not there is not looked at
    np.testing.assert_array_equal(metric(prediction=p, target=t, weight=w), want)
    np.testing.assert_array_equal(metric(prediction=p[~gone], target=t[~gone], weight=w[~gone]), want)
    masked = np.ma.masked_array(p, np.zeros(p.shape, bool))
    masked[gone, 1] = np.ma.masked  # any label: the row
    np.testing.assert_array_equal(metric(prediction=masked, target=t, weight=np.where(gone, 1, w)), want)
    scores = np.where(gone[:, None], math.nan, p)
    np.testing.assert_array_equal(metric.replace(threshold=0.5)(prediction=scores, target=t, weight=w), want)


def test_nothing():
    none = np.zeros((0, 3), int)
    for zero in (0, 1, math.nan):
        for average in AVERAGES:
            got = m.recall(prediction=none, target=none, multilabel=True, average=average, zero_division=zero)
            np.testing.assert_array_equal(got, np.full(3, zero) if average == "none" else zero)
    assert math.isnan(m.accuracy(prediction=none, target=none, multilabel=True))
    assert m.confusion_counts(prediction=none, target=none, multilabel=True).tolist() == [[0] * 4] * 3
    blank = np.zeros((2, 3), int)
    assert m.accuracy(prediction=blank, target=blank, multilabel=True) == 1
    assert m.jaccard_index(prediction=blank, target=blank, multilabel=True, average="samples", zero_division=1) == 1
    half = m.Metric("jaccard_index", multilabel=True, average="samples", zero_division=math.nan)
    assert half(prediction=[[0, 0], [1, 1]], target=[[0, 0], [0, 1]]) == 0.5, "a row without any label is left out"


def exact_samples(p, t, w) -> float:
    """The weighted mean of the rows' Jaccard indexes, each product rounded once, their sum exact."""
    both, any_ = (p & t).sum(1), (p | t).sum(1)
    value = np.where(any_ == 0, 0, both / np.maximum(any_, 1))
    total = sum((Fraction(float(a) * float(b)) for a, b in zip(w, value, strict=True)), Fraction(0))
    return float(total) / math.fsum(w)


@pytest.mark.parametrize("labels", [3, 40])
def test_totals(labels):
    n = 900
    p, t, _ = case(n, labels, 0.2)
    w = np.exp(random.normal(size=n) * 6)
    order = random.permutation(n)
    for name, averages in (("jaccard_index", AVERAGES), ("f_beta", AVERAGES), ("accuracy", (None,)), ("confusion_counts", (None,))):
        for average in averages:
            metric = m.Metric(name, multilabel=True, **({} if average is None else {"average": average}))
            whole = metric(prediction=p, target=t, weight=w)
            np.testing.assert_array_equal(metric(prediction=p[order], target=t[order], weight=w[order]), whole)
            tree = [metric.total().add(prediction=p[k::7], target=t[k::7], weight=w[k::7]) for k in range(7)]
            while len(tree) > 1:
                a, b = (tree.pop(random.integers(len(tree))) for _ in range(2))
                tree.append(pickle.loads(pickle.dumps(a)) + b)
            np.testing.assert_array_equal(tree[0].value, whole)
            assert tree[0] == metric.total().add(prediction=p, target=t, weight=w) == libloss.Total.from_bytes(tree[0].to_bytes())
            assert tree[0].count == n and tree[0].weight_sum == pytest.approx(math.fsum(w), rel=1e-15)
            if average == "samples" and name == "jaccard_index":
                assert whole == exact_samples(p, t, w)
            if average != "samples" and name != "accuracy":
                assert np.array_equal(metric.of_counts(m.confusion_counts(prediction=p, target=t, weight=w, multilabel=True)), whole)
    total = m.Metric("recall", multilabel=True, average="none").total().add(prediction=p, target=t)
    with pytest.raises(libloss.Error, match="classes"):
        total.add(prediction=p[:, :2], target=t[:, :2])
    assert total.count == n and total.value.shape == (labels,)
    assert m.Metric("recall", multilabel=True, average="none", classes=labels).total().value.tolist() == [0] * labels
    with pytest.raises(libloss.Error):
        total += m.Metric("recall", average="none", classes=labels).total()


def test_many_threads_give_the_same_bits():
    n = 200_000
    p, t, _ = case(n, 5)
    w = random.random(n)
    for metric in (m.Metric("f1", multilabel=True, average="samples"), m.Metric("f1", multilabel=True, average="none"), m.Metric("accuracy", multilabel=True)):
        total = metric.total()
        for k in range(0, n, 10_000):
            total.add(prediction=p[k : k + 10_000], target=t[k : k + 10_000], weight=w[k : k + 10_000])
        np.testing.assert_array_equal(metric(prediction=p, target=t, weight=w), total.value)


def test_tables():
    pandas = pytest.importorskip("pandas")
    p, t, w = case(30, 3, 0.4, weighted=True)
    names = ["cat", "dog", "horse"]
    want = m.f1(prediction=p, target=t, weight=w, multilabel=True, average="samples")
    given = {"weight": pandas.Series(w), "multilabel": True, "average": "samples"}
    table = pandas.DataFrame(t, columns=names)
    assert m.f1(prediction=pandas.DataFrame(p, columns=names), target=table, **given) == want
    with pytest.raises(libloss.ArgumentError, match="the same in another order"):
        m.f1(prediction=pandas.DataFrame(p, columns=names)[names[::-1]], target=table, **given)


GOOD = {"prediction": [[0, 1], [1, 1]], "target": [[0, 1], [1, 0]]}


@pytest.mark.parametrize(("name", "options", "changed", "error", "text"), [
    ("f1", {}, {}, libloss.ArgumentError, "average=binary is of one class, and every label is one; choose micro, macro, weighted, samples or none"),
    ("f1", {"multilabel": False, "average": "samples"}, {}, libloss.ArgumentError, "average=samples is of rows of labels: multilabel=true"),
    ("f1", {"average": "micro"}, {"target": [1, 0]}, libloss.ShapeError, r"\(2, 2\), but target has \(2,\); with multilabel both have one shape"),
    ("f1", {"average": "samples"}, {"prediction": [1, 0], "target": [1, 0]}, libloss.ShapeError, r"\(rows, labels\)"),
    ("accuracy", {}, {"prediction": [[1], [0]], "target": [[1], [0]]}, libloss.ShapeError, "at least two labels"),
    ("f1", {"average": "micro", "classes": 3}, {}, libloss.ShapeError, "target has rows of 2 labels, but classes is 3"),
    ("f1", {"average": "samples", "classes": 3}, {}, libloss.ShapeError, "target has rows of 2 labels, but classes is 3"),
    *((name, {"average": average} if average else {}, *rest) for name, average in (("recall", "samples"), ("recall", "macro"), ("accuracy", None)) for rest in (
        ({"target": [[0, 1], [2, 0]]}, libloss.DomainError, r"target\[1, 0\] = 2 is not in \[0, 2\)$"),
        ({"target": [[0, 1], [0, 2**63 - 1]]}, libloss.DomainError, r"target\[1, 1\] = 9223372036854775807 is not in"),
        ({"prediction": [[0, 1], [-1, 0]]}, libloss.DomainError, r"prediction\[1, 0\] = -1 is not in \[0, 2\)"),
        ({"prediction": [[0.5, 1], [1, 0]]}, libloss.DTypeError, "scores need threshold"),
        ({"target": [[0.0, 1], [1, 0]]}, libloss.DTypeError, "target is float64"),
        ({"weight": [[1, 1], [1, 1]]}, libloss.ShapeError, r"weight has shape \(2, 2\), but the values have \(2,\)"),
        ({"weight": [1, -1]}, libloss.DomainError, r"weight\[1\] = -1"),
    )),
    ("f1", {"average": "samples", "threshold": 0}, {"prediction": [[0.1, math.nan], [1, 0]]}, libloss.DomainError, r"prediction\[0, 1\] = nan is no score"),
    ("f1", {"average": "none", "threshold": 0}, {"prediction": [[0.1, 1], [1, math.nan]]}, libloss.DomainError, r"prediction\[1, 1\] = nan is no score"),
])
def test_refused(name, options, changed, error, text):
    with pytest.raises(error, match=text):
        m.Metric(name, **{"multilabel": True, **options})(**{**GOOD, **changed})


def test_counts_of_another_kind_are_refused():
    for metric, counts, text in (
        (m.Metric("f1", multilabel=True, average="macro"), np.eye(3), r"\(3, 3\); those by label are \(labels, 4\)"),
        (m.Metric("f1", average="macro"), np.zeros((3, 4)), r"\(3, 4\); a confusion matrix"),
        (m.Metric("accuracy", multilabel=True), np.eye(2), r"\(2, 2\); all cases and hits"),
    ):
        with pytest.raises(libloss.ShapeError, match=text):
            metric.of_counts(counts)
    with pytest.raises(libloss.Error, match="no counts between"):
        m.Metric("f1", multilabel=True, average="samples").of_counts(np.zeros((3, 4)))
    with pytest.raises(libloss.Error, match="of one class"):
        m.Metric("f1", multilabel=True).total()
