"""These tests need a GPU, or the simulator: `FLAMBEAU_CUDA_SIMULATOR=1 python -m pytest tests/on_cuda`."""

from __future__ import annotations

import pytest

import flambeau as torch

collect_ignore = [] if torch.cuda.is_available() else ["test_draws.py", "test_places.py"]
"""Tests of what is there only where CUDA is: they cannot be imported elsewhere."""


@pytest.fixture(autouse=True)
def _a_gpu() -> None:
    if not torch.cuda.is_available():
        pytest.skip("there is no GPU, and FLAMBEAU_CUDA_SIMULATOR is not 1")
