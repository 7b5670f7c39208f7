"""Losses in Keras

`libloss.keras.Loss` is a `keras.losses.Loss` of any loss with a prediction and a target, on Keras's JAX and torch backends, and
`libloss.keras.Metric` its mean over an epoch. Arguments come in Keras's order, `(y_true, y_pred)`. This page needs `pip install 'libloss[keras]'`
and one of the two backends.
"""

# It goes where Keras's own losses go, and takes the same path.
import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
from sklearn.datasets import load_digits

import libloss.keras

images, labels = load_digits(return_X_y=True)
images = (images / 16).astype("float32")


def fit(loss, target=labels, **options):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(32, activation="relu"), keras.layers.Dense(10)])
    model.compile("adam", loss=loss, metrics=options.pop("metrics", []))
    return model, model.fit(images, target, epochs=4, batch_size=64, verbose=0, **options).history


model, ours = fit(libloss.keras.Loss("cross_entropy"), metrics=["accuracy", libloss.keras.Metric("softmax_focal", gamma=2)])
_, theirs = fit(keras.losses.SparseCategoricalCrossentropy(from_logits=True))
print(np.allclose(ours["loss"], theirs["loss"], rtol=1e-5), sorted(ours))
# prints:
# True ['accuracy', 'loss', 'softmax_focal']

# What weighs 0 or is masked is not there. Keras multiplies by 0 instead, and a NaN stays one.
target = np.eye(10, dtype="float32")[labels]
target[::5] = np.nan
known = np.isfinite(target[:, 0]).astype("float32")
for loss in (libloss.keras.Loss("huber"), keras.losses.Huber()):
    print(np.isfinite(fit(loss, target, sample_weight=known)[1]["loss"]).all())
# prints:
# True
# False

# Keras's files hold the loss with its parameters, exactly.
kept = keras.saving.serialize_keras_object(libloss.keras.Loss("huber", delta=0.1))
print(keras.saving.deserialize_keras_object(kept).loss)
# prints:
# huber(delta=0.1)

# What goes wrong most often:
#
# - `"sum_over_batch_size"`, the default here as in Keras, divides by all values, those of weight 0 too (libloss calls it `size_mean`), though not by
# masked ones. To divide by what is present, say `reduction="mean"`; by the sum of weights, `"mean_with_sample_weight"` or `"weighted_mean"`.
#
# - Losses of classes take logits unless their name says otherwise; there is no `from_logits`. After a softmax layer it is `categorical_cross_entropy`.
#
# - A bad label is found: libloss's DomainError with torch; with JAX, whose programs are compiled, its message in JAX's error.
try:
    float(libloss.keras.Loss("cross_entropy")(labels[:3] + 8, model(images[:3])))
except (ValueError, RuntimeError) as problem:
    print(str(problem).splitlines()[-1].partition("cross_entropy: ")[2])
# prints:
# target[2] = 10 is not in [0, 10)

# - A `Metric` sums in float32, since Keras keeps its state in the backend; `libloss.Total` is exact.
