"""Arrays of other libraries: scikit-learn's checks, the right values, results where X lies, and no rows that travel."""

import pickle
import subprocess
import sys
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn import config_context
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks
from test_exactness import DIGITS, NIST, coefficients, digits, load
from textbook import numpy_loop, original_units, scaled

import gdlearn._device
from gdlearn import (
    GradientDescentRegressor,
    GradientDescentRegressorCV,
    MeanSquaredError,
    Moments,
    gradient_descent_path,
)
from gdlearn._device import DeviceMatrix, arrived
from gdlearn._namespaces import home, placed

ScoringMonitor = pytest.importorskip("sklearn.callback", reason="these checks are those of 1.9").ScoringMonitor
pytestmark = [pytest.mark.usefixtures("array_api"), pytest.mark.arrays]

X, Y = load_diabetes(return_X_y=True)
TWO = np.column_stack([Y, X[:, 0] - 2.0 * Y])
WEIGHTS = np.random.default_rng(0).integers(0, 3, len(Y)).astype(float)

ESTIMATORS = [
    GradientDescentRegressor(),
    GradientDescentRegressor(0.01, max_iter=30, solver="loop"),
    GradientDescentRegressor("exact", max_iter=30, scaling="minmax"),
    GradientDescentRegressor(early_stopping=True, random_state=0),
    GradientDescentRegressor(alpha=0.1),
    GradientDescentRegressor(alpha=0.1, l1_ratio=0.5),
    GradientDescentRegressorCV(),
    GradientDescentRegressorCV([0.01, 0.1], max_iters=[3, 30], early_stopping=True, random_state=0),
]

PLACES = [
    ("numpy", None, None),
    ("array_api_strict", "CPU_DEVICE", "float64"),
    ("array_api_strict", "device1", "float32"),
    ("array_api_strict", "device1", "float64"),
    ("array_api_strict", "device2", "float64"),
    ("torch", "cpu", "float64"),
    ("torch", "cpu", "float32"),
]


class Strict:
    """Makes arrays of array-api-strict on one of its devices; those on another than the CPU do not become NumPy's."""

    def __init__(self, device):
        self.device_name = device

    def __call__(self, values):
        strict = pytest.importorskip("array_api_strict")
        return strict.asarray(np.asarray(values), device=strict.Device(self.device_name))


class Torch:
    """Makes tensors on the CPU; if they are `elsewhere`, what asks where they lie is told that it is another device."""

    def __init__(self, elsewhere):
        self.elsewhere = elsewhere

    def __call__(self, values):
        return pytest.importorskip("torch").asarray(np.asarray(values))


AT_HOME = {"strict": Strict("CPU_DEVICE"), "torch": Torch(elsewhere=False)}
ELSEWHERE = {"strict on another device": Strict("device1"), "torch as on another device": Torch(elsewhere=True)}


def made_of(boxes):
    return pytest.mark.parametrize("box", boxes.values(), ids=boxes, indirect=True)


@pytest.fixture
def box(request, monkeypatch):
    if getattr(request.param, "elsewhere", False):
        monkeypatch.setattr(gdlearn._device, "is_on_cpu", lambda array: False)
    return request.param


def run(check, estimator, *args, **options):
    try:
        check(type(estimator).__name__, estimator, *args, **options)
    except estimator_checks.SkipTest as reason:
        pytest.skip(str(reason))


@pytest.fixture
def dispatch(array_api):
    with config_context(array_api_dispatch=True):
        yield


class TestScikitLearnsChecks:
    """Those that its `parametrize_with_checks` runs too, on more estimators and devices, and with values compared."""

    @pytest.mark.parametrize("place", PLACES, ids=str)
    @pytest.mark.parametrize("estimator", ESTIMATORS, ids=str)
    @pytest.mark.whole
    def test_check_array_api_input(self, estimator, place):
        run(estimator_checks.check_array_api_input, estimator, *place)

    @pytest.mark.parametrize("place", PLACES, ids=str)
    @pytest.mark.parametrize("estimator", ESTIMATORS, ids=str)
    @pytest.mark.whole
    def test_check_array_api_input_and_values(self, estimator, place):
        *where, dtype = place
        for weights in (False, True):
            check = partial(estimator_checks.check_array_api_input_and_values, check_sample_weight=weights)
            run(check, estimator, *where, dtype or "float64")

    @pytest.mark.parametrize("of_y", [("numpy", None), ("array_api_strict", "device1"), ("torch", "cpu")], ids=str)
    @pytest.mark.parametrize("of_x", [("numpy", None), ("array_api_strict", "device1"), ("torch", "cpu")], ids=str)
    @pytest.mark.parametrize("estimator", [ESTIMATORS[0], ESTIMATORS[4]], ids=str)
    @pytest.mark.whole
    def test_check_array_api_mixed_inputs(self, estimator, of_x, of_y):
        place = type(next(estimator_checks.yield_mixed_namespace_input_permutations())[0])
        check = partial(estimator_checks.check_array_api_mixed_inputs, check_values=True)
        run(check, estimator, X_ns_and_device=place(*of_x), other_ns_and_device=place(*of_y))

    @pytest.mark.parametrize("namespace", ["array_api_strict", "torch"])
    @pytest.mark.parametrize("estimator", [ESTIMATORS[0], ESTIMATORS[4]], ids=str)
    def test_check_array_api_same_namespace(self, estimator, namespace):
        run(estimator_checks.check_array_api_same_namespace, estimator, namespace)


@made_of(AT_HOME | ELSEWHERE)
@pytest.mark.usefixtures("dispatch")
class TestValues:
    @pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weights"])
    @pytest.mark.parametrize("y", [Y, TWO], ids=["one target", "two"])
    @pytest.mark.whole
    def test_the_limit_is_that_of_linear_regression(self, box, y, weights):
        given, target = box(X), box(y)
        model = GradientDescentRegressor().fit(given, target, None if weights is None else box(weights))
        exact = LinearRegression().fit(X, y, weights)
        np.testing.assert_allclose(home(model.coef_), exact.coef_, rtol=1e-9)
        np.testing.assert_allclose(home(model.intercept_), exact.intercept_, rtol=1e-11)
        predicted = model.predict(given)
        np.testing.assert_allclose(home(predicted), exact.predict(X), rtol=1e-11)
        for result in (model.coef_, model.feature_shift_, model.feature_scale_, predicted):
            assert type(result) is type(given)
            assert result.device == given.device
            assert result.dtype == given.dtype
        score = model.score(given, target)
        assert type(score) is float
        assert score == pytest.approx(r2_score(y, exact.predict(X)))

    @pytest.mark.parametrize("scaling", ["standard", "minmax", "maxabs", None])
    @pytest.mark.whole
    def test_the_steps_are_those_of_the_textbook(self, box, scaling):
        Z, shift, scale = scaled(X, scaling, WEIGHTS)
        theta, losses = numpy_loop(Z, Y, 0.1, 20, weights=WEIGHTS)
        slopes, _ = original_units(theta, shift, scale)
        for solver in ("loop", "spectral"):
            model = GradientDescentRegressor(0.1, max_iter=20, scaling=scaling, solver=solver)
            model.fit(box(X), box(Y), box(WEIGHTS))
            np.testing.assert_allclose(home(model.coef_), slopes[:, 0], rtol=1e-9)
            np.testing.assert_allclose(model.loss_curve_, losses, rtol=1e-10)

    def test_steps_on_rows_without_a_matrix(self, box):
        random = np.random.default_rng(0)
        wide, y = random.standard_normal((600, 500)) + 3.0, random.standard_normal(600)
        Z, shift, scale = scaled(wide, "standard")
        slopes, _ = original_units(numpy_loop(Z, y, 0.01, 2)[0], shift, scale)
        model = GradientDescentRegressor(0.01, max_iter=2).fit(box(wide), box(y))
        assert np.isnan(model.condition_number_)
        np.testing.assert_allclose(home(model.coef_), slopes[:, 0], rtol=1e-9, atol=1e-14)

    def test_fewer_rows_than_columns(self, box):
        random = np.random.default_rng(0)
        wide, y = random.standard_normal((20, 100)), random.standard_normal(20)
        shortest = np.linalg.lstsq(wide, y, rcond=None)[0]
        model = GradientDescentRegressor(scaling=None, fit_intercept=False).fit(box(wide), box(y))
        np.testing.assert_allclose(home(model.coef_), shortest, rtol=1e-9, atol=1e-12)

    def test_many_features_whose_modes_wait(self, box):
        random = np.random.default_rng(0)
        many = random.standard_normal((1_000, 150))
        y = many @ np.arange(150.0) + 1_000.0 * random.standard_normal(1_000)
        model = GradientDescentRegressor().fit(box(many), box(y))
        exact = LinearRegression().fit(many, y)
        assert "n_iter_" not in vars(model)
        assert model.n_iter_ > 1
        np.testing.assert_allclose(home(model.coef_), exact.coef_, rtol=1e-9, atol=1e-9)
        assert type(model.coef_) is type(model.feature_scale_) is type(box(many))

    def test_an_outlier_and_the_ends_of_float64(self, box):
        far = np.vstack([X, np.linspace(100.0, 200.0, 10)])
        y = np.append(Y, 0.0)
        exact = LinearRegression().fit(far, y).predict(far)
        for unit in (1.0, 2.0**600, 2.0**-600):
            model = GradientDescentRegressor().fit(box(far * unit), box(y))
            np.testing.assert_allclose(home(model.predict(box(far * unit))), exact, rtol=1e-7, atol=1e-7)

    @pytest.mark.parametrize("path", NIST, ids=lambda path: path.stem)
    def test_nist_certified_values(self, box, path):
        record, A, y = load(path)
        certified = np.array([float(text) for text in record["certified_coef_text"]])
        model = GradientDescentRegressor(fit_intercept=record["intercept"]).fit(box(A), box(y))
        model.coef_ = home(model.coef_)
        assert digits(coefficients(model), certified) >= DIGITS[record["name"]]

    @pytest.mark.parametrize("scaling", ["standard", "minmax"])
    def test_the_errors_of_a_search(self, box, scaling):
        cv = KFold(3, shuffle=True, random_state=0)
        search = GradientDescentRegressorCV([0.1], max_iters=[20], init="zero", cv=cv, scaling=scaling)
        search.fit(box(X), box(Y), box(WEIGHTS))
        for fold, (train, test) in enumerate(cv.split(X)):
            Z, shift, scale = scaled(X[train], scaling, WEIGHTS[train])
            theta = numpy_loop(Z, Y[train], 0.1, 20, weights=WEIGHTS[train])[0][:, 0]
            r = Y[test] - theta[0] - (X[test] - shift) / scale @ theta[1:]
            error = np.average(r**2, weights=WEIGHTS[test])
            assert float(search.mse_path_[0, 0, fold]) == pytest.approx(error, rel=1e-9)
        assert type(search.learning_rates_) is type(search.max_iters_) is type(box(X))

    def test_float32(self, box):
        A, y = X.astype(np.float32), Y.astype(np.float32)
        given = box(A)
        model = GradientDescentRegressor().fit(given, box(y))
        exact = LinearRegression().fit(A.astype(float), y.astype(float))
        assert model.coef_.dtype == model.predict(given).dtype == given.dtype
        np.testing.assert_array_equal(home(model.coef_), exact.coef_.astype(np.float32))

    def test_integers(self, box):
        A = np.rint(1000 * X).astype(np.int64)
        model = GradientDescentRegressor().fit(box(A), box(Y.astype(np.int64)))
        np.testing.assert_allclose(home(model.coef_), LinearRegression().fit(A, Y).coef_, rtol=1e-9)

    def test_integers_that_float64_does_not_hold_are_told_of(self, box):
        A = np.arange(8, dtype=np.int64)[:, None] + 2**60
        with pytest.warns(UserWarning, match="beyond 2"):
            GradientDescentRegressor().fit(box(A), box(np.arange(8.0)))

    def test_partial_fit_in_pickled_pieces(self, box):
        model = GradientDescentRegressor()
        for part in np.array_split(np.arange(len(Y)), 5):
            model = pickle.loads(pickle.dumps(model.partial_fit(box(X[part]), box(Y[part]))))
        np.testing.assert_allclose(home(model.coef_), LinearRegression().fit(X, Y).coef_, rtol=1e-9)
        assert type(model.predict(box(X))) is type(model.coef_) is type(box(X))

    def test_early_stopping_by_rows_handed_over(self, box):
        model = GradientDescentRegressor(0.1, early_stopping=True, init="zero")
        model.fit(box(X[100:]), box(Y[100:]), X_val=box(X[:100]), y_val=box(Y[:100]))
        Z, shift, scale = scaled(X[100:], "standard")
        theta = numpy_loop(Z, Y[100:], 0.1, model.n_iter_)[0][:, 0]
        r = Y[:100] - theta[0] - (X[:100] - shift) / scale @ theta[1:]
        assert min(model.validation_loss_curve_) == pytest.approx((r**2).mean(), rel=1e-9)

    def test_callbacks_score_the_iterates(self, box):
        pytest.importorskip("pandas")
        monitor = ScoringMonitor(scoring="neg_mean_squared_error")
        y = Y.copy()
        y.flags.writeable = False
        GradientDescentRegressor(0.1, max_iter=5).set_callbacks(monitor).fit(box(X), y)
        rows = monitor.get_logs(select="most_recent").data_as_pandas
        scores = rows.loc[rows["task_name"] == "step", "neg_mean_squared_error"]
        losses = numpy_loop(scaled(X, "standard")[0], Y, 0.1, 5)[1]
        np.testing.assert_allclose(scores, -np.array(losses[1:]), rtol=1e-10)

    def test_a_warm_start_and_a_checked_gradient(self, box):
        model = GradientDescentRegressor(0.1, max_iter=10, warm_start=True, check_gradient=True, random_state=0)
        model.fit(box(X), box(Y)).fit(box(X), box(Y))
        assert model.gradient_check_.passed
        Z, _, _ = scaled(X, "standard")
        assert model.loss_ == pytest.approx(numpy_loop(Z, Y, 0.1, 20)[1][-1], rel=1e-9)

    def test_moments_j_and_paths_are_numbers_of_numpy(self, box):
        moments = Moments.from_data(box(X), box(Y), box(WEIGHTS), root=True)
        joint = np.cov(np.column_stack([X, Y]), rowvar=False, aweights=WEIGHTS, ddof=0)
        np.testing.assert_allclose(moments.covariance, joint, rtol=1e-12, atol=1e-12)
        np.testing.assert_array_equal(moments.maximum, X[WEIGHTS > 0].max(axis=0))
        J = MeanSquaredError(box(X), box(Y))
        assert J([0.0] * 11) == pytest.approx((Y**2).mean())
        path = gradient_descent_path(box(X), box(Y), learning_rate=0.1, iterations=[20])
        assert path[3][0] == pytest.approx(numpy_loop(scaled(X, "standard")[0], Y, 0.1, 20)[1][-1])

    @pytest.mark.filterwarnings("ignore:invalid value encountered in divide")  # in StandardScaler's first sum
    def test_with_scikit_learns_pipelines_and_searches(self, box):
        pipeline = make_pipeline(StandardScaler(), GradientDescentRegressor())
        search = GridSearchCV(pipeline, {"gradientdescentregressor__max_iter": [1, 100]}, cv=3)
        search.fit(box(X), box(Y))
        assert search.best_params_ == {"gradientdescentregressor__max_iter": 100}
        assert type(search.predict(box(X))) is type(box(X))

    def test_a_model_goes_on_with_numpy_where_dispatch_is_off(self, box):
        model = pickle.loads(pickle.dumps(GradientDescentRegressor().fit(box(X), box(Y))))
        with config_context(array_api_dispatch=False):
            predicted = model.predict(X)
        np.testing.assert_allclose(predicted, LinearRegression().fit(X, Y).predict(X), rtol=1e-11)

    def test_nan_and_other_widths_are_refused_and_the_fit_kept(self, box):
        model = GradientDescentRegressor().fit(box(X), box(Y))
        before = dict(vars(model))
        bad = X.copy()
        bad[3, 4] = np.nan
        for method in (lambda given: model.fit(given, box(Y)), model.predict):
            with pytest.raises(ValueError, match="Input X contains NaN"):
                method(box(bad))
        with pytest.raises(ValueError, match="X has 3 features, but GradientDescentRegressor is expecting 10"):
            model.predict(box(X[:, :3]))
        assert vars(model) == before


@made_of(AT_HOME)
@pytest.mark.usefixtures("dispatch")
def test_on_the_cpu_nothing_is_copied(box):
    given = box(X)
    assert np.shares_memory(arrived(given, "X"), np.asarray(given))


@made_of(ELSEWHERE)
@pytest.mark.usefixtures("dispatch")
class TestOnAnotherDevice:
    @pytest.fixture
    def travelled(self, box, monkeypatch):
        """How many numbers have come home."""
        count = [0]

        def counted(array, *name):
            at_home = home(array, *name)
            count[0] += at_home.size
            return at_home

        monkeypatch.setattr(gdlearn._device, "home", counted)
        monkeypatch.setattr(gdlearn._device, "BLOCK_SIZE", 50_000)  # several blocks
        return count

    @pytest.mark.parametrize(
        "estimator",
        [
            GradientDescentRegressor(),
            GradientDescentRegressor(0.1, max_iter=10, scaling="minmax"),
            GradientDescentRegressor("exact", max_iter=10),
            GradientDescentRegressorCV(),
        ],
        ids=str,
    )
    def test_rows_stay_there(self, box, travelled, estimator):
        random = np.random.default_rng(0)
        A = random.standard_normal((30_000, 5))
        y = A @ [1.0, 2.0, 3.0, 4.0, 5.0] + 20.0 * random.standard_normal(len(A))
        given, target = box(A), box(y)
        estimator.fit(given, target).predict(given)
        assert travelled[0] < 0.03 * A.size

    def test_a_loop_on_the_rows_fetches_residuals_alone(self, box, travelled):
        A = np.random.default_rng(0).standard_normal((1_000, 500))
        GradientDescentRegressor(0.01, max_iter=1).fit(box(A), box(A[:, 0]))
        few = travelled[0]
        travelled[0] = 0
        GradientDescentRegressor(0.01, max_iter=3).fit(box(A), box(A[:, 0]))
        assert travelled[0] - few <= 3 * 2 * (len(A) + A.shape[1])


@pytest.mark.parametrize("method", ["predict"])
def test_another_namespace_is_refused_in_scikit_learns_words(method):
    strict = pytest.importorskip("array_api_strict")
    on_device = strict.asarray(X, device=strict.Device("device1"))
    with config_context(array_api_dispatch=True):
        for fitted, other in ((strict.asarray(X), X), (X, strict.asarray(X)), (strict.asarray(X), on_device)):
            said = []
            for model in (GradientDescentRegressor(), Ridge(solver="svd")):
                model.fit(fitted, Y if fitted is X else strict.asarray(Y))
                with pytest.raises(ValueError, match=rf"must use the same namespace.*fit.*{method}.*differ\.") as error:
                    getattr(model, method)(other)
                words = str(error.value).split(" differ. ")[0].replace("sklearn.externals.array_api_compat.", "")
                said.append(words.replace(type(model).__name__, "Model"))
            assert said[0] == said[1]


@pytest.mark.usefixtures("dispatch")
def test_what_would_lose_something_is_refused():
    torch = pytest.importorskip("torch")
    tensor = torch.asarray(X)
    model = GradientDescentRegressor()
    for given, target, words in (
        (tensor.clone().requires_grad_(), Y, r"X requires a gradient.*use X\.detach\(\)"),
        (X, torch.asarray(Y).requires_grad_(), r"y requires a gradient.*use y\.detach\(\)"),
        (tensor.to(torch.bfloat16), Y, r"X has dtype torch\.bfloat16.*float32 or float64"),
        (tensor.to(torch.complex64), Y, "Complex data not supported"),
    ):
        with pytest.raises(ValueError, match=words):
            model.fit(given, target)
    model.fit(tensor, Y)
    with pytest.raises(ValueError, match=r"use X\.detach\(\)"):
        model.predict(tensor.clone().requires_grad_())


@pytest.mark.usefixtures("dispatch")
def test_a_device_without_float64():
    strict = pytest.importorskip("array_api_strict")
    device = strict.Device("no_float64")
    given = strict.asarray(X.astype(np.float32), device=device)
    model = GradientDescentRegressor().fit(given, strict.asarray(Y.astype(np.float32), device=device))
    exact = LinearRegression().fit(X.astype(np.float32).astype(float), Y)
    np.testing.assert_array_equal(home(model.coef_), exact.coef_.astype(np.float32))
    for result in (model.coef_, model.feature_scale_, model.predict(given)):
        assert (result.device, result.dtype) == (device, strict.float32)


def test_without_dispatch_all_is_as_it_was():
    torch = pytest.importorskip("torch")
    model = GradientDescentRegressor().fit(torch.asarray(X), torch.asarray(Y))
    assert type(model.coef_) is type(model.predict(torch.asarray(X))) is np.ndarray


@made_of(AT_HOME | ELSEWHERE)
@pytest.mark.usefixtures("dispatch")
def test_pictures_of_it(box):
    figure = pytest.importorskip("matplotlib.figure")
    from gdlearn.inspection import DescentPathDisplay, LearningRateDisplay, sensitivity

    search = GradientDescentRegressorCV(3, max_iters=3).fit(box(X), box(Y))
    display = LearningRateDisplay.from_estimator(search, ax=figure.Figure().subplots())
    np.testing.assert_allclose(display.learning_rates, home(search.learning_rates_))
    model = GradientDescentRegressor(0.1, max_iter=5)
    surface = DescentPathDisplay.from_estimator(model, box(X), box(Y), ax=figure.Figure().subplots())
    assert surface.minimum == pytest.approx(((Y - LinearRegression().fit(X, Y).predict(X)) ** 2).mean())
    assert "condition number" in sensitivity(box(X), box(Y)).sentence


def test_numpy_needs_no_other_library():
    code = (
        "import sys, numpy; from sklearn import config_context; from gdlearn import GradientDescentRegressor as G\n"
        "with config_context(array_api_dispatch=True):\n"
        "    G().fit(numpy.eye(5), numpy.arange(5.0)).predict(numpy.eye(5))\n"
        "print({'torch', 'cupy', 'array_api_strict', 'array_api_compat'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"


def test_a_library_whose_functions_know_no_device_is_told_by_a_context():
    class Device:
        entered = 0

        def __enter__(self):
            self.entered += 1

        def __exit__(self, *error):
            pass

    class Cupys:  # as of CuPy 14
        device = Device()

        def __array_namespace__(self):
            return SimpleNamespace(asarray=lambda array: (array, self.device.entered))

    array, entered = placed(X, Cupys())
    assert array is X
    assert entered == 1


@made_of(ELSEWHERE)
def test_parts_of_a_matrix_on_a_device(box):
    matrix, places = DeviceMatrix(box(X)), np.array([3, 1, 1])
    for index in (slice(2, 5), places, (slice(None), slice(1, 3)), (slice(None), places)):
        np.testing.assert_array_equal(matrix[index], X[index])
