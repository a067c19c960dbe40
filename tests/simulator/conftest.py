"""The simulator, as a module in CuPy's place."""

from __future__ import annotations

from types import ModuleType

import pytest


@pytest.fixture
def cupy(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The stand-in, with one GPU."""
    monkeypatch.setenv("FLAMBEAU_CUDA_SIMULATOR", "1")
    from flambeau import simulator

    return simulator
