"""Losses in JAX

`libloss.jax.loss` makes a function of a loss, which JAX differentiates, maps, scans and compiles like one of its own. XLA calls the C library
directly: the sum over a batch is exact, and a value and its gradient come from one pass. This page needs `pip install 'libloss[jax]'`.
"""

# Softmax regression on the handwritten digits, by plain gradient descent inside `scan`. The loss takes logits, then class indices.
import jax
import jax.numpy as jnp
import numpy as np
from sklearn.datasets import load_diabetes, load_digits

import libloss
import libloss.jax

digits = load_digits()
images, labels = jnp.asarray(digits.data / 16), jnp.asarray(digits.target)
cross_entropy = libloss.jax.loss("cross_entropy")


def step(weights, _):
    value, gradient = jax.value_and_grad(lambda w: cross_entropy(images @ w, labels))(weights)
    return weights - 2.0 * gradient, value


weights, values = jax.jit(lambda w: jax.lax.scan(step, w, length=100))(jnp.zeros((64, 10)))
logits = images @ weights
print(f"loss {values[0]:.4f} to {values[-1]:.3f}, accuracy {jnp.mean(logits.argmax(1) == labels):.2f}")
# prints:
# loss 2.3026 to 0.194, accuracy 0.96

# The number is the core's to the last bit, rounded once to float32.
print(float(cross_entropy(logits, labels)) == np.float32(libloss.cross_entropy(np.asarray(logits), np.asarray(labels))))
# prints:
# True

# A weight of 0 takes a row out, whatever it holds: not even a NaN shows in the value, or in the gradient of any row.
spoilt, present = logits.at[3].set(jnp.nan), jnp.ones(len(labels)).at[3].set(0)
value, gradient = jax.value_and_grad(cross_entropy)(spoilt, labels, weight=present)
print(jnp.isfinite(value) & jnp.isfinite(gradient).all(), jnp.abs(gradient[3]).max())
# prints:
# True 0.0

# `vmap` over a gradient gives one per row, as private training wants them. With `reduction="none"` the values themselves come one per row.
print(jax.vmap(jax.grad(cross_entropy))(logits, labels).shape, libloss.jax.loss("cross_entropy", reduction="none")(logits, labels).shape)
# prints:
# (1797, 10) (1797,)

# Second derivatives are there too. Poisson regression by Newton's method, on a Hessian from `jax.hessian`:
data = load_diabetes()
features = jnp.c_[jnp.ones(len(data.target)), data.data / data.data.std(0)]
poisson = libloss.jax.loss("poisson_nll", reduction="mean")


def cost(w):
    return poisson(features @ w, data.target)


w = jnp.zeros(11).at[0].set(5.0)
for _ in range(5):
    w -= jnp.linalg.solve(jax.hessian(cost)(w), jax.grad(cost)(w))
print(f"{w[0]:.2f} {w[3]:.2f} {w[9]:.2f}")
# prints:
# 4.96 0.14 0.33

# Parameters that can be learned are arguments by name. Which temperature tells best which left half of a digit belongs to which right half?
halves = images[:256].reshape(-1, 8, 2, 4).swapaxes(1, 2).reshape(-1, 2, 32)
left, right = (half / jnp.linalg.norm(half, axis=1, keepdims=True) for half in (halves[:, 0], halves[:, 1]))
contrast = libloss.jax.loss("info_nce")
slope = jax.jit(jax.grad(lambda log_t: contrast(left @ right.T, temperature=jnp.exp(log_t))))
log_t = jnp.log(0.07)
for _ in range(50):
    log_t -= slope(log_t)
print(f"{jnp.exp(log_t):.2f}")
# prints:
# 0.33

# What goes wrong most often:
#
# - A label out of range is found when the program runs, not when it is traced. The message is libloss's.
try:
    cross_entropy(logits[:2], jnp.array([3, 10])).block_until_ready()
except (jax.errors.JaxRuntimeError, ValueError) as problem:
    print(str(problem).splitlines()[-1].partition(": ")[2])
# prints:
# cross_entropy: target[1] = 10 is not in [0, 10)

# - A derivative that is not there is refused when it is traced: by a weight, by two inputs in turn, or the third one.
try:
    jax.grad(lambda w: cross_entropy(logits, labels, weight=w))(present)
except libloss.NotDifferentiableError as problem:
    print(problem.args[0])
# prints:
# cross_entropy: there is no derivative with respect to weight: jax.lax.stop_gradient(weight)

# - Without a C compiler (it is needed once), or on another device than the CPU, each call goes through Python: the same numbers, some 0.1 ms later.
# `backend()` tells.
print(libloss.jax.backend() in ("ffi", "callback"))
# prints:
# True
