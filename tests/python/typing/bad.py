"""What mypy --strict must refuse: every line below the imports."""

import libloss
import numpy as np
from libloss import metrics

libloss.huber([1.0], [1.0], 1.5)
libloss.huber([1.0], [1.0], "sum")
libloss.huber([1.0], [1.0], reduction="avg")
libloss.huber([1.0], [1.0], delta="two")
libloss.huber([1.0], [1.0], dleta=2)
number: float = libloss.huber([1.0], [1.0], reduction="none")
libloss.Loss("huber").hess([1.0], [1.0], curvature="lower")
libloss.Loss("huber").value_and_grad([1.0], [1.0])[0].shape
metrics.precision([1], [1])
metrics.precision(prediction=[1], target=[1], average="sum")
libloss.Loss("huber") * libloss.Loss("mse")
libloss.gan_minimax([1.0], [1.0], player="judge")
libloss.Loss("huber").grad([1.0], [1.0], wrt=["target"])
libloss.Loss("huber").grad([1.0], [1.0], wrt=("target",)).shape
libloss.huber([1.0], [1.0], out=np.zeros(1))
libloss.Loss("huber").delta
metrics.recall(prediction=[1], target=[1], average=None)
