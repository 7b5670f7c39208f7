"""What JAX's compiler makes of a loss, value and gradient by the prediction in one call: of optax's function where optax has the loss, else of
the formula text that the registry prints, read by the grammar of tests/oracle/formula.py. None where JAX or the formula is missing."""

from __future__ import annotations

import ast
import importlib.util
import operator
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import test_peers
from formula import SHORT, Formula

HAVE_JAX = importlib.util.find_spec("jax") is not None and importlib.util.find_spec("optax") is not None
if HAVE_JAX:
    import jax
    import optax
    from jax import numpy as jnp

    jax.config.update("jax_enable_x64", True)
    FUNCTIONS = {
        "abs": jnp.abs, "max": jnp.maximum, "min": jnp.minimum, "exp": jnp.exp, "log": jnp.log, "log1p": jnp.log1p, "sqrt": jnp.sqrt, "cosh": jnp.cosh,
        "softplus": jax.nn.softplus, "sigmoid": jax.nn.sigmoid, "xlogy": jax.scipy.special.xlogy, "lgamma": jax.scipy.special.gammaln, "floored": jnp.maximum,
    }
OPERATIONS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv, ast.Pow: operator.pow,
              ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Eq: operator.eq}


class Array(Formula):
    """The text as a function of arrays."""

    def of(self, words: dict[str, str], **scope: Any) -> Any:
        scope |= {short: scope[name] for short, name in SHORT.items()}
        p, t = scope["p"], scope["t"]
        scope |= {"y": 2 * t - 1 if words.get("labels") == "zero_one" else t, "r": p - t, "pi": np.pi, "inf": np.inf}
        scope["m"] = scope["y"] * p
        self.words = words
        for name, value in self.bindings:
            scope[name] = self._eval(value, scope)
        return self._eval(self.body, scope)

    def _eval(self, node: ast.expr, scope: dict[str, Any]) -> Any:
        match node:
            case ast.Constant():
                return node.value
            case ast.Name():
                return scope[node.id]
            case ast.UnaryOp():
                return -self._eval(node.operand, scope)
            case ast.BinOp():
                return OPERATIONS[type(node.op)](self._eval(node.left, scope), self._eval(node.right, scope))
            case ast.Call():
                return FUNCTIONS[node.func.id](*(self._eval(a, scope) for a in node.args))
            case ast.IfExp():
                condition = self._holds(node.test, scope)
                if isinstance(condition, bool):
                    return self._eval(node.body if condition else node.orelse, scope)
                return jnp.where(condition, self._eval(node.body, scope), self._eval(node.orelse, scope))
        raise ValueError(f"not in the grammar of formulas: {ast.dump(node)}")

    def _holds(self, test: ast.Compare, scope: dict[str, Any]) -> Any:
        left, right = test.left, test.comparators[0]
        if isinstance(left, ast.Name) and left.id in self.words:
            return self.words[left.id] == right.id
        if isinstance(right, ast.Name) and right.id == "none":
            return False
        return OPERATIONS[type(test.ops[0])](self._eval(left, scope), self._eval(right, scope))


def compiled(function: Callable[..., Any], *inputs: np.ndarray) -> Callable[[], Any]:
    step, arrays = jax.jit(jax.value_and_grad(lambda *x: function(*x).mean())), [jnp.asarray(x) for x in inputs]
    return lambda: jax.block_until_ready(step(*arrays))


def function_of(spec: str, loss: Any, inputs: list[np.ndarray]) -> Callable[..., Any] | None:
    """Of two arrays the loss of each element."""
    if not HAVE_JAX or not loss.info.formula or any(x.dtype.kind != "f" for x in inputs):
        return None
    if spec in test_peers.OPTAX:
        return lambda p, t: test_peers.OPTAX[spec][0](optax.losses, p, t)
    if "over" in loss.info.formula.split():  # of whole rows
        return None
    words, numbers = {}, {}
    for parameter in loss.info.parameters:
        given = re.search(rf"\b{parameter.name}=([\w.+-]+)", spec)
        value = given[1] if given else parameter.default
        if parameter.choices or value is None:
            words[parameter.name] = "none" if value is None else str(value)
        else:
            numbers[parameter.name] = float(value)
    return lambda p, t: Array(loss.info.formula).of(words, prediction=p, target=t, **numbers)


def worst_ulp(function: Callable[..., Any], loss: Any, inputs: list[np.ndarray]) -> float:
    """How far its values are off at the first 100,000 elements, which have the exact ones of the same numbers in double."""
    few = [x[:100_000] for x in inputs]
    exact = loss(*(x.astype(np.float64) for x in few), reduction="none")
    got = np.asarray(jax.jit(function)(*few), np.float64)
    return float(np.nanmax(np.abs(got - exact) / np.spacing(np.abs(exact).astype(few[0].dtype)).astype(np.float64)))


def of_classes(spec: str, inputs: list[np.ndarray]) -> Callable[[], Any] | None:
    if not HAVE_JAX or spec != "cross_entropy":
        return None
    return compiled(optax.losses.softmax_cross_entropy_with_integer_labels, *inputs)
