"""out= of formula operations: written where it is, resized, refused."""

import numpy as np
import pytest

import flambeau as torch


@pytest.mark.parametrize("size", [7, 5000])
def test_the_memory_of_out_is_written(size):
    x, y, out = torch.arange(1.0, size + 1), torch.ones(size), torch.full((size,), 9.0)
    place, version = out.data_ptr(), out._version
    assert torch.add(x, y, out=out) is out
    assert out.data_ptr() == place
    assert out._version == version + 1
    assert (out == x + 1).all()
    torch.exp(y, out=out)
    assert torch.allclose(out, torch.full((size,), 2.7182817))
    torch.clamp(x, 2, 4, out=out)
    assert out[:5].tolist() == [2, 2, 3, 4, 4]


@pytest.mark.parametrize("size", [6, 6000])
def test_out_may_be_an_operand_or_overlap_one(size):
    x = torch.arange(float(size))
    torch.mul(x, 2, out=x)
    assert (x == 2 * torch.arange(float(size))).all()
    base = torch.arange(float(size + 1))
    torch.add(base[:-1], 1, out=base[1:])
    assert (base[1:] == torch.arange(1.0, size + 1)).all()


def test_out_of_another_shape_is_resized_with_a_warning():
    x, out = torch.ones(3, 4), torch.zeros(4)
    with pytest.warns(UserWarning, match="resized"):
        torch.add(x, torch.ones(4), out=out)
    assert out.shape == (3, 4)
    empty = torch.empty(0)
    torch.add(x, torch.ones(4), out=empty)
    assert (empty == 2).all()


def test_out_with_the_shape_of_one_operand_is_still_that_of_the_result():
    a, b = torch.ones(1, 4), torch.ones(3, 1)
    out = torch.zeros(1, 4)
    with pytest.warns(UserWarning, match="resized"):
        torch.add(a, b, out=out)
    assert out.shape == (3, 4)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_out_of_another_dtype(dtype):
    out = torch.zeros(3000, dtype=dtype)
    torch.add(torch.ones(3000), 0.5, out=out)
    assert (out == 1.5).all()


def test_out_that_is_no_array_in_order():
    out = torch.zeros(40, 60).t()
    torch.mul(torch.ones(60, 40), 3, out=out)
    assert (out == 3).all()
    assert out.stride() == (1, 60)


def test_refused():
    x = torch.ones(3)
    with pytest.raises(RuntimeError, match="cast"):
        torch.add(x, x, out=torch.zeros(3, dtype=torch.int64))
    with pytest.raises(RuntimeError, match="automatic differentiation"):
        torch.exp(x.clone().requires_grad_(), out=torch.zeros(3))
    with pytest.raises(RuntimeError, match="automatic differentiation"):
        torch.exp(x, out=torch.zeros(3, requires_grad=True))
    with pytest.raises(TypeError, match="out"):
        torch.exp(x, out=np.zeros(3))
    read_only = np.zeros(3, np.float32)
    read_only.flags.writeable = False
    fixed = torch.from_numpy(read_only)
    with pytest.raises(RuntimeError, match="read-only"):
        torch.exp(x, out=fixed)
    assert (fixed == 0).all()
