"""A function becomes a loss: weights, reductions, dtypes and totals come from libloss; check compares it with finite differences.

prints: 17.0
[ 0.  4. 32.]
True
"""

import libloss
import numpy as np


def quartic(prediction, target):
    r = prediction - target
    return r**4, 4 * r**3, 12 * r**2


loss = libloss.define(quartic)
p, t = np.array([1.0, 2, 3]), np.ones(3)
print(loss(p, t, reduction="sum"))
print(loss.grad(p, t, reduction="sum"))
print(libloss.check(loss, p, t).passed)
