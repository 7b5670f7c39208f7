"""One function per loss, made at import from the registry, with a real signature and a docstring. They give the value;
everything else is a method of ``Loss``."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._call import CATEGORIES, LABELS
from ._core import Info, default, form_of, is_of_batch, names
from ._libloss import quick
from ._loss import Loss
from ._texts import INSIGHTS

EXAMPLES = {  # what an input of each kind looks like in an example
    "real": ("[0.5, 2.0]", "[1.0, 1.0]"),
    "probability": ("[0.88, 0.03]", "[1.0, 0.0]"),
    "sign": ("[0.5, 2.0]", "[1.0, -1.0]"),
    "positive": ("[0.5, 2.0]", "[1.0, 3.0]"),
    "nonnegative": ("[0.5, 2.0]", "[1.0, 0.0]"),
    "binary": ("[1.0, 0.0]", "[1.0, 0.0]"),
}
ROW_EXAMPLES = {
    ("real", "class"): ("[[2.0, 0.5, -1.0]]", "[0]"),
    ("probability", "class"): ("[[0.7, 0.2, 0.1]]", "[0]"),
    ("probability", "probability"): ("[[0.7, 0.2, 0.1]]", "[[1.0, 0.0, 0.0]]"),
    ("real", "probability"): ("[[2.0, 0.5, -1.0]]", "[[1.0, 0.0, 1.0]]"),
}

TEMPLATE = '''
def {name}({inputs}, *, {parameters}{extra}weight=None, reduction="mean", divisor=None, empty="nan", out=None, threads=None):
    loss = {loss}
{short}    return loss({inputs}, {pass_extra}weight=weight, reduction=reduction, divisor=divisor, empty=empty, out=out, threads=threads)
'''

SHORT = """\
    if {plain}divisor is None and reduction != "none" and empty == "nan" and out is None and threads is None:
        value = quick(loss._address, {first}, {second}, weight, None, None, None, reduction, False, {form}, True, True)
        if value is not None:
            return value
"""

MOST_KEPT = 64  # losses per function: a parameter that is learned is another one at every step


def kept(default: Loss, cache: dict[tuple[Any, ...], Loss], **parameters: Any) -> Loss:
    """The loss with these parameters, made once. (1, 1.0 and True are one key, and one number.)"""
    key = tuple(parameters.values())
    try:
        return cache[key]
    except KeyError:
        if len(cache) >= MOST_KEPT:
            cache.clear()
        loss = cache[key] = default.replace(**parameters)
        return loss
    except TypeError:  # a list, an array
        return default.replace(**parameters)


VECTORS = ("[[0.5, 2.0, -1.0]]", "[[1.0, 1.0, 0.5]]", "[[0.0, 1.0, 0.0]]")
MATRIX = "[[0.9, 0.1, 0.3, 0.2], [0.2, 0.8, 0.1, 0.4], [0.1, 0.2, 0.7, 0.3], [0.3, 0.1, 0.2, 0.6]]"


def examples(info: Info) -> tuple[str, ...]:
    """A list per needed input, for the docstring's example."""
    needed = [i for i in info.inputs if not i.optional]
    if info.per_unit and any(i.kind == "class" for i in needed):  # a sequence
        return ("[[[2.0, 0.5], [0.1, 1.0], [1.0, 0.0]]]", "[[1]]")
    if info.per_row and (len(needed) == 1 or needed[1].kind == "label"):
        return (MATRIX, "[0, 1, 0, 1]")[: len(needed)]
    if info.per_row and len(needed) == 2 and (info.inputs[0].kind, info.inputs[1].kind) in ROW_EXAMPLES:
        first, second = ROW_EXAMPLES[info.inputs[0].kind, info.inputs[1].kind]
        return ("[[-0.4, -1.6, -2.0]]", second) if info.name == "nll" else (first, second)
    if info.per_row:
        return tuple(VECTORS[k] if i.per == "input" else "[1.0]" for k, i in enumerate(needed))
    if any(i.kind == "offsets" for i in info.inputs):  # documents and their relevance
        return ("[0.5, 2.0, -1.0]", "[2.0, 0.0, 1.0]")
    if len(needed) == 3 and needed[2].kind == "nonnegative":  # of a variance 0 is only the limit
        return (*EXAMPLES["real"], EXAMPLES["positive"][1])
    return tuple(EXAMPLES[i.kind][k > 0] for k, i in enumerate(info.inputs) if not i.optional)


def docstring(info: Info) -> str:
    """One sentence, why one would want it, the formula, inputs, parameters, an example that runs, how to get the gradient, the source."""
    vectors = info.per_row and len(info.inputs) > 1 and all(i.kind == "real" and i.per == "input" for i in info.inputs[:2])
    shape = "(..., components)" if vectors else "(..., classes)" if info.per_row else "any shape"
    if any(i.name == "groups" for i in info.inputs):
        shape = "(documents,) with groups, else (..., documents)"
    insight = [INSIGHTS[info.name], ""] if info.name in INSIGHTS else []  # an installed library may know more losses than these sources
    lines = [f"{info.title}.", "", *insight, f"    {info.formula}", "", "Args:"]
    for i in info.inputs:
        per = {"value": "one per row, or rows shaped like the prediction" if i.or_rows else "one per value", "class": "(classes,)"}.get(i.per, shape)
        told = i.description if "shape (" in i.description else f"{i.description}; {per}"
        told += CATEGORIES if i.kind in LABELS else ""
        lines.append(f"    {i.name}: {told}{'; optional' if i.optional else ''}.")
    lines += [f"    {p.name}: {p.doc}, {p.range}; default {p.default!r}{'; learnable' if p.learnable else ''}." for p in info.parameters]
    if is_of_batch(info):
        lines.append("    unit_axes: how many of the last axes make one value together; default 0, all of them.")
    lines += [
        "    weight: a number, one per value, or one per leading index; 0 means not there.",
        '    reduction: "mean" (over the values present), "sum", "none", "weighted_mean" (over the sum of weights), "size_mean", "batch_mean".',
        '    divisor: what to divide by instead. empty: "nan" or "zero", the mean of nothing. out: for reduction="none".', "",
        "Returns:", '    A float, or an array under reduction="none".', "",
        "Raises:", "    ShapeError, DTypeError, DomainError, ArgumentError: naming argument, position and value.", "",
    ]
    lists = examples(info)
    value = Loss(info.name)(*(np.array(eval(x)) for x in lists))
    lines += [f">>> libloss.{info.name}({', '.join(f'np.array({x})' for x in lists)})", repr(value), "",
              f'Gradient: ``libloss.Loss("{info.name}").value_and_grad({", ".join(i.name for i in info.inputs if not i.optional)})``.', "",
              f"Reference: {info.citation}."]
    return "\n".join(lines)


def build() -> dict[str, Any]:
    """All functions by name, aliases included."""
    scope: dict[str, Any] = {"quick": quick, "kept": kept}
    source, infos = [], []
    for name in names():
        info = default(name)
        infos.append(info)
        needed = [i.name for i in info.inputs if not i.optional]
        optional = [i.name for i in info.inputs if i.optional]
        own = " and ".join(f"{p.name} is {name}_{p.name}" for p in info.parameters)  # the defaults themselves: an array has no truth
        scope.update({f"{name}_{p.name}": p.default for p in info.parameters})
        same = ", ".join(f"{p.name}={p.name}" for p in info.parameters)
        option = "axis" if info.per_row else "unit_axes" if is_of_batch(info) else ""
        unset = -1 if info.per_row else 0
        plain = "".join([f"{o} is None and " for o in optional] + ([f"{option} == {unset} and "] if option else []))
        extra = "".join(f"{o}=None, " for o in optional) + (f"{option}={unset}, " if option else "")
        pass_extra = "".join(f"{o}={o}, " for o in optional) + (f"{option}={option}, " if option else "")
        short = SHORT.format(plain=plain, first=needed[0], second=needed[1], form=form_of(info)) if len(needed) == 2 else ""
        source.append(TEMPLATE.format(
            name=name, inputs=", ".join(needed), short=short,
            parameters="".join(f"{p.name}={name}_{p.name}, " for p in info.parameters), extra=extra, pass_extra=pass_extra,
            loss=f"{name}_loss if {own} else kept({name}_loss, {name}_kept, {same})" if info.parameters else f"{name}_loss"))
        scope[f"{name}_loss"], scope[f"{name}_kept"] = Loss(name), {}
    exec(compile("\n".join(source), "<libloss functions>", "exec"), scope)
    functions = {}
    for info in infos:
        f = scope[info.name]
        f.__module__, f.__doc__ = "libloss", docstring(info)
        for name in (info.name, *info.aliases):
            functions[name] = f
    return functions
