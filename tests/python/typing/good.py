"""What mypy --strict must accept."""

import libloss
import libloss.jax
import libloss.scipy
import libloss.sklearn
import libloss.xgboost
import numpy as np
from libloss import metrics

p, t = np.zeros(3), np.ones(3)
mean: float = libloss.huber(p, t, delta=2)
values: libloss.Array = libloss.huber(p, t, reduction="none")
row: float = libloss.cross_entropy([[1.0, 2.0]], [1], label_smoothing=0.1, class_weight=[1.0, 2.0], ignore_index=0, axis=-1)
same: float = libloss.mse(p, t, weight=[1, 2, 3], reduction="weighted_mean", divisor=None, empty="zero")
loss = libloss.Loss("huber", delta=2)
number, gradient = loss.value_and_grad(p, t)
number += 1.5
divided: float = loss.evaluate(p, t, want=("grad", "divisor")).divisor
predicted = [i.name for i in loss.info.inputs if i.role == "prediction"]
gradient *= 2
both: tuple[libloss.Array, ...] = loss.grad(p, t, wrt=("prediction", "target"))
one: libloss.Array = loss.hess(p, t, curvature="upper", reduction="sum")
matrix: libloss.Array = libloss.Loss("cross_entropy").full_hess([[1.0, 2.0]], [1], curvature="upper", reduction="sum")
start: float = loss.fit_constant(t, weight=[1, 2, 3])
starts: libloss.Array = libloss.Loss("cross_entropy").fit_constant([0, 2], classes=4)
probability: libloss.Array = libloss.Loss("logistic").inverse_link(libloss.Loss("logistic").link([0.5]))
combined: libloss.Loss = 0.5 * loss + libloss.Loss("mse") / 2
total: float = libloss.Total(combined).add(p, t).mean
score: float = metrics.f_beta(prediction=[1], target=[1], beta=2, average="macro")
each = metrics.recall(prediction=[1], target=[1], average="none")
each[0] = 1
by_row: float = metrics.recall(prediction=[[0, 1]], target=[[1, 1]], multilabel=True, average="samples")
counts: float = sum([metrics.Counts(3)], start=metrics.Counts(3)).accuracy()
with libloss.threads(2):
    libloss.set_threads(None)


class Spread(libloss.CustomLoss):
    inputs = ("low", "high")


spread: libloss.Loss = Spread().build()

huber = libloss.Loss("huber")
libloss.sklearn.LossRegressor(huber, alpha=0.1)
libloss.sklearn.scorer(metrics.Metric("r2"))
libloss.scipy.rho(huber)
libloss.jax.loss(huber, reduction="sum")
libloss.xgboost.objective(huber, curvature="upper")
