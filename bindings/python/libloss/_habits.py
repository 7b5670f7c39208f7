"""What the boosting libraries' own objectives do beyond the loss they are named after.

A loss says what its second derivative is; a library may put another number in its place: 1 for Huber, e^0.7 times the one of Poisson, twice
that of softmax. To train the same model the adapter must do the same. Each line here is one objective, as far as it departs from the loss's
gradient and exact curvature. What they do at their parameters' defaults counts (``max_delta_step`` 0.7 of Poisson).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np

from . import Loss

Array = np.ndarray[Any, Any]
PLAIN: Mapping[str, Any] = {"label_smoothing": 0.0}
HARD: Mapping[str, Any] = {**PLAIN, "ignore_index": None}
SMALLEST_NORMAL = 2.0**-126  # of float32


def pseudo_huber_in_float32(residual: Array, delta: float) -> tuple[Array, Array]:
    """Slope and curvature, rounded at every step as XGBoost rounds them. Half of them differ from the true ones in the last place, and after
    some thirty trees a tie between two splits falls the other way."""
    squared, width = residual * residual, np.float32(delta) * np.float32(delta)
    root = np.sqrt(1 + squared / width)
    return residual / root, width / ((width + squared) * root)


class Habit(NamedTuple):
    """One objective of a library."""

    objective: str
    factor: float = 1.0  # its value is this many times the loss's
    curvature: Literal["exact", "upper", "one"] = "exact"
    stretch: float | Literal["C/(C-1)"] = 1.0  # of the curvature
    floor: float = 0.0  # of the curvature of a row of weight 1
    lowest: float = -math.inf  # floor of the prediction
    float32_tau: bool = False
    slope_at_kink: bool = False  # at a residual of 0, where ours is 0, the slope is the one above it
    rounds_before_weighing: bool = False  # gradients are float32 before they meet the weight
    arithmetic: Callable[..., tuple[Array, Array]] | None = None  # of residual and parameters, in place of ours
    only: Mapping[str, Any] = {}  # the parameters for which it is that objective


XGBOOST = {
    "half_squared_error": Habit("reg:squarederror"),
    "squared_error": Habit("reg:squarederror", factor=0.5),
    "squared_log_error": Habit("reg:squaredlogerror", factor=0.5, floor=1e-6, lowest=-1 + 1e-6),
    "absolute_error": Habit("reg:absoluteerror", curvature="one"),
    "quantile": Habit("reg:quantileerror", curvature="one", float32_tau=True, slope_at_kink=True),
    "pseudo_huber": Habit("reg:pseudohubererror", arithmetic=pseudo_huber_in_float32),
    "binary_cross_entropy_with_logits": Habit("binary:logistic", floor=1e-16, only=PLAIN),
    "logistic": Habit("binary:logistic", floor=1e-16, only={"kappa": 1.0}),
    "hinge": Habit("binary:hinge", curvature="upper", floor=SMALLEST_NORMAL),
    "cross_entropy": Habit("multi:softprob", curvature="upper", floor=1e-16, only=HARD),
    "poisson_nll": Habit("count:poisson", stretch=math.exp(0.7), only={"log_input": True}),
    "gamma_nll": Habit("reg:gamma"),
    "tweedie": Habit("reg:tweedie"),
}

LIGHTGBM = {
    "half_squared_error": Habit("regression", rounds_before_weighing=True),
    "squared_error": Habit("regression", factor=0.5, rounds_before_weighing=True),
    "absolute_error": Habit("regression_l1", curvature="one"),
    "huber": Habit("huber", curvature="one"),
    "quantile": Habit("quantile", curvature="one", float32_tau=True, slope_at_kink=True, rounds_before_weighing=True),
    "absolute_percentage_error": Habit("mape", curvature="one", only={"eps": 1.0}),
    "binary_cross_entropy_with_logits": Habit("binary", only=PLAIN),
    "logistic": Habit("binary"),
    "cross_entropy": Habit("multiclass", stretch="C/(C-1)", only=HARD),
    "poisson_nll": Habit("poisson", stretch=math.exp(0.7), only={"log_input": True}),
    "gamma_nll": Habit("gamma"),
    "tweedie": Habit("tweedie"),
}

CATBOOST = {
    "half_squared_error": Habit("RMSE"),
    "squared_error": Habit("RMSE", factor=0.5),
    "log_cosh": Habit("LogCosh"),
    "expectile": Habit("Expectile", float32_tau=True),
    "binary_cross_entropy_with_logits": Habit("Logloss", only={**PLAIN, "pos_weight": 1.0}),
    "cross_entropy": Habit("MultiClass", only=HARD),
    "poisson_nll": Habit("Poisson", only={"log_input": True}),
    "tweedie": Habit("Tweedie"),
}


def habit(table: Mapping[str, Habit], loss: Loss) -> Habit | None:
    """The objective of the library that is this loss, if there is one."""
    found = table.get(loss.name)
    return found if found and all(loss.parameters[name] == value for name, value in found.only.items()) else None
