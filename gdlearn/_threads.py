"""Threads: BLAS on one where more would only wait for each other, and long calls that Ctrl-C need not wait for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import copy_context
from functools import cache
from threading import RLock, Thread, get_ident
from typing import Any, ParamSpec, TypeVar

from threadpoolctl import ThreadpoolController

P = ParamSpec("P")
T = TypeVar("T")

FEW_ELEMENTS = 2**20
"""Elements of an X whose products are done before threads have met: 8 MB, about what caches hold."""

TOO_FEW_ELEMENTS = 2**13
"""Elements of an X for whose products BLAS wakes no other thread."""

SMALL_SIDE = 512
"""Side below which one thread factorises a matrix about as soon as several do, and much sooner where cores are busy."""

ALONE = 32
"""Side up to which BLAS takes one thread by itself."""

LONG_SIDE = 256
"""Side from which a factorisation may last longer than anybody who has pressed Ctrl-C should wait (tens of ms)."""

PATIENCE = 0.05
"""Seconds between two looks at whether Ctrl-C was pressed, where the system does not break off a wait for it."""


@cache
def _libraries() -> list[Any]:
    """The BLAS libraries in this process; finding them takes milliseconds, so it is done once."""
    return list(ThreadpoolController().select(user_api="blas").lib_controllers)


def _is_shared(library: Any) -> bool:
    """Whether its number of threads is one for the whole process, and not one for each thread that calls it."""
    return bool(library.internal_api == "openblas" and library.threading_layer != "openmp")


def _set(library: Any, n_threads: int) -> None:
    """Set a library's number of threads, also where another thread was the last to set it."""
    library.set_num_threads(n_threads)
    # threadpoolctl 3.8 hears only the thread that has set the number first, until that thread gives it up.
    give_up = getattr(library, "clear_controlling_thread", None)
    if give_up is not None:
        give_up()


class _Limit:
    """A library held to one thread: the number to go back to, and by whom it is held (from which thread)."""

    def __init__(self, library: Any, holder: object) -> None:
        self.library = library
        self.before = library.num_threads
        self.holders = {holder: get_ident()}
        if self.before != 1:
            _set(library, 1)

    def end(self) -> None:
        """Restore the number, unless somebody else has changed it since."""
        if self.before != 1 and self.library.num_threads == 1:
            _set(self.library, self.before)


# The number of threads is the process's and not ours, so who holds it must be known to the whole process too.
# A lock that its own thread may take once more, for the collector of garbage may end a `with` inside another.
_lock = RLock()
_limits: dict[tuple[int, int | None], _Limit] = {}


def _key(library: Any) -> tuple[int, int | None]:
    return id(library), None if _is_shared(library) else get_ident()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """BLAS on one thread: the first to come sets the number, and the last to leave restores it, in any threads."""
    holder = object()
    keys = [_key(library) for library in _libraries()]
    try:
        with _lock:
            for key, library in zip(keys, _libraries(), strict=True):
                limit = _limits.get(key)
                if limit is None:
                    _limits[key] = _Limit(library, holder)
                else:
                    limit.holders[holder] = get_ident()
        yield
    finally:
        with _lock:
            for key in keys:
                _drop(key, holder)


def _drop(key: tuple[int, int | None], *holders: object) -> None:
    limit = _limits.get(key)
    if limit is None:
        return
    for holder in holders:
        limit.holders.pop(holder, None)
    if not limit.holders:
        del _limits[key]
        limit.end()


def n_threads_allowed() -> int:
    """How many threads BLAS may use once nobody holds it to one."""
    with _lock:
        held = [_limits.get(_key(library)) for library in _libraries()]
        numbers = [
            limit.before if limit else library.num_threads for limit, library in zip(held, _libraries(), strict=True)
        ]
    return min(numbers, default=1)


def _after_fork() -> None:
    """In a child process only the thread that forked lives on: what others held is released."""
    global _lock
    _lock = RLock()
    for key, limit in list(_limits.items()):
        _drop(key, *(holder for holder, thread in limit.holders.items() if thread != get_ident()))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def blas_for(n: int, p: int) -> AbstractContextManager[None]:
    """BLAS on one thread where X of n rows and p columns is small; enter it once, around the whole fit.

    The threads of BLAS wait for each other by spinning: what takes one of them a tenth of a millisecond takes two a
    time slice of the system, 10 ms and more, where another process keeps a core busy.
    """
    alone = n * p <= TOO_FEW_ELEMENTS and p <= ALONE  # BLAS takes one thread by itself
    return one_blas_thread() if not alone and n * p <= FEW_ELEMENTS and min(n, p) < SMALL_SIDE else nullcontext()


def factorised(function: Callable[..., T], A: Any, **options: Any) -> T:
    """Call function(A, ...) of LAPACK: for a small A on one thread of BLAS, for a large one such that Ctrl-C is heard.

    Examples
    --------
    >>> import numpy as np
    >>> values, vectors = factorised(np.linalg.eigh, np.diag([3.0, 1.0]))
    >>> values
    array([1., 3.])
    """
    side = min(A.shape)
    with one_blas_thread() if ALONE < side < SMALL_SIDE else nullcontext():
        return function(A, **options) if side < LONG_SIDE else interruptible(function, A, **options)


def interruptible(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function that is deaf to Ctrl-C as long as it runs, such that KeyboardInterrupt comes at once.

    It runs on a thread of its own, which an interrupt leaves behind: there it comes to its end, for which nobody waits
    but the interpreter, before it exits. This costs 0.1 ms. The function must let other threads run, as LAPACK does.
    """
    future: Future[T] = Future()
    context = copy_context()
    # A library that counts each thread by itself would give the new one all there are.
    own = [(library, library.num_threads) for library in _libraries() if not _is_shared(library)]

    def work() -> None:
        try:
            for library, n_threads in own:
                _set(library, n_threads)
            future.set_result(context.run(function, *args, **kwargs))
        except BaseException as error:
            future.set_exception(error)

    # Not a daemon: at its end the interpreter takes BLAS down, which a call still running does not survive.
    Thread(target=work, name="gdlearn", daemon=False).start()
    while not wait([future], PATIENCE).done:
        pass
    return future.result()
