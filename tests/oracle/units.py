"""Losses of units, naively and with many digits: each is its value, straight from the definition. Derivatives are differences of
the value so close that a hundred digits of them are right."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import mpmath as mp
import numpy as np



@dataclasses.dataclass
class Case:
    """One unit, or several of equal shape along the first axes."""

    spec: str
    inputs: list[np.ndarray | None]
    weight: np.ndarray | None = None
    unit_axes: int = 0
    param: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Unit:
    value: Callable  # (inputs as object arrays of mpf or int, weights of elements or None, parameters) -> list of values
    cases: Callable[[type, np.random.Generator], Iterator[Case]]
    weights_inside: bool = False
    digits: int = 200
    addend: Callable | None = None  # (case, "grad" or "hess", input, index) -> the larger of two terms that cancel there


def exact(array: np.ndarray | None):
    """The numbers of an array, exactly."""
    if array is None or array.dtype.kind in "iub":
        return array
    return np.array([mp.mpf(float(x)) for x in array.ravel()] + [None], object)[:-1].reshape(array.shape)


def total(unit: Unit, inputs, weight, param) -> mp.mpf:
    return mp.fsum(unit.value(inputs, weight, param))


def derivatives(unit: Unit, case: Case, k: int, index) -> tuple[mp.mpf, mp.mpf]:
    """First and second, of the sum of the unit's values by one number."""
    inputs = [exact(a) for a in case.inputs]
    weight = exact(case.weight)
    middle = total(unit, inputs, weight, case.param)
    x, step = inputs[k][index], mp.mpf(10) ** -(unit.digits // 4) * (max(abs(v) for v in inputs[k].ravel()) or 1)
    inputs[k][index] = x + step
    above = total(unit, inputs, weight, case.param)
    inputs[k][index] = x - step
    below = total(unit, inputs, weight, case.param)
    return (above - below) / (2 * step), (above - 2 * middle + below) / step**2


# ---- sums ----


def _each(inputs, weight):
    p, t = (a.ravel() for a in inputs)
    w = [mp.mpf(1)] * len(p) if weight is None else weight.ravel()
    return [(a, b, c) for a, b, c in zip(p, t, w, strict=True) if c != 0]


def dice(inputs, weight, param):
    each = _each(inputs, weight)
    power = 2 if param.get("squared") else 1
    above = 2 * mp.fsum(w * p * t for p, t, w in each) + param.get("smooth_nr", 0)
    below = mp.fsum(w * (p**power + t**power) for p, t, w in each) + param.get("smooth_dr", 0)
    return [1 - above / below if below else mp.mpf(0)]


def tversky(inputs, weight, param):
    each = _each(inputs, weight)
    overlap = mp.fsum(w * p * t for p, t, w in each)
    found = mp.fsum(w * p * (1 - t) for p, t, w in each)
    missed = mp.fsum(w * t * (1 - p) for p, t, w in each)
    below = overlap + param.get("alpha", mp.mpf(0.5)) * found + param.get("beta", mp.mpf(0.5)) * missed + param.get("smooth_dr", 0)
    return [1 - (overlap + param.get("smooth_nr", 0)) / below if below else mp.mpf(0)]


def jaccard(inputs, weight, param):
    return tversky(inputs, weight, {"alpha": 1, "beta": 1, **param})


def rmse(inputs, weight, param):
    each = _each(inputs, weight)
    return [mp.sqrt(mp.fsum(w * (p - t) ** 2 for p, t, w in each) / mp.fsum(w for *_, w in each))]


def _rmse_addend(case: Case, what: str, k: int, index):
    """1/n - r^2/(n R)^2 passes 0: at any single element for one."""
    if what == "grad":
        return None
    w = mp.mpf(1) if case.weight is None else mp.mpf(float(case.weight[index]))
    n = case.inputs[0].size if case.weight is None else mp.fsum(exact(case.weight).ravel())
    root = rmse([exact(a) for a in case.inputs], exact(case.weight), {})[0]
    return w / n / root if root else None


def _soft_addend(case: Case, what: str, k: int, index):
    """The slope is the score's part minus the target's: with a target that is neither 0 nor 1 the two may cancel."""
    if exact(case.inputs[1 - k])[index] in (0, 1):
        return None
    name, param = case.spec.partition("(")[0], {"alpha": mp.mpf(0.5), "beta": mp.mpf(0.5), **case.param}
    if name == "jaccard":
        param["alpha"] = param["beta"] = mp.mpf(1)
    inputs, weight = [exact(a) for a in case.inputs], exact(case.weight)
    x = [a[index] for a in inputs]
    w = 1 if weight is None else weight[index]
    each = _each(inputs, weight)
    overlap = mp.fsum(v * p * t for p, t, v in each)
    if name == "dice":
        power = 2 if param.get("squared") else 1
        below = mp.fsum(v * (p**power + t**power) for p, t, v in each) + param.get("smooth_dr", 0)
        growth, above = (2 * x[k] if power == 2 else mp.mpf(1)), 2 * overlap + param.get("smooth_nr", 0)
    else:
        below = mp.fsum(v * (p * t + param["alpha"] * p * (1 - t) + param["beta"] * t * (1 - p)) for p, t, v in each) + param.get("smooth_dr", 0)
        a, b = (param["alpha"], param["beta"]) if k == 0 else (param["beta"], param["alpha"])
        growth, above = a * (1 - x[1 - k]) + x[1 - k] * (1 - b), overlap + param.get("smooth_nr", 0)
    gradient = w * above / below * growth / below
    return gradient if what == "grad" else 2 * gradient * w * growth / below


def _overlap_cases(name: str, settings: list[dict]):
    def cases(dtype, rng):
        for param in [{}, *settings]:
            spec = f"{name}({', '.join(f'{k}={v}' for k, v in param.items())})" if param else name
            words = {k: (v == "true" if isinstance(v, str) else v) for k, v in param.items()}
            for n in (1, 2, 9, 40):
                t = rng.integers(0, 2, n).astype(dtype)
                p = np.where(rng.random(n) < 0.7, np.abs(t - rng.random(n) * 0.1), rng.random(n)).astype(dtype)
                t[0] = 1
                yield Case(spec, [p, t], param=words)
                yield Case(spec, [p, rng.random(n).astype(dtype)], rng.choice([0, 0.3, 1, 2.5], n).astype(dtype) + (np.arange(n) == 0), param=words)
            yield Case(spec, [np.array([1e-30, 1, 0], dtype), np.array([0, 1, 0], dtype)], param=words)
            yield Case(spec, [(1 - rng.random((3, 4)) * 1e-6).astype(dtype), np.ones((3, 4), dtype)], param=words)

    return cases


def _rmse_cases(dtype, rng):
    scales = [1, 1e-20, 1e15] + ([1e-300, 1e200, 1e300] if dtype is np.float64 else [1e-38, 1e38])
    for scale in scales:
        for n in (1, 3, 40):
            p, t = ((rng.normal(size=n) * scale).astype(dtype) for _ in range(2))
            yield Case("rmse", [p, t])
            yield Case("rmse", [p, t], rng.choice([0, 0.3, 1, 2.5], n).astype(dtype) + (np.arange(n) == 0).astype(dtype))
    yield Case("rmse", [np.array([3, 1e-10], dtype), np.zeros(2, dtype)])


# ---- survival ----


def cox(inputs, weight, param):
    z, time, event = (a.ravel() for a in inputs)
    w = [mp.mpf(1)] * len(z) if weight is None else list(weight.ravel())
    there = [i for i in range(len(z)) if w[i] != 0]
    loss = mp.mpf(0)
    for t in sorted({time[i] for i in there}):
        risk = mp.fsum(w[i] * mp.exp(z[i]) for i in there if time[i] >= t)
        failed = [i for i in there if time[i] == t and event[i] != 0]
        if not failed:
            continue
        if param.get("ties") == "efron":
            own, mean = mp.fsum(w[i] * mp.exp(z[i]) for i in failed), mp.fsum(w[i] for i in failed) / len(failed)
            loss += mean * mp.fsum(mp.log(risk - own * k / len(failed)) for k in range(len(failed)))
        else:
            loss += mp.fsum(w[i] for i in failed) * mp.log(risk)
        loss -= mp.fsum(w[i] * z[i] for i in failed)
    return [loss]


def _cox_addend(case: Case, what: str, k: int, index):
    """e^z A - e, and e^z A - e^2z B: the first term is the larger one, or 1."""
    first, _ = derivatives(UNITS["cox"], case, k, index)
    w = mp.mpf(1) if case.weight is None else mp.mpf(float(case.weight[index]))
    event = float(case.inputs[2][index])
    return max(first + w * event, w * event) if what == "grad" else first + w * event


def _cox_cases(dtype, rng):
    for ties in ("breslow", "efron"):
        for n, scale, times in [(1, 1, 1), (2, 1, 5), (12, 1, 4), (12, 3, 100), (30, 0.3, 8), (8, 300, 3)]:
            z, time, event = (rng.normal(size=n) * scale).astype(dtype), rng.integers(0, times, n).astype(dtype), (rng.random(n) < 0.7).astype(dtype)
            yield Case(f"cox(ties={ties})", [z, time, event], param={"ties": ties})
            w = rng.choice([0, 0.5, 1, 2], n).astype(dtype) + (np.arange(n) == 0).astype(dtype)
            yield Case(f"cox(ties={ties})", [z, time, event], w, param={"ties": ties})


# ---- rankings ----


def _queries(inputs):
    score, relevance, groups = inputs
    ends = [0, len(score)] if groups is None else list(groups)
    for a, b in zip(ends, ends[1:], strict=False):
        yield list(score[a:b]), list(relevance[a:b])


def _softplus(x):
    return mp.log(1 + mp.exp(x))


def ranknet(inputs, weight, param):
    return [mp.fsum(_softplus(-param["kappa"] * (s[i] - s[j])) for i in range(len(s)) for j in range(len(s)) if y[i] > y[j]) for s, y in _queries(inputs)]


def lambdarank(inputs, weight, param):
    out = []
    for s, y in _queries(inputs):
        n = len(s)
        rank = {i: r for r, i in enumerate(sorted(range(n), key=lambda i: -s[i]))}
        discount = [1 / mp.log(r + 2, 2) for r in range(n)]
        gain = [2**v - 1 for v in y]
        ideal = mp.fsum(g * d for g, d in zip(sorted(gain, reverse=True), discount, strict=True))
        out.append(mp.fsum((gain[i] - gain[j]) * abs(discount[rank[i]] - discount[rank[j]]) / ideal * _softplus(-param["kappa"] * (s[i] - s[j]))
                           for i in range(n) for j in range(n) if y[i] > y[j] and min(rank[i], rank[j]) < param["truncation"]) if ideal else mp.mpf(0))
    return out


def list_net(inputs, weight, param):
    out = []
    for s, y in _queries(inputs):
        if not s:
            out.append(mp.mpf(0))
            continue
        lse = mp.log(mp.fsum(mp.exp(v) for v in s))
        mass = y if param.get("raw") else [mp.exp(v) / mp.fsum(mp.exp(x) for x in y) for v in y]
        out.append(mp.fsum(m * (lse - v) for m, v in zip(mass, s, strict=True)))
    return out


def _slopes_of_pairs(case: Case, what: str, k: int, index):
    """A document wins some pairs and loses others: what it gains, what it loses."""
    if what == "hess":
        return None
    first, second = derivatives(UNITS[case.spec.partition("(")[0]], case, k, index)
    return max(abs(first), abs(second), mp.mpf(1) if case.spec.startswith("list_net") else 0)


def _ranking_cases(name: str, settings: list[dict]):
    def cases(dtype, rng):
        for param in settings:
            spec = f"{name}({', '.join(f'{k}={v}' for k, v in param.items())})"
            numbers = {k: v == "true" if isinstance(v, str) else mp.mpf(float(dtype(v))) for k, v in param.items()}
            for n in (1, 2, 7, 12):
                s, y = (rng.normal(size=n) * 3).astype(dtype), rng.integers(0, 4, n).astype(dtype)
                yield Case(spec, [s, y, None], param=numbers)
            s, y = (rng.normal(size=15) * 3).astype(dtype), rng.integers(0, 3, 15).astype(dtype)
            s[1] = s[0] + 40
            yield Case(spec, [s, y, np.array([0, 4, 4, 5, 15])], param=numbers)

    return cases


# ---- sequences ----


def ctc(inputs, weight, param):
    """Over all alignments, one by one."""
    import itertools

    x, target, steps, lengths = inputs
    out, first, blank = [], 0, param.get("blank", 0)
    for n in range(len(x)):
        many = len(target[n]) if lengths is None else int(lengths[n])
        if target.ndim == 1:
            labels = [int(v) for v in target[first : first + many]]
            first += many
        else:
            labels = [int(v) for v in target[n][:many]]
        rows = x[n][: len(x[n]) if steps is None else int(steps[n])]
        chance = [[mp.exp(v) for v in row] for row in rows]
        if not param.get("log_probabilities"):
            chance = [[v / mp.fsum(row) for v in row] for row in chance]
        symbols = sorted({blank, *labels})
        total = mp.mpf(0)
        for path in itertools.product(symbols, repeat=len(rows)):
            said = [c for c, _ in itertools.groupby(path) if c != blank]
            if said == labels:
                total += mp.fprod(chance[t][c] for t, c in enumerate(path))
        out.append(-mp.log(total) if total else mp.mpf(0) if param.get("zero_infinity") else mp.inf)
    return out


def _ctc_addend(case: Case, what: str, k: int, index):
    return mp.mpf(1) if what == "grad" else mp.mpf(1) / 4


def _ctc_cases(dtype, rng):
    for scale in (1, 4, 12):
        x = (rng.normal(size=(3, 5, 4)) * scale).astype(dtype)
        yield Case("ctc", [x, rng.integers(1, 4, (3, 2)), None, None])
        yield Case("ctc", [x, np.array([[1, 1, 9], [2, 9, 9], [3, 1, 2]]) % 9, np.array([5, 3, 4]), np.array([2, 1, 3])])
        yield Case("ctc", [x, np.array([1, 1, 2, 3, 1]), np.array([5, 3, 4]), np.array([2, 1, 2])])
    yield Case("ctc(blank=3)", [x[:1], np.array([[0, 0]]), None, None], param={"blank": 3})
    confident = np.full((1, 5, 4), -30, dtype)
    for t, c in enumerate([0, 1, 1, 0, 2]):
        confident[0, t, c] = rng.normal()
    yield Case("ctc", [confident, np.array([[1, 2]]), None, None])
    logs = np.log(rng.dirichlet(np.ones(4), (2, 4))).astype(dtype)
    yield Case("ctc(log_probabilities=true)", [logs, np.array([[1, 2], [3, 3]]), None, None], param={"log_probabilities": True})
    yield Case("ctc(zero_infinity=true)", [x[:, :2], np.array([[1, 1], [1, 2], [3, 3]]), None, None], param={"zero_infinity": True})


# ---- matrices ----


def _softmax_price(u, positives) -> mp.mpf:
    """ln of the sum over all candidates minus the mean over the positives; candidates by their number."""
    if not positives:
        return mp.mpf(0)
    top = max(u.values())
    return top + mp.log(mp.fsum(mp.exp(x - top) for x in u.values())) - mp.fsum(u[j] for j in positives) / len(positives)


def info_nce(inputs, weight, param):
    s, positive = inputs
    tau, n = param["temperature"], len(s)
    positive = range(n) if positive is None else positive
    rows = [_softmax_price({j: x / tau for j, x in enumerate(s[i])}, [positive[i]]) for i in range(n)]
    if param.get("one_sided"):
        return rows
    return [(rows[i] + _softmax_price({k: s[k][positive[i]] / tau for k in range(n)}, [i])) / 2 for i in range(n)]


def nt_xent(inputs, weight, param):
    s, positive = inputs
    n = len(s)
    positive = [(i + n // 2) % n for i in range(n)] if positive is None else positive
    return [_softmax_price({j: x / param["temperature"] for j, x in enumerate(s[i]) if j != i}, [positive[i]]) for i in range(n)]


def sup_con(inputs, weight, param):
    s, label = inputs
    n = len(s)
    return [_softmax_price({j: s[i][j] / param["temperature"] for j in range(n) if j != i}, [j for j in range(n) if j != i and label[j] == label[i]])
            for i in range(n)]


def _matrix_cases(name: str):
    temperatures = {"info_nce": [0.07, 1, 0.01], "nt_xent": [0.5, 0.05], "sup_con": [0.1, 1]}

    def cases(dtype, rng):
        for tau in temperatures[name]:
            param = {"temperature": mp.mpf(float(dtype(tau)))}
            for n in (1, 2, 4, 7) if name != "nt_xent" else (2, 4, 8):
                s = rng.uniform(-1, 1, (n, n)).astype(dtype)
                s += np.eye(n, dtype=dtype) * dtype(0.7)
                spec = f"{name}(temperature={tau})"
                if name == "sup_con":
                    yield Case(spec, [s, rng.integers(-1, 2, n)], param=param)
                    continue
                yield Case(spec, [s, None], param=param)
                if name == "info_nce":
                    yield Case(f"{name}(temperature={tau}, one_sided=true)", [rng.uniform(-1, 1, (n, n + 3)).astype(dtype), rng.integers(0, n + 3, n)],
                               param={**param, "one_sided": True})

    return cases


UNITS: dict[str, Unit] = {
    "dice": Unit(dice, _overlap_cases("dice", [{"squared": "true"}, {"smooth_nr": 1, "smooth_dr": 1}]), True, 800, _soft_addend),
    "jaccard": Unit(jaccard, _overlap_cases("jaccard", [{"smooth_nr": 0.5, "smooth_dr": 0.5}]), True, 800, _soft_addend),
    "tversky": Unit(tversky, _overlap_cases("tversky", [{"alpha": 0.25, "beta": 0.75}, {"smooth_dr": 2}]), True, 800, _soft_addend),
    "info_nce": Unit(info_nce, _matrix_cases("info_nce")),
    "nt_xent": Unit(nt_xent, _matrix_cases("nt_xent")),
    "sup_con": Unit(sup_con, _matrix_cases("sup_con")),
    "cox": Unit(cox, _cox_cases, True, 800, _cox_addend),
    "ranknet": Unit(ranknet, _ranking_cases("ranknet", [{"kappa": 1}, {"kappa": 0.5}]), addend=_slopes_of_pairs),
    "lambdarank": Unit(lambdarank, _ranking_cases("lambdarank", [{"kappa": 1, "truncation": 30}, {"kappa": 2, "truncation": 3}]), addend=_slopes_of_pairs),
    "list_net": Unit(list_net, _ranking_cases("list_net", [{"raw": "false"}, {"raw": "true"}]), addend=_slopes_of_pairs),
    "ctc": Unit(ctc, _ctc_cases, digits=160, addend=_ctc_addend),
    "rmse": Unit(rmse, _rmse_cases, True, 1600, _rmse_addend),
}
