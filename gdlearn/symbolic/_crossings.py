"""Where the steps of a path jump across gaps and poles, from one part of the domain to another."""

from __future__ import annotations

import numpy as np
import sympy
from numpy.typing import NDArray

from .._arrays import Array
from ._domain import Domain
from ._relations import Condition

SEARCHED = 1024
"""Steps searched at once."""

BETWEEN = np.linspace(0.0, 1.0, 33)
"""Where each step is searched for what it jumps across."""


def first_jump(domain: Domain, variables: tuple[str, ...], path: Array) -> tuple[int, str] | None:
    """The first step across a gap or a pole that a search along it has found, counted from 1, and what f needs there.

    A gap narrower than 1/32 of the step may be missed; a pole is found by the sign that changes at it.
    """
    if not domain.defined:
        return None
    for first in range(0, len(path) - 1, SEARCHED):
        ends = path[first : first + SEARCHED + 1, :, np.newaxis]
        along = (1.0 - BETWEEN) * ends[:-1] + BETWEEN * ends[1:]
        named = dict(zip(variables, along.transpose(1, 0, 2), strict=True))
        gaps = np.broadcast_to(~domain.contains(named), along[:, 0].shape)
        numbers = domain.numbers(named)
        poles = {
            c.reason: _changes_sign(numbers(c.left), numbers(c.right), gaps.shape)
            for c in domain.defined
            if _has_poles(c)
        }
        jumped = np.logical_or.reduce([gaps.any(axis=-1), *poles.values()])
        if jumped.any():
            k = int(np.argmax(jumped))
            failed = domain.violated({name: values[k] for name, values in named.items()})
            reason = failed.reason if failed else next(reason for reason, crossed in poles.items() if crossed[k])
            return first + k + 1, reason
    return None


OFTEN = 4
"""Crossings of one kink from which on a path hops over it."""


def kinks_crossed(domain: Domain, variables: tuple[str, ...], path: Array) -> tuple[int, str] | None:
    """How often the steps of a path cross the kink that they cross most, and what f's derivative needs there.

    None if that is seldom, or if the path comes to rest at the kink.
    """
    if not domain.differentiable:
        return None
    smooth = domain.where_differentiable()
    numbers = smooth.numbers({name: path[:, i] for i, name in enumerate(variables)})
    crossings = []
    for condition in domain.differentiable:
        gap = np.broadcast_to(numbers(condition.left) - numbers(condition.right), len(path))
        crossings.append((int((np.diff(np.sign(gap)) != 0).sum()), condition.reason))
    most = max(crossings)
    return most if most[0] >= OFTEN else None


def _has_poles(condition: Condition) -> bool:
    return condition.relation == "!=" and not condition.left.has(sympy.sign)  # which jumps across 0 itself


def _changes_sign(left: Array, right: Array, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """For each step, whether the difference of two sides changes its sign along it."""
    signs = np.sign(np.broadcast_to(left - right, shape))
    return np.asarray(np.any(signs[:, 1:] * signs[:, :-1] < 0, axis=-1))
