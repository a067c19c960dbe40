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


# ------------------------------------------------------------------------------- several results


@pytest.mark.parametrize("function", ["split_copy", "split_with_sizes_copy", "unbind_copy"])
def test_several_results_want_as_many_tensors(function: str) -> None:
    args = {"split_copy": (2,), "split_with_sizes_copy": ((2, 1),), "unbind_copy": ()}[function]
    x = torch.tensor([1.0, 0.0, 2.0])
    want = getattr(torch, function)(x, *args)
    for wrong in (torch.zeros(3), [torch.zeros(3)], [torch.zeros(3)] * (len(want) + 1)):
        with pytest.raises(TypeError, match=f"must be a tuple of {len(want)} Tensors"):
            getattr(torch, function)(x, *args, out=wrong)
    outs = [torch.zeros_like(part) for part in want]
    getattr(torch, function)(x, *args, out=outs)
    assert [o.tolist() for o in outs] == [part.tolist() for part in want]


def test_nonzero_as_a_tuple_takes_no_out() -> None:
    with pytest.raises(RuntimeError, match="does not support the out kwarg when as_tuple is True"):
        torch.nonzero(torch.ones(2), as_tuple=True, out=torch.zeros(2, 1, dtype=torch.int64))


@pytest.mark.parametrize(
    "fill", [lambda out: torch.arange(6.0, out=out), lambda out: torch.linspace(0, 5, 6, out=out)]
)
def test_ranges_fill_an_out_of_as_many_elements(fill) -> None:
    out = torch.zeros(2, 3)
    assert fill(out) is out
    assert out.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_an_out_that_only_lies_between_the_inputs_elements() -> None:
    x = torch.arange(8.0)
    torch.index_select(x[::2], 0, torch.tensor([3, 2, 1, 0]), out=x[1::2])
    assert x.tolist() == [0, 6, 2, 4, 4, 2, 6, 0]
    with pytest.raises(RuntimeError, match="refer to a single memory location"):
        torch.index_select(x[:4], 0, torch.tensor([3, 2, 1, 0]), out=x[2:6])
