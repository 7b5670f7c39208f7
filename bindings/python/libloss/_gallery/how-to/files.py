"""Losses of files larger than memory

`libloss eval` reads .npy, .csv and .parquet files in pieces and adds up exact totals, so that a file may be larger than memory and its result
is still the same to the bit for any size of the pieces. The tables need pyarrow: `pip install 'libloss[files]'`.
"""

import shlex
import subprocess
import sys

import numpy as np
import pyarrow
from pyarrow import csv, parquet
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import LinearRegression
from sklearn.naive_bayes import GaussianNB

# A model's predictions beside what happened, as a pipeline leaves them: one table, one row for each patient.
features, progression = load_diabetes(return_X_y=True, as_frame=True)
score = LinearRegression().fit(features, progression).predict(features).round()
table = pyarrow.table({"score": score, "progression": progression, "sex": np.where(features["sex"] > 0, "female", "male")})
parquet.write_table(table, "patients.parquet")


# From here on everything is typed into a shell; this function is the shell.
def shell(line):
    done = subprocess.run([sys.executable, "-m", *shlex.split(line)], capture_output=True, text=True)
    print((done.stdout + done.stderr).rstrip())


# Several losses in one pass. Columns are named after the inputs of the loss: --prediction, --target, --weight.
shell("libloss eval huber:delta=50 mae smape patients.parquet --prediction score --target progression")

# prints:
# loss             mean                count
# huber(delta=50)  1199.7092760180994  442
# absolute_error   43.29185520361991   442
# smape            0.3140964966213942  442

# One result for each value of a column. A group costs 1.5 kB of memory for each loss, however many rows it has.
shell("libloss eval mae patients.parquet --prediction score --target progression --group-by sex")

# prints:
# sex     absolute_error     count
# female  41.91304347826087  207
# male    44.5063829787234   235

# Arrays go without names: prediction, then target. With --json the sums come too, and "jq" or json.loads go on from there.
np.save("score.npy", score)
np.save("progression.npy", progression)
shell("libloss eval mae score.npy progression.npy --chunk 10 --reduction sum")

# prints:
# 19135.0

# Losses of rows take several columns. Words are class indices in the order of these columns, or of --class-names.
iris = load_iris()
rows = GaussianNB().fit(iris.data, iris.target).predict_proba(iris.data).round(3)
rows[:, -1] = (1 - rows[:, :2].sum(axis=1)).round(3)
columns = dict(zip(iris.target_names, rows.T, strict=True)) | {"species": iris.target_names[iris.target]}
csv.write_csv(pyarrow.table(columns), "iris.csv")
shell("libloss eval multiclass_brier accuracy iris.csv --prediction setosa,versicolor,virginica --target species")

# prints:
# loss              mean                 count
# multiclass_brier  0.06626536000000001  150
# accuracy          0.96                 150

# Trap: what sorts all rows, such as an area under a curve, has no running total, and says so before it reads.
shell("libloss eval median_absolute_error patients.parquet --prediction score --target progression")

# prints:
# libloss: the values of median_absolute_error on parts of the data do not add up: --whole takes all rows into memory at once

# If the rows fit into memory, --whole takes them all at once.
shell("libloss eval median_absolute_error patients.parquet --prediction score --target progression --whole")

# prints:
# 39.0

# Trap: a null or an empty cell is not there, but the word nan in a .csv is a NaN, and makes the mean one. The row is named.
with open("nan.csv", "w") as file:
    file.write("prediction,target\n1,2\n,2\nnan,2\n")
shell("libloss eval mae nan.csv")

# prints:
# nan
# libloss: absolute_error is nan: prediction (column "prediction")[2] = nan; a row with a null, or a weight of 0, is left out

# A mistake names the file, the column and what is near.
shell("libloss eval mae patients.parquet --prediction scores --target progression")

# prints:
# libloss: prediction: patients.parquet has no column 'scores'; did you mean score?

# Ctrl-C in a long run leaves a small state file and says its name; the same command with --resume goes on from there, to the same bits. It
# refuses if a file has changed since.
