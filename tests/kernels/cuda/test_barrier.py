"""Barriers of real kernels are needed: without one the simulator finds a race, though the numbers would be right."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest

from flambeau.kernels.cuda.array import scan, sort
from flambeau.simulator.cuda.function import Function, Module
from flambeau.simulator.ptx import Fault

BARRIER = re.compile(r"\tbar\.sync \t0;\n")


def launches(monkeypatch: pytest.MonkeyPatch, work: Callable[[], object]) -> list[tuple]:
    """The launches that are made meanwhile, of kernels with barriers."""
    made, whole = [], Function.__call__

    def call(self, grid, block, args, shared_mem=0, stream=None):
        if BARRIER.search(self.module._text):
            made.append((self.module._text, self._plan.name, grid, block, args, shared_mem))
        whole(self, grid, block, args, shared_mem, stream)

    with monkeypatch.context() as patch:
        patch.setattr(Function, "__call__", call)
        work()
    return made


def races(text: str, kernel: str, grid, block, args, shared: int) -> list[bool]:
    """For each barrier: is there a race without it?"""
    made = []
    for barrier in BARRIER.finditer(text):
        module = Module()
        module.load((text[: barrier.start()] + text[barrier.end() :]).encode())
        try:
            module.get_function(kernel)(grid, block, args, shared_mem=shared)
        except Fault as fault:
            made.append("another thread was at this place of shared memory" in str(fault))
        else:
            made.append(False)
    return made


@pytest.mark.parametrize(
    ("work", "length", "spare"),
    [
        (lambda x: scan.running_sum(x, 1), 5000, 0),
        # Between two rows each thread reads and writes places of its own, so that the barrier there could go.
        (lambda x: sort.order(x, 1), 100, 1),
    ],
    ids=["scan", "sort"],
)
def test_without_a_barrier_there_is_a_race(xp, monkeypatch, work, length, spare):
    x = xp.asarray(np.random.default_rng(0).normal(size=(3, length)).astype("f4"))
    (found,) = launches(monkeypatch, lambda: work(x))
    told = races(*found)
    assert len(told) > 1
    assert told.count(False) == spare
