"""The command ``libloss eval``: losses and metrics of what lies in files, in one pass, by groups, interrupted and resumed."""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from . import _core, _state
from ._call import LABELS
from ._core import create, describe
from ._errors import ArgumentError, Error
from ._files import Arrays, Need, Place, Source, replacing, split, suffix, told
from ._loss import Loss
from ._metrics import Metric
from ._progress import Interrupt, Progress
from ._running import Key, Measure, Running, Whole, taken, undivided
from ._tables import Table
from ._total import Total

TABLES, ARRAYS = (".csv", ".parquet"), (".npy", ".npz")
USAGE = """libloss eval LOSS ... FILE ... [--INPUT COLUMNS|FILE ...] [--PARAMETER VALUE ...]
                    [--group-by COLUMNS] [--reduction NAME] [--json] [--resume] ..."""
HELP = """
Losses and metrics are specs such as huber:delta=2; where there is one, --delta 2 sets a parameter. Names that end in .npy, .csv or
.parquet are files; "--" before the files ends all doubt.

Each .npy file is an input, in order (prediction, then target) or by name (--weight w.npy). Tables are read one after the other, and
their columns are the inputs: --prediction score --target y --weight w; without an option, an input is the column of its own name. An
input of rows is several columns, a,b,c, or one whose cells are lists. Nulls, empty cells and weights of 0 are not there. Words are class
indices in the order of --class-names, or of the columns of the prediction.

  libloss eval huber:delta=2 p.npy t.npy
  libloss eval squared_error mae data.parquet --prediction score --target y --group-by country
  libloss eval cross_entropy part-*.csv --prediction cat,dog --target species --json

Sums are exact, so that no result depends on how the data is cut. Ctrl-C leaves a state file; the same command with --resume goes on
from it to the same bits, with other --chunk, --reduction and --json if you like.
"""


def add_to(commands: Any) -> None:
    """The command's parser; losses, files, inputs and parameters are left to ``run``, for their names depend on each other."""
    command = commands.add_parser("eval", help="losses and metrics of what lies in .npy, .csv or .parquet files", allow_abbrev=False, usage=USAGE,
                                  epilog=HELP, formatter_class=argparse.RawDescriptionHelpFormatter)
    command.add_argument("--reduction", default="mean", choices=[*_core.REDUCTIONS])
    command.add_argument("--group-by", metavar="COLUMNS", help="a result for each value of a column, or of several; beside .npy files, of a .npy file")
    command.add_argument("--max-groups", type=_count, default=10_000, metavar="N",
                         help="refuse more; a group takes 1.5 kB for each loss (default: %(default)s)")
    command.add_argument("--class-names", metavar="NAMES", help="what the class indices of a column of words are: no,yes")
    command.add_argument("--chunk", type=_count, metavar="ROWS", help="rows in memory at a time (default: some 16 MB)")
    command.add_argument("--whole", action="store_true", help="all rows in memory at once, for what does not add up, such as roc_auc")
    command.add_argument("--json", action="store_true", help="results as JSON, with sums and counts")
    command.add_argument("--state", metavar="FILE", help="what Ctrl-C leaves (default: libloss-....state, another for every run)")
    command.add_argument("--resume", action="store_true", help="go on from the state file")
    command.add_argument("--grad-out", metavar="FILE", help="write the gradient of one loss to this .npy file")
    command.set_defaults(run=run, refuse=command.error)


def _count(text: str) -> int:
    if (number := int(text)) < 1:
        raise ValueError
    return number


# ---- what is asked for ----


class Words(NamedTuple):
    """What the parser leaves, sorted."""

    specs: list[str]
    files: list[str]
    settings: dict[str, str]  # of inputs and parameters


def _sort(rest: list[str], options: argparse.Namespace) -> Words:
    mark = rest.index("--") if "--" in rest else len(rest)
    words, settings, left = [], {}, iter(rest[:mark])
    for word in left:
        if not word.startswith("--"):
            words.append(word)
            continue
        name, equals, value = word[2:].partition("=")
        if not equals and (value := next(left, "")) == "":
            options.refuse(f"--{name} needs a value")
        settings[name.replace("-", "_")] = value
    files = rest[mark + 1 :]
    if not files:
        files = [w for w in words[1:] if suffix(w) in (*TABLES, *ARRAYS) or ("." in w and os.path.exists(w))]
        words = [w for k, w in enumerate(words) if not k or w not in files]
    if not words:
        options.refuse("a loss is needed, and files")
    return Words(words, files, settings)


def _measures(specs: Sequence[str], settings: dict[str, str]) -> list[Measure]:
    """Losses and metrics; what is left of ``settings`` names inputs."""
    measures: list[Measure] = [Metric(spec) if describe(create(spec)).is_metric else Loss(spec) for spec in specs]
    inputs = {i.name for m in measures for i in m.info.inputs} | {"weight"}
    for name in [name for name in settings if name not in inputs]:
        if len(measures) > 1:
            raise ArgumentError(f"--{name}: of several losses, parameters stand in the specs, as in {specs[0]}:{name}={settings[name]}")
        if measures[0].name == "sum":
            raise ArgumentError("parameters belong to the terms of a sum: write them into its spec")
        kind, base = type(measures[0]), measures[0].name
        measures = [measures[0].replace(**{name: kind(f"{base}({name}={settings.pop(name)})").parameters[name]})]
    return measures


def _needs(measures: Sequence[Measure], words: Words, tables: bool) -> list[Need]:
    """Where every input comes from: the files or columns that are named, else files in order or columns of the same name."""
    takers: dict[str, list[Any]] = {"weight": []}
    for m in measures:
        for i in m.info.inputs:
            takers.setdefault(i.name, []).append((m, i))
    shared = {name for name, by in takers.items() if any(i.per in ("class", "other") for _, i in by)}
    required = [name for name, by in takers.items() if any(not i.optional for _, i in by)]
    unnamed = [name for name in required if name not in words.settings]
    if not tables and len(words.files) > len(unnamed):
        raise ArgumentError(f"{len(words.files)} files are too many for {', '.join(m.name for m in measures)}, whose inputs are {', '.join(required)}; "
                            "what is optional goes by name")
    where = dict(zip(unnamed, words.files, strict=False)) if not tables else {name: name for name in unnamed if name not in shared}
    where |= words.settings
    if missing := [name for name in required if name not in where]:
        user = next(m for m, i in takers[missing[0]] if not i.optional)
        raise ArgumentError(f"{user.name} needs {' and '.join(missing)}: a .npy file{'' if tables else ', or a table with such a column'}")
    labels = {name for name, by in takers.items() if any(i.kind in LABELS or (name == "prediction" and "threshold" in m.parameters) for m, i in by)}
    return [Need(name, source, name in labels, name in shared) for name, source in where.items()]


def _source(words: Words, needs: Sequence[Need], options: argparse.Namespace) -> tuple[Source, list[str]]:
    """The reader, and the names of what is grouped by."""
    if not any(suffix(path) in TABLES for path in words.files):
        keys = [options.group_by] if options.group_by else []
        return Arrays(needs, keys), keys
    if stray := [path for path in words.files if suffix(path) not in TABLES]:
        raise ArgumentError(f"{stray[0]} stands beside a table, whose columns are the inputs")
    keys = split(options.group_by or "")
    return Table(words.files, needs, keys, split(options.class_names or "")), keys


# ---- the command ----


def run(options: argparse.Namespace) -> int:
    """Evaluates and prints. The exit code: 0, or 130 after Ctrl-C."""
    words = _sort(options.rest, options)
    measures = _measures(words.specs, words.settings)
    tables = any(suffix(path) in TABLES for path in words.files)
    needs = _needs(measures, words, tables)
    data, keys = _source(words, needs, options)
    why = [undivided(m, [n.name for n in needs], data.is_flat("prediction")) for m in measures]
    if any(why) and tables and not options.whole:
        raise ArgumentError(f"{next(filter(None, why))}: --whole takes all rows into memory at once")
    whole = options.whole or any(why) or bool(options.grad_out)
    if whole and options.resume:
        raise ArgumentError("--resume is for data that is read in pieces, and here all rows are taken at once")
    if options.grad_out or options.reduction == "none":
        if len(measures) > 1 or keys or options.json or options.resume:
            raise ArgumentError(f"{'--grad-out' if options.grad_out else '--reduction none'} is for one loss, without groups, JSON and --resume")
        _each(measures[0], data, options, whole)
        return 0
    running = Running(measures, [bool(w) for w in why], data, reduction=options.reduction, keys=keys, most=options.max_groups)
    asked = _state.identity(data.paths, losses=[str(m) for m in measures], inputs=[*map(list, needs)], group_by=options.group_by,
                            class_names=options.class_names)
    state = options.state or _state.name(asked)
    if options.resume:
        running.load(_state.read(state, asked))
    if not _go_on(running, data, options, whole):
        _state.write(state, asked, running.dump())
        print(f"libloss: stopped after {running.place.row} rows, {data.done(running.place):.0%}; the same command with --resume goes on from {state}",
              file=sys.stderr)
        return 130
    if options.json:
        _print_json(running, measures, keys, options.reduction)
    elif len(measures) == 1 and not keys:
        _print(_value(running.groups[()][0], options.reduction))
    else:
        _print_table(running, measures, keys, options.reduction)
    if running.note:
        print(f"libloss: {running.note}", file=sys.stderr)
    if options.resume:
        os.unlink(state)
    return 0


def _go_on(running: Running, data: Source, options: argparse.Namespace, whole: bool) -> bool:
    """To the end, or to the end of the piece in which Ctrl-C comes; of one piece there is nothing to keep."""
    progress = Progress()
    with Interrupt() if not whole else contextlib.nullcontext() as interrupt:
        try:
            for piece in data.pieces(running.place, options.chunk, whole=whole):
                running.add(piece)
                progress.show(data.done(running.place))
                if interrupt and data.done(running.place) < 1:
                    return False
        finally:
            progress.clear()
    return True


def _each(measure: Measure, data: Source, options: argparse.Namespace, whole: bool) -> None:
    """Every value, as the pieces come; or the gradient, from one piece, for only the end knows by what a mean divides."""
    for piece in data.pieces(Place(), options.chunk, whole=whole):
        inputs = taken(measure, {**piece.inputs, **data.shared})
        try:
            if isinstance(measure, Metric):
                _print((measure.grad if options.grad_out else measure)(**inputs))
            elif options.grad_out:
                value, gradient = measure.value_and_grad(**inputs, reduction=options.reduction)
                with replacing(options.grad_out) as file:
                    np.save(file, gradient)
                _print(value)
            else:
                _print(measure(**inputs, reduction="none"))
        except Error as problem:
            raise told(problem, data.columns, piece.start.row, piece.file) from problem.__cause__


# ---- results ----


def _value(total: Total | Whole, reduction: str) -> Any:
    return total.reduce(reduction) if isinstance(total, Total) and isinstance(total.loss, Loss) else total.value


def _sorted(running: Running) -> list[tuple[Key, list[Total | Whole]]]:
    """By key: numbers, then text, then null."""
    return sorted(running.groups.items(), key=lambda group: [(2, "") if v is None else (1, v) if isinstance(v, str) else (0, v) for v in group[0]])


def _print(value: Any) -> None:
    """A number that reads back as itself, or one row of them per line."""
    if isinstance(value, float):
        print(repr(value))
    else:
        np.savetxt(sys.stdout, value.reshape(-1, value.shape[-1] if value.ndim > 1 else 1), fmt="%.17g")


def _print_table(running: Running, measures: Sequence[Measure], keys: Sequence[str], reduction: str) -> None:
    """One line per group, or per loss."""

    def shown(x: Any) -> str:
        return repr(x) if isinstance(x, float) else json.dumps(x.tolist()) if isinstance(x, np.ndarray) else "null" if x is None else str(x)

    def count(totals: Sequence[Total | Whole]) -> Any:
        return max((t.count for t in totals if isinstance(t, Total)), default="-")

    if keys:
        lines = [[*keys, *map(str, measures), "count"]]
        lines += [[*map(shown, key), *(shown(_value(t, reduction)) for t in totals), shown(count(totals))] for key, totals in _sorted(running)]
    else:
        lines = [["loss", reduction, "count"]]
        lines += [[str(m), shown(_value(t, reduction)), shown(count([t]))] for m, t in zip(measures, running.groups[()], strict=True)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _print_json(running: Running, measures: Sequence[Measure], keys: Sequence[str], reduction: str) -> None:
    """One record per group and loss. Numbers that JSON has not are text, which float() reads."""

    def plain(x: Any) -> Any:
        if isinstance(x, (list, np.ndarray)):
            return [plain(y) for y in (x.tolist() if isinstance(x, np.ndarray) else x)]
        return x if math.isfinite(x) else repr(x)

    results = []
    for key, totals in _sorted(running):
        for measure, total in zip(measures, totals, strict=True):
            record: dict[str, Any] = {"group": dict(zip(keys, key, strict=True))} if keys else {}
            record |= {"loss" if isinstance(measure, Loss) else "metric": str(measure), "value": plain(_value(total, reduction))}
            if isinstance(total, Total):
                record["count"] = total.count
                if isinstance(measure, Loss):
                    record |= {"sum": plain(total.sum), "weight_sum": plain(total.weight_sum)}
            results.append(record)
    print(json.dumps({"rows": running.place.row, "reduction": reduction, "results": results}, indent=1, ensure_ascii=False))
