"""Everything that people pass as an array: what is computed, what is not there, what is refused and how it says so."""

from __future__ import annotations

import array
import datetime
import decimal
import pickle

import libloss
import numpy as np
import pytest
from libloss import Loss, Total

P, T = np.array([0.5, 2.0, -1.0]), np.array([1.0, 1.0, 1.0])
SQUARES = (P - T) ** 2  # all of these are exact in every format here
ALL, WITHOUT_1 = SQUARES.mean(), SQUARES[[0, 2]].mean()
LOSS = Loss("squared_error")
HOLE = [False, True, False]


def unaligned(x):
    memory = np.zeros(8 * len(x) + 1, np.uint8)
    out = np.ndarray(x.shape, x.dtype, memory.data, 1)
    out[:] = x
    return out


def every_5_bytes(x):
    record = np.zeros(len(x), [("a", "i1"), ("x", "f4")])
    record["x"] = x
    return record["x"]


def locked(x):
    x = x.copy()
    x.flags.writeable = False
    return x


@pytest.mark.parametrize("make", [
    list, tuple, lambda x: array.array("d", x), memoryview, lambda x: x.astype(">f8"), lambda x: x.astype(">f4"), unaligned, lambda x: unaligned(x).view(">f8").byteswap(),
    every_5_bytes, locked, lambda x: np.repeat(x, 3)[::3], lambda x: x[::-1].copy()[::-1], lambda x: x.view(np.recarray), lambda x: x.astype(np.float16),
    lambda x: x.astype(np.float32), lambda x: type("Own", (), {"__array__": lambda self, dtype=None, copy=None: x})(),
    lambda x: type("Capsule", (), {"__dlpack__": lambda self, **o: x.__dlpack__(**o), "__dlpack_device__": lambda self: x.__dlpack_device__()})(),
])  # fmt: skip
def test_same_numbers_same_value(make):
    assert LOSS(make(P), make(T)) == LOSS(make(P), T) == LOSS(P, make(T)) == ALL
    assert LOSS(P, T, weight=make(np.array([1.0, 0, 1]))) == WITHOUT_1
    np.testing.assert_array_equal(LOSS.grad(make(P), T, reduction="sum"), 2 * (P - T))
    np.testing.assert_array_equal(LOSS.grad(P, T, upstream=make(np.array([1.0, 0, 2])), reduction="none"), 2 * (P - T) * [1, 0, 2])


def test_integers_and_numbers():
    assert LOSS(range(3), [1, 1, 1]) == LOSS(np.array([0, 1, 2], np.uint8), 1) == LOSS([0, 1, 2], np.int16(1)) == 2 / 3
    assert LOSS(2**63, 0) == 2.0**126
    assert LOSS([True, False], [False, False]) == 0.5
    assert LOSS(P, np.broadcast_to(1.0, 3)) == LOSS(P, 1) == ALL
    assert type(LOSS.grad(np.asmatrix(P), np.asmatrix(T))) is np.ndarray and LOSS.grad(np.asmatrix(P), np.asmatrix(T)).shape == (1, 3)
    assert np.isnan(LOSS([], [])) and LOSS.grad([], []).shape == (0,)


@pytest.mark.parametrize(("p", "t", "none", "by_p", "by_t"), [
    ("f2", "f2", "f4", "f2", "f2"), ("f4", "f4", "f4", "f4", "f4"), ("f8", "f8", "f8", "f8", "f8"), ("f4", "f8", "f8", "f4", "f8"), ("f2", "f4", "f4", "f2", "f4"),
    ("f4", "i8", "f4", "f4", "f8"), ("i4", "i4", "f8", "f8", "f8"), (">f4", "f4", "f4", "f4", "f4"), ("i8", "f4", "f4", "f8", "f4"),
])  # fmt: skip
def test_which_dtype_comes_out(p, t, none, by_p, by_t):
    a, b = np.array([1, 2, 3]).astype(p), np.array([1, 1, 1]).astype(t)
    assert LOSS(a, b, reduction="none", weight=np.ones(3)).dtype == none, "weights do not widen"
    assert LOSS(a, b, reduction="none").dtype == none
    assert [g.dtype for g in LOSS.grad(a, b, wrt=("prediction", "target"))] == [by_p, by_t]
    assert LOSS.hess(a, b).dtype == by_p and isinstance(LOSS(a, b), float)


def test_bfloat16():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    half = ml_dtypes.bfloat16
    assert LOSS(P.astype(half), T) == LOSS(P, T.astype(half)) == ALL
    assert LOSS(P.astype(half), T.astype(half), reduction="none").dtype == np.float32
    assert LOSS(P, T, weight=np.array([1, 0, 1], half)) == WITHOUT_1
    gradient = LOSS.grad(P.astype(half), T, upstream=np.array([1, 0, 2], half), reduction="none")
    assert gradient.dtype == half and gradient.tolist() == (2 * (P - T) * [1, 0, 2]).tolist()
    out = np.zeros(3, half)
    assert LOSS.grad(P, T, out=out) is out and out.tolist() == (2 * (P - T) / 3).astype(np.float32).astype(half).tolist()
    assert LOSS.fit_constant(np.array([1, 3], half)) == 2 and LOSS.reduce(np.array([1, 3], half)) == 2
    assert Total(LOSS).add_values(np.array([1, 3], half)).mean == 2


@pytest.mark.parametrize(("bad", "says"), [
    (None, "prediction is None"), ((x for x in P), "prediction is a generator"), ({}, "prediction is a dict"), ({1}, "prediction is a set"), ("abc", "dtype <U3"),
    (b"abc", "dtype"), (["a", "b", "c"], "dtype <U1"), (P + 0j, "dtype complex128"), (1j, "complex128"), (np.array(["2020-01-01"] * 3, "M8[D]"), "datetime64"),
    (np.ones(3, "m8[s]"), "timedelta64"), (np.zeros(3, [("a", "f4")]), "dtype"), (np.array([1, 2, 3], object), r"dtype object.*astype\(float\)"),
    ([2**70, 1, 1], "64 bits"), ([1, None, 3], r"prediction\[1\] = None is no number"), ([[1, "x", 3]], "dtype <U"), (np.array([[1, "x"]], object), r"prediction\[0, 1\] = 'x' is no number"),
    ([decimal.Decimal(1)] * 3, r"prediction\[0\] = <Decimal> is no number"), ([[1, 2], [3]], "prediction is no array of numbers"), (object(), "prediction is a object"),
    (type("Raises", (), {"__array__": lambda self, dtype=None, copy=None: 1 / 0})(), "prediction is no array of numbers: division by zero"),
])  # fmt: skip
def test_no_array_of_numbers(bad, says):
    with pytest.raises(libloss.DTypeError, match=says) as caught:
        LOSS(bad, T)
    assert caught.value.argument == "prediction" and caught.value.status == 31
    with pytest.raises(libloss.DTypeError):
        libloss.squared_error(bad, T)
    if bad is not None:
        for call in (lambda: LOSS(P, T, weight=bad), lambda: LOSS.grad(P, T, upstream=bad), lambda: LOSS.reduce(bad), lambda: LOSS.fit_constant(bad)):
            with pytest.raises(libloss.DTypeError):
                call()


def test_longdouble():
    if np.dtype(np.longdouble).itemsize > 8:
        with pytest.raises(libloss.DTypeError, match="prediction has dtype"):
            LOSS(P.astype(np.longdouble), T)


def test_interrupts_are_not_taken_for_bad_arrays():
    class Stops:
        def __array__(self, dtype=None, copy=None):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        LOSS(Stops(), T)


# ---- what is not there ----


@pytest.mark.parametrize("argument", ["prediction", "target", "weight", "upstream"])
@pytest.mark.parametrize("masked", [np.ma.array, lambda x, mask: np.ma.array(np.where(mask, np.nan, x), mask=mask)])
def test_masked_is_not_there(argument, masked):
    call = {"prediction": P, "target": T, "weight": np.ones(3), "upstream": np.ones(3)}
    call[argument] = masked(call[argument], mask=HOLE)
    gradient = LOSS.grad(**call)
    np.testing.assert_array_equal(gradient, np.where(HOLE, 0, 2 * (P - T) / 2))
    assert type(gradient) is np.ndarray
    if argument != "upstream":
        del call["upstream"]
        assert LOSS(**call) == WITHOUT_1 == libloss.squared_error(**call)


def test_masks_combine_and_are_seen_everywhere():
    masked = np.ma.array(SQUARES, mask=HOLE)
    assert LOSS.reduce(masked) == LOSS.reduce(SQUARES, weight=np.ma.array([1, 1, 1], mask=HOLE)) == WITHOUT_1
    assert LOSS.fit_constant(np.ma.array([1.0, 100, 2], mask=HOLE)) == 1.5 == LOSS.fit_constant([1, 100, 2], weight=np.ma.array([1.0, 1, 1], mask=HOLE))
    assert Total(LOSS).add_values(masked).mean == Total(LOSS).add(np.ma.array(P, mask=HOLE), T).mean == WITHOUT_1
    first, last = np.ma.array(P, mask=[1, 0, 0]), np.ma.array(T, mask=[0, 0, 1])
    assert LOSS(first, last, weight=[1, 1, 1]) == SQUARES[1]
    rows, labels = np.arange(6.0).reshape(2, 3), [0, 1]
    loss = Loss("cross_entropy")
    hole = np.ma.array(rows, mask=[[0, 1, 0], [0, 0, 0]])
    assert loss(hole, labels) == loss(rows[1:], labels[1:]) == loss(hole.T, labels, axis=0)
    assert loss(rows, np.ma.array([0, 77], mask=[0, 1])) == loss(rows[:1], [0])
    assert loss(rows, labels, class_weight=np.ma.array([1, 9, 1], mask=HOLE)) == loss(rows, labels, class_weight=[1, 0, 1])
    assert libloss.metrics.accuracy(prediction=[0, 1, 1], target=[0, 1, 0], weight=np.ma.array([1, 1, 1], mask=[0, 0, 1])) == 1


def test_pandas():
    pandas = pytest.importorskip("pandas")
    S = pandas.Series
    assert LOSS(S(P), S(T)) == LOSS(pandas.Index(P), T) == LOSS(S(P, dtype="Sparse[float64]"), T) == ALL
    for dtype in ("Float64", "Float32"):
        assert LOSS(S([0.5, None, -1], dtype=dtype), T) == WITHOUT_1 == LOSS(P, T, weight=S([1, None, 1], dtype=dtype))
    assert LOSS.grad(S([0.5, None, -1], dtype="Float32"), T).dtype == np.float32
    assert LOSS(pandas.array([1, None, 3], dtype="Int64"), [0, 0, 0]) == 5
    assert LOSS(S([True, None, False], dtype="boolean"), [0, 0, 0]) == 0.5
    assert LOSS(S([1, 2, 1]).astype("category"), [0, 0, 0]) == 2 and LOSS(S([1, None, 3]).astype("category"), [0, 0, 0]) == 5
    assert np.isnan(LOSS(S([1, np.nan, 3]), [0, 0, 0])), "a float NaN is a NaN"
    assert np.isnan(LOSS(S(pandas.arrays.FloatingArray(np.array([1, np.nan, 3]), np.array([False] * 3))), [0, 0, 0]))
    frame = pandas.DataFrame({"a": [0.5, 2], "b": [1, 2]})
    assert LOSS(frame, np.zeros((2, 2))) == (0.25 + 4 + 1 + 4) / 4
    holes = pandas.DataFrame({"a": S([0.5, None], dtype="Float32"), "b": np.float32([1, 2])})
    assert LOSS(holes, np.zeros((2, 2), np.float32)) == (0.25 + 1 + 4) / 3 and LOSS(holes, np.zeros((2, 2), np.float32), reduction="none").dtype == np.float32
    logits, labels = pandas.DataFrame({"a": [0.5, 2, 1], "b": [1.0, 2, 2]}), S([0, None, 1], dtype="Int64")
    assert Loss("cross_entropy")(logits, labels) == Loss("cross_entropy")(logits.to_numpy()[[0, 2]], [0, 1])
    for bad in (S(["1", "2", "3"]), S(["1", "2", "3"], dtype="category"), S(pandas.date_range("2020", periods=3)), S(pandas.interval_range(0, 3)),
                pandas.DataFrame({"a": P, "b": ["1", "2", "3"]}), S([1, 2, 3], dtype=object)):
        with pytest.raises(libloss.DTypeError, match=r'prediction (\(column "b"\) )?has dtype') as caught:
            LOSS(bad, np.zeros(bad.shape))
        assert caught.value.argument == "prediction"
    shifted = S(P, index=[3, 4, 5])
    for call in (lambda: LOSS(shifted, S(T)), lambda: LOSS(S(P), T, weight=shifted), lambda: LOSS.fit_constant(S(P), weight=shifted),
                 lambda: libloss.metrics.accuracy(prediction=S([1, 0, 1]), target=S([1, 1, 1], index=[3, 4, 5]))):
        with pytest.raises(libloss.ShapeError, match="different indexes"):
            call()


def test_arrow_in_pandas():
    pandas, pyarrow = pytest.importorskip("pandas"), pytest.importorskip("pyarrow")
    for kind in (pyarrow.float64(), pyarrow.int8(), pyarrow.bool_()):
        assert LOSS(pandas.Series([1, None, 0], dtype=pandas.ArrowDtype(kind)), [0, 0, 0]) == 0.5
    with pytest.raises(libloss.DTypeError, match="string"):
        LOSS(pandas.Series(["1"], dtype="string[pyarrow]"), [0])


def test_polars():
    polars = pytest.importorskip("polars")
    for kind in (polars.Float64, polars.Float32, polars.Int8, polars.UInt32, polars.Boolean):
        series = polars.Series([1, None, 0]).cast(kind)
        assert LOSS(series, np.zeros(3, np.float32)) == 0.5, kind
    assert LOSS.grad(polars.Series([1.0], dtype=polars.Float32), [0]).dtype == np.float32
    assert np.isnan(LOSS(polars.Series([1.0, float("nan")]), [0, 0]))
    assert LOSS(polars.DataFrame({"a": [0.5, None], "b": [1, 2]}), np.zeros((2, 2))) == (0.25 + 1 + 4) / 3
    for bad in (polars.Series(["1"]), polars.Series(["1"], dtype=polars.Categorical), polars.Series([datetime.date(2020, 1, 1)]), polars.Series([["1"]]),
                polars.Series([1]).cast(polars.Decimal(10, 2)), polars.DataFrame({"a": ["1"]})):
        with pytest.raises(libloss.DTypeError, match=r'prediction (\(column "a"\) )?has dtype'):
            LOSS(bad, [0])
    with pytest.raises(libloss.DTypeError, match=r"collect\(\)"):
        LOSS(polars.DataFrame({"a": [1.0]}).lazy(), [0])


def test_arrow():
    pa = pytest.importorskip("pyarrow")
    for kind in (pa.float64(), pa.float32(), pa.int8(), pa.uint64(), pa.bool_()):
        holes = pa.array([1, None, 0], pa.int64()).cast(kind)
        assert LOSS(holes, np.zeros(3, np.float32)) == 0.5, kind
        assert LOSS(pa.chunked_array([holes, holes]), np.zeros(6, np.float32)) == 0.5
    assert LOSS(pa.array([9, 0.5, None, -1])[1:], T) == WITHOUT_1
    assert LOSS(pa.array([1.0, None, 3]).dictionary_encode(), [0, 0, 0]) == 5
    table = pa.table({"a": [0.5, None], "b": [1, 2]})
    assert LOSS(table, np.zeros((2, 2))) == (0.25 + 1 + 4) / 3 == LOSS(table.to_batches()[0], np.zeros((2, 2)))
    for bad in (pa.array(["1"]), pa.array(["1"]).dictionary_encode(), pa.nulls(1), pa.array([datetime.datetime(2020, 1, 1)]), pa.table({"a": ["1"]})):
        with pytest.raises(libloss.DTypeError, match=r'prediction (\(column "a"\) )?has dtype'):
            LOSS(bad, [0])
    with pytest.raises(libloss.DTypeError, match="DoubleScalar"):
        LOSS(pa.scalar(1.0), 0)


def as_pandas(values, name, classes=None):
    import pandas

    return pandas.Series(values, name=name, dtype=None if classes is None else pandas.CategoricalDtype(classes))


def as_polars(values, name, classes=None):
    import polars

    return polars.Series(name, values, dtype=None if classes is None else polars.Enum(classes))


def as_arrow(values, name, classes=None):
    """A column in pandas whose memory is Arrow's; its dictionary has the order that is asked for."""
    import pandas
    import pyarrow as pa

    column = pa.array(values)
    if classes is not None:
        column = pa.DictionaryArray.from_arrays(pa.array([None if v is None else classes.index(v) for v in values], pa.int8()), classes)
    return pandas.Series(column, name=name, dtype=pandas.ArrowDtype(column.type))


COLUMNS = pytest.mark.parametrize("column", [as_pandas, as_polars, as_arrow])
SCORES, SPECIES, CLASSES = np.array([[0.5, 2, 1], [1, 2, 2], [0, 1, -1], [3, 1, 0]]), ["dog", None, "ant", "cat"], ["dog", "ant", "cat"]


@COLUMNS
def test_categories_are_class_indices(column):
    loss, there = Loss("cross_entropy"), [0, 2, 3]
    labels = column(SPECIES, "species", CLASSES)
    assert loss(SCORES, labels) == loss(SCORES[there], [0, 1, 2]) == libloss.cross_entropy(SCORES, labels)
    np.testing.assert_array_equal(loss.grad(SCORES, labels)[there], loss.grad(SCORES[there], [0, 1, 2]))
    assert not loss.grad(SCORES, labels)[1].any()
    np.testing.assert_array_equal(loss.fit_constant(labels), loss.fit_constant([0, 1, 2]))
    assert Total(loss).add(SCORES, labels).mean == loss(SCORES, labels)
    guess = column(["dog", "dog", "cat", "cat"], "guess", CLASSES)
    assert libloss.metrics.accuracy(prediction=guess, target=labels) == 2 / 3
    assert libloss.metrics.recall(prediction=guess, target=labels, average="macro") == 2 / 3
    assert Total("recall(average=macro, classes=3)").add(prediction=guess, target=labels).value == 2 / 3
    twos = column(["dog", "ant", "ant", "dog"], "guess", CLASSES)
    counts = [[2, 0, 0], [0, 2, 0], [0, 0, 0]]
    assert libloss.metrics.confusion_matrix(prediction=twos, target=twos).tolist() == counts, "a class that is not there is a class"
    assert Total("confusion_matrix").add(prediction=twos, target=twos).value.tolist() == counts
    assert loss.fit_constant(twos).tolist() == loss.fit_constant([0, 1, 1, 0], classes=3).tolist()
    words = column(["dog", "ant", "cat", "dog"], "species")
    with pytest.raises(libloss.DTypeError, match=r'target \(column "species"\) has dtype .*: class indices are integers, or categories \(pandas.CategoricalDtype'):
        loss(SCORES, words)
    with pytest.raises(libloss.ArgumentError, match=r"prediction .*and target have different categories, 'dog', 'cat', 'ant' and 'dog', 'ant', 'cat'"):
        libloss.metrics.accuracy(prediction=column(SPECIES, "guess", ["dog", "cat", "ant"]), target=labels)
    for call in (lambda: libloss.squared_error([0, 0, 0, 0], labels), lambda: libloss.metrics.roc_auc(prediction=labels, target=[0, 1, 0, 1])):
        with pytest.raises(libloss.DTypeError, match=r'(target|prediction) \(column "species"\) has dtype') as caught:
            call()
        assert caught.value.argument in ("target", "prediction")


def test_columns_named_after_the_classes_are_in_their_order():
    import pandas

    labels = as_pandas(SPECIES, "species", CLASSES)
    frame = pandas.DataFrame(SCORES, columns=CLASSES)
    assert libloss.cross_entropy(frame, labels) == libloss.cross_entropy(SCORES, labels)
    with pytest.raises(libloss.ArgumentError, match="classes 'ant', 'cat', 'dog', and target 'dog', 'ant', 'cat': the same in another order"):
        libloss.cross_entropy(frame[sorted(CLASSES)], labels)


def test_which_order_categories_have():
    """Sorted by pandas, as declared in an Enum, by appearance in an Arrow dictionary, whose pieces are put together first."""
    import pandas
    import polars
    import pyarrow as pa

    loss, words = Loss("cross_entropy"), ["b", "c", "a"]
    assert loss(SCORES[:3], pandas.Series(words, dtype="category")) == loss(SCORES[:3], [1, 2, 0])
    assert loss(SCORES[:3], polars.Series(words, dtype=polars.Enum(["c", "a", "b"]))) == loss(SCORES[:3], [2, 0, 1])
    assert loss(SCORES[:3], pa.array(words).dictionary_encode()) == loss(SCORES[:3], [0, 1, 2])
    pieces = pa.chunked_array([pa.array(["b", "c"]).dictionary_encode(), pa.array(["c", "a"]).dictionary_encode()])
    assert loss(SCORES, pieces) == loss(SCORES, [0, 1, 1, 2])
    with pytest.raises(libloss.DTypeError, match=r'target \(column "s"\) has dtype Categorical, which has no order of its own: cast it to polars.Enum'):
        loss(SCORES[:3], polars.Series("s", words, dtype=polars.Categorical))
    for numbers in (pandas.Series([2, 0, 1]).astype("category"), pa.array([2, 0, 1]).dictionary_encode()):
        assert loss(SCORES[:3], numbers) == loss(SCORES[:3], [2, 0, 1]), "numbers stay numbers"
    empty = pa.chunked_array([], pa.dictionary(pa.int8(), pa.string()))
    assert np.isnan(loss(np.zeros((0, 3)), empty))


@COLUMNS
def test_columns_are_named(column):
    bad = column([0.5, 1.5, 0.5], "score")
    with pytest.raises(libloss.DomainError, match=r'prediction \(column "score"\)\[1\] = 1.5') as caught:
        libloss.binary_cross_entropy(bad, [1.0, 0, 1])
    assert (caught.value.argument, caught.value.position, caught.value.value) == ("prediction", (1,), 1.5)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.argument, again.position, str(again)) == ("prediction", (1,), str(caught.value))
    for call in (lambda w: LOSS(P, T, weight=w), lambda w: Total(LOSS).add(P, T, weight=w), lambda w: libloss.metrics.r2(prediction=P, target=T, weight=w)):
        with pytest.raises(libloss.DomainError, match=r'weight \(column "w"\)\[2\] = -1'):
            call(column([1.0, 0, -1], "w"))
    with pytest.raises(libloss.ShapeError, match=r'target has shape \(2,\), but prediction \(column "score"\) has \(3,\)|target .*prediction'):
        LOSS(bad, [1.0, 2])
    with pytest.raises(libloss.DomainError, match=r"prediction\[1\] = 1.5"):
        libloss.binary_cross_entropy(bad.rename(None) if hasattr(bad, "index") else bad.alias(""), [1.0, 0, 1])


def test_columns_of_tables_are_named():
    import pandas
    import polars
    import pyarrow as pa

    columns = {"p": [0.5, 0.5], 'q "x"': [0.5, -1.0]}
    for table in (pandas.DataFrame(columns), polars.DataFrame(columns), pa.table(columns), pa.record_batch(columns)):
        with pytest.raises(libloss.DomainError) as caught:
            libloss.binary_cross_entropy(table, np.ones((2, 2)))
        assert 'prediction (column "q \\"x\\"")[1, 1] = -1' in str(caught.value)
        assert (caught.value.argument, caught.value.position) == ("prediction", (1, 1))
    with pytest.raises(libloss.DTypeError, match=r'prediction \(column "b"\)\[1, 1\] = \'x\' is no number'):
        LOSS(pandas.DataFrame({"a": [1, 2], "b": [1, "x"]}, dtype=object), np.zeros((2, 2)))
    assert LOSS(pandas.DataFrame({"a": [True, False], "b": [2, 3]}), np.zeros((2, 2))) == 14 / 4


def test_columns_of_rows():
    import pandas
    import polars
    import pyarrow as pa

    loss, rows = Loss("cross_entropy"), [[0.5, 2, 1], None, [1, None, 0], [3, 1, 0]]
    value = loss(SCORES[[0, 3]], [0, 2])
    for column in (pa.array(rows), pa.array(rows, pa.list_(pa.float64(), 3)), pa.array(rows, pa.large_list(pa.float64())),
                   pa.chunked_array([rows[:2], rows[2:]]), polars.Series(rows), polars.Series(rows, dtype=polars.Array(polars.Float64, 3)),
                   pandas.Series(pa.array(rows), dtype=pandas.ArrowDtype(pa.list_(pa.float64())))):
        assert loss(column, [0, 1, 1, 2]) == value
        assert loss(column[1:3], [0, 1], reduction="sum") == 0
    stacked = pandas.Series([np.ones(3), np.zeros(3)], name="embedding")
    with pytest.raises(libloss.DTypeError, match=r'prediction \(column "embedding"\)\[0\] = <ndarray> is no number: numpy.stack\(prediction\) makes rows'):
        loss(stacked, [0, 1])
    assert loss(np.stack(stacked), [0, 1]) == loss([[1, 1, 1], [0, 0, 0]], [0, 1])
    for column in (pa.array([[1.0], None, [1, 2]]), polars.Series("s", [[1.0], None, [1, 2]])):
        with pytest.raises(libloss.ShapeError, match=r"prediction.*\[2\] has 2 values, and prediction.*\[0\] has 1: rows are of one length"):
            loss(column, [0, 0, 0])


@pytest.mark.filterwarnings("ignore")
def test_torch():
    torch = pytest.importorskip("torch")
    p = torch.tensor(P)
    assert LOSS(p, torch.tensor(T)) == ALL
    for kind, gradient in ((torch.float32, "f4"), (torch.float16, "f2"), (torch.bfloat16, "f4")):
        assert LOSS(p.to(kind), T) == ALL and LOSS.grad(p.to(kind), T).dtype == gradient
        assert LOSS(torch.repeat_interleave(p, 2).to(kind)[::2], T) == ALL
        assert LOSS(P, T, weight=torch.tensor([1, 0, 1], dtype=kind)) == WITHOUT_1
    assert LOSS(torch.tensor(2.0).to(torch.bfloat16), 1.0) == 1
    negative = torch.complex(torch.tensor(T), -p).conj().imag
    assert negative.is_neg() and LOSS(negative, T) == ALL

    class Mine(torch.Tensor):
        pass

    Mine.__module__ = "mine"
    for bad in (p.clone().requires_grad_(), torch.nn.Parameter(p), p.as_subclass(Mine).requires_grad_()):
        for argument in ("prediction", "target", "weight", "upstream"):
            with pytest.raises(libloss.DTypeError, match=rf"{argument} requires grad.*{argument}\.detach\(\)") as caught:
                LOSS.grad(**{"prediction": P, "target": T, argument: bad})
            assert caught.value.argument == argument
    assert LOSS(p.to(torch.bfloat16).as_subclass(Mine), T) == ALL == LOSS(negative.as_subclass(Mine), T)
    with pytest.raises(libloss.DeviceError, match=r"prediction is on meta.*prediction\.cpu\(\)") as caught:
        LOSS(torch.zeros(3, device="meta"), T)
    assert caught.value.argument == "prediction" and caught.value.status == 32
    for bad in (p.to_sparse(), p.to(torch.float8_e4m3fn), torch.quantize_per_tensor(p.float(), 0.1, 0, torch.qint8), p + 1j):
        with pytest.raises(libloss.DTypeError, match="prediction"):
            LOSS(bad, T)
    with pytest.raises(libloss.DTypeError, match="prediction"):
        torch.func.vmap(lambda x: LOSS(x, x))(p)


def test_jax():
    jax = pytest.importorskip("jax")
    p = jax.numpy.array(P)
    assert LOSS(p, jax.numpy.array(T)) == ALL and LOSS.grad(p, T).dtype == np.float32
    half = LOSS.grad(p.astype(jax.numpy.bfloat16), T)
    assert half.dtype.name == "bfloat16" and half.tolist() == (2 * (P - T) / 3).astype(half.dtype).tolist()
    for transform in (jax.jit, jax.grad, jax.vmap):
        with pytest.raises(libloss.DTypeError, match="prediction is traced by JAX"):
            transform(lambda x: LOSS(x, x))(p)


@pytest.mark.parametrize("device", [2, 10, 13])
def test_devices(device):
    class Elsewhere:
        def __dlpack__(self, **options):
            raise AssertionError

        def __dlpack_device__(self):
            return device, 0

    with pytest.raises(libloss.DeviceError, match="target is on a device") as caught:
        libloss.huber([1.0], Elsewhere())
    assert caught.value.argument == "target"


# ---- where results go ----


def test_out_of_any_kind():
    want = 2 * (P - T) / 3
    for out in (np.zeros(3, np.float32), np.zeros(3, ">f8"), np.zeros(6)[::-2], every_5_bytes(P), unaligned(P), np.zeros((2, 3)).T[:, 0], np.zeros(3).view(np.recarray)):
        assert LOSS.grad(P, T, out=out) is out
        np.testing.assert_array_equal(out, want.astype(out.dtype))
    for make in (every_5_bytes, lambda x: x.astype(">f8")):
        here = make(P)
        assert LOSS.grad(here, T, out=here) is here  # in place
        np.testing.assert_array_equal(here, want.astype(here.dtype))
    value, gradient = np.zeros(3), np.zeros(3)
    got = LOSS.value_and_grad(P, T, reduction="none", out=(value, gradient))
    assert got[0] is value and got[1] is gradient and value.tolist() == SQUARES.tolist()
    gradient, hessian = np.zeros(3), np.zeros(3)
    got = LOSS.grad_and_hess(P, T, out=(gradient, None))
    assert got[0] is gradient and got[1].tolist() == LOSS.hess(P, T).tolist()
    by_p, by_t = np.zeros(3), np.zeros(3)
    got = LOSS.grad(P, T, wrt=("target", "prediction"), out=(by_t, by_p))
    assert got[0] is by_t and got[1] is by_p and by_p.tolist() == want.tolist() == (-by_t).tolist()
    assert LOSS.evaluate(P, T, want=["hess"], out={"hess": hessian}).hess is hessian and hessian.any()


def test_out_is_not_ignored():
    for call, error, says in (
        (lambda: LOSS(P, T, out=np.zeros(3)), libloss.ArgumentError, "reduction='none'"),
        (lambda: libloss.squared_error(P, T, out=np.zeros(3)), libloss.ArgumentError, "reduction='none'"),
        (lambda: LOSS.evaluate(P, T, want="value", out={"value": np.zeros(3)}), libloss.ArgumentError, "reduction='none'"),
        (lambda: LOSS.evaluate(P, T, want="grad", out={"gard": np.zeros(3)}), libloss.ArgumentError, "gard"),
        (lambda: LOSS.grad_and_hess(P, T, out=np.zeros(3)), libloss.ArgumentError, "pair"),
        (lambda: LOSS.grad(P, T, wrt=("target", "prediction"), out=np.zeros(3)), libloss.ArgumentError, "tuple of 2"),
        (lambda: LOSS.grad(P, T, out=np.zeros(4)), libloss.ShapeError, r"out has shape \(4,\); it needs \(3,\)"),
        (lambda: LOSS.grad(P, T, out=np.zeros(3, int)), libloss.DTypeError, "out has dtype int64"),
        (lambda: LOSS.grad(P, T, out=[0.0] * 3), libloss.DTypeError, "out is a list"),
        (lambda: LOSS.grad(P, T, out=np.ma.zeros(3)), libloss.DTypeError, "out is a MaskedArray"),
        (lambda: LOSS.grad(P, T, out=locked(P)), libloss.ArgumentError, "out is read-only"),
    ):
        with pytest.raises(error, match=says):
            call()


def test_an_error_leaves_outputs_alone():
    out = np.full(3, 7.0)
    for bad in (lambda: LOSS.grad(P, T, weight=[1, -1, 1], out=out), lambda: LOSS.grad(P, T[:2], out=out), lambda: LOSS.grad(P, T, upstream=[1], out=out),
                lambda: Loss("hinge").grad(P, [1, 0, 1], out=out)):
        with pytest.raises(libloss.Error):
            bad()
        assert out.tolist() == [7, 7, 7]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_errors_travel(protocol):
    for call in (lambda: Loss("hubber"), lambda: Loss("huber(delta=)"), lambda: LOSS(P, T[:2]), lambda: LOSS([1j], [0]), lambda: Loss("cross_entropy")([[1.0, 2]], [5]),
                 lambda: LOSS(P, T, weight=[1, -2, 1]), lambda: LOSS(P, T, reduction="avg"), lambda: LOSS.grad(P, T, wrt="x"), lambda: Loss("huber", delta=-1)):
        with pytest.raises(libloss.Error) as caught:
            call()
        one, two = caught.value, pickle.loads(pickle.dumps(caught.value, protocol))
        for attribute in ("args", "status", "argument", "position", "value", "nearest", "column"):
            assert getattr(one, attribute, None) == getattr(two, attribute, None)
        assert type(one) is type(two) and one.status > 0 and isinstance(one, (ValueError, TypeError)) and not isinstance(one, KeyError)


@pytest.mark.parametrize(("call", "status", "argument", "position", "value"), [
    (lambda: LOSS(P, T, weight=[1, -2, 1]), 42, "weight", (1,), -2),
    (lambda: LOSS(P, T, weight=-2), 42, "weight", None, -2),
    (lambda: Loss("cross_entropy")(np.ones((2, 2, 3)), [[0, 1], [2, 3]]), 40, "target", (1, 1), 3),
    (lambda: libloss.binary_cross_entropy([0.5, 2.5], [0, 1]), 41, "prediction", (1,), 2.5),
    (lambda: libloss.binary_cross_entropy([0.5], [1.5]), 41, "target", (0,), 1.5),
    (lambda: Loss("huber", delta=-1), 21, "delta", None, -1),
    (lambda: Loss("huber", delt=1), 21, "delt", None, None),
    (lambda: LOSS(P, T[:2]), 30, "target", None, None),
    (lambda: LOSS(P, T, weight=[1, 2]), 30, "weight", None, None),
    (lambda: LOSS(P, T, reduction="avg"), 12, "reduction", None, "avg"),
    (lambda: LOSS(P, T, divisor=-1), 12, "divisor", None, -1),
    (lambda: LOSS.hess(P, T, curvature="lower"), 12, "curvature", None, "lower"),
    (lambda: Loss("hinge").grad(P, [1, 1, 1], wrt="target"), 50, "target", None, None),
    (lambda: Loss("cross_entropy")(np.ones((2, 3)), [[0], [1]]), 30, "target", None, None),
    (lambda: Loss("cross_entropy")(np.ones((2, 3)), [0, 1], axis=2), 30, "axis", None, 2),
    (lambda: LOSS(P, T, axis=0), 12, "axis", None, 0),
    (lambda: libloss.metrics.top_k_accuracy(prediction=[[1.0, 2]], target=[0], k=3), 21, "k", None, 3),
])  # fmt: skip
def test_errors_say_what_where_and_which(call, status, argument, position, value):
    with pytest.raises(libloss.Error) as caught:
        call()
    assert (caught.value.status, caught.value.argument, caught.value.position, caught.value.value) == (status, argument, position, value)


def test_labels_in_a_column():
    with pytest.raises(libloss.ShapeError, match=r"target has shape \(2, 1\); class indices have shape \(2,\)"):
        libloss.cross_entropy(np.ones((2, 3)), [[0], [1]])
    with pytest.raises(libloss.ShapeError, match=r"did you mean class_weight\?"):
        libloss.cross_entropy(np.ones((2, 3)), [0, 1], weight=[1, 2, 3])


def test_a_constant_start_is_many_numbers():
    start, target = np.broadcast_to(1.0, (3,)), np.array([0.0, 1.0, 3.0])
    assert LOSS.grad(start, target, reduction="sum").tolist() == [2, 0, -4]
    assert [a.tolist() for a in LOSS.grad_and_hess(start, target, reduction="sum")] == [[2, 0, -4], [2, 2, 2]]
    value, gradient = LOSS.value_and_grad(start, target, reduction="sum")
    assert (value, gradient.tolist()) == (5, [2, 0, -4])
