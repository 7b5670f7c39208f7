"""Losses of units, naively and with many digits: each is its value, straight from the definition. Derivatives are differences of
the value so close that a hundred digits of them are right."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator

import mpmath as mp
import numpy as np
from remember import remembered


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
    first, second = (above - below) / (2 * step), (above - 2 * middle + below) / step**2
    noise = (abs(middle) + 1) * mp.mpf(10) ** -(unit.digits - 10)  # of the subtractions: less than that is 0
    return first if abs(first) * step > noise else mp.mpf(0), second if abs(second) * step**2 > noise else mp.mpf(0)


@remembered
def all_derivatives(name: str, case: Case, k: int) -> dict[tuple, tuple[mp.mpf, mp.mpf]]:
    """Those by every number of input k that is there."""
    unit = UNITS[name]
    absent = unit.weights_inside and case.weight is not None
    return {index: derivatives(unit, case, k, index) for index in np.ndindex(case.inputs[k].shape) if not (absent and case.weight[index] == 0)}


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
    for a, b in itertools.pairwise(ends):
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


# ---- rows and tuples of rows ----


def _positive(x):
    return x if x > 0 else mp.mpf(0)


def multiclass_hinge(inputs, weight, param):
    z, target = inputs[:2]
    return [_positive(param["margin"] + max((x for j, x in enumerate(row) if j != k), default=-mp.inf) - row[k]) for row, k in zip(z, target, strict=True)]


def multi_margin(inputs, weight, param):
    z, target, w = inputs
    out = []
    for row, k in zip(z, target, strict=True):
        v = mp.fsum(_positive(param["margin"] - row[k] + x) ** param["power"] for j, x in enumerate(row) if j != k)
        out.append((1 if w is None else w[k]) * v / (len(row) if param.get("scale") else 1))
    return out


def multilabel_margin(inputs, weight, param):
    return [mp.fsum(t[i] * (1 - t[j]) * _positive(1 - z[i] + z[j]) for i in range(len(z)) for j in range(len(z)) if i != j) / len(z)
            for z, t in zip(*inputs, strict=True)]


def multilabel_soft_margin(inputs, weight, param):
    z, t, w = inputs
    return [mp.fsum((1 if w is None else w[j]) * (b[j] * _softplus(-a[j]) + (1 - b[j]) * _softplus(a[j])) for j in range(len(a))) / len(a)
            for a, b in zip(z, t, strict=True)]


def multiclass_brier(inputs, weight, param):
    p, t = inputs[:2]
    rows = t if t.ndim == 2 else np.eye(p.shape[1], dtype=int)[t]
    return [mp.fsum((a - b) ** 2 for a, b in zip(x, y, strict=True)) for x, y in zip(p, rows, strict=True)]


def js_divergence(inputs, weight, param):
    mix, out = param["mix"], []
    for p, t in zip(*inputs, strict=True):
        m = [mix * b + (1 - mix) * a for a, b in zip(p, t, strict=True)]
        out.append(mp.fsum(mix * b * mp.log(b / c) if b else 0 for b, c in zip(t, m, strict=True))
                   + mp.fsum((1 - mix) * a * mp.log(a / c) if a else 0 for a, c in zip(p, m, strict=True)))
    return out


def _cosine(a, b):
    both = mp.fsum(x * x for x in a) * mp.fsum(x * x for x in b)
    return mp.fsum(x * y for x, y in zip(a, b, strict=True)) / mp.sqrt(both) if both else mp.mpf(0)


def _norm(a, b, power=2):
    return mp.fsum(abs(x - y) ** power for x, y in zip(a, b, strict=True)) ** (mp.mpf(1) / power)


def cosine_distance(inputs, weight, param):
    return [1 - _cosine(a, b) for a, b in zip(*inputs, strict=True)]


def cosine_embedding(inputs, weight, param):
    return [1 - _cosine(a, b) if y > 0 else _positive(_cosine(a, b) - param["margin"]) for a, b, y in zip(*inputs, strict=True)]


def contrastive(inputs, weight, param):
    factor = mp.mpf(0.5) if param.get("half") else 1
    return [factor * (t * _norm(a, b) ** 2 + (1 - t) * _positive(param["margin"] - _norm(a, b)) ** 2) for a, b, t in zip(*inputs, strict=True)]


def triplet_margin(inputs, weight, param):
    out = []
    for a, p, n in zip(*inputs, strict=True):
        near, far = _norm(a, p, param["power"]), _norm(a, n, param["power"])
        if param.get("swap"):
            far = min(far, _norm(p, n, param["power"]))
        out.append(_positive(near ** 2 - far ** 2 + param["margin"] if param.get("squared") else near - far + param["margin"]))
    return out


def _numbers(dtype, param: dict) -> dict:
    return {k: (v == "true" if v in ("true", "false") else v == "classes") if isinstance(v, str) else mp.mpf(float(dtype(v))) for k, v in param.items()}


def _spec(name: str, param: dict) -> str:
    return f"{name}({', '.join(f'{k}={v}' for k, v in param.items())})" if param else name


def _score_cases(name: str, settings: list[dict], weights: bool = False):
    def cases(dtype, rng):
        for param in settings:
            for classes in (1, 2, 5, 11):
                z = (rng.normal(size=(4, classes)) * 2).astype(dtype)
                target = rng.integers(0, classes, 4)
                if name.startswith("multilabel"):
                    target = rng.integers(0, 2, (4, classes)).astype(dtype)
                    target[3] = rng.random(classes).astype(dtype)
                w = [None, rng.uniform(0.25, 2, classes).astype(dtype)] if weights else [False]
                for each in w:
                    yield Case(_spec(name, param), [z, target] + ([] if each is False else [each]), param=_numbers(dtype, param))

    return cases


def _distribution_cases(name: str, settings: list[dict]):
    def cases(dtype, rng):
        for param in settings:
            for classes in (2, 6):
                p = np.maximum(rng.dirichlet(np.ones(classes), 4), 1e-6).astype(dtype)
                t = np.maximum(rng.dirichlet(np.ones(classes), 4), 1e-6).astype(dtype)
                t[1] = (p[1] * (1 + rng.normal(size=classes) * 1e-3)).astype(dtype)
                t[2] = np.nextafter(p[2], dtype(0))
                yield Case(_spec(name, param), [p, t], param=_numbers(dtype, param))
                if name == "multiclass_brier":
                    yield Case(name, [p, rng.integers(0, classes, 4)])

    return cases


def _vector_cases(name: str, settings: list[dict]):
    def cases(dtype, rng):
        for param in settings:
            for scale in (1, 1e-15, 1e15):
                for n in (2, 7):
                    a, b, c = ((rng.normal(size=(4, n)) * scale).astype(dtype) for _ in range(3))
                    b[1] = (a[1] * (1 + rng.normal(size=n) * 1e-5)).astype(dtype)
                    last = {"cosine_distance": [], "cosine_embedding": [np.array([1, 1, -1, -1], dtype)],
                            "contrastive": [np.array([1, 0, 1, 0.25], dtype)], "triplet_margin": [c]}[name]
                    if scale != 1 and name in ("contrastive", "triplet_margin"):
                        param = {**param, "margin": 1.5 * scale}
                    yield Case(_spec(name, param), [a, b, *last], param=_numbers(dtype, param))
                    if name.startswith("cosine"):  # of a last place here and there: what is left of 1 - cos is far below what sums are known to
                        nearly = np.where(np.arange(n) % 2, a, np.nextafter(a, dtype(0)))
                        yield Case(_spec(name, param), [a, nearly, *(np.ones_like(x) for x in last)], param=_numbers(dtype, param))

    return cases


def _brace(case: Case, what: str, k: int, index):
    """The larger of the two terms of a slope or bend that is their difference."""
    if case.spec.startswith("multilabel_soft"):
        return mp.mpf(2) / case.inputs[0].shape[-1] if what == "grad" and k == 0 and 0 < case.inputs[1][index] < 1 else None
    r, i = index
    rows = [None if a is None else list(exact(a[r])) if a.ndim == 2 else mp.mpf(float(a[r])) for a in case.inputs]
    name, param = case.spec.partition("(")[0], case.param
    if name in ("cosine_distance", "cosine_embedding"):
        a, b = rows[k], rows[1 - k]
        la, lb = (mp.sqrt(mp.fsum(x * x for x in v)) for v in (a, b))
        c, x, y = _cosine(a, b), a[i] / la, b[i] / lb
        return max(abs(y), abs(c * x)) / la if what == "grad" else max(abs(2 * x * y), abs(c), abs(3 * c * x * x)) / la**2
    if name == "contrastive":
        d, t, x = _norm(rows[0], rows[1]), rows[2], rows[0][i] - rows[1][i]
        factor = 1 if param.get("half") else 2
        push = (1 - t) * _positive(param["margin"] - d) / d
        return factor * (max(t, push) * abs(x) if what == "grad" else max(t + (1 - t), push))
    if name == "triplet_margin":
        sizes = []
        for one, two in ((0, 1), (0, 2), (1, 2)):
            d, x = _norm(rows[one], rows[two], param["power"]), abs(rows[one][i] - rows[two][i])
            u = x / d
            slope = u ** (param["power"] - 1)
            bend = (param["power"] - 1) * (u ** (param["power"] - 2) + u ** (2 * param["power"] - 2)) / d
            if param.get("squared"):
                slope, bend = 2 * x, mp.mpf(2)
            if k in (one, two):
                sizes.append(slope if what == "grad" else bend)
        return max(sizes)
    raise KeyError(name)


UNITS: dict[str, Unit] = {
    "multiclass_hinge": Unit(multiclass_hinge, _score_cases("multiclass_hinge", [{"margin": 1}, {"margin": 0.3}])),
    "multi_margin": Unit(multi_margin, _score_cases("multi_margin", [{"margin": 1, "power": 1}, {"margin": 0.5, "power": 2, "scale": "classes"}], True)),
    "multilabel_margin": Unit(multilabel_margin, _score_cases("multilabel_margin", [{}])),
    "multilabel_soft_margin": Unit(multilabel_soft_margin, _score_cases("multilabel_soft_margin", [{}], True), addend=_brace),
    "multiclass_brier": Unit(multiclass_brier, _distribution_cases("multiclass_brier", [{}])),
    "js_divergence": Unit(js_divergence, _distribution_cases("js_divergence", [{"mix": 0.5}, {"mix": 0.25}])),
    "cosine_distance": Unit(cosine_distance, _vector_cases("cosine_distance", [{}]), addend=_brace),
    "cosine_embedding": Unit(cosine_embedding, _vector_cases("cosine_embedding", [{"margin": 0}, {"margin": -0.75}]), addend=_brace),
    "contrastive": Unit(contrastive, _vector_cases("contrastive", [{"margin": 2}, {"margin": 5, "half": "true"}]), addend=_brace),
    "triplet_margin": Unit(triplet_margin, _vector_cases("triplet_margin", [{"margin": 1, "power": 2}, {"margin": 3, "power": 2, "swap": "true"},
                                                                           {"margin": 3, "power": 1}, {"margin": 3, "power": 3},
                                                                           {"margin": 2, "power": 2, "squared": "true"}]), addend=_brace),
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
