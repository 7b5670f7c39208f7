"""What holds for all boosters: which losses can be trained, which are refused and with what advice, which have no curvature."""

from __future__ import annotations

import warnings

import libloss
import libloss.catboost
import libloss.lightgbm
import libloss.xgboost
import numpy as np
import pytest
from libloss import _boosting
from libloss._habits import CATBOOST, LIGHTGBM, XGBOOST

ADAPTERS = {"XGBoost": libloss.xgboost, "LightGBM": libloss.lightgbm, "CatBoost": libloss.catboost}
every = pytest.mark.parametrize("adapter", ADAPTERS.values(), ids=ADAPTERS)


def trainable() -> list[str]:
    def can(name):
        try:
            _boosting.boostable(name, {}, "", ranking=None)
        except libloss.ArgumentError:
            return False
        return True

    return [name for name in libloss.losses() if can(name)]


def test_every_loss_is_trained_or_refused():
    """The list by hand: losses of one score and one target per row, and of rankings."""
    by_hand = """
        squared_error half_squared_error absolute_error huber smooth_l1 pseudo_huber log_cosh quantile expectile epsilon_insensitive
        squared_epsilon_insensitive adaptive_robust absolute_percentage_error squared_log_error binary_cross_entropy_with_logits
        binary_focal_with_logits poisson_nll gamma_nll tweedie logistic hinge squared_hinge exponential perceptron smooth_hinge modified_huber
        cross_entropy softmax_focal generalized_cross_entropy multiclass_hinge multi_margin multilabel_margin multilabel_soft_margin
        cosine_distance gan_minimax gan_non_saturating hinge_embedding ranknet lambdarank list_net"""
    assert sorted(trainable()) == sorted(by_hand.split())


@every
@pytest.mark.parametrize(("loss", "parameters", "remedy"), [
    ("binary_cross_entropy", {}, "binary_cross_entropy_with_logits does"), ("brier", {}, "binary_cross_entropy_with_logits does"),
    ("binary_focal", {}, "binary_focal_with_logits does"), ("categorical_cross_entropy", {}, "cross_entropy does"), ("nll", {}, "cross_entropy does"),
    ("poisson_nll", {"log_input": False}, r"poisson_nll\(log_input=true\) does"), ("0.5*huber + 0.5*brier", {}, "binary_cross_entropy_with_logits does"),
    ("rmse", {}, "one of the whole batch"), ("sup_con", {}, "one of the whole batch"), ("info_nce", {}, "a loss of prediction;"),
    ("gaussian_nll", {}, "a loss of prediction, target, variance"),
    ("triplet_margin", {}, "a loss of anchor, positive, negative"), ("cox", {}, "a loss of prediction, time, event")])
def test_refused(adapter, loss, parameters, remedy):
    with pytest.raises(libloss.ArgumentError, match=remedy):
        adapter.objective(loss, **parameters)


@pytest.mark.parametrize(("name", "advice"), _boosting.OF_SCORES.items())
def test_advice_can_be_followed(name, advice):
    assert name in libloss.losses() and _boosting.boostable(advice, {}, "", ranking=None)


def test_inputs_of_own_losses_have_any_name():
    def cubed(score, label):
        r = score - label
        return np.abs(r) ** 3, 3 * r * np.abs(r), 6 * np.abs(r)

    grad, hess = libloss.lightgbm.objective(libloss.define(cubed))(np.zeros(2), np.array([1.0, -2.0]))
    np.testing.assert_array_equal([grad, hess], [[3, -12], [6, 12]])


def test_rankings_are_lightgbms():
    with pytest.raises(libloss.ArgumentError, match="XGBoost gives objectives from outside no groups; its own are rank:ndcg"):
        libloss.xgboost.objective("lambdarank")
    with pytest.raises(libloss.ArgumentError, match=r"CatBoost gives objectives from outside no groups; libloss\.lightgbm trains it"):
        libloss.catboost.objective("list_net")
    with pytest.raises(libloss.ArgumentError, match="trained alone"):
        libloss.lightgbm.objective("lambdarank + list_net")


@every
def test_options(adapter):
    with pytest.raises(libloss.ArgumentError, match="curvature = 'newton' is none of builtin, upper, exact"):
        adapter.objective("huber", curvature="newton")
    with pytest.raises(libloss.ArgumentError, match=r"curvature = 'builtin': .* has no softmax_focal"):
        adapter.objective("softmax_focal", curvature="builtin")
    with pytest.raises(libloss.ArgumentError, match="class_weight: huber takes none"):
        adapter.objective("huber", class_weight=[1, 2])
    with pytest.raises(libloss.UnknownNameError, match="did you mean huber"):
        adapter.objective("hubber")
    assert adapter.objective("huber", delta=3).loss == libloss.Loss("huber", delta=3)
    assert adapter.objective("cross_entropy", label_smoothing=0.1).curvature == "upper"  # no library has that


BEND = {"smooth_l1": {"beta": 0}}


@pytest.mark.parametrize("name", trainable())
def test_warns_of_straight_lines(name):
    """By differences: a loss whose values lie on lines around almost every point is warned of, any other is not."""
    loss = libloss.Loss(name, **BEND.get(name, {}), **({"labels": "zero_one"} if "labels" in libloss.Loss(name).parameters else {}))
    rng = np.random.default_rng(0)
    shape = (200, 4)
    z, target = rng.normal(size=shape), rng.integers(1, 2, shape).astype(float)
    if _boosting.has_classes(loss):
        target = rng.integers(0, 4, 200)
    elif loss.info.inputs[1].kind == "sign" and "labels" not in loss.parameters:
        target = np.where(target > 0, 1.0, -1.0)
    elif name in ("ranknet", "lambdarank", "list_net", "multilabel_margin", "cosine_distance"):
        target = (rng.normal(size=shape) > 0).astype(float)
    direction = np.zeros(shape)
    direction[:, 0] = 1e-4
    value = [np.asarray(loss.forward(z + k * direction, target)) for k in (-1, 0, 1)]
    bend = np.abs(value[0] - 2 * value[1] + value[2]) / 1e-8
    straight = np.mean(bend > 1e-4) < 0.02
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        libloss.lightgbm.objective(loss)
    assert bool(caught) == straight
    if straight:
        assert [w.filename for w in caught] == [__file__]
        for advice in _boosting.SMOOTH[name].removesuffix(" with beta above 0").split(" or "):
            assert not _boosting._is_straight(libloss.Loss(advice))


@every
def test_no_warning_where_a_curvature_is_named(adapter):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        adapter.objective("epsilon_insensitive", curvature="upper")
        adapter.objective("smooth_l1")
        adapter.objective("0.5*absolute_error + 0.5*squared_error")
    with pytest.warns(UserWarning, match=r"absolute_error has no curvature: .* log_cosh or pseudo_huber has one"):
        adapter.objective("mae")


@pytest.mark.parametrize("table", [XGBOOST, LIGHTGBM, CATBOOST], ids=ADAPTERS)
def test_habits_are_of_losses(table):
    """Every name and parameter in the tables is one of the registry."""
    for name, own in table.items():
        assert name in libloss.losses() and set(own.only) <= set(libloss.Loss(name).parameters)
        assert libloss.Loss(name, **own.only)
