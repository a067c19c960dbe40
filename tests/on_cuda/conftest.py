"""Tests that need a GPU, or the simulator. Any of these makes them run:

FLAMBEAU_CUDA_SIMULATOR=1 python -m pytest tests/on_cuda
python -m pytest --device cuda tests/on_cuda        # a GPU if there is one, else the simulator
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

import flambeau as torch
from flambeau.core.random import default
from tests import elsewhere


class _Skipped(pytest.Module):
    """A module that is not even imported: what it imports may need a GPU."""

    def collect(self) -> NoReturn:
        pytest.skip(
            "there is no GPU: set FLAMBEAU_CUDA_SIMULATOR=1, or give --device cuda",
            allow_module_level=True,
        )


def pytest_pycollect_makemodule(module_path: Path, parent: Any) -> pytest.Module | None:
    """Without a GPU there is one reason for all modules."""
    if torch.cuda.is_available():
        return None
    return _Skipped.from_parent(parent, path=module_path)


@pytest.fixture(autouse=True)
def _at_home() -> Iterator[None]:
    """They name the GPU where they mean it: what names no device is on the CPU, with ``--device`` too."""
    with elsewhere.at_home():
        yield


@pytest.fixture
def own_generators(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Default generators of the test's own."""
    monkeypatch.setattr(default, "_OTHERS", {})
    monkeypatch.setattr(default, "_common", [])
    with default.kept([torch.default_generator]):
        yield
