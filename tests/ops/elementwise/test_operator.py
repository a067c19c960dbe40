"""Python's operators with NumPy arrays on one side."""

import operator

import numpy as np
import pytest

import flambeau as torch

BINARY = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow")
INTEGER = ("and_", "or_", "xor", "lshift", "rshift")
COMPARISON = ("eq", "ne", "lt", "le", "gt", "ge")


@pytest.mark.parametrize("name", [*BINARY, *INTEGER, *COMPARISON])
@pytest.mark.parametrize("dtype", [np.int64, np.int32])
def test_integers(name, dtype):
    a, b = np.array([5, 2, 7]), np.array([3, 2, 1], dtype)
    expected = getattr(operator, name)(a, b)
    for result in (
        getattr(operator, name)(torch.from_numpy(a), b),
        getattr(operator, name)(a, torch.from_numpy(b)),
    ):
        assert type(result) is torch.Tensor
        assert np.allclose(result.numpy(), expected)


@pytest.mark.parametrize("name", [*BINARY, *COMPARISON])
def test_numpy_says_which_dtype(name):
    a, b = np.array([5, 2, 7], np.float32), np.array([3.5, 2, 1])
    for x, y in ((a, b), (a, b.astype(np.int64)), (a.astype(np.int32), b.astype(np.float32))):
        expected = getattr(operator, name)(x, y)
        result = getattr(operator, name)(torch.from_numpy(x), y)
        assert result.numpy().dtype == expected.dtype
        assert np.allclose(result.numpy(), expected)


@pytest.mark.parametrize("name", [*BINARY, "matmul"])
def test_in_place_makes_a_new_tensor(name):
    a = np.array([[5.0, 2], [1, 3]], np.float32)
    b = np.array([[1.5, 2], [2, 1]])
    t = torch.from_numpy(a.copy())
    result = getattr(operator, f"i{name}")(t, b)
    assert result is not t
    assert result.dtype is torch.float64
    assert np.allclose(result.numpy(), getattr(operator, name)(a, b))
    assert np.array_equal(t.numpy(), a)  # as in PyTorch: ``t += array`` binds the name anew


@pytest.mark.parametrize("name", INTEGER)
def test_in_place_of_integers(name):
    a, b = np.array([5, 2, 7]), np.array([3, 2, 1])
    result = getattr(operator, f"i{name.rstrip('_')}")(torch.from_numpy(a.copy()), b)
    assert result.tolist() == getattr(operator, name)(a, b).tolist()


def test_in_place_with_tensors_writes():
    for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"):
        t = torch.tensor([4.0, 2.0])
        assert getattr(operator, f"i{name}")(t, torch.tensor([2.0, 2.0])) is t
        assert getattr(operator, f"i{name}")(t, 2) is t
    t = torch.tensor([4, 2])
    for name in ("and", "or", "xor", "lshift", "rshift"):
        assert getattr(operator, f"i{name}")(t, torch.tensor([1, 1])) is t
        assert getattr(operator, f"i{name}")(t, 1) is t


def test_matmul_of_both_sides():
    a, b = np.arange(6, dtype=np.float32).reshape(2, 3), np.arange(6.0).reshape(3, 2)
    t, u = torch.from_numpy(a), torch.from_numpy(b)
    for result in (t @ b, a @ u):
        assert result.dtype is torch.float64
        assert result.tolist() == (a @ b).tolist()
    assert (t @ b[:, 0]).tolist() == (a @ b[:, 0]).tolist()


@pytest.mark.parametrize("symbol", ["+", "-", "*", "/", "//", "%", "**", "@", "<"])
def test_what_is_no_operand(symbol):
    names = {"t": torch.ones(2, 2), "other": object()}
    with pytest.raises(TypeError, match="'Tensor' and 'object'"):
        eval(f"t {symbol} other", names)
    with pytest.raises(TypeError, match="'object' and 'Tensor'"):
        eval(f"other {symbol} t", names)
    if symbol != "<":
        with pytest.raises(TypeError, match="'Tensor' and 'object'"):
            exec(f"t {symbol}= other", names)
