"""CatBoost grows the same trees with our objective as with its own, and trains losses that it lacks."""

from __future__ import annotations

import copy
import json
import pickle
import warnings

import catboost
import libloss
import libloss.catboost as adapter
import numpy as np
import pytest
from real_data import cancer, counts, diabetes, shown, small_diabetes, smooth_quantile, weights, wine
from scipy.special import expit, softmax

pytestmark = pytest.mark.filterwarnings("ignore:Failed to (import numba|optimize):UserWarning")  # CatBoost would compile objectives

BCE = "binary_cross_entropy_with_logits"
# Without these an objective from outside and a built-in one are not trained alike, whatever their derivatives are.
ALIKE = {"random_strength": 0, "bootstrap_type": "No", "boost_from_average": False, "leaf_estimation_method": "Newton", "leaf_estimation_iterations": 1,
         "leaf_estimation_backtracking": "No", "score_function": "L2", "learning_rate": 0.1, "depth": 4, "random_seed": 0}
QUIET = {"thread_count": 2, "verbose": 0, "allow_writing_files": False}


def trees(model, tmp_path):
    """Splits and leaves."""
    model.save_model(tmp_path / "model.json", format="json")
    grown = json.loads((tmp_path / "model.json").read_text())["oblivious_trees"]
    return [[(s["float_feature_index"], s["border"]) for s in tree["splits"]] for tree in grown], [np.array(tree["leaf_values"]) for tree in grown]


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize(("sample", "theirs", "loss", "parameters"), [
    (diabetes, "RMSE", "squared_error", {}), (diabetes, "RMSE", "half_squared_error", {}), (cancer, "Logloss", BCE, {}), (cancer, "CrossEntropy", BCE, {}),
    (wine, "MultiClass", "cross_entropy", {}), (counts, "Poisson", "poisson_nll", {}), (small_diabetes, "LogCosh", "log_cosh", {}),
    (small_diabetes, "Expectile:alpha=0.8", "expectile", {"tau": 0.8}), (small_diabetes, "Tweedie:variance_power=1.5", "tweedie", {})],
    ids=lambda x: x if isinstance(x, str) else "")
def test_same_trees(sample, theirs, loss, parameters, weighted, tmp_path):
    X, y = sample()
    pool = catboost.Pool(X, y, weight=weights(y, weighted))
    settings = {**ALIKE, **QUIET, "iterations": 5 if sample is wine else 30, **({"classes_count": 3} if sample is wine else {})}
    ours = adapter.objective(loss, **parameters)
    assert ours.curvature == "builtin" and ours.habit.objective in (theirs.partition(":")[0], "Logloss")
    a = catboost.CatBoost({**settings, "loss_function": theirs}).fit(pool)
    b = catboost.CatBoost({**settings, "loss_function": ours, "eval_metric": adapter.metric(ours)}).fit(pool)
    (splits_a, leaves_a), (splits_b, leaves_b) = trees(a, tmp_path), trees(b, tmp_path)
    # Two splits may part the same rows; then which is taken is a matter of the last bit.
    assert sum(x == y for x, y in zip(splits_a, splits_b, strict=True)) >= len(splits_a) - 2
    for x, y in zip(leaves_a, leaves_b, strict=True):
        np.testing.assert_allclose(y, x, rtol=0, atol=1e-12)
    raw = [model.predict(X, prediction_type="RawFormulaVal") for model in (a, b)]
    np.testing.assert_allclose(raw[1], raw[0], rtol=0, atol=1e-12 * np.ptp(raw[0]))


def test_derivatives():
    """Those of minus the loss, weighed once, in pairs."""
    rng = np.random.default_rng(0)
    z, y, w = rng.normal(size=50), rng.integers(0, 2, 50).astype("f4"), rng.uniform(0, 2, 50).astype("f4")
    p = expit(z)
    both = adapter.objective(BCE).calc_ders_range(z, y, w)
    assert both.shape == (50, 2) and both.dtype == np.float64
    np.testing.assert_allclose(both, np.stack([(y - p) * w, -p * (1 - p) * w], 1), rtol=1e-12)
    np.testing.assert_allclose(adapter.objective(BCE).calc_ders_range(z, y, None), np.stack([y - p, -p * (1 - p)], 1), rtol=1e-12)


def test_derivatives_of_rows():
    z, q = np.array([0.3, -1, 2]), softmax([0.3, -1, 2])
    grad, hess = adapter.objective("cross_entropy").calc_ders_multi(z, 1.0, 2.0)
    np.testing.assert_allclose(grad, 2 * (np.eye(3)[1] - q), rtol=1e-13)
    np.testing.assert_allclose(hess, -2 * (np.diag(q) - np.outer(q, q)), rtol=1e-13)
    grad, hess = adapter.objective("squared_error", multi_target=True).calc_ders_multi(z, np.array([1.0, 2, 3]), 1.0)
    np.testing.assert_allclose(grad, [0.7, 3, 1], rtol=1e-13)
    np.testing.assert_array_equal(hess, -np.eye(3))


@pytest.mark.parametrize(("loss", "params", "classes"), [("softmax_focal", {}, 3), ("generalized_cross_entropy", {}, 3), ("multi_margin", {"power": 2}, 3)])
def test_curvature_of_rows_is_never_against(loss, params, classes):
    """Newton steps climb: the default curvature has no direction in which minus the loss bends upwards."""
    rng = np.random.default_rng(1)
    obj = adapter.objective(loss, **params)
    for _ in range(50):
        _, hess = obj.calc_ders_multi(rng.normal(size=classes) * 4, float(rng.integers(classes)), 1.0)
        assert np.linalg.eigvalsh(hess).max() <= 1e-12


def test_multi_target():
    """Each target is trained as it is alone."""
    X, y = small_diabetes()
    Y = np.stack([y, np.sqrt(y)], 1)
    settings = {**ALIKE, **QUIET, "iterations": 10}
    theirs = catboost.CatBoost({**settings, "loss_function": "MultiRMSE"}).fit(X, Y)
    obj = adapter.objective("squared_error", multi_target=True)
    ours = catboost.CatBoost({**settings, "loss_function": obj, "eval_metric": adapter.metric(obj)}).fit(X, Y)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-10)
    log = ours.evals_result_["learn"]
    assert next(iter(log.values()))[-1] == pytest.approx(np.mean((ours.predict(X) - Y) ** 2), rel=1e-6)


def test_multilabel():
    """A loss of target rows is one of many targets by itself."""
    X, y = wine()
    Y = np.eye(3)[y]
    obj = adapter.objective("multilabel_soft_margin")
    model = catboost.CatBoost({**QUIET, "iterations": 10, "learning_rate": 0.5, "depth": 3, "loss_function": obj, "eval_metric": adapter.metric(obj)}).fit(X, Y)
    assert np.mean((expit(model.predict(X)) > 0.5) == (Y == 1)) > 0.95


# ---- start values ----


@pytest.mark.parametrize(("sample", "loss", "link"), [(diabetes, "squared_error", lambda m: m), (cancer, BCE, lambda m: np.log(m / (1 - m))),
                                                      (counts, "poisson_nll", np.log)])
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_baked_start(sample, loss, link, weighted, tmp_path):
    """A model trained from a baseline predicts what it was trained to, once its start is baked, and when it is read again."""
    X, y = sample()
    w = weights(y, weighted)
    start = adapter.baseline(loss, y, weight=w)
    np.testing.assert_allclose(start, link(np.average(y, weights=w)), rtol=1e-9)
    model = catboost.CatBoost({**QUIET, "iterations": 5, "loss_function": adapter.objective(loss), "eval_metric": adapter.metric(loss)})
    model.fit(catboost.Pool(X, y, weight=w, baseline=start))
    raw = model.predict(X)
    assert adapter.bake_start(model, start) is model
    np.testing.assert_allclose(model.predict(X), raw + start, rtol=1e-12)
    model.save_model(tmp_path / "model.cbm")
    np.testing.assert_array_equal(catboost.CatBoost().load_model(tmp_path / "model.cbm").predict(X), model.predict(X))


def test_baked_start_of_classes():
    X, y = wine()
    start = adapter.baseline("cross_entropy", y)
    np.testing.assert_allclose(softmax(start[0]), np.bincount(y) / len(y), rtol=1e-12)
    obj = adapter.objective("cross_entropy")
    model = catboost.CatBoost({**QUIET, "iterations": 2, "loss_function": obj, "eval_metric": adapter.metric(obj), "classes_count": 3})
    raw = model.fit(catboost.Pool(X, y, baseline=start)).predict(X)
    np.testing.assert_allclose(adapter.bake_start(model, start).predict(X), raw + start, rtol=1e-12)
    with pytest.raises(libloss.ShapeError, match="start has 2 numbers; the model has 3 outputs"):
        adapter.bake_start(model, np.zeros((5, 2)))


# ---- metrics ----


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize(("sample", "theirs", "loss"), [(cancer, "Logloss", BCE), (wine, "MultiClass", "cross_entropy")])
def test_metric(sample, theirs, loss, weighted, tmp_path, monkeypatch):
    """The same numbers as CatBoost's own, beside its objective and ours."""
    monkeypatch.chdir(tmp_path)  # where eval_metrics leaves a folder
    X, y = sample()
    pool = catboost.Pool(X, y, weight=weights(y, weighted))
    settings = {**ALIKE, **QUIET, "iterations": 3, "classes_count": len(set(y))} if theirs == "MultiClass" else {**ALIKE, **QUIET, "iterations": 3}
    # eval_metrics, not the log of the training, in which CatBoost's exp is off in the fourth digit.
    expected = catboost.CatBoost({**settings, "loss_function": theirs}).fit(pool).eval_metrics(pool, [theirs])[theirs]
    for trained in (theirs, adapter.objective(loss)):
        model = catboost.CatBoost({**settings, "loss_function": trained, "eval_metric": adapter.metric(loss)}).fit(pool)
        log = model.evals_result_["learn"]
        own = next(values for name, values in log.items() if name != theirs)
        np.testing.assert_allclose(own, expected, rtol=1e-9)


# ---- losses that CatBoost lacks ----


@pytest.mark.parametrize(("sample", "loss"), [
    (small_diabetes, libloss.Loss("pseudo_huber")), (small_diabetes, libloss.Loss("huber")), (cancer, libloss.Loss("binary_focal_with_logits")),
    (small_diabetes, libloss.define(smooth_quantile).replace(tau=0.8)), (cancer, libloss.Loss("squared_hinge", labels="zero_one"))], ids=shown)
def test_lacking_losses_train(sample, loss):
    X, y = sample()
    obj, value = adapter.objective(loss), adapter.metric(loss)
    assert obj.curvature == "upper"
    model = catboost.CatBoostRegressor(loss_function=obj, eval_metric=value, iterations=60, learning_rate=0.3, depth=4, **QUIET).fit(X, y)
    assert value.value(model.predict(X), y, None) < 0.5 * value.value(np.full(len(y), np.median(y)), y, None)


@pytest.mark.parametrize(("sample", "loss"), [(cancer, "binary_focal_with_logits"), (wine, "softmax_focal")])
def test_classifier(sample, loss):
    """Labels and probabilities, given the names of the classes."""
    X, y = sample()
    names = np.array(["first", "second", "third"])[: len(set(y))]
    # CatBoost hands over the place of a label among the names.
    model = catboost.CatBoostClassifier(loss_function=adapter.objective(loss), eval_metric=adapter.metric(loss), class_names=list(names), iterations=20,
                                        learning_rate=0.5, depth=3, **QUIET).fit(X, names[y])
    assert np.mean(model.predict(X).ravel() == names[y]) > 0.95
    raw = model.predict(X, prediction_type="RawFormulaVal")
    expected = softmax(raw, axis=1) if raw.ndim == 2 else np.stack([expit(-raw), expit(raw)], 1)
    np.testing.assert_allclose(model.predict_proba(X), expected, rtol=1e-9)


# ---- the rest ----


def test_what_goes_wrong_is_named():
    with pytest.raises(libloss.DomainError, match=r"target\[1\] = 2 is not in \[0, 1\]"):
        adapter.objective(BCE).calc_ders_range(np.zeros(3), np.array([0, 2, 1], "f4"), None)
    with pytest.raises(libloss.DomainError, match=r"target\[0\] = 0.5 is no class"):
        adapter.objective("cross_entropy").calc_ders_multi(np.zeros(3), 0.5, 1.0)
    X, y = diabetes()
    with pytest.raises(catboost.CatBoostError, match=r"target\[0\] = 151 is not in \[0, 1\]"):
        catboost.CatBoost({**QUIET, "iterations": 1, "thread_count": 1, "loss_function": adapter.objective(BCE), "eval_metric": "RMSE"}).fit(X, y)


def test_copies():
    """CatBoost copies its parameters; models are pickled with them."""
    for obj in (adapter.objective("huber", delta=2), adapter.objective("softmax_focal"), adapter.objective("multilabel_soft_margin")):
        for twin in (copy.deepcopy(obj), pickle.loads(pickle.dumps(obj))):
            assert type(twin) is type(obj) and twin.loss == obj.loss


@pytest.mark.parametrize("loss", ["quantile", "multiclass_hinge"])
def test_warning_points_to_the_caller(loss):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        adapter.objective(loss)
    assert [w.filename for w in caught] == [__file__]
