"""Threads: the same bits on any number, calls from several Python threads, forked children, exit."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import flambeau as torch
from flambeau import kernels

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
