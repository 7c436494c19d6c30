"""Draw the pictures of README.md: ``MPLBACKEND=Agg python examples/images/make_images.py``."""

from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from sklearn.datasets import load_diabetes

from gdlearn import GradientDescentRegressor
from gdlearn.inspection import DescentPathDisplay, LossCurveDisplay

X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)


def save(figure: Any, name: str) -> None:
    """As a PNG of 64 colours, which is a third of the size of one of all."""
    everything = BytesIO()
    figure.savefig(everything, dpi=80)
    Image.open(everything).convert("RGB").quantize(64).save(Path(__file__).parent / name, optimize=True)


def descent_path() -> Any:
    """Three learning rates, the last of which diverges, over two columns of the diabetes data."""
    pair, centred = X[["s4", "s5"]] - X[["s4", "s5"]].mean(), y - y.mean()
    model = GradientDescentRegressor(fit_intercept=False).fit(pair, centred)
    rates = [part * model.max_stable_learning_rate_ for part in (0.1, 0.9, 1.05)]
    display = DescentPathDisplay.from_estimator(model, pair, centred, features=("s4", "s5"), learning_rates=rates)
    return display.figure_


def loss_curve() -> Any:
    """Four learning rates on the diabetes data."""
    stable = GradientDescentRegressor().fit(X, y).max_stable_learning_rate_
    rates = 0.001, 0.01, 0.1, 0.99 * stable
    models = [GradientDescentRegressor(rate, max_iter=10_000).fit(X, y) for rate in rates]
    figure = LossCurveDisplay.from_estimators(models).figure_
    figure.set_size_inches(8.75, 4.5)
    return figure


if __name__ == "__main__":
    save(descent_path(), "descent_path.png")
    save(loss_curve(), "loss_curve.png")
