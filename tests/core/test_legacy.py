"""The old constructor, the old tensor classes, and `Tensor.type`."""

import numpy as np
import pytest

import flambeau as torch

OLD = {
    "FloatTensor": torch.float32,
    "DoubleTensor": torch.float64,
    "HalfTensor": torch.float16,
    "BFloat16Tensor": torch.bfloat16,
    "LongTensor": torch.int64,
    "IntTensor": torch.int32,
    "ShortTensor": torch.int16,
    "CharTensor": torch.int8,
    "ByteTensor": torch.uint8,
    "BoolTensor": torch.bool,
}


@pytest.mark.parametrize(("name", "dtype"), OLD.items())
def test_old_classes(name, dtype):
    cls = getattr(torch, name)
    assert cls.dtype is dtype
    assert cls.__name__ == name
    assert repr(cls) == f"<class 'torch.{name}'>"
    made = cls([1, 0])
    assert type(made) is torch.Tensor
    assert made.dtype is dtype
    assert made.tolist() == [1, 0]
    assert cls(2, 3).shape == (2, 3)
    assert cls().shape == (0,)
    assert isinstance(made, cls)
    assert not isinstance(made.to(torch.complex64), cls)
    assert made.type() == f"torch.{name}"
    assert made.type(cls) is made
    assert torch.ones(2, dtype=torch.complex64).real.type(f"torch.{name}").dtype is dtype


def test_there_are_no_others():
    for name in ("ComplexFloatTensor", "UInt16Tensor"):
        with pytest.raises(AttributeError):
            getattr(torch, name)
    assert not issubclass(torch.FloatTensor, torch.Tensor)
    assert not isinstance(3, torch.FloatTensor)
    assert isinstance(torch.nn.Parameter(torch.ones(2)), torch.FloatTensor)
    assert torch.FloatTensor.layout is torch.strided
    assert torch.FloatTensor.is_cuda is False


def test_old_classes_take_data():
    assert torch.LongTensor([1.5, 2]).tolist() == [1, 2]
    assert torch.FloatTensor(np.zeros(2)).dtype is torch.float32
    assert torch.FloatTensor(data=[1]).tolist() == [1.0]
    assert torch.FloatTensor(torch.Size([2])).shape == (2,)
    x = torch.ones(2)
    assert torch.FloatTensor(x).data_ptr() == x.data_ptr()
    with pytest.raises(TypeError, match=r"expected a tensor of torch.int32 on cpu"):
        torch.IntTensor(x)
    with pytest.raises(TypeError, match=r"new\(\): data must be a sequence \(got float\)"):
        torch.FloatTensor(2.5)
    with pytest.raises(RuntimeError, match="negative dimension -2"):
        torch.FloatTensor(-2)
    with pytest.raises(ValueError, match="expected sequence of length 2 at dim 1"):
        torch.FloatTensor([[1, 2], [3]])


def test_the_old_constructor():
    assert torch.Tensor((2, 3)).tolist() == [2.0, 3.0]
    assert torch.Tensor(range(3)).tolist() == [0.0, 1.0, 2.0]
    assert torch.Tensor(2, 3).shape == torch.Tensor(torch.Size([2, 3])).shape == (2, 3)
    assert torch.Tensor(3, device="cpu").shape == (3,)
    x = torch.ones(2, dtype=torch.float64, requires_grad=True)
    same = torch.Tensor(x)
    assert same is not x
    assert same.data_ptr() == x.data_ptr()
    assert same.dtype is torch.float64
    assert same.grad_fn.name() == "AliasBackward0"
    assert torch.Tensor(torch.ones(2).storage()).tolist() == [1.0, 1.0]
    for wrong in (None, 2.0, True, {1}):
        with pytest.raises(TypeError, match=r"new\(\): data must be a sequence"):
            torch.Tensor(wrong)
    with pytest.raises(TypeError, match=r"new\(\): invalid data type 'str'"):
        torch.Tensor("a")
    with pytest.raises(TypeError, match="failed to unpack the object at pos 2"):
        torch.Tensor(2, 3.0)
    with pytest.raises(TypeError, match="received an invalid combination of arguments"):
        torch.Tensor(2, requires_grad=True)


def test_new():
    x = torch.ones(2).long()
    assert x.new([1, 2]).dtype is torch.int64
    assert x.new(2, 3).shape == (2, 3)
    assert x.new().shape == (0,)
    assert x.new(x).data_ptr() == x.data_ptr()


def test_type():
    x = torch.ones(2)
    assert x.type(torch.float64).dtype is x.type("torch.DoubleTensor").dtype is torch.float64
    with pytest.raises(ValueError, match="invalid type: 'foo'"):
        x.type("foo")
    with pytest.raises(TypeError, match="dtype must be a type, str, or dtype object"):
        x.type(3)


def test_default_tensor_type():
    torch.set_default_tensor_type(torch.DoubleTensor)
    try:
        assert torch.ones(1).dtype is torch.Tensor([1]).dtype is torch.float64
    finally:
        torch.set_default_tensor_type("torch.FloatTensor")
    with pytest.raises(TypeError, match="only floating-point types are supported"):
        torch.set_default_tensor_type(torch.LongTensor)
