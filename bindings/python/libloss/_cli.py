"""The command ``libloss``: list, show NAME, eval SPEC PREDICTION TARGET, gallery DIR, demo, config."""

from __future__ import annotations

import argparse
import json
import os
import sys
import textwrap
from typing import Any

import numpy as np

import libloss
from libloss import _core
from libloss._texts import INSIGHTS


def _list(options: argparse.Namespace) -> None:
    infos = [libloss.info(name) for name in libloss.losses()] + [libloss.metrics.info(name) for name in libloss.metrics.metrics()]
    if options.json:
        print(json.dumps([{"name": i.name, "title": i.title, "family": i.family, "aliases": i.aliases, "formula": i.formula} for i in infos], indent=1))
        return
    for i in infos:
        print(f"{i.name:34} {i.family:12} {i.title}")


def _show(options: argparse.Namespace) -> None:
    i = _core.describe(_core.create(options.name))
    print(f"{i.title}\n")
    if i.name in INSIGHTS:  # a sum has none
        print(f"{textwrap.fill(INSIGHTS[i.name], 100)}\n")
    if i.formula:
        print(f"    {i.formula}\n")
    for x in i.inputs:
        print(f"input      {x.name}: {x.description}{' (optional)' if x.optional else ''}")
    for p in i.parameters:
        print(f"parameter  {p.name} = {p.default}: {p.doc}; {p.range}{'; learnable' if p.learnable else ''}")
    if i.is_metric:
        print("           a metric: it has no gradient")
    elif i.citation:
        print(f"claims     {', '.join(sorted(i.claims)) or 'none'}")
        for dtype, bound in i.bound_ulp.items():
            print(f"accuracy   {dtype}: value, gradient, Hessian within {', '.join(f'{b:g}' for b in bound)} ULP")
    if i.aliases:
        print(f"aliases    {', '.join(i.aliases)}")
    if i.citation:
        print(f"reference  {i.citation}")


def _load(path: str | None) -> Any:
    """The array of a .npy file; None of None."""
    if path is None:
        return None
    try:
        array = np.load(path)
    except (EOFError, ValueError) as problem:
        with open(path, "rb") as file:
            why = f": {problem}" if file.read(6) == b"\x93NUMPY" else ""
        raise libloss.ArgumentError(f"{path} is no .npy file{why}") from problem
    if not isinstance(array, np.ndarray):
        raise libloss.ArgumentError(f"{path} is an archive of several arrays; one .npy file is needed")
    return array


def _with(loss: Any, settings: list[tuple[str, str]]) -> Any:
    """A loss or metric with further parameters, given as text."""
    if settings and loss.name == "sum":
        raise libloss.ArgumentError("parameters belong to the terms of a sum: write them into its spec")
    for name, value in settings:
        loss = loss.replace(**{name: type(loss)(f"{loss.name}({name}={value})").parameters[name]})
    return loss


def _print(value: Any) -> None:
    """A number that reads back as itself, or one row of them per line."""
    if isinstance(value, float):
        print(repr(value))
    else:
        np.savetxt(sys.stdout, value.reshape(-1, value.shape[-1] if value.ndim > 1 else 1), fmt="%.17g")


def _eval(options: argparse.Namespace) -> None:
    weight = _load(options.weight)
    if _core.describe(_core.create(options.spec)).is_metric:
        metric = libloss.metrics.Metric(options.spec)
        files = {i.name for i in metric.info.inputs}
        metric = _with(metric, [(name, value) for name, value in options.settings if name not in files])
        inputs = {"prediction": _load(options.prediction), "target": _load(options.target), "weight": weight}
        inputs |= {name: _load(path) for name, path in options.settings if name in files}
        if options.grad_out:
            metric.grad(**inputs)
        _print(metric(**inputs))
        return
    loss = _with(libloss.Loss(options.spec), options.settings)
    prediction, target = _load(options.prediction), _load(options.target)
    if options.grad_out:
        value, gradient = loss.value_and_grad(prediction, target, weight=weight, reduction=options.reduction)
        np.save(options.grad_out, gradient)
    else:
        value = loss(prediction, target, weight=weight, reduction=options.reduction)
    _print(value)


def _demo(options: argparse.Namespace) -> None:
    from libloss import _demo

    _demo.main(options.folder)


def _gallery(options: argparse.Namespace) -> None:
    from libloss import _gallery

    print(f"{_gallery.write(options.folder)}: open it in a browser")


def _settings(parser: argparse.ArgumentParser, rest: list[str]) -> list[tuple[str, str]]:
    """``--delta 2`` and ``--delta=2``."""
    settings = []
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        if not name.startswith("--") or not (equals or rest):
            parser.error(f"unrecognized argument: {name}")
        settings.append((name[2:].replace("-", "_"), value if equals else rest.pop(0)))
    return settings


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 done, 1 refused (the message says what), 2 wrong usage."""
    parser = argparse.ArgumentParser(prog="libloss", description="Loss functions: value, gradient and curvature.")
    parser.add_argument("--version", action="version", version=libloss.__version__)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("list", help="all losses and metrics")
    command.add_argument("--json", action="store_true")
    command.set_defaults(run=_list)
    command = commands.add_parser("show", help="one loss or metric: formula, parameters, claims, accuracy")
    command.add_argument("name")
    command.set_defaults(run=_show)
    command = commands.add_parser("eval", help="the value of a loss or metric on two .npy files", allow_abbrev=False,
                                  usage="libloss eval SPEC PREDICTION TARGET [--weight FILE] [--reduction NAME] [--grad-out FILE] "
                                        "[--PARAMETER VALUE ...] [--INPUT FILE ...]",
                                  epilog="libloss eval huber:delta=2 p.npy t.npy, or: libloss eval huber p.npy t.npy --delta 2")
    command.add_argument("spec", help="such as huber:delta=2")
    command.add_argument("prediction", help="a .npy file")
    command.add_argument("target", help="a .npy file")
    command.add_argument("--weight", metavar="FILE", help="a .npy file; 0 means not there")
    command.add_argument("--reduction", default="mean", choices=["mean", "sum", "none", "weighted_mean", "size_mean", "batch_mean"])
    command.add_argument("--grad-out", metavar="FILE", help="write the gradient to this .npy file")
    command.set_defaults(run=_eval, settings=[])
    command = commands.add_parser("gallery", help="a folder of pages about all losses and metrics, for a browser",
                                  epilog="One page per loss and metric, an index with search and filters, and a short guide. No server and no "
                                         "network are needed. Pages of an earlier gallery are overwritten, other files never.")
    command.add_argument("folder", metavar="DIR", help="where the pages go; index.html is the first")
    command.set_defaults(run=_gallery)
    command = commands.add_parser("demo", help="the story of losses with numbers, and one picture")
    command.add_argument("folder", nargs="?", default=".", help="where losses.png goes")
    command.set_defaults(run=_demo)
    command = commands.add_parser("config", help="version, instruction set, compiler")
    command.set_defaults(run=lambda _: libloss.show_config())
    options, rest = parser.parse_known_args(arguments)
    if options.run is _eval:
        options.settings = _settings(parser, rest)
    elif rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    try:
        options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # nobody reads on: as head does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        return 130
    except OSError as problem:
        print(f"libloss: {problem.filename}: {problem.strerror}" if problem.filename else f"libloss: {problem}", file=sys.stderr)
        return 1
    except (libloss.Error, TypeError) as problem:
        print(f"libloss: {problem}", file=sys.stderr)
        return 1
    return 0
