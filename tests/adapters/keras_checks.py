"""What test_keras.py runs once per backend: libloss.keras against the losses that Keras has itself."""

from __future__ import annotations

import keras
import libloss
import libloss.keras
import numpy as np
import pytest
from keras import ops
from keras.src.backend import set_keras_mask
from sklearn.datasets import load_digits

RNG = np.random.default_rng(3)
N, K = 8, 3
PREDICTION = RNG.normal(0, 2, (N, K)).astype("float32")
TARGET = RNG.normal(0, 2, (N, K)).astype("float32")
BITS = (TARGET > 0).astype("float32")
ROWS = np.exp(TARGET) / np.exp(TARGET).sum(1, keepdims=True)
LABELS = RNG.integers(0, K, N)
WEIGHT = np.array([1, 0, 2, 0.5, 0, 3, 1, 1], "float32")
MASK = np.array([1, 1, 0, 1, 0, 1, 1, 0], bool)
BAD = (ValueError, RuntimeError)  # DomainError is the one, what JAX raises the other

PEERS = {
    "squared_error": (TARGET, keras.losses.MeanSquaredError, {}),
    "absolute_error": (TARGET, keras.losses.MeanAbsoluteError, {}),
    "huber(delta=0.7)": (TARGET, keras.losses.Huber, {"delta": 0.7}),
    "log_cosh": (TARGET, keras.losses.LogCosh, {}),
    "binary_cross_entropy_with_logits": (BITS, keras.losses.BinaryCrossentropy, {"from_logits": True}),
    "binary_cross_entropy_with_logits(label_smoothing=0.2)": (BITS, keras.losses.BinaryCrossentropy, {"from_logits": True, "label_smoothing": 0.2}),
    "hinge": (2 * BITS - 1, keras.losses.Hinge, {}),
    "squared_hinge": (2 * BITS - 1, keras.losses.SquaredHinge, {}),
    "cross_entropy": (LABELS, keras.losses.SparseCategoricalCrossentropy, {"from_logits": True}),
    "cross_entropy(ignore_index=1)": (LABELS, keras.losses.SparseCategoricalCrossentropy, {"from_logits": True, "ignore_class": 1}),
    "cross_entropy()": (ROWS, keras.losses.CategoricalCrossentropy, {"from_logits": True}),
}
REDUCTIONS = ["sum_over_batch_size", "mean_with_sample_weight", "sum", None]


def close(a, b, tolerance=1e-5):
    np.testing.assert_allclose(ops.convert_to_numpy(a), ops.convert_to_numpy(b), rtol=tolerance, atol=tolerance)


def masked(x, mask=MASK):
    x = ops.convert_to_tensor(x)
    set_keras_mask(x, ops.convert_to_tensor(mask))
    return x


def gradient(f, x):
    if keras.backend.backend() == "jax":
        import jax

        return np.asarray(jax.grad(f)(ops.convert_to_tensor(x)))
    import torch

    x = torch.tensor(x, requires_grad=True)
    f(x).backward()
    return x.grad.numpy()


@pytest.mark.parametrize("spec, reduction", [*((spec, "sum_over_batch_size") for spec in PEERS),
                                             *((spec, reduction) for reduction in REDUCTIONS[1:] for spec in ("huber(delta=0.7)", "cross_entropy"))])
def test_values_and_gradients_are_those_of_keras(spec, reduction):
    target, peer, options = PEERS[spec]
    ours, theirs = libloss.keras.Loss(spec, reduction=reduction), peer(reduction=reduction, **options)
    for weight in (None, WEIGHT):
        close(ours(target, PREDICTION, weight), theirs(target, PREDICTION, weight))
        close(gradient(lambda x, w=weight: ops.sum(ours(target, x, w)), PREDICTION), gradient(lambda x, w=weight: ops.sum(theirs(target, x, w)), PREDICTION))
    close(ours.call(target, PREDICTION), theirs.call(ops.convert_to_tensor(target), ops.convert_to_tensor(PREDICTION)))


@pytest.mark.parametrize("spec", ["huber(delta=0.7)", "cross_entropy", "cross_entropy(ignore_index=1)"])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_masks_are_those_of_keras(spec, reduction):
    target, peer, options = PEERS[spec]
    ours, theirs = libloss.keras.Loss(spec, reduction=reduction), peer(reduction=reduction, **options)
    for weight in (None, WEIGHT):
        close(ours(target, masked(PREDICTION), weight), theirs(target, masked(PREDICTION), weight))


def test_shapes_of_weights_are_those_of_keras():
    for spec in ("huber(delta=0.7)", "cross_entropy"):
        target, peer, options = PEERS[spec]
        for weight in (WEIGHT[:, None], 2.0):
            close(libloss.keras.Loss(spec)(target, PREDICTION, weight), peer(**options)(target, PREDICTION, weight))


def test_masks_of_sequences_are_those_of_keras():
    """(batch, time) against logits (batch, time, classes), and weights per sequence, which Keras's torch backend only takes repeated."""
    logits, labels = RNG.normal(size=(4, 5, K)).astype("float32"), RNG.integers(0, K, (4, 5))
    mask = np.arange(5) < np.array([[5], [2], [0], [4]])
    weight = np.array([[1.0], [2.0], [1.0], [0.0]], "float32")
    want = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, masked(logits, mask), np.repeat(weight, 5, 1))
    for each in (weight, weight[:, 0], np.repeat(weight, 5, 1)):
        close(libloss.keras.Loss("cross_entropy")(labels, masked(logits, mask), each), want)


def test_libloss_own_reductions():
    """Their divisors, written out."""
    values = 0.5 * (PREDICTION - TARGET) ** 2
    total = (values * WEIGHT[:, None]).sum()
    for reduction, divisor in (("mean", (WEIGHT != 0).sum() * K), ("size_mean", N * K), ("weighted_mean", WEIGHT.sum() * K), ("batch_mean", N)):
        close(libloss.keras.Loss("half_squared_error", reduction=reduction)(TARGET, PREDICTION, WEIGHT), total / divisor)


@pytest.mark.parametrize("nothing", [np.nan, np.inf])
def test_what_is_not_there_shows_nowhere(nothing):
    """Keras multiplies by 0, and keeps the NaN."""
    prediction, target = PREDICTION.copy(), TARGET.copy()
    prediction[1], target[4] = nothing, nothing
    loss = libloss.keras.Loss("huber")
    clean = loss(TARGET, PREDICTION, WEIGHT)
    close(loss(target, prediction, WEIGHT), clean, 0)
    assert not np.isfinite(ops.convert_to_numpy(keras.losses.Huber()(target, prediction, WEIGHT)))
    got = gradient(lambda x: loss(target, x, WEIGHT), prediction)
    assert np.array_equal(got, gradient(lambda x: loss(TARGET, x, WEIGHT), PREDICTION)) and not got[[1, 4]].any()
    close(loss(np.where(MASK[:, None], TARGET, nothing), masked(PREDICTION)), loss(TARGET, masked(PREDICTION)), 0)


def test_nothing_is_0():
    assert libloss.keras.Loss("huber", reduction="mean")(TARGET, PREDICTION, 0 * WEIGHT) == 0
    assert libloss.keras.Loss("huber")(TARGET, masked(PREDICTION, 0 * MASK)) == 0


def test_ranks():
    peer = keras.losses.MeanSquaredError()
    loss = libloss.keras.Loss("squared_error")
    for target, prediction in ((TARGET[:, 0], PREDICTION[:, :1]), (TARGET[:, :1], PREDICTION[:, 0]), (TARGET[:, 0], PREDICTION[:, 0])):
        close(loss(target, prediction), peer(target, prediction))
    labels = libloss.keras.Loss("cross_entropy")
    close(labels(LABELS[:, None], PREDICTION), labels(LABELS, PREDICTION), 0)
    image, classes = RNG.normal(size=(2, K, 4, 4)).astype("float32"), RNG.integers(0, K, (2, 4, 4))
    first, last = libloss.keras.Loss("cross_entropy", axis=1), np.moveaxis(image, 1, -1)
    close(first(classes, image), labels(classes, last), 0)
    close(first(classes[:, None], image, classes), labels(classes, last, classes), 0)
    close(first(np.moveaxis(np.eye(K)[classes], -1, 1), image), labels(classes, last), 1e-6)
    close(gradient(lambda x: first(classes, x), image), np.moveaxis(gradient(lambda x: labels(classes, x), last), -1, 1), 0)


def test_labels_that_are_floats():
    loss = libloss.keras.Loss("cross_entropy")
    close(loss(LABELS.astype("float32"), PREDICTION), loss(LABELS, PREDICTION), 0)
    for wrong in (0.5, np.nan, 2.0**24):
        with pytest.raises(BAD, match=r"target\[2\] = -2147483648 is not in \[0, 3\)"):
            float(loss(np.where(np.arange(N) == 2, wrong, LABELS).astype("float32"), PREDICTION))
    with pytest.raises(BAD, match=r"target\[5\] = 7 is not in \[0, 3\)"):
        float(loss(np.where(np.arange(N) == 5, 7, LABELS), PREDICTION))
    float(loss(np.where(np.arange(N) == 1, np.nan, LABELS).astype("float32"), PREDICTION, WEIGHT))  # it weighs 0


def test_losses_of_a_batch():
    image, truth = RNG.uniform(size=(2, 4, 4, 1)).astype("float32"), RNG.integers(0, 2, (2, 4, 4, 1)).astype("float32")
    want = keras.losses.Dice()(truth, image)
    close(libloss.keras.Loss("dice")(truth, image), want)
    metric = libloss.keras.Metric("dice", unit_axes=3)
    metric.update_state(truth, image)
    close(metric.result(), np.mean([1 - 2 * (p * t).sum() / (p.sum() + t.sum()) for p, t in zip(image, truth, strict=True)]))


X, Y = load_digits(return_X_y=True)
X = (X / 16).astype("float32")
ONE_HOT = np.eye(10, dtype="float32")[Y]


def history(loss, target, metrics=(), weight=None, epochs=2, **options):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(32, activation="relu"), keras.layers.Dense(10)])
    model.compile("adam", loss=loss, metrics=list(metrics), **options)
    return model, model.fit(X, target, sample_weight=weight, epochs=epochs, batch_size=128, verbose=0).history


@pytest.mark.parametrize("spec, target, peer, weight", [
    ("cross_entropy", Y, keras.losses.SparseCategoricalCrossentropy(from_logits=True), None),
    ("cross_entropy", ONE_HOT, keras.losses.CategoricalCrossentropy(from_logits=True), RNG.uniform(0, 2, len(Y)).astype("float32")),
    ("huber", ONE_HOT, keras.losses.Huber(), RNG.integers(0, 3, len(Y)).astype("float32")),
])
def test_fit_takes_the_path_of_keras(spec, target, peer, weight):
    ours, theirs = (history(loss, target, weight=weight)[1]["loss"] for loss in (libloss.keras.Loss(spec), peer))
    close(ours, theirs)


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="JAX compiles every fit here")
def test_compiled_by_torch():
    """The compiler leaves the loss out and keeps its gradient."""
    import torch

    loss = libloss.keras.Loss("huber")
    target = torch.tensor(TARGET)
    compiled = torch.compile(lambda x: 2 * loss(target, x * 1.5), backend="eager")
    close(gradient(compiled, PREDICTION), gradient(lambda x: 2 * keras.losses.Huber()(target, x * 1.5), PREDICTION))


def test_fit_learns_past_nan():
    """Targets that are not known, of weight 0: the same path as with anything else in their place."""
    known = np.arange(len(Y)) % 3 != 0
    loss = libloss.keras.Loss("huber")
    weight = known.astype("float32")
    clean = history(loss, ONE_HOT, weight=weight)[1]["loss"]
    assert np.all(np.isfinite(clean))
    assert history(loss, np.where(known[:, None], ONE_HOT, np.nan), weight=weight)[1]["loss"] == clean


def test_fit_with_masking_layers():
    words, tags = RNG.integers(1, 9, (64, 6)), RNG.integers(0, K, (64, 6))
    words[np.arange(6) >= RNG.integers(1, 7, (64, 1))] = 0

    def path(loss):
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.Input((6,)), keras.layers.Embedding(9, 4, mask_zero=True), keras.layers.Dense(K)])
        model.compile("sgd", loss=loss)
        return model.fit(words, tags, epochs=3, batch_size=16, verbose=0).history["loss"]

    close(path(libloss.keras.Loss("cross_entropy")), path(keras.losses.SparseCategoricalCrossentropy(from_logits=True)))


def test_mixed_float16():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model, ours = history(libloss.keras.Loss("cross_entropy"), Y)
        assert keras.backend.standardize_dtype(model(X[:2]).dtype) == "float16"
        theirs = history(keras.losses.SparseCategoricalCrossentropy(from_logits=True), Y)[1]
        close(ours["loss"], theirs["loss"], 2e-3)
    finally:
        keras.config.set_dtype_policy("float32")


def test_half_predictions_give_half_gradients():
    half = PREDICTION.astype("float16")
    got = gradient(lambda x: libloss.keras.Loss("huber")(TARGET, x), half)
    assert got.dtype == np.float16
    close(got, gradient(lambda x: libloss.keras.Loss("huber")(TARGET, x), half.astype("float32")), 1e-3)
    assert keras.backend.standardize_dtype(libloss.keras.Loss("huber")(TARGET, half).dtype) == "float32"


def test_saving(tmp_path):
    model, _ = history(libloss.keras.Loss("huber", delta=0.1), ONE_HOT, [libloss.keras.Metric("pseudo_huber", delta=0.3)], epochs=1)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.loss.loss == libloss.Loss("huber", delta=0.1)
    close(again.evaluate(X, ONE_HOT, verbose=0), model.evaluate(X, ONE_HOT, verbose=0), 1e-7)


@pytest.mark.parametrize("made", [
    libloss.keras.Loss("huber", delta=0.1), libloss.keras.Loss("0.7*huber(delta=3) + 0.3*absolute_error", reduction=None, name="mine"),
    libloss.keras.Loss("cross_entropy", axis=1, reduction="weighted_mean", label_smoothing=0.1, dtype="float64"), libloss.keras.Metric("quantile", tau=0.1)])
def test_configuration(made):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(made))
    assert type(again) is type(made) and again.loss == made.loss and again.get_config() == made.get_config()
    copy = type(made).from_config(made.get_config())
    assert copy.get_config() == made.get_config()


@pytest.mark.parametrize("spec, target, function", [
    ("squared_error", TARGET, keras.losses.mean_squared_error),
    ("cross_entropy", LABELS, lambda t, p: keras.losses.sparse_categorical_crossentropy(t, p, from_logits=True)),
])
def test_metric_is_that_of_keras(spec, target, function):
    for weights in (None, WEIGHT):
        ours, theirs = libloss.keras.Metric(spec), keras.metrics.MeanMetricWrapper(function)
        assert ours.result() == 0
        for part in (slice(0, 5), slice(5, 7), slice(7, 8)):
            weight = None if weights is None else weights[part]
            ours.update_state(target[part], PREDICTION[part], weight)
            theirs.update_state(target[part], PREDICTION[part], weight)
        close(ours.result(), theirs.result())
        ours.reset_state()
        assert ours.result() == 0 and ours.name == spec


def test_metric_does_not_see_what_is_not_there():
    metric = libloss.keras.Metric("squared_error")
    metric.update_state(np.where(MASK[:, None], TARGET, np.nan), masked(PREDICTION))
    close(metric.result(), ((PREDICTION - TARGET)[MASK] ** 2).mean())


def test_metric_in_fit():
    _, got = history(libloss.keras.Loss("cross_entropy"), Y, [libloss.keras.Metric("cross_entropy"), libloss.keras.Metric("softmax_focal", gamma=0.0)])
    close(got["cross_entropy"], got["loss"])
    close(got["softmax_focal"], got["loss"])


def test_bad_calls_are_named():
    for call, text in (
        (lambda: libloss.keras.Loss("hubber"), "did you mean huber"),
        (lambda: libloss.keras.Loss("accuracy"), "is a metric"),
        (lambda: libloss.keras.Metric("accuracy"), "is a metric"),
        (lambda: libloss.keras.Loss("gaussian_nll"), "takes prediction, target, variance; Keras has a y_pred and a y_true for it"),
        (lambda: libloss.keras.Loss("nt_xent"), "takes prediction; Keras"),
        (lambda: libloss.keras.Loss("huber", reduction="average"), "reduction = 'average' is none of"),
        (lambda: libloss.keras.Loss("huber", axis=1), "has no rows"),
        (lambda: libloss.keras.Loss("huber")(TARGET[:, :2], PREDICTION), "target has shape"),
        (lambda: libloss.keras.Loss("cross_entropy")(LABELS[:3], PREDICTION), "target has shape"),
        (lambda: libloss.keras.Loss("huber")(TARGET, PREDICTION, WEIGHT[:3]), "weight has shape"),
        (lambda: libloss.keras.Loss(libloss.define(lambda prediction, target: prediction - target, name="own")).get_config(), "one's own"),
    ):
        with pytest.raises(ValueError, match=text):
            call()
    with pytest.raises(BAD, match=r"weight\[3\] = -1"):
        float(libloss.keras.Loss("huber")(TARGET, PREDICTION, np.where(np.arange(N) == 3, -1, WEIGHT)))


def test_losses_of_ones_own():
    own = libloss.define(lambda prediction, target: ((prediction - target) ** 2, 2 * (prediction - target)), name="own")
    close(gradient(lambda x: libloss.keras.Loss(own)(TARGET, x), PREDICTION), gradient(lambda x: keras.losses.MeanSquaredError()(TARGET, x), PREDICTION))
