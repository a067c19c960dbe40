"""Threads: the same bits on any number, calls from several Python threads, forked children, exit."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import flambeau as torch
from flambeau import environment, kernels

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")


@pytest.fixture(autouse=True)
def _threads():
    before = kernels.get_num_threads()
    yield
    kernels.set_num_threads(before)


def results() -> list[bytes]:
    """A forward and backward run over large arrays, in every kind of loop nest."""
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(300, 700, generator=generator, requires_grad=True)
    w = torch.randn(700, generator=generator, requires_grad=True)
    y = torch.nn.functional.layer_norm(torch.tanh(x * w), (700,), w)
    loss = torch.softmax(y, 1).sum(0).square().mean() + y.logsumexp(0).sum() + (y * 2).sum()
    loss.backward()
    return [t.detach().numpy().tobytes() for t in (y, loss, x.grad, w.grad)]


def test_any_number_of_threads_gives_the_same_bits():
    kernels.set_num_threads(1)
    expected = results()
    for threads in (2, 3, 8):
        kernels.set_num_threads(threads)
        assert kernels.get_num_threads() == threads
        assert results() == expected


def test_the_public_names_are_torchs():
    torch.set_num_threads(3)
    assert torch.get_num_threads() == 3
    with pytest.raises(RuntimeError, match="positive"):
        torch.set_num_threads(0)


def test_large_arrays_are_computed_whole():
    kernels.set_num_threads(4)
    for n in (1 << 15, (1 << 15) + 1, 99_991, 1 << 20):
        x = np.arange(n, dtype=np.float64)
        np.testing.assert_array_equal((torch.from_numpy(x) * 2 + 1).numpy(), x * 2 + 1)


def test_python_threads_may_call_at_once():
    kernels.set_num_threads(2)
    x = torch.arange(200_000, dtype=torch.float32) / 1000
    expected, wrong = x.exp(), []

    def work() -> None:
        for _ in range(30):
            if not torch.equal(x.exp(), expected):
                wrong.append(True)

    several = [threading.Thread(target=work) for _ in range(4)]
    for thread in several:
        thread.start()
    for thread in several:
        thread.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_computes():
    kernels.set_num_threads(2)
    x = torch.arange(200_000, dtype=torch.float32) / 1000
    expected = x.exp()
    child = os.fork()
    if child == 0:
        os._exit(42 if torch.equal(x.exp(), expected) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 42


def test_the_interpreter_exits_while_helpers_sleep_or_work():
    program = """
import threading, time
import flambeau as torch
torch.set_num_threads(4)
x = torch.ones(500_000)
def work():
    while True:
        x.exp()
threading.Thread(target=work, daemon=True).start()
time.sleep(0.2)
print(x.sum().item())
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "500000.0\n"), done.stderr


@pytest.mark.parametrize("threads", [3, 32])
def test_jobs_of_few_and_of_many_pieces_follow_each_other(threads):
    """A helper that comes late from one job must not take the next one's pieces by the first one's plan.

    It did, and then calls crashed, hung, or came back too early: once in some 100,000 calls.
    """
    program = """
import sys
import numpy as np
import flambeau as torch
torch.set_num_threads(int(sys.argv[1]))
xs = [torch.arange(n, dtype=torch.float32) for n in (33_000, 66_000, 140_000, 600_000)]
wanted = [2 * x.numpy() for x in xs]
for i in range(5000):
    for x, want in zip(xs, wanted):
        y = x * 2
        assert i % 10 or np.array_equal(y.numpy(), want)
print("right")
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(threads)], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "right\n"), done.stderr


def test_python_threads_may_call_different_operations_at_once():
    kernels.set_num_threads(3)
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.standard_normal((300, 400)).astype(np.float32))
    works = [
        lambda: x @ x.t(), lambda: x.softmax(0), lambda: x.sort(1)[0], lambda: x.cumsum(0),
        lambda: (x * 2 + 1).sum(), lambda: x.t().contiguous(),
    ]  # fmt: skip
    wide = x.double().numpy()
    known = [
        wide @ wide.T, np.exp(wide) / np.exp(wide).sum(0), np.sort(wide, 1), wide.cumsum(0),
        (wide * 2 + 1).sum(), wide.T,
    ]  # fmt: skip
    expected = [work().numpy() for work in works]
    for got, want in zip(expected, known):
        np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-3)
    wrong = []

    def run(first: int) -> None:
        for i in range(60):
            k = (first + i) % len(works)
            if not np.array_equal(works[k]().numpy(), expected[k]):
                wrong.append(k)

    several = [threading.Thread(target=run, args=(i,)) for i in range(6)]
    for thread in several:
        thread.start()
    for _ in range(20):
        for threads in (1, 4, 2):  # the number may change meanwhile
            kernels.set_num_threads(threads)
            run(threads)
    for thread in several:
        thread.join()
    assert not wrong


FORKED = """
import os, signal, sys, threading
import numpy as np
import flambeau as torch
from flambeau.kernels.process import machine
torch.set_num_threads(3)
x = torch.arange(300_000, dtype=torch.float32)
want = 2 * x.numpy()
(x + 1).sum()  # a fork while another thread imports a module is Python's to get wrong
stop = []
def work():
    while not stop:
        for name in ("exp", "sin", "tanh", "erf", "lgamma", "atan", "cosh", "log1p"):
            getattr(x, name)()
other = threading.Thread(target=work)
other.start()

def right():
    return all(np.array_equal((x * 2).numpy(), want) for _ in range(20))

def child(depth):
    signal.alarm(20)  # a child that waits for ever is found by its exit
    begun = len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 3
    good = right() and begun == 3 and machine().pool.helpers == 2
    if good and depth:
        torch.set_num_threads(2)
        grandchild = os.fork()
        if grandchild == 0:
            os._exit(42 if right() and machine().pool.helpers == 1 else 1)
        good = os.waitstatus_to_exitcode(os.waitpid(grandchild, 0)[1]) == 42
    os._exit(42 if good else 1)

codes = []
for i in range(8):
    forked = os.fork()
    if forked == 0:
        child(i % 2)
    codes.append(os.waitstatus_to_exitcode(os.waitpid(forked, 0)[1]))
stop.append(1)
other.join()
print(codes, right())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_children_forked_while_a_thread_computes_and_compiles_have_helpers_of_their_own(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED], capture_output=True, text=True, timeout=60,
        env={**os.environ, "FLAMBEAU_CACHE_DIR": str(tmp_path / "empty")},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, f"{[42] * 8} True\n"), done.stderr


@pytest.mark.parametrize("end", ["pass", "sys.exit(7)", "os._exit(7)", "raise SystemExit(7)"])
def test_the_interpreter_ends_in_any_way(end):
    """While daemon threads are in the middle of kernels, with more threads than processors."""
    program = f"""
import os, sys, threading, time
import flambeau as torch
torch.set_num_threads(8)
x = torch.ones(700, 700)
def work():
    while True:
        (x @ x).tanh().sum()
for _ in range(3):
    threading.Thread(target=work, daemon=True).start()
time.sleep(0.1)
print(x.sum().item(), flush=True)
{end}
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0 if end == "pass" else 7, "490000.0\n"), done.stderr


def test_without_posix_threads_the_number_is_the_truth(monkeypatch):
    from flambeau.kernels import pool, threads

    before = kernels.get_num_threads()
    monkeypatch.setattr(pool, "is_possible", lambda: False)
    try:
        with pytest.warns(RuntimeWarning, match="machine code runs on one thread"):
            kernels.set_num_threads(3)
        assert kernels.get_num_threads() == 1
        assert "threads       1, as kernels need POSIX threads" in environment.report()
    finally:
        monkeypatch.undo()
        threads.set_number(before)
