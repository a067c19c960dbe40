"""DLPack: capsules are made and read by the array libraries; types that NumPy lacks, such as
bfloat16, travel as unsigned integers and have their type corrected in the capsule.
"""

from __future__ import annotations

import ctypes
import enum
from typing import Any

from ...core.device import CPU, resolve
from ...core.dtype import BY_NUMPY, DTYPES, dtype, uint8
from ...core.dtype import from_numpy as numpy_dtype
from ...core.kind import kind_of
from ...core.memory import expose, foreign
from ...core.tensor import Tensor, wrap
from ...dispatch.registry import public


class DLDeviceType(enum.IntEnum):
    """The types of device that DLPack numbers, as far as tensors can be there.

    Source: torch.utils.dlpack.DLDeviceType
    """

    kDLCPU = 1
    kDLCUDA = 2
    kDLCUDAHost = 3


UINT = 1
"""DLPack's code of the elements for which those of extension types are mistaken on purpose."""
_BY_CODE = {
    (item.dlpack, 8 * item.itemsize): item for item in DTYPES.values() if item.dlpack is not None
}


class _Held(ctypes.Structure):
    """The beginning of DLPack's DLTensor, with that of its DLDataType."""

    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device", ctypes.c_int32 * 2),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
    )


# Where it lies: in a versioned capsule after version (8 bytes), context (8), deleter (8) and flags (8).
_HELD_AT = {b"dltensor": 0, b"dltensor_versioned": 32}
_FLAGS_AT, _READ_ONLY = 24, 1
_NO_SYNCHRONISATION = -1
"""The stream of a consumer that does not want the producer to wait, on whatever device."""
_MAJOR = 1
"""The version of DLPack whose layout that is; within it nothing moves."""


def _inside(capsule: Any) -> tuple[_Held, bool]:
    """What a capsule holds, in its memory; and may its elements be written to?

    Raises:
        RuntimeError: It is no DLPack capsule, or was used up.
        BufferError: It is of another major version.
    """
    valid, pointer = ctypes.pythonapi.PyCapsule_IsValid, ctypes.pythonapi.PyCapsule_GetPointer
    valid.argtypes = pointer.argtypes = (ctypes.py_object, ctypes.c_char_p)
    pointer.restype = ctypes.c_void_p
    for name, offset in _HELD_AT.items():
        if valid(capsule, name):
            start: Any = pointer(capsule, name)
            versioned = name != b"dltensor"
            major = ctypes.c_uint32.from_address(start).value if versioned else _MAJOR
            if major != _MAJOR:
                raise BufferError(
                    f"the capsule is of DLPack {major}, and version {_MAJOR} was expected: ask its producer "
                    f"for __dlpack__(max_version=({_MAJOR}, 0))"
                )
            flags = ctypes.c_uint64.from_address(start + _FLAGS_AT).value if versioned else 0
            return _Held.from_address(start + offset), not flags & _READ_ONLY
    raise RuntimeError(
        "from_dlpack received an invalid capsule. Note that DLTensor capsules can be consumed only "
        "once, so you might have already constructed a tensor from it once."
    )


def capsule_of(x: Tensor, stream: Any, max_version: Any, dl_device: Any, copy: bool | None) -> Any:
    """What ``Tensor.__dlpack__`` gives."""
    if x._node is not None:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    if stream is not None and type(stream) is not int:
        raise TypeError("stream must be ``int`` or ``none``")
    if x._kind.device is CPU:
        if stream not in (None, _NO_SYNCHRONISATION):
            raise AssertionError(  # PyTorch's type of error
                f"stream should be None on cpu. Got {stream}: only -1, which asks for no synchronisation, has "
                "a meaning there"
            )
        stream = None
    if dl_device is not None and tuple(dl_device) != x.__dlpack_device__():  # type: ignore[attr-defined]
        if copy is False:
            raise ValueError(
                f"cannot move tensor from {x.device} to {dl_device} without copying: copy=False"
            )
        x, copy = x.to(_device(dl_device)), None  # type: ignore[attr-defined]
    array, own = expose(x._array), x._kind.dtype
    if own.is_extension and own.dlpack is None:
        raise BufferError(f"{own.legacy} type is not supported by dlpack")
    if copy:
        array = array.copy(order="K")
    if own.is_extension:
        array = array.view(f"u{array.itemsize}")
    capsule = _exported(array, stream, max_version)
    if own.is_extension:
        held, _writable = _inside(capsule)
        if held.code != UINT:
            raise BufferError(
                f"the capsule of a {own} tensor is not of unsigned integers as expected"
            )
        held.code = own.dlpack
    return capsule


def _exported(array: Any, stream: Any, max_version: Any) -> Any:
    if max_version is not None:
        try:
            return array.__dlpack__(stream=stream, max_version=max_version)
        except TypeError:  # NumPy 2.0 knows no versions; who asks for one takes the first one too
            pass
    return array.__dlpack__(stream=stream)


def _device(dl_device: tuple[Any, int]) -> Any:
    number, index = dl_device
    if number == DLDeviceType.kDLCUDA:
        return resolve(f"cuda:{index}")
    if number != DLDeviceType.kDLCPU:
        raise ValueError(f"Unsupported device_type: {int(number)}; tensors live on CPU and CUDA")
    return CPU


class _Producer:
    """A capsule, or an object that gives one, as NumPy wants it: without extension types.

    Attributes:
        extension: The type of the capsule's elements, if NumPy lacks it.
        writable: Does it not forbid writing? NumPy 2.0 and 2.1 let nobody write to what it got.
    """

    def __init__(self, source: Any):
        self.source, self.writable = source, False
        self.extension: dtype | None = None

    def __dlpack_device__(self) -> tuple[int, int]:
        if hasattr(self.source, "__dlpack_device__"):
            number, index = self.source.__dlpack_device__()
        else:
            number, index = _inside(self.source)[0].device
        return int(number), index

    def __dlpack__(self, **options: Any) -> Any:
        capsule = self.source
        if hasattr(capsule, "__dlpack__"):
            try:
                capsule = self.source.__dlpack__(**options)
            except TypeError:  # a producer of the protocol's first version
                capsule = self.source.__dlpack__()
        held, self.writable = _inside(capsule)
        self.extension = _BY_CODE.get((held.code, held.bits))
        if self.extension is not None:
            held.code = UINT
        return capsule


@public()
def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor on the memory of another library's array, or of a DLPack capsule.

    Args:
        ext_tensor: An object with ``__dlpack__``, or a capsule, which can be used once.
        device: Where the tensor is to be.
        copy: True asks for a copy, False for an error where one is needed.

    Raises:
        RuntimeError: It is nothing of these, or the capsule was used up.
        BufferError: The producer cannot export it.

    Source: torch.from_dlpack

    Example:
        >>> import numpy as np, flambeau as torch
        >>> array = np.zeros(2)
        >>> torch.from_dlpack(array)[0] = 5
        >>> array
        array([5., 0.])
    """
    producer = _Producer(ext_tensor)
    number, _index = producer.__dlpack_device__()
    place = _device((number, _index)) if number != DLDeviceType.kDLCUDAHost else CPU
    array = kind_of(uint8, place).xp.from_dlpack(producer)
    if producer.extension is not None:
        array = array.view(producer.extension.numpy)
    if array.strides and min(array.strides) < 0:
        raise ValueError(
            "At least one stride in the given array is negative, and tensors with negative strides "
            "are not currently supported. (You can probably work around this by making a copy.)"
        )
    if copy:
        array = array.copy()
    found = BY_NUMPY[array.dtype] if place is not CPU else numpy_dtype(array.dtype)
    result = wrap(
        foreign(array, producer.writable) if place is CPU else array, kind_of(found, place)
    )
    if device is not None and resolve(device) is not place:
        if copy is False:
            raise ValueError(f"cannot move tensor from {place} to {device} without copying")
        return result.to(device)  # type: ignore[attr-defined]
    return result


@public()
def to_dlpack(tensor: Tensor) -> Any:
    """A DLPack capsule on a tensor's memory.

    Source: torch.utils.dlpack.to_dlpack
    """
    return tensor.__dlpack__()  # type: ignore[attr-defined]
