"""clamp, maximum and their like: gradients where values are equal, or nan (recorded from PyTorch)."""

import math

import numpy as np
import pytest

import flambeau as torch

DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16]


def slopes(function, *values, dtype=torch.float32):
    """What each operand receives of the sum."""
    operands = [torch.tensor(v, dtype=dtype, requires_grad=True) for v in values]
    function(*operands).sum().backward()
    return [x.grad.tolist() for x in operands]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(
    ("function", "wanted"),
    [
        (lambda x: x.clamp(0, 1), [0.0, 1.0, 1.0, 1.0, 1.0, 0.0]),
        (lambda x: torch.clip(x, 0, 1), [0.0, 1.0, 1.0, 1.0, 1.0, 0.0]),
        (lambda x: x.clamp(min=0), [0.0, 1.0, 1.0, 1.0, 1.0, 1.0]),
        (lambda x: x.clamp_min(0.0), [0.0, 1.0, 1.0, 1.0, 1.0, 1.0]),
        (lambda x: x.clamp_max(1), [1.0, 1.0, 1.0, 1.0, 1.0, 0.0]),
        (lambda x: x.clamp(1, 1), [0.0, 0.0, 0.0, 0.0, 1.0, 0.0]),
        (lambda x: x.clamp(math.nan, 1), [0.0] * 6),
        (lambda x: (x * 1).clamp_(0, 1), [0.0, 1.0, 1.0, 1.0, 1.0, 0.0]),
        (lambda x: torch.nn.functional.hardtanh(x, 0.0, 1.0), [0.0, 0.0, 0.0, 1.0, 0.0, 0.0]),
    ],
)
def test_the_gradient_at_a_number_that_bounds(function, wanted, dtype):
    assert slopes(function, [-1.0, -0.0, 0.0, 0.5, 1.0, 2.0], dtype=dtype) == [wanted]


def test_the_gradient_at_a_tensor_that_bounds():
    x, bound = [0.0, 1.0, 2.0, math.nan], [1.0, 1.0, 1.0, 1.0]
    assert slopes(lambda x, b: x.clamp(min=b), x, bound) == [[0, 1, 1, 0], [1, 0, 0, 0]]
    assert slopes(lambda x, b: x.clamp(max=b), x, bound) == [[1, 1, 0, 0], [0, 0, 1, 0]]
    both = slopes(torch.clamp, [0.0, 1.0, 2.0, 3.0], [0.0] * 4, [2.0, 2.0, 2.0, 2.0])
    assert both == [[1, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1]]


def test_the_upper_bound_wins_where_bounds_cross():
    x, low, high = [-1.0, 1.0, 3.0], [2.0, 2.0, 2.0], [0.0, 0.0, 0.0]
    assert slopes(torch.clamp, x, low, high) == [[0] * 3, [0] * 3, [1] * 3]


def test_clamp_keeps_nan_and_integers():
    assert math.isnan(torch.tensor([math.nan]).clamp(0, 1).item())
    assert torch.tensor([-3, 0, 7]).clamp(0, 5).tolist() == [0, 0, 5]


def test_clamp_carries_tangents_at_its_bound():
    x = torch.tensor([0.0, 2.0])
    _, tangent = torch.func.jvp(lambda x: x.clamp(0, 1), (x,), (torch.ones(2),))
    assert tangent.tolist() == [1.0, 0.0]


@pytest.mark.parametrize("name", ["maximum", "minimum"])
def test_an_extreme_shares_at_a_tie_and_passes_nan_on(name):
    function = getattr(torch, name)
    x, y = [1.0, 2.0, 3.0, math.nan, 0.0], [1.0, 3.0, 2.0, 0.0, math.nan]
    of_larger, of_smaller = [0.5, 1, 0, 1, 1], [0.5, 0, 1, 1, 1]
    wanted = [of_smaller, of_larger] if name == "maximum" else [of_larger, of_smaller]
    assert slopes(function, x, y) == wanted


@pytest.mark.parametrize("name", ["fmax", "fmin"])
def test_of_two_nans_the_first_receives(name):
    values = [math.nan, math.nan, 1.0, 1.0], [math.nan, 1.0, math.nan, 1.0]
    assert slopes(getattr(torch, name), *values) == [[1, 0, 1, 1], [0, 1, 0, 0]]


def test_copysign_of_tiny_numbers():
    x = [1e-30, -1e-30, 0.0, 1e30]
    got = slopes(lambda x: torch.copysign(x, torch.tensor([1e-30, 1.0, 1.0, -1e-30])), x)
    np.testing.assert_array_equal(got, [[1.0, -1.0, 0.0, -1.0]])


@pytest.mark.parametrize(
    ("function", "x", "scalar", "wanted"),
    [
        (torch.maximum, torch.tensor([1, 200], dtype=torch.uint8), -1, [255, 255]),
        (torch.minimum, torch.tensor([1, 200], dtype=torch.uint8), -1, [1, 200]),
        (torch.lt, torch.tensor([1, 200], dtype=torch.uint8), -1, [True, True]),
        (torch.remainder, torch.tensor([1, 200], dtype=torch.uint8), -3, [1, 200]),
        (torch.maximum, torch.tensor([1, 100], dtype=torch.int8), 1000, [1, 100]),
        (torch.maximum, torch.tensor([1, 100], dtype=torch.int16), 2**16 + 7, [7, 100]),
    ],
)
def test_a_wider_0d_integer_is_brought_into_the_range_first(function, x, scalar, wanted):
    got = function(x.repeat(20), torch.tensor(scalar))
    assert got.tolist() == wanted * 20
    assert got.dtype in (x.dtype, torch.bool)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: x.clamp(0, 300),
        lambda x: x.clamp_max(-129),
        lambda x: x.clamp_(-129, 0),
        lambda x: torch.nn.functional.hardtanh(x, -1000.0, 1000.0),
        lambda x: x**1000,
    ],
)
def test_a_number_that_the_dtype_cannot_hold_raises(call):
    x = torch.tensor([1, 100], dtype=torch.int8)
    with pytest.raises(RuntimeError, match="without overflow"):
        call(x)
    assert x.tolist() == [1, 100]
