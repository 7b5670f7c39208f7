"""Linear models of convex losses that are made of straight lines, as quantile and hinge are: linear and quadratic programs."""

from __future__ import annotations

import numpy as np

from ._extras import tool
from ._linear import EPS, Array, Design, Penalty, claims
from ._linear_descent import Fit, solve
from ._loss import Loss


def is_piecewise_linear(loss: Loss, target: Array, classes: int | None) -> bool:
    """Whether a convex loss has no curvature anywhere: at distances of all sizes from the target, or of rows at places of all sizes."""
    if "convex" not in claims(loss) or "differentiable" in claims(loss):
        return False
    scale = 2.0 ** np.arange(-40, 41)
    apart = np.concatenate([-scale, [0.0], scale])
    if classes is not None:
        t = np.repeat(target[:1], apart.size, axis=0)
        return not np.any(loss.hess(apart[:, None] * np.cos(np.arange(apart.size * classes)).reshape(-1, classes), t, reduction="sum"))
    t = np.repeat(target[[0, -1]], apart.size)
    return not np.any(loss.hess(t + np.tile(apart, 2), t, reduction="sum"))


def lines(loss: Loss, target: Array) -> tuple[Array, Array]:
    """Slopes and offsets, (K, n), of the straight lines whose highest a loss of values is: ``max_k slope[k]*p + offset[k]``."""

    def tangent(p: Array) -> tuple[Array, Array]:
        value, slope = loss.value_and_grad(p, target, reduction="none")
        return slope, value - slope * p

    def slope(p: float) -> Array:
        return np.asarray(loss.grad(np.full(target.shape, p), target, reduction="sum"))

    reach = 1 + 2 * float(np.abs(target).max())  # beyond it on either side there is one line; not much beyond, so that offsets keep their digits
    while np.any(slope(-reach) != slope(-1e100)) or np.any(slope(reach) != slope(1e100)):
        reach *= 2
    found = [tangent(np.full(target.shape, -reach)), tangent(np.full(target.shape, reach))]
    k = 0
    while k + 1 < len(found):
        (a, at_0), (b, bt_0) = found[k], found[k + 1]
        meet = np.divide(at_0 - bt_0, b - a, out=np.zeros(target.shape), where=a != b)
        between = tangent(meet)
        rise = (between[0] - a) * meet + between[1] - at_0  # of the loss above both lines, where they meet
        if np.any((rise > 64 * EPS * reach * np.maximum(np.abs(a), np.abs(b))) & (between[0] != a) & (between[0] != b)):
            found.insert(k + 1, between)
        else:
            k += 1
    return np.array([s for s, _ in found]), np.array([c for _, c in found])


def tangents(loss: Loss, z: Array, target: Array) -> tuple[Array, Array]:
    """Of a loss of rows: slopes (n, k) and offsets (n,) of a plane that touches it at z, (n, k), and is nowhere above it."""
    value, slope = loss.value_and_grad(z, target, reduction="none")
    return slope, value - (slope * z).sum(1)


def first_planes(loss: Loss, target: Array, classes: int) -> tuple[Array, Array]:
    """Slopes (k, n, k) and offsets (k, n) of the planes on which each class has by far the highest score: for a start, and often all."""
    n, reach = len(target), 2.0

    def far(k: int, reach: float) -> Array:
        return np.broadcast_to(reach * np.eye(classes)[k], (n, classes))

    while any(np.any(tangents(loss, far(k, reach), target)[0] != tangents(loss, far(k, 1e100), target)[0]) for k in range(classes)):
        reach *= 2
    found = [tangents(loss, far(k, reach), target) for k in range(classes)]
    return np.array([s for s, _ in found]), np.array([c for _, c in found])


def interior(loss: Loss, design: Design, target: Array, weight: Array | None, penalty: Penalty, tol: float, max_iter: int,
             classes: int | None) -> Fit:
    """The least risk. Of a loss of values all lines are known; of rows planes are added where the solution is below the loss, until it is not."""
    weight = np.ones(len(target)) if weight is None else weight
    keep = weight > 0
    target, weight, rows = target[keep], weight[keep] / weight.sum(), Design(design.X[keep], design.intercept)
    if classes is None:
        slope, offset = lines(loss, target)
        found = program(slope[..., None], offset, rows, weight, penalty, tol, max_iter)
        return found._replace(theta=found.theta[:, 0])
    slope, offset = first_planes(loss, target, classes)
    n_iter = 0
    while True:
        found = program(slope, offset, rows, weight, penalty, tol, max_iter - n_iter)
        n_iter += found.n_iter
        z = rows(found.theta)
        below = loss(z, target, reduction="none") - ((slope * z).sum(-1) + offset).max(0)
        if found.trouble or weight @ below <= 1e-12 * (1 + weight @ np.abs(offset).max(0)):
            return found._replace(n_iter=n_iter)
        more = tangents(loss, z, target)
        slope, offset = np.concatenate([slope, more[0][None]]), np.concatenate([offset, more[1][None]])


def program(slope: Array, offset: Array, design: Design, weight: Array, penalty: Penalty, tol: float, max_iter: int) -> Fit:
    """Minimises ``sum_i weight[i]*max_K (slope[K, i] . z[i] + offset[K, i])`` and the penalty, z = X theta of k columns, by a primal-dual
    interior-point method: theta is (size, k).

    Each row has a height s above all its planes, by r = s - slope.z - offset > 0, and each plane a share a > 0 of the row's weight; at the
    solution a*r = 0, and the shares' gradient and the penalty's are in balance. s and the shares leave each step's equations row by row, so
    that what is solved is one system of the size of theta. |w| is two planes more per coefficient. The step is Mehrotra's: straight
    for the solution to see how far that leads, then centred accordingly.
    """
    sparse = tool("scipy.sparse", "sklearn")
    features, count, k = design.features, len(slope), slope.shape[2]
    stack = sparse if sparse.issparse(design.X) else np
    A = design.X
    if design.intercept:
        A = stack.hstack([A, np.ones((len(weight), 1))])
    if penalty.l1:
        A = stack.vstack([A, *[stack.eye(features, design.size)] * k])
        weight = np.concatenate([weight, np.full(features * k, penalty.l1)])
        of_column = np.repeat(np.eye(k), features, axis=0)
        slope = np.concatenate([slope, np.resize([1.0, -1.0], count)[:, None, None] * of_column], axis=1)
        offset = np.hstack([offset, np.zeros((count, features * k))])
    rows = Design(A.tocsr() if stack is sparse else A, False)
    shrunk = np.full((design.size, k), penalty.l2)
    shrunk[features:] = 0

    theta = np.zeros((design.size, k))
    gap_at_start = weight @ (offset.max(0) - offset.min(0)) + EPS
    r = offset.max(0) - offset + gap_at_start / weight.sum()
    a = np.broadcast_to(weight / count, offset.shape).copy()
    for n_iter in range(max_iter + 1):
        balance = shrunk * theta + rows.pull(_sum(a, slope))
        gap = float((a * r).sum())
        close = max(tol * tol, 16 * EPS) * gap_at_start
        settled = np.abs(balance).max() <= tol and np.abs(balance * theta).sum() <= close
        if gap <= EPS * close or (gap <= close and settled):  # or as near as rounding lets it come
            if penalty.l1:  # 0 where both sides of |w| bear a share of its price
                sides = a[:, -features * k :].reshape(count, k, features)
                lesser = np.minimum(sides[::2].sum(0), sides[1::2].sum(0)).T
                theta[:features][lesser > 1e-6 * penalty.l1] = 0
            return Fit(theta, n_iter)
        d = a / r
        bent = slope - _sum(d, slope) / d.sum(0)[:, None]
        H = rows.gram_of_rows(np.einsum("Kn,Kna,Knb->nab", d, bent, bent)) + np.diag(shrunk.ravel())
        if not (np.all(np.isfinite(H)) and gap < 1e12 * gap_at_start):
            return Fit(theta, n_iter, "the risk has no least value, or slopes of too different size for double precision")

        def step(push: Array, d: Array = d, bent: Array = bent, H: Array = H, balance: Array = balance) -> tuple[Array, Array, Array]:
            """By theta, r and a towards a*r = a*r + r*push."""
            move = -solve(H, (balance + rows.pull(_sum(push, bent))).ravel()).reshape(balance.shape)
            dr = push.sum(0) / d.sum(0) - (bent * rows(move)).sum(-1)
            return move, dr, push - d * dr

        _, dr, da = step(-a)
        reach = min(_room(r, dr), _room(a, da))
        centre = float(((a + reach * da) * (r + reach * dr)).sum()) ** 3 / gap**2 / a.size
        move, dr, da = step((centre - da * dr) / r - a)
        reach = min(1.0, 0.995 * min(_room(r, dr), _room(a, da)))
        theta, r, a = theta + reach * move, r + reach * dr, a + reach * da
    return Fit(theta, max_iter, f"max_iter = {max_iter} reached")


def _sum(share: Array, slope: Array) -> Array:
    """Over the planes of each row, of share (K, n) times slope (K, n, k)."""
    return np.asarray(np.einsum("Kn,Kna->na", share, slope))


def _room(x: Array, dx: Array) -> float:
    """How many steps dx x can take before a number of it is 0; 1 at most counts."""
    falling = dx < 0
    return min(1.0, float(np.min(x[falling] / -dx[falling], initial=np.inf))) if falling.any() else 1.0
