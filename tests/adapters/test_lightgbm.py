"""LightGBM trains the same model with our objective as with its own, bit for bit where its leaves are not renewed, and trains what it lacks."""

from __future__ import annotations

import itertools
import pickle

import libloss
import libloss.lightgbm as adapter
import lightgbm
import numpy as np
import pytest
from libloss._habits import LIGHTGBM
from real_data import cancer, counts, diabetes, digits, fair, shown, silently, small_diabetes, smooth_quantile, weights
from scipy.special import expit, softmax
from sklearn.base import clone

BCE = "binary_cross_entropy_with_logits"
STILL = {"deterministic": True, "force_row_wise": True, "num_threads": 1, "verbose": -1}


def data(X, y, w=None, **options):
    return lightgbm.Dataset(X, y, weight=w, free_raw_data=False, **options)


def trees(booster):
    return [tree["tree_structure"] for tree in booster.dump_model()["tree_info"]]


def splits(node):
    return (node["split_feature"], node["threshold"], splits(node["left_child"]), splits(node["right_child"])) if "split_feature" in node else None


def trained_twice(sample, params, loss, parameters, weighted, rounds=50, start=0.0):
    """By LightGBM's own objective and by ours, from the same start."""
    X, y = sample()
    w, init = weights(y, weighted), np.full(len(y), start)
    params = {**STILL, "boost_from_average": False, **params}
    ours = silently(adapter.objective, loss, **parameters)
    if params["objective"] in {own.objective for own in LIGHTGBM.values()}:
        assert ours.curvature == "builtin" and ours.habit.objective == params["objective"]
    options = {} if "num_class" in params else {"init_score": init}
    return lightgbm.train(params, data(X, y, w, **options), rounds), lightgbm.train({**params, "objective": ours}, data(X, y, w, **options), rounds)


BIT_SAME = [
    (diabetes, {"objective": "regression"}, "squared_error", {}, 0.0),
    (diabetes, {"objective": "regression"}, "half_squared_error", {}, 150.0),
    (cancer, {"objective": "binary"}, BCE, {}, 0.0),
    (cancer, {"objective": "binary", "scale_pos_weight": 3}, BCE, {"pos_weight": 3}, 0.0),
    (cancer, {"objective": "binary"}, "logistic", {"labels": "zero_one"}, 0.0),
    (cancer, {"objective": "binary", "sigmoid": 2}, "logistic", {"labels": "zero_one", "kappa": 2}, 0.0),
    (cancer, {"objective": "cross_entropy"}, BCE, {}, 0.5),
    (digits, {"objective": "multiclass", "num_class": 10}, "cross_entropy", {}, 0.0),
    (digits, {"objective": "multiclassova", "num_class": 10}, BCE, {}, 0.0),
    (counts, {"objective": "poisson"}, "poisson_nll", {}, 1.5),
    (diabetes, {"objective": "gamma"}, "gamma_nll", {}, 5.0),
    (diabetes, {"objective": "tweedie"}, "tweedie", {}, 5.0),
    (small_diabetes, {"objective": "huber", "alpha": 0.9}, "huber", {"delta": 0.9}, 3.0),
    (small_diabetes, {"objective": "fair"}, libloss.define(fair), {}, 3.0),
    (small_diabetes, {"objective": "fair", "fair_c": 2}, libloss.define(fair).replace(c=2), {}, 3.0),
]


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize(("sample", "params", "loss", "parameters", "start"), BIT_SAME,
                         ids=[f"{case[1]['objective']} {case[2]}{case[3] or ''}" for case in BIT_SAME])
def test_bit_same(sample, params, loss, parameters, start, weighted):
    """LightGBM computes in float64 and rounds once, as we do: the same trees to the last bit of every leaf."""
    theirs, ours = trained_twice(sample, params, loss, parameters, weighted, 10 if sample is digits else 50, start)
    assert theirs.num_trees() == ours.num_trees() >= 50
    assert trees(theirs) == trees(ours)
    assert theirs.num_model_per_iteration() == ours.num_model_per_iteration()


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize(("params", "loss", "parameters"), [
    ({"objective": "quantile", "alpha": 0.9}, "quantile", {"tau": 0.9}), ({"objective": "quantile", "alpha": 0.3}, "quantile", {"tau": 0.3}),
    ({"objective": "regression_l1"}, "absolute_error", {}), ({"objective": "mape"}, "absolute_percentage_error", {"eps": 1})],
    ids=["quantile 0.9", "quantile 0.3", "l1", "mape"])
def test_first_structure(params, loss, parameters, weighted):
    """LightGBM renews the leaves of these and forbids it to objectives from outside, so the first tree's structure is all there can be."""
    theirs, ours = trained_twice(diabetes, params, loss, parameters, weighted, 1, 140.0)
    assert splits(trees(theirs)[0]) == splits(trees(ours)[0]) is not None


def test_a_curvature_of_another_kind_trains_another_model():
    theirs, ours = trained_twice(digits, {"objective": "multiclass", "num_class": 10}, "cross_entropy", {}, False, 2)
    X, y = digits()
    upper = lightgbm.train({**STILL, "num_class": 10, "objective": adapter.objective("cross_entropy", curvature="upper")}, data(X, y), 2)
    assert trees(theirs) == trees(ours) != trees(upper)


def test_order_of_memory():
    """What LightGBM gives column by column goes back so, in float32, without a copy in between."""
    y, z = np.array([0.0, 1, 2, 1]), np.asfortranarray(np.random.default_rng(0).normal(size=(4, 3)))
    grad, hess = adapter.objective("cross_entropy")(y, z)
    q = softmax(z, axis=1)
    assert grad.dtype == hess.dtype == np.float32 and grad.flags.f_contiguous and hess.flags.f_contiguous
    assert np.shares_memory(grad.ravel(order="F"), grad)
    np.testing.assert_array_equal(grad, (q - np.eye(3)[y.astype(int)]).astype("f4"))
    np.testing.assert_allclose(hess, q * (1 - q) * 1.5, rtol=1e-6)


def test_weight_zero_selects():
    """A row of weight 0 is not there, whatever its label."""
    y, z, w = np.array([1.0, np.nan]), np.array([0.0, 0.0]), np.array([2.0, 0.0], "f4")
    for loss in ("squared_error", "huber", "log_cosh", "poisson_nll"):
        grad, hess = adapter.objective(loss)(y, z, w)
        assert grad[1] == hess[1] == 0 and hess[0] > 0


# ---- start values ----


@pytest.mark.parametrize(("sample", "objective", "loss", "params"), [
    (diabetes, "regression", "squared_error", {}), (cancer, "binary", BCE, {}), (counts, "poisson", "poisson_nll", {}),
    (digits, "multiclass", "cross_entropy", {"num_class": 10})], ids=["regression", "binary", "poisson", "multiclass"])
def test_baked_start(sample, objective, loss, params, tmp_path):
    """Where LightGBM starts at the best constant, our start in the first tree gives the model that it trains; a saved one too."""
    X, y = sample()
    params = {**STILL, **params}
    theirs = lightgbm.train({**params, "objective": objective}, data(X, y), 10)
    start = adapter.init_score(loss, y)
    ours = lightgbm.train({**params, "objective": adapter.objective(loss)}, data(X, y, init_score=start), 10)
    raw = ours.predict(X, raw_score=True)
    assert adapter.bake_start(ours, start) is ours
    np.testing.assert_allclose(ours.predict(X), raw + start, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X, raw_score=True), rtol=1e-10, atol=1e-11)
    ours.save_model(tmp_path / "model.txt")
    np.testing.assert_array_equal(lightgbm.Booster(model_file=tmp_path / "model.txt").predict(X), ours.predict(X))


def test_init_score_of_a_dataset():
    X, y = cancer()
    w = weights(y, True)
    mean = np.average(y, weights=w)
    np.testing.assert_allclose(adapter.init_score(BCE, data(X, y, w).construct()), np.log(mean / (1 - mean)), rtol=1e-6)
    assert adapter.init_score("cross_entropy", np.array([0.0, 1, 2, 2])).shape == (4, 3)
    with pytest.raises(libloss.ArgumentError, match="weight is given twice"):
        adapter.init_score(BCE, data(X, y, w).construct(), weight=w)


def test_starts_that_no_leaf_holds():
    X, y = diabetes()
    booster = lightgbm.train({**STILL, "objective": adapter.objective("huber")}, data(X, y), 2)
    with pytest.raises(libloss.ArgumentError, match=r"start\[1\] = 2.0 is not start\[0\] = 1.0"):
        adapter.bake_start(booster, np.array([1.0, 2.0, 1.0]))
    with pytest.raises(libloss.ShapeError, match="start has 3 numbers; the model has 1 outputs"):
        adapter.bake_start(booster, np.ones((5, 3)))
    forest = lightgbm.train({**STILL, "objective": "regression", "boosting": "rf", "bagging_fraction": 0.5, "bagging_freq": 1}, data(X, y), 2)
    with pytest.raises(libloss.ArgumentError, match="random forest"):
        adapter.bake_start(forest, 1.0)
    lines = lightgbm.train({**STILL, "objective": "regression", "linear_tree": True}, data(X, y), 2)
    with pytest.raises(libloss.ArgumentError, match="linear trees"):
        adapter.bake_start(lines, 1.0)


@pytest.mark.parametrize("params", [{"min_gain_to_split": 1e30}, {"boosting": "dart", "drop_rate": 0.9}], ids=["stumps", "dart"])
def test_baked_start_of_unusual_trees(params):
    """Of trees without a split, and of trees that were scaled after they were grown."""
    X, y = small_diabetes()
    booster = lightgbm.train({**STILL, **params, "objective": adapter.objective("huber")}, data(X, y), 5)
    before = booster.predict(X)
    np.testing.assert_allclose(adapter.bake_start(booster, 5.0).predict(X), before + 5, rtol=1e-12)


# ---- the interface of scikit-learn ----


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_regressor(weighted):
    """The estimator trains what the native interface trains, and logs the metric."""
    X, y = small_diabetes()
    w, obj = weights(y, weighted), adapter.objective("log_cosh")
    model = clone(lightgbm.LGBMRegressor(objective=obj, n_estimators=20, n_jobs=1, verbose=-1))
    model.fit(X, y, sample_weight=w, eval_X=X[:100], eval_y=y[:100], eval_metric=adapter.metric(obj))
    native = lightgbm.train({"objective": obj, "num_threads": 1, "verbose": -1}, data(X, y, w), 20)
    np.testing.assert_array_equal(model.predict(X), native.predict(X))
    assert model.evals_result_["valid_0"]["log_cosh"][-1] == pytest.approx(np.mean(np.log(np.cosh(model.predict(X[:100]) - y[:100]))), rel=1e-6)


def test_predict_proba():
    """LightGBM's own probabilities, of classes and of one against all others, from models trained by our objective."""
    settings = {"n_estimators": 10, "n_jobs": 1, "verbose": -1, "boost_from_average": False}
    X, y = cancer()
    theirs = lightgbm.LGBMClassifier(**settings).fit(X, y)
    ours = lightgbm.LGBMClassifier(objective=adapter.objective(BCE), **settings).fit(X, y)
    np.testing.assert_allclose(adapter.predict_proba(ours, X), theirs.predict_proba(X), atol=1e-12)
    np.testing.assert_allclose(adapter.predict_proba(ours.booster_, X, loss=BCE, num_iteration=3), theirs.predict_proba(X, num_iteration=3), atol=1e-12)
    X, y = digits()
    theirs = lightgbm.LGBMClassifier(**settings).fit(X, y)
    ours = lightgbm.LGBMClassifier(objective=adapter.objective("cross_entropy"), **settings).fit(X, y)
    np.testing.assert_allclose(adapter.predict_proba(ours, X), theirs.predict_proba(X), atol=1e-12)
    one_by_one = lightgbm.LGBMClassifier(objective=adapter.objective(BCE), **settings).fit(X, y)
    np.testing.assert_allclose(adapter.predict_proba(one_by_one, X), expit(one_by_one.predict(X, raw_score=True)), rtol=1e-12)


def test_no_probabilities():
    X, y = cancer()
    model = lightgbm.LGBMClassifier(objective=silently(adapter.objective, "hinge", labels="zero_one"), n_estimators=2, verbose=-1, n_jobs=1).fit(X, y)
    with pytest.raises(libloss.ArgumentError, match="loss = 'hinge' gives no probabilities"):
        adapter.predict_proba(model, X)
    with pytest.raises(libloss.ArgumentError, match="loss = None: the model does not know"):
        adapter.predict_proba(model.booster_, X)


# ---- metrics ----


@pytest.mark.parametrize(("sample", "params", "loss", "theirs"), [
    (cancer, {"objective": "binary"}, BCE, "binary_logloss"), (digits, {"objective": "multiclass", "num_class": 10}, "cross_entropy", "multi_logloss"),
    (diabetes, {"objective": "regression"}, "squared_error", "l2")], ids=["binary", "multiclass", "l2"])
@pytest.mark.parametrize("beside", ["ours", "builtin"])
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_metric(sample, params, loss, theirs, beside, weighted):
    """The same numbers as LightGBM's metric, of predictions beside its objective, of raw scores beside ours."""
    X, y = sample()
    sets, log = data(X, y, weights(y, weighted)), {}
    built_in = beside == "builtin"
    params = {**STILL, **params, **({} if built_in else {"objective": adapter.objective(loss)}), "metric": theirs if built_in else "None"}
    booster = lightgbm.train(params, sets, 3, valid_sets=[sets], valid_names=["t"], feval=adapter.metric(loss, raw_score=not built_in),
                             callbacks=[lightgbm.record_evaluation(log)])
    own = log["t"][libloss.Loss(loss).spec]
    if built_in:
        np.testing.assert_allclose(own, log["t"][theirs], rtol=1e-9)
    else:
        w, raw = weights(y, weighted), booster.predict(X, raw_score=True)
        row = {BCE: lambda: np.logaddexp(0, raw) - y * raw, "squared_error": lambda: (raw - y) ** 2,
               "cross_entropy": lambda: -np.log(softmax(raw, axis=1)[np.arange(len(y)), y])}[loss]()
        assert own[-1] == pytest.approx(np.average(row, weights=w), rel=1e-6)  # the weights are float32 there


# ---- losses that LightGBM lacks ----


@pytest.mark.parametrize(("sample", "loss", "params"), [
    (small_diabetes, libloss.Loss("log_cosh"), {}), (small_diabetes, libloss.Loss("pseudo_huber"), {}),
    (small_diabetes, libloss.Loss("expectile", tau=0.9), {}),
    (small_diabetes, libloss.define(smooth_quantile).replace(tau=0.8), {}), (cancer, libloss.Loss("binary_focal_with_logits"), {}),
    (digits, libloss.Loss("binary_focal_with_logits"), {"num_class": 10}), (digits, libloss.Loss("softmax_focal"), {"num_class": 10})], ids=shown)
def test_lacking_losses_train(sample, loss, params):
    X, y = sample()
    try:
        start = adapter.init_score(loss, y) if "num_class" not in params else np.zeros((len(y), 10))
    except libloss.Error:
        start = np.full(len(y), y.mean())
    obj, value = adapter.objective(loss), adapter.metric(loss)
    assert obj.curvature == "upper"
    booster = lightgbm.train({**STILL, **params, "objective": obj}, data(X, y, init_score=start), 50)
    before = value(y, start)[1]
    assert value(y, adapter.bake_start(booster, start).predict(X))[1] < 0.5 * before


def test_adaptive_robust_ignores_outliers():
    """Trained on targets a tenth of which are wild, it comes nearer to the clean ones than squared error does."""
    X, clean = small_diabetes()
    y = clean + np.where(np.arange(len(clean)) % 10 == 0, 100.0, 0.0)
    start, error = float(np.median(y)), {}
    for loss, parameters in (("adaptive_robust", {"alpha": 0}), ("squared_error", {})):
        booster = lightgbm.train({**STILL, "objective": adapter.objective(loss, **parameters)}, data(X, y, init_score=np.full(len(y), start)), 30)
        error[loss] = np.mean(np.abs(booster.predict(X) + start - clean))
    assert error["adaptive_robust"] < 0.2 * error["squared_error"]


# ---- rankings ----


def queries():
    """30 queries of 10 to 29 documents, whose relevance the features tell."""
    rng = np.random.default_rng(0)
    sizes = rng.integers(10, 30, 30)
    X = rng.normal(size=(sizes.sum(), 5))
    return X, np.clip(np.round(X[:, 0] + X[:, 1] + 1), 0, 4), sizes


@pytest.mark.parametrize("loss", ["lambdarank", "list_net", "ranknet"])
def test_ranking(loss):
    """The order within queries is learned; the metric falls; the ranker of scikit-learn's interface gets the same model."""
    X, y, sizes = queries()
    sets, log = data(X, y, group=sizes), {}
    obj = adapter.objective(loss)
    booster = lightgbm.train({**STILL, "objective": obj}, sets, 30, valid_sets=[sets], valid_names=["t"], feval=adapter.metric(obj),
                             callbacks=[lightgbm.record_evaluation(log)])
    assert log["t"][loss][-1] < log["t"][loss][0]
    score, bounds = booster.predict(X), np.concatenate([[0], np.cumsum(sizes)])
    right = [np.mean((score[a:b, None] > score[a:b])[y[a:b, None] > y[a:b]]) for a, b in itertools.pairwise(bounds)]
    assert np.mean(right) > 0.9
    ranker = lightgbm.LGBMRanker(objective=obj, n_estimators=30, verbose=-1, n_jobs=1, deterministic=True, force_row_wise=True).fit(X, y, group=sizes)
    np.testing.assert_array_equal(ranker.predict(X), score)


def test_ranknet_formula():
    """Groups are sizes in LightGBM and offsets here; weights are those of rows, applied once."""
    y, z, w = np.array([2.0, 1, 1, 0, 3]), np.array([0.5, -1, 2, 0, 1]), np.array([1, 2, 3, 4, 5.0])
    grad, hess = np.zeros(5), np.zeros(5)
    for query in (range(3), range(3, 5)):
        for i in query:
            for j in query:
                if y[i] > y[j]:
                    wrong = expit(z[j] - z[i])
                    grad[i], grad[j] = grad[i] - wrong, grad[j] + wrong
                    hess[[i, j]] += wrong * (1 - wrong)
    obj = adapter.objective("ranknet", curvature="exact")
    for a, b in zip(obj(y, z, None, np.array([3, 2])), (grad, hess), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    for a, b in zip(obj(y, z, w, np.array([3, 2])), (grad * w, hess * w), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_ranking_without_groups():
    X, y, _ = queries()
    with pytest.raises(libloss.ArgumentError, match="group = None: lambdarank needs the sizes of the queries"):
        lightgbm.train({**STILL, "objective": adapter.objective("lambdarank")}, data(X, y), 1)


# ---- what goes wrong ----


@pytest.mark.parametrize(("loss", "parameters", "y", "message"), [
    (BCE, {}, [0, 1, 2, 1], r"target\[2\] = 2 is not in \[0, 1\]"), ("logistic", {}, [1, -1, 1, 0], r"target\[3\] = 0 is not -1 or \+1; labels=zero_one"),
    ("poisson_nll", {}, [1, 2, -3, 0], r"target\[2\] = -3")])
def test_labels_that_do_not_suit(loss, parameters, y, message):
    with pytest.raises(libloss.DomainError, match=message):
        lightgbm.train({**STILL, "min_data_in_leaf": 1, "objective": adapter.objective(loss, **parameters)}, data(np.arange(4.0)[:, None], y), 1)


def test_several_scores_of_one_target():
    with pytest.raises(libloss.ShapeError, match="huber needs a target for each prediction"):
        adapter.objective("huber")(np.zeros(4), np.zeros((4, 3)))


def test_pickle():
    obj = pickle.loads(pickle.dumps(adapter.objective("huber", delta=2)))
    assert obj.loss == libloss.Loss("huber", delta=2) and obj.curvature == "builtin"
