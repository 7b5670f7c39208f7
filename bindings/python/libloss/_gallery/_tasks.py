"""Which tasks a loss is for: from what the registry tells of its family and inputs, and a short list of what it can't tell."""

from __future__ import annotations

from .._core import Info

TASKS = ("regression", "binary", "multi-class", "multi-label", "counts", "distributions", "ranking", "similarity", "segmentation",
         "survival", "sequence", "generative")

ALSO = {  # beyond, or instead of, what inputs tell
    "hinge_embedding": ("similarity",),
    "absolute_percentage_error": ("regression",),
    "squared_log_error": ("regression", "counts"),
    "kl_pointwise": ("distributions",),
    "kl_divergence": ("distributions",),
    "js_divergence": ("distributions",),
    "cross_entropy": ("multi-class", "distributions"),
    "gaussian_nll": ("regression", "distributions"),
    "pairwise_logistic": ("ranking", "generative"),
    "gamma_nll": ("regression", "counts"),
    "tweedie": ("regression", "counts"),
    "cosine_distance": ("similarity",),
}

FAMILIES = {"distance": "regression", "margin": "binary", "ranking": "ranking", "sequence": "sequence", "adversarial": "generative"}


def tasks(info: Info) -> tuple[str, ...]:
    """In the order of TASKS."""
    found = set(ALSO.get(info.name, ())) or _told(info)
    return tuple(t for t in TASKS if t in found)


def _told(info: Info) -> set[str]:
    kinds = {i.name: i.kind for i in info.inputs if not i.optional}
    prediction, target = next(iter(kinds.values())), kinds.get("target", "")
    if info.is_metric:
        return {"binary", "multi-class"} if target == "class" else set()
    if info.family in FAMILIES:
        return {FAMILIES[info.family]}
    if "time" in kinds and "event" in kinds:
        return {"survival"}
    if info.family == "tuple":
        return {"similarity" if info.per_row else "ranking"}
    if info.per_unit:
        return {"segmentation" if prediction == "probability" else "regression"}
    if info.per_row:
        if target == "class":
            return {"multi-class"}
        if target == "probability":
            return {"multi-label"} if prediction == "real" else {"distributions"}
        return {"similarity"}
    if target == "probability":
        return {"binary", "multi-label"}
    if target in ("nonnegative", "positive"):
        return {"counts"}
    return {"regression"}
