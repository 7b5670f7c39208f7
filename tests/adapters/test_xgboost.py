"""XGBoost trains the same model with our objective as with its own, and trains losses that it lacks."""

from __future__ import annotations

import json
import pickle

import libloss
import libloss.xgboost as adapter
import numpy as np
import pytest
import xgboost
from real_data import cancer, counts, diabetes, digits, shown, silently, small_diabetes, smooth_quantile, weights
from sklearn.base import clone

ROUNDS = 50
BCE = "binary_cross_entropy_with_logits"
STRUCTURE = ["Tree", "Node", "Feature", "Split", "Yes", "No", "Missing"]


def matrix(X, y=None, w=None):
    return xgboost.DMatrix(X, y, weight=w)


def own_start(data, params):
    """The start that the built-in objective chooses."""
    learner = json.loads(xgboost.train(params, data, 1).save_config())["learner"]
    start = json.loads(learner["learner_model_param"]["base_score"])
    return start if len(start) > 1 else start[0]


def trained_twice(sample, params, loss, parameters, weighted, rounds=ROUNDS, start=None):
    """By the objective that stays in params, and by ours beside it, from the same start."""
    X, y = sample()
    data = matrix(X, y, weights(y, weighted))
    params = {"nthread": 1, **params}
    params.setdefault("base_score", own_start(data, params) if start is None else start)
    ours = silently(adapter.objective, loss, **parameters)
    assert ours.curvature == "builtin" and ours.habit.objective == params["objective"]
    return xgboost.train(params, data, rounds), xgboost.train(params, data, rounds, obj=ours), data


BIT_SAME = [
    (diabetes, {"objective": "reg:squarederror"}, "squared_error", {}),
    (diabetes, {"objective": "reg:squarederror"}, "half_squared_error", {}),
    (small_diabetes, {"objective": "reg:pseudohubererror", "base_score": 2}, "pseudo_huber", {}),
    (small_diabetes, {"objective": "reg:pseudohubererror", "huber_slope": 1.3, "base_score": 3}, "pseudo_huber", {"delta": 1.3}),
    (cancer, {"objective": "binary:hinge"}, "hinge", {"labels": "zero_one"}),
    (diabetes, {"objective": "reg:quantileerror", "quantile_alpha": 0.9}, "quantile", {"tau": 0.9}),
    (diabetes, {"objective": "reg:quantileerror", "quantile_alpha": 0.3}, "quantile", {"tau": 0.3}),
    (diabetes, {"objective": "reg:absoluteerror"}, "absolute_error", {}),
]


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize(("sample", "params", "loss", "parameters"), BIT_SAME, ids=[f"{case[2]}{case[3] or ''}" for case in BIT_SAME])
def test_bit_same(sample, params, loss, parameters, weighted):
    """The gradients are the same float32 numbers, so the saved models are the same bytes."""
    theirs, ours, _ = trained_twice(sample, params, loss, parameters, weighted)
    assert theirs.num_boosted_rounds() == ROUNDS
    assert theirs.save_raw() == ours.save_raw()


SAME_STRUCTURE = [
    (cancer, {"objective": "binary:logistic"}, BCE, {}, None),
    (cancer, {"objective": "binary:logistic", "scale_pos_weight": 3}, BCE, {"pos_weight": 3}, 0.5),
    (cancer, {"objective": "binary:logistic"}, "logistic", {"labels": "zero_one"}, None),
    (digits, {"objective": "multi:softprob", "num_class": 10}, "cross_entropy", {}, None),
    (counts, {"objective": "count:poisson"}, "poisson_nll", {}, None),
    (diabetes, {"objective": "reg:gamma"}, "gamma_nll", {}, None),
    (diabetes, {"objective": "reg:tweedie"}, "tweedie", {}, None),
    (diabetes, {"objective": "reg:tweedie", "tweedie_variance_power": 1.2}, "tweedie", {"power": 1.2}, None),
    (small_diabetes, {"objective": "reg:squaredlogerror"}, "squared_log_error", {}, None),
]


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize(("sample", "params", "loss", "parameters", "start"), SAME_STRUCTURE, ids=[f"{case[2]}{case[3] or ''}" for case in SAME_STRUCTURE])
def test_same_structure(sample, params, loss, parameters, start, weighted):
    """XGBoost's float32 exp is off by a unit or two in the last place, ours is not: leaves differ there, no split does."""
    theirs, ours, data = trained_twice(sample, params, loss, parameters, weighted, 15 if sample is digits else ROUNDS, start)
    assert theirs.trees_to_dataframe()[STRUCTURE].equals(ours.trees_to_dataframe()[STRUCTURE])
    a, b = (model.predict(data, output_margin=True) for model in (theirs, ours))
    assert np.ptp(a) > 0.1
    np.testing.assert_allclose(b, a, rtol=0, atol=1e-5 * np.ptp(a))


def test_a_curvature_of_another_kind_trains_another_model():
    """What the table of habits is for: Poisson's true curvature is not what XGBoost uses."""
    X, y = counts()
    data, params = matrix(X, y), {"objective": "count:poisson", "base_score": float(y.mean()), "nthread": 1}
    theirs, ours = xgboost.train(params, data, 10), xgboost.train(params, data, 10, obj=adapter.objective("poisson_nll", curvature="exact"))
    assert not theirs.trees_to_dataframe()[STRUCTURE].equals(ours.trees_to_dataframe()[STRUCTURE])


@pytest.mark.parametrize(("name", "formula"), [
    (BCE, lambda z, y: (np.where(y == 1, -1 / (1 + np.exp(z)), 1 / (1 + np.exp(-z))), np.maximum(1 / (1 + np.exp(-z)) / (1 + np.exp(z)), 1e-16))),
    ("poisson_nll", lambda z, y: (np.exp(z) - y, np.exp(z + 0.7))),
    ("squared_error", lambda z, y: (z - y, np.ones_like(z))),
    ("huber", lambda z, y: (np.clip(z - y, -1, 1), 1 / np.maximum(np.abs(z - y), 1))),
])
def test_derivatives(name, formula):
    rng = np.random.default_rng(1)
    z, y, w = rng.normal(size=300).astype("f4") * 20, rng.integers(0, 2, 300).astype("f4"), rng.uniform(0, 3, 300).astype("f4")
    w[:20] = 0
    grad, hess = adapter.objective(name)(z, matrix(np.zeros((300, 1)), y, w))
    g, h = formula(z.astype(float), y.astype(float))
    assert grad.dtype == hess.dtype == np.float32 and grad.shape == z.shape
    np.testing.assert_allclose(grad, g * w, rtol=3e-7, atol=1e-37)
    np.testing.assert_allclose(hess, h * w, rtol=3e-7, atol=1e-37)


def test_shapes_and_order():
    """(n, outputs) in C order, from targets of the same shape, from class indices, and from classes as one against all others."""
    rng = np.random.default_rng(2)
    z, classes = rng.normal(size=(40, 3)).astype("f4"), rng.integers(0, 3, 40)
    X, w, one_hot, odds = np.zeros((40, 1)), np.arange(40.0), np.eye(3)[classes], np.exp(z.astype(float))
    for loss, y, expected in (("squared_error", z * 2, -z), ("cross_entropy", classes, odds / odds.sum(1, keepdims=True) - one_hot),
                              (BCE, classes, odds / (1 + odds) - one_hot)):
        grad, hess = adapter.objective(loss)(z, matrix(X, y, w))
        assert grad.shape == hess.shape == (40, 3) and grad.flags.c_contiguous and hess.flags.c_contiguous
        np.testing.assert_allclose(grad, expected * w[:, None], rtol=1e-5, atol=1e-6)


def test_multi_output_trains_as_squared_error_does():
    X, y = diabetes()
    data = matrix(X, np.stack([y, np.sqrt(y)], 1))
    params = {"objective": "reg:squarederror", "base_score": 10, "nthread": 1}
    theirs, ours = xgboost.train(params, data, 10), xgboost.train(params, data, 10, obj=adapter.objective("squared_error"))
    assert theirs.save_raw() == ours.save_raw()


# ---- the interface of scikit-learn ----


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_regressor(weighted):
    """The estimator trains what the native interface trains."""
    X, y = small_diabetes()
    w, obj = weights(y, weighted), adapter.objective("log_cosh")
    start = adapter.base_score(obj, y, weight=w)
    model = xgboost.XGBRegressor(objective=obj, n_estimators=20, base_score=start, n_jobs=1, eval_metric=adapter.metric(obj))
    model = clone(model).fit(X, y, sample_weight=w, eval_set=[(X, y)], verbose=False)
    native = xgboost.train({"base_score": start, "nthread": 1}, matrix(X, y, w), 20, obj=obj)
    np.testing.assert_array_equal(model.predict(X), native.predict(matrix(X)))
    assert model.evals_result()["validation_0"]["log_cosh"][-1] == pytest.approx(np.mean(np.log(np.cosh(model.predict(X) - y))), rel=1e-5)


def test_classifier():
    """XGBClassifier keeps binary:logistic beside the objective, so the start is a probability and predict_proba is right."""
    X, y = cancer()
    start = adapter.base_score(BCE, y, objective="binary:logistic")
    assert start == pytest.approx(y.mean(), rel=1e-6)
    settings = {"n_estimators": 20, "n_jobs": 1, "base_score": start}
    theirs = xgboost.XGBClassifier(**settings).fit(X, y)
    ours = xgboost.XGBClassifier(objective=adapter.objective(BCE), **settings).fit(X, y)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-5)
    Xd, yd = digits()
    start = adapter.base_score("cross_entropy", yd)
    theirs = xgboost.XGBClassifier(**{**settings, "n_estimators": 5, "base_score": start}).fit(Xd, yd)
    ours = xgboost.XGBClassifier(objective=adapter.objective("cross_entropy"), **{**settings, "n_estimators": 5, "base_score": start}).fit(Xd, yd)
    np.testing.assert_allclose(ours.predict_proba(Xd), theirs.predict_proba(Xd), atol=1e-5)


# ---- start values ----


@pytest.mark.parametrize(("sample", "params", "loss", "classes"), [
    (diabetes, {"objective": "reg:squarederror"}, "squared_error", False), (cancer, {"objective": "binary:logistic"}, BCE, False),
    (counts, {"objective": "count:poisson"}, "poisson_nll", False), (diabetes, {"objective": "reg:gamma"}, "gamma_nll", False),
    (diabetes, {"objective": "reg:tweedie"}, "tweedie", False), (digits, {"objective": "multi:softprob", "num_class": 10}, "cross_entropy", True)],
    ids=lambda x: x if isinstance(x, str) else "")
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_base_score(sample, params, loss, classes, weighted):
    """Where XGBoost starts at the best constant, ours is the same."""
    X, y = sample()
    data = matrix(X, y, weights(y, weighted))
    ours, theirs = np.asarray(adapter.base_score(loss, data, objective=params["objective"])), np.asarray(own_start(data, params))
    if classes:  # softmax does not mind what is added to all of a row
        ours = ours - ours.mean()
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_base_margin():
    X, y = cancer()
    margin = adapter.base_margin(BCE, y)
    np.testing.assert_allclose(margin, np.full(len(y), np.log(y.mean() / (1 - y.mean()))), rtol=1e-6)
    a, b = matrix(X, y), matrix(X, y)
    a.set_base_margin(margin)
    obj = adapter.objective(BCE)
    with_margin = xgboost.train({"nthread": 1}, a, 5, obj=obj).predict(a)
    with_score = xgboost.train({"nthread": 1, "base_score": adapter.base_score(BCE, b)}, b, 5, obj=obj).predict(b)
    np.testing.assert_allclose(with_margin, with_score, rtol=1e-5)
    assert adapter.base_margin("cross_entropy", np.array([0.0, 1, 2, 1])).shape == (4, 3)


def test_weight_given_twice():
    X, y = cancer()
    with pytest.raises(libloss.ArgumentError, match="weight is given twice"):
        adapter.base_score(BCE, matrix(X, y), weight=np.ones(len(y)))


# ---- metrics ----


@pytest.mark.parametrize(("sample", "params", "loss", "theirs"), [(cancer, {"objective": "binary:logistic"}, BCE, "logloss"),
                                                                 (digits, {"objective": "multi:softprob", "num_class": 10}, "cross_entropy", "mlogloss"),
                                                                 (diabetes, {"objective": "reg:squarederror"}, "squared_error", "rmse")],
                         ids=lambda x: x if isinstance(x, str) else "")
@pytest.mark.parametrize("beside", ["obj", "builtin"])
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_metric(sample, params, loss, theirs, beside, weighted):
    """The same numbers as XGBoost's metric, whether XGBoost hands margins over (beside obj) or predictions (beside a built-in objective)."""
    X, y = sample()
    data, log, outside = matrix(X, y, weights(y, weighted)), {}, beside == "obj"
    xgboost.train({**params, "nthread": 1, "eval_metric": theirs, "max_depth": 2}, data, 3, evals=[(data, "t")], evals_result=log, verbose_eval=False,
                  obj=adapter.objective(loss) if outside else None, custom_metric=adapter.metric(loss, output_margin=outside))
    own = np.asarray(log["t"][libloss.Loss(loss).spec])
    np.testing.assert_allclose(np.sqrt(own) if theirs == "rmse" else own, log["t"][theirs], rtol=2e-5)


def test_names_of_metrics_have_no_spaces():
    """XGBoost splits its log at them."""
    X, y = diabetes()
    data, log = matrix(X, y), {}
    loss = libloss.Loss("0.5*huber(delta=2) + expectile(tau=0.9)")
    xgboost.train({"nthread": 1}, data, 1, obj=adapter.objective(loss), custom_metric=adapter.metric(loss), evals=[(data, "t")], evals_result=log,
                  verbose_eval=False)
    assert set(log["t"]) == {"rmse", "0.5*huber(delta=2)+1*expectile(tau=0.9)"}


# ---- losses that XGBoost lacks ----


@pytest.mark.parametrize(("sample", "loss", "params"), [
    (small_diabetes, libloss.Loss("log_cosh"), {}), (small_diabetes, libloss.Loss("huber"), {}), (small_diabetes, libloss.Loss("expectile", tau=0.9), {}),
    (small_diabetes, libloss.define(smooth_quantile).replace(tau=0.8), {}), (cancer, libloss.Loss("binary_focal_with_logits"), {}),
    (small_diabetes, libloss.Loss("0.5*huber + 0.5*squared_error"), {}), (digits, libloss.Loss("softmax_focal"), {"num_class": 10}),
    (digits, libloss.Loss("cross_entropy", label_smoothing=0.1), {"num_class": 10})], ids=shown)
def test_lacking_losses_train(sample, loss, params):
    """From the best constant start to well below what it costs."""
    X, y = sample()
    data = matrix(X, y)
    try:
        start = adapter.base_score(loss, data)
    except libloss.Error:  # it is known of no sum, no loss of one's own, and not of softmax_focal
        start = [0.0] * 10 if params else float(y.mean())
    obj = adapter.objective(loss)
    assert obj.curvature == "upper"
    model = xgboost.train({"base_score": start, "nthread": 1, "max_depth": 3, **params}, data, 30, obj=obj)
    value = adapter.metric(loss)
    constant = np.broadcast_to(start, (len(y), *np.shape(start))).astype("f4")
    assert value(model.predict(data, output_margin=True), data)[1] < 0.6 * value(constant, data)[1]


def test_adaptive_robust_ignores_outliers():
    """Trained on targets a tenth of which are wild, it comes nearer to the clean ones than squared error does."""
    X, clean = small_diabetes()
    y = clean + np.where(np.arange(len(clean)) % 10 == 0, 100.0, 0.0)
    data = matrix(X, y)
    error = {}
    for loss, parameters in (("adaptive_robust", {"alpha": 0}), ("squared_error", {})):
        model = xgboost.train({"base_score": float(np.median(y)), "nthread": 1, "max_depth": 3}, data, 30, obj=adapter.objective(loss, **parameters))
        error[loss] = np.mean(np.abs(model.predict(data) - clean))
    assert error["adaptive_robust"] < 0.2 * error["squared_error"]


# ---- what goes wrong ----


@pytest.mark.parametrize(("loss", "parameters", "y", "message"), [
    (BCE, {}, [0, 1, 2, 1], r"target\[2\] = 2 is not in \[0, 1\]"), ("hinge", {}, [1, -1, 1, 0], r"target\[3\] = 0 is not -1 or \+1; labels=zero_one"),
    ("gamma_nll", {}, [1, 2, 3, 0], r"target\[3\] = 0")])
def test_labels_that_do_not_suit(loss, parameters, y, message):
    X = np.zeros((4, 1))
    with pytest.raises(libloss.DomainError, match=message):
        xgboost.train({"nthread": 1}, matrix(X, y), 1, obj=silently(adapter.objective, loss, **parameters))


@pytest.mark.parametrize(("y", "message"), [([0, 1, 1.5, 0], r"target\[2\] = 1.5 is no class"), ([0, 1, 2, 3], r"target\[3\] = 3 is not in \[0, 3\)"),
                                            ([0, -1, 2, 2], r"target\[1\] = -1 is not in \[0, 3\)")])
@pytest.mark.parametrize("loss", ["cross_entropy", BCE])
def test_classes_that_are_none(loss, y, message):
    with pytest.raises(libloss.DomainError, match=message):
        xgboost.train({"nthread": 1, "num_class": 3}, matrix(np.zeros((4, 1)), y), 1, obj=adapter.objective(loss))


def test_no_number_of_classes():
    with pytest.raises(libloss.ShapeError, match="cross_entropy needs a score per class"):
        xgboost.train({"nthread": 1}, matrix(np.zeros((3, 1)), [0, 1, 2]), 1, obj=adapter.objective("cross_entropy"))


def test_class_weight():
    """Of a class it is the weight of that class's rows; the built-in habit, which knows none, is left."""
    X, y = digits()
    class_weight = np.linspace(0.5, 2, 10)
    by_class, by_row = adapter.objective("cross_entropy", class_weight=class_weight), adapter.objective("cross_entropy", curvature="upper")
    z = np.random.default_rng(3).normal(size=(len(y), 10)).astype("f4")
    for a, b in zip(by_class(z, matrix(X, y)), by_row(z, matrix(X, y, class_weight[y])), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def test_pickle():
    obj = pickle.loads(pickle.dumps(adapter.objective("huber", delta=2)))
    assert obj.loss == libloss.Loss("huber", delta=2) and repr(obj) == "libloss.xgboost.Objective('huber(delta=2)')"
