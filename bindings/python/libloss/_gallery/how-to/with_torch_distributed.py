"""Train a PyTorch model in several processes

With `DistributedDataParallel` every process has a share of the rows, and the mean of their means is not the mean where shares differ in
what counts. Here the gradient is that of all rows, and a total has the bits that one process gives. This page needs
`pip install 'libloss[torch]'`.
"""

# Digits whose label is 0 are ignored, so what counts in a share is known only when it is there. One share is far larger than the other.
import tempfile

import torch
from sklearn.datasets import load_digits

import libloss
from libloss.torch import Loss

torch.manual_seed(0)  # every process builds the same model
digits = load_digits()
images, labels = torch.tensor(digits.data / 16, dtype=torch.float32), torch.tensor(digits.target)
model = torch.nn.Linear(64, 10)
criterion = Loss("cross_entropy", ignore_index=0)
shares = [slice(0, 600), slice(600, 700)]


# The divisor of all is the sum of the counts. `DistributedDataParallel` takes the mean of the ranks' gradients, so each is multiplied by
# the number of ranks.
def gradient(network, rows, divisor=None, factor=1):
    network.zero_grad()
    (criterion(network(images[rows]), labels[rows], divisor=divisor) * factor).backward()
    return [p.grad.clone() for p in network.parameters()]


def train(rank, meeting):
    torch.distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=2)
    network = torch.nn.parallel.DistributedDataParallel(model)
    count = (labels[shares[rank]] != 0).sum()
    torch.distributed.all_reduce(count)
    together = gradient(network, shares[rank], count, factor=2)
    if rank == 0:
        alone = gradient(model, slice(0, 700))
        print("one gradient:", all(torch.allclose(g, h, atol=1e-6) for g, h in zip(together, alone, strict=True)), flush=True)
    evaluate(rank)
    torch.distributed.barrier()  # nobody leaves while a gather is on its way
    torch.distributed.destroy_process_group()


# Running totals are exact: they merge to the same bits in any order.
def evaluate(rank):
    scores = model(images).detach()
    total = libloss.Total(criterion.loss).add(scores[shares[rank]], labels[shares[rank]])
    states = [None, None]
    torch.distributed.all_gather_object(states, total.to_bytes())
    merged = sum(libloss.Total.from_bytes(state) for state in states)
    if rank == 0:
        print("one total, to the bit:", merged == libloss.Total(criterion.loss).add(scores[:700], labels[:700]), flush=True)


# Two processes of this machine, started afresh: a fork of a process whose libraries have threads may wait for ever.
if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        torch.multiprocessing.spawn(train, (f"{folder}/meeting",), nprocs=2)
# prints:
# one gradient: True
# one total, to the bit: True
