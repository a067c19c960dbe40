"""Elements around arrays, against NumPy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import flambeau as torch
from flambeau import kernels
from flambeau.kernels.array import pad
from flambeau.ops.join.padding import _PLACES, _padded

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")
MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}
PADS = [
    ((0, 0), (0, 0), (2, 3)),
    ((0, 0), (1, 0), (0, 0)),
    ((1, 2), (0, 0), (2, 1)),
    ((2, 1), (1, 2), (0, 0)),
    ((0, 0), (0, 0), (0, 0)),
]


@pytest.fixture(autouse=True)
def _guarded(guard):
    guard(pad)


@pytest.mark.parametrize("dtype", ["f4", "f8", "i2", "?"])
@pytest.mark.parametrize("shape", [(3, 4, 5), (4, 3, 40), (3, 3, 131)])
@pytest.mark.parametrize("pads", PADS)
def test_padding(dtype: str, shape: tuple[int, ...], pads) -> None:
    x = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    for own in (x, np.ascontiguousarray(x.T).T, np.flip(x, -1)):
        for mode, name in MODES.items():
            assert np.array_equal(pad.padded(own, pads, _PLACES[mode], 0), np.pad(own, pads, name))
        found = pad.padded(own, pads, None, 7)
        assert np.array_equal(found, np.pad(own, pads, constant_values=np.asarray(7, dtype)))


def test_amounts_below_zero_cut_off() -> None:
    x = np.arange(60.0).reshape(3, 4, 5)
    for pads in itertools.product([(0, 0), (-1, 2), (2, -1), (-1, -1), (-2, 0)], repeat=3):
        if any(n + a + b < 0 for n, (a, b) in zip(x.shape, pads)):
            continue
        assert np.array_equal(pad.padded(x, pads, None, 3), _padded(x, pads, None, 3))


def test_nothing_inside() -> None:
    assert pad.padded(np.zeros((0, 3)), ((1, 1), (0, 2)), None, 2).tolist() == [[2.0] * 5] * 2
    assert pad.padded(np.zeros((2, 0)), ((0, 0), (1, 0)), None, 2).tolist() == [[2.0]] * 2
    assert pad.padded(np.array(4.0), (), None, 2).tolist() == 4.0


@pytest.mark.parametrize("mode", list(MODES))
def test_derivatives_of_both_orders(mode: str) -> None:
    x = torch.arange(24.0, dtype=torch.float64).reshape(1, 2, 3, 4).requires_grad_()

    def function(x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.pad(x, (2, 1, 1, 2), mode=mode) ** 2

    assert torch.autograd.gradcheck(function, (x,))
    assert torch.autograd.gradgradcheck(function, (x,))
