"""Functions that decide once for a layout."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau as torch
from flambeau import kernels
from flambeau.core.tensor import Tensor
from flambeau.dispatch.decided import decided


def counted():
    seen = []

    @decided
    def scaled(input: Tensor, other: Tensor | None = None, factor: float = 2.0):
        """input times factor, plus other."""
        if input.ndim != 2:
            raise RuntimeError("two dimensions are wanted")
        seen.append((tuple(input.shape), factor))

        def run(input, other):
            made = input * factor
            return made if other is None else made + other

        return run

    return scaled, seen


@pytest.mark.skipif(not kernels.enabled(), reason="the table of cases is made of machine code")
def test_it_looks_at_each_layout_a_few_times_only():
    scaled, seen = counted()
    for value in range(6):
        x = torch.full((2, 3), float(value))
        np.testing.assert_array_equal(scaled(x).numpy(), np.full((2, 3), 2.0 * value, np.float32))
    assert len(seen) < 6
    before = len(seen)
    assert scaled(torch.ones(2, 3), factor=3.0).tolist() == [[3.0] * 3] * 2
    assert scaled(torch.ones(3, 2).t()).tolist() == [[2.0] * 3] * 2
    assert scaled(torch.ones(2, 3), torch.ones(3)).tolist() == [[3.0] * 3] * 2
    assert scaled(torch.ones(2, 3, dtype=torch.float64)).dtype == torch.float64
    assert len(seen) == before + 4


def test_what_it_raises_it_raises_again():
    scaled, _ = counted()
    for _ in range(4):
        with pytest.raises(RuntimeError, match="two dimensions"):
            scaled(torch.ones(3))


def test_histories_are_no_part_of_a_layout():
    scaled, _ = counted()
    for _ in range(3):
        scaled(torch.ones(2, 3))
    x = torch.ones(2, 3, requires_grad=True)
    scaled(x).sum().backward()
    assert x.grad.tolist() == [[2.0] * 3] * 2


def test_operands_may_be_named():
    @decided("x z")
    def f(x, y, z=1):
        return lambda x, z: (x, y, z)

    assert f(1, 2) == (1, 2, 1)
    assert f(1, y=3, z=4) == (1, 3, 4)
    assert f.__name__ == "f"
