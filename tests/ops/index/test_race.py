"""An index that another thread changes is never read or written outside of an array.

In a process of its own, because a wrong address ends a process.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

CHILD = """
import threading
import flambeau as torch

F = torch.nn.functional
N = 33_124  # of so many elements kernels let other threads run
good = torch.arange(N) % 1000
bad = torch.full((N,), 1 << 45)
index = good.clone()
x, wide = torch.zeros(1000), torch.zeros(1000, 2)
v, rows, image = torch.ones(N), torch.ones(N, 2), torch.zeros(1, 1, 182, 182)
OPERATIONS = {
    "write": (
        lambda: x.scatter_(0, index, v),
        lambda: x.scatter_add_(0, index, v),
        lambda: x.index_copy_(0, index, v),
        lambda: x.put_(index, v, accumulate=True),
        lambda: x.__setitem__(index, v),
        lambda: wide.__setitem__(index, rows),
        lambda: wide.index_add_(0, index, rows),
        lambda: x.scatter(0, index, v),
    ),
    "read": (
        lambda: x.gather(0, index),
        lambda: x.take(index),
        lambda: x[index],
        lambda: wide[index],
        lambda: wide.index_select(0, index),
        lambda: F.embedding(index, wide),
    ),
    "count": (
        lambda: torch.bincount(index, minlength=1000),
        lambda: torch.repeat_interleave(index.clamp(max=1)),
        lambda: F.max_unpool2d(image, index.reshape(image.shape), 5),
        lambda: F.embedding_bag(index.reshape(1, N), wide, mode="sum"),
        lambda: x.scatter_reduce_(0, index, v, "amax"),
        lambda: x.scatter_reduce_(0, index, v, "mean"),
        lambda: F.nll_loss(torch.zeros(1, 2).expand(N, 2), index.clamp(max=1)),
    ),
}[KIND]
done = False


def change():
    while not done:
        index.copy_(bad)
        for _ in range(6):
            index.copy_(good)


thread = threading.Thread(target=change)
thread.start()
try:
    for call in range(CALLS):
        try:
            OPERATIONS[call % len(OPERATIONS)]()
        except (IndexError, RuntimeError, ValueError, MemoryError):
            pass
finally:
    done = True
    thread.join()
print("whole")
"""


@pytest.mark.parametrize(("kind", "calls"), [("write", 5000), ("read", 4600), ("count", 400)])
def test_an_index_that_another_thread_changes(kind: str, calls: int) -> None:
    text = CHILD.replace("KIND", repr(kind)).replace("CALLS", str(calls))
    ended = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, timeout=300
    )
    assert (ended.returncode, ended.stdout) == (0, "whole\n"), ended.stderr[-2000:]
