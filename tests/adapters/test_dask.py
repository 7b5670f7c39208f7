"""Totals and gradients of Dask collections on a cluster of processes: the same bits for any chunks, and those that NumPy finds in the whole."""

from __future__ import annotations

import itertools

import dask
import dask.array as da
import dask.dataframe as dd
import libloss
import numpy as np
import pandas as pd
import pytest
from dask.distributed import Client, LocalCluster
from sklearn.metrics import confusion_matrix, f1_score

N = 840


@pytest.fixture(scope="module", autouse=True)
def cluster():
    """Two worker processes; what tasks need has to be pickled."""
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster, Client(cluster) as client:
        yield client


@pytest.fixture(scope="module")
def data():
    """Multiples of 1/8, whose squares and sums are exact in double. What has weight 0 is NaN, so never seen."""
    random = np.random.default_rng(3)
    whole = {name: random.integers(-80, 80, N) / 8 for name in ("prediction", "target")}
    whole["weight"] = random.integers(0, 4, N) / 2
    whole["prediction"][whole["weight"] == 0] = np.nan
    whole["label"] = random.integers(0, 3, N)
    whole["scores"] = random.normal(size=(N, 3)).astype(np.float32)
    return whole


def expected(data):
    """Sum, sum of weights, and number of what is there; and the slope of every value."""
    w, r = data["weight"], np.nan_to_num(data["prediction"] - data["target"])
    return np.sum(w * r * r), np.sum(w), np.sum(w > 0), 2 * w * r


def arrays(data, pieces, *names):
    return [da.from_array(data[name], chunks=(-(-N // pieces), *data[name].shape[1:])) for name in names]


@pytest.mark.parametrize("pieces", range(1, 8))
def test_any_number_of_chunks(data, pieces):
    p, t, w = arrays(data, pieces, "prediction", "target", "weight")
    total = libloss.dask.evaluate("squared_error", p, t, weight=w, split_every=2)
    sum_, weights, present, slope = expected(data)
    assert (total.sum, total.weight_sum, total.count, total.size) == (sum_, weights, present, N)
    assert total == libloss.Total("squared_error").add(data["prediction"], data["target"], weight=data["weight"])
    for reduction, divisor in {"mean": present, "weighted_mean": weights, "size_mean": N, "batch_mean": N, "sum": 1, "none": 1}.items():
        gradient = libloss.dask.grad("squared_error", p, t, weight=w, reduction=reduction)
        assert isinstance(gradient, da.Array) and gradient.chunks == p.chunks and gradient.dtype == np.float64
        got = gradient.compute()
        np.testing.assert_allclose(got, slope / divisor, rtol=4e-16)
        assert np.array_equal(got, libloss.Loss("squared_error").grad(data["prediction"], data["target"], weight=data["weight"], reduction=reduction))


def test_lazy_and_sharing(data, cluster):
    p, t = arrays(data, 3, "prediction", "target")
    p = da.nan_to_num(p)
    lazy, gradient = libloss.dask.evaluate("huber", p, t, compute=False), libloss.dask.grad("huber", p, t)
    total, g = dask.compute(lazy, gradient)
    whole = np.nan_to_num(data["prediction"]), data["target"]
    assert total == libloss.Total("huber").add(*whole) == cluster.compute(lazy).result()
    assert np.array_equal(g, libloss.Loss("huber").grad(*whole))
    assert set(lazy.__dask_graph__()) < set(gradient.__dask_graph__())  # the passes that make the divisor are the same tasks
    half = libloss.dask.grad("huber", p, t, divisor=lazy.size * 2)
    assert np.array_equal(half.compute() * 2, g)


def test_tasks_of_different_calls_have_different_names(data):
    p, t, w = arrays(data, 3, "target", "prediction", "weight")
    t = da.nan_to_num(t)
    local = data["target"], np.nan_to_num(data["prediction"])
    calls = list(itertools.product(("huber", "huber(delta=2)"), ((None, None), (2.0, 2.0), (w, data["weight"])), ("mean", "sum")))
    totals = dask.compute(*[libloss.dask.evaluate(spec, p, t, weight=weight, compute=False) for spec, (weight, _), _ in calls])
    gradients = dask.compute(*[libloss.dask.grad(spec, p, t, weight=weight, reduction=reduction) for spec, (weight, _), reduction in calls])
    for (spec, (_, weight), reduction), total, gradient in zip(calls, totals, gradients, strict=True):
        assert total == libloss.Total(spec).add(*local, weight=weight)
        assert np.array_equal(gradient, libloss.Loss(spec).grad(*local, weight=weight, reduction=reduction))


def test_chunks_that_differ(data):
    p = da.from_array(data["prediction"], chunks=100)
    t = da.from_array(data["target"], chunks=((N - 1, 1),))
    once = libloss.Total("squared_error").add(data["prediction"], data["target"], weight=data["weight"])
    assert libloss.dask.evaluate("squared_error", p, t, weight=data["weight"]) == once
    assert libloss.dask.evaluate("squared_error", data["prediction"], t, weight=list(data["weight"])) == once
    assert libloss.dask.grad("squared_error", data["prediction"], t).chunks == t.chunks
    assert libloss.dask.evaluate("squared_error", p, 0.5, weight=2.0).size == N


def test_rows(data):
    z = da.from_array(data["scores"], chunks=(250, 2))  # cut along the classes too
    y, w = da.from_array(data["label"], chunks=99), da.from_array(data["weight"], chunks=N)
    of_class = np.array([1.0, 2.0, 0.5])
    scores = data["scores"].astype(np.float64)
    q = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    scale = data["weight"] * of_class[data["label"]]
    total = libloss.dask.evaluate("cross_entropy", z, y, class_weight=da.from_array(of_class, chunks=1), weight=w)
    assert total.weighted_mean == pytest.approx(-np.sum(scale * np.log(q[np.arange(N), data["label"]])) / np.sum(scale), rel=1e-6)
    assert total == libloss.Total("cross_entropy").add(data["scores"], data["label"], class_weight=of_class, weight=data["weight"])
    gradient = libloss.dask.grad("cross_entropy", z, y, class_weight=of_class, weight=w, reduction="weighted_mean")
    assert gradient.dtype == np.float32 and gradient.chunks == ((250, 250, 250, 90), (3,))
    np.testing.assert_allclose(gradient.compute(), scale[:, None] * (q - np.eye(3)[data["label"]]) / np.sum(scale), rtol=2e-6, atol=1e-9)
    images = np.moveaxis(data["scores"].reshape(N // 4, 2, 2, 3), -1, 1)  # classes on axis 1
    whole = libloss.Total("cross_entropy").add(images, data["label"].reshape(-1, 2, 2), axis=1)
    cut, labels = da.from_array(images, chunks=(100, 1, 1, 2)), data["label"].reshape(-1, 2, 2)
    assert libloss.dask.evaluate("cross_entropy", cut, labels, axis=1) == whole
    gradient = libloss.dask.grad("cross_entropy", cut, labels, axis=1, reduction="sum").compute()
    np.testing.assert_allclose(gradient, np.moveaxis((q - np.eye(3)[data["label"]]).reshape(-1, 2, 2, 3), -1, 1), rtol=2e-6, atol=2e-7)


def test_columns_of_dataframes(data):
    frame = pd.DataFrame({name: data[name] for name in ("prediction", "target", "weight")})
    frame["nullable"] = pd.array(data["target"], dtype="Float64")
    frame.loc[::7, "nullable"] = pd.NA
    sum_, _, _, slope = expected(data)
    df = dd.from_pandas(frame, npartitions=5)
    assert libloss.dask.evaluate("squared_error", df.prediction, df["target"], weight=df.weight).sum == sum_
    gradient = libloss.dask.grad("squared_error", df.prediction, df["target"], weight=df.weight, reduction="sum")
    assert np.isnan(gradient.shape[0])
    np.testing.assert_array_equal(gradient.compute(), slope)
    assert np.array_equal(gradient.compute_chunk_sizes().chunks[0], df.map_partitions(len).compute())
    there = df[df.weight > 0]  # of unknown length
    kept = libloss.dask.evaluate("squared_error", there.prediction, there["target"].to_dask_array(), weight=there.weight)
    assert kept.sum == sum_ and kept.size == np.sum(data["weight"] > 0)
    missing = libloss.dask.evaluate("squared_error", df["target"], df.nullable)
    assert (missing.sum, missing.count, missing.size) == (0, N - len(range(0, N, 7)), N)
    table = pd.DataFrame(data["scores"], columns=list("abc")).assign(label=data["label"])
    rows = dd.from_pandas(table, npartitions=3)
    gradient = libloss.dask.grad("cross_entropy", rows[["a", "b", "c"]], rows.label)
    assert gradient.shape[1] == 3 and np.array_equal(gradient.compute(), libloss.Loss("cross_entropy").grad(data["scores"], data["label"]))


def test_masked_chunks(data):
    mask = data["weight"] == 0
    p = da.ma.masked_array(da.from_array(data["prediction"], chunks=200), mask=da.from_array(mask, chunks=200))
    total = libloss.dask.evaluate("squared_error", p, da.from_array(data["target"], chunks=200))
    r = (data["prediction"] - data["target"])[~mask]
    assert (total.sum, total.count, total.size) == (np.sum(r * r), len(r), N)


def test_metrics(data):
    z, y, w = arrays(data, 4, "scores", "label", "weight")
    told = data["scores"].argmax(-1)
    f1 = libloss.dask.evaluate("f_beta(average=macro)", prediction=z, target=y, weight=w)
    assert f1.value == pytest.approx(f1_score(data["label"], told, sample_weight=data["weight"], average="macro"), rel=1e-15)
    matrix = libloss.dask.evaluate("confusion_matrix(classes=3)", prediction=z.argmax(-1), target=y, weight=w)
    assert np.array_equal(matrix.value, confusion_matrix(data["label"], told, sample_weight=data["weight"]))


def test_a_loss_of_ones_own(data):
    quartic = libloss.define(lambda prediction, target: ((prediction - target) ** 4, 4 * (prediction - target) ** 3), name="quartic")
    t = da.from_array(data["target"], chunks=150)
    total = libloss.dask.evaluate(quartic, t, 1.0)
    assert total.sum == np.sum((data["target"] - 1) ** 4)
    np.testing.assert_array_equal(libloss.dask.grad(quartic, t, 1.0, reduction="sum").compute(), 4 * (data["target"] - 1) ** 3)


def test_empty_chunks_and_nothing_present(data):
    p = da.concatenate([da.from_array(x) for x in (data["target"][:0], data["target"], data["target"][:0])])
    assert libloss.dask.evaluate("squared_error", p, 0.0).sum == np.sum(data["target"] ** 2)
    assert np.array_equal(libloss.dask.grad("squared_error", p, 0.0, weight=0.0).compute(), np.zeros(N))


def test_chunks_that_are_one_number_seen_many_times(data):
    assert np.array_equal(libloss.dask.grad("squared_error", da.ones(N, chunks=100), 0.5, reduction="sum").compute(), np.ones(N))


def test_a_batch_of_one_chunk(data):
    p, t = (da.from_array(np.abs(data["target"]) / 10, chunks=N) for _ in range(2))
    assert libloss.dask.evaluate("dice", p, t).sum == libloss.dice(np.abs(data["target"]) / 10, np.abs(data["target"]) / 10)


def test_lists_and_histories(data):
    p, t = (da.from_array(np.abs(data[name]).reshape(-1, 7), chunks=(50, 3)) for name in ("target", "label"))
    lists = p.compute(), t.compute()
    assert libloss.dask.evaluate("ranknet", p, t, weight=np.ones(N // 7)) == libloss.Total("ranknet").add(*lists, weight=np.ones(N // 7))
    flat = [da.from_array(x.reshape(-1), chunks=N) for x in lists]
    groups = np.arange(0, N + 1, 7)
    assert libloss.dask.evaluate("ranknet", *flat, groups=groups) == libloss.Total("ranknet").add(*lists)
    history = np.array([1.0, 2.0, 4.0])
    scaled = libloss.dask.evaluate("mase", prediction=p[:, 0], target=t[:, 0], history=history).value
    assert scaled == pytest.approx(np.mean(np.abs(lists[0] - lists[1])[:, 0]) / 1.5, rel=1e-15)


def test_what_is_refused(data):
    p, t = arrays(data, 4, "target", "target")
    frame = dd.from_pandas(pd.DataFrame({"p": data["target"], "t": data["target"]}), npartitions=4)
    kept, image = frame[frame.p > 0], p.reshape(-1, 2)
    evaluate, grad = libloss.dask.evaluate, libloss.dask.grad
    for call, problem, words in [
        (lambda: evaluate("dice", p, t), libloss.ArgumentError, r"dice is a value of a whole batch.*rechunk\(-1\)"),
        (lambda: evaluate("0.5*huber + rmse", p, t), libloss.ArgumentError, "rmse: its value depends on the whole batch"),
        (lambda: evaluate("lambdarank", p, t), libloss.ArgumentError, "lambdarank is of lists of documents"),
        (lambda: evaluate("lambdarank", image, image, groups=[0, 2]), libloss.ArgumentError, "lambdarank is of lists of documents"),
        (lambda: evaluate("median_absolute_error", prediction=p, target=t), libloss.Error, "depends on the whole batch"),
        (lambda: evaluate("huber", p, t[:-1]), libloss.ShapeError, f"target has {N - 1} rows, but prediction has {N}"),
        (lambda: evaluate("huber", kept.p, data["target"]), libloss.ShapeError, "target has 1 chunk, but prediction has 4, whose sizes are unknown"),
        (lambda: evaluate("huber", p, kept.p.repartition(npartitions=2)), libloss.ShapeError, "prediction has 4 chunks, but target has 2, whose sizes"),
        (lambda: evaluate("huber", kept.p, p), libloss.ShapeError, r'huber: target has shape \(210,\), but prediction \(column "p"\) has'),
        (lambda: evaluate("huber", frame.p, frame.t.shift(1).reset_index(drop=True).repartition(npartitions=4)), libloss.ShapeError, "different indexes"),
        (lambda: evaluate("huber", p, dask.delayed(data["target"])), libloss.DTypeError, "target is a Delayed.*from_delayed"),
        (lambda: evaluate("huber", 1.0, 2.0), libloss.ShapeError, "nothing to split"),
        (lambda: evaluate("huber", p, t, split_every=1), libloss.ArgumentError, "split_every = 1 is not"),
        (lambda: evaluate("huber", p, t, weight=-1.0), libloss.DomainError, "weight = -1"),
        (lambda: evaluate("huber", p, y_true=t), TypeError, "huber has no input 'y_true'; here it is called 'target'"),
        (lambda: evaluate("accuracy", p, t), TypeError, "accuracy is a metric: its inputs are keywords"),
        (lambda: evaluate("cross_entropy", image.T, p, axis=0), libloss.ArgumentError, "axis = 0 is the axis of the chunks"),
        (lambda: evaluate("cross_entropy", image, image[:, 0].astype(int) * 0 + 5), libloss.DomainError, r"target\[0\] = 5 is not in \[0, 2\)"),
        (lambda: grad("huber", p, t, reduction="average"), libloss.ArgumentError, "reduction = 'average' is none of"),
        (lambda: grad("huber", p, t, wrt="delta"), libloss.ArgumentError, "wrt = 'delta' is none of the inputs: prediction, target"),
        (lambda: grad("huber", 1.0, t), libloss.ShapeError, "prediction is one number"),
    ]:
        with pytest.raises(problem, match=words):
            call()
