"""Any loss in scikit-learn

`libloss.sklearn` has two linear models, `LossRegressor` and `LossClassifier`, that take any loss of the library by name, and `scorer`, which
makes a score of any loss or metric. They are estimators like all others: pipelines, cross-validation and grid search take them.
"""

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from libloss import Loss
from libloss.sklearn import LossClassifier, LossRegressor, scorer

# A regression on data of which every tenth target was entered with a digit too many. Squares follow the wrong ones, Huber's loss does not.

X, y = load_diabetes(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
wrong = y_train.copy()
wrong[::10] *= 10

for loss in ("squared_error", "huber(delta=20)", "absolute_error"):
    model = LossRegressor(loss, alpha=0).fit(X_train, wrong)
    print(loss, np.abs(model.predict(X_test) - y_test).mean().round())
# prints:
# squared_error 147.0
# huber(delta=20) 47.0
# absolute_error 47.0

# Two quantiles make an interval. Losses made of straight lines, such as `quantile`, `absolute_error` and `hinge`, are solved exactly, as linear or
# quadratic programs.

low, high = (LossRegressor(Loss("quantile", tau=tau), alpha=0).fit(X_train, y_train).predict(X_train) for tau in (0.1, 0.9))
print("inside:", np.mean((low <= y_train) & (y_train <= high)).round(2))
# prints:
# inside: 0.8

# A classifier. `cross_entropy` is the multinomial model; losses of one score, such as `logistic` and `hinge`, are fitted one class against the
# rest. The scorer knows that log loss is better when lower, and asks the model for what the loss takes.

wine, kind = load_wine(return_X_y=True)
multinomial = make_pipeline(StandardScaler(), LossClassifier("cross_entropy", alpha=0.01))
print(cross_val_score(multinomial, wine, kind, scoring=scorer("cross_entropy")).mean().round(3))
print(cross_val_score(multinomial, wine, kind, scoring=scorer("accuracy")).mean().round(3))
# prints:
# -0.08
# 0.989

# The loss is a parameter like any other, so that a grid search can choose it, judged by one score for all.

cancer, benign = load_breast_cancer(return_X_y=True)
search = GridSearchCV(
    make_pipeline(StandardScaler(), LossClassifier()),
    {"lossclassifier__loss": ["logistic", "hinge", "modified_huber"], "lossclassifier__alpha": [0.001, 0.01, 0.1]},
    scoring=scorer("roc_auc"),
)
search.fit(cancer, benign)
print(round(search.best_score_, 3))
# prints:
# 0.996

# An l1 penalty makes coefficients exactly 0.

sparse = make_pipeline(StandardScaler(), LossClassifier("logistic", alpha=0.05, l1_ratio=1)).fit(cancer, benign)
print("of 30 features:", np.count_nonzero(sparse[-1].coef_))
# prints:
# of 30 features: 4

# Alpha belongs to a mean, so that it means the same for more rows: scikit-learn's `LogisticRegression(C=...)` and `Ridge(alpha=...)` penalise a sum,
# and are met with 1/(C*n) and alpha/n.

scaled = StandardScaler().fit_transform(cancer)
theirs = LogisticRegression(C=1, tol=1e-10, max_iter=10_000).fit(scaled, benign)
ours = LossClassifier("logistic", alpha=1 / len(benign)).fit(scaled, benign)
print("same:", np.allclose(ours.coef_, theirs.coef_, atol=1e-4))
# prints:
# same: True

# A loss with a logarithmic link works on logarithms inside; `predict` gives the mean.

counts = LossRegressor("poisson_nll").fit(X_train, y_train)
print(counts.predict(X_test).min() > 0, np.allclose(counts.predict(X_train).mean(), y_train.mean()))
# prints:
# True True

# Only proper losses know probabilities: `hinge` has scores and classes, and no `predict_proba`.

print(hasattr(LossClassifier("hinge"), "predict_proba"), hasattr(LossClassifier("logistic"), "predict_proba"))
# prints:
# False True

# Weights count as repetitions; a weight of 0 is a row that is not there.

weight = (np.arange(len(y_train)) % 10 != 0).astype(float)
masked = LossRegressor("huber").fit(X_train, wrong, sample_weight=weight)
dropped = LossRegressor("huber").fit(X_train[weight > 0], wrong[weight > 0])
print(np.allclose(masked.coef_, dropped.coef_))
# prints:
# True
