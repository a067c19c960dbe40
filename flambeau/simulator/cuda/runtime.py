"""What flambeau asks of the CUDA runtime, as `cupy.cuda.runtime`, of simulated GPUs."""

from __future__ import annotations

import threading
from typing import Any, NoReturn

import numpy as np

from .. import memory as arena

memcpyHostToHost = 0
memcpyHostToDevice = 1
memcpyDeviceToHost = 2
memcpyDeviceToDevice = 3
memcpyDefault = 4
hostAllocMapped = 2


streamDefault = 0
streamNonBlocking = 1
streamLegacy = 1
streamPerThread = 2
streamCaptureModeGlobal = 0
streamCaptureModeThreadLocal = 1
streamCaptureModeRelaxed = 2

_OUT_OF_MEMORY = 2
hostAllocPortable = 1

_ERRORS = {
    1: "cudaErrorInvalidValue: invalid argument",
    2: "cudaErrorMemoryAllocation: out of memory",
    101: "cudaErrorInvalidDevice: invalid device ordinal",
    400: "cudaErrorInvalidResourceHandle: invalid resource handle",
    900: "cudaErrorStreamCaptureUnsupported: operation not permitted when stream is capturing",
}


class CUDARuntimeError(RuntimeError):
    """The runtime refused a call."""

    def __init__(self, status: int):
        self.status = status
        super().__init__(_ERRORS[status])


def refuse_capture() -> NoReturn:
    raise CUDARuntimeError(900)


class _Current(threading.local):
    device = 0


_current = _Current()


def getDevice() -> int:
    """The current device's number, a thread's own."""
    return _current.device


def setDevice(device: int) -> None:
    _exists(device)
    _current.device = device


def getDeviceCount() -> int:
    return arena.count()


def _exists(device: int) -> None:
    if not 0 <= device < arena.count():
        raise CUDARuntimeError(101)


def getDeviceProperties(device: int) -> dict[str, Any]:
    """A GPU's properties: those of a small Hopper."""
    _exists(device)
    return {
        "name": b"flambeau simulator",
        "uuid": device.to_bytes(16, "big").partition(b"\0")[0],  # as Cython makes it of C's array
        "totalGlobalMem": arena.SIZE,
        "sharedMemPerBlock": 48 << 10,
        "sharedMemPerBlockOptin": 227 << 10,
        "sharedMemPerMultiprocessor": 228 << 10,
        "regsPerBlock": 65536,
        "regsPerMultiprocessor": 65536,
        "warpSize": 32,
        "maxThreadsPerBlock": 1024,
        "maxThreadsPerMultiProcessor": 2048,
        "maxThreadsDim": (1024, 1024, 64),
        "maxGridSize": (2147483647, 65535, 65535),
        "maxBlocksPerMultiProcessor": 32,
        "multiProcessorCount": 4,
        "clockRate": 1980000,
        "memoryClockRate": 2619000,
        "memoryBusWidth": 5120,
        "l2CacheSize": 50 << 20,
        "major": 9,
        "minor": 0,
        "integrated": 0,
        "isMultiGpuBoard": 0,
        "unifiedAddressing": 1,
        "pciBusID": device,
        "pciDeviceID": 0,
        "pciDomainID": 0,
        "computeMode": 0,
        "concurrentKernels": 1,
        "cooperativeLaunch": 1,
    }


def deviceSynchronize() -> None:
    """Nothing waits: everything is done when its call returns."""


def deviceCanAccessPeer(device: int, peerDevice: int) -> bool:
    """Never: what mixes devices by mistake is found so."""
    _exists(device)
    _exists(peerDevice)
    return False


def malloc(size: int) -> int:
    """The address of memory on the current device.

    Raises:
        CUDARuntimeError: There is not so much left.
    """
    try:
        return arena.device(getDevice()).allocate(size)
    except arena.OutOfMemoryError:
        raise CUDARuntimeError(_OUT_OF_MEMORY) from None


def memGetInfo() -> tuple[int, int]:
    """Bytes that are free, and all bytes, on the current device."""
    place = arena.device(getDevice())
    return place.size - place.used, place.size


def _bytes(address: int, size: int) -> np.ndarray:
    """The bytes at an address of a GPU, or of the host."""
    place = address // arena.FIRST - 1
    if 0 <= place < arena.count():
        start, stop = arena.device(place).holding(address)
        if size and not start <= address <= address + size <= stop:
            raise CUDARuntimeError(1)
        return arena.device(place).view(address, size)
    import ctypes

    return np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(address))


class PointerAttributes:
    """What is known of an address.

    Attributes:
        device: The GPU that it belongs to.
        devicePointer, hostPointer: What kernels and the host call it; 0 where they do not reach it.
    """

    def __init__(self, device: int, devicePointer: int, hostPointer: int):
        self.device, self.devicePointer, self.hostPointer = device, devicePointer, hostPointer


def pointerGetAttributes(ptr: int) -> PointerAttributes:
    """What is known of an address: of a GPU's memory, or of the host's memory that a GPU reaches."""
    for index in range(arena.count()):
        place = arena.device(index)
        host = place.bytes.ctypes.data
        if host <= ptr < host + place.size:
            return PointerAttributes(index, place.base + ptr - host, ptr)
        if place.base <= ptr < place.base + place.size:
            return PointerAttributes(index, ptr, 0)
    return PointerAttributes(-1, 0, ptr)


def memcpy(dst: int, src: int, size: int, kind: int) -> None:
    if size:
        _bytes(dst, size)[:] = _bytes(src, size)


def memcpyAsync(dst: int, src: int, size: int, kind: int, stream: int) -> None:
    memcpy(dst, src, size, kind)


def memcpyPeer(dst: int, dstDevice: int, src: int, srcDevice: int, size: int) -> None:
    memcpy(dst, src, size, memcpyDeviceToDevice)


def memcpyPeerAsync(
    dst: int, dstDevice: int, src: int, srcDevice: int, size: int, stream: int
) -> None:
    memcpy(dst, src, size, memcpyDeviceToDevice)


def memset(ptr: int, value: int, size: int) -> None:
    if size:
        _bytes(ptr, size)[:] = value


def memsetAsync(ptr: int, value: int, size: int, stream: int) -> None:
    memset(ptr, value, size)


def driverGetVersion() -> int:
    return 13000


def runtimeGetVersion() -> int:
    return 13000


__all__ = [
    "CUDARuntimeError",
    "PointerAttributes",
    "deviceCanAccessPeer",
    "deviceSynchronize",
    "driverGetVersion",
    "getDevice",
    "getDeviceCount",
    "getDeviceProperties",
    "hostAllocMapped",
    "memGetInfo",
    "memcpy",
    "memcpyAsync",
    "memcpyDefault",
    "memcpyDeviceToDevice",
    "memcpyDeviceToHost",
    "memcpyHostToDevice",
    "memcpyHostToHost",
    "memcpyPeer",
    "memcpyPeerAsync",
    "memset",
    "memsetAsync",
    "pointerGetAttributes",
    "runtimeGetVersion",
    "setDevice",
    "streamCaptureModeGlobal",
    "streamCaptureModeRelaxed",
    "streamCaptureModeThreadLocal",
    "streamDefault",
    "streamLegacy",
    "streamNonBlocking",
    "streamPerThread",
]
