"""BLAS's number of threads is the user's again after every fit, and Ctrl-C is heard during long calls."""

import _thread
import multiprocessing
import operator
import os
import signal
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import numpy as np
import pytest
from scipy import linalg
from threadpoolctl import ThreadpoolController

from gdlearn import GradientDescentRegressor, Moments, _threads
from gdlearn._rows import Rows
from gdlearn._threads import blas_for, factorised, interruptible, n_threads_allowed, one_blas_thread


class Shared:
    """A library whose number of threads is the process's, as OpenBLAS's is."""

    internal_api, threading_layer = "openblas", "pthreads"

    def __init__(self, number):
        self.num_threads = number

    def set_num_threads(self, number):
        self.num_threads = number


class Owned(Shared):
    """One whose number the first thread to set it keeps to itself until it gives it up, as threadpoolctl 3.8 has it."""

    owner = None

    def set_num_threads(self, number):
        if self.owner in (None, threading.get_ident()):
            self.owner, self.num_threads = threading.get_ident(), number

    def clear_controlling_thread(self):
        if self.owner == threading.get_ident():
            self.owner = None


class PerThread(threading.local):
    """One with a number for each thread, as MKL has it."""

    internal_api, threading_layer, num_threads = "mkl", "intel", 4

    def set_num_threads(self, number):
        self.num_threads = number


@pytest.fixture(params=[Shared, Owned])
def libraries(request, monkeypatch):
    """Two libraries in place of those of the process."""
    fakes = [request.param(4), request.param(8)]
    monkeypatch.setattr(_threads, "_libraries", lambda: fakes)
    return fakes


def numbers(libraries):
    return [library.num_threads for library in libraries]


class Worker:
    """A thread that enters and leaves on demand, and stays alive."""

    def __init__(self):
        self.pool, self.stack = ThreadPoolExecutor(1), ExitStack()

    def __call__(self, function, *args):
        return self.pool.submit(function, *args).result()

    def enter(self):
        self(self.stack.enter_context, one_blas_thread())

    def leave(self):
        self(self.stack.close)


@pytest.mark.parametrize("leaving", ["first to come", "last to come"])
def test_the_last_to_leave_restores_the_numbers_whichever_thread_it_is(libraries, leaving):
    workers = [Worker() for _ in range(3)]
    for worker in workers:
        worker.enter()
        assert numbers(libraries) == [1, 1]
        assert worker(n_threads_allowed) == 4
    for worker in workers if leaving == "first to come" else workers[::-1]:
        assert numbers(libraries) == [1, 1]
        worker.leave()
    assert numbers(libraries) == [4, 8]
    workers[1].enter()  # and once more
    assert numbers(libraries) == [1, 1]
    workers[1].leave()
    assert numbers(libraries) == [4, 8]
    for worker in workers:
        worker.pool.shutdown()


def test_nested_and_after_errors(libraries):
    with one_blas_thread():
        with pytest.raises(ZeroDivisionError), one_blas_thread():
            assert 1 / 0
        assert numbers(libraries) == [1, 1]
    assert numbers(libraries) == [4, 8]
    for error in (KeyboardInterrupt, MemoryError):
        with pytest.raises(error), one_blas_thread():
            raise error
        assert numbers(libraries) == [4, 8]


def test_a_library_that_counts_each_thread_by_itself(monkeypatch):
    library = PerThread()
    monkeypatch.setattr(_threads, "_libraries", lambda: [library])
    first, second, third = (Worker() for _ in range(3))

    def number():
        return library.num_threads

    third(library.set_num_threads, 3)
    for worker in (first, third):
        worker.enter()
    assert [worker(number) for worker in (first, second, third)] == [1, 4, 1]
    assert third(n_threads_allowed) == 3
    first.leave()
    assert [worker(number) for worker in (first, second, third)] == [4, 4, 1]
    third.leave()
    assert third(number) == 3
    library.set_num_threads(2)  # what the caller has set holds on the thread that works for him
    assert interruptible(number) == 2
    for worker in (first, second, third):
        worker.pool.shutdown()


def test_what_the_user_sets_meanwhile_stays(libraries):
    with one_blas_thread():
        libraries[0].num_threads = 3
    assert numbers(libraries) == [3, 8]


def test_what_the_user_has_limited_stays_limited(libraries):
    for library in libraries:
        library.num_threads = 1
    with one_blas_thread():
        assert n_threads_allowed() == 1
    assert numbers(libraries) == [1, 1]


def test_the_limit_of_another_thread_is_left_alone(monkeypatch):
    library = Owned(4)
    monkeypatch.setattr(_threads, "_libraries", lambda: [library])
    user = Worker()
    user(library.set_num_threads, 2)
    with one_blas_thread():
        assert library.num_threads == 2
        user(library.set_num_threads, 4)
    assert library.num_threads == 4
    user.pool.shutdown()


def test_without_a_library_nothing_happens(monkeypatch):
    monkeypatch.setattr(_threads, "_libraries", list)
    with one_blas_thread():
        assert n_threads_allowed() == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_does_not_inherit_the_limits_of_threads_that_it_does_not_have(libraries):
    other = Worker()
    other.enter()
    for held in (False, True):
        with ExitStack() as stack, warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads, from Python 3.12 on
            if held:
                stack.enter_context(one_blas_thread())
            child = os.fork()
            if child == 0:
                ours = numbers(libraries) == ([1, 1] if held else [4, 8])
                with one_blas_thread():
                    ours &= numbers(libraries) == [1, 1]
                stack.close()
                os._exit(0 if ours and numbers(libraries) == [4, 8] else 1)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert numbers(libraries) == [1, 1]
    other.leave()
    assert numbers(libraries) == [4, 8]
    other.pool.shutdown()


def test_blas_has_one_thread_for_a_small_X_only(libraries):
    shapes = {(442, 10): False, (442, 30): True, (40, 9_000): True, (10**6, 10): False, (600, 600): False}
    for shape, one in shapes.items():  # of the first BLAS takes one thread by itself
        with blas_for(*shape):
            assert (numbers(libraries) == [1, 1]) is one
        assert numbers(libraries) == [4, 8]


def long_rows():
    rng = np.random.default_rng(0)
    return Rows.of(rng.standard_normal((20_000, 30)), rng.standard_normal(20_000), None)


def folded(rows, work):
    """The sum of what `work` makes of the blocks of each part."""
    return rows.fold(work, operator.add, np.zeros(rows.width), np.zeros(rows.width, dtype=np.int64))


def test_parts_of_the_rows_share_the_threads_and_give_them_back(libraries):
    rows = long_rows()
    seen = set()

    def work(blocks):
        seen.add(threading.get_ident())
        assert numbers(libraries) == [1, 1]
        return sum(len(block.x) for block in blocks)

    assert folded(rows, work) == 20_000
    assert threading.get_ident() not in seen
    assert numbers(libraries) == [4, 8]
    with one_blas_thread():  # held by ourselves, which is no reason to use fewer
        seen.clear()
        assert folded(rows, work) == 20_000
        assert threading.get_ident() not in seen
    libraries[0].num_threads = 1
    seen.clear()
    assert folded(rows, work) == 20_000
    assert seen == {threading.get_ident()}
    assert numbers(libraries) == [1, 8]


def test_parts_are_merged_in_the_order_of_the_rows():
    rows = long_rows()
    order = rows.fold(
        lambda blocks: [block.y[0, 0] for block in blocks],
        operator.add,
        np.zeros(rows.width),
        np.zeros(rows.width, dtype=np.int64),
    )
    assert len(order) > 2
    places = [int(np.flatnonzero(rows.y[:, 0] == y)[0]) for y in order]
    assert places == sorted(places)
    assert places[0] == 0


def test_an_error_in_a_part_gives_the_threads_back(libraries):
    with pytest.raises(ZeroDivisionError):
        folded(long_rows(), lambda blocks: 1 // 0)
    assert numbers(libraries) == [4, 8]


SIX_THREADS = """
import numpy as np
from concurrent.futures import ThreadPoolExecutor
from sklearn.base import clone
from threadpoolctl import ThreadpoolController
from gdlearn import GradientDescentRegressor

blas = ThreadpoolController().select(user_api="blas")
rng = np.random.default_rng(0)
X = rng.standard_normal((20_000, 30))
y = X.sum(axis=1) + rng.standard_normal(len(X))
model = GradientDescentRegressor()
expected = model.fit(X, y).coef_
before = [library["num_threads"] for library in blas.info()]
with ThreadPoolExecutor(6) as pool:
    coefs = [fitted.coef_ for fitted in pool.map(lambda _: clone(model).fit(X, y), range(60))]
assert all((coef == expected).all() for coef in coefs)
after = [library["num_threads"] for library in blas.info()]
assert after == before, (before, after)
"""


@pytest.mark.slow  # starts Python
def test_fits_in_several_threads_leave_blas_as_it_was():
    environment = os.environ | {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
    subprocess.run([sys.executable, "-c", SIX_THREADS], check=True, env=environment)


def test_a_long_call_is_left_behind_by_ctrl_c(monkeypatch):
    started, let_go, ended = threading.Event(), threading.Event(), threading.Event()

    def deaf():
        started.set()
        let_go.wait()
        ended.set()

    def press():
        started.wait()
        _thread.interrupt_main()

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    try:
        threading.Thread(target=press).start()
        with pytest.raises(KeyboardInterrupt):
            interruptible(deaf)
        assert not ended.is_set()
        let_go.set()
        assert ended.wait(60)
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.slow  # starts Python
def test_the_interpreter_waits_for_a_call_left_behind():
    code = """
import _thread, threading, numpy as np
from gdlearn._threads import interruptible
A = np.random.default_rng(0).standard_normal((400, 400))
started, left = threading.Event(), threading.Event()
def long():
    started.set()
    left.wait(60)
    np.linalg.svd(A)
    print("ended", flush=True)
threading.Thread(target=lambda: (started.wait(), _thread.interrupt_main())).start()
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    interruptible(long)
except KeyboardInterrupt:
    print("interrupted", flush=True)
    left.set()
"""
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert result.stdout.split() == ["interrupted", "ended"]


def test_an_interruptible_call_is_the_call():
    def function(a, *, b):
        return a + b, threading.get_ident()

    total, thread = interruptible(function, 1, b=2)
    assert total == 3
    assert thread != threading.get_ident()
    for error in (np.linalg.LinAlgError("singular"), TimeoutError("own"), KeyboardInterrupt()):
        with pytest.raises(type(error)) as caught:
            interruptible(lambda error=error: (_ for _ in ()).throw(error))
        assert caught.value is error
    with ThreadPoolExecutor(3) as pool:  # from any thread
        assert [total for total, _ in pool.map(lambda a: interruptible(function, a, b=1), range(9))] == [*range(1, 10)]


def in_a_child(queue):
    queue.put(np.linalg.norm(interruptible(np.linalg.inv, 2.0 * np.eye(4))))


@pytest.mark.parametrize(
    "method",
    [
        method if method == "fork" else pytest.param(method, marks=pytest.mark.slow)  # the others start Python
        for method in multiprocessing.get_all_start_methods()
    ],
)
def test_an_interruptible_call_in_another_process(method):
    context = multiprocessing.get_context(method)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        queue = context.SimpleQueue()
        process = context.Process(target=in_a_child, args=(queue,))
        process.start()
    assert queue.get() == pytest.approx(1.0)
    process.join()


def test_a_small_matrix_is_factorised_here_on_one_thread_and_a_large_one_elsewhere(libraries):
    def factorise(A, *, mode):
        assert mode == "r"
        return threading.get_ident() == threading.main_thread().ident, numbers(libraries)

    cases = {3: (True, [4, 8]), 33: (True, [1, 1]), 255: (True, [1, 1]), 256: (False, [1, 1]), 600: (False, [4, 8])}
    for side, (here, held) in cases.items():  # of the first BLAS takes one thread by itself
        assert factorised(factorise, np.zeros((side + 5, side)), mode="r") == (here, held)
        assert numbers(libraries) == [4, 8]


def test_few_columns_without_scaling_keep_to_one_thread(libraries, monkeypatch):
    right, seen = linalg.lapack.dgejsv, []

    def dgejsv(*args, **kwargs):
        seen.append(numbers(libraries))
        return right(*args, **kwargs)

    monkeypatch.setattr(linalg.lapack, "dgejsv", dgejsv)
    X = np.random.default_rng(0).standard_normal((200, 8)) * 10.0 ** np.arange(8)
    GradientDescentRegressor(1e-20, max_iter=3, scaling=None).fit(X, X.sum(axis=1))
    assert seen == [[1, 1]]
    assert numbers(libraries) == [4, 8]


def test_moments_of_all_numbers_of_threads_are_the_same():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((20_000, 30)), rng.standard_normal(20_000)
    blas = ThreadpoolController().select(user_api="blas")
    results = []
    for n_threads in (1, 2, 3):
        with blas.limit(limits=n_threads):
            results.append(Moments.from_data(X, y).covariance)
    assert all((result == results[0]).all() for result in results)
