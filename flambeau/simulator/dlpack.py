"""DLPack of arrays on simulated GPUs: NumPy's capsules, with the device and its address written in.

Nobody but this module can read what is at such an address, and it takes none that lies elsewhere.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from .array import memory_of, ndarray, supported
from .cuda.memory import MemoryPointer, UnownedMemory, offset

CUDA = 2
"""DLPack's number of the kind of device."""

_LAYOUTS = {b"dltensor": (0, 56), b"dltensor_versioned": (32, 16)}
"""Where the tensor begins in what a capsule holds, and its deleter stands, by the capsule's name."""
_USED = {name: b"used_" + name for name in _LAYOUTS}
"""The names of capsules that have been read."""
_Deleter = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_BFLOAT16 = 4


class _Tensor(ctypes.Structure):
    """DLPack's DLTensor."""

    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    )


def _name(capsule: Any) -> bytes:
    valid = ctypes.pythonapi.PyCapsule_IsValid
    valid.argtypes = (ctypes.py_object, ctypes.c_char_p)
    for name in _LAYOUTS:
        if valid(capsule, name):
            return name
    raise ValueError("A DLPack tensor object cannot be consumed multiple times")


def _start(capsule: Any, name: bytes) -> int:
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.argtypes, pointer.restype = (ctypes.py_object, ctypes.c_char_p), ctypes.c_void_p
    return int(pointer(capsule, name))


def _inside(capsule: Any) -> _Tensor:
    name = _name(capsule)
    return _Tensor.from_address(_start(capsule, name) + _LAYOUTS[name][0])


class _Owner:
    """Takes what a capsule holds out of it, and has it deleted when nobody needs it any more."""

    def __init__(self, capsule: Any):
        name = _name(capsule)
        self.start = _start(capsule, name)
        self.delete = _Deleter.from_address(self.start + _LAYOUTS[name][1])
        rename = ctypes.pythonapi.PyCapsule_SetName
        rename.argtypes = (ctypes.py_object, ctypes.c_char_p)
        rename(capsule, _USED[name])

    def __del__(self, ends: Callable[[], bool] = sys.is_finalizing) -> None:
        if not ends():
            self.delete(self.start)


def _device(x: ndarray) -> tuple[int, int]:
    return CUDA, memory_of(x._host).device_id


def _exported(
    x: ndarray,
    *,
    stream: Any = None,
    max_version: tuple[int, int] | None = None,
    dl_device: Any = None,
    copy: bool | None = None,
) -> Any:
    """A capsule of an array's memory."""
    host = (x.copy() if copy else x)._host
    short = host.dtype.kind == "V"  # bfloat16, which NumPy's capsules do not know
    capsule = (host.view(np.uint16) if short else host).__dlpack__(max_version=max_version)
    tensor, memory = _inside(capsule), memory_of(host)
    tensor.device_type, tensor.device_id = CUDA, memory.device_id
    tensor.data = memory.ptr + offset(memory, host)
    if short:
        tensor.code = _BFLOAT16
    return capsule


ndarray.__dlpack_device__ = _device  # type: ignore[attr-defined]
ndarray.__dlpack__ = _exported  # type: ignore[attr-defined]


def imported(producer: Any) -> ndarray:
    """An array of the memory that a capsule's producer has on a simulated GPU.

    Raises:
        BufferError: It is elsewhere.
    """
    kind, device_id = producer.__dlpack_device__()
    if kind != CUDA:
        raise BufferError(
            f"an array on CUDA was expected, and this one is on DLPack's device {kind}"
        )
    capsule = producer.__dlpack__(stream=1)
    tensor = _inside(capsule)
    shape = tuple(tensor.shape[: tensor.ndim])
    codes = {0: "i", 1: "u", 2: "f", 5: "c", 6: "b"}
    name = "bfloat16" if tensor.code == _BFLOAT16 else f"{codes[tensor.code]}{tensor.bits // 8}"
    dtype = supported(np.dtype("?") if tensor.code == 6 else np.dtype(name))
    if tensor.strides:
        strides = tuple(n * dtype.itemsize for n in tensor.strides[: tensor.ndim])
    else:
        strides = np.empty(shape, dtype).strides
    reach = [(n - 1) * s for n, s in zip(shape, strides, strict=True)] if all(shape) else []
    low, high = sum(min(n, 0) for n in reach), sum(max(n, 0) for n in reach)
    start = (tensor.data or 0) + tensor.byte_offset
    size = high - low + dtype.itemsize if all(shape) else 0
    memory = UnownedMemory(start + low, size, _Owner(capsule), device_id)
    return ndarray(shape, dtype, MemoryPointer(memory, -low), strides)
