"""Losses of units against PyTorch: its own function where it has the loss, else a few lines of it with its autograd."""

from __future__ import annotations

import numpy as np
import pytest
from harness import Loss, names

torch = pytest.importorskip("torch")
F = torch.nn.functional
RNG = np.random.default_rng(12)
N, C = 12, 5


def index_list(hot):
    """PyTorch's way to say which labels are right: their numbers, then -1."""
    rows = [[*np.flatnonzero(row), *[-1] * len(row)][:len(row)] for row in hot]
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


def lists(x):
    return x.reshape(-1, x.shape[-1])


def without_self(s):
    return s.masked_fill(torch.eye(len(s), dtype=torch.bool), -torch.inf)


def sup_con(s, label):
    logp = F.log_softmax(without_self(s / 0.1), 1)
    same = (label[:, None] == label[None]) & ~torch.eye(len(s), dtype=torch.bool)
    some = same.any(1)
    return (-torch.where(same, logp, 0).sum(1)[some] / same.sum(1)[some]).mean()


def lambdarank(s, y):
    gain = 2.0**y - 1
    discount = 1 / torch.log2(torch.arange(len(y), dtype=y.dtype) + 2)
    at = torch.empty(len(y), dtype=y.dtype)
    at[torch.argsort(s.detach(), descending=True)] = discount
    ideal = (torch.sort(gain, descending=True).values * discount).sum()
    first, second = torch.nonzero(y[:, None] > y[None], as_tuple=True)
    worth = (gain[first] - gain[second]) * (at[first] - at[second]).abs() / ideal
    return (worth * F.softplus(-(s[first] - s[second]))).sum()


def peers(rows: int, classes: int, square: int, count: int, rng: np.random.Generator) -> dict[str, tuple]:
    """Each loss: the peer, reduced by the mean, and its inputs: rows of classes, a square of similarities, or a batch of `count`."""
    scores, labels, vectors = rng.normal(size=(rows, classes)) * 2, rng.integers(0, classes, rows), [rng.normal(size=(rows, classes)) for _ in range(3)]
    hot, chance = rng.integers(0, 2, (rows, classes)).astype(float), [rng.dirichlet(np.ones(classes), rows) for _ in range(2)]
    right = index_list(hot)
    sign, mask = rng.choice([-1.0, 1.0], rows), rng.random(count)
    similarity, label = rng.uniform(-1, 1, (square, square)), rng.integers(0, classes, square)
    time, event = rng.permutation(count).astype(float), rng.integers(0, 2, count).astype(float)
    return {
        "multiclass_hinge": (lambda z, k: F.relu(1 + z.scatter(1, k[:, None], -torch.inf).max(1).values - z.gather(1, k[:, None])[:, 0]).mean(), scores, labels),
        "multi_margin(scale=classes)": (F.multi_margin_loss, scores, labels),
        "multi_margin(power=2, margin=0.5, scale=classes)": (lambda z, k: F.multi_margin_loss(z, k, p=2, margin=0.5), scores, labels),
        "multilabel_margin": (lambda z, t: F.multilabel_margin_loss(z, right), scores, hot),
        "multilabel_soft_margin": (F.multilabel_soft_margin_loss, scores, hot),
        "multiclass_brier": (lambda p, k: ((p - F.one_hot(k, classes)) ** 2).sum(1).mean(), chance[0], labels),
        "js_divergence": (lambda p, t: (F.kl_div(((p + t) / 2).log(), t, reduction="batchmean") + F.kl_div(((p + t) / 2).log(), p, reduction="batchmean")) / 2,
                          *chance),
        "cosine_distance": (lambda a, b: (1 - F.cosine_similarity(a, b)).mean(), *vectors[:2]),
        "cosine_embedding(margin=0.25)": (lambda a, b, y: F.cosine_embedding_loss(a, b, y, margin=0.25), *vectors[:2], sign),
        "contrastive(margin=4)": (lambda a, b, t: (t * ((a - b) ** 2).sum(1) + (1 - t) * F.relu(4 - (a - b).norm(dim=1)) ** 2).mean(), *vectors[:2], (sign + 1) / 2),
        "triplet_margin": (lambda a, p, n: F.triplet_margin_loss(a, p, n, eps=0), *vectors),
        "triplet_margin(power=3, swap=true)": (lambda a, p, n: F.triplet_margin_loss(a, p, n, p=3, swap=True, eps=0), *vectors),
        "dice": (lambda p, t: overlap(p, t, 0.5, 0.5), mask, event),
        "jaccard": (lambda p, t: overlap(p, t, 1, 1), mask, event),
        "tversky(alpha=0.3, beta=0.7)": (lambda p, t: overlap(p, t, 0.3, 0.7), mask, event),
        "rmse": (lambda p, t: F.mse_loss(p, t).sqrt(), vectors[0], vectors[1]),
        "info_nce": (lambda s: (F.cross_entropy(s / 0.07, torch.arange(len(s))) + F.cross_entropy(s.T / 0.07, torch.arange(len(s)))) / 2, similarity),
        "nt_xent": (lambda s: F.cross_entropy(without_self(s / 0.5), (torch.arange(len(s)) + len(s) // 2) % len(s)), similarity),
        "sup_con": (sup_con, similarity, label),
        "cox": (cox, rng.normal(size=count), time, event),
        "ranknet": (pairs, rng.normal(size=count), np.round(mask * 4)),
        f"lambdarank(truncation={count})": (lambdarank, rng.normal(size=count), np.round(mask * 4)),
        "list_net": (lambda s, y: F.cross_entropy(lists(s), F.softmax(lists(y), -1)), rng.normal(size=count), np.round(mask * 4)),
        "list_net(raw=true)": (lambda s, y: F.cross_entropy(lists(s), lists(y)), rng.normal(size=count), np.round(mask * 4)),
    }


PEERS = peers(N, C, N, 40, RNG)


def test_every_loss_of_units_has_a_peer():
    assert set(names("units")) == {spec.partition("(")[0] for spec in PEERS} | {"ctc"}


def agrees(spec, peer, first, *rest):
    x = torch.tensor(first, requires_grad=True)
    theirs = peer(x, *(torch.tensor(a) for a in rest))
    theirs.backward()
    ours = Loss(spec).eval(first, *rest, grad=[0])
    assert ours["value"] == pytest.approx(theirs.item(), rel=1e-11)
    np.testing.assert_allclose(ours["grad0"], x.grad.numpy(), rtol=1e-8, atol=1e-13)


@pytest.mark.parametrize("spec", PEERS)
def test_agrees_with_pytorch(spec):
    agrees(spec, *PEERS[spec])


@pytest.mark.parametrize("spec", [spec for spec in PEERS if spec.startswith(("info_nce", "nt_xent", "sup_con"))])
def test_matrices_whose_rows_are_whole_cache_lines(spec):
    """They stand further apart in scratch."""
    agrees(spec, *peers(N, C, 64, 40, np.random.default_rng(13))[spec])


def test_class_weights_of_multi_margin():
    for spec, peer in (("multi_margin(scale=classes)", F.multi_margin_loss),):
        _, scores, labels = PEERS[spec]
        class_weight = RNG.uniform(0.5, 2, C)
        theirs = peer(torch.tensor(scores), torch.tensor(labels), weight=torch.tensor(class_weight)).item()
        assert Loss(spec).eval(scores, labels, class_weight)["value"] == pytest.approx(theirs, rel=1e-12)


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
