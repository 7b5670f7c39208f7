"""Gradients by a loss's own parameters: each term against the formula with 100 digits, their sum exact, and parameters given for a call."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest
from formula import Formula
from harness import Failed, Loss, ffi, lib, names
from points import elementwise, specs
from scales import larger
from test_accuracy import POINTWISE, bounds, error, parameters
from units import UNITS, exact

DTYPES = [np.float32, np.float64]
COUNT = 60
EXTREME = ["adaptive_robust(alpha=-1e-30, scale=1e-3)", "adaptive_robust(alpha=2.0000000001)", "adaptive_robust(alpha=-1e150)", "adaptive_robust(alpha=1e9)"]


def learnable(loss: Loss) -> dict[str, int]:
    """Names of learnable parameters, and where each stands among all numbers."""
    places, at = {}, 0
    for k, p in enumerate(loss.parameters):
        numbers = len(loss.numbers(k))
        if p["flags"] & lib.LIBLOSS_LEARNABLE and numbers:
            places[p["name"]] = at
        at += numbers
    return places


LEARNED = [name for name in POINTWISE if learnable(Loss(name))]
LEARNED_UNITS = [name for name in UNITS if learnable(Loss(name))]


def inputs(spec: str, dtype, n: int) -> tuple[Loss, tuple[np.ndarray, ...]]:
    loss = Loss(spec)
    return loss, elementwise(spec.partition("(")[0], spec, loss.inputs, dtype, np.random.default_rng(3), n)


def test_which_can_be_learned():
    assert {"adaptive_robust", "huber", "pseudo_huber", "smooth_l1", "logistic", "smooth_hinge", "margin_ranking", "hinge_embedding"} <= set(LEARNED)
    assert {"info_nce", "nt_xent", "sup_con", "triplet_margin", "contrastive", "cosine_embedding"} <= set(LEARNED_UNITS)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("spec", [*(s for n in LEARNED for s in specs(n)), *EXTREME])
def test_each_term(spec, dtype, monkeypatch):
    loss, x = inputs(spec, dtype, COUNT)
    name = spec.partition("(")[0]
    formula = Formula(loss.info["formula"])
    words, numbers = parameters(loss, spec, dtype)
    bound, worst = max(bounds(name, dtype)[1], 1), {}
    monkeypatch.setattr(mp.mp, "dps", 1700 if name == "adaptive_robust" else mp.mp.dps)  # by alpha all cancels but x^3, of x = 10^-647
    for i in range(len(x[0])):
        got = loss.eval(*(a[i : i + 1] for a in x), reduction="sum", learn=True)["by"]
        for parameter, place in learnable(loss).items():
            scope = {**{k["name"]: float(a[i]) for k, a in zip(loss.inputs, x, strict=True)}, **numbers}
            if name == "adaptive_robust" and parameter == "alpha":
                if numbers["alpha"] == 2:
                    continue  # infinite: below
                scope["alpha"] = mp.mpf(numbers["alpha"]) or mp.mpf(10) ** -60  # the limit, as near as the digits allow
            try:
                jet = formula(wrt=parameter, words=words, **scope)
            except ZeroDivisionError:
                continue
            if abs(jet.d) > mp.mpf(float(np.finfo(dtype).max)):
                assert abs(got[place]) >= float(np.finfo(dtype).max), (spec, scope)
                continue
            e = error(got[place], jet.d, dtype, larger(name, parameter, words, scope))
            worst[parameter] = max(worst.get(parameter, (-1,)), (e, {k: float(v) for k, v in scope.items()}, got[place]), key=lambda w: w[0])
    print(spec, dtype.__name__, worst)
    assert worst or "alpha=2," in spec
    for parameter, w in worst.items():
        assert w[0] <= bound, f"{spec} {dtype.__name__} by {parameter}: beyond {bound}: {w}"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", LEARNED_UNITS)
def test_units(name, dtype, monkeypatch):
    unit = UNITS[name]
    monkeypatch.setattr(mp.mp, "dps", max(unit.digits, 120))
    step = mp.mpf(10) ** -40
    seen = 0
    for case in unit.cases(dtype, np.random.default_rng(5)):
        loss = Loss(case.spec)
        got = loss.eval(*case.inputs, weight=case.weight, reduction="sum", learn=True)["by"]
        at = [exact(a) for a in case.inputs]
        for parameter, place in learnable(loss).items():
            here = case.param.get(parameter, mp.mpf(loss.parameters[[p["name"] for p in loss.parameters].index(parameter)]["fallback"]))
            up, down = (unit.value(at, exact(case.weight), {**case.param, parameter: here + h}) for h in (step, -step))
            slopes = [(a - b) / (2 * step) for a, b in zip(up, down, strict=True)]
            kink = any(0 < abs(a + b) <= 3 * abs(a - b) for a, b in zip(up, down, strict=True))
            if kink:
                continue
            size = mp.fsum(abs(s) for s in slopes)
            e = error(got[place], mp.fsum(slopes), dtype, size)
            assert e <= 4, f"{case.spec} {dtype.__name__} by {parameter}: {got[place]!r}, exact {mp.nstr(mp.fsum(slopes), 20)}, {e:.2f} ULP"
            seen += size > 0
    assert seen > 3


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [n for n in LEARNED if n != "adaptive_robust"] + ["adaptive_robust", "adaptive_robust(alpha=1.75)"])
def test_the_sum_is_exact(name, dtype):
    """Of d * fl(fl(upstream/divisor) * w), in double; what has no weight is not looked at."""
    rng = np.random.default_rng(8)
    loss, x = inputs(name, dtype, 2500)
    x = tuple(np.resize(a, 3000) for a in x)
    w, up = rng.choice([0, 0.25, 1.5, 3], 3000).astype(dtype), rng.normal(size=3000)
    places = list(learnable(loss).values())
    each = np.array([loss.eval(*(a[i : i + 1] for a in x), reduction="sum", learn=True)["by"][places] for i in range(0, 3000, 1)])
    w[~np.isfinite(each).all(axis=1)] = 0
    holes = tuple(np.where((w == 0) & (a == a), np.nan, a).astype(dtype) if k < 1 else a for k, a in enumerate(x))
    for reduction, divisor in (("sum", 1.0), ("mean", float((w != 0).sum())), ("size_mean", 3000.0), ("none", 1.0)):
        factor = np.float64(up / divisor) * w.astype(np.float64)
        for k, place in enumerate(places):
            terms = [float(f * d) for f, d, weight in zip(factor, each[:, k], w, strict=True) if weight]
            got = loss.eval(*holes, weight=w, upstream=up, reduction=reduction, learn=True)["by"][place]
            assert got == math.fsum(terms), (name, reduction, place)


@pytest.mark.parametrize("name", LEARNED_UNITS)
def test_units_are_weighed(name):
    """By differences of sum(upstream * w * v); absent rows and columns are not there."""
    rng = np.random.default_rng(2)
    case = next(c for c in UNITS[name].cases(np.float64, rng) if len(c.inputs[0]) > 3 and Loss(c.spec).eval(*c.inputs, learn=True)["by"].any())
    loss, n = Loss(case.spec), len(case.inputs[0])
    place = next(iter(learnable(loss).values()))
    w, up = np.where(np.arange(n) == 1, 0, rng.choice([0.25, 1.5, 3], n)), rng.normal(size=n)
    holes = [case.inputs[0].copy(), *case.inputs[1:]]
    holes[0][1] = np.nan
    numbers = [x for k in range(len(loss.parameters)) for x in loss.numbers(k)]

    def total(step: float) -> float:
        moved = [x + step * (k == place) for k, x in enumerate(numbers)]
        return float(up @ loss.eval(*holes, weight=w, reduction="none", values=np.empty(n), parameters=moved)["values"])

    ask = {"weight": w, "upstream": up, "reduction": "none", "learn": True}
    got = loss.eval(*holes, **ask, grad=[0])["by"][place]
    assert got == pytest.approx((total(1e-6) - total(-1e-6)) / 2e-6, rel=1e-6) and got
    assert loss.eval(*holes, **ask, threads=3)["by"][place] == got


@pytest.mark.parametrize("name", LEARNED)
def test_same_bits(name):
    loss, x = inputs(name, np.float32, 4000)
    x = tuple(np.resize(a, 600_000) for a in x)
    ask = {"weight": np.resize(np.array([0, 1, 2.5], np.float32), 600_000), "learn": True, "grad": [0]}
    want = loss.eval(*x, **ask, threads=1)
    order = np.random.default_rng(0).permutation(600_000)
    for got in (loss.eval(*x, **ask, threads=2), loss.eval(*x, **ask, threads=7), loss.eval(*x, **ask, hess=[0]),
                loss.eval(*(np.repeat(a, 2)[::2] for a in x), **ask),
                loss.eval(*(a[order] for a in x), **{**ask, "weight": ask["weight"][order]})):
        assert got["by"].tobytes() == want["by"].tobytes()
        assert got["value"] == want["value"]
    assert loss.eval(*x, **{**ask, "learn": False})["grad0"].tobytes() == want["grad0"].tobytes()
    half = tuple(a[:5000].astype(np.float16) for a in x)
    halves = loss.eval(*half, learn=True)["by"]
    assert halves.tobytes() == loss.eval(*(a.astype(np.float32) for a in half), learn=True)["by"].tobytes()


def test_in_place_and_empty():
    loss, x = inputs("huber", np.float64, 500)
    want = loss.eval(*x, learn=True, grad=[0])
    p = x[0].copy()
    got = loss.eval(p, x[1], learn=True, grad=[0], outputs={"grad0": p})
    assert got["by"].tobytes() == want["by"].tobytes() and p.tobytes() == want["grad0"].tobytes()
    for empty in (0, 1):
        assert loss.eval(np.zeros(0), np.zeros(0), learn=True, empty=empty)["by"] == 0
        assert loss.eval(np.full(3, 9.0), np.zeros(3), weight=np.zeros(3), learn=True, empty=empty)["by"] == 0


def test_adaptive_robust_at_its_limits():
    def by(spec, r, dtype=np.float64):
        return loss_of(spec).eval(np.array([r], dtype), np.zeros(1, dtype), reduction="sum", learn=True)["by"]

    loss_of = Loss
    inf, nan = math.inf, math.nan
    assert by("adaptive_robust(alpha=2)", 0.5)[0] == inf  # its slope grows like -ln |alpha - 2|
    assert by("adaptive_robust(alpha=2)", 0.0)[0] == 0 and by("adaptive_robust(alpha=2)", 0.5)[1] == -0.25
    assert by("adaptive_robust(alpha=-inf)", 3.0)[0] == 0
    assert np.array_equal(by("adaptive_robust(alpha=-4, scale=2)", inf), [0.125, 0]) and np.array_equal(by("adaptive_robust(alpha=0)", -inf), [inf, -2])
    assert np.array_equal(by("adaptive_robust(alpha=1)", inf), [inf, -inf])
    assert np.isnan(by("adaptive_robust", nan)).all() and np.isnan(by("adaptive_robust(alpha=2)", nan)).all()
    for dtype in DTYPES:
        near = [by(f"adaptive_robust(alpha={a})", 1.75, dtype)[0] for a in (-1e-12, -1e-300, 0, 1e-300, 1e-12)]
        assert max(near) - min(near) <= 1e-11 * near[2]


def layouts(name: str):
    """Some inputs of a loss of any shape."""
    rng = np.random.default_rng(1)
    if name in UNITS:
        case = next(c for c in UNITS[name].cases(np.float64, rng) if "(" not in c.spec or c.inputs)
        return case.inputs, {"unit_axes": case.unit_axes, "weight": case.weight}
    loss = Loss(name)
    if name in POINTWISE:
        return elementwise(name, name, loss.inputs, np.float64, rng, 40), {}
    z = rng.normal(size=(6, 4))
    return (z, rng.integers(0, 4, 6)), {}


@pytest.mark.parametrize("name", names())
def test_parameters_of_a_call(name):
    """Numbers given for one call instead of the object's: the bits are those of an object that has them."""
    loss = Loss(name)
    x, options = layouts(name)
    settings, flat = [], []
    for k, p in enumerate(loss.parameters):
        numbers = loss.numbers(k)
        if p["choices"] is None and len(numbers) == 1 and p["name"] not in ("truncation", "blank", "power", "label_smoothing", "clip"):
            for value in (numbers[0] * 0.75 + 0.0625, numbers[0] + 1, numbers[0]):
                try:
                    other = Loss(f"{name}({p['name']}={value!r})")
                    numbers = other.numbers(k)
                    break
                except Failed:
                    continue
            settings.append(f"{p['name']}={numbers[0]!r}")
        flat += numbers
    if not settings:
        pytest.skip("it has no number to change")
    other = Loss(f"{name}({', '.join(settings)})")
    learn = bool(learnable(loss))
    want = other.eval(*x, **options, grad=[0], hess=[0], learn=learn)
    got = loss.eval(*x, **options, grad=[0], hess=[0], learn=learn, parameters=flat)
    assert other.spec != loss.spec
    assert {k: np.asarray(v).tobytes() for k, v in got.items()} == {k: np.asarray(v).tobytes() for k, v in want.items()}


def test_what_is_refused():
    loss = Loss("huber")
    p = np.ones(3)
    with pytest.raises(Failed, match=r"huber: delta = -1 is not in \(0, inf\)") as problem:
        loss.eval(p, p, parameters=[-1.0], learn=True)
    assert problem.value.status == lib.LIBLOSS_ERR_PARAMETER
    with pytest.raises(Failed, match="squared_error: no parameter is learnable") as problem:
        Loss("squared_error").eval(p, p, learn=True)
    assert problem.value.status == lib.LIBLOSS_ERR_NO_GRADIENT
    with pytest.raises(Failed, match="parameters belong to its terms"):
        Loss("huber + squared_error").eval(p, p, learn=True)
    with pytest.raises(Failed, match="it counts"):
        Loss("accuracy").eval(np.ones(3, np.int64), np.ones(3, np.int64), value=False, learn=True)
    plan = ffi.new("libloss_plan *", {"struct_size": ffi.sizeof("libloss_plan")})
    args = ffi.new("libloss_args *", {"struct_size": ffi.sizeof("libloss_args")})
    keep: list = []
    from harness import tensor

    args.input = [tensor(p, keep), tensor(p, keep), *[ffi.NULL] * 6]
    assert lib.libloss_prepare(Loss("adaptive_robust").handle, args, plan) == 0 and plan.parameters == 2
