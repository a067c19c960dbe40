"""Runs of elements moved by a list of where they come from, against NumPy's own indexing."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau as torch
from flambeau import kernels

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")
DTYPES = ["bool", "int16", "float32", "float64", "complex128"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("step", [1, -1, 3, 0])
@pytest.mark.parametrize("length", [12, 16, 17, 100])
def test_runs_of_two_arrays_and_a_filling(dtype: str, step: int, length: int) -> None:
    from flambeau.kernels.array import placement, runs

    rng = np.random.default_rng(length)
    x, y = (rng.integers(0, 2, 400).astype(dtype) for _ in range(2))
    filling = np.ones((), dtype)
    sources, elements = [], []
    for source, start in ((0, 310), (-1, 0), (1, 305), (1, 320), (0, 301)):
        start = start if step < 0 else start - 300
        sources += [source] * length
        elements += (start + step * np.arange(length)).tolist()
    sources, elements = np.array(sources), np.where(np.array(sources) < 0, 0, elements)
    words = placement.places(sources, elements * x.itemsize)
    run = runs.moving((5, length), x.dtype, words, filling.tobytes(), 2)
    expected = np.where(sources == 0, x[elements], np.where(sources == 1, y[elements], filling))
    assert np.array_equal(run(x, y), expected.reshape(5, length))


def test_what_it_is_not_made_for() -> None:
    from flambeau.kernels.array import runs

    short = np.arange(0, 64, 2) * 8 % 40
    assert runs.moving((32,), np.dtype("f8"), short, b"", 1) is None
    run = runs.moving((32,), np.dtype("f8"), np.arange(32) * 8, b"", 1)
    with pytest.raises(TypeError):
        run([1])


@pytest.mark.parametrize("shape", [(60, 170), (3, 64, 65)])
def test_calls_of_a_few_thousand_elements_are_remembered(shape: tuple[int, ...]) -> None:
    """Each call of one layout, the first and the learned ones, moves its own values."""
    for turn in range(6):
        a = np.random.default_rng(turn).normal(size=shape).astype("f4")
        x, y = torch.tensor(a), torch.tensor(a + 1)
        assert np.array_equal(torch.cat((x, y)).numpy(), np.concatenate((a, a + 1)))
        assert np.array_equal(torch.stack((x, y), 1).numpy(), np.stack((a, a + 1), 1))
        assert np.array_equal(x.flip(-1).numpy(), a[..., ::-1])
        assert np.array_equal(x.roll(7, -1).numpy(), np.roll(a, 7, -1))
        assert np.array_equal(x.transpose(0, 1).flip(0).numpy(), np.flip(a.swapaxes(0, 1), 0))
        x.requires_grad_()
        torch.cat((x, y), -1).pow(2).sum().backward()
        assert np.array_equal(x.grad.numpy(), 2 * a)
