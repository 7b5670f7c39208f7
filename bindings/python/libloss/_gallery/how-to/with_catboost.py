"""Train CatBoost by any loss

`libloss.catboost` makes a loss the objective, the metric and the start of a model. CatBoost climbs: it is given the derivatives of minus the
loss, and the weights are applied once. This page needs `pip install 'libloss[catboost]'`.
"""

# Disease progression by pseudo-Huber, which CatBoost does not have. An objective from outside needs a metric beside it.
import warnings

import catboost
import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

import libloss.catboost

warnings.filterwarnings("ignore", message="Failed to (import numba|optimize)")  # CatBoost would compile objectives written in Python
quiet = {"verbose": 0, "allow_writing_files": False, "thread_count": 2}

X, y = load_diabetes(return_X_y=True)
loss = libloss.Loss("pseudo_huber", delta=30)
objective, metric = libloss.catboost.objective(loss), libloss.catboost.metric(loss)
start = libloss.catboost.baseline(loss, y)
model = catboost.CatBoostRegressor(loss_function=objective, eval_metric=metric, iterations=100, learning_rate=0.1, depth=4, **quiet)
model.fit(catboost.Pool(X, y, baseline=start))

# `predict` knows nothing of a baseline; baked, the start becomes the model's bias and is saved with it.
libloss.catboost.bake_start(model, start)
print(f"from {loss(start, y):.0f} to {loss(model.predict(X), y):.0f}")
# prints:
# from 1337 to 596

# A loss that CatBoost has trains its model, once both sides estimate leaves alike: `boost_from_average`, say, is for its own objectives only.
alike = {**quiet, "random_strength": 0, "bootstrap_type": "No", "boost_from_average": False, "score_function": "L2", "leaf_estimation_method": "Newton",
         "leaf_estimation_iterations": 1, "leaf_estimation_backtracking": "No", "iterations": 20, "depth": 4, "learning_rate": 0.1}
X, y = load_breast_cancer(return_X_y=True)
bce = libloss.Loss("binary_cross_entropy_with_logits")
theirs = catboost.CatBoost({**alike, "loss_function": "Logloss"}).fit(X, y)
ours = catboost.CatBoost({**alike, "loss_function": libloss.catboost.objective(bce), "eval_metric": libloss.catboost.metric(bce)}).fit(X, y)
print(np.allclose(theirs.predict(X), ours.predict(X), rtol=0, atol=1e-10))
# prints:
# True

# Classes get the full Hessian of each row. CatBoost asks for it row by row, which takes its time. Without `class_names`, CatBoostClassifier
# can't say labels where the objective is from outside.
X, y = load_wine(return_X_y=True)
focal = libloss.Loss("softmax_focal")
classifier = catboost.CatBoostClassifier(loss_function=libloss.catboost.objective(focal), eval_metric=libloss.catboost.metric(focal), class_names=[0, 1, 2],
                                         iterations=20, learning_rate=0.5, depth=3, **quiet).fit(X, y)
print(f"{np.mean(classifier.predict(X).ravel() == y):.2f}")
# prints:
# 1.00

# Several targets at once: each has a prediction of its own.
X, y = load_diabetes(return_X_y=True)
objective = libloss.catboost.objective("log_cosh", multi_target=True)
both = catboost.CatBoost({**quiet, "loss_function": objective, "eval_metric": libloss.catboost.metric(objective), "iterations": 30, "learning_rate": 0.5})
print(both.fit(X, np.stack([y / 50, np.sqrt(y) / 4], 1)).predict(X).shape)
# prints:
# (442, 2)

# The traps. Losses of straight lines have no curvature, and CatBoost's Newton step divides by it: the adapter warns, gives 1 in its place,
# and names what bends.
#
# A loss of probabilities is refused; labels that a loss does not take are named inside CatBoost's own exception, by their position in the
# block of rows that CatBoost asked about.
try:
    libloss.catboost.objective("binary_focal")
except libloss.ArgumentError as problem:
    print(problem)
# prints:
# loss = 'binary_focal' takes no scores, which are any real numbers and what CatBoost trains; binary_focal_with_logits does
