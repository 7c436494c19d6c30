"""Observers of a descent: scikit-learn's callbacks, and a progress bar for long loops.

An observer is called with every iterate that a loop takes, or a closed form records, and the η that led to it; if it
returns True the descent ends there. It never changes an iterate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ._descent import Observer
from ._objective import Iterate
from ._progress import progress_by_rich

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn before 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """In place of scikit-learn's: it says what is missing."""

        def set_callbacks(self, *callbacks: Any) -> Any:
            """Refuse callbacks, which scikit-learn has only since 1.9.

            Parameters
            ----------
            *callbacks : callback instances

            Returns
            -------
            self : estimator instance
                Where no callback is given.
            """
            if callbacks:
                raise NotImplementedError(
                    'Callbacks need scikit-learn 1.9 or later: pip install -U "scikit-learn>=1.9". Without them, '
                    "early_stopping=True stops on held-out rows, and loss_curve_ holds the history of J."
                )
            return self

    def with_callbacks(method: Callable[..., Any]) -> Callable[..., Any]:
        """Nothing to set up, nothing to tear down."""
        return method


__all__ = ["CallbackSupportMixin", "callback_tasks", "progress_bar", "together", "with_callbacks"]


@contextmanager
def callback_tasks(
    estimator: Any,
    X: Any,
    y: Any,
    sample_weight: Any,
    n_tasks: int | None,
    attributes_at: Callable[[Iterate, float], dict[str, Any]],
) -> Iterator[Observer | None]:
    """One task "fit" with a subtask "step" for every observed iterate; None where no callback is set."""
    if not hasattr(estimator, "_skl_callbacks"):
        yield None
        return
    hook = {
        "estimator": estimator,
        "X": X,
        "y": y,
        "metadata": {} if sample_weight is None else {"sample_weight": sample_weight},
    }
    fit = estimator._init_callback_context(task_name="fit", max_subtasks=n_tasks)
    fit.call_on_fit_task_begin(**hook)

    def observe(iterate: Iterate, eta: float) -> bool:
        step = fit.subcontext(task_name="step")
        step.call_on_fit_task_begin(**hook)
        return bool(step.call_on_fit_task_end(reconstruction_attributes=lambda: attributes_at(iterate, eta), **hook))

    yield observe
    fit.call_on_fit_task_end(reconstruction_attributes={}, **hook)


@contextmanager
def progress_bar(n_steps: int | None, *, wanted: bool) -> Iterator[Observer | None]:
    """A bar of the steps of a loop, by rich; None where it is not wanted."""
    if not wanted:
        yield None
        return
    rich = progress_by_rich()
    columns = (
        rich.TextColumn("gradient descent"),
        rich.BarColumn(),
        rich.MofNCompleteColumn(),
        rich.TimeRemainingColumn(),
    )
    with rich.Progress(*columns, rich.TextColumn("J = {task.fields[loss]:.6g}")) as progress:
        task = progress.add_task("descent", total=n_steps, loss=float("nan"))

        def observe(iterate: Iterate, eta: float) -> bool:
            progress.update(task, completed=iterate.n_steps, loss=iterate.value)
            return False

        yield observe


def together(*observers: Observer | None) -> Observer | None:
    """All of them, one after another; None where there is none."""
    some = [observer for observer in observers if observer is not None]
    if not some:
        return None
    return lambda iterate, eta: sum(observer(iterate, eta) for observer in some) > 0
