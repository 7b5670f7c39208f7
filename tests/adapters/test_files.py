"""libloss eval: the numbers are those of the arrays, for any cut; what is wrong with a file is said before anything is written."""

from __future__ import annotations

import json
import math
import os
import pathlib

import child
import libloss
import numpy as np
import pandas
import pyarrow as pa
import pytest
from libloss import _cli, _eval, _files, _progress
from pyarrow import csv, parquet
from sklearn import metrics as sk

ROWS = 1000
CLASSES = ["dog", "ant", "cat"]


def data():
    """Numbers of magnitudes that an ordinary sum loses, nulls, words, rows."""
    random = np.random.default_rng(3)
    frame = pandas.DataFrame({
        "score": random.normal(size=ROWS) * 10.0 ** random.integers(-9, 10, ROWS), "y": random.normal(size=ROWS), "w": random.integers(0, 4, ROWS) / 2,
        "country": np.array(["NA", "AT", "CH", 'a,"b"'])[random.integers(0, 4, ROWS)], "year": random.integers(2020, 2023, ROWS),
        "label": random.integers(0, 2, ROWS), "species": np.array(CLASSES)[random.integers(0, 3, ROWS)],
    })
    frame[CLASSES] = random.dirichlet(np.ones(3), size=ROWS)
    return frame


FRAME = data()
HOLES = FRAME.assign(y=FRAME["y"].where(np.arange(ROWS) % 7 != 3))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("files")
    for name in ("score", "y", "w", "label", "country", "year"):
        np.save(path / f"{name}.npy", FRAME[name].to_numpy(str if name == "country" else None))
    np.save(path / "rows.npy", FRAME[CLASSES].to_numpy())
    np.save(path / "fortran.npy", np.asfortranarray(FRAME[CLASSES].to_numpy()))
    np.save(path / "codes.npy", FRAME["species"].map(CLASSES.index).to_numpy())
    np.save(path / "back.npy", FRAME["species"].map(CLASSES.index).to_numpy()[::-1])
    table = pa.Table.from_pandas(FRAME).append_column("embedding", pa.array(list(FRAME[CLASSES].to_numpy())))
    parquet.write_table(table, path / "all.parquet", row_group_size=300)
    FRAME.to_csv(path / "all.csv", index=False)
    for first, last in ((0, 1), (1, 650), (650, ROWS)):
        parquet.write_table(table[first:last], path / f"part-{first}.parquet")
        FRAME[first:last].to_csv(path / f"part-{first}.csv", index=False)
    parquet.write_table(pa.Table.from_pandas(HOLES), path / "holes.parquet")
    HOLES.to_csv(path / "holes.csv", index=False)
    return path


@pytest.fixture
def here(folder, monkeypatch):
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def command(here, capsys):
    def call(line, *more, code=0):
        assert _cli.main(["eval", *line.split(), *more]) == code, capsys.readouterr().err
        out, err = capsys.readouterr()
        assert "Traceback" not in err and not (code == 1 and out)
        return err if code else out

    return call


def records(text):
    """Of the JSON output: by group and loss."""
    parsed = json.loads(text)
    return {(*r.get("group", {}).values(), r.get("loss") or r.get("metric")): r for r in parsed["results"]}


BOTH = "squared_error huber:delta=0.5"
INPUTS = " --prediction score --target y --weight w"


# ---- the numbers ----


@pytest.mark.parametrize("line", [
    f"{BOTH} score.npy y.npy --weight w.npy", f"{BOTH} --weight=w.npy -- score.npy y.npy", f"--weight w.npy {BOTH} --target y.npy --prediction score.npy",
    f"{BOTH} all.parquet {INPUTS}", f"{BOTH} all.csv {INPUTS}", f"{BOTH} part-0.csv part-1.csv part-650.csv {INPUTS}",
    f"{BOTH} part-0.parquet part-1.parquet part-650.parquet {INPUTS}",
])  # fmt: skip
@pytest.mark.parametrize("chunk", ["", "--chunk 1", "--chunk 7", "--chunk 299", "--chunk 5000"])
def test_totals_are_exact_for_any_cut(command, line, chunk):
    got = records(command(f"--json {chunk} {line}"))
    for spec in BOTH.split():
        loss, w = libloss.Loss(spec), FRAME["w"].to_numpy()
        values = loss(FRAME["score"].to_numpy(), FRAME["y"].to_numpy(), reduction="none")
        # a weight is a small multiple of 1/2 and costs no bit: the sum of all products is exact
        want = math.fsum(np.repeat(values, (2 * w).astype(int))) / 2
        assert got[str(loss),]["sum"] == want
        assert got[str(loss),]["count"] == (w > 0).sum() and got[str(loss),]["weight_sum"] == w.sum()
        assert got[str(loss),]["value"] == pytest.approx(want / (w > 0).sum(), rel=1e-16)


def test_csv_numbers_are_those_of_python(command, here):
    texts = ["0.1000000000000000055511151231257827", "1e-320", "-0", "1e400", "123456789012345678901234567890", "2.2250738585072011e-308"]
    (here / "numbers.csv").write_text("prediction,target\n" + "".join(f"{t},0\n" for t in texts))
    got = command("absolute_error numbers.csv --reduction none").split()
    assert [float(g) for g in got] == [abs(float(t)) for t in texts]


def test_metrics(command):
    names = "smape r2 accuracy:threshold=0 recall:threshold=0"
    got = records(command(f"{names} all.csv --prediction score --target label --weight w --json --chunk 13"))
    p, t, w = FRAME["score"], FRAME["label"], FRAME["w"]
    assert got["accuracy(threshold=0)",]["value"] == pytest.approx(sk.accuracy_score(t, p > 0, sample_weight=w), rel=1e-15)
    assert got["recall(threshold=0)",]["value"] == pytest.approx(sk.recall_score(t, p > 0, sample_weight=w), rel=1e-15)
    assert got["r2",]["value"] == pytest.approx(sk.r2_score(t, p, sample_weight=w), rel=1e-12)


def test_reductions_are_chosen_at_the_end(command):
    for reduction in ("sum", "mean", "weighted_mean", "size_mean", "batch_mean"):
        want = libloss.huber(FRAME["score"], FRAME["y"], weight=FRAME["w"], reduction=reduction)
        assert float(command(f"huber all.csv {INPUTS} --reduction {reduction} --chunk 17")) == want


@pytest.mark.parametrize("line", ["rows.npy codes.npy", "fortran.npy codes.npy", "all.csv --prediction dog,ant,cat --target species",
                                  "all.parquet --prediction embedding --target species --class-names dog,ant,cat",
                                  'all.parquet --prediction "dog","ant","cat" --target species'])  # fmt: skip
def test_rows(command, line):
    got = records(command(f"categorical_cross_entropy accuracy {line} --json --chunk 11"))
    codes, rows = FRAME["species"].map(CLASSES.index), FRAME[CLASSES].to_numpy()
    assert got["accuracy",]["value"] == pytest.approx(sk.accuracy_score(codes, rows.argmax(1)), rel=1e-15)
    assert got["categorical_cross_entropy",]["value"] == pytest.approx(sk.log_loss(codes, rows), rel=1e-14)
    assert got["categorical_cross_entropy",]["value"] == libloss.categorical_cross_entropy(rows, codes.to_numpy())


def test_words_without_rows(command):
    got = command("confusion_matrix:classes=3 all.csv --prediction species --target species --class-names cat,ant,dog")
    counts = FRAME["species"].value_counts()
    assert got.split() == [str(counts[c] if c == d else 0) for c in ("cat", "ant", "dog") for d in ("cat", "ant", "dog")]


def test_class_weights_come_from_a_file(command, here):
    np.save(here / "class_weight.npy", [1.0, 2, 3])
    want = libloss.nll(np.log(FRAME[CLASSES].to_numpy()), FRAME["species"].map(CLASSES.index), class_weight=[1, 2, 3])
    np.save(here / "logs.npy", np.log(FRAME[CLASSES].to_numpy()))
    assert float(command("nll logs.npy codes.npy --class-weight class_weight.npy --chunk 10")) == want
    FRAME.assign(**{c: np.log(FRAME[c]) for c in CLASSES}).to_parquet(here / "logs.parquet")
    assert float(command("nll logs.parquet --prediction dog,ant,cat --target species --class-weight class_weight.npy --chunk 10")) == want


@pytest.mark.parametrize("loss", ["dice", "tversky", "rmse", "jaccard"])
def test_losses_of_a_batch_that_add_up(command, here, loss):
    np.save(here / "q.npy", FRAME["dog"])
    want = libloss.Loss(loss)(FRAME["dog"].to_numpy(), FRAME["label"].to_numpy().astype(float))
    for chunk in (3, 400, 1000):
        assert float(command(f"{loss} q.npy label.npy --chunk {chunk}")) == want


@pytest.mark.parametrize("file", ["holes.parquet", "holes.csv"])
def test_nulls_are_not_there(command, file):
    there = HOLES["y"].notna().to_numpy()
    got = records(command(f"huber r2 {file} --prediction score --target y --json --chunk 10"))
    assert got["huber",]["value"] == libloss.huber(FRAME["score"][there], FRAME["y"][there]) and got["huber",]["count"] == there.sum()
    assert got["r2",]["value"] == pytest.approx(sk.r2_score(FRAME["y"][there], FRAME["score"][there]), rel=1e-12)


def test_cells_of_a_csv(command, here):
    (here / "cells.csv").write_bytes(b'\xef\xbb\xbfprediction,"my, target",note\r\n1,2,"two\nlines"\r\n,2,\r\nNA,2,x\r\n3,null,x\r\n"5",2,""""')
    assert command("absolute_error cells.csv --target", '"my, target"', "--reduction", "sum", "--chunk", "1") == "4.0\n"
    (here / "one.csv").write_text("x\n1\n\n2\n")
    got = json.loads(command("squared_error one.csv --prediction x --target x --json"))
    assert got["rows"] == 3 and got["results"][0]["count"] == 2, "an empty line is an empty cell"
    for spelling in ("nan", "NaN", "-nan"):
        (here / "nan.csv").write_text(f"prediction,target\n1,2\n{spelling},2\n")
        assert command("mae nan.csv") == "nan\n", "nan is a number"
    (here / "words.csv").write_text("yes,no,answer\n0.5,0.5,no\n0.5,0.5,\n0.25,0.75,yes\n")
    got = records(command("categorical_cross_entropy accuracy words.csv --prediction no,yes --target answer --json"))
    assert got["accuracy",]["count"] == 2 and got["categorical_cross_entropy",]["sum"] == pytest.approx(-math.log(0.5 * 0.25), rel=1e-15)
    (here / "flags.csv").write_text("prediction,target\ntrue,1\nfalse,1\n")
    assert command("squared_error flags.csv") == "0.5\n"


# ---- groups ----


@pytest.mark.parametrize("line", ["all.csv", "all.parquet", "part-650.csv part-0.csv part-1.csv"])
def test_groups(command, line):
    got = records(command(f"{BOTH} mae {line} {INPUTS} --group-by country,year --json --chunk 37"))
    assert len(got) == 3 * 4 * 3
    for (country, year), group in FRAME.groupby(["country", "year"]):
        for loss in (*map(libloss.Loss, BOTH.split()), libloss.Loss("mae")):
            record = got[country, str(year) if "csv" in line else year, str(loss)]
            assert record["value"] == loss(group["score"], group["y"], weight=group["w"]) and record["count"] == (group["w"] > 0).sum()


def test_groups_of_arrays_and_as_text(command):
    lines = command("mae rmse score.npy y.npy --group-by country.npy").splitlines()
    assert lines[0].split() == ["country.npy", "absolute_error", "rmse", "count"] and [x.split()[0] for x in lines[1:]] == ["AT", "CH", "NA", 'a,"b"']
    for line in lines[1:]:
        group = FRAME[FRAME["country"] == line.split()[0]]
        assert float(line.split()[1]) == libloss.mae(group["score"], group["y"]) and int(line.split()[3]) == len(group)


def test_a_null_makes_a_group(command, here):
    table = {"prediction": [1.0, 2, 4, 5], "target": [0.0] * 4, "g": [2, None, 10, None], "f": [0.5, math.nan, 0.5, math.nan]}
    parquet.write_table(pa.table(table), here / "g.parquet")
    lines = command("mae g.parquet --group-by g --chunk 1").splitlines()
    assert lines == ["g     absolute_error  count", "2     1.0             1", "10    4.0             1", "null  3.5             2"]
    assert [r.get("group") for r in json.loads(command("mae g.parquet --group-by f --json --chunk 1"))["results"]] == [{"f": 0.5}, {"f": None}]


def test_too_many_groups(command):
    for file in ("all.csv", "all.parquet"):
        said = command(f"{BOTH} {file} {INPUTS} --group-by y --max-groups 99", code=1)
        assert "group-by: y makes more than 99 groups, of which each takes 3 kB: --max-groups N allows more" in said


# ---- what does not add up ----


def test_what_sorts_all_rows(command):
    want = sk.roc_auc_score(FRAME["label"], FRAME["score"])
    assert float(command("roc_auc score.npy label.npy")) == pytest.approx(want, rel=1e-14), "arrays are in memory if need be"
    said = command("mae roc_auc all.csv --prediction score --target label", code=1)
    assert "roc_auc on parts of the data do not add up: --whole takes all rows into memory" in said
    got = records(command("mae roc_auc part-0.csv part-1.csv part-650.csv --prediction score --target label --whole --json"))
    assert got["roc_auc",]["value"] == pytest.approx(want, rel=1e-14) and "count" not in got["roc_auc",]
    assert got["absolute_error",]["value"] == libloss.mae(FRAME["score"], FRAME["label"].astype(float))
    for record in records(command("roc_auc all.parquet --prediction score --target label --whole --group-by year --json")).items():
        group = FRAME[FRAME["year"] == record[0][0]]
        assert record[1]["value"] == pytest.approx(sk.roc_auc_score(group["label"], group["score"]), rel=1e-14)
    assert "cox on parts of the data do not add up" in command("cox:ties=efron all.csv --prediction score --time w --event label", code=1)
    error = FRAME["score"] - FRAME["y"]
    assert "on parts of the data do not add up" in command("mse+rmse all.csv --prediction score --target y", code=1)
    sum_of_both = float(command("mse+rmse all.csv --prediction score --target y --whole"))
    assert sum_of_both == pytest.approx(np.mean(error**2) + np.sqrt(np.mean(error**2)), rel=1e-12)


def test_lists(command, here):
    """Of one axis the whole file is one list; rows are a list each."""
    assert float(command("list_net score.npy w.npy --chunk 3")) == libloss.list_net(FRAME["score"].to_numpy(), FRAME["w"].to_numpy())
    assert "takes all rows as one list" in command("list_net all.csv --prediction score --target w", code=1)
    np.save(here / "relevance.npy", np.eye(3)[FRAME["species"].map(CLASSES.index)])
    want = libloss.list_net(FRAME[CLASSES].to_numpy(), np.load("relevance.npy"))
    assert float(command("list_net rows.npy relevance.npy --chunk 3")) == want


def test_values_and_gradients(command, here):
    want = libloss.huber(FRAME["score"].to_numpy(), FRAME["y"].to_numpy(), weight=FRAME["w"].to_numpy(), reduction="none")
    for line in ("score.npy y.npy --weight w.npy", f"all.csv {INPUTS}", f"part-0.parquet part-1.parquet part-650.parquet {INPUTS}"):
        assert [float(x) for x in command(f"huber {line} --reduction none --chunk 101").split()] == want.tolist()
        assert float(command(f"huber {line} --grad-out g.npy")) == libloss.huber(FRAME["score"], FRAME["y"], weight=FRAME["w"])
        np.testing.assert_array_equal(np.load(here / "g.npy"), libloss.Loss("huber").grad(FRAME["score"], FRAME["y"], weight=FRAME["w"]))
    for more in ("mae --grad-out g.npy", "--grad-out g.npy --json", "--reduction none --group-by year", "--reduction none --resume"):
        assert "is for one loss, without groups, JSON and --resume" in command(f"huber all.csv {INPUTS} {more}", code=1)


# ---- what is wrong ----


@pytest.mark.parametrize(("line", "says"), [
    ("mae all.csv --prediction scor --target y", "prediction: all.csv has no column 'scor'; did you mean score?"),
    ("mae all.parquet --prediction score --target Y", "target: all.parquet has no column 'Y'; did you mean y?"),
    ("mae all.csv", "prediction: all.csv has no column 'prediction'; it has score, y, w, "),
    ("mae all.parquet --prediction score --target y --group-by land", "group-by: all.parquet has no column 'land'"),
    ("mae score.npy short.npy", "target has 9 rows (short.npy), and prediction has 1000 (score.npy)"),
    ("mae score.npy y.npy --weight short.npy", "weight has 9 rows"),
    ("mae score.npy y.npy --group-by short.npy", "group-by has 9 rows"),
    ("mae score.npy y.npy --group-by rows.npy", "group-by has shape (1000, 3) (rows.npy)"),
    ("mae cut.npy y.npy", "cut.npy is cut off: its header promises 8128 bytes, and there are 8000"),
    ("mae empty.npy y.npy", "empty.npy is empty"), ("mae header.npy y.npy", "header.npy is no .npy file: "),
    ("mae complex.npy complex.npy", "prediction has dtype complex"),
    ("mae words.npy y.npy", "prediction has dtype <U"),
    ("mae objects.npy y.npy", "objects.npy is no .npy file of numbers: it holds Python objects"),
    ("mae empty.csv", "empty.csv is empty: its first line has to name the columns"), ("mae none.csv", "none.csv: No such file"),
    ("mae none.parquet", "none.parquet: No such file"), ("mae none.npy y.npy", "none.npy: No such file"),
    ("mae no.parquet", "no.parquet is no .parquet file: "),
    ("mae twice.csv --prediction a --target b", "prediction: twice.csv has 2 columns 'a'"),
    ("mae word.csv --chunk 2", "word.csv, line 5: column 'target': conversion error to double: invalid value 'three'"),
    ("mae ragged.csv --chunk 2", "ragged.csv, line 5: Expected 2 columns, got 3"), ("mae quote.csv", "quote.csv: a quoted cell has no end"),
    ("mae all.parquet --prediction score --target species", 'target (column "species") has dtype'),
    ("mae all.csv --prediction score --target species", "all.csv, line 2: column 'species': conversion error"),
    ("nll all.csv --prediction dog,ant --target species", "target (column \"species\")["),
    ("accuracy:threshold=0 all.csv --prediction score --target species", "words are class indices once --class-names no,yes says in which order"),
    ("categorical_cross_entropy all.parquet --prediction dog,ant,cat --target species --class-names a,b,c", "is none of the classes a, b, c"),
    ("binary_cross_entropy all.csv --prediction y --target label --chunk 9", 'prediction (column "y")['),
    ("brier_score all.parquet --prediction y --target label --chunk 9 --group-by year", 'prediction (column "y")['),
    ("mae all.csv y.npy", "y.npy stands beside a table"),
    ("mae score.npy y.npy w.npy", "3 files are too many for absolute_error, whose inputs are prediction, target"),
    ("mae score.npy", "absolute_error needs target"), ("mae", "absolute_error needs prediction and target: a .npy file, or a table with such a column"),
    ("gaussian_nll all.csv --prediction score --target y", "variance: all.csv has no column 'variance'"),
    ("mae mse score.npy y.npy --delta 2", "--delta: of several losses, parameters stand in the specs, as in mae:delta=2"),
    ("mae hubber score.npy y.npy", "did you mean huber"), ("mae all.csv --prediction score --target y --resume", ".state is not there: nothing to resume"),
    ("mae all.parquet --prediction score --target y --group-by embedding", "group-by: column 'embedding' has dtype list"),
    ("mae all.csv --prediction score --target y --whole --resume", "--resume is for data that is read in pieces"),
    ("roc_auc score.npy label.npy --resume", "--resume is for data that is read in pieces"),
    ("mae latin.csv", "latin.csv is not in UTF-8: "),
])  # fmt: skip
def test_bad_input(command, here, line, says):
    np.save("short.npy", np.ones(9))
    np.save("complex.npy", np.ones(1000, complex))
    np.save("words.npy", np.array(["a"] * 1000))
    np.save("objects.npy", np.array([None]), allow_pickle=True)
    pathlib.Path("cut.npy").write_bytes(pathlib.Path("score.npy").read_bytes()[:8000])
    for name, text in (("empty.npy", ""), ("header.npy", "\x93NUMPY"), ("empty.csv", ""), ("no.parquet", "PAR1"),
                       ("latin.csv", "pr\xe9diction,target\n1,2\n"), ("twice.csv", "a,b,a\n1,2,3\n"),
                       ("word.csv", "prediction,target\n1,2\n1,2\n1,2\n1,three\n"), ("ragged.csv", "prediction,target\n1,2\n1,2\n1,2\n1,2,3\n"),
                       ("quote.csv", 'prediction,target\n1,"2\n1,2\n')):
        pathlib.Path(name).write_bytes(text.encode("latin-1"))
    before = sorted(os.listdir())
    assert says in command(line, code=1)
    assert sorted(os.listdir()) == before


def test_positions_count_all_rows(command, here):
    q = np.full(50, 0.5)
    q[[33, 44]] = 1.5
    table = pa.table({"prediction": q, "target": np.ones(50), "g": np.arange(50) % 3})
    parquet.write_table(table, here / "q.parquet")
    csv.write_csv(table, here / "q.csv")
    csv.write_csv(table[:0], here / "header.csv")
    np.save(here / "q.npy", q)
    np.save(here / "ones.npy", np.ones(50))
    for line, place in (("q.npy ones.npy", ""), ("q.csv", ' (column "prediction")'), ("q.parquet", ' (column "prediction")'),
                        ("q.parquet --group-by g", ' (column "prediction")')):
        for chunk in (4, 50):
            assert f"prediction{place}[33] = 1.5 is not in [0, 1]" in command(f"binary_cross_entropy {line} --chunk {chunk}", code=1)
    said = command("binary_cross_entropy header.csv q.csv q.csv --chunk 9", code=1)
    assert 'prediction (column "prediction")[33] = 1.5' in said and "(in q.csv; rows are counted over all files)" in said


def test_a_nan_is_found(here, capsys):
    p = np.arange(50.0)
    p[[3, 31]] = np.nan
    parquet.write_table(pa.table({"p": p, "target": np.ones(50), "w": np.arange(50) != 3, "g": np.arange(50) % 2}), here / "nan.parquet")
    for more, row in (("", 3), ("--weight w", 31), ("--group-by g", 3), ("--weight w --group-by g", 31)):
        assert _cli.main(["eval", "huber", "nan.parquet", "--prediction", "p", "--chunk", "6", *more.split()]) == 0
        out, err = capsys.readouterr()
        assert "nan" in out and f'huber is nan: prediction (column "p")[{row}] = nan; a row with a null, or a weight of 0, is left out' in err
    assert _cli.main(["eval", "huber", "nan.parquet", "--prediction", "p", "--json"]) == 0
    assert json.loads(capsys.readouterr().out, parse_constant=pytest.fail)["results"][0]["value"] == "nan"


def test_nothing_is_there(command, here):
    np.save("nothing.npy", np.zeros(0))
    (here / "header.csv").write_text("prediction,target\n")
    parquet.write_table(pa.table({"prediction": pa.array([], pa.float64()), "target": pa.array([], pa.float64())}), "nothing.parquet")
    for line in ("nothing.npy nothing.npy", "header.csv", "nothing.parquet", "nothing.parquet --whole"):
        assert command(f"mae {line}") == "nan\n"
    assert command("mae header.csv --group-by target") == "target  absolute_error  count\n"
    assert command("mae score.npy one.npy", code=1) if np.save("one.npy", np.ones(1)) else True
    np.save("number.npy", 0.0)
    np.save("three.npy", 3.0)
    assert command("mae number.npy three.npy") == "3.0\n"
    assert float(command("mae score.npy number.npy --chunk 10")) == libloss.mae(FRAME["score"], 0.0), "one number stands for all"


def test_no_parameter_has_the_name_of_an_option():
    infos = [*map(libloss.info, libloss.losses()), *map(libloss.metrics.info, libloss.metrics.metrics())]
    names = {x.name for i in infos for x in (*i.parameters, *i.inputs)}
    assert not names & {"group_by", "max_groups", "class_names", "chunk", "whole", "json", "state", "resume", "reduction", "grad_out"}


def test_parameters(command):
    want = libloss.huber(FRAME["score"], FRAME["y"], delta=2)
    for line in ("huber:delta=2 score.npy y.npy", "huber score.npy y.npy --delta 2", "--delta=2 huber score.npy y.npy", "huber(delta=2) score.npy y.npy"):
        assert float(command(line)) == want
    assert float(command("0.5*huber:delta=2+0.5*huber:delta=2 -- score.npy y.npy")) == want
    codes = FRAME["species"].map(CLASSES.index)
    want = sk.recall_score(codes[::-1], codes, average="macro")
    assert float(command("recall codes.npy back.npy --average macro --classes 3")) == pytest.approx(want, rel=1e-15)


def test_usage(capsys, here):
    for line in ("", "--json", "mae score.npy y.npy --delta", "mae score.npy y.npy --chunk 0", "mae score.npy y.npy --reduction max"):
        with pytest.raises(SystemExit) as left:
            _cli.main(["eval", *line.split()])
        assert left.value.code == 2 and "usage: libloss eval LOSS ... FILE ..." in capsys.readouterr().err


def test_without_pyarrow(here):
    code = ("import sys; sys.modules['pyarrow'] = None; from libloss._cli import main; "
            "print(main(['eval', 'mae', 'all.csv']), main(['eval', 'mae', 'y.npy', 'y.npy']))")
    done = child.python("-c", code)
    assert done.stdout == "0.0\n1 0\n" and "pip install 'libloss[files]'" in done.stderr


# ---- interrupted ----


class After:
    """Ctrl-C in so many pieces."""

    def __init__(self, pieces):
        self.left = pieces

    def __enter__(self):
        return self

    def __exit__(self, *problem):
        pass

    def __bool__(self):
        self.left -= 1
        return self.left <= 0


LINES = [f"{BOTH} smape score.npy y.npy --weight w.npy --chunk 90", f"{BOTH} smape all.csv {INPUTS} --chunk 90",
         f"{BOTH} smape part-1.parquet part-650.parquet part-0.parquet {INPUTS} --group-by country,year --chunk 90",
         f"{BOTH} part-1.csv part-650.csv part-0.csv {INPUTS} --group-by country --chunk 90", "recall:average=macro,classes=3 rows.npy codes.npy --chunk 90"]


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("pieces", [1, 4, 8])
def test_resumed_runs_are_the_same(command, here, monkeypatch, line, pieces):
    want = command(f"{line} --json")
    monkeypatch.setattr(_eval, "Interrupt", lambda: After(pieces))
    said = command(f"{line} --json", code=130)
    left = here / said.rpartition(" ")[2].strip()
    assert "the same command with --resume goes on from libloss-" in said and left.exists()
    monkeypatch.setattr(_eval, "Interrupt", lambda: After(1))
    command(f"{line.replace('90', '7')} --json --resume", code=130)
    monkeypatch.setattr(_eval, "Interrupt", _progress.Interrupt)
    assert command(f"{line.replace('90', '41')} --json --resume") == want
    assert not left.exists()


def test_state_of_another_run(command, here, monkeypatch):
    np.save(here / "a.npy", FRAME["score"])
    line = "mae a.npy y.npy --chunk 90 --state a.state"
    with monkeypatch.context() as patch:
        patch.setattr(_eval, "Interrupt", lambda: After(3))
        command(line, code=130)
    state = here / "a.state"
    kept = state.read_bytes()
    for other, says in (("mse a.npy y.npy", 'losses was ["absolute_error"], and here it is ["squared_error"]'), ("mae y.npy a.npy", "is of another run: "),
                        ("mae a.npy y.npy --weight w.npy", "is of another run: "), ("mae a.npy y.npy --group-by year.npy", "is of another run: ")):
        assert says in command(f"{other} --state a.state --resume", code=1)
    for damaged, says in ((kept.replace(b'"totals"', b'"total"'), "is damaged: start again without --resume"),
                          (kept[:-9], "is no state file of libloss eval"), (b"[]", "is no state file"),
                          (b"", "is no state file"), (kept.replace(b'"format": 1', b'"format": 9'), "is a state file of format 9")):
        state.write_bytes(damaged)
        assert says in command(f"{line} --resume", code=1)
    state.write_bytes(kept)
    os.utime(here / "a.npy", ns=(1, 1))
    assert "a.npy has changed since a.state was left: it has been written to" in command(f"{line} --resume", code=1)
    np.save(here / "a.npy", np.concatenate([FRAME["score"], [1.0]]))
    np.save(here / "y.npy", np.concatenate([FRAME["y"], [1.0]]))
    assert "a.npy has changed since a.state was left: it had 8128 bytes, and has 8136" in command(f"{line} --resume", code=1)
    np.save(here / "y.npy", FRAME["y"])
    assert state.read_bytes() == kept
    state.unlink()


def test_nothing_half_written(here):
    with pytest.raises(RuntimeError), _files.replacing("state") as file:
        file.write(b"half")
        raise RuntimeError
    with pytest.raises(FileNotFoundError) as missing, _files.replacing("none/state"):
        pass
    assert missing.value.filename == "none/state" and not [name for name in os.listdir() if name.startswith("state")]


def test_a_second_interrupt_is_one():
    with pytest.raises(KeyboardInterrupt), _progress.Interrupt() as interrupt:
        assert not interrupt
        os.kill(os.getpid(), 2)
        assert interrupt
        os.kill(os.getpid(), 2)


def test_large_files():
    """In 300 MB of address space, with a real Ctrl-C, on a terminal."""
    script = pathlib.Path(__file__).resolve().parents[1] / "bench/large_file.py"
    options = ["--megabytes", "20", "--budget", "300", "--chunk", "200", "--stop", "0.1"]
    done = child.python(script, *options)
    assert done.returncode == 0 and "the same to the bit" in done.stdout, done.stdout + done.stderr
