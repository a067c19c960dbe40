"""Negative controls: each barrier of the kernels that share memory is needed, and is found where it is missing."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from flambeau.kernels.convolution.window import Window
from flambeau.kernels.cuda.convolution import convolution, single, tiled
from flambeau.kernels.cuda.nn import attention, attention_kernel, attention_tensor
from flambeau.kernels.cuda.thread import Thread
from flambeau.simulator.ptx.fault import Fault

KERNELS = (
    tiled.kernel, single.together, attention_kernel.forward, attention_kernel.backward_queries,
    attention_kernel.backward_keys, attention_tensor.forward, attention_tensor.backward_queries,
    attention_tensor.backward_keys,
)  # fmt: skip


def convolved(xp, dtype):
    window = Window((1,), (2,), (1,), (0,), (0,))
    x, w = xp.ones((1, 80, 19), dtype), xp.ones((8, 80, 1), dtype)
    convolution.forward(x, w, None, window, 1)


def summed(xp, dtype):
    x = xp.ones((1, 8, 600), dtype)
    convolution.weight(x, x, Window((3,), (1,), (1,), (1,), (1,)), 8, (8, 1, 3))


def attended(xp, dtype):
    """Keys of two steps, and sizes of several stretches."""
    q, k = xp.ones((1, 5, 40), dtype), xp.ones((1, 66, 40), dtype)
    attention.forward(q, k, k, None, 1.0, False)


def attended_back(xp, dtype):
    """Queries of two steps too."""
    q, k, logs = xp.ones((1, 66, 40), dtype), xp.ones((1, 66, 40), dtype), xp.ones((1, 66), "f4")
    attention.backward(q, q, k, k, q, logs, None, 1.0, False)


CASES = {
    "convolution": (convolved, "f4", 2),
    "convolution on tensor cores": (convolved, "f2", 2),
    "a block for a result": (summed, "f4", 1),
    "attention": (attended, "f4", 4),
    "attention's gradients": (attended_back, "f4", 14),
    "attention on tensor cores": (attended, "f2", 3),
    "attention's gradients on tensor cores": (attended_back, "f2", 13),
}


@pytest.fixture
def anew():
    """Kernels are written anew, before and afterwards."""
    for made in KERNELS:
        made.cache_clear()
    yield
    for made in KERNELS:
        made.cache_clear()


@pytest.mark.parametrize("name", CASES)
def test_all_barriers_are_listed(xp, anew, monkeypatch, name):
    run, dtype, listed = CASES[name]
    plain, count = Thread.barrier, itertools.count()
    monkeypatch.setattr(Thread, "barrier", lambda code: (next(count), plain(code)))
    run(xp, np.dtype(dtype))
    assert next(count) == listed


@pytest.mark.parametrize(
    ("name", "which"),
    [(name, i) for name, (_, _, count) in CASES.items() for i in range(count)],
)
def test_a_missing_barrier_is_found(xp, anew, monkeypatch, name, which):
    run, dtype, _ = CASES[name]
    plain, count = Thread.barrier, itertools.count()

    def barrier(code):
        if next(count) != which:
            plain(code)

    monkeypatch.setattr(Thread, "barrier", barrier)
    with pytest.raises(Fault):
        run(xp, np.dtype(dtype))
