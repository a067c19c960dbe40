"""A simulated GPU for kernels that are called by themselves."""

import pytest

from flambeau.kernels.cuda import driver


@pytest.fixture
def xp(monkeypatch):
    """CuPy's stand-in, with a GPU behind it."""
    monkeypatch.setenv("FLAMBEAU_CUDA_SIMULATOR", "1")
    driver.why_not.cache_clear()
    driver.cupy.cache_clear()
    driver.cupyx.cache_clear()
    yield driver.cupy()
    driver.why_not.cache_clear()
    driver.cupy.cache_clear()
    driver.cupyx.cache_clear()
