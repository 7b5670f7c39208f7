"""A running total is exact: pieces in any order, from any process, give the bits of the whole.

prints: True
True
"""

import pickle

import libloss
import numpy as np

prediction, target = np.random.default_rng(0).normal(size=(2, 1000))
loss = libloss.Loss("log_cosh")
pieces = [libloss.Total(loss).add(prediction[k::7], target[k::7]) for k in range(7)]
total = sum(pickle.loads(pickle.dumps(piece)) for piece in reversed(pieces))
print(total.mean == loss(prediction, target))
print(np.array_equal(loss.grad(prediction[:10], target[:10], divisor=total.divisor()), loss.grad(prediction, target)[:10]))
