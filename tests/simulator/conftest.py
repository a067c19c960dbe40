"""The simulator, as a module in CuPy's place."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import pytest


@pytest.fixture
def cupy(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The stand-in, with one GPU whose memory is of CuPy's own pool."""
    monkeypatch.setenv("FLAMBEAU_CUDA_SIMULATOR", "1")
    from flambeau import simulator
    from flambeau.kernels.cuda import allocator, driver

    for kept in (driver.why_not, driver.cupy, driver.cupyx):
        kept.cache_clear()
    allocator.allocator()  # which stays, once it is there
    before = simulator.cuda.get_allocator()
    simulator.cuda.set_allocator(simulator.get_default_memory_pool().malloc)
    yield simulator
    simulator.cuda.set_allocator(before)
