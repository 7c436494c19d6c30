"""How is a model fitted to the rows of a query?

The database hands over its rows in batches of Arrow, and each becomes `Moments`, which add up: no table of all rows is
ever made. It needs `pip install duckdb pyarrow`; any database that speaks Arrow does the same.
"""

import duckdb

from gdlearn import GradientDescentRegressor, Moments

ROWS = """
    SELECT sin(i) AS x, cos(1.7 * i) AS z, 2 * sin(i) - 3 * cos(1.7 * i) + 4 + 0.1 * sin(12.3 * i) AS y
    FROM range(1000000) AS numbers(i) WHERE i % 7 != 0
"""

batches = duckdb.connect().sql(ROWS).to_arrow_reader(100_000)
model = GradientDescentRegressor().fit_moments(Moments.from_batches(batches, target="y"))
print("coefficients", model.coef_.round(3), "intercept", round(float(model.intercept_), 3), "steps", model.n_iter_)
