"""DLPack, with NumPy and with itself."""

import ctypes

import numpy as np
import pytest

import flambeau as torch
from flambeau.utils.dlpack import DLDeviceType


@pytest.fixture
def t():
    return torch.tensor([1.0, 2.0, 3.0])


NUMPY = tuple(int(part) for part in np.__version__.split(".")[:2])


def test_to_numpy(t):
    array = np.from_dlpack(t)
    t[0] = 5
    assert array[0] == 5.0
    if NUMPY >= (2, 2):  # before, NumPy lets nobody write to what it got
        array[0] = 6
        assert t[0].item() == 6.0
        assert np.from_dlpack(t, copy=True).ctypes.data != t.data_ptr()
    assert np.from_dlpack(torch.arange(6).reshape(2, 3).t()).strides == (8, 24)
    assert np.from_dlpack(torch.tensor([True, False])).tolist() == [True, False]


def test_from_numpy(t):
    a = np.arange(4.0)
    x = torch.from_dlpack(a)
    assert x.data_ptr() == a.ctypes.data
    assert x.dtype is torch.float64
    assert torch.from_dlpack(a[2:]).storage_offset() == 0
    assert torch.from_dlpack(a, copy=True).data_ptr() != a.ctypes.data
    assert torch.from_dlpack(np.array(1.0)).shape == ()
    if NUMPY >= (2, 1):  # before, NumPy exports nothing that is read-only
        a.flags.writeable = False
        assert torch.from_dlpack(a).tolist() == [0.0, 1.0, 2.0, 3.0]
        with pytest.raises(RuntimeError, match="read-only"):
            torch.from_dlpack(a).zero_()
    with pytest.raises(BufferError):
        torch.from_dlpack(np.array(["a"]))


def test_what_was_exported_can_be_written_to(t):
    for source in (torch.utils.dlpack.to_dlpack(t), t, t.__dlpack__(max_version=(1, 0))):
        torch.from_dlpack(source).add_(1)
    assert t.tolist() == [4.0, 5.0, 6.0]


@pytest.mark.parametrize(
    "dtype",
    ["bool", "uint8", "int64", "float16", "bfloat16", "float8_e5m2", "complex32", "complex64"],
)
def test_round_trip(dtype):
    x = torch.tensor([1, 0, 1]).to(getattr(torch, dtype))
    y = torch.from_dlpack(x)
    assert y.dtype is x.dtype
    assert y.data_ptr() == x.data_ptr()
    assert y.tolist() == x.tolist()
    z = torch.from_dlpack(x.__dlpack__(max_version=(1, 0)))
    assert z.dtype is x.dtype
    assert z.data_ptr() == x.data_ptr()


def test_bfloat16_is_declared_as_such():
    class Producer:
        def __dlpack__(self, **options):
            return torch.ones(2).bfloat16().__dlpack__()

        def __dlpack_device__(self):
            return 1, 0

    with pytest.raises((RuntimeError, BufferError), match="Unsupported dtype"):  # NumPy refuses it
        np.from_dlpack(Producer())
    assert torch.from_dlpack(Producer()).tolist() == [1.0, 1.0]


def test_capsules_are_used_once(t):
    capsule = torch.utils.dlpack.to_dlpack(t)
    assert torch.utils.dlpack.from_dlpack(capsule).data_ptr() == t.data_ptr()
    for wrong in (capsule, 3):
        with pytest.raises(RuntimeError, match="received an invalid capsule"):
            torch.from_dlpack(wrong)


def test_arguments(t):
    assert t.__dlpack_device__() == (DLDeviceType.kDLCPU, 0)
    assert torch.from_dlpack(t.__dlpack__(copy=True)).data_ptr() != t.data_ptr()
    assert torch.from_dlpack(t.__dlpack__(dl_device=(1, 0))).data_ptr() == t.data_ptr()
    for stream in (0, 1, 2, -2):
        with pytest.raises(AssertionError, match="stream should be None on cpu"):
            t.__dlpack__(stream=stream)
    for stream in ("a", 1.0, True):
        with pytest.raises(TypeError, match="stream must be ``int`` or ``none``"):
            t.__dlpack__(stream=stream)


def test_a_consumer_that_wants_no_synchronisation(t):
    for version in (None, (1, 0)):
        capsule = t.__dlpack__(stream=-1, max_version=version)
        assert torch.from_dlpack(capsule).data_ptr() == t.data_ptr()


def test_refused(t):
    with pytest.raises(ValueError, match="copy=False"):
        t.__dlpack__(dl_device=(2, 0), copy=False)
    with pytest.raises(BufferError, match="Can't export tensors that require gradient"):
        t.requires_grad_().__dlpack__()


def test_memory_outlives_its_first_holder():
    x = torch.from_dlpack(np.arange(1000.0))
    y = np.from_dlpack(torch.arange(1000.0))
    assert x.sum().item() == y.sum() == 499500.0


@pytest.mark.skipif(NUMPY < (2, 1), reason="NumPy 2.0 makes capsules without a version")
def test_capsules_of_another_version(t):
    capsule = t.__dlpack__(max_version=(1, 0))
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.argtypes, pointer.restype = (ctypes.py_object, ctypes.c_char_p), ctypes.c_void_p
    major = ctypes.c_uint32.from_address(pointer(capsule, b"dltensor_versioned"))
    assert major.value == 1
    major.value = 2
    with pytest.raises(BufferError, match="the capsule is of DLPack 2, and version 1 was expected"):
        torch.from_dlpack(capsule)
    major.value = 1
    assert torch.from_dlpack(capsule).tolist() == [1.0, 2.0, 3.0]


def test_memory_to_read_only():
    x = torch.arange(3.0)
    wrapped = torch.utils.dlpack.ReadOnlyTensorWrapper(x)
    array = np.from_dlpack(wrapped)
    x[0] = 7
    assert array.tolist() == [7.0, 1.0, 2.0]
    assert not array.flags.writeable
    for use in (lambda: wrapped + 1, lambda: wrapped.sum(), lambda: wrapped[0]):
        with pytest.raises(RuntimeError, match="DLPack and nothing else"):
            use()
    with pytest.raises(TypeError, match="wraps a tensor"):
        torch.utils.dlpack.ReadOnlyTensorWrapper([1])


def test_bcomplex32_has_no_code():
    with pytest.raises(BufferError, match="BComplex32 type is not supported"):
        torch.zeros(1, dtype=torch.bcomplex32).__dlpack__()
