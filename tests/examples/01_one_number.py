"""One number in one line; the gradient through a Loss.

prints: 0.625
0.625 [-0.125  0.25  -0.375  0.   ]
"""

import libloss
import numpy as np

prediction, target = np.array([0.5, 2, -1, 3]), np.array([1.0, 1, 1, 3])
print(libloss.huber(prediction, target, delta=1.5))
value, gradient = libloss.Loss("huber", delta=1.5).value_and_grad(prediction, target)
print(value, gradient)
