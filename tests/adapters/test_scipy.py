"""Objectives beside formulas in NumPy and scikit-learn's models, and robust losses beside least_squares' own."""

from __future__ import annotations

import libloss
import numpy as np
import pytest
import scipy.sparse
from libloss import Loss
from libloss.scipy import objective, rho
from scipy.optimize import approx_fprime, check_grad, least_squares, minimize
from scipy.sparse.linalg import aslinearoperator
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.linear_model import LogisticRegression, PoissonRegressor
from sklearn.preprocessing import scale

X, Y = (a[:120] for a in load_diabetes(return_X_y=True))
X = np.c_[scale(X), np.ones(len(X))]
W = np.random.default_rng(0).uniform(0, 2, len(Y))
THETA = np.random.default_rng(1).normal(size=X.shape[1])


def decay(theta):
    return theta[0] * np.exp(-theta[1] * T) + theta[2]


def jacobian(theta):
    return np.column_stack([np.exp(-theta[1] * T), -T * theta[0] * np.exp(-theta[1] * T), np.ones_like(T)])


class Decay:
    """A nonlinear model with its two products."""

    def predict(self, theta):
        return decay(theta)

    def vjp(self, theta, g):
        return jacobian(theta).T @ g

    def jvp(self, theta, v):
        return jacobian(theta) @ v


RNG = np.random.default_rng(2)
T = np.linspace(0, 5, 80)
NOISY = decay([2.0, 0.7, 0.1]) + 0.05 * RNG.standard_normal(80)
NOISY[::9] += 3


# ---- objectives ----


def test_value_and_gradient_are_the_formulas():
    fun = objective("pseudo_huber(delta=50)", (X, Y), weight=W, reduction="weighted_mean")
    r = (X @ THETA - Y) / 50
    value, g = fun(THETA)
    assert type(value) is float and g.dtype == np.float64 and g.shape == THETA.shape
    np.testing.assert_allclose(value, np.average(2500 * (np.sqrt(1 + r**2) - 1), weights=W), rtol=1e-14)
    np.testing.assert_allclose(g, X.T @ (W * 50 * r / np.sqrt(1 + r**2)) / W.sum(), rtol=1e-11)
    v = np.arange(11.0)
    np.testing.assert_allclose(fun.hessp(THETA, v), X.T @ (W * (1 + r**2) ** -1.5 * (X @ v)) / W.sum(), rtol=1e-11)


def test_the_gradient_is_new_each_time():
    fun = objective("huber", (X, Y))
    g = fun(THETA)[1]
    kept = g.copy()
    fun(2 * THETA)
    np.testing.assert_array_equal(g, kept)
    own = np.zeros(11)
    assert objective("huber", ((lambda theta: X @ theta, lambda theta, g: own), Y))(THETA)[1] is not own


@pytest.mark.parametrize(("kind", "rtol"), [
    (scipy.sparse.csr_array, 1e-12), (scipy.sparse.csc_matrix, 1e-12), (aslinearoperator, 1e-12), (list, 1e-12), (np.float32, 1e-6),
])
def test_any_matrix(kind, rtol):
    dense, other = objective("log_cosh", (X.round(2), Y)), objective("log_cosh", (kind(X.round(2)), Y))
    for a, b in zip((*dense(THETA), dense.hessp(THETA, THETA)), (*other(THETA), other.hessp(THETA, THETA)), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=rtol * np.abs(a).max())


@pytest.mark.parametrize("method", ["BFGS", "L-BFGS-B", "CG", "Newton-CG", "trust-ncg", "trust-krylov", "trust-constr", "TNC", "SLSQP"])
def test_every_method_of_minimize_finds_poisson_regression(method):
    y, alpha = Y / 50, 0.1
    fun = objective("poisson_nll", (X, y))
    shrunk = np.r_[np.full(10, alpha), 0]
    second = {"hessp": lambda theta, v: fun.hessp(theta, v) + shrunk * v} if method in ("Newton-CG", "trust-ncg", "trust-krylov", "trust-constr") else {}

    def penalised(theta):
        value, g = fun(theta)
        return value + shrunk @ theta**2 / 2, g + shrunk * theta

    tight = {"SLSQP": {"ftol": 1e-14}, "L-BFGS-B": {"ftol": 1e-15, "gtol": 1e-9}, "Newton-CG": {"xtol": 1e-10},
             "TNC": {"ftol": 1e-16, "gtol": 1e-9, "maxfun": 5000}}
    found = minimize(penalised, np.zeros(11), jac=True, method=method, options=tight.get(method, {"gtol": 1e-8}), **second)
    peer = PoissonRegressor(alpha=alpha, solver="newton-cholesky", tol=1e-12).fit(X[:, :10], y)
    np.testing.assert_allclose(found.x, np.r_[peer.coef_, peer.intercept_], atol=2e-6)


def test_rows_of_classes():
    features, y = load_iris(return_X_y=True)
    features = scale(features)
    fun = objective("cross_entropy", (features, y), reduction="sum")

    def penalised(theta):
        value, g = fun(theta)
        return value + theta @ theta / 2, g + theta

    found = minimize(penalised, np.zeros(12), jac=True, hessp=lambda theta, v: fun.hessp(theta, v) + v, method="trust-ncg", options={"gtol": 1e-9})
    peer = LogisticRegression(C=1, fit_intercept=False, solver="newton-cholesky", tol=1e-12).fit(features, y)
    np.testing.assert_allclose(found.x.reshape(4, 3), peer.coef_.T, atol=1e-7)
    theta, v = RNG.normal(size=12), RNG.normal(size=12)
    np.testing.assert_allclose(fun.hessp(theta, v), (fun(theta + 1e-6 * v)[1] - fun(theta - 1e-6 * v)[1]) / 2e-6, rtol=1e-6)


@pytest.mark.parametrize("model", [Decay(), (decay, Decay().vjp, Decay().jvp)])
def test_a_model_of_your_own(model):
    fun = objective("pseudo_huber(delta=0.1)", (model, NOISY), weight=1.0 + T, reduction="sum")
    theta = np.array([1.5, 1.0, 0.3])
    assert check_grad(lambda x: fun(x)[0], lambda x: fun(x)[1], theta) < 1e-4
    bend = (1 + ((decay(theta) - NOISY) / 0.1) ** 2) ** -1.5 * (1 + T)
    np.testing.assert_allclose([fun.hessp(theta, e) for e in np.eye(3)], jacobian(theta).T @ (bend[:, None] * jacobian(theta)), rtol=1e-10)
    found = minimize(fun, theta, jac=True, hessp=fun.hessp, method="trust-ncg", options={"gtol": 1e-9})
    peer = least_squares(lambda x: decay(x) - NOISY, theta, jac=jacobian, loss="soft_l1", f_scale=0.1)
    unweighted = objective("pseudo_huber(delta=0.1)", (model, NOISY), reduction="sum")
    again = minimize(unweighted, theta, jac=True, hessp=unweighted.hessp, method="trust-ncg", options={"gtol": 1e-9})
    np.testing.assert_allclose(again.x, peer.x, atol=1e-6)
    np.testing.assert_allclose(approx_fprime(found.x, lambda x: fun(x)[0]), 0, atol=1e-3)


def test_upper_curvature_is_not_negative():
    loss = Loss("adaptive_robust", alpha=-2, scale=20)
    exact, upper = (objective(loss, (X, Y), curvature=c) for c in ("exact", "upper"))
    H = {c: np.array([fun.hessp(THETA, e) for e in np.eye(11)]) for c, fun in (("exact", exact), ("upper", upper))}
    np.testing.assert_allclose(H["exact"], [(exact(THETA + 1e-5 * e)[1] - exact(THETA - 1e-5 * e)[1]) / 2e-5 for e in np.eye(11)], atol=1e-6)
    assert np.linalg.eigvalsh(H["exact"]).min() < 0 < np.linalg.eigvalsh(H["upper"]).min()
    assert np.linalg.eigvalsh(H["upper"] - H["exact"]).min() > 0


def test_the_curvature_follows_theta():
    """It is kept while theta stays, also where a solver changes theta in place."""
    fun, theta = objective("poisson_nll", (X, Y)), np.zeros(11)
    first = fun.hessp(theta, THETA)
    np.testing.assert_array_equal(fun.hessp(theta, THETA), first)
    theta += 1
    np.testing.assert_allclose(fun.hessp(theta, THETA), X.T @ (np.exp(X @ theta) * (X @ THETA)) / len(Y), rtol=1e-11)


def test_further_inputs_go_by_name():
    variance = np.linspace(1, 9, len(Y))
    value, g = objective("gaussian_nll", (X, Y), variance=variance)(THETA)
    r = X @ THETA - Y
    np.testing.assert_allclose(value, np.mean((np.log(variance) + r**2 / variance) / 2), rtol=1e-14)
    np.testing.assert_allclose(g, X.T @ (r / variance) / len(Y), rtol=1e-11)


def test_survival_has_two_targets():
    features, y = load_breast_cancer(return_X_y=True)
    features, time = scale(features)[:60, :3], np.arange(60.0)[::-1]
    fun = objective("cox", (features, time, y[:60]), reduction="sum")
    theta = np.array([0.1, -0.2, 0.3])
    risk = np.log(np.cumsum(np.exp(features @ theta)))  # times fall, so that whoever came before is at risk
    np.testing.assert_allclose(fun(theta)[0], np.sum((risk - features @ theta)[y[:60] == 1]), rtol=1e-12)


@pytest.mark.parametrize(("arguments", "options", "kind", "message"), [
    (("huber", (X,)), {}, libloss.DTypeError, r"model is a tuple: it must be a tuple, \(X, y\)"),
    (("huber", X), {}, libloss.DTypeError, "model is a ndarray"),
    (("huber", (Y, Y)), {}, libloss.ShapeError, r"X has shape \(120,\)"),
    (("huber", (decay, Y)), {}, libloss.ArgumentError, "model is one function"),
    (("huber", ((decay,), Y)), {}, libloss.ArgumentError, "a tuple of 1: it must be functions"),
    (("huber", (X, Y)), {"reduction": "none"}, libloss.ArgumentError, "reduction = 'none'"),
    (("huber", (X, Y)), {"curvature": "lower"}, libloss.ArgumentError, "curvature = 'lower'"),
    (("hubber", (X, Y)), {}, libloss.UnknownNameError, "huber"),
])
def test_what_is_wrong_is_named(arguments, options, kind, message):
    with pytest.raises(kind, match=message):
        objective(*arguments, **options)


def test_what_does_not_fit_is_named():
    with pytest.raises(libloss.ShapeError, match=r"theta has shape \(3,\); X has 11 features"):
        objective("huber", (X, Y))(np.zeros(3))
    with pytest.raises(libloss.ShapeError, match="a multiple of them, one for each class"):
        objective("cross_entropy", (X, (Y > 100).astype(int)))(np.zeros(12))
    with pytest.raises(libloss.ShapeError, match=r"vjp\(theta, g\) has shape \(2,\); theta has \(3,\)"):
        objective("huber", ((decay, lambda theta, g: np.zeros(2)), NOISY))(np.ones(3))
    with pytest.raises(libloss.NotDifferentiableError, match=r"jvp\(theta, v\)"):
        objective("huber", ((decay, Decay().vjp), NOISY)).hessp(np.ones(3), np.ones(3))
    with pytest.raises(libloss.DomainError, match=r"target\[4\] = -1"):
        objective("poisson_nll", (X[:5], [1, 2, 3, 4, -1]))(THETA)
    with pytest.raises(TypeError, match="sample_weight"):
        objective("huber", (X, Y), sample_weight=W)(THETA)


# ---- rho ----

SAME = {"huber": Loss("huber"), "soft_l1": Loss("pseudo_huber"), "cauchy": 0.5 * Loss("adaptive_robust", alpha=0, scale=0.5**0.5),
        "linear": Loss("half_squared_error")}


@pytest.mark.parametrize("f_scale", [1.0, 0.1, 3.0])
@pytest.mark.parametrize("name", SAME)
def test_least_squares_own_losses(name, f_scale):
    tight = {"ftol": 1e-15, "xtol": 1e-15, "gtol": 1e-14, "jac": jacobian, "f_scale": f_scale}
    ours = least_squares(lambda x: decay(x) - NOISY, [1, 1, 0], loss=rho(SAME[name]), **tight)
    theirs = least_squares(lambda x: decay(x) - NOISY, [1, 1, 0], loss=name, **tight)
    np.testing.assert_allclose(ours.cost, theirs.cost, rtol=1e-13)
    np.testing.assert_allclose(ours.x, theirs.x, atol=3e-9)


@pytest.mark.parametrize("spec", ["huber(delta=2)", "smooth_l1(beta=0.5)", "pseudo_huber", "log_cosh", "adaptive_robust(alpha=-2)",
                                  "adaptive_robust(alpha=1.5)", "squared_epsilon_insensitive", "epsilon_insensitive(epsilon=0.3)", "0.5*huber + 0.5*log_cosh"])
def test_rho_is_twice_the_loss_of_the_root_with_its_derivatives(spec):
    z = np.array([1e-3, 0.02, 0.2, 0.7, 1.3, 5.0, 50.0])
    h = 1e-5 * z
    value, slope, bend = rho(spec)(z)
    np.testing.assert_allclose(value, 2 * Loss(spec)(np.sqrt(z), np.zeros(7), reduction="none"), rtol=1e-15)
    low, high = rho(spec)(z - h), rho(spec)(z + h)
    np.testing.assert_allclose(slope, (high[0] - low[0]) / (2 * h), rtol=1e-6, atol=1e-10)
    np.testing.assert_allclose(bend, (high[1] - low[1]) / (2 * h), rtol=1e-5, atol=1e-8)
    at_0 = rho(spec)(np.zeros(1))
    np.testing.assert_allclose(at_0[:2, 0], [0, Loss(spec).hess(0.0, 0.0)], atol=0)
    assert at_0[2, 0] == 0


@pytest.mark.parametrize(("spec", "kind", "message"), [
    ("quantile", libloss.ArgumentError, "'quantile' is not even, and least_squares gives squares"),
    ("expectile(tau=0.2)", libloss.ArgumentError, "is not even"),
    ("hinge", libloss.ArgumentError, "'hinge' is not of a residual alone"),
    ("absolute_percentage_error", libloss.ArgumentError, "is not of a residual alone"),
    ("cross_entropy", libloss.ArgumentError, "is not of a residual alone"),
    ("0.5*huber + 0.5*quantile", libloss.ArgumentError, "is not even"),
    ("absolute_error", libloss.NotDifferentiableError, "'absolute_error' has a kink at 0.*: huber or pseudo_huber is smooth"),
    ("smooth_l1(beta=0)", libloss.NotDifferentiableError, "has a kink at 0"),
    ("nonsense", libloss.UnknownNameError, "nonsense"),
])
def test_losses_that_least_squares_cannot_take_are_refused(spec, kind, message):
    with pytest.raises(kind, match=message):
        rho(spec)
