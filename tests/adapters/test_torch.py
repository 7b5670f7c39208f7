"""The PyTorch module: its values against torch.nn.functional, its derivatives against differences, all its ways against one another."""

from __future__ import annotations

import concurrent.futures
import copy
import gc
import io
import math
import pickle
import re
import weakref

import libloss
import libloss.torch as adapter
import numpy as np
import pytest
import torch
from libloss.torch import Loss
from sklearn import datasets
from torch._subclasses import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn import functional as F

NAMES = libloss.losses()
N, C = 4, 3
DEMANDS = {"squared_log_error": "positive", "absolute_percentage_error": "positive", "kl_pointwise": "positive"}  # of inputs that are any number else


@pytest.fixture(autouse=True, scope="module")
def threads():
    """Seven processes may share two cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def fresh():
    torch.compiler.reset()


def inputs_of(spec: str, *, dtype: torch.dtype = torch.float64, seed: int = 0) -> dict[str, torch.Tensor]:
    """Ordinary inputs for any loss, in its order; of rows N x C, of whole batches N, or N x N similarities."""
    loss = libloss.Loss(spec)
    info, rng = loss.info, np.random.default_rng(seed)
    if info.family == "sequence":
        return {"prediction": torch.tensor(rng.normal(size=(2, 5, C)), dtype=dtype), "target": torch.tensor(rng.integers(1, C, (2, 2)))}
    square = info.family == "batchwise" and info.per_row
    whole = (N, N) if square else (N, C) if info.per_row else (N,)
    given = {}
    for i in info.inputs:
        if i.optional:
            continue
        shape = whole if i.per == "input" else whole[:-1]
        kind = DEMANDS.get(info.name, i.kind) if i.kind == "real" else i.kind
        if kind in ("class", "label"):
            given[i.name] = torch.tensor(rng.integers(0, C if kind == "class" else 2, shape))
        elif kind == "probability" and len(shape) == 2 and info.name != "multilabel_soft_margin":
            given[i.name] = torch.tensor(rng.dirichlet(np.full(C, 3.0), N), dtype=dtype)
        else:
            draw = {"real": lambda s: rng.normal(size=s) * 1.5, "probability": lambda s: rng.uniform(0.1, 0.9, s), "positive": lambda s: rng.uniform(0.5, 3, s),
                    "nonnegative": lambda s: rng.uniform(0.5, 3, s), "sign": lambda s: rng.choice([-1.0, 1.0], s),
                    "binary": lambda s: rng.permutation(np.resize([0.0, 1.0], s))}
            given[i.name] = torch.tensor(draw[kind](shape), dtype=dtype)
    if info.name == "multilabel_margin":
        given["target"] = (given["target"] > 0.3).to(dtype)
    return given


def differentiable(spec: str, given: dict[str, torch.Tensor]) -> list[str]:
    return [i.name for i in libloss.info(spec).inputs if i.differentiable and i.name in given and given[i.name].dtype.is_floating_point]


def leaves(given: dict[str, torch.Tensor], names: list[str]) -> dict[str, torch.Tensor]:
    """Copies of which those named require grad."""
    return {name: x.clone().requires_grad_(name in names) for name, x in given.items()}


def of(module: Loss, given: dict[str, torch.Tensor], names: list[str], **options):
    """The module as a function of the inputs named."""
    return lambda *xs: module(**{**given, **dict(zip(names, xs, strict=True))}, **options)


# ---- the whole registry ----


@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_those_of_differences(name, reduction):
    """By every input that the loss differentiates, at once: gradcheck draws its own upstream."""
    given = inputs_of(name)
    names = differentiable(name, given)
    xs = leaves(given, names)
    assert torch.autograd.gradcheck(of(Loss(name, reduction=reduction), xs, names), tuple(xs[n] for n in names), fast_mode=False)


def has_curvature(name: str) -> bool:
    info = libloss.info(name)
    return not info.per_unit and info.family != "batchwise" and name not in ("cosine_distance", "contrastive", "cosine_embedding", "triplet_margin")


@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("name", [name for name in NAMES if has_curvature(name)])
def test_second_derivatives_are_those_of_differences(name, reduction):
    """By every input that the loss differentiates, one at a time."""
    given = inputs_of(name)
    for one in differentiable(name, given):
        xs = leaves(given, [one])
        assert torch.autograd.gradgradcheck(of(Loss(name, reduction=reduction), xs, [one]), xs[one])


@pytest.mark.parametrize("reduction", ["mean", "none", "weighted_mean", "batch_mean", "size_mean"])
@pytest.mark.parametrize("name", ["huber", "cross_entropy", "js_divergence", "info_nce", "cosine_distance"])
def test_weighted_derivatives(name, reduction):
    given = inputs_of(name)
    first = next(iter(given))
    xs = leaves(given, [first])
    function = of(Loss(name, reduction=reduction), xs, [first], weight=torch.tensor([0.5, 2, 0, 1]))
    assert torch.autograd.gradcheck(function, xs[first])
    assert not has_curvature(name) or torch.autograd.gradgradcheck(function, xs[first])


@pytest.mark.parametrize("name", [name for name in NAMES if not has_curvature(name)])
def test_second_derivatives_that_are_none_are_refused(name):
    given = inputs_of(name)
    xs = leaves(given, [next(iter(given))])
    x = next(iter(xs.values()))
    (g,) = torch.autograd.grad(Loss(name)(**xs), x, create_graph=True)
    with pytest.raises(libloss.Error, match=f"^{name}: no (second derivative|Hessian matrix)"):
        torch.autograd.grad(g.sum(), x)


@pytest.mark.parametrize("name", NAMES)
def test_operators_pass_pytorchs_own_check(name):
    given = inputs_of(name)
    names = differentiable(name, given)
    for reduction in ("mean", "none"):
        tensors = list(leaves(given, names).values())
        torch.library.opcheck(adapter.OPERATORS[adapter.evaluate], (tensors, name, " ".join(given), " ".join(names), reduction, "nan", -1, 0),
                              test_utils=("test_schema", "test_autograd_registration", "test_faketensor"))


@pytest.mark.parametrize("name", ["huber", "cross_entropy", "info_nce"])
def test_operators_of_derivatives_pass_pytorchs_own_check(name, fresh):
    given = inputs_of(name)
    first, names = next(iter(given)), " ".join(given)

    def check(compute, tensors, names, reduction, *more):
        torch.library.opcheck(adapter.OPERATORS[compute], (tensors, name, names, first, reduction, "nan", -1, 0),
                              test_utils=("test_schema", "test_autograd_registration", "test_faketensor", *more))

    check(adapter.pull_back, [*given.values(), torch.rand(N, dtype=torch.float64)], f"{names} upstream", "none")
    if has_curvature(name):
        check(adapter.curvature, list(given.values()), names, "mean")
        for reduction in ("mean", "none"):  # in a graph for any shape, by value and gradient
            check(adapter.evaluate, list(leaves(given, [first]).values()), names, reduction, "test_aot_dispatch_dynamic")


@pytest.mark.parametrize("name", NAMES)
def test_torch_func_gives_the_same_bits(name):
    """A transform goes another way through PyTorch, but not through the library."""
    given = inputs_of(name)
    first = next(iter(given))
    for reduction in ("mean", "none"):
        module = Loss(name, reduction=reduction)
        xs = leaves(given, [first])
        value = module(**xs).sum()
        value.backward()
        grad, found = torch.func.grad_and_value(lambda x, m=module, r=given: m(**{**r, first: x}).sum())(given[first])
        assert torch.equal(grad, xs[first].grad) and torch.equal(found, value.detach())


@pytest.mark.parametrize("name", NAMES)
def test_vmap_is_a_loop(name):
    batches = [inputs_of(name, seed=seed) for seed in range(3)]
    stacked = {key: torch.stack([b[key] for b in batches]) for key in batches[0]}
    first, rest = next(iter(stacked)), list(stacked)[1:]
    module = Loss(name)
    value = lambda x, *others: module(**{first: x, **dict(zip(rest, others, strict=True))})  # noqa: E731
    everything = [stacked[key] for key in stacked]
    assert torch.equal(torch.func.vmap(value)(*everything), torch.stack([module(**b) for b in batches]))
    loop = torch.stack([torch.func.grad(value)(*b.values()) for b in batches])
    assert torch.equal(torch.func.vmap(torch.func.grad(value))(*everything), loop)


# ---- against PyTorch's own functions ----

OTHER = {  # ours: theirs, of (prediction, target), and how a target looks
    "squared_error": (F.mse_loss, "real"),
    "absolute_error": (F.l1_loss, "real"),
    "huber(delta=0.5)": (lambda p, t, **k: F.huber_loss(p, t, delta=0.5, **k), "real"),
    "smooth_l1(beta=0.25)": (lambda p, t, **k: F.smooth_l1_loss(p, t, beta=0.25, **k), "real"),
    "binary_cross_entropy_with_logits": (F.binary_cross_entropy_with_logits, "label"),
    "binary_cross_entropy_with_logits(pos_weight=3)": (lambda p, t, **k: F.binary_cross_entropy_with_logits(p, t, pos_weight=torch.tensor(3.0), **k), "label"),
    "poisson_nll": (F.poisson_nll_loss, "count"),
    "logistic": (F.soft_margin_loss, "sign"),
    "hinge_embedding": (F.hinge_embedding_loss, "sign"),
    "cross_entropy": (F.cross_entropy, "class"),
    "cross_entropy(label_smoothing=0.1)": (lambda p, t, **k: F.cross_entropy(p, t, label_smoothing=0.1, **k), "class"),
    "cross_entropy(ignore_index=1)": (lambda p, t, **k: F.cross_entropy(p, t, ignore_index=1, **k), "class"),
    "nll": (F.nll_loss, "class"),
    "multi_margin(scale=classes)": (F.multi_margin_loss, "class"),
    "multilabel_soft_margin": (F.multilabel_soft_margin_loss, "labels"),
}


def data(kind: str, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(3)
    p = torch.randn(20, 5, generator=g, dtype=torch.float64) * 2
    t = torch.randn(20, 5, generator=g, dtype=torch.float64)
    t = {"real": t, "label": (t > 0).double(), "labels": (t > 0).double(), "count": torch.poisson(t.exp(), generator=g), "sign": torch.sign(t),
         "class": torch.randint(0, 5, (20,), generator=g)}[kind]
    return p.to(dtype), t if kind == "class" else t.to(dtype)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("spec", OTHER)
def test_equals_the_functions_of_pytorch(spec, dtype, reduction):
    peer, kind = OTHER[spec]
    p, t = data(kind, dtype)
    ours, theirs = p.clone().requires_grad_(), p.clone().requires_grad_()
    value, expected = Loss(spec, reduction=reduction)(ours, t), peer(theirs, t, reduction=reduction)
    upstream = torch.randn(value.shape, generator=torch.Generator().manual_seed(4), dtype=dtype)
    value.backward(upstream)
    expected.backward(upstream)
    close = {"rtol": 1e-12, "atol": 1e-14} if dtype == torch.float64 else {"rtol": 1e-5, "atol": 1e-6}
    torch.testing.assert_close(value, expected, **close)
    torch.testing.assert_close(ours.grad, theirs.grad, **close)


MORE = {  # all inputs, with gradients by each that has one
    "binary_cross_entropy": (F.binary_cross_entropy, ("probability", "probability")),
    "gaussian_nll(eps=1e-6)": (F.gaussian_nll_loss, ("real", "real", "positive")),
    "triplet_margin": (lambda a, p, n, **k: F.triplet_margin_loss(a, p, n, eps=0, **k), ("real", "real", "real")),
    "margin_ranking(margin=0.25)": (lambda a, b, t, **k: F.margin_ranking_loss(a, b, t, margin=0.25, **k), ("real", "real", "signs")),
    "cosine_embedding(margin=0.25)": (lambda a, b, t, **k: F.cosine_embedding_loss(a, b, t, margin=0.25, **k), ("real", "real", "sign")),
    "kl_pointwise": (F.kl_div, ("real", "probability")),
}


@pytest.mark.filterwarnings("ignore:reduction. 'mean'")
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("spec", MORE)
def test_equals_the_functions_of_pytorch_by_every_input(spec, reduction):
    peer, kinds = MORE[spec]
    rng = np.random.default_rng(8)
    draw = {"real": rng.normal, "probability": lambda size: rng.uniform(0.05, 0.95, size), "positive": lambda size: rng.uniform(0.5, 2, size),
            "signs": lambda size: rng.choice([-1.0, 1.0], size), "sign": lambda size: rng.choice([-1.0, 1.0], size[0])}
    module = Loss(spec, reduction=reduction)
    inputs = [torch.tensor(draw[kind](size=(6, 4))) for kind in kinds]
    wanted = [i.differentiable for i in module.loss.info.inputs]
    ours, theirs = ([x.clone().requires_grad_(grad) for x, grad in zip(inputs, wanted, strict=True)] for _ in range(2))
    value, expected = module(*ours), peer(*theirs, reduction=reduction)
    torch.testing.assert_close(value, expected)
    value.sum().backward()
    expected.sum().backward()
    for a, b in zip(ours, theirs, strict=True):
        assert a.grad is b.grad is None or torch.allclose(a.grad, b.grad, rtol=1e-7, atol=1e-12)


def test_equals_ctc_of_pytorch():
    g = torch.Generator().manual_seed(0)
    z = torch.randn(3, 12, 5, generator=g, dtype=torch.float64)
    target, steps, lengths = torch.randint(1, 5, (3, 4), generator=g), torch.tensor([12, 9, 10]), torch.tensor([4, 2, 3])
    ours, theirs = z.clone().requires_grad_(), z.clone().requires_grad_()
    value = Loss("ctc", reduction="none")(ours, target, input_length=steps, target_length=lengths)
    expected = F.ctc_loss(theirs.log_softmax(2).transpose(0, 1), target, steps, lengths, reduction="none")
    torch.testing.assert_close(value, expected)
    upstream = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    value.backward(upstream)
    expected.backward(upstream)
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_class_weights_divide_as_pytorchs_do_under_weighted_mean():
    p, t = data("class", torch.float64)
    weight = torch.tensor([0.5, 1, 2, 0.25, 3], dtype=torch.float64)
    module = Loss("cross_entropy", reduction="weighted_mean", class_weight=weight)
    torch.testing.assert_close(module(p, t), F.cross_entropy(p, t, weight=weight))
    torch.testing.assert_close(module(p, t, class_weight=torch.ones(5)), F.cross_entropy(p, t))
    assert torch.equal(module.state_dict()["class_weight"], weight)


def test_soft_targets_and_their_gradient():
    p = data("class", torch.float64)[0]
    q = torch.softmax(torch.randn(20, 5, dtype=torch.float64), 1)
    ours, theirs = (leaves({"p": p, "q": q}, ["p", "q"]) for _ in range(2))
    Loss("cross_entropy")(*ours.values()).backward()
    F.cross_entropy(*theirs.values()).backward()
    for key in ours:
        torch.testing.assert_close(ours[key].grad, theirs[key].grad)


def test_classes_on_another_axis():
    g = torch.Generator().manual_seed(0)
    z, k = torch.randn(2, 4, 3, 5, generator=g, dtype=torch.float64), torch.randint(0, 4, (2, 3, 5), generator=g)
    for axis in (1, -3):
        for reduction in ("mean", "none"):
            ours, theirs = z.clone().requires_grad_(), z.clone().requires_grad_()
            value, expected = Loss("cross_entropy", axis=axis, reduction=reduction)(ours, k), F.cross_entropy(theirs, k, reduction=reduction)
            torch.testing.assert_close(value, expected)
            upstream = torch.randn(value.shape, generator=g, dtype=torch.float64)
            (first,), (other,) = (torch.autograd.grad(v, x, upstream, create_graph=True) for v, x in ((value, ours), (expected, theirs)))
            torch.testing.assert_close(first, other)
            (first * z).sum().backward()
            (other * z).sum().backward()
            torch.testing.assert_close(ours.grad, theirs.grad)
    with pytest.raises(libloss.ShapeError, match=re.escape("axis = 4 is not in [-4, 4)")):
        Loss("cross_entropy", axis=4)(z, k)


def test_an_axis_and_options_that_are_set_later_count():
    z, k = torch.randn(4, 4, dtype=torch.float64), torch.tensor([3, 0, 1, 1])
    module = Loss("cross_entropy")
    torch.testing.assert_close(module(z, k), F.cross_entropy(z, k))
    module.axis = 0
    for x in (z, z.clone().requires_grad_()):
        torch.testing.assert_close(module(x, k), F.cross_entropy(z.t(), k), check_stride=False)
    module.axis, module.reduction = -1, "sum"
    torch.testing.assert_close(module(z, k), F.cross_entropy(z, k, reduction="sum"))
    module.reduction, module.class_weight = "weighted_mean", torch.tensor([0.5, 1, 2, 4], dtype=torch.float64)
    torch.testing.assert_close(module(z, k), F.cross_entropy(z, k, weight=module.class_weight))
    module.class_weight = None
    torch.testing.assert_close(module(z, k), F.cross_entropy(z, k))
    with pytest.raises(libloss.ArgumentError, match="reduction = 'average' is none of"):
        module.reduction = "average"


# ---- reductions, weights, divisors ----


def test_reductions():
    p, t = data("real", torch.float64)
    r2, w = (p - t) ** 2, torch.arange(20, dtype=torch.float64)
    by = {"sum": (w[:, None] * r2).sum(), "mean": (w[:, None] * r2).sum() / 95, "weighted_mean": (w[:, None] * r2).sum() / (5 * w.sum()),
          "size_mean": (w[:, None] * r2).sum() / 100, "batch_mean": (w[:, None] * r2).sum() / 20, "none": w[:, None] * r2}
    for reduction, expected in by.items():
        x = p.clone().requires_grad_()
        value = Loss("squared_error", reduction=reduction)(x, t, weight=w)
        torch.testing.assert_close(value, expected)
        (grad,) = torch.autograd.grad(value.sum(), x)
        y = p.clone().requires_grad_()
        torch.testing.assert_close(grad, torch.autograd.grad((w[:, None] * (y - t) ** 2).sum(), y)[0] * (expected.sum() / by["sum"]))


def test_a_masked_nan_shows_nowhere():
    p, t = data("real", torch.float32)
    p[3] = math.nan
    x = p.requires_grad_()
    mask = torch.arange(20) != 3
    value = Loss("huber")(x, t, weight=mask)
    value.backward()
    torch.testing.assert_close(value, F.huber_loss(x[mask], t[mask]))
    assert not x.grad[3].any() and x.grad.isfinite().all()


def test_micro_batches_with_one_divisor_add_up_to_the_batch():
    p, t = data("class", torch.float64)
    module, whole, parts = Loss("cross_entropy(ignore_index=1)"), p.clone().requires_grad_(), p.clone().requires_grad_()
    module(whole, t).backward()
    count = int((t != 1).sum())
    for piece in (slice(0, 7), slice(7, 20)):
        module(parts[piece], t[piece], divisor=count).backward()
    torch.testing.assert_close(parts.grad, whole.grad, rtol=1e-15, atol=0)
    assert torch.equal(module(p, t, divisor=torch.tensor(count)), module(p, t))
    assert Loss("squared_error")(torch.ones(1), torch.zeros(1), divisor=2**24 + 1).item() == np.float32(1 / (2**24 + 1))  # no float32 is that
    assert Loss("squared_error")(torch.ones(1), torch.zeros(1), divisor=0.1).item() == 10


def test_nothing_present():
    p, t = data("real", torch.float32)
    assert Loss("huber")(p, t, weight=0).isnan()
    assert Loss("huber", empty="zero")(p, t, weight=0) == 0


def test_numbers_stand_for_tensors():
    z = torch.randn(6, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(Loss("bce_with_logits")(z, 1.0), F.binary_cross_entropy_with_logits(z, torch.ones(6, dtype=torch.float64)))
    assert torch.equal(Loss("squared_error")(z, 0.1), Loss("squared_error")(z, torch.full((6,), 0.1, dtype=torch.float64)))  # 0.1 of float64
    shift = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    Loss("squared_error")(shift, z.detach()).backward()
    torch.testing.assert_close(shift.grad, 2 * (shift.detach() - z.detach()).mean())
    one = torch.tensor([[0.3]], dtype=torch.float64, requires_grad=True)
    Loss("squared_error")(one.expand(2, 3), z.detach().reshape(2, 3)).backward()
    torch.testing.assert_close(one.grad, shift.grad.reshape(1, 1))


def test_whole_images_have_one_value_each():
    p, t = torch.rand(3, 4, 5, dtype=torch.float64), torch.randint(0, 2, (3, 4, 5)).double()
    value = Loss("dice", unit_axes=2, reduction="none")(p.requires_grad_(), t)
    torch.testing.assert_close(value, 1 - 2 * (p * t).sum((1, 2)) / (p.sum((1, 2)) + t.sum((1, 2))))
    assert torch.autograd.gradcheck(lambda x: Loss("dice", unit_axes=2, reduction="none")(x, t), p)


def test_a_sum_of_losses():
    z, t = torch.randn(3, 7, dtype=torch.float64, requires_grad=True), torch.randint(0, 2, (3, 7)).double()
    module = Loss("0.7*bce_with_logits + 0.3*logistic(labels=zero_one)")
    torch.testing.assert_close(module(z, t), F.binary_cross_entropy_with_logits(z, t))
    assert torch.autograd.gradgradcheck(lambda x: module(x, t), z)
    rows = Loss("cross_entropy + 2*softmax_focal")
    k = torch.tensor([6, 0, 3])
    torch.testing.assert_close(rows(z, k), Loss("cross_entropy")(z, k) + 2 * Loss("softmax_focal")(z, k))
    assert torch.autograd.gradgradcheck(lambda x: rows(x, k), z)
    p = torch.rand(3, 7, dtype=torch.float64, requires_grad=True)
    mixed = Loss(libloss.Loss("bce") + libloss.Loss("dice"))
    assert torch.autograd.gradcheck(lambda x: mixed(x, t), p)
    (g,) = torch.autograd.grad(mixed(p, t), p, create_graph=True)
    with pytest.raises(libloss.NotDifferentiableError, match=r"^sum: no second derivative, for its Hessian"):
        g.sum().backward()


def test_a_loss_of_ones_own():
    @libloss.define
    def cauchy(prediction, target, scale=1.0):
        r = (prediction - target) / scale
        return np.log1p(r * r), 2 * r / scale / (1 + r * r)

    module = Loss(cauchy)
    x = torch.randn(8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: module(x, torch.zeros(8, dtype=torch.float64)), x)
    assert torch.equal(torch.compile(module, backend="aot_eager", fullgraph=True)(x, torch.zeros(8)), module(x, torch.zeros(8)))


def test_a_loss_of_ones_own_goes_with_its_modules():
    def halved(prediction, target):
        r = prediction - target
        return r * r / 2, r

    x, t = torch.randn(8, requires_grad=True), torch.zeros(8)
    loss = libloss.define(halved)
    alive, module = weakref.ref(loss), Loss(loss)
    twin = copy.deepcopy(module)
    for each in (module, twin):
        each(x, t, weight=torch.ones(8)).backward()
    value = twin(x, t)
    del loss, module, each
    gc.collect()
    assert torch.equal(twin(x, t), value)  # the other module's is still there
    del twin
    gc.collect()
    x.grad = None
    value.backward()  # a graph holds what it needs
    torch.testing.assert_close(x.grad, x.detach() / 8)
    del value
    gc.collect()
    assert alive() is None


# ---- memory and types ----


@pytest.mark.parametrize("arrange", [lambda x: x.t().contiguous().t(), lambda x: torch.stack([x, x], -1)[..., 0], lambda x: x.flip(0).flip(0)],
                         ids=["transposed", "strided", "flipped"])
def test_any_layout_gives_the_same_bits(arrange):
    p, t = data("class", torch.float32)
    x, y = arrange(p).requires_grad_(), p.clone().requires_grad_()
    (a, b) = (Loss("cross_entropy")(z, t) for z in (x, y))
    a.backward()
    b.backward()
    assert torch.equal(a, b) and torch.equal(x.grad, y.grad)


def test_no_copy_is_made():
    """The memory that a million numbers take is that of one gradient, and of nothing else."""
    p, t = torch.randn(1 << 20, requires_grad=True), torch.zeros(1 << 20)
    for options in ({}, {"weight": torch.ones(1 << 20)}):
        with torch.profiler.profile(profile_memory=True) as profile:
            value = Loss("huber")(p, t, **options)
        assert sum(e.self_cpu_memory_usage for e in profile.events() if e.self_cpu_memory_usage > 0) < (4 << 20) + 100
        assert value.requires_grad


def test_a_graph_that_is_kept_gives_the_same_gradient_again():
    p, t = data("class", torch.float32)
    x = p.requires_grad_()
    value = Loss("cross_entropy")(x, t)
    first = torch.autograd.grad(value, x, retain_graph=True)[0].clone()
    for _ in range(3):
        value.backward(retain_graph=True)
    assert torch.equal(x.grad, first + first + first)
    x.grad.zero_()
    assert torch.equal(torch.autograd.grad(value, x)[0], first)


def test_a_batch_of_upstream_gradients():
    p, t = data("class", torch.float64)
    x, upstream = p.requires_grad_(), torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    expected = torch.autograd.grad(F.cross_entropy(x, t), x)[0]
    for options in ({}, {"weight": torch.ones(20)}):
        (got,) = torch.autograd.grad(Loss("cross_entropy")(x, t, **options), x, upstream, is_grads_batched=True)
        torch.testing.assert_close(got, upstream[:, None, None] * expected)


def test_a_tensor_that_a_transform_left_behind():
    kept, x = [], torch.randn(5, requires_grad=True)
    torch.func.grad(lambda z: (kept.append(z), z.sum())[1])(x)
    value = Loss("squared_error")(kept[0], torch.zeros(5))
    value.backward()
    torch.testing.assert_close(x.grad, 2 / 5 * x.detach())


def test_what_records_or_fakes_sees_an_operator():
    """A mode that watches PyTorch's operators must not take the memory that C fills for a constant."""
    p, t = data("class", torch.float64)
    graph = make_fx(Loss("cross_entropy"))(p, t)
    assert torch.equal(graph(2 * p, t), Loss("cross_entropy")(2 * p, t))
    with FakeTensorMode() as mode:
        fake = Loss("cross_entropy", reduction="none")(mode.from_tensor(p), mode.from_tensor(t))
    assert fake.shape == (20,) and fake.dtype == torch.float64


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_types(dtype):
    p, t = data("class", torch.float32)
    x, y = p.to(dtype).requires_grad_(), p.to(dtype).float().requires_grad_()
    value, wide = Loss("cross_entropy")(x, t), Loss("cross_entropy")(y, t)
    value.backward()
    wide.backward()
    assert value.dtype == torch.float32 and torch.equal(value, wide)
    assert x.grad.dtype == dtype and torch.equal(x.grad, y.grad.to(dtype))


def test_a_scaled_loss_has_gradients_that_half_numbers_hold():
    """A gradient scaler multiplies the loss so that gradients do not vanish: it must come before the rounding."""
    n, scale = 1 << 20, 2.0**16
    x = torch.full((n,), 0.01, dtype=torch.float16, requires_grad=True)
    (Loss("squared_error")(x, torch.zeros(n)) * scale).backward()
    torch.testing.assert_close(x.grad, torch.full_like(x, 2 * scale / n * x[0].item()), rtol=1e-3, atol=0)
    assert 2 / n * 0.01 < torch.finfo(torch.float16).smallest_normal / 1000


def test_the_value_is_where_the_inputs_are():
    p, t = data("real", torch.float32)
    with torch.device("meta"):
        value, weighted = (Loss("huber")(p, t), Loss("huber")(p, t, weight=1.0))
    assert value.device == weighted.device == p.device


def test_negative_views():
    z = torch.complex(torch.zeros(6, dtype=torch.float64), torch.arange(6, dtype=torch.float64)).conj().imag
    assert z.is_neg() and Loss("squared_error")(z, torch.zeros(6)) == F.mse_loss(z.resolve_neg(), torch.zeros(6, dtype=torch.float64))


# ---- what cannot be differentiated ----


def test_a_target_without_derivative():
    p, t = inputs_of("hinge").values()
    with pytest.raises(libloss.NotDifferentiableError, match=r"^target requires grad, and hinge has no derivative by it: pass target\.detach\(\)"):
        Loss("hinge")(p, t.requires_grad_())
    with torch.no_grad():
        Loss("hinge")(p, t)


def test_a_weight_has_no_derivative():
    p, t = data("real", torch.float32)
    w = torch.ones(20, requires_grad=True)
    with pytest.raises(libloss.NotDifferentiableError, match=r"^weight requires grad, and there is no derivative by it"):
        Loss("huber")(p, t, weight=w)


def test_curvature_between_two_inputs_is_refused_not_dropped():
    p, t = (x.requires_grad_() for x in data("real", torch.float64))
    (g,) = torch.autograd.grad(Loss("huber")(p, t), p, create_graph=True)
    with pytest.raises(libloss.NotDifferentiableError, match=r"^huber: no second derivative by several things at once, .*\(prediction, target\); detach"):
        g.sum().backward()


def test_third_derivatives_are_refused():
    p, t = data("real", torch.float64)
    x = p.requires_grad_()
    (g,) = torch.autograd.grad(Loss("log_cosh")(x, t), x, create_graph=True)
    (h,) = torch.autograd.grad(g.sum(), x, create_graph=True)
    with pytest.raises(libloss.NotDifferentiableError, match=r"^log_cosh: no third derivative"):
        h.sum().backward()


def test_forward_mode_is_refused():
    p, t = data("real", torch.float64)
    with pytest.raises(libloss.NotDifferentiableError, match=r"^there is no forward mode: .* for a Hessian jacrev\(jacrev\(f\)\)"):
        torch.func.hessian(lambda x: Loss("huber")(x, t))(p)


def test_hessians():
    p, t = data("class", torch.float64)
    ours, theirs = (torch.func.jacrev(torch.func.jacrev(lambda x, f=f: f(x, t[:4])))(p[:4]) for f in (Loss("cross_entropy"), F.cross_entropy))
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(torch.autograd.functional.hessian(lambda x: Loss("cross_entropy")(x, t[:4]), p[:4]), theirs)
    p, t = (x.flatten() for x in data("real", torch.float64))
    torch.testing.assert_close(torch.func.jacrev(torch.func.jacrev(lambda x: Loss("squared_error")(x, t)))(p), torch.eye(100).double() / 50)


# ---- torch.compile ----


def compiled(module, **options):
    return torch.compile(module, fullgraph=True, **{"backend": "aot_eager", **options})


@pytest.mark.parametrize(("name", "reduction"), [*((name, "mean") for name in NAMES),
                                                 *((name, "none") for name in ("huber", "cross_entropy", "dice", "info_nce", "ranknet", "ctc"))])
def test_compiled_equals_eager(name, reduction, fresh):
    given = inputs_of(name)
    names = differentiable(name, given)
    module = Loss(name, reduction=reduction)
    ours, theirs = leaves(given, names), leaves(given, names)
    value, expected = compiled(module)(**ours), module(**theirs)
    value.sum().backward()
    expected.sum().backward()
    assert torch.equal(value, expected)
    assert all(torch.equal(ours[n].grad, theirs[n].grad) for n in names)


def test_compiled_with_a_model_by_inductor(fresh):
    """The loss inside the graph of the model, with all that a call can have."""
    model, (p, t) = torch.nn.Linear(5, 5), data("class", torch.float32)
    module = Loss("cross_entropy", class_weight=torch.arange(1.0, 6))

    def step(x, t, weight):
        return module(model(x), t, weight=weight, divisor=7.0)

    weight = torch.rand(20)
    step(p, t, weight).backward()
    expected = model.weight.grad.clone()
    model.zero_grad()
    compiled(step, backend="inductor")(p, t, weight).backward()
    torch.testing.assert_close(model.weight.grad, expected)


def test_compiled_for_any_number_of_rows(fresh):
    graphs = []
    module = compiled(Loss("cross_entropy", reduction="none"), dynamic=True, backend=lambda graph, _: graphs.append(graph) or graph)
    for rows in (3, 4, 7):
        z, k = torch.randn(rows, 5, requires_grad=True), torch.arange(rows) % 5
        torch.testing.assert_close(module(z, k), F.cross_entropy(z, k, reduction="none"))
    assert len(graphs) == 1


def test_compiled_learning(fresh):
    r = torch.randn(30)
    module = Loss("adaptive_robust", learn=("alpha", "scale"))
    twin = copy.deepcopy(module)
    module(r, torch.zeros(30)).backward()
    compiled(twin)(r, torch.zeros(30)).backward()
    assert all(torch.equal(a.grad, b.grad) for a, b in zip(module.parameters(), twin.parameters(), strict=True))


def test_compiled_vmap_and_export(fresh):
    p, t = data("class", torch.float64)
    assert torch.equal(compiled(torch.func.vmap(Loss("cross_entropy")))(p, t), Loss("cross_entropy", reduction="none")(p, t))
    program = torch.export.export(Loss("cross_entropy"), (p, t))
    assert torch.equal(program.module()(p, t), Loss("cross_entropy")(p, t))


def test_compiled_errors_keep_their_kind(fresh):
    p, t = data("class", torch.float64)
    with pytest.raises(libloss.DomainError, match=r"target\[0\] = .* is not in \[0, 5\)"):
        compiled(Loss("cross_entropy"))(p, t + 5)


# ---- processes and threads ----


class Pairs(torch.utils.data.Dataset):
    """Whose items are losses: computed in a worker."""

    def __len__(self):
        return 6

    def __getitem__(self, k):
        x = torch.full((70_000, 5), float(k), requires_grad=True)  # enough for threads of libloss's own
        value = Loss("huber", reduction="sum")(x, torch.zeros(70_000, 5))
        value.backward()
        return value.item(), x.grad[0, 0].item()


def test_a_forked_worker_computes_what_its_parent_does():
    dataset = Pairs()
    expected = [dataset[k] for k in range(6)]  # before the fork, so that threads have been there
    loader = torch.utils.data.DataLoader(dataset, batch_size=None, num_workers=2, multiprocessing_context="fork", timeout=60)
    assert [tuple(item) for item in loader] == expected
    assert expected[:2] == [(0.0, 0.0), (175_000.0, 1.0)]


def test_one_module_for_many_threads():
    module, t = Loss("huber"), torch.zeros(1000)
    xs = [torch.randn(1000, generator=torch.Generator().manual_seed(k)).requires_grad_() for k in range(8)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda x: [module(x, t).backward() for _ in range(20)], xs))
    for x in xs:
        y = x.detach().clone().requires_grad_()
        F.huber_loss(y, t).backward()
        torch.testing.assert_close(x.grad, 20 * y.grad)


def test_training_on_digits_ends_where_pytorchs_own_loss_does():
    digits = datasets.load_digits()
    x, t = torch.tensor(digits.data / 16, dtype=torch.float64), torch.tensor(digits.target)

    def train(criterion):
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10)).double()
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        for step in range(280):  # ten epochs
            rows = slice(step % 28 * 64, step % 28 * 64 + 64)
            optimizer.zero_grad()
            criterion(model(x[rows]), t[rows]).backward()
            optimizer.step()
        return model(x), t

    ours, theirs = train(Loss("cross_entropy")), train(torch.nn.CrossEntropyLoss())
    torch.testing.assert_close(ours[0], theirs[0], rtol=1e-6, atol=1e-6)
    assert (ours[0].argmax(1) == t).double().mean() > 0.95


# ---- mistakes ----


def test_mistakes_are_named():
    p, t = data("class", torch.float32)
    module = Loss("cross_entropy")
    with pytest.raises(libloss.DomainError, match=r"target\[2\] = 5 is not in \[0, 5\)"):
        module(p, torch.where(torch.arange(20) == 2, 5, t))
    with pytest.raises(libloss.ShapeError, match="target"):
        module(p, t[:, None])
    with pytest.raises(TypeError, match="no input 'input'; here it is called 'prediction'"):
        module(input=p, target=t)
    with pytest.raises(TypeError, match=r"reduction belongs to the module: Loss\('cross_entropy', reduction=\.\.\.\)"):
        module(p, t, reduction="sum")
    with pytest.raises(libloss.DTypeError, match="weight is a str, not a tensor"):
        module(p, t, weight="heavy")
    with pytest.raises(TypeError, match="cross_entropy needs target"):
        module(p)
    with pytest.raises(TypeError, match="takes 2 positional inputs"):
        module(p, t, t)
    with pytest.raises(TypeError, match="target is given twice"):
        module(p, t, target=t)
    with pytest.raises(libloss.DTypeError, match="target is a str, not a tensor"):
        module(p, "cat")
    with pytest.raises(libloss.DTypeError, match="target is None"):
        module(p, None)
    with pytest.raises(libloss.ArgumentError, match=r"reduction = 'batchmean' is none of .*; did you mean 'batch_mean'"):
        Loss("kl_div", reduction="batchmean")
    with pytest.raises(libloss.UnknownNameError, match="hubber"):
        Loss("hubber")
    with pytest.raises(libloss.ArgumentError, match="class_weight: huber has none"):
        Loss("huber", class_weight=torch.ones(3))
    with pytest.raises(libloss.ShapeError, match="prediction"):
        module(p[0, 0], t[0])
    with pytest.raises(libloss.ShapeError, match=r"divisor has shape \(20,\); it is one number"):
        module(p, t, divisor=torch.ones(20))
    with pytest.raises(libloss.ArgumentError, match="divisor = nan"):
        module(p, t, divisor=math.nan)


@pytest.mark.parametrize("spec", ["huber", "cross_entropy"])
def test_other_devices_are_named(spec):
    with pytest.raises(libloss.DeviceError, match=r"prediction is on meta; libloss computes on the CPU: prediction\.cpu\(\)"):
        Loss(spec)(torch.randn(3, 4, device="meta"), torch.zeros(3, 4))


def test_sparse_tensors_are_named():
    sparse = torch.eye(3).to_sparse()
    for inputs, name in (((sparse, torch.eye(3)), "prediction"), ((sparse.clone().requires_grad_(), torch.eye(3)), "prediction"),
                         ((torch.eye(3), sparse), "target"), ((torch.eye(3, requires_grad=True), sparse), "target")):
        with pytest.raises(libloss.DTypeError, match=f"^{name} is no plain tensor"):
            Loss("huber")(*inputs)
    with pytest.raises(libloss.DTypeError, match=r"^prediction has dtype complex64"):
        Loss("huber")(torch.zeros(3, dtype=torch.complex64), torch.zeros(3))


# ---- learned parameters ----

LEARNABLE = [(name, p.name) for name in NAMES for p in libloss.info(name).parameters if p.learnable]


@pytest.mark.parametrize(("name", "parameter"), LEARNABLE)
def test_gradients_by_parameters_are_those_of_differences(name, parameter):
    given = inputs_of(name)
    start = {"margin": 0.25} if parameter == "margin" else {}
    module = Loss(name, learn=[parameter], **start).double()
    raw = module.raw[parameter]
    for reduction in ("mean", "none"):
        module.reduction = reduction
        assert torch.autograd.gradcheck(lambda raw, m=module: torch.func.functional_call(m, {f"raw.{parameter}": raw}, kwargs=given), raw)


@pytest.mark.parametrize(("name", "parameter"), LEARNABLE)
def test_no_step_leaves_the_range(name, parameter):
    info = next(p for p in libloss.info(name).parameters if p.name == parameter)
    start = {"margin": 0.25} if parameter == "margin" else {}
    module = Loss(name, learn=(parameter,), **start)
    assert module.learned[parameter].item() == pytest.approx(start.get(parameter, info.default), rel=1e-6)
    for raw in (-30.0, 30.0):
        with torch.no_grad():
            module.raw[parameter].fill_(raw)
        assert module(**inputs_of(name)).isfinite()
        assert isinstance(module.loss, libloss.Loss) and module.loss.parameters[parameter] == module.learned[parameter].item()


def test_a_scale_is_learned():
    """Laplace's negative log-likelihood, |r|/s + log s, is least at the mean |r|."""
    r = torch.tensor(np.random.default_rng(0).laplace(scale=3, size=400))
    module = Loss("pseudo_huber", delta=2.0, learn="delta")
    optimizer = torch.optim.SGD(module.parameters(), lr=0.05)
    before = module(r, torch.zeros(400)).item()
    for _ in range(20):
        optimizer.zero_grad()
        module(r, torch.zeros(400)).backward()
        optimizer.step()
    assert module(r, torch.zeros(400)).item() < before and 0 < module.loss.parameters["delta"] < 2


def test_learning_mistakes():
    with pytest.raises(libloss.NotDifferentiableError, match="quantile: tau is not learnable; learnable: nothing"):
        Loss("quantile", learn="tau")
    with pytest.raises(libloss.ArgumentError, match=re.escape("beta = 0.0 lies on the end of its range [0, inf): what is learned starts inside")):
        Loss("smooth_l1", beta=0, learn="beta")
    module = Loss("huber", learn="delta")
    x = torch.randn(3, requires_grad=True)
    (g,) = torch.autograd.grad(module(x, torch.zeros(3)), x, create_graph=True)
    with pytest.raises(libloss.NotDifferentiableError, match=r"no second derivative by .* parameters \(prediction, delta\)"):
        g.sum().backward()


# ---- the module as an object ----


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m)), lambda m: torch.load(saved(m), weights_only=False)],
                         ids=["copy", "deepcopy", "pickle", "save"])
def test_copies_are_equal(again):
    p, t = data("class", torch.float64)
    for module in (Loss("cross_entropy", reduction="sum", class_weight=torch.arange(1.0, 6), label_smoothing=0.1),
                   Loss("adaptive_robust", alpha=0.5, learn=("alpha", "scale"))):
        target = t if module.class_weight is not None else torch.zeros_like(p)
        twin = again(module)
        assert repr(twin) == repr(module) and torch.equal(twin(p, target), module(p, target)) and twin.loss == module.loss


def saved(module: Loss) -> io.BytesIO:
    file = io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    return file


def test_state_round_trip():
    module = Loss("adaptive_robust", alpha=0.25, scale=3.0, learn=("alpha", "scale"))
    state = module.state_dict()
    assert list(state) == ["raw.alpha", "raw.scale"]
    other = Loss("adaptive_robust", learn=("alpha", "scale"))
    other.load_state_dict(state)
    assert other.loss == module.loss
    with pytest.raises(RuntimeError, match="scale"):
        Loss("adaptive_robust", learn="alpha").load_state_dict(state)


def test_repr():
    assert repr(Loss("huber", delta=2)) == "Loss('huber(delta=2)')"
    assert repr(Loss("cross_entropy", reduction="sum", axis=1)) == "Loss('cross_entropy', reduction='sum', axis=1)"
    assert repr(torch.nn.Sequential(Loss("adaptive_robust", learn="alpha"))).splitlines()[1] == "  (0): Loss('adaptive_robust', learn=('alpha',))"
