"""Estimators and scorers beside scikit-learn's own, each in the terms that the module's docstring maps."""

from __future__ import annotations

import pickle

import libloss
import numpy as np
import pytest
import scipy.sparse
import sklearn
from libloss import Loss
from libloss.sklearn import LossClassifier, LossRegressor, scorer
from scipy.optimize import linprog
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine, make_multilabel_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import (
    ElasticNet,
    GammaRegressor,
    HuberRegressor,
    Lasso,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    QuantileRegressor,
    Ridge,
    TweedieRegressor,
)
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.preprocessing import scale
from sklearn.svm import SVC, SVR, LinearSVC
from sklearn.utils.estimator_checks import parametrize_with_checks

TIGHT = 1e-10


def data(load):
    X, y = load(return_X_y=True)
    return scale(X), y, np.random.default_rng(len(y)).uniform(0, 2, len(y))


DIABETES, CANCER, IRIS, WINE = data(load_diabetes), data(load_breast_cancer), data(load_iris), data(load_wine)


def close(found, wanted, rtol=1e-5):
    """Relative to the largest, so that a coefficient of 0 has a tolerance too."""
    np.testing.assert_allclose(found, wanted, rtol=0, atol=rtol * np.abs(wanted).max())


@parametrize_with_checks([
    LossRegressor(), LossRegressor("huber", l1_ratio=0.5, tol=1e-9), LossRegressor("log_cosh", alpha=0.01),
    LossRegressor("epsilon_insensitive(epsilon=0.01)", alpha=0.01, tol=1e-9), LossClassifier(), LossClassifier("cross_entropy"),
    LossClassifier("squared_hinge"), LossClassifier("hinge", alpha=0.01, tol=1e-9), LossClassifier("multiclass_hinge", alpha=0.01, tol=1e-9),
    LossClassifier("cross_entropy", solver="lbfgs", alpha=0.01, tol=1e-9),
])
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


# ---- coefficients ----

GLMS = {"poisson_nll": PoissonRegressor, "gamma_nll": GammaRegressor, "tweedie(power=1.5)": lambda **o: TweedieRegressor(power=1.5, **o)}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
class TestSmooth:
    def test_ridge(self, solver, weighted):
        X, y, w = DIABETES
        w = w if weighted else np.ones(len(y))
        ours, theirs = LossRegressor("half_squared_error", alpha=3 / w.sum(), solver=solver, tol=TIGHT), Ridge(3, tol=TIGHT)
        close(ours.fit(X, y, w).coef_, theirs.fit(X, y, w).coef_)
        close(ours.intercept_, theirs.intercept_)

    @pytest.mark.parametrize("loss", GLMS)
    def test_generalised_linear_models(self, loss, solver, weighted):
        X, y, w = DIABETES
        w = w if weighted else None
        ours = LossRegressor(loss, alpha=0.1, solver=solver, tol=TIGHT).fit(X, y, w)
        theirs = GLMS[loss](alpha=0.1, solver="newton-cholesky", tol=TIGHT).fit(X, y, w)
        close(ours.coef_, theirs.coef_)
        close(ours.predict(X), theirs.predict(X))  # means, by the inverse link

    @pytest.mark.parametrize("class_weight", [None, "balanced", {0: 1.0, 1: 3.0}])
    def test_logistic(self, class_weight, solver, weighted):
        X, y, w = CANCER
        w = w if weighted else np.ones(len(y))
        theirs = LogisticRegression(C=0.5, class_weight=class_weight, solver="newton-cholesky", tol=TIGHT).fit(X, y, w)
        by_class = sklearn.utils.class_weight.compute_sample_weight(class_weight, y) * w
        ours = LossClassifier("logistic", alpha=1 / (0.5 * by_class.sum()), class_weight=class_weight, solver=solver, tol=TIGHT).fit(X, y, w)
        if class_weight == "balanced" and weighted:  # which counts rows here, and weights there
            theirs = LogisticRegression(C=0.5, solver="newton-cholesky", tol=TIGHT).fit(X, y, by_class)
        close(ours.coef_, theirs.coef_)
        close(ours.intercept_, theirs.intercept_)
        np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-6)
        np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))

    def test_multinomial(self, solver, weighted):
        X, y, w = WINE
        w = w if weighted else np.ones(len(y))
        ours = LossClassifier("cross_entropy", alpha=1 / w.sum(), solver=solver, tol=TIGHT).fit(X, y, w)
        theirs = LogisticRegression(C=1, solver="newton-cholesky", tol=TIGHT).fit(X, y, w)
        close(ours.coef_, theirs.coef_)
        close(ours.intercept_, theirs.intercept_ - theirs.intercept_.mean())
        np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize(("loss", "parameters"), [
    ("binary_cross_entropy_with_logits", {}), ("logistic", {"labels": "zero_one"}), ("exponential", {"labels": "zero_one"}),
])
def test_labels_are_written_as_the_loss_wants_them(loss, parameters):
    X, y, _ = CANCER
    found = LossClassifier(Loss(loss, **parameters), alpha=0.01, tol=TIGHT).fit(X, np.where(y == 1, "yes", "no"))
    same = LossClassifier("exponential" if loss == "exponential" else "logistic", alpha=0.01, tol=TIGHT).fit(X, y)
    close(found.coef_, same.coef_)
    assert list(found.classes_) == ["no", "yes"]
    assert (found.predict(X) == np.where(same.predict(X) == 1, "yes", "no")).all()


def test_linear_svc():
    """Which shrinks the intercept as if it were a coefficient, so that both go without."""
    X, y, _ = CANCER
    theirs = LinearSVC(C=0.3, loss="squared_hinge", fit_intercept=False, dual=True, tol=TIGHT, max_iter=1_000_000).fit(X, y)
    ours = LossClassifier("squared_hinge", alpha=1 / (0.3 * len(y)), fit_intercept=False, tol=TIGHT).fit(X, y)
    close(ours.coef_, theirs.coef_)
    assert ours.intercept_.tolist() == [0]


def test_one_against_the_rest():
    X, y, _ = WINE
    ours = LossClassifier("logistic", alpha=1 / len(y), tol=TIGHT).fit(X, y)
    theirs = OneVsRestClassifier(LogisticRegression(C=1, solver="newton-cholesky", tol=TIGHT)).fit(X, y)
    close(ours.coef_, np.vstack([e.coef_ for e in theirs.estimators_]))
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-6)
    np.testing.assert_allclose(ours.predict_log_proba(X), np.log(theirs.predict_proba(X)), atol=1e-5)


@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
@pytest.mark.parametrize(("peer", "l1_ratio"), [(Lasso(1.0, tol=TIGHT, max_iter=100_000), 1), (ElasticNet(0.3, l1_ratio=0.7, tol=TIGHT), 0.7)])
def test_elastic_net(peer, l1_ratio, solver):
    X, y, w = DIABETES
    ours = LossRegressor("half_squared_error", alpha=peer.alpha, l1_ratio=l1_ratio, solver=solver, tol=TIGHT).fit(X, y, w)
    theirs = peer.fit(X, y, w)
    close(ours.coef_, theirs.coef_)
    np.testing.assert_array_equal(ours.coef_ == 0, theirs.coef_ == 0)


@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
def test_l1_logistic(solver):
    X, y, _ = CANCER
    ours = LossClassifier("logistic", alpha=1 / (0.3 * len(y)), l1_ratio=1, solver=solver, tol=TIGHT).fit(X, y)
    theirs = LogisticRegression(C=0.3, l1_ratio=1, solver="saga", tol=TIGHT, max_iter=100_000).fit(X, y)
    close(ours.coef_, theirs.coef_)
    np.testing.assert_array_equal(ours.coef_ == 0, theirs.coef_ == 0)


@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
def test_l1_multinomial(solver):
    X, y, _ = IRIS
    ours = LossClassifier("cross_entropy", alpha=1 / len(y), l1_ratio=1, solver=solver, tol=TIGHT).fit(X, y)
    theirs = LogisticRegression(C=1, l1_ratio=1, solver="saga", tol=TIGHT, max_iter=100_000).fit(X, y)
    close(ours.coef_, theirs.coef_)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-5)


def test_l1_multinomial_of_features_of_all_sizes():
    """Where few steps reach what the gradient, in NumPy, has to be: -alpha times the sign, and within alpha for what is 0."""
    X, y, _ = WINE
    X, alpha = X[:, :5] * [1e-4, 1e-2, 1, 1e2, 1e4], 0.001
    model = LossClassifier("cross_entropy", alpha=alpha, l1_ratio=1, tol=1e-9).fit(X, y)
    assert model.n_iter_ < 50
    z = X @ model.coef_.T + model.intercept_
    p = np.exp(z - z.max(1, keepdims=True))
    g = (p / p.sum(1, keepdims=True) - np.eye(3)[y]).T @ X / len(y)
    there = model.coef_ != 0
    assert 0 < there.sum() < there.size and (there.sum(1) > 0).all()
    np.testing.assert_allclose(g[there], -alpha * np.sign(model.coef_[there]), atol=2e-9)
    assert np.abs(g[~there]).max() <= alpha + 2e-9


@pytest.mark.parametrize("loss", ["huber(delta=30)", "log_cosh", "quantile(tau=0.7)", "epsilon_insensitive(epsilon=30)", "gamma_nll"])
def test_the_sizes_of_features_do_not_matter(loss):
    X, y, _ = DIABETES
    size = 10.0 ** (np.arange(10) - 5)
    plain, sized = (LossRegressor(loss, alpha=0, tol=1e-9).fit(features, y) for features in (X, X * size))
    np.testing.assert_allclose(sized.predict(X * size), plain.predict(X), rtol=1e-5)


def test_huber_given_its_scale():
    X, y, _ = DIABETES
    theirs = HuberRegressor(epsilon=1.35, alpha=0.1, tol=TIGHT, max_iter=10_000).fit(X, y)
    ours = LossRegressor("huber", alpha=0.1 * theirs.scale_ / len(y), tol=TIGHT)
    ours.set_params(loss=Loss("huber", delta=1.35 * theirs.scale_)).fit(X, y)
    close(ours.coef_, theirs.coef_, 5e-5)  # as far as it estimates its scale


@pytest.mark.parametrize("alpha", [0.0, 0.02, 0.3])
@pytest.mark.parametrize("tau", [0.1, 0.5, 0.8])
def test_quantile_regression(tau, alpha):
    X, y, w = DIABETES
    ours = LossRegressor(Loss("quantile", tau=tau), alpha=alpha, l1_ratio=1, tol=TIGHT).fit(X, y, w)
    theirs = QuantileRegressor(quantile=tau, alpha=alpha).fit(X, y, w)
    close(np.r_[ours.coef_, ours.intercept_], np.r_[theirs.coef_, theirs.intercept_])
    np.testing.assert_array_equal(ours.coef_ == 0, np.abs(theirs.coef_) < 1e-9)


def test_absolute_error_is_a_linear_program():
    X, y, w = DIABETES
    n, p = X.shape
    A = np.c_[X, np.ones(n)]
    best = linprog(np.r_[np.zeros(p + 1), w / w.sum(), w / w.sum()], A_eq=np.c_[A, -np.eye(n), np.eye(n)], b_eq=y,
                   bounds=[(None, None)] * (p + 1) + [(0, None)] * (2 * n))
    ours = LossRegressor("absolute_error", alpha=0, tol=TIGHT).fit(X, y, w)
    np.testing.assert_allclose(np.average(np.abs(ours.predict(X) - y), weights=w), best.fun, rtol=1e-9)
    close(np.r_[ours.coef_, ours.intercept_], best.x[: p + 1])


def test_l1_hinge_is_a_linear_program():
    X, y, _ = CANCER
    n, p = X.shape
    s, alpha = 2.0 * y - 1, 0.01
    best = linprog(np.r_[np.full(2 * p, alpha), 0, np.full(n, 1 / n)], A_ub=-np.c_[s[:, None] * X, -s[:, None] * X, s, np.eye(n)], b_ub=-np.ones(n),
                   bounds=[(0, None)] * (2 * p) + [(None, None)] + [(0, None)] * n)
    ours = LossClassifier("hinge", alpha=alpha, l1_ratio=1, tol=TIGHT).fit(X, y)
    close(ours.coef_[0], best.x[:p] - best.x[p : 2 * p])
    np.testing.assert_array_equal(ours.coef_[0] == 0, best.x[:p] == best.x[p : 2 * p])


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("C", [0.01, 1.0])
def test_support_vector_machines(C, weighted):
    X, y, w = CANCER
    w = w if weighted else np.ones(len(y))
    ours = LossClassifier("hinge", alpha=1 / (C * w.sum()), tol=TIGHT).fit(X, y, w)
    theirs = SVC(kernel="linear", C=C, tol=1e-9).fit(X, y, w)
    close(np.r_[ours.coef_[0], ours.intercept_], np.r_[theirs.coef_[0], theirs.intercept_])
    X, y, w = DIABETES
    w = w if weighted else np.ones(len(y))
    ours = LossRegressor(Loss("epsilon_insensitive", epsilon=20), alpha=1 / (C * w.sum()), tol=TIGHT).fit(X, y, w)
    theirs = SVR(kernel="linear", C=C, epsilon=20, tol=1e-9).fit(X, y, w)
    close(ours.coef_, theirs.coef_[0])
    beyond = [np.average(np.maximum(np.abs(m.predict(X) - y) - 20, 0), weights=w) for m in (ours, theirs)]
    assert beyond[0] <= beyond[1] * (1 + 1e-8)  # many intercepts may be best


def test_crammer_and_singers_machine():
    X, y, _ = WINE
    theirs = LinearSVC(multi_class="crammer_singer", C=1 / (0.01 * len(y)), fit_intercept=False, tol=1e-9, max_iter=1_000_000).fit(X, y)
    ours = LossClassifier("multiclass_hinge", alpha=0.01, fit_intercept=False, tol=TIGHT).fit(X, y)
    close(ours.coef_, theirs.coef_)


@pytest.mark.parametrize("kind", [np.asarray, scipy.sparse.csr_array])
def test_weston_and_watkins_machine_is_a_linear_program(kind):
    """With l1, and a slack for each pair of a row and a class that is not its own."""
    X, y, w = IRIS
    n, p, k, alpha = *X.shape, 3, 0.01
    rows, others = np.repeat(np.arange(n), 2), np.concatenate([[c for c in range(k) if c != t] for t in y])
    apart = np.zeros((2 * n, k, p + 1))  # the score of its own class minus that of the other
    own = np.c_[X, np.ones(n)][rows]
    apart[np.arange(2 * n), y[rows]] += own
    apart[np.arange(2 * n), others] -= own
    apart = apart.reshape(2 * n, -1)
    price = np.tile(np.r_[np.full(p, alpha), 0], k)
    best = linprog(np.r_[price, price, w[rows] / w.sum()], A_ub=-np.c_[apart, -apart, np.eye(2 * n)], b_ub=-np.ones(2 * n))
    ours = LossClassifier("multi_margin", alpha=alpha, l1_ratio=1, tol=TIGHT).fit(kind(X), y, w)
    theta = (best.x[: k * (p + 1)] - best.x[k * (p + 1) : 2 * k * (p + 1)]).reshape(k, p + 1)
    risk = [np.maximum(1 - apart @ t.ravel(), 0) @ w[rows] / w.sum() + price @ np.abs(t.ravel()) for t in (np.c_[ours.coef_, ours.intercept_], theta)]
    np.testing.assert_allclose(risk[0], risk[1], rtol=1e-8)
    np.testing.assert_allclose(risk[1], best.fun, rtol=1e-8)


def test_squared_error_of_classes_is_ridge():
    X, y, _ = CANCER
    ours, theirs = LossClassifier("half_squared_error", alpha=1 / len(y), tol=TIGHT).fit(X, y), Ridge(1).fit(X, 2.0 * y - 1)
    close(ours.coef_[0], theirs.coef_)


@pytest.mark.parametrize("kind", [scipy.sparse.csr_matrix, scipy.sparse.csc_array])
@pytest.mark.parametrize("model", [
    LossRegressor("huber", alpha=0.1), LossRegressor("pseudo_huber", solver="lbfgs", alpha=0.1, l1_ratio=0.5),
    LossRegressor("quantile", alpha=0.1, l1_ratio=0.5), LossRegressor("quantile", alpha=0.1),
    LossClassifier("cross_entropy", alpha=0.1), LossClassifier("hinge", alpha=0.1, fit_intercept=False),
])
def test_sparse_is_dense(kind, model):
    X, y, w = IRIS
    X = np.where(np.abs(X) < 0.5, 0, X)
    model = clone(model).set_params(tol=TIGHT)
    dense = model.fit(X, y, w)
    coef, response = dense.coef_, dense.predict(X)
    sparse = clone(model).fit(kind(X), y, w)
    close(sparse.coef_, coef, 1e-7)
    np.testing.assert_allclose(sparse.predict(kind(X)), response, atol=1e-6)


def test_several_targets_are_one_fit_each():
    X, y, w = DIABETES
    Y = np.column_stack([y, X[:, 0] * y])
    for loss in ("half_squared_error", "quantile"):
        ours = LossRegressor(loss, alpha=0.1, tol=TIGHT)
        each = np.array([clone(ours).fit(X, column, w).coef_ for column in Y.T])
        np.testing.assert_array_equal(ours.fit(X, Y, w).coef_, each)
        assert ours.predict(X).shape == Y.shape and ours.intercept_.shape == (2,)
    close(LossRegressor("half_squared_error", alpha=1 / len(y), tol=TIGHT).fit(X, Y).coef_, Ridge(1).fit(X, Y).coef_)


def test_rows_of_probabilities_are_a_target():
    """Soft labels that are the labels repeated by weight."""
    X, y, _ = IRIS
    hard = LossClassifier("cross_entropy", alpha=0.1, tol=TIGHT).fit(np.vstack([X, X]), np.r_[y, (y + 1) % 3], np.repeat([0.8, 0.2], len(y)))
    rows = 0.8 * np.eye(3)[y] + 0.2 * np.eye(3)[(y + 1) % 3]
    soft = LossRegressor("cross_entropy", alpha=0.1, tol=TIGHT).fit(X, rows)
    close(soft.coef_, hard.coef_, 1e-8)
    np.testing.assert_allclose(soft.predict(X), hard.predict_proba(X), atol=1e-8)


def test_fractions_are_a_target():
    X, y, _ = CANCER
    p = 0.1 + 0.8 * y
    soft = LossRegressor("bce_with_logits", alpha=0.1, tol=TIGHT).fit(X, p)
    hard = LogisticRegression(C=1 / (0.1 * len(y)), solver="newton-cholesky", tol=TIGHT).fit(np.vstack([X, X]), np.r_[0 * y, 0 * y + 1], np.r_[1 - p, p])
    close(soft.coef_, hard.coef_[0])
    np.testing.assert_allclose(soft.predict(X), hard.predict_proba(X)[:, 1], atol=1e-6)


@pytest.mark.parametrize("spec", ["adaptive_robust(alpha=-2, scale=20)", "squared_log_error", "binary_focal_with_logits(gamma=2)"])
def test_newton_descends_where_there_is_no_convexity(spec):
    """To a point where central differences of the risk, in plain NumPy over the loss's values, are 0 and no neighbour is lower."""
    X, y, _ = CANCER if "focal" in spec else DIABETES
    model = LossRegressor(spec, alpha=0.01, solver="newton", tol=1e-9, max_iter=500).fit(X, y)
    theta = np.r_[model.coef_, model.intercept_]

    def risk(theta):
        return libloss.Loss(spec)(X @ theta[:-1] + theta[-1], y.astype(float)) + 0.005 * theta[:-1] @ theta[:-1]

    for k in range(len(theta)):
        step = 1e-4 * np.eye(len(theta))[k]
        assert abs(risk(theta + step) - risk(theta - step)) / 2e-4 < 1e-7
        assert min(risk(theta + 100 * step), risk(theta - 100 * step)) >= risk(theta)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # some have no least value
def test_every_loss_fits_or_is_refused_by_name():
    X, y, _ = CANCER
    X, y = X[:, :3], y
    fitted, target = set(), {"sign": 2.0 * y - 1, "positive": y + 1.0}
    for name in libloss.losses():
        info = libloss.info(name)
        try:
            if info.inputs[-1].kind in ("sign", "class") or info.per_row:
                model = LossClassifier(name, alpha=0.1).fit(X, y)
                if name not in ("perceptron", "nll"):  # whose least is no separation
                    assert model.score(X, y) > 0.8, name
            else:
                model = LossRegressor(name, alpha=0.1).fit(X, target.get(info.inputs[1].kind, y.astype(float)) + (name == "absolute_percentage_error"))
                assert np.all(np.isfinite(model.coef_))
        except libloss.ArgumentError as refusal:
            assert f"loss = {str(Loss(name))!r}" in str(refusal)
        else:
            fitted.add(name)
    assert {"huber", "tweedie", "adaptive_robust", "perceptron", "modified_huber", "multi_margin", "multiclass_hinge", "softmax_focal"} <= fitted
    assert not fitted & {"dice", "rmse", "triplet_margin", "binary_cross_entropy", "brier", "gaussian_nll", "hinge_embedding", "cox", "ctc", "ranknet"}


# ---- what an estimator is ----


def test_float32_stays():
    X, y, w = DIABETES
    model = LossRegressor("huber").fit(X.astype(np.float32), y.astype(np.float32), w)
    assert model.coef_.dtype == np.float32 and model.predict(X.astype(np.float32)).dtype == np.float32
    assert LossClassifier().fit(X.astype(np.float32), y > 150).predict_proba(X.astype(np.float32)).dtype == np.float32


def test_warm_start_continues():
    X, y, _ = CANCER
    cold = LossClassifier("logistic", alpha=0.001, solver="lbfgs", tol=1e-8).fit(X, y)
    warm = LossClassifier("logistic", alpha=0.001, solver="lbfgs", tol=1e-8, warm_start=True).fit(X, y)
    assert warm.n_iter_ == cold.n_iter_ and warm.fit(X, y).n_iter_ <= 1
    close(warm.coef_, cold.coef_)
    rows = LossClassifier("cross_entropy", solver="newton", warm_start=True, alpha=0.01).fit(*IRIS[:2])
    assert rows.n_iter_ > 1 and rows.fit(*IRIS[:2]).n_iter_ <= 1
    assert rows.fit(*WINE[:2]).coef_.shape == (3, 13)  # another problem starts anew


def test_too_few_iterations_are_told():
    X, y, _ = CANCER
    for solver in ("newton", "lbfgs"):
        with pytest.warns(ConvergenceWarning, match="LossClassifier of logistic"):
            LossClassifier("logistic", solver=solver, max_iter=2).fit(X, y)
    with pytest.warns(ConvergenceWarning, match="max_iter = 2 reached"):
        LossClassifier("hinge", max_iter=2).fit(X, y)


def test_probabilities_are_of_proper_losses_only():
    for proper in ("logistic", "exponential", "cross_entropy", "bce_with_logits", "0.5*logistic + 0.5*logistic"):
        assert hasattr(LossClassifier(proper), "predict_proba"), proper
    for other in ("hinge", "squared_hinge", "modified_huber", "binary_focal_with_logits", "softmax_focal", "multiclass_hinge", "squared_error",
                  "0.5*logistic + 0.5*exponential", "0.5*logistic + 0.5*hinge"):
        assert not hasattr(LossClassifier(other), "predict_proba"), other
    with pytest.raises(AttributeError) as refusal:
        _ = LossClassifier("hinge").predict_proba
    assert "hinge gives no probabilities" in str(refusal.value.__cause__)


def test_models_survive_clone_pickle_and_grid_search():
    X, y, _ = DIABETES
    model = LossRegressor(Loss("huber", delta=20.0), alpha=0.1)
    assert clone(model).loss == Loss("huber", delta=20)
    fitted = pickle.loads(pickle.dumps(model.fit(X, y)))
    np.testing.assert_array_equal(fitted.predict(X), model.predict(X))
    assert repr(model) == "LossRegressor(alpha=0.1, loss=Loss('huber', delta=20.0))"
    search = GridSearchCV(LossRegressor(), {"loss": ["huber(delta=10)", Loss("squared_error"), "absolute_error"], "alpha": [0.1, 1]}, cv=3).fit(X, y)
    assert search.best_score_ > 0.45


@pytest.mark.parametrize(("model", "message"), [
    (LossRegressor(alpha=-1), "alpha = -1 must be a finite number not below 0"),
    (LossRegressor(alpha="1"), "alpha = '1' must be"),
    (LossRegressor(alpha=None), "alpha = None must be"),
    (LossRegressor(l1_ratio=1.5), r"l1_ratio = 1.5 must be in \[0, 1\]"),
    (LossRegressor(tol=np.nan), "tol = nan must be"),
    (LossRegressor(max_iter=0.5), "max_iter = 0.5 must be an integer above 0"),
    (LossRegressor(solver="sag"), "solver = 'sag' must be one of auto"),
    (LossRegressor(solver=3), "solver = 3 must be one of auto"),
    (LossRegressor("hubber"), "huber"),
    (LossRegressor("hinge"), "loss = 'hinge' takes classes: LossClassifier"),
    (LossRegressor("multiclass_hinge"), "takes classes: LossClassifier"),
    (LossRegressor("triplet_margin"), "triplet_margin.* has no linear model: it takes"),
    (LossRegressor("rmse"), "its value is of all rows together"),
    (LossRegressor("brier"), "takes probabilities.*binary_cross_entropy_with_logits takes its logits"),
    (LossRegressor("kl_divergence"), "takes probabilities.*cross_entropy takes its logits"),
    (LossRegressor("absolute_percentage_error"), r"target\[3\] = 0.*: absolute_percentage_error is inf there"),
    (LossRegressor("cosine_distance"), r"y has shape \(4,\): cosine_distance takes a row of targets"),
    (LossRegressor("poisson_nll"), r"target\[2\] = -1"),
    (LossRegressor("huber", solver="interior"), "solver = 'interior' is for losses made of straight lines, and huber"),
    (LossClassifier("poisson_nll"), "loss = 'poisson_nll' takes no classes: LossRegressor"),
    (LossClassifier("multilabel_margin"), "takes no classes"),
])
def test_what_is_wrong_is_named(model, message):
    with pytest.raises(libloss.ArgumentError, match=message):
        model.fit(np.arange(8.0).reshape(4, 2), [1, 2, -1, 0])


def test_wrong_weights_are_named():
    X, y, w = DIABETES
    with pytest.raises(ValueError, match=r"non-zero|search for the least mean"):
        LossRegressor().fit(X, y, 0 * w)
    with pytest.raises(libloss.DomainError, match=r"weight\[3\] = -1"):
        LossRegressor().fit(X, y, np.where(np.arange(len(y)) == 3, -1, w))
    with pytest.raises(ValueError, match="y holds one class only"):
        LossClassifier().fit(X, np.zeros(len(X)))


# ---- scorers ----

SCORES = {  # ours, scikit-learn's name, the factor between them
    "classifier": [("cross_entropy", "neg_log_loss", 1), ("logistic", "neg_log_loss", 1), ("log_loss", "neg_log_loss", 1),
                   ("binary_cross_entropy", "neg_log_loss", 1), ("brier", "neg_brier_score", 1), ("accuracy", "accuracy", 1),
                   ("balanced_accuracy", "balanced_accuracy", 1), ("f1", "f1", 1),
                   ("f1(average=macro)", "f1_macro", 1), ("roc_auc", "roc_auc", 1), ("average_precision", "average_precision", 1),
                   ("matthews_correlation", "matthews_corrcoef", 1), ("accuracy(threshold=0.5)", "accuracy", 1)],
    "multiclass": [("cross_entropy", "neg_log_loss", 1), ("log_loss", "neg_log_loss", 1), ("accuracy", "accuracy", 1),
                   ("recall(average=weighted)", "recall_weighted", 1)],
    "regressor": [("squared_error", "neg_mean_squared_error", 1), ("half_squared_error", "neg_mean_squared_error", 0.5),
                  ("mae", "neg_mean_absolute_error", 1), ("median_absolute_error", "neg_median_absolute_error", 1),
                  ("mape", "neg_mean_absolute_percentage_error", 1), ("msle", "neg_mean_squared_log_error", 1),
                  ("r2", "r2", 1), ("explained_variance", "explained_variance", 1), ("tweedie_deviance(power=1)", "neg_mean_poisson_deviance", 1),
                  ("tweedie_deviance(power=2)", "neg_mean_gamma_deviance", 1)],
}
SUBJECTS = {"classifier": (CANCER, LogisticRegression()), "multiclass": (WINE, LogisticRegression()), "regressor": (DIABETES, PoissonRegressor())}


@pytest.mark.parametrize(("kind", "ours", "theirs", "factor"), [(kind, *each) for kind in SCORES for each in SCORES[kind]])
def test_scores_are_scikit_learns(kind, ours, theirs, factor):
    (X, y, _), model = SUBJECTS[kind]
    if kind != "regressor":
        y = np.array(["ash", "birch", "cedar"])[y]
    if theirs in ("f1", "average_precision", "neg_brier_score"):  # whose positive class has to be 1
        y = (y == "birch").astype(int)
    wanted = factor * cross_val_score(model, X, y, scoring=theirs, cv=3)
    np.testing.assert_allclose(cross_val_score(model, X, y, scoring=scorer(ours), cv=3, error_score="raise"), wanted, rtol=1e-10)


def test_losses_score_means_through_their_link():
    X, y, w = DIABETES
    model = PoissonRegressor().fit(X, y)
    np.testing.assert_allclose(scorer("poisson_nll")(model, X, y, sample_weight=w),
                               -np.average(model.predict(X) - y * np.log(model.predict(X)), weights=w), rtol=1e-12)
    linear = LinearRegression().fit(X, y)
    wanted = -sklearn.metrics.mean_pinball_loss(y, linear.predict(X), alpha=0.8, sample_weight=w)
    np.testing.assert_allclose(scorer("quantile", tau=0.8)(linear, X, y, sample_weight=w), wanted, rtol=1e-12)
    soft = LossRegressor("bce_with_logits").fit(CANCER[0], 0.2 + 0.6 * CANCER[1])
    assert -0.6 < scorer("bce_with_logits")(soft, CANCER[0], 0.2 + 0.6 * CANCER[1]) < -0.5  # the entropy of 0.2 is 0.5004


def test_margins_are_scored_by_decision_functions():
    X, y, w = CANCER
    model = LinearSVC().fit(X, y)
    wanted = -sklearn.metrics.hinge_loss(y, model.decision_function(X), sample_weight=w)
    for same in ("hinge", "hinge(labels=zero_one)", "0.5*hinge(labels=zero_one) + 0.5*hinge(labels=zero_one)"):
        np.testing.assert_allclose(scorer(same)(model, X, y, sample_weight=w), wanted, rtol=1e-12)
    X, y, _ = WINE
    rows = LossClassifier("multiclass_hinge", alpha=0.1).fit(X, y)
    np.testing.assert_allclose(scorer("multiclass_hinge")(rows, X, y), -sklearn.metrics.hinge_loss(y, rows.decision_function(X)), rtol=1e-12)


def test_forests_have_probabilities_only():
    X, y, _ = CANCER
    forest = RandomForestClassifier(30, min_samples_leaf=20, random_state=0).fit(X, y)
    wanted = -sklearn.metrics.log_loss(y, forest.predict_proba(X))
    for name in ("logistic", "cross_entropy", "log_loss"):
        np.testing.assert_allclose(scorer(name)(forest, X, y), wanted, rtol=1e-12)
    X, y, _ = WINE
    forest = RandomForestClassifier(30, min_samples_leaf=20, random_state=0).fit(X, y)
    np.testing.assert_allclose(scorer("top_k_accuracy", k=2)(forest, X, y), sklearn.metrics.top_k_accuracy_score(y, forest.predict_proba(X), k=2))
    np.testing.assert_allclose(scorer("multiclass_brier")(forest, X, y), -((forest.predict_proba(X) - np.eye(3)[y]) ** 2).sum(1).mean(), rtol=1e-12)


def test_the_direction_of_every_metric_is_right():
    """A perfect prediction beats a bad one."""
    from libloss import metrics
    from libloss._scorer import ERRORS

    for name in metrics.metrics():
        info = metrics.info(name)
        if any(i.kind == "offsets" for i in info.inputs) or name in ("confusion_matrix", "confusion_counts"):
            continue
        t = np.array([1, 0, 1, 0]) if info.inputs[1].kind == "class" else np.array([1.0, 2.0, 3.0, 5.0])
        good, bad = (np.eye(2)[t], np.eye(2)[1 - t]) if name == "top_k_accuracy" else (t, t[::-1])
        if info.inputs[0].kind == "probability":
            good, bad = 0.1 + 0.8 * good, 0.1 + 0.8 * bad
        metric = metrics.Metric(name, **({"k": 1} if name == "top_k_accuracy" else {}))
        more = {"history": np.array([1.0, 2.0, 4.0])} if any(i.name == "history" for i in info.inputs) else {}
        rises = metric(prediction=good, target=t, **more) > metric(prediction=bad, target=t, **more)
        assert rises == (name not in ERRORS), name
        if not more:
            assert scorer(name).greater_is_better == rises


def test_weights_are_routed():
    X, y, w = CANCER
    options = {"cv": 3, "error_score": "raise"}
    with sklearn.config_context(enable_metadata_routing=True):
        model = LogisticRegression().set_fit_request(sample_weight=True)
        theirs = sklearn.metrics.make_scorer(sklearn.metrics.log_loss, greater_is_better=False, response_method="predict_proba")
        theirs.set_score_request(sample_weight=True)
        wanted = cross_val_score(model, X, y, scoring=theirs, params={"sample_weight": w}, **options)
        found = cross_val_score(model, X, y, scoring=scorer("logistic").set_score_request(sample_weight=True), params={"sample_weight": w}, **options)
        np.testing.assert_allclose(found, wanted, rtol=1e-10)
        both = cross_validate(model, X, y, params={"sample_weight": w}, **options, scoring={
            "a": scorer("logistic").set_score_request(sample_weight=True), "b": scorer("accuracy").set_score_request(sample_weight=False)})
        np.testing.assert_allclose(both["test_a"], wanted, rtol=1e-10)
        ours = LossClassifier().set_fit_request(sample_weight=True)
        cross_val_score(ours, X, y, scoring=scorer("logistic").set_score_request(sample_weight=True), params={"sample_weight": w}, **options)
        with pytest.raises(sklearn.exceptions.UnsetMetadataPassedError, match="sample_weight"):
            cross_val_score(ours, X, y, scoring=scorer("logistic"), params={"sample_weight": w}, **options)


def test_scorers_of_rows_of_labels():
    X, y = make_multilabel_classification(120, n_classes=4, random_state=0)
    w = np.arange(len(y)) % 3
    for model in (OneVsRestClassifier(LogisticRegression()), RandomForestClassifier(5, random_state=0), MultiOutputClassifier(LogisticRegression())):
        model.fit(X, y)
        found, likely = model.predict(X), model.predict_proba(X)
        likely = np.stack([p[:, 1] for p in likely], 1) if isinstance(likely, list) else likely
        for average in ("macro", "samples"):
            wanted = sklearn.metrics.f1_score(y, found, average=average, sample_weight=w, zero_division=0)
            np.testing.assert_allclose(scorer("f1", multilabel=True, average=average)(model, X, y, sample_weight=w), wanted, rtol=1e-14)
            wanted = sklearn.metrics.recall_score(y, likely > 0.3, average=average, sample_weight=w, zero_division=0)
            np.testing.assert_allclose(scorer("recall", multilabel=True, threshold=0.3, average=average)(model, X, y, sample_weight=w), wanted, rtol=1e-14)
        np.testing.assert_allclose(scorer("accuracy", multilabel=True)(model, X, y), sklearn.metrics.accuracy_score(y, found), rtol=1e-14)
    with pytest.raises(AttributeError, match="no predict_proba"):
        scorer("recall", multilabel=True, threshold=0.3, average="samples")(OneVsRestClassifier(LinearSVC()).fit(X, y), X, y)
    with pytest.raises(libloss.ArgumentError, match="gives 4 numbers"):
        scorer("f1", multilabel=True, average="none")(model, X, y)


def test_scorers_name_what_is_wrong():
    X, y, _ = CANCER
    model = LogisticRegression().fit(X, y)
    with pytest.raises(libloss.ArgumentError, match="triplet_margin scores no estimator: it takes anchor, positive, negative"):
        scorer("triplet_margin")
    with pytest.raises(libloss.ArgumentError, match="mase scores no estimator"):
        scorer("mase")
    with pytest.raises(libloss.UnknownNameError, match="accuracy"):
        scorer("acuracy")
    with pytest.raises(libloss.ArgumentError, match=r"y\[1\] = 7 is none of the classes .*: 0, 1"):
        scorer("accuracy")(model, X[:2], [0, 7])
    with pytest.raises(libloss.ArgumentError, match=r"confusion_matrix.* gives 4 numbers, and a score is one"):
        scorer("confusion_matrix")(model, X, y)
    with pytest.raises(AttributeError, match="LinearSVC has no predict_proba, which brier scores"):
        scorer("brier")(LinearSVC().fit(X, y), X, y)
    with pytest.raises(AttributeError, match="RandomForestClassifier has no decision_function, which hinge scores"):
        scorer("hinge")(RandomForestClassifier(2).fit(X, y), X, y)
    assert repr(scorer("huber")) == "scorer(Loss('huber'), response_method='predict', greater_is_better=False)"
    assert pickle.loads(pickle.dumps(scorer("huber", delta=2))).what == Loss("huber", delta=2)
