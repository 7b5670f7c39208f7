"""What is masked, or has weight 0, is not there: a NaN under it shows nowhere.

prints: 5.0 [1. 0. 3.]
True
"""

import libloss
import numpy as np

prediction = np.ma.array([1.0, np.nan, 3.0], mask=[False, True, False])
loss = libloss.Loss("squared_error")
value, gradient = loss.value_and_grad(prediction, np.zeros(3))
print(value, gradient)
print(loss([1.0, np.nan], [0.0, 0.0], weight=[1, 0]) == loss([1.0], [0.0]))
