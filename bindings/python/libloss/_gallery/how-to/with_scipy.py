"""Robust fits with SciPy

`libloss.scipy.rho` makes a loss for `scipy.optimize.least_squares`, which fits curves to points of which some are wrong.
`libloss.scipy.objective` makes the loss of any model a function for `scipy.optimize.minimize`, with its gradient and Hessian products.
"""

import numpy as np
from scipy.optimize import least_squares, minimize
from sklearn.datasets import load_diabetes

from libloss import Loss
from libloss.scipy import objective, rho

# How blood pressure saturates with the body mass index, in the diabetes data: a curve with three parameters, and a few pressures typed with a digit too many.

data, _ = load_diabetes(return_X_y=True, scaled=False)
bmi, pressure = data[:, 2], data[:, 3].copy()


def curve(theta):
    return theta[0] - theta[1] * np.exp(-theta[2] * (bmi - 18))


clean = least_squares(lambda theta: curve(theta) - pressure, [110, 20, 0.1]).x
pressure[::44] *= 10

# `least_squares` takes the loss of the residuals. The cost is their sum; `f_scale` says which residuals are large.

for name, loss in (("squares", "linear"), ("log_cosh", rho("log_cosh")), ("adaptive_robust", rho("adaptive_robust", alpha=-2))):
    fit = least_squares(lambda theta: curve(theta) - pressure, [110, 20, 0.1], loss=loss, f_scale=10)
    print(name, np.abs(curve(fit.x) - curve(clean)).mean().round())
# prints:
# squares 20.0
# log_cosh 1.0
# adaptive_robust 1.0

# Some of SciPy's own losses, by our names.

for theirs, ours in (("huber", Loss("huber")), ("soft_l1", Loss("pseudo_huber"))):
    a, b = (least_squares(lambda theta: curve(theta) - pressure, [110, 20, 0.1], loss=loss, f_scale=10) for loss in (theirs, rho(ours)))
    print(theirs, np.isclose(a.cost, b.cost))
# prints:
# huber True
# soft_l1 True

# A loss that is not even, or not of a residual, is no loss of squares: it is refused, with the reason.

try:
    rho("quantile")
except ValueError as refusal:
    print(refusal)
# prints:
# loss = 'quantile' is not even, and least_squares gives squares, which have no sign: objective() takes it

# `minimize` takes any loss of any model. A linear one is the pair of features and targets: here the logarithm of the disease's progression, by its
# gamma likelihood, with the Hessian's products for a method of second order.

features, progression = load_diabetes(return_X_y=True)
features = np.column_stack([features, np.ones(len(features))])
fun = objective("gamma_nll", (features, progression))
found = minimize(fun, np.zeros(11), jac=True, hessp=fun.hessp, method="trust-ncg")
print(found.success, np.exp(features @ found.x).mean().round())
# prints:
# True 152.0

# Any other model is its predictions with their derivative times a vector (jvp) and transposed (vjp), as functions or as an object's methods.


def jacobian(theta):
    e = np.exp(-theta[2] * (bmi - 18))
    return np.column_stack([np.ones_like(e), -e, theta[1] * (bmi - 18) * e])


model = (curve, lambda theta, g: jacobian(theta).T @ g, lambda theta, v: jacobian(theta) @ v)
fun = objective("log_cosh", (model, pressure))
found = minimize(fun, [110, 20, 0.1], jac=True, hessp=fun.hessp, method="trust-ncg")
print(np.abs(curve(found.x) - curve(clean)).mean().round())
# prints:
# 1.0

# A penalty is a term of your own.


def penalised(theta):
    value, gradient = fun(theta)
    return value + 0.01 * theta[2] ** 2, gradient + np.array([0, 0, 0.02 * theta[2]])


print(minimize(penalised, [110, 20, 0.1], jac=True).x[2] < found.x[2])
# prints:
# True

# Hessian products of a model that is not linear leave out the model's own curvature (Gauss-Newton), and a loss that is not convex may have negative
# ones: `curvature="upper"` has none.

fun = objective("adaptive_robust(alpha=-2, scale=10)", (model, pressure), curvature="upper")
print(minimize(fun, clean, jac=True, hessp=fun.hessp, method="trust-ncg").success)
# prints:
# True
