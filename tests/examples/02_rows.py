"""Rows of logits with one label each; the error names what is wrong, where.

prints: 1.0986
target (1,) 3.0
"""

import libloss
import numpy as np

logits = np.zeros((2, 3))
print(round(libloss.cross_entropy(logits, [0, 2]), 4))
try:
    libloss.cross_entropy(logits, [0, 3])
except libloss.DomainError as error:
    print(error.argument, error.position, error.value)
