"""The command ``libloss``: list, show NAME, eval SPEC PREDICTION TARGET, demo, config."""

from __future__ import annotations

import argparse
import json
import sys

import numpy as np

import libloss
from libloss import _core


def _list(options: argparse.Namespace) -> None:
    infos = [libloss.info(name) for name in libloss.losses()] + [libloss.metrics.info(name) for name in libloss.metrics.metrics()]
    if options.json:
        print(json.dumps([{"name": i.name, "title": i.title, "family": i.family, "aliases": i.aliases, "formula": i.formula} for i in infos], indent=1))
        return
    for i in infos:
        print(f"{i.name:34} {i.family:12} {i.title}")


def _show(options: argparse.Namespace) -> None:
    i = _core.describe(_core.create(options.name))
    print(f"{i.title}\n\n    {i.formula}\n")
    for x in i.inputs:
        print(f"input      {x.name}: {x.description}{' (optional)' if x.optional else ''}")
    for p in i.parameters:
        print(f"parameter  {p.name} = {p.default}: {p.doc} ({p.range})")
    if i.is_metric:
        print("           a metric: it counts, and has no gradient")
    else:
        print(f"claims     {', '.join(sorted(i.claims)) or 'none'}")
    for dtype, bound in () if i.is_metric else i.bound_ulp.items():
        print(f"accuracy   {dtype}: value, gradient, Hessian within {', '.join(f'{b:g}' for b in bound)} ULP")
    if i.aliases:
        print(f"aliases    {', '.join(i.aliases)}")
    print(f"reference  {i.citation}")


def _eval_metric(options: argparse.Namespace) -> None:
    metric = libloss.metrics.Metric(options.spec)
    inputs = {"prediction": np.load(options.prediction), "target": np.load(options.target)}
    if options.grad_out:
        metric.grad(**inputs)
    value = metric(**inputs, weight=np.load(options.weight) if options.weight else None)
    if isinstance(value, float):
        print(repr(value))
    else:
        np.savetxt(sys.stdout, np.atleast_1d(value), fmt="%.17g")


def _eval(options: argparse.Namespace) -> None:
    if _core.describe(_core.create(options.spec)).is_metric:
        _eval_metric(options)
        return
    loss = libloss.Loss(options.spec)
    prediction, target = np.load(options.prediction), np.load(options.target)
    weight = np.load(options.weight) if options.weight else None
    if options.reduction == "none":
        np.savetxt(sys.stdout, np.atleast_1d(loss(prediction, target, weight=weight, reduction="none")), fmt="%.17g")
    else:
        print(repr(loss(prediction, target, weight=weight, reduction=options.reduction)))
    if options.grad_out:
        np.save(options.grad_out, loss.grad(prediction, target, weight=weight, reduction=options.reduction))


def _demo(options: argparse.Namespace) -> None:
    from libloss import _demo

    _demo.main(options.folder)


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
    command = commands.add_parser("eval", help="the value of a loss or metric on two .npy files")
    command.add_argument("spec", help="such as huber:delta=2")
    command.add_argument("prediction")
    command.add_argument("target")
    command.add_argument("--weight", metavar="FILE")
    command.add_argument("--reduction", default="mean", choices=["mean", "sum", "none", "weighted_mean", "size_mean", "batch_mean"])
    command.add_argument("--grad-out", metavar="FILE", help="write the gradient to this .npy file")
    command.set_defaults(run=_eval)
    command = commands.add_parser("demo", help="the story of losses with numbers, and one picture")
    command.add_argument("folder", nargs="?", default=".", help="where losses.png goes")
    command.set_defaults(run=_demo)
    command = commands.add_parser("config", help="version, instruction set, compiler")
    command.set_defaults(run=lambda _: libloss.show_config())
    options = parser.parse_args(arguments)
    try:
        options.run(options)
    except (libloss.Error, OSError) as problem:
        print(f"libloss: {problem}", file=sys.stderr)
        return 1
    return 0
