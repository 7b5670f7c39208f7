"""Train a PyTorch model by any loss

`libloss.torch.Loss` is a module like those of `torch.nn`: it takes predictions and targets, and `backward()` goes through it. The C library
computes value and gradient in one pass over the tensors' own memory, on the CPU. This page needs `pip install 'libloss[torch]'`.
"""

# A small network on handwritten digits. Nothing but the criterion is libloss's.
import torch
from sklearn.datasets import load_diabetes, load_digits

from libloss.torch import Loss

torch.manual_seed(0)
digits = load_digits()
images, labels = torch.tensor(digits.data / 16, dtype=torch.float32), torch.tensor(digits.target)

model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10))
criterion = Loss("cross_entropy", label_smoothing=0.05)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for _ in range(5):
    for rows in torch.randperm(len(images)).split(128):
        optimizer.zero_grad()
        criterion(model(images[rows]), labels[rows]).backward()
        optimizer.step()
right = (model(images).argmax(1) == labels).double().mean()
print(criterion, "more than 19 of 20 right:", bool(right > 0.95))
# prints:
# Loss('cross_entropy(label_smoothing=0.05)') more than 19 of 20 right: True

# Weights are an argument of the call, one per value or per row. A weight of 0 means that the row is not there, whatever it holds.
logits = model(images[:4]).detach()
logits[3] = torch.nan
weight = torch.tensor([1.0, 1.0, 2.0, 0.0])
print("finite:", bool(criterion(logits, labels[:4], weight=weight).isfinite()))
# prints:
# finite: True

# Where the names differ from torch.nn's: its `weight` of classes is `class_weight` here, and what it divides by then is
# `reduction="weighted_mean"`.
balance = torch.linspace(0.5, 1.5, 10)
ours = Loss("cross_entropy", class_weight=balance, reduction="weighted_mean")
theirs = torch.nn.CrossEntropyLoss(weight=balance)
print("same:", torch.allclose(ours(model(images), labels), theirs(model(images), labels)))
# prints:
# same: True

# Classes lie on the last axis, unless `axis` says otherwise: `axis=1` for images of shape (N, C, H, W). No label is ignored unless
# `ignore_index` names it: PyTorch's -100 must be said.
maps, classes = torch.randn(2, 10, 4, 4), torch.randint(0, 10, (2, 4, 4))
classes[0, 0, 0] = -100
segmentation = Loss("cross_entropy", axis=1, ignore_index=-100)
print("same:", torch.allclose(segmentation(maps, classes), torch.nn.functional.cross_entropy(maps, classes)))
# prints:
# same: True

# A loss may have parameters that are learned with the model. The optimizer steps any real number, `raw`, and the loss gets its image
# inside the parameter's range: a scale stays above 0 and needs no clipping. A scale alone would grow for ever, for a larger one makes every
# loss smaller: add its logarithm, as the likelihood does.
diabetes = load_diabetes()
features, disease = torch.tensor(diabetes.data * 20), torch.tensor(diabetes.target / 100)
line = torch.nn.Linear(10, 1).double()
robust = Loss("adaptive_robust", learn="scale").double()
optimizer = torch.optim.Adam([*line.parameters(), *robust.parameters()], lr=0.05)
for _ in range(300):
    optimizer.zero_grad()
    loss = robust(line(features)[:, 0], disease) + robust.learned["scale"].log()
    loss.backward()
    optimizer.step()
print(f"scale {robust.learned['scale'].item():.2f}")
# prints:
# scale 0.35

# `torch.compile` takes the loss into the graph of the model, without a break.
step = torch.compile(lambda x, t: criterion(model(x), t), fullgraph=True, backend="aot_eager")
print("same:", torch.equal(step(images, labels), criterion(model(images), labels)))
# prints:
# same: True

# `torch.func` works: here the gradient of every example by itself. Its `hessian` wants forward mode, which the loss does not have:
# `jacrev(jacrev(f))` gives the same matrix.
state = {name: p.detach() for name, p in model.named_parameters()}


def of_one(state, x, t):
    return criterion(torch.func.functional_call(model, state, x), t)


each = torch.func.vmap(torch.func.grad(of_one), in_dims=(None, 0, 0))(state, images[:8], labels[:8])
print({name: tuple(g.shape) for name, g in each.items()})
# prints:
# {'0.weight': (8, 64, 64), '0.bias': (8, 64), '2.weight': (8, 10, 64), '2.bias': (8, 10)}

# Training in several processes, each with a share of the rows, has a page of its own: its point is what a mean is then divided by.
