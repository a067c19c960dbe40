"""Tests that need a GPU, or the simulator. Any of these makes them run:

FLAMBEAU_CUDA_SIMULATOR=1 python -m pytest tests/on_cuda
python -m pytest --device cuda tests/on_cuda        # a GPU if there is one, else the simulator
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

import flambeau as torch
from flambeau.core.random import default
from tests import elsewhere


class _OnCuda(pytest.Module):
    """A module that names the GPU where it means it: what names no device is on the CPU, with ``--device`` too.

    Without a GPU it is not even imported, for what it imports may need one.
    """

    def collect(self) -> Iterable[Any]:
        if not torch.cuda.is_available():
            pytest.skip(
                "there is no GPU: set FLAMBEAU_CUDA_SIMULATOR=1, or give --device cuda",
                allow_module_level=True,
            )
        with elsewhere.at_home():
            return list(super().collect())


def pytest_pycollect_makemodule(module_path: Path, parent: Any) -> pytest.Module:
    return _OnCuda.from_parent(parent, path=module_path)


@pytest.fixture(autouse=True)
def _at_home() -> Iterator[None]:
    with elsewhere.at_home():
        yield


@pytest.fixture
def own_generators(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Default generators of the test's own."""
    monkeypatch.setattr(default, "_OTHERS", {})
    monkeypatch.setattr(default, "_common", [])
    with default.kept([torch.default_generator]):
        yield
