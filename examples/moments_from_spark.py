"""How does a Spark cluster fit a model?

Each partition becomes `Moments` where it lies. Only these travel to the driver, as small as a d×d matrix whatever the
number of rows, and there they add up. It needs `pip install pyspark pyarrow` and Java.
"""

import os
import pickle
import sys
from collections.abc import Iterator
from functools import reduce
from operator import add

import pyarrow as pa
from pyspark.sql import SparkSession

from gdlearn import GradientDescentRegressor, Moments


def moments(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The moments of a partition, pickled."""
    some = [batch for batch in batches if batch.num_rows]
    if some:
        yield pa.record_batch({"moments": [pickle.dumps(Moments.from_batches(some, target="y", root=True))]})


os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # the workers are to find what the driver has
spark = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
rows = spark.sql("SELECT sin(id) AS x, cos(1.7 * id) AS z, 2 * sin(id) - 3 * cos(1.7 * id) + 4 AS y FROM range(100000)")
parts = rows.mapInArrow(moments, "moments binary").collect()
model = GradientDescentRegressor().fit_moments(reduce(add, (pickle.loads(part.moments) for part in parts)))
print(f"{len(parts)} partitions: coefficients {model.coef_.round(6)}, intercept {model.intercept_:.6f}")
spark.stop()
