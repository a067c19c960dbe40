"""Exchange with NumPy: shared memory, mixed expressions, NumPy's own functions on tensors."""

import numpy as np
import pytest

import flambeau as torch


@pytest.fixture
def t():
    return torch.tensor([1.0, 2.0, 3.0])


def test_numpy_shares_memory(t):
    array = t.numpy()
    array[0] = 5
    assert t[0].item() == 5.0
    assert t.numpy() is not array
    array.flags.writeable = False  # the array is its own object
    t[0] = 6
    assert array[0] == 6.0
    assert torch.arange(6.0).reshape(2, 3).t().numpy().strides == (4, 12)
    assert torch.ones(1, 3).expand(2, 3).numpy().strides == (0, 4)
    assert torch.tensor([1], dtype=torch.uint16).numpy().dtype == np.uint16


def test_numpy_refuses():
    weight = torch.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match=r"Can't call numpy\(\) on Tensor that requires grad"):
        weight.numpy()
    assert weight.numpy(force=True).tolist() == [1.0, 1.0]
    for force in (False, True):
        with pytest.raises(TypeError, match="Got unsupported ScalarType BFloat16"):
            torch.ones(2).bfloat16().numpy(force=force)


def test_array_protocol(t):
    assert np.asarray(t).dtype == np.float32
    assert np.shares_memory(np.asarray(t), t.numpy())
    assert not np.shares_memory(np.array(t), t.numpy())
    assert np.array(t, dtype=np.int32).tolist() == [1, 2, 3]
    assert np.asarray(t, dtype=np.float64).dtype == np.float64
    assert np.array(t, copy=False).tolist() == [1.0, 2.0, 3.0]
    with pytest.raises(ValueError, match="Unable to avoid copy"):
        np.array(t, dtype=np.float64, copy=False)
    assert np.array([t, t]).shape == (2, 3)
    assert np.float32(t[0]) == 1.0
    assert np.zeros(torch.tensor(3)).shape == (3,)
    assert range(3)[torch.tensor(1)] == 1
    assert np.arange(3.0)[torch.tensor([True, False, True])].tolist() == [0.0, 2.0]


def test_numpy_functions_give_tensors(t):
    h = np.arange(3, dtype=np.float32)
    made = [np.sin(t), np.add(t, h), np.add(h, t), np.maximum(t, 2), np.add.reduce(t)]
    assert all(type(x) is torch.Tensor for x in made)
    assert made[1].tolist() == made[2].tolist() == [1.0, 3.0, 5.0]
    assert made[4].item() == 6.0
    assert np.sqrt(torch.tensor([1, 4])).dtype is torch.float64
    assert np.isnan(t).dtype is torch.uint8  # as in PyTorch
    assert np.reshape(t, (1, 3)).shape == (1, 3)
    assert np.add(t, 1, out=h) is h
    assert h.tolist() == [2.0, 3.0, 4.0]
    assert type(np.where(t > 1, t, 0)) is np.ndarray
    with pytest.raises(RuntimeError, match="requires grad"):
        np.exp(t.requires_grad_())


def test_operators_with_arrays_and_numpy_numbers(t):
    a = np.arange(3.0)
    assert (t + a).dtype is torch.float64
    assert (t * a).tolist() == [0.0, 2.0, 6.0]
    for number in (np.float64(2), np.float32(2), np.int64(2)):
        for value in (number * t, t * number):
            assert type(value) is torch.Tensor
            assert value.dtype is torch.float32
            assert value.tolist() == [2.0, 4.0, 6.0]
    assert (np.float64(2) - t).tolist() == [1.0, 0.0, -1.0]
    assert (np.float64(2) ** t).tolist() == [2.0, 4.0, 8.0]
    assert (np.float64(2) < t).tolist() == [False, False, True]
    i = torch.tensor([1, 2])
    assert (np.float64(2) * i).dtype is torch.float32
    assert (i.int() + np.int64(1)).dtype is torch.int32
    for call in (torch.mul, torch.Tensor.add):
        with pytest.raises(TypeError, match="must be Tensor, not"):
            call(t, a)


def test_array_wrap(t):
    assert t.__array_wrap__(np.array([True])).dtype is torch.uint8
    assert t.__array_wrap__(np.array(1.5)).dtype is torch.float64
    assert t.__array_priority__ == 1000


def test_from_numpy():
    a = np.arange(3.0)
    x = torch.from_numpy(a[1:])
    assert (x.storage_offset(), x.untyped_storage().nbytes()) == (0, 16)
    assert torch.from_numpy(a[::2]).stride() == (2,)
    assert torch.from_numpy(np.zeros((3, 2), order="F")).stride() == (1, 3)
    assert torch.from_numpy(np.broadcast_to(a, (2, 3)).copy()).stride() == (3, 1)
    with pytest.raises(ValueError, match="negative"):
        torch.from_numpy(a[::-1])
    with pytest.raises(ValueError, match="byte order different from the native"):
        torch.from_numpy(a.astype(">f8"))
    kinds = "float64, float32, float16, complex64, complex128, int64, int32, int16, int8, "
    for odd in (np.array(["a"]), np.array([None]), np.zeros(2, np.longdouble)):
        with pytest.raises(TypeError, match=f"The only supported types are: {kinds}"):
            torch.from_numpy(odd)
    with pytest.raises(TypeError, match=r"expected np.ndarray"):
        torch.from_numpy([1])


def test_numpy_while_nothing_is_recorded():
    leaf = torch.tensor([1.0, 2.0], requires_grad=True)
    made = leaf * 2
    for x in (leaf, made):
        with pytest.raises(RuntimeError, match="requires grad"):
            x.numpy()
        for off in (torch.no_grad(), torch.inference_mode()):
            with off:
                assert x.numpy().ctypes.data == x.data_ptr()
                assert np.asarray(x).tolist() == x.tolist()
