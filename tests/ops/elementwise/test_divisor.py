"""Common divisors and multiples of integers at the ends of their range."""

import numpy as np
import pytest

import flambeau as torch


@pytest.mark.parametrize("dtype", [torch.int8, torch.int16, torch.int32, torch.int64])
def test_least_common_multiples_are_not_negative(dtype: torch.dtype) -> None:
    """The product of n and n - 1 wraps to one that is negative, for the largest n; its magnitude is given."""
    largest = torch.iinfo(dtype).max
    wrapped = np.abs(np.array(largest * (largest - 1) & (2 * largest + 1)).astype(dtype_of(dtype)))
    x, y = (
        torch.tensor([largest, 6, -4, 0], dtype=dtype),
        torch.tensor([largest - 1, 4, 6, 5], dtype=dtype),
    )
    assert torch.lcm(x, y).tolist() == [int(wrapped), 12, 12, 0]


def dtype_of(dtype: torch.dtype) -> str:
    return str(dtype).rpartition(".")[2]


@pytest.mark.parametrize("dtype", [torch.int8, torch.int16, torch.int32, torch.int64])
def test_greatest_common_divisors_of_the_smallest_integer(dtype: torch.dtype) -> None:
    least = torch.iinfo(dtype).min
    x = torch.tensor([least] * 4, dtype=dtype)
    assert torch.gcd(x, torch.tensor([-1, 6, least, 0], dtype=dtype)).tolist() == [
        1,
        2,
        least,
        least,
    ]
