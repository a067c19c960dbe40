"""What gradients need between operations, by kernels on the simulated GPU."""

from __future__ import annotations

import numpy as np
import pytest

from flambeau.kernels import gradient
from flambeau.kernels.cuda import driver
from flambeau.kernels.cuda.build import build

from .formulas import DTYPES

RANDOM = np.random.default_rng(0)


@pytest.fixture
def launched(xp, monkeypatch):
    """The names of the kernels that are launched."""
    monkeypatch.setattr(gradient, "BUILDERS", {xp.ndarray: lambda x: build})
    monkeypatch.setattr(gradient, "_kernels", {})
    names: list[str] = []

    def see(kernel, grid, block, arguments, launch) -> None:
        names.append(kernel.name)
        launch()

    with driver.watching(see):
        yield names


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_sums_of_two(dtype: str, xp, launched: list[str]) -> None:
    x, y = (RANDOM.normal(size=(3, 5)).astype(DTYPES[dtype]) for _ in range(2))
    on_gpu = xp.asarray(x)
    np.testing.assert_array_equal(gradient.added(on_gpu, xp.asarray(y)).get(), x + y)
    gradient.add_into(on_gpu, xp.asarray(y))
    np.testing.assert_array_equal(on_gpu.get(), x + y)
    assert launched == ["flambeau_gradient_add_elementwise"] * 2


def test_a_bias_of_many_rows_is_summed_accurately(xp, launched: list[str]) -> None:
    g = RANDOM.random((100_000, 8), dtype=np.float32)
    found = gradient.summed(xp.asarray(g), (0,))
    assert found.shape == (8,)
    np.testing.assert_allclose(found.get(), g.astype(np.float64).sum(0), rtol=4e-7)
    assert gradient.summed(xp.asarray(g[:6]), (-1,), keepdims=True).shape == (6, 1)
    assert launched[:2] == ["flambeau_gradient_sum_part", "flambeau_gradient_sum_finish"]


def test_what_no_kernel_is_for(xp, launched: list[str]) -> None:
    whole, none = xp.asarray(np.arange(5)), xp.empty((0, 3), np.float32)
    assert gradient.added(whole, whole).get().tolist() == [0, 2, 4, 6, 8]
    assert gradient.summed(none, (0,)).get().tolist() == [0, 0, 0]
    assert not launched
