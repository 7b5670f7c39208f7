"""Inputs in files, read in pieces: tables, whose columns are the inputs. Arrow reads them."""

from __future__ import annotations

import importlib
import itertools
import os
import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import IO, Any

import numpy as np

from ._arrays import plain
from ._errors import ArgumentError, DTypeError, Error
from ._files import NUMBERS, ArrayFile, Keys, Need, Piece, Place, readable, split, suffix, told

BYTES = 1 << 24  # of a .csv in a piece, unless the caller says how many rows
LONGEST = 10_000  # lines of a quoted cell
ABSENT = ["", "NA", "N/A", "NULL", "null", "None"]  # cells of a .csv that are not there; "nan" is a NaN


class Table:
    """.csv or .parquet files, one after the other, whose columns are the inputs.

    ``classes``: what class indices stand for, where a column holds words; by default the names of the columns that are the prediction.
    """

    def __init__(self, paths: Sequence[str], needs: Sequence[Need], keys: Sequence[str], classes: Sequence[str]) -> None:
        shared = [n for n in needs if n.shared]
        self.paths = [*paths, *(n.source for n in shared)]
        self.shared: dict[str, Any] = {n.name: ArrayFile(n.source).rows() for n in shared}
        self._needs, self._by = [n for n in needs if not n.shared], list(keys)
        self.columns = {n.name: tuple(split(n.source)) for n in self._needs}
        prediction = self.columns.get("prediction", ())
        self._classes = [*classes] or [*(prediction if len(prediction) > 1 else ())]
        inputs = [(n, c) for n in self._needs for c in self.columns[n.name]]
        wanted = [*((n.name, c) for n, c in inputs), *(("group-by", c) for c in keys)]
        columns = list(dict.fromkeys(c for _, c in wanted))
        labels, only_keys = {c for n, c in inputs if n.labels}, {*keys} - {c for _, c in inputs}
        self._files = [_Parquet(path, columns) if suffix(path) == ".parquet" else _Csv(path, columns, labels, only_keys) for path in paths]
        for file, (name, column) in itertools.product(self._files, wanted):
            if (times := file.names.count(column)) != 1:
                how = f"{times} columns {column!r}" if times else f"no column {column!r}{_nearest(column, file.names, name)}"
                raise ArgumentError(f"{name}: {file.path} has {how}")
        sizes = [file.size for file in self._files]
        self._before, self._size = [0, *itertools.accumulate(sizes)], max(1, sum(sizes))

    def pieces(self, start: Place, rows: int | None, *, whole: bool = False) -> Iterator[Piece]:
        row, tables = start.row, []
        for k, file in enumerate(self._files):
            if k < start.file:
                continue
            for table, offset in file.tables(start.offset if k == start.file else 0, rows):
                begin, row = row, row + len(table)
                if whole:
                    tables.append(table)
                else:
                    yield self._piece(table, begin, Place(row, k, offset), file.path if len(self._files) > 1 else "")
        if whole:
            yield self._piece(_pyarrow().concat_tables([self._files[0].empty(), *tables], promote_options="permissive"), 0, Place(row, len(self._files)), "")

    def _piece(self, table: Any, row: int, end: Place, file: str) -> Piece:
        try:
            inputs = {n.name: self._input(table, n) for n in self._needs}
        except Error as problem:
            raise told(problem, self.columns, row, file) from problem.__cause__
        return Piece(inputs, [_keys(table[column], column) for column in self._by], Place(row), end, file)

    def _input(self, table: Any, need: Need) -> Any:
        columns = self.columns[need.name]
        if len(columns) > 1:
            p = plain(table.select(columns), need.name)
        else:
            column = table[columns[0]]
            p = plain(self._indices(column, need) if need.labels else column, need.name)
        return p.array if p.mask is None else np.ma.MaskedArray(p.array, p.mask)

    def _indices(self, column: Any, need: Need) -> Any:
        """Words as class indices; everything else as it is."""
        pyarrow = _pyarrow()
        types, compute = pyarrow.types, importlib.import_module("pyarrow.compute")
        if types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if not (types.is_string(column.type) or types.is_large_string(column.type)):
            return column
        if not self._classes:
            raise DTypeError(f"{need.name} has dtype {column.type}: words are class indices once --class-names no,yes says in which order")
        words = compute.if_else(compute.equal(column, ""), None, column)
        indices = compute.index_in(words, value_set=pyarrow.array(self._classes, column.type), skip_nulls=True)
        unknown = compute.and_(compute.is_valid(words), compute.is_null(indices))
        if (row := compute.index(unknown, True).as_py()) >= 0:
            raise ArgumentError(f"{need.name}[{row}] = {column[row].as_py()!r} is none of the classes {', '.join(self._classes)}")
        return indices

    def done(self, place: Place) -> float:
        return (self._before[place.file] + place.offset) / self._size if place.file < len(self._files) else 1.0

    def is_flat(self, name: str) -> bool:
        columns = self.columns.get(name, ())
        return len(columns) == 1 and not self._files[0].is_list(columns[0])


def _nearest(column: str, names: Sequence[str], argument: str) -> str:
    near = get_close_matches(column, names) or [n for n in names if n.lower() == column.lower()]
    if near:
        return f"; did you mean {', '.join(near)}?"
    shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
    return f"; it has {shown}: --{argument.replace('_', '-')} names one"


def _keys(column: Any, name: str) -> Keys:
    pyarrow = _pyarrow()
    if pyarrow.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    try:
        whole = pyarrow.concat_arrays([pyarrow.array([], column.type), *column.chunks]).dictionary_encode(null_encoding="encode")
    except pyarrow.ArrowException as problem:
        raise DTypeError(f"group-by: column {name!r} has dtype {column.type}: {problem}") from problem
    return Keys(np.asarray(whole.indices), readable(whole.dictionary.to_pylist()))


def _pyarrow() -> Any:
    try:
        return importlib.import_module("pyarrow")
    except ModuleNotFoundError:
        raise ArgumentError("tables in files are read by pyarrow, which is not installed: pip install 'libloss[files]'") from None


class _Parquet:
    """A .parquet file; offsets are rows."""

    def __init__(self, path: str, columns: Sequence[str]) -> None:
        pyarrow = _pyarrow()
        self.path = path
        os.stat(path)  # whose errors say more
        try:
            self._file = importlib.import_module("pyarrow.parquet").ParquetFile(path, memory_map=True)
        except (pyarrow.ArrowException, OSError, ValueError) as problem:
            raise ArgumentError(f"{path} is no .parquet file: {problem}") from problem
        self._schema, self.size = self._file.schema_arrow, self._file.metadata.num_rows
        self.names = list(self._schema.names)
        self._wanted = [*columns]

    def is_list(self, column: str) -> bool:
        """Whether a cell is a row."""
        return "list" in str(self._schema.field(column).type)

    def _rows(self) -> int:
        """How many rows hold about ``NUMBERS`` of the numbers that are wanted: a cell may hold many."""
        if not self.size:
            return 1
        first = self._file.metadata.row_group(0)
        cells = [first.column(k) for k in range(first.num_columns)]
        numbers = sum(c.num_values for c in cells if c.path_in_schema.partition(".")[0] in self._wanted)
        return max(1, int(NUMBERS * first.num_rows / max(1, numbers)))

    def tables(self, offset: int, rows: int | None) -> Iterator[tuple[Any, int]]:
        """Tables of the rows from an offset on, each with the offset where it ends."""
        pyarrow, rows = _pyarrow(), rows or self._rows()
        ends = list(itertools.accumulate(self._file.metadata.row_group(k).num_rows for k in range(self._file.num_row_groups)))
        left = [k for k, end in enumerate(ends) if end > offset]
        at = ends[left[0] - 1] if left and left[0] else 0
        try:
            for batch in self._file.iter_batches(rows, row_groups=left, columns=self._wanted) if left else ():
                table = pyarrow.Table.from_batches([batch])[max(0, offset - at) :]
                at += len(batch)
                if len(table):
                    yield table, at
        except (pyarrow.ArrowException, OSError) as problem:
            raise ArgumentError(f"{self.path} can't be read after row {at}: {problem}") from problem

    def empty(self) -> Any:
        """No rows."""
        return self._schema.empty_table().select(self._wanted)


class _Csv:
    """A .csv file, whose first line names the columns; offsets are bytes.

    Numbers are float64, or flags; class indices are int64, or words; keys are text. Which of two is decided by the first lines.
    """

    def __init__(self, path: str, columns: Sequence[str], labels: set[str], keys: set[str]) -> None:
        self._arrow, self._csv = _pyarrow(), importlib.import_module("pyarrow.csv")
        self.path, self.size, self._single = path, os.stat(path).st_size, False
        with open(path, "rb") as file:
            self._header = self._lines(file, 1).rstrip(b"\r\n") + b"\n"
            self._start = file.tell()
            sample = self._lines(file, 1000)
        if not self._header.strip():
            raise ArgumentError(f"{path} is empty: its first line has to name the columns")
        try:
            self._header.decode()
        except UnicodeDecodeError as problem:
            raise ArgumentError(f"{path} is not in UTF-8: {problem}") from problem
        self._types: dict[str, Any] = {}
        self.names = self._parse(b"", 0, None).column_names
        self._single = len(self.names) == 1  # whose empty lines are cells that are not there
        self._wanted = [name for name in columns if self.names.count(name) == 1]
        self._types = {name: self._arrow.string() for name in keys}
        looks = self._parse(sample, self._start, self._wanted).schema
        self._types |= {name: self._type(looks.field(name).type, name in labels) for name in self._wanted if name not in keys}

    def is_list(self, column: str) -> bool:
        """Whether a cell is a row."""
        return False

    def _type(self, looks: Any, labels: bool) -> Any:
        types = self._arrow.types
        if types.is_boolean(looks) or (labels and types.is_string(looks)):
            return looks
        return self._arrow.int64() if labels and (types.is_integer(looks) or types.is_null(looks)) else self._arrow.float64()

    def _lines(self, file: IO[bytes], rows: int | None) -> bytes:
        """So many lines, or some megabytes of them, and the rest of a quoted cell."""
        block = b"".join(itertools.islice(file, rows) if rows else file.readlines(BYTES))
        if block.count(b'"') % 2 == 0:
            return block
        more: list[bytes] = []
        while line := file.readline():
            more.append(line)
            if line.count(b'"') % 2:
                return block + b"".join(more)
            if len(more) > LONGEST:
                break
        raise ArgumentError(f"{self.path}: a quoted cell has no end")

    def _parse(self, block: bytes, offset: int, columns: Sequence[str] | None) -> Any:
        try:
            return self._csv.read_csv(
                self._arrow.BufferReader(self._header + block), read_options=self._csv.ReadOptions(use_threads=False),
                parse_options=self._csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=not self._single),
                convert_options=self._csv.ConvertOptions(null_values=ABSENT, include_columns=columns, column_types=self._types))
        except self._arrow.ArrowInvalid as problem:
            where = re.search(r"(?:In CSV column #(\d+): )?(?:CSV parse error: )?Row #(\d+): (.*)", str(problem), re.S)
            if not where:
                raise ArgumentError(f"{self.path}: {problem}") from problem
            column = f" column {self.names[int(where[1])]!r}:" if where[1] else ""
            raise ArgumentError(f"{self.path}, line {self._line(offset) + int(where[2]) - 2}:{column} {where[3].removeprefix('CSV ')}") from problem

    def _line(self, offset: int) -> int:
        """The line, counted from 1, that begins at an offset."""
        line = 1
        with open(self.path, "rb") as file:
            while text := file.read(min(BYTES, offset - file.tell())):
                line += text.count(b"\n")
        return line

    def tables(self, offset: int, rows: int | None) -> Iterator[tuple[Any, int]]:
        """Tables of the rows from an offset on, each with the offset where it ends."""
        with open(self.path, "rb") as file:
            file.seek(offset or self._start)
            while block := self._lines(file, rows):
                at, offset = offset or self._start, file.tell()
                yield self._parse(block, at, self._wanted), offset

    def empty(self) -> Any:
        """No rows."""
        return self._parse(b"", 0, self._wanted)
