"""Batches of rows, as files, databases and generators hand them over: arrays, or tables with the target in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from contextlib import contextmanager
from typing import Any, NamedTuple

from ._columns import names_of
from ._parameters import InvalidParameterError
from ._progress import progress_by_rich

Batch = Any
"""(X, y), (X, y, sample_weight), or a table of pandas, polars or pyarrow."""


class Roles(NamedTuple):
    """Which columns of a table are y, the weights and the features; all others than y and weights, if None is given."""

    target: str | Sequence[str] | None
    weight: str | None
    features: list[Any] | None = None

    def of(self, batch: Batch) -> tuple[Roles, tuple[Any, Any, Any]]:
        """X, y and the weights of a batch, and the roles with the features of the first one."""
        if isinstance(batch, tuple):
            if self.target is not None or self.weight is not None or len(batch) not in (2, 3):
                raise InvalidParameterError(
                    f"a tuple must be (X, y) or (X, y, sample_weight), without target and sample_weight. Got "
                    f"{len(batch)} parts, target={self.target!r} and sample_weight={self.weight!r} instead."
                )
            return self, (batch[0], batch[1], batch[2] if len(batch) == 3 else None)
        names = names_of(batch)
        if names is None or self.target is None:
            raise InvalidParameterError(
                f"it must be (X, y), (X, y, sample_weight), or a table and target the name of its column of y. Got "
                f"{type(batch).__name__} and target={self.target!r} instead."
            )
        targets = [self.target] if isinstance(self.target, str) else list(self.target)
        others = [*targets, *([] if self.weight is None else [self.weight])]
        features = self.features or [name for name in names if name not in others]
        missing = [name for name in [*others, *features] if name not in names]
        strange = [name for name in names if name not in [*others, *features]]
        if missing or strange:
            kind, name = ("no", missing[0]) if missing else ("one more", strange[0])
            raise InvalidParameterError(
                f"there is {kind} column {name!r}; its columns are {', '.join(map(str, names))}."
            )
        y = batch[self.target] if isinstance(self.target, str) else _taken(batch, targets)
        weight = None if self.weight is None else batch[self.weight]
        return self._replace(features=features), (_taken(batch, features), y, weight)


def _taken(table: Any, names: list[Any]) -> Any:
    return table.select(names) if hasattr(table, "select") else table[names]


def parts_of(batches: Iterable[Batch], roles: Roles) -> Iterator[tuple[int, Any, Any, Any]]:
    """The number of each batch, and its X, y and weights."""
    for number, batch in enumerate(batches):
        with named(number):
            roles, parts = roles.of(batch)
        yield number, *parts


@contextmanager
def named(number: int) -> Iterator[None]:
    """What is wrong with a batch, said with its number."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise type(error)(f"Batch {number}: {error}") from error


@contextmanager
def counted(batches: Iterable[Batch], *, wanted: bool) -> Iterator[Iterable[Batch]]:
    """The batches; where it is `wanted`, a bar shows how many have come."""
    if not wanted:
        yield batches
        return
    rich = progress_by_rich()
    columns = rich.TextColumn("batches"), rich.BarColumn(), rich.MofNCompleteColumn(), rich.TimeElapsedColumn()
    with rich.Progress(*columns) as progress:
        yield progress.track(batches, total=len(batches) if isinstance(batches, Sized) else None)
