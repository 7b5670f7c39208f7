"""Score Dask arrays and dataframes, and the same on Spark

The rows lie in chunks, on as many workers as there are. Each chunk becomes a total of some hundred bytes where it lies, and totals are
merged in a tree: the same bits for any chunks and any number of workers. This page needs `pip install 'libloss[dask]'`.
"""

# Predictions of disease progression, in chunks of 100 rows. With a `dask.distributed.Client` open, the same lines run on its workers.
import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression

import libloss

frame = load_diabetes(as_frame=True).frame
frame["prediction"] = LinearRegression().fit(frame[["bmi"]], frame["target"]).predict(frame[["bmi"]])
prediction = da.from_array(frame["prediction"].to_numpy(), chunks=100)
target = da.from_array(frame["target"].to_numpy(), chunks=100)

total = libloss.dask.evaluate("huber(delta=20)", prediction, target)
print(f"{total.mean:.4f} of {total.count} rows")
# prints:
# 847.6728 of 442 rows

# Every reduction is in the total, and it equals that of the whole, bit for bit. `compute=False` keeps it lazy, to be computed with other
# things in one go.
whole = libloss.Total("huber(delta=20)").add(frame["prediction"], frame["target"])
lazy = libloss.dask.evaluate("squared_error", prediction, target, compute=False)
rmse = dask.delayed(np.sqrt)(lazy.mean)
print(total == whole, f"{rmse.compute():.4f}")
# prints:
# True 62.3735

# A gradient is a lazy dask array, chunked as the prediction is. It is that of the mean over all rows: what a chunk divides by is known
# once all chunks have been counted.
gradient = libloss.dask.grad("huber(delta=20)", prediction, target)
alone = libloss.Loss("huber(delta=20)").grad(frame["prediction"].to_numpy(), frame["target"].to_numpy())
print(gradient.chunks, np.array_equal(gradient.compute(), alone))
# prints:
# ((100, 100, 100, 100, 42),) True

# Columns of dataframes, of which nobody knows the lengths after a filter. Nulls of nullable columns are not there.
rows = dd.from_pandas(frame, npartitions=4)
women = rows[rows["sex"] > 0]
older = women[women["age"] > 0]
print(f"{libloss.dask.evaluate('absolute_error', older['prediction'], older['target']).mean:.4f}")
# prints:
# 52.1105

# Metrics too: here, how often the prediction is on the right side of 150.
hits = libloss.dask.evaluate("accuracy(threshold=150)", prediction=rows["prediction"], target=rows["target"] > 150)
print(f"{hits.value:.4f}")
# prints:
# 0.6923

# The traps. Arrays that were cut differently are cut anew, as the first of them is; pieces of unknown length can't be, so they must come
# in equal numbers.
try:
    libloss.dask.evaluate("huber", older["prediction"], target)
except libloss.ShapeError as problem:
    print(problem)
# prints:
# target has 5 chunks, but prediction has 4, whose sizes are unknown: compute_chunk_sizes() of an array, or repartition() of a dataframe, makes them fit

# And a value that belongs to a whole batch is no sum over chunks.
try:
    libloss.dask.evaluate("rmse", prediction, target)
except libloss.ArgumentError as problem:
    print(problem)
# prints:
# rmse is a value of a whole batch, and no sum over its chunks: rechunk(-1) makes one chunk

# On Spark nothing of libloss has to be plugged in: a function for `mapInPandas` makes one total of each partition and sends its bytes.
def totals(batches):
    total = libloss.Total("huber(delta=20)")
    for batch in batches:
        total.add(batch["prediction"], batch["target"])
    yield pd.DataFrame({"total": [total.to_bytes()]})


# In Spark that is
#
#     parts = frame.mapInPandas(totals, "total binary")
#     total = sum(libloss.Total.from_bytes(part.total) for part in parts.collect())
#
# or, with so many partitions that the driver should not merge them all, a tree:
#
#     total = parts.rdd.map(lambda part: libloss.Total.from_bytes(part.total)).treeReduce(operator.add)
#
# The function itself wants nothing but pandas:
partitions = [frame[:200], frame[200:210], frame[210:]]
parts = [part for partition in partitions for piece in totals([partition]) for part in piece["total"]]
print(sum(map(libloss.Total.from_bytes, parts)) == whole)
# prints:
# True

# Gradients go the same way: first the totals, then a second `mapInPandas` that calls `loss.grad(..., divisor=total.divisor("mean"))`.
