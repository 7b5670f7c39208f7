"""Train and score over MPI ranks

Every rank holds some of the rows and hands them in; what comes back is about all rows, on every rank. Sums are exact, so four ranks give
the bits that one gives, and so do seven. This page needs `pip install 'libloss[mpi]'` and an MPI.
"""

# This script is meant for `mpirun -n 4 python with_mpi.py`. Started without, it starts itself that way, and where there is no MPI to start it,
# it goes on as the only rank.
import os
import shutil
import subprocess
import sys

mpirun = shutil.which("mpirun") or shutil.which("mpirun", path=os.path.dirname(sys.executable))
if mpirun and not {"OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK"} & set(os.environ):
    of_open_mpi = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe"}
    environment = {**os.environ, **of_open_mpi, "OMP_NUM_THREADS": "1"}
    sys.exit(subprocess.run([mpirun, "-n", "4", sys.executable, "-m", "mpi4py", __file__], env=environment).returncode)
if not mpirun:
    print("there is no mpirun: this is one rank alone", file=sys.stderr)

# `-m mpi4py` is worth its typing: a rank that fails then ends all others too, which would wait for it otherwise.
#
# The rows are dealt out unevenly, as files often are.
import numpy as np
from mpi4py import MPI
from sklearn.datasets import load_breast_cancer

import libloss

comm = MPI.COMM_WORLD
first = comm.rank == 0

whole, malignant = load_breast_cancer(return_X_y=True)
whole, malignant = (whole - whole.mean(0)) / whole.std(0), 1 - malignant
cuts = np.linspace(0, 1, comm.size + 1) ** 2 * len(whole)
mine = slice(*cuts.astype(int)[comm.rank : comm.rank + 2])
X, y = whole[mine], malignant[mine]

# Training by gradient descent: `value_and_grad` gives the mean over all rows, and this rank's part of the mean's gradient. What the model
# makes of it is added up over the ranks, and divided by nothing.
loss = libloss.Loss("binary_cross_entropy_with_logits")
weights = np.zeros(X.shape[1])
for _ in range(60):
    value, slope = libloss.mpi.value_and_grad(loss, X @ weights, y)
    weights -= 2.0 * comm.allreduce(X.T @ slope)
if first:
    print(f"{value:.6f}")
# prints:
# 0.057541

# Scoring: a total, or a metric, of all ranks. It is not near the one of a single machine but equal to it, bit for bit.
total = libloss.mpi.evaluate(loss, X @ weights, y)
recall = libloss.mpi.evaluate("recall(threshold=0)", prediction=X @ weights, target=y)
logits = comm.gather(X @ weights)
if first:
    alone = libloss.Total(loss).add(np.concatenate(logits), malignant)
    print(total.count, total == alone, f"{recall.value:.4f}")
# prints:
# 569 True 0.9764

# The trap that this avoids: the mean of the ranks' means is another number wherever the shares differ in length, weights or ignored
# labels, and its gradient another gradient.
means = comm.allgather(loss(X @ weights, y))
if first:
    print(f"{np.mean(means):.6f} is not {total.mean:.6f}")
# prints:
# 0.054164 is not 0.057400

# Totals pickle and add up, so plain mpi4py does it too. `libloss.mpi.allreduce` is the same with a fixed number of bytes, no pickle, and
# ranks that notice if their losses differ.
own = libloss.Total(loss).add(X @ weights, y)
same = comm.allreduce(own) == libloss.mpi.allreduce(own) == total
if first:
    print(same)
# prints:
# True

# If one rank's rows are refused, each rank raises, so that none waits for ever; the one with the bad rows says what is wrong with them.
try:
    libloss.mpi.evaluate(loss, X @ weights, y + 2 if comm.rank == comm.size - 1 else y)
except libloss.Error as problem:
    if first:
        print(problem if comm.size > 1 else "rank 0 refused its share of the data; it tells why")
# prints:
# rank 3 refused its share of the data; it tells why

# What it costs: two reductions, one of 56 bytes in which the ranks agree on what they have, one of a total. MPI does each in about log2(ranks)
# steps up and down a tree: ten each way for a thousand ranks, of one message each, whatever the number of rows.
if first:
    print(len(total.to_bytes()), "bytes;", int(np.ceil(np.log2(1000))), "steps")
# prints:
# 817 bytes; 10 steps

# Two things are left to you. The sum of `X.T @ slope` is NumPy's and MPI's, which round, so weights agree in all but their last digits
# between one rank and four. And a loss whose value belongs to a whole batch (`dice`, `info_nce`, `cox`) counts every share as a batch.
