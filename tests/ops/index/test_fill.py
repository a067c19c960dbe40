"""Values in other dtypes and over old ones: PyTorch's answers, gradients, versions."""

from __future__ import annotations

import pytest

import flambeau as torch

ANSWERS = "conversion"


def test_a_call_is_answered_as_pytorch_answers_it(answer, assert_answered) -> None:
    assert_answered(answer)


WRITES = {
    "fill_": lambda x: x.fill_(2),
    "fill_tensor": lambda x: x.fill_(torch.tensor(2.0)),
    "zero_": lambda x: x.zero_(),
    "copy_": lambda x: x.copy_(torch.ones(3)),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_write_is_counted_and_seen_by_views(write) -> None:
    x = torch.arange(3.0)
    view = x[1:]
    assert write(x) is x
    assert x._version == view._version == 1
    assert view.tolist() == x.tolist()[1:]


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_what_is_written_over_gets_no_gradient(write) -> None:
    x = torch.ones(3, requires_grad=True)
    y = x * 2
    write(y)
    (y * x).sum().backward()
    assert x.grad.tolist() == y.tolist()


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_saved_value_is_not_written_over_in_silence(write) -> None:
    x = torch.ones(3, requires_grad=True)
    y = x * 1
    z = y * y
    write(y)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()


def test_a_part_of_a_tensor_is_filled() -> None:
    x = torch.ones(3, requires_grad=True)
    y = x * 2
    y[1:].fill_(5)
    y.sum().backward()
    assert x.grad.tolist() == [2, 0, 0]


def test_what_is_written_gets_the_gradient() -> None:
    value = torch.tensor(2.0, requires_grad=True)
    torch.zeros(3).fill_(value).sum().backward()
    assert value.grad.item() == 3
    source = torch.ones(1, requires_grad=True, dtype=torch.float64)
    torch.zeros(3).copy_(source).sum().backward()
    assert (source.grad.dtype, source.grad.tolist()) == (torch.float64, [3])


def test_overlapping_copies_are_safe() -> None:
    x = torch.arange(5.0)
    x[1:].copy_(x[:-1])
    assert x.tolist() == [0, 0, 1, 2, 3]


# Recorded from torch on x86: what does not fit becomes the lowest integer of 32 or 64 bits, cut down.
ODD = [1e20, float("nan"), -1e20, 300.7, -1.5]
CAST = {
    "int8": [0, 0, 0, 44, -1],
    "uint8": [0, 0, 0, 44, 255],
    "int16": [0, 0, 0, 300, -1],
    "int32": [-(2**31), -(2**31), -(2**31), 300, -1],
    "int64": [-(2**63), -(2**63), -(2**63), 300, -1],
    "bool": [True] * 5,
}


@pytest.mark.parametrize("source", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("target", CAST)
def test_floats_that_do_not_fit_are_cast_as_on_x86(source: str, target: str) -> None:
    x = torch.tensor(ODD, dtype=getattr(torch, source))
    assert x.to(getattr(torch, target)).tolist() == CAST[target]


def test_a_tensor_fills_masked_places_of_its_own_memory():
    x = torch.tensor([1.0, 2.0, 3.0])
    x.masked_fill_(torch.tensor([True, False, True]), x[1])
    assert x.tolist() == [2, 2, 2]
    half = torch.ones(2, dtype=torch.bfloat16)
    half.masked_fill_(torch.tensor([True, False]), torch.tensor(0.5, dtype=torch.bfloat16))
    assert half.tolist() == [0.5, 1]


def test_whole_numbers_fill_floating_memory():
    x = torch.zeros(2, 3)[:, 1:]
    assert x.fill_(2).tolist() == [[2, 2], [2, 2]]
    assert torch.fill(x.t(), 3).stride() == x.t().clone().stride()
    assert torch.full_like(x, 2).dtype == torch.float32
    assert torch.fill(torch.zeros(2, dtype=torch.int64), 3).dtype == torch.int64


def test_masked_elements_come_from_a_source_that_overlaps():
    x = torch.arange(4.0)
    x[1:].masked_scatter_(torch.tensor([True, True, True]), x[:3])
    assert x.tolist() == [0, 0, 1, 2]
    with pytest.raises(RuntimeError, match="elements of source"):
        x.masked_scatter_(torch.ones(4, dtype=torch.bool), torch.ones(2))
    assert x.tolist() == [0, 0, 1, 2]
