"""Columns of tables as inputs

A column of pandas, polars or Arrow is an input as it is. Nulls are not there, categories are class indices, and an error names the column.
"""

import numpy as np
import pandas
import polars
import pyarrow
from sklearn.datasets import load_iris
from sklearn.naive_bayes import GaussianNB

import libloss

# Predictions and targets of a model, as columns of one table.
iris = load_iris(as_frame=True)
model = GaussianNB().fit(iris.data, iris.target)
table = pandas.DataFrame(model.predict_proba(iris.data), columns=iris.target_names)
table["species"] = pandas.Categorical.from_codes(iris.target, iris.target_names)

# Several columns are the rows of a prediction, and a column of categories is a target: the category is the class index.
classes = ["setosa", "versicolor", "virginica"]
loss = libloss.Loss("categorical_cross_entropy")
print(round(loss(table[classes], table["species"]), 4))

# prints:
# 0.1112

# The same from polars, whose Enum has an order too, and from Arrow.
frame = polars.DataFrame({name: table[name] for name in classes})
species = polars.Series("species", table["species"].astype(str).to_list(), dtype=polars.Enum(classes))
print(loss(frame, species) == loss(table[classes], table["species"]))
arrow = pyarrow.Table.from_pandas(table)
print(loss(arrow.select(classes), arrow["species"]) == loss(frame, species))

# prints:
# True
# True

# Metrics take categories on both sides.
guess = pandas.Categorical.from_codes(model.predict(iris.data), iris.target_names)
print(round(libloss.metrics.accuracy(prediction=guess, target=table["species"]), 4))

# prints:
# 0.96

# A group is a mask away, and totals of groups add up to the bits of the whole.
totals = {name: libloss.Total(loss).add(group[classes], group["species"]) for name, group in table.groupby("species", observed=True)}
print({name: round(total.mean, 3) for name, total in totals.items()})
print(sum(totals.values()).mean == loss(table[classes], table["species"]))

# prints:
# {'setosa': 0.0, 'versicolor': 0.142, 'virginica': 0.192}
# True

# A null is not there: the mean divides by what is.
width = iris.data["petal width (cm)"].astype("Float64")
width[::2] = pandas.NA
print(libloss.Total("mae").add(width, 1.2).count)

# prints:
# 75

# Trap: a float64 column of pandas has no nulls, only NaN, and a NaN is one: convert_dtypes() makes nulls of them.
gaps = pandas.Series([1.0, np.nan, 3.0])
print(libloss.mae(gaps, 0.0), libloss.mae(gaps.convert_dtypes(), 0.0))

# prints:
# nan 2.0

# Trap: classes in another order are other classes. Where names tell, they are compared.
try:
    loss(table[sorted(classes, reverse=True)], table["species"])
except ValueError as problem:
    print(problem)

# prints:
# prediction has the classes 'virginica', 'versicolor', 'setosa', and target 'setosa', 'versicolor', 'virginica': the same in another order

# Trap: pandas would align two columns by their index; here position counts, so that differing indexes are refused.
try:
    libloss.mae(iris.data["sepal length (cm)"], iris.data["sepal width (cm)"].sample(frac=1, random_state=0))
except ValueError as problem:
    print(problem)

# prints:
# target (column "sepal width (cm)") and prediction have different indexes, and nothing is aligned here: pass target.to_numpy(), or align them first

# A mistake names its column and row.
wrong = table.assign(setosa=table["setosa"].where(table.index != 17, 1.5))
try:
    loss(wrong[classes], wrong["species"])
except ValueError as problem:
    print(problem)

# prints:
# categorical_cross_entropy: prediction (column "setosa")[17, 0] = 1.5 is not in [0, 1]; logits have losses of their own
