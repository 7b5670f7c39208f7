"""libloss.jax against JAX's own formulas and optax, in every transformation, both ways in which XLA reaches the C core."""

from __future__ import annotations

import os
import threading

import child
import jax
import jax.numpy as jnp
import libloss
import libloss.jax
import numpy as np
import optax
import pytest
from libloss._functions import examples

BACKENDS = ("ffi", "callback")
RNG = np.random.default_rng(7)
N, C = 6, 4
X = jnp.asarray(RNG.normal(0, 2, (N, C)), jnp.float32)
T = jnp.asarray(RNG.normal(0, 2, (N, C)), jnp.float32)
LABELS = jnp.asarray(RNG.integers(0, C, N))
ROWS = jax.nn.softmax(T)
SIGNS = jnp.where(T > 0, 1.0, -1.0)
BITS = (T > 0).astype(jnp.float32)
WEIGHT = jnp.asarray([0.5, 0, 2, 1, 0, 3], jnp.float32)


def softmax(x, labels):
    return -jnp.take_along_axis(jax.nn.log_softmax(x), labels[..., None], -1)[..., 0]


def pseudo_huber(x, t, delta=1.0):
    return delta**2 * (jnp.sqrt(1 + ((x - t) / delta) ** 2) - 1)


# The loss, its arguments, and the same as somebody else computes it, one number per value.
PEERS = {
    "squared_error": (X, T, optax.squared_error),
    "half_squared_error": (X, T, optax.l2_loss),
    "absolute_error": (X, T, lambda x, t: jnp.abs(x - t)),
    "huber": (X, T, optax.huber_loss),
    "log_cosh": (X, T, optax.log_cosh),
    "pseudo_huber": (X, T, pseudo_huber),
    "binary_cross_entropy_with_logits": (X, BITS, optax.sigmoid_binary_cross_entropy),
    "hinge": (X, SIGNS, optax.hinge_loss),
    "poisson_nll": (X, BITS, lambda x, t: jnp.exp(x) - t * x),
    "cross_entropy": (X, LABELS, optax.softmax_cross_entropy_with_integer_labels),
    "cross_entropy()": (X, ROWS, optax.softmax_cross_entropy),
    "cosine_distance": (X, T, optax.cosine_distance),
    "quantile(tau=0.8)": (X, T, lambda x, t: jnp.maximum(0.8 * (t - x), -0.2 * (t - x))),
}


def close(a, b, tolerance=2e-5):
    np.testing.assert_allclose(np.asarray(a, np.float64), np.asarray(b, np.float64), rtol=tolerance, atol=tolerance)


@pytest.fixture(params=BACKENDS)
def way(request):
    return request.param


def test_ffi_is_there():
    assert libloss.jax.backend() == "ffi"


@pytest.mark.parametrize("spec, reduction", [*((spec, "mean") for spec in PEERS), *((spec, reduction) for spec in ("huber", "cross_entropy", "cross_entropy()")
                                             for reduction in ("none", "sum", "weighted_mean", "size_mean", "batch_mean"))])
def test_values_and_gradients_are_those_of_peers(spec, reduction):
    x, t, peer = PEERS[spec]
    loss = libloss.jax.loss(spec, reduction=reduction)

    def theirs(x):
        values = peer(x, t)
        w = jnp.broadcast_to(WEIGHT.reshape(N, *[1] * (values.ndim - 1)), values.shape)
        divisor = {"none": 1, "sum": 1, "mean": jnp.sum(w != 0), "weighted_mean": w.sum(), "size_mean": w.size, "batch_mean": N}[reduction]
        return values * w if reduction == "none" else jnp.sum(values * w) / divisor

    def ours(x):
        return loss(x, t, weight=WEIGHT)

    close(ours(x), theirs(x))
    along = jnp.ones_like(theirs(x)) * 0.5
    close(jax.vjp(ours, x)[1](along)[0], jax.vjp(theirs, x)[1](along)[0])
    close(jax.jvp(ours, (x,), (T,))[1], jax.jvp(theirs, (x,), (T,))[1], 1e-4)


@pytest.mark.parametrize("spec", [spec for spec in PEERS if spec not in ("absolute_error", "cosine_distance", "hinge", "quantile(tau=0.8)")])
def test_hessians_in_every_order_of_modes(spec, way):
    x, t, peer = PEERS[spec]
    loss = libloss.jax.loss(spec, backend=way)
    want = jax.hessian(lambda x: peer(x, t).mean())(x)
    for twice in (jax.hessian, lambda f: jax.jacfwd(jax.jacfwd(f)), lambda f: jax.jacrev(jax.jacrev(f)), lambda f: jax.jacrev(jax.jacfwd(f))):
        close(twice(lambda x: loss(x, t))(x), want, 1e-5)
    close(jax.jit(jax.hessian(loss))(x, t), want, 1e-5)


@pytest.mark.parametrize("spec", ["pseudo_huber", "cross_entropy"])
def test_second_derivatives_of_single_values(spec, way):
    x, t, peer = PEERS[spec]
    close(jax.jacfwd(jax.jacrev(libloss.jax.loss(spec, reduction="none", backend=way)))(x, t), jax.jacfwd(jax.jacrev(peer))(x, t))


def inputs_of(name):
    return [jnp.asarray(np.array(eval(text)), None if np.array(eval(text)).dtype.kind == "i" else jnp.float32) for text in examples(libloss.info(name))]


@pytest.mark.parametrize("name", libloss.losses())
def test_every_loss_has_the_bits_of_the_core(name):
    """Value rounded once to float32; gradients by every input that has one, in one pass."""
    given = inputs_of(name)
    plain = [np.asarray(x) for x in given]
    core = libloss.Loss(name)
    wrt = tuple(i.name for k, i in enumerate(core.info.inputs) if i.differentiable and k < len(given) and plain[k].dtype.kind == "f")
    places = tuple(k for k, i in enumerate(core.info.inputs) if i.name in wrt)
    value, grads = core.value_and_grad(*plain, wrt=wrt)
    for way in BACKENDS:
        got, got_grads = jax.jit(jax.value_and_grad(libloss.jax.loss(name, backend=way), places))(*given)
        assert got.dtype == jnp.float32 and np.asarray(got) == np.float32(value)
        for a, b in zip(got_grads, grads, strict=True):
            assert np.asarray(a).tobytes() == np.asarray(b).tobytes()


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16])
def test_half_types(dtype, way):
    """What the core gives for float32 gradients, rounded to the input's dtype; the value stays float32."""
    x, t = X.astype(dtype), T.astype(dtype)
    value, grad = jax.value_and_grad(libloss.jax.loss("huber", backend=way))(x, t)
    core = libloss.Loss("huber")
    out = np.empty(x.shape, np.float32)
    core.grad(np.asarray(x), np.asarray(t), out=out)
    assert value.dtype == jnp.float32 and value == np.float32(core(np.asarray(x), np.asarray(t)))
    assert grad.dtype == dtype and np.array_equal(np.asarray(grad), out.astype(dtype))


def test_loss_scaling_comes_before_rounding_to_half():
    x, t = jnp.full(2**16, 1e-3, jnp.float16), jnp.zeros(2**16, jnp.float16)
    loss = libloss.jax.loss("half_squared_error")
    assert not np.any(jax.grad(loss)(x, t))  # 1e-3/2^16 is 0 in float16
    close(jax.grad(lambda x: 2.0**16 * loss(x, t))(x), x, 1e-6)


def test_float64(way):
    with jax.enable_x64(True):
        x, t = (jnp.asarray(RNG.normal(size=9), jnp.float64) for _ in range(2))
        value, grad = jax.value_and_grad(libloss.jax.loss("log_cosh", backend=way))(x, t)
        core = libloss.Loss("log_cosh").value_and_grad(np.asarray(x), np.asarray(t))
        assert value.dtype == grad.dtype == jnp.float64
        assert float(value) == core[0] and np.array_equal(np.asarray(grad), core[1])
        single = libloss.jax.loss("log_cosh", backend=way)(x.astype(jnp.float32), 0.5)
        assert single.dtype == jnp.float32  # a number of Python's widens nothing
        mixed, by_both = jax.value_and_grad(libloss.jax.loss("log_cosh", backend=way), (0, 1))(x.astype(jnp.float32), t)
        assert (mixed.dtype, by_both[0].dtype, by_both[1].dtype) == (jnp.float64, jnp.float32, jnp.float64)


def test_integers_only_are_a_float32(way):
    value = libloss.jax.loss("squared_error", backend=way)(jnp.array([1, 2, 4]), jnp.array([0, 0, 0]))
    assert value.dtype == jnp.float32 and value == 7


def rowwise(loss, weight, class_weight):
    return lambda x, labels: loss(x, labels, weight=weight, class_weight=class_weight)


def test_vmap_over_each_argument(way):
    """Against a loop in Python: each argument alone, all together, twice, and under grad."""
    loss = libloss.jax.loss("cross_entropy", backend=way)
    xs, labels = jnp.stack([X, X + T, T]), jnp.stack([LABELS, LABELS[::-1], 0 * LABELS])
    ws, cs = jnp.stack([WEIGHT, WEIGHT + 1, WEIGHT[::-1]]), jnp.asarray(RNG.uniform(0, 2, (3, C)), jnp.float32)

    def call(x, y, w, c):
        return loss(x, y, weight=w, class_weight=c)

    for over in ((0, None, None, None), (None, 0, None, None), (None, None, 0, None), (None, None, None, 0), (0, 0, 0, 0), (0, None, 0, None)):
        args = [(xs, labels, ws, cs)[k] if a == 0 else (X, LABELS, WEIGHT, cs[0])[k] for k, a in enumerate(over)]
        one = [[a[i] if o == 0 else a for a, o in zip(args, over, strict=True)] for i in range(3)]
        assert np.array_equal(jax.vmap(call, over)(*args), jnp.stack([call(*each) for each in one]))
        gradient = jax.grad(call)
        assert np.array_equal(jax.vmap(gradient, over)(*args), jnp.stack([gradient(*each) for each in one]))
    twice = jax.vmap(jax.vmap(call, (0, None, None, None)), (None, 0, None, None))(xs, labels, WEIGHT, cs[0])
    assert np.array_equal(twice, [[call(x, y, WEIGHT, cs[0]) for x in xs] for y in labels])


def test_vmap_of_single_values_is_one_call(way):
    """Elements that vmap takes apart come to C in one piece: the bits of a call on all of them."""
    loss = libloss.jax.loss("huber", reduction="none", backend=way)
    assert np.array_equal(jax.vmap(jax.vmap(loss))(X, T), loss(X, T))
    assert np.array_equal(jax.vmap(jax.vmap(loss, (0, None)), (0, None))(X, 0.5), loss(X, 0.5))
    assert np.array_equal(jax.vmap(jax.vmap(jax.grad(loss)))(X, T), jax.grad(libloss.jax.loss("huber", reduction="sum"))(X, T))
    weighed = jax.vmap(lambda x, t, w: loss(x, t, weight=w))(X, T, WEIGHT)
    assert np.array_equal(weighed, loss(X, T, weight=WEIGHT))


def test_vmap_over_parameters(way):
    loss = libloss.jax.loss("huber", backend=way)
    deltas = jnp.asarray([0.5, 1.0, 2.0])
    close(jax.vmap(lambda d: loss(X, T, delta=d))(deltas), [optax.huber_loss(X, T, delta=d).mean() for d in deltas])


def test_learnable_parameters(way):
    """d/d delta of delta (|r| - delta/2) is |r| - delta where the straight part is, 0 elsewhere."""
    outside = jnp.maximum(jnp.abs(X - T) - 0.7, 0)
    loss = libloss.jax.loss("huber", backend=way)
    close(jax.grad(lambda d: loss(X, T, delta=d))(0.7), outside.mean())
    close(jax.jvp(lambda x, d: loss(x, T, delta=d), (X, 0.7), (T, 2.0))[1], jax.jvp(lambda x, d: optax.huber_loss(x, T, delta=d).mean(), (X, 0.7), (T, 2.0))[1])
    single = libloss.jax.loss("huber", reduction="none", backend=way)
    close(jax.jacfwd(lambda d: single(X, T, delta=d))(0.7), outside)
    close(jax.jacrev(lambda d: single(X, T, delta=d, weight=WEIGHT))(0.7), outside * WEIGHT[:, None])
    close(jax.grad(lambda d: single(X, T, delta=d)[2, 1])(jnp.float32(0.7)), outside[2, 1])
    assert loss(X, T, delta=0.7) == libloss.jax.loss("huber", delta=np.float32(0.7))(X, T)


def test_two_parameters_by_name():
    alpha, scale = 1.5, 0.5

    def theirs(alpha, scale):
        r2 = ((X - T) / scale) ** 2
        b = jnp.abs(alpha - 2)
        return jnp.mean(b / alpha * ((r2 / b + 1) ** (alpha / 2) - 1))

    loss = libloss.jax.loss("adaptive_robust")
    ours = jax.value_and_grad(lambda a, s: loss(X, T, alpha=a, scale=s), (0, 1))(alpha, scale)
    jax.tree.map(lambda a, b: close(a, b, 1e-4), ours, jax.value_and_grad(theirs, (0, 1))(alpha, scale))
    core = libloss.Loss("adaptive_robust", alpha=alpha, scale=scale).grad(np.asarray(X), np.asarray(T), wrt=("alpha", "scale"))
    assert tuple(map(float, ours[1])) == tuple(float(np.float32(g)) for g in core)


def test_scan_learns(way):
    """Gradient descent inside scan, inside jit, on a line through noiseless data: the same path as with JAX's own formula."""
    features, slope = T, jnp.asarray([1.0, -2.0, 0.5, 0.0])
    target = features @ slope

    def path(loss):
        def step(w, _):
            value, grad = jax.value_and_grad(lambda w: loss(features @ w, target))(w)
            return w - 0.2 * grad, value
        return jax.jit(lambda w: jax.lax.scan(step, w, None, length=60))(jnp.zeros(C))

    ours, theirs = path(libloss.jax.loss("half_squared_error", backend=way)), path(lambda p, t: optax.l2_loss(p, t).mean())
    close(ours[0], theirs[0], 1e-4)
    close(ours[1], theirs[1], 1e-4)
    through = jax.grad(lambda w: jax.lax.scan(lambda c, t: (c + libloss.jax.loss("huber", backend=way)(w, t), None), 0.0, T)[0])(X[0])
    close(through, jax.grad(lambda w: jax.lax.scan(lambda c, t: (c + optax.huber_loss(w, t).mean(), None), 0.0, T)[0])(X[0]))


def test_masked_nan_is_not_there(way):
    loss = libloss.jax.loss("squared_error", backend=way)
    value, grad = jax.value_and_grad(lambda x: loss(x, T[0], weight=jnp.array([1.0, 0.0, 1.0, 0.0])))(jnp.array([1.0, jnp.nan, 2.0, jnp.inf]))
    close(value, ((1 - T[0, 0]) ** 2 + (2 - T[0, 2]) ** 2) / 2)
    assert np.array_equal(grad[1::2], [0, 0]) and np.all(np.isfinite(grad))


def test_axis_and_units():
    loss = libloss.jax.loss("cross_entropy", axis=1)
    x, labels = jnp.asarray(RNG.normal(size=(2, C, 5)), jnp.float32), jnp.asarray(RNG.integers(0, C, (2, 5)))
    close(jax.grad(loss)(x, labels), jax.grad(lambda x: softmax(jnp.moveaxis(x, 1, -1), labels).mean())(x))

    def dice(p, t):
        return 1 - 2 * (p * t).sum((1, 2)) / (p.sum((1, 2)) + t.sum((1, 2)))

    p, t = jax.nn.sigmoid(jnp.asarray(RNG.normal(size=(3, 4, 5)), jnp.float32)), jnp.asarray(RNG.integers(0, 2, (3, 4, 5)), jnp.float32)
    single = libloss.jax.loss("dice", reduction="none", unit_axes=2)
    close(single(p, t), dice(p, t))
    close(jax.jacrev(single)(p, t), jax.jacrev(dice)(p, t))
    close(jax.jacfwd(single)(p, t), jax.jacfwd(dice)(p, t))


def fourth(r):
    return r**4, 4 * r**3, 12 * r**2


def test_sums_and_losses_of_ones_own():
    both = libloss.Loss("huber") * 0.25 + libloss.Loss("absolute_error")
    close(jax.grad(libloss.jax.loss(both))(X, T), jax.grad(lambda x: 0.25 * optax.huber_loss(x, T).mean() + jnp.abs(x - T).mean())(X))
    own = libloss.define(lambda prediction, target: fourth(prediction - target), name="fourth")
    close(jax.jit(jax.hessian(libloss.jax.loss(own)))(X, T), jax.hessian(lambda x: ((x - T) ** 4).mean())(X), 1e-4)
    with pytest.raises(libloss.ArgumentError, match="lives in Python"):
        libloss.jax.loss(own, backend="ffi")


def test_empty(way):
    nothing = jnp.zeros(0)
    assert np.isnan(libloss.jax.loss("huber", backend=way)(nothing, nothing))
    assert libloss.jax.loss("huber", empty="zero", backend=way)(nothing, nothing) == 0
    assert jax.vmap(libloss.jax.loss("huber", backend=way))(jnp.zeros((0, 3)), jnp.zeros((0, 3))).shape == (0,)
    assert np.all(np.isnan(jax.vmap(libloss.jax.loss("huber", backend=way))(jnp.zeros((2, 0)), jnp.zeros((2, 0)))))


def test_lists_and_numpy_come_in():
    assert libloss.jax.loss("absolute_error")([1.0, 2.0], np.array([0, 0])) == 1.5


def test_many_threads_at_once():
    """Each with inputs of its own, through one compiled function."""
    f = jax.jit(jax.value_and_grad(libloss.jax.loss("huber")))
    f(X, T)
    wrong = []

    def work(seed):
        x = jnp.asarray(np.random.default_rng(seed).normal(size=X.shape), jnp.float32)
        want = libloss.Loss("huber").value_and_grad(np.asarray(x), np.asarray(T))
        for _ in range(50):
            value, grad = f(x, T)
            if value != np.float32(want[0]) or not np.array_equal(grad, want[1]):
                wrong.append(seed)

    crew = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for t in crew:
        t.start()
    for t in crew:
        t.join()
    assert wrong == []


def test_bad_numbers_are_named_when_it_runs(way):
    for call, text in (
        (lambda: libloss.jax.loss("cross_entropy", backend=way)(X, LABELS.at[3].set(9)), r"target\[3\] = 9 is not in \[0, 4\)"),
        (lambda: libloss.jax.loss("huber", backend=way)(X, T, weight=WEIGHT.at[2].set(-1)), r"weight\[2\] = -1"),
        (lambda: libloss.jax.loss("huber", backend=way)(X, T, delta=-1.0), r"delta = -1"),
        (lambda: jax.vmap(libloss.jax.loss("binary_cross_entropy", backend=way))(BITS + 1, BITS), r"prediction\[\d\] = 2"),
    ):
        with pytest.raises((jax.errors.JaxRuntimeError, ValueError), match=text):  # JAX's choice
            jax.block_until_ready(call())


def test_bad_calls_are_named_when_it_is_traced():
    loss = libloss.jax.loss
    for call, kind, text in (
        (lambda: loss("huber", reduction="batchmean"), libloss.ArgumentError, "did you mean 'batch_mean'"),
        (lambda: loss("huber", backend="gpu"), libloss.ArgumentError, "backend = 'gpu' is none of ffi, callback"),
        (lambda: loss("huber", axis=0), libloss.ArgumentError, "huber has no rows"),
        (lambda: loss("hubber"), libloss.UnknownNameError, "huber"),
        (lambda: loss("huber")(X, T[:, 0]), libloss.ShapeError, "target"),
        (lambda: loss("cross_entropy")(X, LABELS[:2]), libloss.ShapeError, "target"),
        (lambda: loss("cross_entropy")(X, LABELS.astype(float)), libloss.DTypeError, "class indices are integers"),
        (lambda: loss("cross_entropy", axis=3)(X, LABELS), libloss.ShapeError, "axis = 3"),
        (lambda: loss("huber")(X.astype(complex), T), libloss.DTypeError, "prediction has dtype complex64"),
        (lambda: loss("huber")(X, T, delta=jnp.ones(3)), libloss.ShapeError, r"delta has shape \(3,\); it needs \(\)"),
        (lambda: loss("huber")(X, T, gamma=1.0), TypeError, "no input 'gamma'"),
        (lambda: loss("huber")(X, y_true=T), TypeError, "here it is called 'target'"),
        (lambda: loss("huber")(X), TypeError, "huber needs target"),
        (lambda: loss("huber")(X, T, 2.0), TypeError, "everything else is a keyword"),
    ):
        with pytest.raises(kind, match=text):
            call()


def test_derivatives_that_are_not_there_are_named():
    loss = libloss.jax.loss
    for call, text in (
        (lambda: jax.grad(loss("hinge"), 1)(X, SIGNS), r"with respect to target: jax.lax.stop_gradient\(target\)"),
        (lambda: jax.grad(lambda w: loss("huber")(X, T, weight=w))(WEIGHT), "with respect to weight"),
        (lambda: jax.hessian(loss("huber"), (0, 1))(X, T), "no second derivative by prediction and target"),
        (lambda: jax.jacfwd(jax.grad(loss("huber")), 1)(X, T), "by prediction, then by target"),
        (lambda: jax.hessian(lambda d: loss("huber")(X, T, delta=d))(0.7), "by delta, then by delta"),
        (lambda: jax.jacfwd(jax.hessian(loss("log_cosh")))(X, T), "no third derivative"),
        (lambda: jax.hessian(loss("cosine_distance"))(X, T), "the matrix of a row is not known"),
        (lambda: jax.hessian(loss("dice"))(BITS, BITS), "more than its own row"),
        (lambda: jax.hessian(loss("nt_xent"))(X[:4]), "more than its own row"),
        (lambda: jax.jacrev(loss("nt_xent", reduction="none"))(X[:4]), "differentiate a reduced one"),
        (lambda: jax.jacrev(lambda x: loss("ranknet", reduction="none")(x, T[0], groups=jnp.array([0, 2, 4])))(X[0]), "differentiate a reduced one"),
    ):
        with pytest.raises(libloss.NotDifferentiableError, match=text):
            call()


def python(code, **environment):
    done = child.python("-c", code, env={**os.environ, **environment})
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


SMALL = """
import jax, jax.numpy as jnp, libloss.jax
f = jax.jit(jax.value_and_grad(libloss.jax.loss("huber(delta=0.5)")))
value, grad = f(jnp.array([3.0, 0.25]), jnp.zeros(2))
print(libloss.jax.backend(), value, *grad)
"""


def test_on_two_devices():
    """Half of the rows on each: put there by jit, or taken apart by shard_map."""
    assert python("""
import jax, jax.numpy as jnp, libloss.jax, optax
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P
mesh = Mesh(jax.devices(), ("rows",))
x, t = (jax.device_put(a, NamedSharding(mesh, P("rows"))) for a in (jnp.linspace(-3, 3, 16), jnp.zeros(16)))
loss = libloss.jax.loss("huber")
parts = jax.shard_map(lambda x, t: jax.lax.pmean(loss(x, t), "rows"), mesh=mesh, in_specs=P("rows"), out_specs=P(), check_vma=False)
want = jax.value_and_grad(lambda x: optax.huber_loss(x, t).mean())(x)
for f in (loss, parts):
    print(all(jnp.allclose(a, b) for a, b in zip(jax.jit(jax.value_and_grad(f))(x, t), want)))
""", XLA_FLAGS="--xla_force_host_platform_device_count=2") == ["True", "True"]


def test_without_a_compiler_a_callback_stands_in(tmp_path):
    assert python(SMALL, CC="no-such-compiler", XDG_CACHE_HOME=str(tmp_path)) == ["callback", "0.703125", "0.25", "0.125"]
    said = python("""
import libloss, libloss.jax
try:
    libloss.jax.loss("huber", backend="ffi")
except libloss.ArgumentError as problem:
    print(problem)
""", CC="no-such-compiler", XDG_CACHE_HOME=str(tmp_path))
    assert "no-such-compiler" in " ".join(said)


def test_what_is_compiled_is_kept_and_outlives_the_process(tmp_path):
    """JAX's own cache of programs included, which holds no address of ours."""
    environment = {"XDG_CACHE_HOME": str(tmp_path), "JAX_COMPILATION_CACHE_DIR": str(tmp_path / "jax"), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
                   "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1"}
    want = ["ffi", "0.703125", "0.25", "0.125"]
    assert python(SMALL, **environment) == want
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "libloss").iterdir()}
    assert len(kept) == 1
    assert python(SMALL, **environment) == want
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "libloss").iterdir()} == kept
