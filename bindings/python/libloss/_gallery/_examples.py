"""A call of each loss in C and in Python, written from the registry. The tests run them."""

from __future__ import annotations

import ast
import math
from typing import Any

import numpy as np

from .. import metrics
from .._core import Info, is_flat
from .._errors import Error
from .._functions import examples
from .._loss import Loss
from ._scenes import values

METRIC_INPUTS = (  # classes; scores of yes; rows of scores
    ("[1, 0, 1, 1, 0]", "[1, 0, 0, 1, 1]"),
    ("[0.9, 0.4, 0.7, 0.6, 0.2]", "[1, 0, 0, 1, 1]"),
    ("[[0.2, 0.4, 0.1, 0.1, 0.1, 0.1], [0.6, 0.1, 0.1, 0.05, 0.05, 0.1]]", "[1, 3]"),
)


def inputs(info: Info) -> dict[str, str]:
    """The literal of every needed input."""
    needed = [i.name for i in info.inputs if not i.optional]
    if info.is_metric:
        for literals in METRIC_INPUTS:
            try:
                metrics.Metric(info.name)(**{name: np.array(ast.literal_eval(x)) for name, x in zip(needed, literals, strict=True)})
            except (Error, TypeError, ValueError):  # other inputs, or of another kind
                continue
            return dict(zip(needed, literals, strict=True))
        return {}
    return dict(zip(needed, examples(info), strict=True))


def setting(info: Info) -> tuple[str, str]:
    """A parameter worth showing, as Python and as a spec write it: a number other than the default, which works with the example."""
    given = [np.array(ast.literal_eval(x)) for x in inputs(info).values()]
    for p in info.parameters:
        if info.is_metric or p.kind not in ("real", "vector") or not p.default:
            continue
        for value in reversed(values(p)):
            if value != p.default and math.isfinite(Loss(info.name, **{p.name: value})(*given)):
                return f", {p.name}={value:g}", f"({p.name}={value:g})"
    return "", ""


def short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else " ".join(np.array2string(np.asarray(value), precision=4, separator=", ").split())


def python(info: Info) -> str:
    """A script that prints what its comments say."""
    given = inputs(info)
    if not given:
        return ""
    arrays = {name: np.array(ast.literal_eval(x)) for name, x in given.items()}
    lines = ["import numpy as np", "import libloss", "", *(f"{name} = np.array({x})" for name, x in given.items()), ""]
    if info.is_metric:
        value = metrics.Metric(info.name)(**arrays)
        call = ", ".join(f"{name}={name}" for name in given)
        lines.append(f"print(libloss.metrics.{info.name}({call}))")
        lines += [f"# {line}" for line in str(value).splitlines()]
        return "\n".join(lines)
    names, (keyword, _) = ", ".join(given), setting(info)
    loss = Loss(info.name + setting(info)[1])
    predictions = [i.name for i in info.inputs if i.role == "prediction"]
    wrt = f', wrt="{predictions[0]}"' if len(predictions) > 1 else ""
    value, gradient = loss.value_and_grad(*arrays.values(), **({"wrt": predictions[0]} if wrt else {}))
    lines += [f"print(libloss.{info.name}({names}{keyword}))", f"# {value!r}", "", f'loss = libloss.Loss("{info.name}"{keyword})',
              f"value, gradient = loss.value_and_grad({names}{wrt})", "print(gradient)"]
    lines += [f"# {line}" for line in str(gradient).splitlines()]
    return "\n".join(lines)


# ---- C ----


def braces(x: Any, *, real: bool) -> str:
    """A nested list as an initializer."""
    if isinstance(x, list):
        return "{ " + ", ".join(braces(v, real=real) for v in x) + " }"
    return f"{x:g}" if real else str(int(x))


def declaration(name: str, array: np.ndarray[Any, Any], *, real: bool) -> str:
    shape = "".join(f"[{n}]" for n in array.shape)
    return f"    {'double' if real else 'int64_t'} {name}{shape} = {braces(array.tolist(), real=real)};"


C = """\
#include <libloss.h>
#include <stdio.h>

int main(void)
{{
{declared}
    libloss_object *{kind};

    if (libloss_create("{spec}", &{kind}) != LIBLOSS_OK
        || {call} != LIBLOSS_OK)
        return puts(libloss_message()), 1;
    printf("%.6g\\n", value); /* {value} */
    libloss_destroy({kind});
    return 0;
}}"""

TENSOR = """\
    libloss_tensor {short} = {{ .data = {data}, .shape = (int64_t[]){{ {shape} }}, .ndim = {ndim},
                         .device_type = 1, .dtype_code = {code}, .dtype_bits = 64, .dtype_lanes = 1 }};"""


def c(info: Info) -> str:
    """A program that prints what its comment says."""
    given = inputs(info)
    arrays = {name: np.array(ast.literal_eval(x)) for name, x in given.items()}
    value = (metrics.Metric(info.name) if info.is_metric else Loss(info.name + setting(info)[1]))(**arrays) if given else None
    if not isinstance(value, float):
        return ""
    real = {i.name: i.kind not in ("class", "label", "length", "offsets") and not (info.is_metric and arrays[i.name].dtype.kind == "i")
            for i in info.inputs if i.name in given}
    names = list(given)
    first = names[0]
    declared = [declaration(name, array, real=real[name]) for name, array in arrays.items()]
    kind = "metric" if info.is_metric else "loss"
    shape = arrays[first].shape
    simple = not info.is_metric and len(names) == 2
    if simple and (is_flat(info) or (info.per_unit and all(real.values()) and len(shape) == 1 and not info.per_row and info.inputs[1].per == "input")
                   ) and not any(i.kind == "offsets" for i in info.inputs):
        declared.append(f"    double value, gradient[{shape[0]}];")
        call = f"libloss_call_f64({kind}, LIBLOSS_MEAN, {shape[0]}, {names[0]}, {names[1]},\n                            &value, gradient)"
    elif simple and info.per_row and not real[names[1]] and info.inputs[1].kind == "class":
        declared.append(f"    double value, gradient[{shape[0]}][{shape[1]}];")
        call = f"libloss_rows_f64_i64({kind}, LIBLOSS_MEAN, {shape[0]}, {shape[1]}, {first}[0],\n                                {names[1]}, &value, gradient[0])"
    else:
        tensors = {name: "abcdefgh"[k] for k, name in enumerate(names)}
        declared += [TENSOR.format(short=tensors[name], data=name, ndim=a.ndim, code=2 if real[name] else 0, shape=", ".join(map(str, a.shape)))
                     for name, a in arrays.items()]
        places = {i.name: k for k, i in enumerate(info.inputs)}
        listed = ", ".join(f"[{places[name]}] = &{tensors[name]}" if places[name] != k else f"&{tensors[name]}" for k, name in enumerate(names))
        outputs = ""
        if not info.is_metric:
            dims = "".join(f"[{n}]" for n in shape)
            declared.append(f"    double value, gradient{dims};")
            declared.append(f"    libloss_tensor g = {tensors[first]};\n    g.data = gradient;")
            outputs = ", .gradient = { &g }"
        else:
            declared.append("    double value;")
        declared.append(f"    libloss_args args = {{ .struct_size = sizeof args, .input = {{ {listed} }},\n                          .value = &value{outputs} }};")
        call = f"libloss_eval({kind}, &args)"
    return C.format(declared="\n".join(declared), kind=kind, spec=info.name + setting(info)[1], call=call, value=short(value))
