"""Train XGBoost by any loss

`libloss.xgboost` makes a loss the objective, the metric and the start of a model: those that XGBoost lacks, and those it has, then with the
same trees. This page needs `pip install 'libloss[xgboost]'`.
"""

# Disease progression, of which a tenth of the training targets are spoilt: Huber, which XGBoost does not have, looks away from them.
import warnings

import numpy as np
import xgboost
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.model_selection import train_test_split

import libloss.xgboost

X, y = load_diabetes(return_X_y=True)
X, X_test, y, y_test = train_test_split(X, y, random_state=0)
spoilt = np.where(np.arange(len(y)) % 10 == 0, y + 1000, y)
train, test = xgboost.DMatrix(X, spoilt), xgboost.DMatrix(X_test, y_test)

loss = libloss.Loss("huber", delta=30)
model = xgboost.train(
    {"base_score": libloss.xgboost.base_score(loss, train), "max_depth": 2, "eta": 0.1, "nthread": 1},
    train,
    num_boost_round=60,
    obj=libloss.xgboost.objective(loss),
    custom_metric=libloss.xgboost.metric(loss),
    evals=[(test, "test")],
    verbose_eval=False,
)
squares = xgboost.train({"max_depth": 2, "eta": 0.1, "nthread": 1}, train, num_boost_round=60)
print("half of the errors are below", *(f"{np.median(np.abs(m.predict(test) - y_test)):.0f}" for m in (model, squares)))
# prints:
# half of the errors are below 42 83

# The same in scikit-learn's interface. Weights are applied by the objective, once, whether they come by DMatrix or by `fit`.
objective = libloss.xgboost.objective(loss)
regressor = xgboost.XGBRegressor(objective=objective, base_score=libloss.xgboost.base_score(loss, spoilt), max_depth=2, learning_rate=0.1,
                                 n_estimators=60, n_jobs=1).fit(X, spoilt, sample_weight=np.ones(len(y)))
print(np.array_equal(regressor.predict(X_test), model.predict(test)))
# prints:
# True

# XGBClassifier keeps its own link beside the objective, so `predict_proba` is right for losses of logits, such as focal loss. It also wants
# the start as a probability, which `objective=` says. Losses of classes, cross_entropy and its kin, need no more than their labels.
X, y = load_breast_cancer(return_X_y=True)
focal = libloss.Loss("binary_focal_with_logits", gamma=1)
start = libloss.xgboost.base_score(focal, y, objective="binary:logistic")
classifier = xgboost.XGBClassifier(objective=libloss.xgboost.objective(focal), base_score=start, n_estimators=20, n_jobs=1).fit(X, y)
print(f"{np.mean(classifier.predict(X) == y):.2f} {classifier.predict_proba(X).shape}")
# prints:
# 1.00 (569, 2)

# A loss that XGBoost has trains its model: with `curvature="builtin"`, the default for those, the adapter puts in place of the second
# derivative what XGBoost does, for Poisson e^0.7 times as much. The start must be the same too: without `base_score` XGBoost begins at its
# own estimate by its own objective, and at 0.5 beside `obj`. XGBoost's exponential is rounded less well: leaves differ in the seventh digit,
# and in long trainings a tie between two splits may fall the other way. Without an exponential the models are the same to the last bit.
X, y = load_diabetes(return_X_y=True)
counts = xgboost.DMatrix(X, y // 30)
params = {"objective": "count:poisson", "base_score": libloss.xgboost.base_score("poisson_nll", counts, objective="count:poisson"), "nthread": 1}
theirs = xgboost.train(params, counts, 20)
ours = xgboost.train(params, counts, 20, obj=libloss.xgboost.objective("poisson_nll"))
shape = ["Tree", "Node", "Feature", "Split"]
print(theirs.trees_to_dataframe()[shape].equals(ours.trees_to_dataframe()[shape]), np.allclose(theirs.predict(counts), ours.predict(counts), rtol=1e-5))
# prints:
# True True

# A loss of your own, with its derivatives in NumPy, is trained like any other.
def smooth_quantile(prediction, target, tau=0.9, width=10.0):
    r = (prediction - target) / width
    above = 1 / (1 + np.exp(-r))
    return width * (np.logaddexp(0, r) - tau * r), above - tau, above * (1 - above) / width


data = xgboost.DMatrix(X, y)
objective = libloss.xgboost.objective(libloss.define(smooth_quantile))
upper = xgboost.train({"base_score": np.quantile(y, 0.9), "max_depth": 3, "nthread": 1}, data, 50, obj=objective)
print(f"{np.mean(y <= upper.predict(data)):.1f} of the targets are below")
# prints:
# 0.9 of the targets are below

# The traps. A loss of straight lines has no curvature to divide by, and creeps: the adapter warns, and names what bends.
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    objective = libloss.xgboost.objective("quantile", tau=0.9)
print(caught[0].message)
# prints:
# quantile(tau=0.9) has no curvature: a round moves predictions by about the learning rate. expectile has one; curvature='upper' says it is meant

# Kept beside `obj`, reg:quantileerror and reg:absoluteerror set the leaves anew after each tree, and the model is theirs to the last bit.
params = {"objective": "reg:quantileerror", "quantile_alpha": 0.9, "base_score": 250, "nthread": 1}
print(xgboost.train(params, data, 20).save_raw() == xgboost.train(params, data, 20, obj=objective).save_raw())
# prints:
# True

# Beside `obj` a metric sees raw scores; beside a built-in objective it sees what `predict` gives, and must be told so.
log = {}
params = {"objective": "count:poisson", "eval_metric": "poisson-nloglik", "nthread": 1}
metric = libloss.xgboost.metric("poisson_nll", full=True, output_margin=False)
xgboost.train(params, counts, 5, custom_metric=metric, evals=[(counts, "train")], evals_result=log, verbose_eval=False)
print(np.allclose(log["train"]["poisson-nloglik"], log["train"]["poisson_nll(full=true)"], rtol=1e-4))
# prints:
# True

# Scores are any real numbers: a loss of probabilities is refused, and so are labels that a loss does not take. `scale_pos_weight` does
# nothing beside `obj`; `pos_weight` of the loss does.
for loss, labels in (("binary_cross_entropy", [0, 1]), ("binary_cross_entropy_with_logits", [0, 2])):
    try:
        xgboost.train({"nthread": 1}, xgboost.DMatrix(np.zeros((2, 1)), labels), 1, obj=libloss.xgboost.objective(loss))
    except libloss.Error as problem:
        print(problem)
# prints:
# loss = 'binary_cross_entropy' takes no scores, which are any real numbers and what XGBoost trains; binary_cross_entropy_with_logits does
# binary_cross_entropy_with_logits: target[1] = 2 is not in [0, 1]
