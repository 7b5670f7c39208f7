"""That the bench runs and says what it measured. Nothing here fails on a stopwatch."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent


def run(*words: str) -> str:
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_contestants_take_turns():
    from race import race

    order: list[str] = []

    def work(name: str, n: int):
        return lambda: (order.append(name), sum(range(n)))

    got = race({"a": work("a", 20_000), "b": work("b", 100_000)}, 0, rounds=6)
    assert order[-12:] == ["a", "b"] * 6
    assert all(least <= middle for least, middle in got.values())


def test_disturbed_samples_are_left_out():
    from race import undisturbed

    assert undisturbed([(100.0, 100.0), (300.0, 110.0), (120.0, 119.0), (90.0, 180.0)]) == [100.0, 120.0, 90.0]
    assert undisturbed([(300.0, 110.0), (400.0, 100.0)]) == [110.0, 100.0]


def test_sweep_writes_what_it_prints(tmp_path):
    text = run(str(HERE / "run.py"), "--quick", "--losses", "huber,cross_entropy", "--out", str(tmp_path))
    written = json.loads((tmp_path / "bench.json").read_text())
    assert {row["work"] for row in written["rows"]} >= {"huber 16384 float32", "huber 16384 float64", "cross_entropy 64x256 float32"}
    for row in written["rows"]:
        assert row["work"] in text and 0 < row["note"]["as vectors"] <= row["note"]["instructions"]
        assert row["libloss_over_limit"] == pytest.approx(row["times"]["libloss"][0] / row["limit"][0])
    assert "instruction_set" in written["environment"]["libloss"] and "-ffp-contract=off" in written["environment"]["flags of the kernels"]


def test_accuracy_of_the_peers(tmp_path):
    """libloss keeps what it declares; PyTorch loses confident logits, and the table says so."""
    run(str(HERE / "peers_accuracy.py"), "--points", "5", "--losses", "huber,binary_cross_entropy_with_logits,cross_entropy", "--out", str(tmp_path))
    table = json.loads((tmp_path / "accuracy.json").read_text())
    assert len(table) == 3 * 2 * 2 * 2
    assert all(float(row["libloss"]["ulp"]) <= row["declared"] for row in table)
    pytest.importorskip("torch")
    row = next(r for r in table if r["loss"] == "binary_cross_entropy_with_logits" and (r["dtype"], r["points"], r["output"]) == ("float32", "hard", "value"))
    assert float(row["torch"]["ulp"]) > 1e5


def test_plot(tmp_path):
    pytest.importorskip("matplotlib")
    from plot import draw
    from race import Row

    rows = [Row("sizes", f"{loss} {n}", "ns/el", {"libloss": (1, 1), "torch": (2, 2)}, (0.5, 0.5))
            for loss in ("squared_error", "huber", "binary_cross_entropy_with_logits") for n in (16, 1024)]
    rows += [Row("rows", "cross_entropy 64 x 10", "ns/call", {"libloss": (900, 950)}, (100, 100)),
             Row("cliffs", "huber", "ns/el", {"ordinary": (1, 1), "NaN": (1, 1)}),
             Row("threads", "huber 16", "ns/el", {"libloss": (1, 1), "libloss, 2 threads": (0.6, 0.6)})]
    draw(rows, dict.fromkeys(("cpu", "load", "libloss", "torch", "jax", "sklearn", "numpy"), "?"), tmp_path / "bench.png")
    assert (tmp_path / "bench.png").read_bytes().startswith(b"\x89PNG")


def test_scaling_over_ranks(tmp_path):
    text = run(str(HERE / "scaling.py"), "--rows", "20000", "--ranks", "1,2", "--out", str(tmp_path))
    one, two = json.loads((tmp_path / "scaling.json").read_text())
    assert (one["ranks"], two["ranks"]) == (1, 2) and one["bits"] == two["bits"]
    assert all(0 < found[what] < 60 for found in (one, two) for what in ("total", "value_and_grad", "merge"))
    assert "20000 rows" in text and f"{one['bytes']} bytes a total" in text
