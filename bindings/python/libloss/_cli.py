"""The command ``libloss``: list, show NAME, eval LOSS ... FILE ..., gallery DIR, demo, config."""

from __future__ import annotations

import argparse
import json
import os
import sys
import textwrap

import libloss
from libloss import _core, _eval
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


def _demo(options: argparse.Namespace) -> None:
    from libloss import _demo

    _demo.main(options.folder)


def _gallery(options: argparse.Namespace) -> None:
    from libloss import _gallery

    print(f"{_gallery.write(options.folder)}: open it in a browser")


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
    _eval.add_to(commands)
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
    arguments = sys.argv[1:] if arguments is None else arguments
    files = arguments[arguments.index("--") :] if "--" in arguments else []  # argparse would drop the mark
    options, rest = parser.parse_known_args(arguments[: len(arguments) - len(files)])
    options.rest = [*rest, *files]
    if options.rest and options.run is not _eval.run:
        parser.error(f"unrecognized arguments: {' '.join(options.rest)}")
    code = 0
    try:
        code = options.run(options) or 0
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
    return code
