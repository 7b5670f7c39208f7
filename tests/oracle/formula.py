"""The registry's formula text as an oracle: value and two derivatives with as many digits as asked.

The text is Python's expression grammar with ``^`` for powers, ``|x|`` for absolute values and ``where name = ...`` at the
end. It is evaluated on jets of mpmath numbers, with the exact rules of differentiation; at kinks the conventions are
|x|' = 0 at 0, max(x, y)' that of y where equal, and ``a if condition else b`` the derivative of the branch taken.
``floored(x, low)`` is max(x, low) whose derivatives by x stay those of x. A parameter without a value ``== none``.
"""

from __future__ import annotations

import ast
import re

import mpmath as mp

mp.mp.dps = 1000  # 100 digits of the result, where e^-700 stands beside 1


class Jet:
    """A number with its first and second derivative by one variable."""

    def __init__(self, v, d=0, h=0):
        self.v, self.d, self.h = mp.mpf(v), mp.mpf(d), mp.mpf(h)

    def chain(self, v, d, h):
        return Jet(v, d * self.d, h * self.d**2 + d * self.h)

    def __add__(self, o):
        o = jet(o)
        return Jet(self.v + o.v, self.d + o.d, self.h + o.h)

    def __neg__(self):
        return Jet(-self.v, -self.d, -self.h)

    def __sub__(self, o):
        return self + -jet(o)

    def __mul__(self, o):
        o = jet(o)
        return Jet(self.v * o.v, self.d * o.v + self.v * o.d, self.h * o.v + 2 * self.d * o.d + self.v * o.h)

    def __truediv__(self, o):
        o = jet(o)
        return self * o.chain(1 / o.v, -1 / o.v**2, 2 / o.v**3)

    def __pow__(self, n):
        if n.d or n.h:
            return f_exp(n * f_log(self))
        n = int(n.v) if n.v == int(n.v) else n.v
        first = n * self.v ** (n - 1) if n else 0
        return self.chain(self.v**n, first, n * (n - 1) * self.v ** (n - 2) if n not in (0, 1) else 0)

    __radd__, __rmul__ = __add__, __mul__

    def __rsub__(self, o):
        return jet(o) - self

    def __rtruediv__(self, o):
        return jet(o) / self


def jet(x):
    return x if isinstance(x, Jet) else Jet(x)


def f_abs(x):
    s = mp.sign(x.v)
    return x.chain(abs(x.v), s, 0)


def f_max(a, b):
    a, b = jet(a), jet(b)
    return a if a.v > b.v else b


def f_min(a, b):
    a, b = jet(a), jet(b)
    return a if a.v < b.v else b


def f_exp(x):
    e = mp.exp(x.v)
    return x.chain(e, e, e)


def f_log(x):
    return x.chain(mp.log(x.v), 1 / x.v, -1 / x.v**2)


def f_log1p(x):
    return x.chain(mp.log1p(x.v), 1 / (1 + x.v), -1 / (1 + x.v) ** 2)


def f_sqrt(x):
    s = mp.sqrt(x.v)
    return x.chain(s, 1 / (2 * s), -1 / (4 * s**3))


def f_cosh(x):
    c, s = mp.cosh(x.v), mp.sinh(x.v)
    return x.chain(c, s, c)


def f_softplus(x):
    v = mp.log1p(mp.exp(x.v)) if x.v < 1000 else x.v + mp.exp(-x.v)
    p, q = 1 / (1 + mp.exp(-x.v)), 1 / (1 + mp.exp(x.v))
    return x.chain(v, p, p * q)


def f_sigmoid(x):
    p, q = 1 / (1 + mp.exp(-x.v)), 1 / (1 + mp.exp(x.v))
    return x.chain(p, p * q, p * q * (q - p))


def f_lgamma(x):
    with mp.workdps(60):  # psi of a thousand digits takes long
        return x.chain(mp.loggamma(x.v), mp.digamma(x.v) if x.d else 0, mp.psi(1, x.v) if x.d else 0)


def f_floored(x, low):
    return Jet(max(x.v, jet(low).v), x.d, x.h)


def f_xlogy(a, b):
    a, b = jet(a), jet(b)
    if a.v == 0:  # 0 ln 0 = 0; the derivative by a is ln b
        return Jet(0, a.d * mp.log(b.v) if a.d else 0, 2 * a.d * b.d / b.v if a.d and b.d else 0)
    return a * f_log(b)


FUNCTIONS = {
    "abs": f_abs, "max": f_max, "min": f_min, "exp": f_exp, "log": f_log, "log1p": f_log1p, "sqrt": f_sqrt, "cosh": f_cosh,
    "softplus": f_softplus, "xlogy": f_xlogy, "sigmoid": f_sigmoid, "floored": f_floored,
    "lgamma": f_lgamma,
}
SHORT = {"p": "prediction", "t": "target"}


class Formula:
    """``Formula(text)(wrt, words, **names)`` is the jet of the text by the variable named ``wrt``."""

    def __init__(self, text: str):
        text = re.sub(r"\|([^|]+)\|", r"abs(\1)", text)
        body, _, bindings = text.partition(" where ")
        self.body = self._parse(body)
        self.bindings = []
        for binding in re.split(r",\s*(?=\w+ = )", bindings) if bindings else []:
            name, _, value = binding.partition(" = ")
            self.bindings.append((name.strip(), self._parse(value)))

    @staticmethod
    def _parse(text: str):
        return ast.parse(text.strip().replace("^", "**"), mode="eval").body

    def __call__(self, wrt: str | None = None, words: dict[str, str] | None = None, **names) -> Jet:
        scope = {"pi": Jet(mp.pi), "inf": Jet(mp.inf), **{k: Jet(v, 1 if k == wrt else 0) for k, v in names.items()}}
        for short, name in SHORT.items():
            if name in scope:
                scope[short] = scope[name]
        if "target" in scope:
            t = scope["target"]
            scope["y"] = 2 * t - 1 if (words or {}).get("labels") == "zero_one" else t
        if "target" in scope and "prediction" in scope:
            scope["r"] = scope["prediction"] - t
            scope["m"] = scope["y"] * scope["prediction"]
        self.words = words or {}
        for name, value in self.bindings:
            scope[name] = self._eval(value, scope)
        return jet(self._eval(self.body, scope))

    def _eval(self, node, scope):
        if isinstance(node, ast.Constant):
            return Jet(mp.mpf(str(node.value)))
        if isinstance(node, ast.Name):
            return scope[node.id]
        if isinstance(node, ast.UnaryOp):
            return -self._eval(node.operand, scope)
        if isinstance(node, ast.BinOp):
            a, b = self._eval(node.left, scope), self._eval(node.right, scope)
            operation = {ast.Add: "__add__", ast.Sub: "__sub__", ast.Mult: "__mul__", ast.Div: "__truediv__", ast.Pow: "__pow__"}
            return getattr(a, operation[type(node.op)])(b)
        if isinstance(node, ast.IfExp):
            return self._eval(node.body if self._holds(node.test, scope) else node.orelse, scope)
        if isinstance(node, ast.Call):
            return FUNCTIONS[node.func.id](*(self._eval(a, scope) for a in node.args))
        raise ValueError(f"not in the grammar of formulas: {ast.dump(node)}")

    def _holds(self, test, scope) -> bool:
        left, right = test.left, test.comparators[0]
        if isinstance(left, ast.Name) and left.id in self.words:
            return self.words[left.id] == right.id
        if isinstance(right, ast.Name) and right.id == "none":
            return False  # it has a value: else it would be among the words
        a, b = self._eval(left, scope).v, self._eval(right, scope).v
        return {ast.Lt: a < b, ast.LtE: a <= b, ast.Gt: a > b, ast.GtE: a >= b, ast.Eq: a == b}[type(test.ops[0])]
