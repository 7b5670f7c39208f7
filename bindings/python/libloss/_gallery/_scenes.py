"""What is drawn of a loss: along which line through its inputs, for which parameters; the numbers come from the library.

A scene is chosen by what the registry tells of the inputs, never by the name of a loss. A loss that fits none has no picture.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import _core
from .._core import Info, Input, ParameterInfo
from .._errors import Error
from .._loss import Loss

Array = np.ndarray[Any, Any]
Inputs = dict[str, Array]
Place = Callable[[Array], tuple[Inputs, Inputs]]  # of n places on the axis: n units of every input, and how each moves

STEPS = 200  # even: no place on the axis lies in the middle, where kinks are
HALVINGS = 26  # of a step, until a jump is a gap of no width
PANELS = ("value", "gradient", "curvature")


class Side(NamedTuple):
    """One line through the inputs."""

    label: str
    place: Place


class Scene(NamedTuple):
    axis: str  # what the horizontal axis is
    low: float
    high: float
    sides: tuple[Side, ...]
    held: str  # what is held where, for the caption


class Curve(NamedTuple):
    label: str
    shade: int  # the number of its colour
    x: Array
    values: dict[str, Array]  # by panel; "upper" where it is another one than the curvature


class Block(NamedTuple):
    """Charts that share an axis and a legend."""

    title: str  # HTML
    scene: Scene
    curves: tuple[Curve, ...]


# ---- scenes ----


def fixed(value: Any, x: Array) -> Array:
    """The same unit n times."""
    return np.repeat(np.asarray(value, dtype=float)[np.newaxis], len(x), axis=0)


def single(prediction: str, held: Mapping[str, float]) -> Place:
    """One number per input: the prediction moves."""

    def place(x: Array) -> tuple[Inputs, Inputs]:
        return {prediction: x, **{name: np.full_like(x, value) for name, value in held.items()}}, {prediction: np.ones_like(x)}

    return place


def among(prediction: str, base: Any, moves: Any, held: Mapping[str, Any], *, integral: Sequence[str] = ()) -> Place:
    """A unit of several numbers, of which some move together."""

    def place(x: Array) -> tuple[Inputs, Inputs]:
        tangent = fixed(moves, x)
        shape = (len(x),) + (1,) * (tangent.ndim - 1)
        inputs = {prediction: fixed(base, x) + x.reshape(shape) * tangent}
        inputs |= {name: fixed(value, x).astype(np.int64) if name in integral else fixed(value, x) for name, value in held.items()}
        return inputs, {prediction: tangent}

    return place


RANGES = [  # by what a description says; else by kind
    (r"log-probabilit|logarithm of a probability", -5.0, 0.0),
    (r"logarithm of the (mean|hazard)", -2.0, 3.0),
    (r"\bdistance\b", 0.0, 3.0),
]


def reach(x: Input, low: float, high: float) -> tuple[float, float]:
    """The range in which a prediction is drawn."""
    return next(((a, b) for pattern, a, b in RANGES if re.search(pattern, x.description)), (low, high))


def elementwise(info: Info, needed: list[Input]) -> Scene | None:
    """Losses of one number per input."""
    names = [i.name for i in needed]
    predictions = [i for i in needed if i.role == "prediction"]
    if "target" not in names or not predictions:
        return None
    target, p = needed[names.index("target")], predictions[0]
    if info.family == "distance":
        return Scene("residual (prediction − target)", -3, 3, (Side("", single(p.name, {"target": 0.0})),), "")
    if info.family == "margin":
        return Scene("margin (label × score)", -3, 3, (Side("", single(p.name, {"target": 1.0})),), "")
    if len(predictions) == 2 and names[0] == p.name and all(i.kind == "real" for i in predictions):
        other = predictions[1].name
        return Scene(f"{p.name} − {other}", -4, 4, (Side("", single(p.name, {other: 0.0, "target": 1.0})),), f"where {p.name} should be higher")
    extra = [i for i in needed if i is not p and i is not target]
    if len(extra) == 1 and extra[0].kind in ("nonnegative", "positive"):
        name = extra[0].name
        sides = tuple(Side(f"{name} = {v:g}", single(p.name, {"target": 0.0, name: v})) for v in (1.0, 0.25, 4.0))
        return Scene("residual (prediction − target)", -3, 3, sides, "")
    if extra:
        return None
    of: tuple[float, ...] = (1.0, 0.0)
    if p.kind == "probability":
        low, high = 0.0, 1.0
    elif target.kind == "probability":
        low, high = -5.0, 5.0
    elif target.kind == "sign":
        low, high, of = -3.0, 3.0, (1.0, -1.0)
    elif target.kind == "nonnegative":
        low, high, of = -2.0, 3.0, (1.0, 0.0, 5.0)
    elif "robability" in target.description:
        low, high, of = -5.0, 0.0, (0.5, 0.1, 0.9)
    else:
        low, high, of = 0.0, 5.0, (1.0, 2.0, 4.0)
    low, high = reach(p, low, high)
    kind = "probability" if p.kind == "probability" else "logit" if "logit" in p.description else p.description if "logarithm" in p.description else ""
    told = kind.partition(";")[0]
    return Scene(f"prediction ({told})" if told else "prediction", low, high,
                 tuple(Side(f"target {v:g}".replace("-", "−"), single(p.name, {"target": v})) for v in of), "")


def vectors(info: Info, needed: list[Input]) -> Scene | None:
    """Losses that compare vectors: of two numbers here, so that they turn or move apart in a plane."""
    points = [i.name for i in needed if i.kind == "real" and i.per == "input"]
    rest = [i for i in needed if i.name not in points]
    if len(points) == 3 and not rest:
        anchor, positive, negative = points

        def apart(near: float) -> Place:
            return among(negative, [0.0, 0.0], [1.0, 0.0], {anchor: [0.0, 0.0], positive: [0.0, near]})

        return Scene(f"distance of the {negative}", 0.01, 4, tuple(Side(f"{positive} at distance {d:g}", apart(d)) for d in (1.0, 0.5, 2.0)), "")
    if len(points) != 2 or len(rest) > 1:
        return None
    first, second = points
    labels: tuple[tuple[str, dict[str, float]], ...] = (("", {}),)
    if rest:
        labels = tuple((f"{rest[0].name} {v:g}".replace("-", "−"), {rest[0].name: v}) for v in ((1.0, -1.0) if rest[0].kind == "sign" else (1.0, 0.0)))
    one, two = ({first: np.array([[s, s]]), second: np.array([[1.0, 0.0]]), **{k: np.array([v]) for k, v in labels[0][1].items()}} for s in (1.0, 2.0))
    turns = math.isclose(Loss(info.name)(**one), Loss(info.name)(**two), rel_tol=1e-9)  # lengths don't matter, only directions

    def turned(held: dict[str, float]) -> Place:
        def place(x: Array) -> tuple[Inputs, Inputs]:
            inputs = {first: np.stack([np.cos(x), np.sin(x)], 1), second: fixed([1.0, 0.0], x), **{k: np.full_like(x, v) for k, v in held.items()}}
            return inputs, {first: np.stack([-np.sin(x), np.cos(x)], 1)}

        return place

    if turns:
        return Scene("angle between the two, in radians", -math.pi, math.pi, tuple(Side(label, turned(held)) for label, held in labels), "")
    sides = tuple(Side(label, among(first, [0.0, 0.0], [1.0, 0.0], {second: [0.0, 0.0], **held})) for label, held in labels)
    return Scene("distance of the two", 0.01, 2.5, sides, "")


def matrix(info: Info, needed: list[Input]) -> Scene | None:
    """Similarities of a batch: those move that belong together, all others stay 0."""
    prediction, zeros = needed[0].name, np.zeros((4, 4))
    held = {needed[1].name: [0, 1, 0, 1]} if len(needed) > 1 else {}
    options = {k: np.array(v) for k, v in held.items()}
    together = (Loss(info.name).grad(zeros, **options) < 0).astype(float)  # the loss itself says which
    return Scene("similarity of those that belong together", -1, 1, (Side("", among(prediction, zeros, together, held, integral=list(held))),),
                 "a batch of 4; all other similarities are 0")


def rows(needed: list[Input]) -> Scene | None:
    """Rows of three classes."""
    p, target = needed[0], needed[1]
    if p.kind == "probability":
        kinds = ([1.0, 0.0, 0.0], [0.5, 0.25, 0.25])
        if target.kind == "class":
            held: tuple[tuple[str, Any], ...] = (("", 0),) if not target.or_rows else (("target (1, 0, 0)", kinds[0]), ("target (½, ¼, ¼)", kinds[1]))
        else:
            held = (("target (½, ¼, ¼)", kinds[1]), ("target (1, 0, 0)", kinds[0]))
        sides = tuple(Side(label, among(p.name, [0.0, 0.5, 0.5], [1.0, -0.5, -0.5], {target.name: t})) for label, t in held)
        return Scene("probability of the first class", 0.0, 1.0, sides, "three classes; the two others share the rest")
    low, high = reach(p, -6, 6)
    base = [low / 5 if high == 0 else 0.0] * 3
    what = "log-probability" if high == 0 else "logit" if "logit" in p.description else "score"
    if target.kind == "class":
        start = [0.0, base[1], base[2]]
        side = Side("", among(p.name, start, [1.0, 0.0, 0.0], {target.name: 0}, integral=[target.name]))
        return Scene(f"{what} of the true class", low, high, (side,), f"three classes; the others are at {base[1]:g}".replace("-", "−"))
    labels = {target.name: [1.0, 0.0, 1.0]}
    return Scene(f"{what} of one class", low, high, (Side("a label that is right", among(p.name, [0.0] * 3, [1.0, 0.0, 0.0], labels)),
                                                    Side("one that is not", among(p.name, [0.0] * 3, [0.0, 1.0, 0.0], labels))),
                 "three classes, two of which are right; the others are at 0")


def batch(needed: list[Input]) -> Scene | None:
    """Losses whose value is of four elements together."""
    p, others = needed[0], needed[1:]
    if len(others) == 1 and p.kind == "probability":
        target = {others[0].name: [1.0, 1.0, 0.0, 0.0]}
        sides = tuple(Side(f"background at {b:g}", among(p.name, [0.0, 0.0, b, b], [1.0, 1.0, 0.0, 0.0], target)) for b in (0.1, 0.0, 0.5))
        return Scene("prediction where the target is 1", 0.0, 1.0, sides, "four elements, two of them 1")
    if len(others) == 1 and p.kind == others[0].kind == "real":
        target = {others[0].name: [0.0] * 4}
        sides = tuple(Side(f"the others off by {b:g}", among(p.name, [0.0, b, b, b], [1.0, 0.0, 0.0, 0.0], target)) for b in (1.0, 0.3, 0.0))
        return Scene("residual of one of four", -3, 3, sides, "")
    if {i.kind for i in others} == {"real", "binary"}:
        held = {i.name: [1.0] * 4 if i.kind == "binary" else [1.0, 2.0, 3.0, 4.0] for i in others}
        sides = tuple(Side(label, among(p.name, [0.0] * 4, np.eye(4)[k], held)) for label, k in (("of the first to fail", 0), ("of the third", 2)))
        return Scene("prediction for one of four", -4, 4, sides, "all four fail, one after the other; the other predictions are 0")
    return None


def listed(needed: list[Input]) -> Scene | None:
    """A query of four documents."""
    p, target = needed[0].name, needed[1].name
    relevance = {target: [2.0, 1.0, 0.0, 0.0]}
    sides = (Side("the most relevant", among(p, [0.0, 1.0, 0.0, -1.0], [1.0, 0.0, 0.0, 0.0], relevance)),
             Side("an irrelevant one", among(p, [1.5, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0], relevance)))
    return Scene("score of one document", -4, 4, sides, "a query of four documents with relevance 2, 1, 0, 0; the scores of the others stay")


def sequence(needed: list[Input]) -> Scene | None:
    """Four steps of three classes, two labels."""
    p, target = needed[0].name, needed[1].name
    said = np.zeros((4, 3))
    said[[0, 1, 2, 3], [1, 1, 2, 2]] = 1
    return Scene("logit of the right label, at every step", -6, 6, (Side("", among(p, np.zeros((4, 3)), said, {target: [1, 2]}, integral=[target])),),
                 "four steps, two labels and a blank; all other logits are 0")


def scene(info: Info) -> Scene | None:
    """How a loss is drawn; None where no picture says anything."""
    needed = [i for i in info.inputs if not i.optional]
    kinds = [i.kind for i in needed]
    if info.per_unit:
        if any(i.kind == "offsets" for i in info.inputs):
            return listed(needed)
        if _core.is_of_batch(info):
            return batch(needed)
        return sequence(needed) if kinds[1:] == ["class"] and needed[1].per == "other" else None
    if info.per_row:
        if len(needed) == 1 or kinds[1] == "label":
            return matrix(info, needed)
        if kinds[0] == "real" and all(i.kind == "real" and i.per == "input" for i in needed[:2]):
            return vectors(info, needed)
        return rows(needed) if len(needed) == 2 else None
    return elementwise(info, needed)


# ---- numbers ----


def evaluate(loss: Loss, place: Place, x: Array) -> dict[str, Array]:
    """Value and derivatives along a line, from the library. The curvature only where a single number moves: there is no other in a diagonal."""
    info = loss.info
    inputs, tangents = place(x)
    (name, tangent), *_ = tangents.items()
    axes = {"unit_axes": next(iter(inputs.values())).ndim - 1} if _core.is_of_batch(info) else {}
    flat = (len(x), -1)
    want = ["value", "grad"]
    if np.all(np.count_nonzero(tangent.reshape(flat), axis=1) == 1) and np.all(tangent[0] == tangent):
        want.append("hess")
    options: dict[str, Any] = {"wrt": name, "reduction": "none", **axes, **inputs}
    got = loss.evaluate(want=want, **options)
    count = got.value.size // len(x)  # a matrix has a value per row: their mean is drawn
    along = {"value": got.value.reshape(flat).mean(1), "gradient": (got.grad * tangent).reshape(flat).sum(1) / count}
    if "hess" in want:
        upper = loss.hess(curvature="upper", **options)
        along["curvature"] = (got.hess * tangent).reshape(flat).sum(1) / count
        along["upper"] = (upper * tangent).reshape(flat).sum(1) / count
    return along


def span(y: Array) -> float:
    finite = y[np.isfinite(y)]
    return float(np.ptp(np.quantile(finite, [0.02, 0.98]))) if finite.size else 0.0


def trace(loss: Loss, side: Side, low: float, high: float) -> tuple[Array, dict[str, Array]]:
    """The curves of one loss along one line: on a grid, and close by both sides of every jump."""
    with np.errstate(all="ignore"):
        x = np.linspace(low, high, STEPS)
        along = evaluate(loss, side.place, x)
        jumps: dict[str, Array] = {}  # by curve: the steps that are much larger than those beside them
        for name, y in along.items():
            step, size = np.abs(np.diff(y)), span(y) or float(np.nanmax(np.abs(y), initial=0.0))
            around = np.maximum(np.concatenate([[0], step[:-1]]), np.concatenate([step[1:], [0]]))
            jumps[name] = np.flatnonzero((step > 0.03 * size) & (step > 3 * around) & np.isfinite(step))
        if any(k.size for k in jumps.values()):
            curve = np.repeat(np.arange(len(jumps)), [k.size for k in jumps.values()])
            left, right = (x[np.concatenate(list(jumps.values())) + end] for end in (0, 1))
            for _ in range(HALVINGS):
                middle = (left + right) / 2
                found = evaluate(loss, side.place, np.concatenate([left, middle, right]))
                a, b, c = np.stack([found[name] for name in jumps]).reshape(len(jumps), 3, -1)[curve, :, np.arange(len(curve))].T
                first = abs(b - a) > abs(c - b)
                left, right = np.where(first, left, middle), np.where(first, middle, right)
            x = np.unique(np.concatenate([x, left, right]))
            along = evaluate(loss, side.place, x)
    there = ~np.isnan(along["value"])  # outside a loss's domain its derivatives mean nothing
    return x, {name: np.where(there, y, np.nan) for name, y in along.items()}


# ---- parameters ----


def bounds(p: ParameterInfo) -> tuple[float, float, bool, bool]:
    """Lowest and highest value, and whether each is allowed itself."""
    low, high = (float(v) for v in p.range[1:-1].split(","))
    return low, high, p.range[0] == "[", p.range[-1] == "]"


def values(p: ParameterInfo) -> list[Any]:
    """A few telling values of a parameter, its default among them; none of one that only says how inputs are to be read."""
    if re.match(r"log_|labels$", p.name):
        return []
    if p.kind == "flag":
        return [p.default, not p.default]
    if p.kind == "choice":
        return [p.default, *(_core.word(c) for c in p.choices if _core.word(c) != p.default)]
    if p.kind == "integers":
        return []
    low, high, at_low, at_high = bounds(p)
    if p.optional:
        return [None, low + 0.25 * (high - low), low + 0.75 * (high - low)] if math.isfinite(low + high) else []
    d = p.default
    if p.kind == "integer" and low == 0:
        return []  # the number of a class
    if p.kind == "integer":
        return sorted({d, *range(int(low), int(min(high, low + 2)) + 1)})
    if math.isfinite(low) and math.isfinite(high):
        tenth = (high - low) / 10
        around = [d, low + tenth, low + 3 * tenth] if d == low else [low + tenth, low + 5 * tenth, d] if d == high else [low + tenth, d, high - tenth]
    elif math.isfinite(low):
        reach = d - low
        around = [d, low + 0.5, low + 2] if reach == 0 else [d, low + 3 * reach, low + 10 * reach] if reach < 0.3 else [low + reach / 2, d, low + 2 * reach]
        if at_low and reach > 0.3:
            around.append(low)
    elif math.isfinite(high):
        around = [d - 2, d - 1, d, *([high] if at_high else [])]
    else:
        around = [d - 1, d, d + 1]
    allowed = [v for v in around if (low < v or (at_low and v == low)) and (v < high or (at_high and v == high))]
    return sorted({float(f"{v:.6g}") for v in allowed} | {d})


def said(p: ParameterInfo, value: Any) -> str:
    """A parameter and its value, to be read."""
    text = str(value).lower() if value is None or isinstance(value, (bool, str)) else f"{value:g}"
    return f"{p.name} = {text}".replace("= -", "= −")


def same(a: tuple[Array, dict[str, Array]], b: tuple[Array, dict[str, Array]]) -> bool:
    """Whether two traces look alike."""
    return all(name in b[1] and np.allclose(np.interp(a[0], b[0], b[1][name]), y, rtol=1e-6, atol=1e-9 + 1e-3 * span(y), equal_nan=True)
               for name, y in a[1].items())


def blocks(info: Info) -> list[Block]:
    """All pictures of a loss: its sides at the defaults, then one block per parameter that changes anything."""
    default = Loss(info.name)
    try:
        seen = scene(info)
        if seen is None:
            return []
        plain = [trace(default, side, seen.low, seen.high) for side in seen.sides]
    except (Error, TypeError):  # a new kind of loss, which wants other inputs
        return []
    found = []
    for p in info.parameters:
        kept: list[tuple[Any, list[tuple[Array, dict[str, Array]]]]] = []
        for value in values(p):
            try:
                traced = plain if value == p.default else [trace(default.replace(**{p.name: value}), side, seen.low, seen.high) for side in seen.sides]
            except Error:
                continue  # not with these inputs
            if traced is plain or not any(all(map(same, traced, other)) for other in (plain, *(other for _, other in kept))):
                kept.append((value, traced))
        if len(kept) < 2:
            continue
        k = next(k for k in range(len(seen.sides)) if not all(same(traced[k], plain[k]) for _, traced in kept))  # a side that it changes
        side, shades = seen.sides[k].label, iter(range(1, len(kept)))
        curves = tuple(Curve(said(p, value), 0 if value == p.default else next(shades), *traced[k]) for value, traced in kept)
        found.append(Block(f"By <code>{p.name}</code>{f', {side}' if side else ''}", seen, curves))
    if len(seen.sides) > 1 or not found:
        curves = tuple(Curve(side.label, k, *traced) for k, (side, traced) in enumerate(zip(seen.sides, plain, strict=True)))
        found.insert(0, Block("At the defaults" if found else "", seen, curves))
    return found
