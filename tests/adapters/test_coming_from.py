"""What the gallery's pages "coming from" say of other libraries is so: their names are all answered, their habits are as told."""

from __future__ import annotations

import os
import pathlib
import sys

os.environ.setdefault("KERAS_BACKEND", "torch")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "python"))

import elsewhere
import keras
import libloss
import numpy as np
import optax
import pytest
import sklearn.metrics as skm
import torch
import torch.nn.functional as F
from libloss import _texts
from libloss._gallery._coming import LIBRARIES

NAMES = {"torch": "PyTorch", "keras": "Keras", "optax": "optax", "sklearn": "scikit-learn"}
P, T, W = np.array([0.2, 0.7, 0.9, 0.4]), np.array([0.0, 1.0, 1.0, 0.0]), np.array([1.0, 2.0, 0.0, 3.0])
Z, Y, C = np.array([[0.5, 1, -1], [2, 0.3, 0], [0.1, 0.2, 0.3]]), np.array([2, 0, 1]), np.array([1.0, 2, 5])
tensor = torch.from_numpy


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.file)
def test_names(library):
    listed = elsewhere.LIBRARIES[next(key for key, name in NAMES.items() if name == library.name)]()
    own = [name for names, whose, _ in _texts.ELSEWHERE if whose == library.name for name in names]
    assert not set(own) & set(library.also), "told twice"
    assert set(library.also) <= set(listed)
    answered = {name for name in listed if elsewhere.answer(name)} - {"auc"}  # of any curve there
    assert answered <= {*own, *library.also}
    for here in library.also.values():
        assert any(word.strip(",;") in {*libloss.losses(), *libloss.metrics.metrics()} for word in here.split()), here


def near(a, b):
    return float(a) == pytest.approx(float(b), rel=1e-12)


def test_pytorch():
    assert near(F.huber_loss(tensor(P), tensor(T), delta=0.3), libloss.huber(P, T, delta=0.3))
    weighted = F.binary_cross_entropy(tensor(P), tensor(T), weight=tensor(W))
    assert near(weighted, libloss.binary_cross_entropy(P, T, weight=W, reduction="size_mean"))
    assert not near(weighted, libloss.binary_cross_entropy(P, T, weight=W))
    assert near(F.cross_entropy(tensor(Z), tensor(Y), weight=tensor(C)), libloss.cross_entropy(Z, Y, class_weight=C, reduction="weighted_mean"))
    p, t = (np.exp(Z[k:]) / np.exp(Z[k:]).sum(-1, keepdims=True) for k in (0, 0))
    t = t[::-1].copy()
    divergence = F.kl_div(tensor(np.log(p)), tensor(t), reduction="batchmean")
    assert near(divergence, libloss.kl_divergence(p, t)) and near(divergence, libloss.kl_pointwise(np.log(p), t, reduction="batch_mean"))
    images, labels = np.arange(24.0).reshape(2, 3, 4) % 5, np.array([[0, 1, 2, 0], [2, 2, 1, 1]])
    assert near(F.cross_entropy(tensor(images), tensor(labels)), libloss.cross_entropy(images, labels, axis=1))
    ignored = np.array([2, -100, 1])
    assert near(F.cross_entropy(tensor(Z), tensor(ignored)), libloss.cross_entropy(Z, ignored, ignore_index=-100))
    with pytest.raises(libloss.DomainError):
        libloss.cross_entropy(Z, ignored)
    zero, one = np.zeros(1), np.ones(1)
    assert F.binary_cross_entropy(tensor(zero), tensor(one)) == 100 and libloss.binary_cross_entropy(zero, one) == np.inf
    assert np.isfinite(libloss.binary_cross_entropy(zero, one, clip=1e-7))
    with pytest.warns(UserWarning, match="size"):
        assert F.mse_loss(tensor(P), tensor(T[:, None]), reduction="none").shape == (4, 4)
    with pytest.raises(libloss.ShapeError):
        libloss.squared_error(P, T[:, None])
    poisoned = np.array([np.nan, 0.7, 0.9, 0.4])
    assert torch.isnan(torch.sum(F.mse_loss(tensor(poisoned), tensor(T), reduction="none") * tensor(np.array([0.0, 1, 1, 1]))))
    assert np.isfinite(libloss.squared_error(poisoned, T, weight=[0, 1, 1, 1]))


def test_keras():
    def of(loss, target, prediction, weight=None):
        return np.asarray(loss(target, prediction, sample_weight=weight))

    column = P[:, None].astype(np.float32), T[:, None].astype(np.float32)
    assert float(of(keras.losses.Huber(), column[1], column[0])) == pytest.approx(libloss.huber(*column), rel=1e-6)
    weighted = float(of(keras.losses.MeanSquaredError(), column[1], column[0], W.astype(np.float32)))
    assert weighted == pytest.approx(libloss.squared_error(P, T, weight=W, reduction="size_mean"), rel=1e-6)
    assert weighted != pytest.approx(libloss.squared_error(P, T, weight=W), rel=1e-2)
    assert keras.losses.BinaryCrossentropy().get_config()["from_logits"] is False
    zero, one = np.zeros((1, 1), np.float32), np.ones((1, 1), np.float32)
    held = float(of(keras.losses.BinaryCrossentropy(), one, zero))
    assert held == pytest.approx(libloss.binary_cross_entropy(zero, one, clip=1e-7), rel=1e-3)
    rows, classes = np.array([[0.2, 0.2, 0.4]], np.float32), np.array([2])
    divided = float(of(keras.losses.SparseCategoricalCrossentropy(), classes, rows))
    assert divided == pytest.approx(libloss.categorical_cross_entropy(rows, classes, normalize=True), rel=1e-5) == pytest.approx(np.log(2), rel=1e-5)
    some = np.array([[2.0], [4.0]], np.float32), np.array([[1.0], [5.0]], np.float32)
    percent = float(of(keras.losses.MeanAbsolutePercentageError(), some[1], some[0]))
    assert percent == pytest.approx(100 * libloss.absolute_percentage_error(*some), rel=1e-6)
    assert float(of(keras.losses.Hinge(), column[1], column[0])) == pytest.approx(libloss.hinge(P, T, labels="zero_one"), rel=1e-6)
    poisoned = np.array([[np.nan], [1.0]], np.float32)
    assert np.isnan(of(keras.losses.MeanSquaredError(), some[1], poisoned, np.array([0.0, 1.0], np.float32)))


def test_optax():
    p, t = P.astype(np.float32), T.astype(np.float32)
    np.testing.assert_allclose(optax.huber_loss(p, t, delta=0.3), libloss.huber(p, t, delta=0.3, reduction="none"), rtol=1e-6)
    np.testing.assert_allclose(optax.l2_loss(p, t), libloss.half_squared_error(p, t, reduction="none"), rtol=1e-6)
    np.testing.assert_allclose(optax.squared_error(p, t), libloss.squared_error(p, t, reduction="none"), rtol=1e-6)
    np.testing.assert_allclose(optax.hinge_loss(p, 2 * t - 1), libloss.hinge(p, 2 * t - 1, reduction="none"), rtol=1e-6)
    assert libloss.Loss("l2_loss").name == "half_squared_error"


def test_scikit_learn():
    assert near(skm.mean_squared_error(T, P, sample_weight=W), libloss.squared_error(P, T, weight=W, reduction="weighted_mean"))
    assert near(skm.brier_score_loss(T, P, sample_weight=W), libloss.metrics.brier_score(prediction=P, target=T.astype(int), weight=W))
    assert skm.accuracy_score(["no", "yes"], ["no", "yes"]) == 1
    assert near(skm.accuracy_score(T, P > 0.5), libloss.metrics.accuracy(prediction=P, target=T.astype(int), threshold=0.5))
    assert skm.log_loss([1], [[1.0, 0.0]], labels=[0, 1]) < 50 and libloss.metrics.log_loss(prediction=[0.0], target=[1]) == np.inf
    told, labels = np.array([0, 1, 2, 1, 1]), np.array([0, 1, 1, 2, 1])
    for average in ("micro", "macro", "weighted"):
        assert near(skm.f1_score(labels, told, average=average), libloss.metrics.f_beta(prediction=told, target=labels, average=average))
    np.testing.assert_allclose(skm.f1_score(labels, told, average=None), libloss.metrics.f_beta(prediction=told, target=labels, average="none"))
    some, right = np.array([[0, 1, 1], [1, 0, 0]]), np.array([[0, 1, 0], [1, 1, 0]])
    rows = {"prediction": some, "target": right, "multilabel": True}
    assert near(skm.f1_score(right, some, average="samples"), libloss.metrics.f_beta(**rows, average="samples"))
    assert near(skm.accuracy_score(right, some), libloss.metrics.accuracy(**rows))
    assert not near(skm.accuracy_score(right, some), libloss.metrics.accuracy(prediction=some, target=right))
    grades, scores = np.array([[3.0, 0, 1, 2]]), np.array([[0.1, 0.4, 0.2, 0.3]])
    assert near(skm.ndcg_score(grades, scores), libloss.metrics.ndcg(prediction=scores, target=grades, gain="linear"))
    assert not near(skm.ndcg_score(grades, scores), libloss.metrics.ndcg(prediction=scores, target=grades))
    assert near(skm.mean_pinball_loss(T, P, alpha=0.3), libloss.quantile(P, T, tau=0.3))
