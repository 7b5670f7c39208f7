"""Losses of units against PyTorch: its own function where it has the loss, else a few lines of it with its autograd."""

from __future__ import annotations

import numpy as np
import pytest
from harness import Loss, names

torch = pytest.importorskip("torch")
F = torch.nn.functional
RNG = np.random.default_rng(12)
N, C = 12, 5
SCORES, LABELS, VECTORS = RNG.normal(size=(N, C)) * 2, RNG.integers(0, C, N), [RNG.normal(size=(N, C)) for _ in range(3)]
HOT, CHANCE = RNG.integers(0, 2, (N, C)).astype(float), [RNG.dirichlet(np.ones(C), N) for _ in range(2)]
SIGN, MASK = RNG.choice([-1.0, 1.0], N), RNG.random(40)
SIMILARITY = RNG.uniform(-1, 1, (N, N))
TIME, EVENT = RNG.permutation(40).astype(float), RNG.integers(0, 2, 40).astype(float)
CLASS_WEIGHT = RNG.uniform(0.5, 2, C)


def index_list(hot):
    """PyTorch's way to say which labels are right: their numbers, then -1."""
    rows = [[*np.flatnonzero(row), *[-1] * C][:C] for row in hot]
    return torch.tensor(np.array(rows))


def overlap(p, t, alpha, beta):
    both = (p * t).sum()
    return 1 - both / (both + alpha * (p - p * t).sum() + beta * (t - p * t).sum())


def cox(z, time, event):
    order = torch.argsort(time, descending=True)
    risk = torch.logcumsumexp(z[order], 0)
    return -(event[order] * (z[order] - risk)).sum()


def pairs(s, y):
    first, second = torch.nonzero(y[:, None] > y[None], as_tuple=True)
    return F.softplus(-(s[first] - s[second])).sum()


def without_self(s):
    return s.masked_fill(torch.eye(N, dtype=torch.bool), -torch.inf)


def sup_con(s, label):
    logp = F.log_softmax(without_self(s / 0.1), 1)
    same = (label[:, None] == label[None]) & ~torch.eye(N, dtype=torch.bool)
    return torch.stack([-logp[i][same[i]].mean() for i in range(N) if same[i].any()]).mean()


def lambdarank(s, y):
    gain = 2.0**y - 1
    discount = 1 / torch.log2(torch.arange(len(y), dtype=torch.float64) + 2)
    at = torch.empty(len(y), dtype=torch.float64)
    at[torch.argsort(s.detach(), descending=True)] = discount
    ideal = (torch.sort(gain, descending=True).values * discount).sum()
    first, second = torch.nonzero(y[:, None] > y[None], as_tuple=True)
    worth = (gain[first] - gain[second]) * (at[first] - at[second]).abs() / ideal
    return (worth * F.softplus(-(s[first] - s[second]))).sum()


PEERS = {
    "multiclass_hinge": (lambda z, k: F.relu(1 + z.scatter(1, k[:, None], -torch.inf).max(1).values - z.gather(1, k[:, None])[:, 0]).mean(), SCORES, LABELS),
    "multi_margin(scale=classes)": (F.multi_margin_loss, SCORES, LABELS),
    "multi_margin(power=2, margin=0.5, scale=classes)": (lambda z, k: F.multi_margin_loss(z, k, p=2, margin=0.5), SCORES, LABELS),
    "multilabel_margin": (lambda z, t: F.multilabel_margin_loss(z, index_list(HOT)), SCORES, HOT),
    "multilabel_soft_margin": (F.multilabel_soft_margin_loss, SCORES, HOT),
    "multiclass_brier": (lambda p, k: ((p - F.one_hot(k, C)) ** 2).sum(1).mean(), CHANCE[0], LABELS),
    "js_divergence": (lambda p, t: (F.kl_div(((p + t) / 2).log(), t, reduction="batchmean") + F.kl_div(((p + t) / 2).log(), p, reduction="batchmean")) / 2,
                      *CHANCE),
    "cosine_distance": (lambda a, b: (1 - F.cosine_similarity(a, b)).mean(), *VECTORS[:2]),
    "cosine_embedding(margin=0.25)": (lambda a, b, y: F.cosine_embedding_loss(a, b, y, margin=0.25), *VECTORS[:2], SIGN),
    "contrastive(margin=4)": (lambda a, b, t: (t * ((a - b) ** 2).sum(1) + (1 - t) * F.relu(4 - (a - b).norm(dim=1)) ** 2).mean(), *VECTORS[:2], (SIGN + 1) / 2),
    "triplet_margin": (lambda a, p, n: F.triplet_margin_loss(a, p, n, eps=0), *VECTORS),
    "triplet_margin(power=3, swap=true)": (lambda a, p, n: F.triplet_margin_loss(a, p, n, p=3, swap=True, eps=0), *VECTORS),
    "dice": (lambda p, t: overlap(p, t, 0.5, 0.5), MASK, EVENT),
    "jaccard": (lambda p, t: overlap(p, t, 1, 1), MASK, EVENT),
    "tversky(alpha=0.3, beta=0.7)": (lambda p, t: overlap(p, t, 0.3, 0.7), MASK, EVENT),
    "rmse": (lambda p, t: F.mse_loss(p, t).sqrt(), VECTORS[0], VECTORS[1]),
    "info_nce": (lambda s: (F.cross_entropy(s / 0.07, torch.arange(N)) + F.cross_entropy(s.T / 0.07, torch.arange(N))) / 2, SIMILARITY),
    "nt_xent": (lambda s: F.cross_entropy(without_self(s / 0.5), (torch.arange(N) + N // 2) % N), SIMILARITY),
    "sup_con": (sup_con, SIMILARITY, LABELS),
    "cox": (lambda z, time, event: cox(z, time, event), RNG.normal(size=40), TIME, EVENT),
    "ranknet": (pairs, RNG.normal(size=40), np.round(MASK * 4)),
    "lambdarank(truncation=40)": (lambdarank, RNG.normal(size=40), np.round(MASK * 4)),
    "list_net": (lambda s, y: F.cross_entropy(s[None], F.softmax(y, 0)[None]), RNG.normal(size=40), np.round(MASK * 4)),
    "list_net(raw=true)": (lambda s, y: F.cross_entropy(s[None], y[None]), RNG.normal(size=40), np.round(MASK * 4)),
}


def test_every_loss_of_units_has_a_peer():
    assert set(names("units")) == {spec.partition("(")[0] for spec in PEERS} | {"ctc"}


@pytest.mark.parametrize("spec", PEERS)
def test_agrees_with_pytorch(spec):
    peer, first, *rest = PEERS[spec]
    x = torch.tensor(first, requires_grad=True)
    theirs = peer(x, *(torch.tensor(a) for a in rest))
    theirs.backward()
    ours = Loss(spec).eval(first, *rest, grad=[0])
    assert ours["value"] == pytest.approx(theirs.item(), rel=1e-11)
    np.testing.assert_allclose(ours["grad0"], x.grad.numpy(), rtol=1e-8, atol=1e-13)


def test_class_weights_of_multi_margin():
    for spec, peer in (("multi_margin(scale=classes)", F.multi_margin_loss),):
        theirs = peer(torch.tensor(SCORES), torch.tensor(LABELS), weight=torch.tensor(CLASS_WEIGHT)).item()
        assert Loss(spec).eval(SCORES, LABELS, CLASS_WEIGHT)["value"] == pytest.approx(theirs, rel=1e-12)


def test_ctc_agrees_with_pytorch():
    """Whose gradient by log-probabilities is already softmax - occupancy: ours by logits. Longer than any oracle could list."""
    steps, classes, batch = 60, 8, 4
    x = RNG.normal(size=(batch, steps, classes)) * 3
    target = RNG.integers(1, classes, (batch, 20))
    lengths, labels = np.array([60, 41, 50, 60]), np.array([20, 7, 0, 13])
    logits = torch.tensor(x, requires_grad=True)
    theirs = F.ctc_loss(F.log_softmax(logits, 2).transpose(0, 1), torch.tensor(target), torch.tensor(lengths), torch.tensor(labels), reduction="sum")
    theirs.backward()
    ours = Loss("ctc").eval(x, target, lengths, labels, grad=[0], reduction="sum")
    assert ours["value"] == pytest.approx(theirs.item(), rel=1e-12)
    np.testing.assert_allclose(ours["grad0"], logits.grad.numpy(), atol=1e-12)
    assert not ours["grad0"][1, 41:].any()  # padding


def test_targets_that_do_not_fit():
    x = RNG.normal(size=(1, 3, 4))
    for spec, value in (("ctc", np.inf), ("ctc(zero_infinity=true)", 0)):
        got = Loss(spec).eval(x, np.array([[1, 1, 2]]), None, None, grad=[0])
        assert got["value"] == value and not got["grad0"].any()
