"""Draws in the simulator, on a small chip: grids end after two blocks, so that short arrays go round its loops."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flambeau.kernels.cuda import driver
from tests.kernels.cuda.random.reference import SMALL


@pytest.fixture(autouse=True)
def cupy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The simulator in CuPy's place, on a small chip."""
    monkeypatch.setenv("FLAMBEAU_CUDA_SIMULATOR", "1")
    for cached in (driver.why_not, driver.cupy):
        cached.cache_clear()
    monkeypatch.setattr(driver, "processors", lambda device: SMALL.processors)
    monkeypatch.setattr(driver, "resident", lambda device: SMALL.resident)
    yield driver.cupy()
    for cached in (driver.why_not, driver.cupy):
        cached.cache_clear()
