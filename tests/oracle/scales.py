"""Where two inexact terms truly cancel, an error is counted in units of the larger one. Which terms these are: one formula for each
such output of a loss, in the grammar of formula.py."""

from __future__ import annotations

import functools

import mpmath as mp
from formula import Formula

SMOOTHED = " where u = t*(1 - label_smoothing) + label_smoothing/2"
WEIGHT = "a = 1 if alpha == none else alpha*t + (1 - alpha)*(1 - t)"
FOCAL = "q = sigmoid(-p), o = sigmoid(p), w = t*q + (1 - t)*o, b = t*softplus(-p) + (1 - t)*softplus(p), " + WEIGHT
FOCAL_P = "w = t*(1 - p) + (1 - t)*p, b = -xlogy(t, p) - xlogy(1 - t, 1 - p), " + WEIGHT
LARGER = {
    "binary_cross_entropy_with_logits": {"grad": "max(u*pos_weight*sigmoid(-p), (1 - u)*sigmoid(p))" + SMOOTHED},
    "gan_minimax": {"grad": "max(t*sigmoid(-p), (1 - t)*sigmoid(p))"},
    "gan_non_saturating": {"grad": "max(t*sigmoid(-p), (1 - t)*sigmoid(p))"},
    # 2 (1 - d) / (1 + p)^2 passes 0 where d = ln((1 + p)/(1 + t)) is 1
    "binary_focal_with_logits": {
        "grad0": "a*w^gamma*max(max(t*q, (1 - t)*o), gamma*o*q*b/w) where " + FOCAL,
        "hess0": "a*w^gamma*max(max(o*q, 2*gamma*o*q/w*max(t*q, (1 - t)*o)), gamma*o*q*b/w*max(|gamma - 1|*o*q/w, 1)) where " + FOCAL},
    "binary_focal": {
        "grad0": "a*w^gamma*max(gamma*b/w, |p - t|/(p*(1 - p))) where " + FOCAL_P,
        "hess0": "a*w^gamma*max(max(gamma*|gamma - 1|*b/w^2, 2*gamma*|p - t|/(p*(1 - p))/w), t/p^2 + (1 - t)/(1 - p)^2) where " + FOCAL_P},
    "pairwise_logistic": {"grad0": "kappa*max(t*sigmoid(-x), (1 - t)*sigmoid(x)) where x = kappa*(first - second)",
                          "grad1": "kappa*max(t*sigmoid(-x), (1 - t)*sigmoid(x)) where x = kappa*(first - second)"},
    "poisson_nll": {
        "value": "max(max(exp(p), t*|p|) if log_input == true else max(p, |xlogy(t, p + eps)|), |lgamma(t + 1)| if full == true else 0)",
        "grad0": "max(exp(p), t) if log_input == true else 0"},
    # with `full` half the deviance: as far off as a logarithm of the target that is rounded makes it
    "gamma_nll": {"value": "max(|p|, t*exp(-p)) if full == false else max(exp(e) - 1 - e, |exp(e) - 1|*max(|p|, |log(t)|)) where e = log(t) - p",
                  "grad0": "max(1, t*exp(-p))", "grad1": "max(exp(-p), 1/t) if full == true else 0"},
    "tweedie": {"grad0": "max(exp((2 - power)*p), t*exp((1 - power)*p))"},
    "kl_pointwise": {"value": "0 if log_target == true else t*max(|p|, |log(t)|) if t > 0 else 0",
                     "grad1": "0 if log_target == true else max(|p|, |log(t)|)"},
    "gaussian_nll": {"value": "max(max(|log(v)|, (p - t)^2/v)/2, 1 if full == true else 0) where v = max(variance, eps)"},
    # 1 - x/(1 + x/b) and the like
    "adaptive_robust": {"hess": "exp(-x/2)*max(1, x)/scale^2 if alpha == -inf else 0 if alpha == 2 else (1 + x/b)^(alpha/2 - 2)*max(1 + x/b, x)/scale^2 "
                                "where x = (r/scale)^2, b = |alpha - 2|"},
    "squared_log_error": {"hess0": "2/(1 + p)^2", "hess1": "2/(1 + t)^2"},
}


@functools.cache
def _formula(text: str) -> Formula:
    return Formula(text)


def larger(name: str, output: str, words: dict[str, str], scope: dict) -> mp.mpf | None:
    """The larger of the terms that cancel in an output ("value", "grad0", "hess1"), or None."""
    texts = LARGER.get(name, {})
    text = texts.get(output) or texts.get(output.rstrip("01234567"))
    try:
        return abs(_formula(text)(words=words, **scope).v) if text else None
    except ZeroDivisionError:  # a term without end: nothing cancels it
        return None
