"""Linear models of libloss.sklearn beside scikit-learn's own: the time of a fit, and how far from the least risk it ends.

    python tests/bench/linear.py [--core 0] [--rows 20000] [--rounds 5]

Made data, one core, fits in turn in one race; the least milliseconds. Both sides at their default tolerance. "excess" is the penalised risk
above the lower of that of a tight fit and the two, as a part of it. No test: nothing fails on a stopwatch.
"""

from __future__ import annotations

import argparse
import os
import warnings

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--core", type=int, default=0)
parser.add_argument("--rows", type=int, default=20_000)
parser.add_argument("--rounds", type=int, default=5)
arguments = parser.parse_args()
os.sched_setaffinity(0, {arguments.core})
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np  # noqa: E402
import scipy.sparse  # noqa: E402
from libloss import Loss  # noqa: E402
from libloss.sklearn import LossClassifier, LossRegressor  # noqa: E402
from race import race  # noqa: E402
from sklearn.linear_model import (  # noqa: E402
    ElasticNet,
    GammaRegressor,
    LogisticRegression,
    PoissonRegressor,
    QuantileRegressor,
    Ridge,
)
from sklearn.svm import SVC, SVR, LinearSVC  # noqa: E402

warnings.simplefilter("ignore")
RNG = np.random.default_rng(0)


def made(rows: int, features: int, density: float = 1.0) -> tuple:
    """Features, a score that a few of them make, and noise."""
    X = RNG.standard_normal((rows, features)) if density == 1 else scipy.sparse.random(rows, features, density, "csr", rng=RNG)
    score = X @ (RNG.standard_normal(features) * (RNG.random(features) < 0.5)) / np.sqrt(features * density / 2)
    return X, score, RNG.standard_normal(rows)


def cases(n: int) -> list:
    """Name, features, target, ours, theirs."""
    X, score, noise = made(n, 20)
    wide, wide_score, wide_noise = made(n // 10, 300)
    text, text_score, text_noise = made(n, 2 * n // 10, 0.01)
    few, few_score, few_noise = made(n // 10, 20)
    label, many = (score + noise > 0).astype(int), np.digitize(score + noise, [-1, 0, 1])
    count = RNG.poisson(np.exp(score / 2))
    return [
        ("Ridge", X, score + noise, LossRegressor("half_squared_error", alpha=1 / n), Ridge(1)),
        ("ElasticNet", X, score + noise, LossRegressor("half_squared_error", alpha=0.1, l1_ratio=0.5), ElasticNet(0.1, l1_ratio=0.5)),
        ("PoissonRegressor", X, count, LossRegressor("poisson_nll", alpha=0.01), PoissonRegressor(alpha=0.01)),
        ("GammaRegressor", X, np.exp(score / 2 + noise / 4), LossRegressor("gamma_nll", alpha=0.01), GammaRegressor(alpha=0.01)),
        ("LogisticRegression", X, label, LossClassifier("logistic", alpha=1 / n), LogisticRegression(C=1)),
        ("LogisticRegression, 300 features", wide, (wide_score + wide_noise > 0).astype(int), LossClassifier("logistic", alpha=10 / n),
         LogisticRegression(C=1)),
        ("LogisticRegression, sparse", text, (text_score + text_noise > 0).astype(int), LossClassifier("logistic", alpha=1 / n), LogisticRegression(C=1)),
        ("LogisticRegression, 4 classes", X, many, LossClassifier("cross_entropy", alpha=1 / n), LogisticRegression(C=1)),
        ("QuantileRegressor", few, few_score + few_noise, LossRegressor("quantile(tau=0.8)", alpha=0.01, l1_ratio=1),
         QuantileRegressor(quantile=0.8, alpha=0.01)),
        ("SVC, linear", few, (few_score + few_noise > 0).astype(int), LossClassifier("hinge", alpha=10 / n), SVC(kernel="linear", C=1)),
        ("LinearSVC, Crammer and Singer", few, np.digitize(few_score + few_noise, [-1, 0, 1]),
         LossClassifier("multiclass_hinge", alpha=10 / n, fit_intercept=False),
         LinearSVC(multi_class="crammer_singer", C=1, fit_intercept=False, max_iter=10_000)),
        ("SVR, linear", few, few_score + few_noise, LossRegressor("epsilon_insensitive(epsilon=0.1)", alpha=10 / n), SVR(kernel="linear", C=1, epsilon=0.1)),
    ]


def risk(X, y, model, coef, intercept) -> float:
    """What both minimise, at somebody's coefficients."""
    loss, rows = Loss(model.loss), len(np.atleast_2d(coef)) > 1
    z = X @ (coef.T if rows else np.ravel(coef)) + (intercept if rows else np.ravel(intercept)[0])
    target = 2 * y - 1.0 if loss.info.inputs[1].kind == "sign" else y if rows else y.astype(float)
    return loss(z, target) + model.alpha * (model.l1_ratio * np.abs(coef).sum() + (1 - model.l1_ratio) / 2 * np.sum(np.square(coef)))


print(f"{'peer':<34}{'ours ms':>9}{'theirs ms':>11}{'ours excess':>13}{'theirs excess':>15}")
for name, X, y, ours, theirs in cases(arguments.rows):
    took = race({"ours": lambda m=ours, X=X, y=y: m.fit(X, y), "theirs": lambda m=theirs, X=X, y=y: m.fit(X, y)}, 0, rounds=arguments.rounds)
    coef = theirs.coef_.toarray() if scipy.sparse.issparse(theirs.coef_) else theirs.coef_
    reached = [risk(X, y, ours, ours.coef_, ours.intercept_), risk(X, y, ours, coef, theirs.intercept_)]
    tight = ours.set_params(tol=1e-9, max_iter=10_000).fit(X, y)
    least = min(*reached, risk(X, y, ours, tight.coef_, tight.intercept_))
    print(f"{name:<34}{took['ours'][0] / 1e6:>9.1f}{took['theirs'][0] / 1e6:>11.1f}{reached[0] / least - 1:>13.0e}{reached[1] / least - 1:>15.0e}", flush=True)
