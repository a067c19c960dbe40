"""These tests need a GPU, or the simulator: `FLAMBEAU_CUDA_SIMULATOR=1 python -m pytest tests/on_cuda`."""

from __future__ import annotations

import pytest

import flambeau as torch


@pytest.fixture(autouse=True)
def _a_gpu() -> None:
    if not torch.cuda.is_available():
        pytest.skip("there is no GPU, and FLAMBEAU_CUDA_SIMULATOR is not 1")
