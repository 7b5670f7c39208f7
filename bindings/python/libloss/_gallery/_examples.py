"""A call of each loss in C and in Python, written from the registry. The tests run them."""

from __future__ import annotations

import ast
import contextlib
import math
from typing import Any

import numpy as np

from .. import metrics
from .._core import Info
from .._errors import Error
from .._functions import examples
from .._loss import Loss
from ._scenes import values

METRIC_INPUTS = (  # classes; scores of yes; rows of scores
    ("[1, 0, 1, 1, 0]", "[1, 0, 0, 1, 1]"),
    ("[0.9, 0.4, 0.7, 0.6, 0.2]", "[1, 0, 0, 1, 1]"),
    ("[[0.2, 0.4, 0.1, 0.1, 0.1, 0.1], [0.6, 0.1, 0.1, 0.05, 0.05, 0.1]]", "[1, 3]"),
)
HISTORY = "[2.0, 1.0, 3.0, 2.0, 4.0]"  # what else a metric of numbers may need


def inputs(info: Info) -> dict[str, str]:
    """The literal of every needed input; nothing for a metric that wants others than these."""
    needed = [i.name for i in info.inputs if not i.optional]
    if not info.is_metric:
        return dict(zip(needed, examples(info), strict=True))
    of_classes = info.inputs[0].description.startswith("class")
    for literals in METRIC_INPUTS if of_classes else METRIC_INPUTS[1:] + METRIC_INPUTS[:1]:
        given = dict(zip(needed, (*literals, *[HISTORY] * len(needed)), strict=False))
        with contextlib.suppress(Error, TypeError):  # other inputs, or of another kind
            if np.all(np.isfinite(metrics.Metric(info.name)(**{name: np.array(ast.literal_eval(x)) for name, x in given.items()}))):
                return given
    return {}


def setting(info: Info) -> tuple[str, str]:
    """A parameter worth showing, as Python and as a spec write it: a number other than the default, which works with the example."""
    given = [np.array(ast.literal_eval(x)) for x in inputs(info).values()]
    for p in info.parameters:
        if info.is_metric or p.kind not in ("real", "vector") or not p.default:
            continue
        for value in reversed(values(p)):
            with contextlib.suppress(Error):
                if value != p.default and math.isfinite(Loss(info.name, **{p.name: value})(*given)):
                    return f"{p.name}={value:g}", f"({p.name}={value:g})"
    return "", ""


def called(before: str, arguments: list[str]) -> str:
    """A call on one line, or on two if that is long."""
    line = f"{before}({', '.join(arguments)})"
    return line if len(line) <= 60 else f"{before}(\n    {', '.join(arguments)})"


def python(info: Info) -> str:
    """A script that prints what its comments say."""
    given = inputs(info)
    if not given:
        return ""
    arrays = {name: np.array(ast.literal_eval(x)) for name, x in given.items()}
    lines = ["import numpy as np", "import libloss", "", *(f"{name} = np.array({x})" for name, x in given.items()), ""]
    if info.is_metric:
        value = metrics.Metric(info.name)(**arrays)
        lines += [called(f"value = libloss.metrics.{info.name}", [f"{name}={name}" for name in given]), "print(value)"]
        return "\n".join(lines + [f"# {line}" for line in str(value).splitlines()])
    names, (keyword, spec) = list(given), setting(info)
    loss, keywords = Loss(info.name + spec), [keyword] if keyword else []
    predictions = [i.name for i in info.inputs if i.role == "prediction"]
    wrt = [f'wrt="{predictions[0]}"'] if len(predictions) > 1 else []
    value, gradient = loss.value_and_grad(*arrays.values(), **({"wrt": predictions[0]} if wrt else {}))
    lines += [called(f"value = libloss.{info.name}", names + keywords), "print(value)", f"# {value!r}", "",
              called("loss = libloss.Loss", [f'"{info.name}"', *keywords]),
              called("value, gradient = loss.value_and_grad", names + wrt), "print(gradient)"]
    return "\n".join(lines + [f"# {line}" for line in str(gradient).splitlines()])


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
    libloss_tensor {short} = {{ .data = {data}, .shape = (int64_t[]){{ {shape} }},
        .ndim = {ndim}, .device_type = 1, .dtype_code = {code}, .dtype_bits = 64,
        .dtype_lanes = 1 }};"""


def c(info: Info) -> str:
    """A program that prints what its comment says; nothing for what gives more than one number."""
    arrays = {name: np.array(ast.literal_eval(x)) for name, x in inputs(info).items()}
    made: Any = metrics.Metric(info.name) if info.is_metric else Loss(info.name + setting(info)[1])
    value = made(**arrays) if arrays else None
    if not isinstance(value, float):
        return ""
    needed = [i for i in info.inputs if i.name in arrays]
    whole = {i.name for i in needed if i.kind in ("class", "label", "length") or (info.is_metric and arrays[i.name].dtype.kind == "i")}
    names, shapes = [i.name for i in needed], [arrays[i.name].shape for i in needed]
    kind, gradient = ("metric" if info.is_metric else "loss"), "".join(f"[{n}]" for n in shapes[0])
    declared = [declaration(name, array, real=name not in whole) for name, array in arrays.items()]
    # plain arrays where there is an entry for them: two inputs of one number each, or of one batch; rows with a class each
    two = len(needed) == 2 and not info.is_metric and not any(i.kind == "offsets" for i in info.inputs)
    if two and not info.per_row and not whole:
        declared.append(f"    double value, gradient{gradient};")
        call = f"libloss_call_f64({kind}, LIBLOSS_MEAN, {shapes[0][0]}, {names[0]}, {names[1]},\n            &value, gradient)"
    elif two and info.per_row and needed[1].kind == "class":
        declared.append(f"    double value, gradient{gradient};")
        call = (f"libloss_rows_f64_i64({kind}, LIBLOSS_MEAN, {', '.join(map(str, shapes[0]))}, {names[0]}[0],\n"
                f"            {names[1]}, &value, gradient[0])")
    else:
        short_names = dict(zip(names, "abcdefgh", strict=False))
        declared += [TENSOR.format(short=short_names[name], data=name, ndim=len(shape), code=0 if name in whole else 2, shape=", ".join(map(str, shape)))
                     for name, shape in zip(names, shapes, strict=True)]
        places = {i.name: k for k, i in enumerate(info.inputs)}
        at = ", ".join(f"{f'[{places[name]}] = ' if places[name] != k else ''}&{short_names[name]}" for k, name in enumerate(names))
        if info.is_metric:
            declared.append("    double value;")
        else:
            declared += [f"    double value, gradient{gradient};", f"    libloss_tensor g = {short_names[names[0]]};", "    g.data = gradient;"]
        declared += [f"    libloss_args args = {{ .struct_size = sizeof args, .input = {{ {at} }},",
                     f"        .value = &value{'' if info.is_metric else ', .gradient = { &g }'} }};"]
        call = f"libloss_eval({kind}, &args)"
    return C.format(declared="\n".join(declared), kind=kind, spec=info.name + setting(info)[1], call=call, value=f"{value:.6g}")
