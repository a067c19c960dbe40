"""Draws in the simulator, on a small chip: grids end after two blocks, so that short arrays go round its loops."""

from __future__ import annotations

from typing import Any

import pytest

from flambeau.kernels.cuda import driver
from tests.kernels.cuda.random.reference import SMALL


@pytest.fixture(autouse=True)
def cupy(xp: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The simulator in CuPy's place, on a small chip."""
    monkeypatch.setattr(driver, "processors", lambda device: SMALL.processors)
    monkeypatch.setattr(driver, "resident", lambda device: SMALL.resident)
    return xp
