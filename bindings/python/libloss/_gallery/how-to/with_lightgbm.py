"""Train LightGBM by any loss

`libloss.lightgbm` makes a loss the objective, the metric and the start of a model: those that LightGBM lacks, and those it has, then with the
same trees to the last bit. This page needs `pip install 'libloss[lightgbm]'`.
"""

# Disease progression, where too low costs nine times what too high costs: the expectile.
import lightgbm
import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

import libloss.lightgbm

X, y = load_diabetes(return_X_y=True)
loss = libloss.Loss("expectile", tau=0.9)
params = {"objective": libloss.lightgbm.objective(loss), "metric": "None", "num_threads": 1, "verbose": -1, "num_leaves": 7}
start = libloss.lightgbm.init_score(loss, y)
data = lightgbm.Dataset(X, y, init_score=start)
log = {}
booster = lightgbm.train(params, data, 60, feval=libloss.lightgbm.metric(loss), valid_sets=[data], valid_names=["train"],
                         callbacks=[lightgbm.record_evaluation(log)])
print(f"from {loss(start, y):.0f} to {log['train'][loss.spec][-1]:.0f}")
# prints:
# from 1574 to 688

# The first trap: `predict` knows nothing of `init_score`. Baked into the first tree, the start is part of the model, saved or not.
print(f"{np.mean(booster.predict(X)):.0f} is the mean prediction without its start,", end=" ")
libloss.lightgbm.bake_start(booster, start)
print(f"{np.mean(booster.predict(X)):.0f} with it")
print(f"{loss(booster.predict(X), y):.0f}")
# prints:
# -17 is the mean prediction without its start, 208 with it
# 688

# The same in scikit-learn's interface. Weights are applied by the objective, once.
regressor = lightgbm.LGBMRegressor(objective=libloss.lightgbm.objective(loss), n_estimators=60, num_leaves=7, n_jobs=1, verbose=-1)
regressor.fit(X, y, init_score=start, sample_weight=np.ones(len(y)))
print(np.allclose(libloss.lightgbm.bake_start(regressor, start).predict(X), booster.predict(X), rtol=1e-10))
# prints:
# True

# Classes. The second trap: with an objective from outside, LGBMClassifier predicts raw scores, not labels.
X, y = load_wine(return_X_y=True)
classifier = lightgbm.LGBMClassifier(objective=libloss.lightgbm.objective("softmax_focal"), n_estimators=20, n_jobs=1, verbose=-1).fit(X, y)
probability = libloss.lightgbm.predict_proba(classifier, X)
print(classifier.predict(X).shape, np.allclose(probability.sum(1), 1), f"{np.mean(classifier.classes_[probability.argmax(1)] == y):.2f}")
# prints:
# (178, 3) True 1.00

# Losses of yes or no train one class against all others when there are several scores.
one_by_one = lightgbm.LGBMClassifier(objective=libloss.lightgbm.objective("binary_focal_with_logits"), n_estimators=20, n_jobs=1, verbose=-1).fit(X, y)
print(libloss.lightgbm.predict_proba(one_by_one, X).shape)
# prints:
# (178, 3)

# A loss that LightGBM has trains its model: with `curvature="builtin"`, the default for those, the adapter puts in place of the second
# derivative what LightGBM does. Both sides must start at 0, or at the same init_score.
X, y = load_breast_cancer(return_X_y=True)
params = {"num_threads": 1, "verbose": -1, "deterministic": True, "force_row_wise": True, "boost_from_average": False}
theirs = lightgbm.train({**params, "objective": "binary"}, lightgbm.Dataset(X, y), 20)
ours = lightgbm.train({**params, "objective": libloss.lightgbm.objective("binary_cross_entropy_with_logits")}, lightgbm.Dataset(X, y), 20)
print(np.array_equal(theirs.predict(X, raw_score=True), ours.predict(X, raw_score=True)))
# prints:
# True

# Rankings: LightGBM's groups are handed on. Here wines are ranked by their first class, in queries of some twenty.
X, y = load_wine(return_X_y=True)
order = np.random.default_rng(0).permutation(len(y))
X, relevance, sizes = X[order], 2.0 - y[order], [20] * 8 + [18]
ranker = lightgbm.LGBMRanker(objective=libloss.lightgbm.objective("lambdarank"), n_estimators=20, n_jobs=1, verbose=-1).fit(X, relevance, group=sizes)
print(f"{libloss.metrics.ndcg(prediction=ranker.predict(X)[:160].reshape(8, 20), target=relevance[:160].reshape(8, 20)):.2f}")
# prints:
# 1.00

# More traps. Quantile, absolute error and MAPE have no curvature: the adapter warns and names what bends. LightGBM's own renew their leaves
# after each tree, and it forbids that to objectives from outside, so only the first tree can be the same.
#
# Beside a built-in objective a metric sees what `predict` gives, and must be told so: `metric(loss, raw_score=False)`.
#
# Scores are any real numbers: a loss of probabilities is refused, and so are labels that a loss does not take.
for loss, labels in (("brier", [0, 1]), ("logistic", [-1, 0])):
    try:
        lightgbm.train({"objective": libloss.lightgbm.objective(loss), "verbose": -1}, lightgbm.Dataset(np.arange(100)[:, None], np.repeat(labels, 50)), 1)
    except libloss.Error as problem:
        print(problem)
# prints:
# loss = 'brier' takes no scores, which are any real numbers and what LightGBM trains; binary_cross_entropy_with_logits does
# logistic: target[50] = 0 is not -1 or +1; labels=zero_one maps 0 and 1
