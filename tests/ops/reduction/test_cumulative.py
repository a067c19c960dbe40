"""Running sums and products of integers: their dtypes, and the memory that they take."""

import resource

import numpy as np
import pytest

import flambeau as torch


@pytest.mark.parametrize("name", ["cumsum", "cumprod"])
@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "int64"])
@pytest.mark.parametrize(
    ("shape", "dim"), [((1000,), 0), ((40, 50), 0), ((40, 50), 1), ((70_000, 2), 0)]
)
def test_integers_in_a_dtype_of_their_own(name, dtype, shape, dim):
    array = np.random.default_rng(0).integers(0, 100, size=shape).astype(dtype)
    x = torch.tensor(array)
    wanted = getattr(np, name)(array, dim, np.int64)
    wide, own = getattr(x, name)(dim), getattr(x, name)(dim, dtype=x.dtype)
    assert (wide.dtype, own.dtype) == (torch.int64, x.dtype)
    assert wide.tolist() == wanted.tolist()
    assert own.tolist() == wanted.astype(dtype).tolist()
    assert getattr(x, f"{name}_")(dim) is x
    assert x.tolist() == own.tolist()


def test_no_wider_copy_of_the_input():
    x = torch.ones(1 << 24, dtype=torch.uint8)
    x[:1000].cumsum(0, dtype=torch.uint8)  # what is compiled or loaded first
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    total = x.cumsum(0, dtype=torch.uint8)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert total[-1].item() == 0
    assert grown < 64 << 10  # KiB; int64 would be 128 MiB
