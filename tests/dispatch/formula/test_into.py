"""In-place methods of one operand and of two: what they write, count, record and refuse."""

import math
import warnings

import numpy as np
import pytest

import flambeau as torch


def strided():
    return torch.arange(24, dtype=torch.float32).reshape(4, 6)[::2, 1::2]


def read_only():
    array = np.ones(2, np.float32)
    array.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.from_numpy(array)


@pytest.mark.parametrize("make", [lambda: torch.arange(6.0).reshape(2, 3), strided])
def test_values_are_numpys(make):
    for name, reference in (("neg_", np.negative), ("square_", np.square), ("cos_", np.cos)):
        x = make()
        before, view, version = x.numpy().copy(), x[0], x._version
        for _ in range(3):
            before = reference(before)
            assert getattr(x, name)() is x
        np.testing.assert_allclose(x.numpy(), before, rtol=1e-5)
        np.testing.assert_allclose(view.numpy(), before[0], rtol=1e-5)
        assert x._version == version + 3


def test_second_operands_are_tensors_or_numbers_of_any_category():
    for other in (torch.tensor([2.0, -3.0]), torch.tensor(2), torch.tensor([1, 2]), 2, -0.5, True):
        x = torch.tensor([[1.0, -2.0], [3.0, 4.0]])
        wanted = x.numpy() * np.asarray(other, dtype=np.float32)
        for _ in range(2):
            y = x.clone()
            assert y.mul_(other).tolist() == wanted.tolist()


def test_zeros_keep_their_sign():
    for zero in (0, 0.0, -0.0, 0.0, 0):
        x = torch.ones(2).mul_(zero)
        assert [math.copysign(1, v) for v in x.tolist()] == [math.copysign(1, zero)] * 2


def test_whole_numbers_stay_whole_or_are_refused():
    x = torch.tensor([4, 9])
    assert x.mul_(2).dtype == torch.int64
    with pytest.raises(RuntimeError, match="can't be cast"):
        x.mul_(0.5)
    with pytest.raises(RuntimeError, match="can't be cast"):
        x.cos_()
    assert x.tolist() == [8, 18]


def test_names_and_what_is_missing():
    x = torch.ones(2)
    assert x.mul_(other=3).mul_(x2=2).tolist() == [6, 6]
    with pytest.raises(TypeError, match=r"mul_.*missing.*'other'"):
        x.mul_()
    with pytest.raises(TypeError, match="unexpected keyword argument 'alpha'"):
        x.mul_(2, alpha=3)
    with pytest.raises(TypeError, match="unexpected keyword argument 'other'"):
        x.cos_(other=1)


def test_what_must_not_be_written_to():
    leaf = torch.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        leaf.mul_(2)
    with pytest.raises(RuntimeError, match="a view of a leaf"):
        leaf[:1].neg_()
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
        torch.ones(1).expand(3).neg_()
    for x in (read_only(), read_only()):
        with pytest.raises(RuntimeError, match="read-only"):
            x.mul_(2)
        assert x.tolist() == [1, 1]
    with torch.inference_mode():
        inferred = torch.ones(2)
    with pytest.raises(RuntimeError, match=r"[Ii]nference tensor"):
        inferred.neg_()
    with pytest.raises(RuntimeError, match="broadcast"):
        torch.ones(2).mul_(torch.ones(2, 2))
    with pytest.raises(NotImplementedError, match="bool"):
        torch.ones(2).sub_(torch.tensor([True, False]))
    with torch.no_grad():
        assert leaf.mul_(2).tolist() == [2, 2]


def test_histories():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x * 1
    y.mul_(x).sub_(torch.ones(2)).div_(2.0)
    y.sum().backward()
    assert x.grad.tolist() == [1, 2]
    plain = torch.ones(2)
    plain[:1].add_(x[:1])
    plain.sum().backward()
    assert x.grad.tolist() == [2, 2]
    saved = x.exp()
    saved.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        saved.sum().backward()


def test_operands_that_overlap():
    x = torch.arange(5.0)
    x[1:].add_(x[:-1])
    assert x.tolist() == [0, 1, 3, 5, 7]


def test_the_default_dtype_counts_when_it_changes():
    x = torch.tensor([4.0], dtype=torch.float64)
    x.sqrt_()
    torch.set_default_dtype(torch.float64)
    try:
        assert x.sqrt_().tolist() == [math.sqrt(2)]
        assert torch.ones(1).mul_(0.5).tolist() == [0.5]
    finally:
        torch.set_default_dtype(torch.float32)


def test_arguments_by_name_only_meet_the_function():
    x, out = torch.tensor([1.0, 2.0]), torch.empty(2)
    for _ in range(20):  # guards of first calls are gone then
        assert torch.add(x, x, alpha=2).tolist() == [3, 6]
        assert torch.add(x, x, out=out) is out
        assert torch.add(x1=x, x2=x, alpha=2).tolist() == [3, 6]
    with pytest.raises(TypeError, match="missing"):
        torch.add(x, alpha=2)
