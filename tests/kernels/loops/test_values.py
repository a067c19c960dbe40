"""Programs of integers and of bools, beside NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau as torch

WHOLE = ["uint8", "int8", "int16", "int32", "int64"]
SIZES = [1, 15, 64, 67, 1000]


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("n", SIZES)
def test_numbers_of_integer_programs(name, n):
    x = np.arange(n).astype(name)
    y = (np.arange(n) * 7 + 3).astype(name)
    a, b = torch.from_numpy(x), torch.from_numpy(y)
    for given, want in (
        (torch.add(a, b, alpha=3), x + y * x.dtype.type(3)),
        (torch.sub(a, b, alpha=2), x - y * x.dtype.type(2)),
        (torch.addcmul(a, b, a, value=2), x + x.dtype.type(2) * y * x),
        (torch.nn.functional.hardtanh(a, 2, 5), np.clip(x, 2, 5)),
        (torch.nn.functional.threshold(a, 3, 9), np.where(x > 3, x, 9).astype(name)),
        (torch.signbit(a - 2), (x - x.dtype.type(2)).astype(name) < 0),
    ):
        assert given.numpy().dtype == want.dtype
        np.testing.assert_array_equal(given.numpy(), want)


def test_numbers_that_doubles_do_not_hold_stay_exact():
    x = torch.arange(3)
    assert torch.add(x, x, alpha=2**60 + 1).tolist() == [0, 2**60 + 2, 2**61 + 4]
    assert torch.add(x[:2], x[:2], alpha=2**53 + 1).tolist() == [0, 2**53 + 2]


def test_a_negative_number_wraps_in_an_unsigned_program():
    x = torch.arange(4).to(torch.uint8)
    assert torch.addcmul(x, x, x, value=-1).tolist() == [0, 0, 254, 250]


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("step", [1, 2])
def test_programs_of_bools(n, step):
    rng = np.random.default_rng(n)
    x, y = (rng.integers(0, 2, step * n).astype(bool)[::step] for _ in range(2))
    a, b = torch.from_numpy(x), torch.from_numpy(y)
    for given, want in (
        (a * b, x & y),
        (a + b, x | y),
        (~a, ~x),
        (a ^ b, x ^ y),
        (torch.maximum(a, b), x | y),
        (torch.heaviside(a, b), np.where(x, True, y)),
        (torch.logical_not(a), ~x),
        (a.clone().mul_(b), x & y),
        (a.clone().logical_not_(), ~x),
    ):
        assert given.numpy().dtype == bool
        np.testing.assert_array_equal(given.numpy(), want)


def test_in_place_functions_that_change_nothing_write_all_the_same():
    x = torch.arange(5)
    version = x._version
    assert x.floor_() is x
    assert x._version == version + 1
    assert torch.floor(x, out=torch.empty(5, dtype=torch.int64)).tolist() == [0, 1, 2, 3, 4]
