"""Tests that need a CUDA device: ``pytest --device cuda tests/cuda``."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Without one there is nothing to collect."""
    return None if config.getoption("--device").startswith("cuda") else True
