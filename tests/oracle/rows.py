"""Row losses, naively and with 100 digits, straight from their definitions."""

from __future__ import annotations

import dataclasses

import mpmath as mp
import numpy as np

mp.mp.dps = 1000  # 100 digits of the result, where e^-700 stands beside 1


@dataclasses.dataclass
class Case:
    spec: str
    prediction: np.ndarray
    target: np.ndarray
    class_weight: np.ndarray | None = None
    smoothing: float = 0.0
    ignore: tuple = ()
    normalize: bool = False
    param: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Exact:
    value: mp.mpf
    grad: list
    hess: list
    target_grad: list | None = None
    scale: list | None = None  # the larger addend of each gradient, Hessian, target gradient
    hess_scale: list | None = None
    target_scale: mp.mpf | int = 0


def masses(case: Case, r: int):
    """What each class's surprise counts, or None where the row is not there; and whether the target is a row."""
    classes = case.prediction.shape[1]
    w = [mp.mpf(1)] * classes if case.class_weight is None else [mp.mpf(float(x)) for x in case.class_weight.astype(case.prediction.dtype)]
    eps = mp.mpf(float(case.prediction.dtype.type(case.smoothing)))
    if case.target.ndim == 1:
        k = int(case.target[r])
        if k in case.ignore or (eps == 0 and w[k] == 0):
            return None, w, eps
        t = [mp.mpf(j == k) for j in range(classes)]
    else:
        t = [mp.mpf(float(x)) for x in case.target[r]]
    return [w[j] * ((1 - eps) * t[j] + eps / classes) for j in range(classes)], w, eps


def cross_entropy(case: Case, r: int) -> Exact | None:
    s, w, eps = masses(case, r)
    if s is None:
        return None
    z = [mp.mpf(float(x)) for x in case.prediction[r]]
    top = max(z)
    total = mp.fsum(mp.exp(x - top) for x in z)
    lse = top + mp.log(total)
    q = [mp.exp(x - top) / total for x in z]
    mass = mp.fsum(s)
    surprise = [lse - x for x in z]
    value = mp.fsum(s[j] * surprise[j] for j in range(len(z)) if s[j] != 0)
    return Exact(value, [mass * q[j] - s[j] for j in range(len(z))], [mass * q[j] * (1 - q[j]) for j in range(len(z))],
                 [w[j] * (1 - eps) * surprise[j] for j in range(len(z))],
                 [max(mass * q[j], s[j]) if 0 < s[j] < mass else 0 for j in range(len(z))])


def of_surprise(f):
    """The row loss of f(l, parameters), l = -ln p: (f, f', f'', the largest term of f'' if several may cancel)."""
    def loss(case: Case, r: int) -> Exact | None:
        s, w, eps = masses(case, r)
        if s is None:
            return None
        z = [mp.mpf(float(x)) for x in case.prediction[r]]
        top = max(z)
        total = mp.fsum(mp.exp(x - top) for x in z)
        q = [mp.exp(x - top) / total for x in z]
        param = {"rounded": lambda x: mp.mpf(float(case.prediction.dtype.type(x))), **case.param}
        at = [f(top + mp.log(total) - x, param) for x in z]
        value = mp.fsum(s[j] * at[j][0] for j in range(len(z)) if s[j])
        a, b, size = ([s[j] * at[j][k] if s[j] else mp.mpf(0) for j in range(len(z))] for k in (1, 2, 3))
        slope, bend = mp.fsum(a), mp.fsum(b)
        parts = [(slope * x * (1 - x), x**2 * (bend - y), (1 - x) ** 2 * y) for x, y in zip(q, b, strict=True)]
        sizes = [max(slope * x * (1 - x), x**2 * (mp.fsum(size) - y), (1 - x) ** 2 * y) for x, y in zip(q, size, strict=True)]
        single = sum(x != 0 for x in s) == 1
        return Exact(value, [-a[j] * (1 - q[j]) if single and s[j] else slope * q[j] - a[j] for j in range(len(z))], [mp.fsum(x) for x in parts],
                     [w[j] * (1 - eps) * at[j][0] for j in range(len(z))], None if single else [max(slope * q[j], a[j]) for j in range(len(z))], sizes)

    return loss


def softmax_focal(surprise, param):
    gamma = param.get("gamma", mp.mpf(2))
    p, u = mp.exp(-surprise), -mp.expm1(-surprise)
    terms = [2, -surprise, (gamma - 1) * p * surprise / u] if u else [2, 0, gamma - 1]
    steep = gamma * p * u ** (gamma - 1) if gamma else mp.mpf(0)
    slope = (u**gamma if u or gamma else mp.mpf(1)) + steep * surprise
    return u**gamma * surprise if surprise else mp.mpf(0), slope, steep * mp.fsum(terms), steep * max(abs(x) for x in terms)


def generalized_cross_entropy(surprise, param):
    q = param.get("q", param["rounded"](0.7))
    power = mp.exp(-q * surprise)
    return -mp.expm1(-q * surprise) / q, power, -q * power, q * power


def nll(case: Case, r: int) -> Exact | None:
    s, w, _ = masses(case, r)
    if s is None:
        return None
    x = [mp.mpf(float(v)) for v in case.prediction[r]]
    value = -mp.fsum(s[j] * x[j] for j in range(len(x)) if s[j] != 0)
    return Exact(value, [-v for v in s], [mp.mpf(0)] * len(x), [-w[j] * x[j] for j in range(len(x))])


def categorical_cross_entropy(case: Case, r: int) -> Exact | None:
    s, w, _ = masses(case, r)
    if s is None:
        return None
    p = [mp.mpf(float(v)) for v in case.prediction[r]]
    total = mp.fsum(p) if case.normalize else mp.mpf(1)
    log = [mp.log(v / total) if v else -mp.inf for v in p]
    value = -mp.fsum(s[j] * log[j] for j in range(len(p)) if s[j] != 0)
    mass = mp.fsum(s)
    own = [s[j] / p[j] if s[j] else mp.mpf(0) for j in range(len(p))]
    grad = [-own[j] + (mass / total if case.normalize else 0) for j in range(len(p))]
    hess = [(s[j] / p[j] ** 2 if s[j] else 0) - (mass / total**2 if case.normalize else 0) for j in range(len(p))]
    return Exact(value, grad, hess, [-w[j] * log[j] for j in range(len(p))], [max(own[j], mass / total) for j in range(len(p))] if case.normalize else None,
                 [max(own[j] / p[j], mass / total**2) for j in range(len(p))] if case.normalize else None)


def kl_divergence(case: Case, r: int) -> Exact:
    p, t = ([mp.mpf(float(v)) for v in a[r]] for a in (case.prediction, case.target))
    value = mp.fsum(t[j] * mp.log(t[j] / p[j]) for j in range(len(p)) if t[j] != 0)
    return Exact(value, [-t[j] / p[j] for j in range(len(p))], [t[j] / p[j] ** 2 for j in range(len(p))],
                 [mp.log(t[j] / p[j]) + 1 if t[j] else -mp.inf for j in range(len(p))], target_scale=1)


ROW_ORACLES = {"cross_entropy": cross_entropy, "softmax_focal": of_surprise(softmax_focal),
               "generalized_cross_entropy": of_surprise(generalized_cross_entropy), "nll": nll, "categorical_cross_entropy": categorical_cross_entropy,
               "kl_divergence": kl_divergence}


def row_cases(name: str, dtype):
    rng = np.random.default_rng(11)
    if name == "kl_divergence":
        for classes in (2, 7, 80):
            p, t = (rng.dirichlet(np.ones(classes) * 0.5, 12).astype(dtype) for _ in range(2))
            p, t = np.maximum(p, dtype(1e-30)), np.maximum(t, dtype(1e-30))
            yield Case("kl_divergence", p, t)
        return
    of_logits = ("cross_entropy", "softmax_focal", "generalized_cross_entropy")
    settings = {"softmax_focal": [{"gamma": 0.5}, {"gamma": 1}, {"gamma": 3.5}, {"gamma": 0}], "generalized_cross_entropy": [{"q": 1}, {"q": 0.0625}]}
    for classes in (1, 2, 3, 10, 63, 65, 130):
        rows = 14
        z = (rng.normal(size=(rows, classes)) * rng.choice([0.1, 3, 30], (rows, 1))).astype(dtype)
        if name in of_logits and classes >= 3:
            z[0], z[1], z[2] = 0, 0, 5
            z[0, 0], z[1, 1] = 40, 700
        if name not in of_logits:
            z = np.exp(z - z.max(1, keepdims=True))
            z = (z / z.sum(1, keepdims=True)).astype(dtype)
            z = np.maximum(z, dtype(1e-30))
            z = np.log(z) if name == "nll" else np.minimum(z, dtype(1))
        label = rng.integers(0, classes, rows)
        label[:3] = 0
        soft = rng.dirichlet(np.ones(classes), rows).astype(dtype)
        hot = np.eye(classes, dtype=dtype)[label]
        weight = rng.uniform(0.25, 2, classes).astype(dtype)
        weight[0] = 0
        yield Case(name, z, label)
        yield Case(name, z, hot)
        yield Case(name, z, label, weight)
        yield Case(f"{name}(ignore_index={label[3]})", z, label, None, 0.0, (label[3],))
        if name in of_logits:
            yield Case(name, z, soft)
            yield Case(f"{name}(label_smoothing=0.125)", z, label, None, 0.125)
            yield Case(f"{name}(label_smoothing=0.125)", z, soft, weight, 0.125)
            yield Case(f"{name}(ignore_index={label[3]}, label_smoothing=0.5)", z, label, weight, 0.5, (label[3],))
        for param in settings.get(name, []) if classes in (3, 10, 65) else []:
            spec = f"{name}({', '.join(f'{k}={v}' for k, v in param.items())})"
            numbers = {k: mp.mpf(v) for k, v in param.items()}
            yield Case(spec, z, label, param=numbers)
            yield Case(spec, z, soft, weight, param=numbers)
        if name == "categorical_cross_entropy":
            yield Case("categorical_cross_entropy(normalize=true)", z, label, weight, 0.0, (), True)
