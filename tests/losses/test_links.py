"""Links and their inverses: against mpmath at hard points, against scikit-learn's, and as what they are to the losses that declare them."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from harness import Failed, Loss, check, ffi, lib, names, tensor
from instruction_sets import printed_by_each
from test_accuracy import error
from test_engine import bits

INF = np.inf
IDENTITY = ["squared_error", "half_squared_error", "absolute_error", "huber", "smooth_l1", "pseudo_huber", "log_cosh", "quantile", "expectile",
            "epsilon_insensitive", "squared_epsilon_insensitive", "absolute_percentage_error", "squared_log_error", "binary_cross_entropy", "brier",
            "binary_focal", "gaussian_nll", "poisson_nll(log_input=false)", "categorical_cross_entropy", "kl_divergence", "js_divergence",
            "multiclass_brier", "dice", "jaccard", "tversky", "rmse"]
LINKS = {**dict.fromkeys(IDENTITY, "identity"),
         **dict.fromkeys(["poisson_nll", "gamma_nll", "tweedie", "kl_pointwise", "nll"], "log"),
         **dict.fromkeys(["binary_cross_entropy_with_logits", "binary_focal_with_logits", "logistic", "logistic(kappa=3)", "multilabel_soft_margin",
                          "gan_minimax", "gan_non_saturating"], "logit"),
         "exponential": "half_logit",
         **dict.fromkeys(["cross_entropy", "softmax_focal", "generalized_cross_entropy", "ctc"], "softmax")}


def run(spec: str, x: np.ndarray, back: bool, out: np.ndarray | None = None, dtype=None) -> np.ndarray:
    keep: list = []
    out = np.full(x.shape, 77, x.dtype if x.dtype.kind == "f" else np.float64) if out is None else out
    entry = lib.libloss_inverse_link if back else lib.libloss_link
    check(entry(Loss(spec).handle, tensor(x, keep, dtype), tensor(out, keep)))
    return out


def link_of(spec: str) -> str:
    info = ffi.new("libloss_info *", {"struct_size": ffi.sizeof("libloss_info")})
    check(lib.libloss_describe(Loss(spec).handle, info))
    return ffi.string(info.link).decode()


def test_every_loss_has_the_link_that_it_should():
    for spec in {*LINKS, *names()}:
        assert link_of(spec) == LINKS.get(spec, ""), spec
    assert link_of("0.5*huber + log_cosh") == "" and link_of("accuracy") == ""


# ---- accuracy ----


def points(dtype) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities, and logits, that are hard."""
    info = np.finfo(dtype)
    rng = np.random.default_rng(0)
    near = dtype(0.5) + info.eps * rng.integers(-50, 50, 40)
    p = np.concatenate([[0, 1, 0.5, 0.25, 0.75, info.tiny, info.smallest_subnormal, 1 - info.epsneg, np.nextafter(dtype(0.5), dtype(0)), 0.2499999, 0.7500001],
                        near, rng.random(200), 10.0 ** rng.uniform(np.log10(info.tiny), 0, 100), 1 - 10.0 ** rng.uniform(-7, 0, 60)]).astype(dtype)
    far = 800 if dtype is np.float64 else 110
    z = np.concatenate([[0, -0.0, 1e-30, INF, -INF, 87.3, -87.4, -88.8, -103.2, -104.1, 745, -744.9, -745.2, 709.7, -709.9, 1e30, -1e30],
                        rng.normal(size=150), rng.uniform(-far, far, 150)]).astype(dtype)
    return p, z


def logit(p):
    return -INF if p == 0 else INF if p == 1 else mp.log(p / (1 - p))


def sigmoid(z):
    return mp.mpf(z > 0) if mp.isinf(z) else 1 / (1 + mp.exp(-z))


def limits(f):
    return lambda x: x if x == INF else f(x)


FORMS = {
    "binary_cross_entropy_with_logits": (logit, sigmoid),
    "logistic(kappa=3)": (lambda p: logit(p) / 3, lambda z: sigmoid(3 * z)),
    "logistic(kappa=0.7)": (lambda p: logit(p) / 0.7, lambda z: sigmoid(z * 0.7)),
    "exponential": (lambda p: logit(p) / 2, lambda z: sigmoid(2 * z)),
    "gamma_nll": (lambda m: mp.log(m) if m else -INF, limits(mp.exp)),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("spec", FORMS)
def test_within_two_units(spec, dtype):
    p, z = points(dtype)
    if spec == "gamma_nll":
        p = np.concatenate([p, (1 / p[p > 1e-30]).astype(dtype), [dtype(np.finfo(dtype).max), dtype(INF)]]).astype(dtype)
    worst = [0.0, 0.0]
    with mp.workdps(400):
        for back, x in enumerate((p, z)):
            got = run(spec, x, bool(back))
            for at, y in zip(x, got, strict=True):
                kappa = float(dtype(0.7)) if "0.7" in spec else None
                exact = float(at) if at == INF and spec == "gamma_nll" else FORMS[spec][back](mp.mpf(float(at)))
                if kappa:
                    exact = logit(mp.mpf(float(at))) / mp.mpf(kappa) if not back else sigmoid(mp.mpf(float(at)) * mp.mpf(kappa))
                exact = mp.mpf(exact)
                if mp.isinf(exact):
                    assert y == float(exact), (spec, at, y)
                    continue
                e = error(y, exact, dtype)
                assert e <= 2, (spec, back, at, y, float(exact), e)
                worst[back] = max(worst[back], e)
    print(spec, dtype.__name__, [round(w, 2) for w in worst])
    assert min(worst) > 0.2
    assert np.isnan(run(spec, np.array([np.nan], dtype), False)) and np.isnan(run(spec, np.array([np.nan], dtype), True))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("classes", [1, 2, 3, 10, 16, 63, 64, 65, 200, 5000])
def test_softmax(dtype, classes):
    rng = np.random.default_rng(classes)
    z = (rng.normal(size=(6, classes)) * np.array([0.01, 1, 10, 100, 1, 1])[:, None]).astype(dtype)
    z[4, 0] = 60
    z[5, -1] = -INF if classes > 1 else 0
    p = run("cross_entropy", z, True)
    with mp.workdps(400):
        for r in range(6):
            e = [mp.exp(mp.mpf(float(x)) - mp.mpf(float(z[r].max()))) for x in z[r]]
            total = mp.fsum(e)
            for j in range(0, classes, max(1, classes // 50)):
                assert error(p[r, j], e[j] / total, dtype) <= 2, (r, j)
    assert (np.abs(p.astype(np.float64).sum(1) - 1) <= 2 * np.finfo(dtype).eps).all()
    again = run("cross_entropy", p, False)
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(again, np.log(p.astype(np.float64)), rtol=4 * np.finfo(dtype).eps)
    np.testing.assert_allclose(run("cross_entropy", again, True)[:3], p[:3], rtol=100 * np.finfo(dtype).eps)


def test_rows_that_are_nothing():
    z = np.array([[np.nan, 0, 1], [-INF, -INF, -INF], [INF, 0, 1], [0, 0, 0]])
    got = run("cross_entropy", z, True)
    assert np.isnan(got[:2]).all() and (got[2] == [1, 0, 0]).all() and (got[3] == 1 / 3).all()


# ---- peers ----


def test_scikit_learn():
    links = pytest.importorskip("sklearn._loss.link")
    rng = np.random.default_rng(1)
    p, m, rows = rng.random(50), rng.gamma(2, size=50), rng.dirichlet(np.ones(4), 20)
    z = rng.normal(size=50) * 3
    for spec, theirs, mean in (("half_squared_error", links.IdentityLink(), z), ("poisson_nll", links.LogLink(), m), ("gamma_nll", links.LogLink(), m),
                               ("binary_cross_entropy_with_logits", links.LogitLink(), p), ("exponential", links.HalfLogitLink(), p)):
        np.testing.assert_allclose(run(spec, mean, False), theirs.link(mean), rtol=1e-13, atol=1e-15)
        np.testing.assert_allclose(run(spec, z, True), theirs.inverse(z), rtol=1e-13)
    theirs, got = links.MultinomialLogit(), run("cross_entropy", rows, False)
    np.testing.assert_allclose(got - got.mean(1, keepdims=True), theirs.link(rows), rtol=1e-12, atol=1e-14)  # theirs are centred
    np.testing.assert_allclose(run("cross_entropy", rng.normal(size=(20, 4)), True).sum(1), 1, rtol=1e-15)
    np.testing.assert_allclose(run("cross_entropy", got, True), theirs.inverse(got), rtol=1e-13)


# ---- what the loss itself says ----


@pytest.mark.parametrize("spec", [s for s, kind in LINKS.items() if s not in ("ctc", "dice", "jaccard", "tversky", "rmse", "js_divergence", "gan_minimax",
                                                                             "absolute_error", "epsilon_insensitive", "absolute_percentage_error",
                                                                             "quantile", "nll", "kl_pointwise")])
def test_where_target_is_the_mean_the_loss_is_flat(spec):
    """The link of a target is where a loss of that target has no slope, if it is one that asks for the mean."""
    loss, rng = Loss(spec), np.random.default_rng(3)
    if loss.info["rows"]:
        rows = rng.dirichlet(np.ones(3), 5)
        if "focal" in spec or "generalized" in spec:
            rows = np.full((5, 3), 1 / 3)  # these ask for it at least where all classes are alike
        prediction = run(spec, rows, False)
        grad = loss.eval(prediction, rows, grad=[0], reduction="sum")["grad0"]
        slopes = grad - grad.mean(1, keepdims=True)  # a probability cannot leave its simplex
        assert np.abs(slopes).max() < 1e-14, spec
        return
    mean = rng.random(6) * 0.8 + 0.1
    if "focal" in spec:
        mean[:] = 0.5
    prediction = run(spec, mean, False)
    if loss.inputs[1]["kind"] == "sign":  # a label of each kind, by their shares
        slopes = sum(w * loss.eval(prediction, np.full(6, y), grad=[0], reduction="sum")["grad0"] for w, y in ((mean, 1.0), (1 - mean, -1.0)))
    else:
        slopes = loss.eval(prediction, mean, *[np.ones(6)] * (loss.info["inputs"] - 2), grad=[0], reduction="sum")["grad0"]
    assert np.abs(slopes).max() < 1e-14, spec


# ---- what the engine does ----


@pytest.mark.parametrize("spec", ["huber", "gamma_nll", "logistic(kappa=2)", "exponential", "cross_entropy"])
@pytest.mark.parametrize("back", [False, True])
def test_layouts_and_types(spec, back):
    rng = np.random.default_rng(4)
    x = rng.dirichlet(np.ones(70), 30)
    whole = run(spec, x, back)
    for way in (np.asfortranarray(x), np.repeat(x, 2, 0)[::2], x[::-1].copy()[::-1]):
        assert bits(run(spec, way, back)) == bits(whole)
    out = np.empty((30, 140))[:, ::-2]
    assert bits(run(spec, x, back, out)) == bits(whole)
    own = x.copy()
    assert bits(run(spec, own, back, own)) == bits(whole)
    if spec != "cross_entropy":
        assert bits(run(spec, np.array(x[3, 5]), back)) == bits(whole[3, 5])
    single = x.astype(np.float32)
    f32 = run(spec, single, back)
    np.testing.assert_allclose(f32, run(spec, single.astype(np.float64), back), rtol=3e-7)
    wide = run(spec, single, back, np.empty(x.shape))
    assert bits(wide.astype(np.float32)) == bits(f32)
    half = x.astype(np.float16)
    assert bits(run(spec, half, back)) == bits(run(spec, half.astype(np.float32), back, np.empty(x.shape)).astype(np.float16))
    whole_numbers = rng.integers(0, 2, (4, 70))
    assert bits(run(spec, whole_numbers, back)) == bits(run(spec, whole_numbers.astype(float), back))
    assert run(spec, np.zeros((0, 5)), back).shape == (0, 5)
    big = np.tile(x, (200, 1))  # more than one thread's
    assert bits(run(spec, big, back)) == bits(np.tile(whole, (200, 1)))


def test_what_is_refused():
    def fails(spec, x, back, message, out=None):
        kept = None if out is None else out.copy()
        with pytest.raises(Failed, match=message):
            run(spec, x, back, out)
        assert out is None or bits(out) == bits(kept)

    p = np.array([0.5, 0.2, 1.5])
    fails("logistic", p, False, r"logistic: mean\[2\] = 1.5 is not in \[0, 1\]$", np.zeros(3))
    fails("gamma_nll", -p, False, r"gamma_nll: mean\[0\] = -0.5 is below 0")
    fails("cross_entropy", p[None], False, r"mean\[0, 2\] = 1.5")
    fails("hinge", p, False, "hinge: its prediction stands for no mean")
    fails("huber + log_cosh", p, False, "no mean")
    fails("accuracy", p, True, "no mean")
    fails("cross_entropy", np.array(0.5), True, "axes")
    fails("huber", p, True, r"mean has shape \(2,\); it needs \(3,\)", np.zeros(2))
    fails("huber", p, False, "prediction is int64; outputs are floating-point", np.zeros(3, int))
    memory = np.zeros(4)
    fails("huber", memory[:3], False, "prediction overlaps mean", memory[1:])
    fails("huber", memory[:3], True, "mean overlaps prediction", memory[1:])
    keep: list = []
    t = tensor(p, keep)
    o = Loss("huber").handle
    assert lib.libloss_link(ffi.NULL, t, t) == lib.libloss_link(o, ffi.NULL, t) == lib.libloss_link(o, t, ffi.NULL) == lib.LIBLOSS_ERR_NULL


HASH = """
import hashlib, numpy as np
from test_links import points, run
h = hashlib.sha256()
for dtype in (np.float32, np.float64):
    for x, back in zip(points(dtype), (False, True)):
        for spec in ("gamma_nll", "logistic(kappa=3)", "exponential"):
            h.update(run(spec, x, back).tobytes())
        for n in (5, 200):
            h.update(run("cross_entropy", np.abs(np.resize(x[15:], (9, n))) % 1, back).tobytes())
print(h.hexdigest())
"""


def test_the_same_bits_on_every_instruction_set_with_fma():
    first, second = printed_by_each(HASH)
    assert first == second
