"""Totals and gradients over MPI ranks, run by mpirun: the same bits for any number of them, and those that NumPy finds in the whole."""

from __future__ import annotations

import os
import pathlib
import pickle
import shutil
import subprocess
import sys

import libloss
import mpi_ranks
import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, f1_score

HERE = pathlib.Path(__file__).parent
AS_ROOT = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}


@pytest.fixture(scope="module", params=[1, 2, 4, 7])
def ranks(request, tmp_path_factory):
    """What each rank found."""
    folder = tmp_path_factory.mktemp("ranks")
    mpirun = shutil.which("mpirun") or str(pathlib.Path(sys.executable).with_name("mpirun"))
    command = [mpirun, "-n", str(request.param), "--oversubscribe", sys.executable, "-m", "mpi4py", str(HERE / "mpi_ranks.py"), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100, env={**os.environ, **AS_ROOT})
    assert done.returncode == 0, done.stderr
    return [pickle.loads((folder / f"{rank}.pickle").read_bytes()) for rank in range(request.param)]


@pytest.fixture(scope="module")
def whole():
    return mpi_ranks.data()


def present(whole):
    """The squared errors and weights that are there."""
    w = whole["weight"]
    return (whole["prediction"] - whole["target"])[w > 0] ** 2, w[w > 0]


def test_totals_are_those_of_the_whole(ranks, whole):
    values, w = present(whole)
    once = libloss.Total("squared_error").add(whole["prediction"], whole["target"], weight=whole["weight"])
    for found in ranks:
        for total in found["totals"]:
            assert (total.sum, total.count, total.size, total.weight_sum) == (np.sum(w * values), len(w), mpi_ranks.N, np.sum(w))
            assert total.mean == np.sum(w * values) / len(w)
            assert total == once
    assert [found["rooted"] for found in ranks] == [None] * (len(ranks) - 1) + [once]
    assert sum(found["own"].size for found in ranks) == mpi_ranks.N


def test_every_rank_keeps_its_own(ranks, whole):
    for rank, found in enumerate(ranks):
        s = mpi_ranks.share(rank, len(ranks))
        assert found["own"] == libloss.Total("squared_error").add(whole["prediction"][s], whole["target"][s], weight=whole["weight"][s])


def test_gradients_are_parts_of_that_of_the_whole(ranks, whole):
    values, w = present(whole)
    by = {"mean": len(w), "weighted_mean": np.sum(w), "size_mean": mpi_ranks.N, "batch_mean": mpi_ranks.N, "sum": 1}
    slope = np.where(whole["weight"] > 0, whole["weight"] * 2 * np.nan_to_num(whole["prediction"] - whole["target"]), 0)
    assert all(found["divisors"] == {r: d for r, d in by.items() if r != "sum"} for found in ranks)
    for reduction, divisor in by.items():
        assert all(found["gradients"][reduction][0] == np.sum(w * values) / divisor for found in ranks)
        gradient = np.concatenate([found["gradients"][reduction][1] for found in ranks])
        np.testing.assert_allclose(gradient, slope / divisor, rtol=4e-16)
        alone = libloss.Loss("squared_error").grad(whole["prediction"], whole["target"], weight=whole["weight"], reduction=reduction)
        assert np.array_equal(gradient, alone)
    for rank, found in enumerate(ranks):
        s = mpi_ranks.share(rank, len(ranks))
        assert found["nothing"][0] == 0 and np.array_equal(found["nothing"][1], np.zeros(s.stop - s.start))


def test_rows(ranks, whole):
    scores, w, label = whole["scores"].astype(np.float64), whole["weight"], whole["label"]
    q = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    expected = -np.sum(w * np.log(q[np.arange(len(q)), label])) / np.sum(w > 0)
    gradient = np.concatenate([found["softmax"][1] for found in ranks])
    np.testing.assert_allclose(gradient, w[:, None] * (q - np.eye(3)[label]) / np.sum(w > 0), rtol=1e-6, atol=1e-9)
    alone = libloss.Loss("cross_entropy").value_and_grad(whole["scores"], label, weight=w)
    assert gradient.dtype == np.float32 and np.array_equal(gradient, alone[1])
    for found in ranks:
        assert found["softmax"][0] == alone[0] == pytest.approx(expected, rel=1e-6)


def test_a_loss_of_ones_own(ranks, whole):
    fourth = (np.nan_to_num(whole["prediction"]) - whole["target"]) ** 4
    assert all(found["quartic"] == np.sum(fourth) for found in ranks)  # exact: below 2^53 in units of 8^-4


def test_metrics(ranks, whole):
    told, label, w = whole["scores"].argmax(-1), whole["label"], whole["weight"]
    expected = f1_score(label, told, sample_weight=w, average="macro")
    for found in ranks:
        assert found["f1"] == found["f1 of one"] == ranks[0]["f1"] == pytest.approx(expected, rel=1e-15)
        assert np.array_equal(found["matrix"], confusion_matrix(label, told, sample_weight=w)) and np.array_equal(found["matrix"], found["counts"])
        assert found["no data"] == 0


def test_other_communicators(ranks):
    for rank, found in enumerate(ranks):
        assert found["subgroup"] == sum(other["own"] for other in ranks[rank % 2 :: 2])


def test_what_one_rank_refuses_all_refuse(ranks):
    last = len(ranks) - 1
    for rank, found in enumerate(ranks):
        said = found["refusals"]
        if last:
            assert said["losses"] == "ArgumentError: totals of different losses do not add up: rank 0 has huber, rank 1 has log_cosh"
            assert said["parameters"] == f"ArgumentError: totals of different losses do not add up: rank 0 has huber, rank {last} has huber(delta=2)"
            assert "rank 0 has balanced_accuracy(classes=3), rank 1 has balanced_accuracy(classes=4)" in said["classes"]
        shape, weight = ("target has shape", "weight = -1") if rank == 0 else ("rank 0 refused its share",) * 2
        assert shape in said["share"] and weight in said["weight"]
        assert "reduction = 'none'" in said["reduction"]
        assert said["root"] == f"ArgumentError: root = {len(ranks)} is not in [0, {len(ranks)})"
        assert said["comm"] == "TypeError: comm is a int; it must be a communicator of mpi4py"
        assert said["null"].startswith("ArgumentError: comm is null")
        assert said["total"].startswith("TypeError: total is a Counts; it must be a libloss.Total")
        assert "each term of a sum has a divisor of its own" in said["sum"]
