"""Powers of two: exponents that the dtype has no power for."""

import math

import numpy as np
import pytest

import flambeau as torch


@pytest.mark.parametrize(("dtype", "widest"), [("float32", 300), ("float64", 2200)])
def test_ldexp_rounds_once(dtype, widest):
    """Against C's ldexp, which NumPy calls, at random bits: subnormal numbers and results too."""
    rng = np.random.default_rng(0)
    x = np.frombuffer(rng.bytes(20000 * np.dtype(dtype).itemsize), dtype)
    n = rng.integers(-widest, widest, 20000)
    with np.errstate(all="ignore"):
        wanted = np.ldexp(x, n.astype(np.int32))
    np.testing.assert_array_equal(torch.ldexp(torch.from_numpy(x.copy()), torch.tensor(n)), wanted)


@pytest.mark.parametrize(
    ("x", "n", "wanted"),
    [
        (torch.tensor([2.0**-14], dtype=torch.float16), [20], [64.0]),
        (torch.tensor([2.0**-100]), [130.5], [2.0**30 * math.sqrt(2)]),
        (torch.tensor([2.0**-100]), [130.0], [2.0**30]),
        (torch.tensor([2.0**-100 + 2.0**-101 * 1j]), [130], [2.0**30 + 2.0**29 * 1j]),
        (torch.tensor([3, -1]), [2, 0], [12.0, -1.0]),
        (torch.tensor([0.0, math.inf, 1.0, -1.0]), [5000, -5000, 2**40, 2**62], [0, math.inf, math.inf, -math.inf]),
        (torch.tensor([1.0, 1.0, math.nan]), [math.inf, -math.inf, 1.0], [math.inf, 0.0, math.nan]),
    ],
)  # fmt: skip
def test_ldexp(x, n, wanted):
    got = torch.ldexp(x, torch.tensor(n))
    np.testing.assert_allclose(np.array(got.tolist()), wanted, rtol=1e-6)


def test_the_gradients_of_ldexp():
    x = torch.tensor([2.0**-100, 3.0], requires_grad=True)
    n = torch.tensor([130.0, -1.0], requires_grad=True)
    torch.ldexp(x, n).backward(torch.tensor([2.0**-40, 1.0]))
    assert x.grad.tolist() == [2.0**90, 0.5]
    np.testing.assert_allclose(n.grad, np.array([2.0**-10, 1.5]) * math.log(2), rtol=1e-6)


def test_the_gradient_of_a_subnormal_mantissa():
    x = torch.tensor([2.0**-140, 2.0**127], requires_grad=True)
    torch.frexp(x).mantissa.backward(torch.tensor([2.0**-20, 1.0]))
    assert x.grad.tolist() == [2.0**119, 2.0**-128]


def test_ldexp_takes_tensors_alone():
    with pytest.raises(TypeError, match="argument 'other'"):
        torch.ldexp(torch.ones(1), 3)
    with pytest.raises(RuntimeError, match="can't be cast"):
        torch.ones(1, dtype=torch.int64).ldexp_(torch.ones(1))
