"""CUDA's current device, which calls mean that name none, and its beginning.

Source: torch.cuda
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

from ..core.device import backends
from ..core.device import device as _Device
from ..kernels.cuda import driver, report

Device = Any
"""What functions take as a device: a number, a device, its name, or None for the current one."""


def not_compiled() -> AssertionError:
    """The error of a call that needs a device where none can be used, in PyTorch's words and with the reason."""
    return AssertionError(f"Torch not compiled with CUDA enabled: {driver.why_not()}")


def api() -> Any:
    """CuPy's module of CUDA's functions; CUDA begins with the first call.

    Raises:
        AssertionError: No device can be used; the message says why.
        RuntimeError: This process was forked after CUDA had begun.
    """
    if driver.is_forked():
        raise RuntimeError(
            "Cannot re-initialize CUDA in forked subprocess. To use CUDA with multiprocessing, you must use the 'spawn' "
            "start method"
        )
    if "cuda" not in backends:
        if driver.why_not():
            raise not_compiled()
        backends["cuda"]  # loads it
    return driver.cupy().cuda


def allocator() -> Any:
    """What gives tensors on CUDA devices their memory.

    Raises:
        AssertionError: No device can be used.
    """
    api()
    from ..kernels.cuda import allocator as found  # known only when CuPy is

    return found.allocator()


def init() -> None:
    """Let CUDA begin now, not with the first call that needs it.

    Raises:
        AssertionError: No device can be used.

    Source: torch.cuda.init
    """
    api()


_lazy_init = init


def _lazy_call(callable: Any, **kwargs: Any) -> None:
    """Call a function when CUDA begins; now, if it has begun."""
    backends.when_loaded("cuda", callable)


def current_device() -> int:
    """The number of this thread's current device.

    Raises:
        AssertionError: No device can be used.

    Source: torch.cuda.current_device

    Example:
        >>> import flambeau as torch
        >>> torch.cuda.current_device() if torch.cuda.is_available() else 0
        0
    """
    return int(api().runtime.getDevice())


def _get_device_index(device: Any, optional: bool = False, allow_cpu: bool = False) -> int:
    """The number of a CUDA device; -1, which chooses none, for None where it is optional and no device is there.

    Raises:
        ValueError: It is another device, or no number is given.
    """
    if isinstance(device, int):
        return device
    if isinstance(device, str):
        device = _Device(device)
    if isinstance(device, _Device):
        if device.type == "cpu" and allow_cpu:
            return -1
        if device.type != "cuda":
            raise ValueError(f"Expected a cuda device, but got: {device}")
        device = device.index
    if device is not None:
        return int(device)
    if not optional:
        raise ValueError(
            f"Expected a torch.device with a specified index or an integer, but got:{device}"
        )
    return -1 if driver.why_not() else current_device()


def index_of(device: Device) -> int:
    """The number of the device that is meant, which is there.

    Raises:
        AssertionError: No device can be used.
        ValueError: It is no CUDA device.
        RuntimeError: There is none of this number.
    """
    cuda = api()
    index = current_device() if device is None else _get_device_index(device, optional=True)
    count = cuda.runtime.getDeviceCount()
    if not 0 <= index < count:
        raise RuntimeError(
            f"CUDA error: invalid device ordinal: there is no cuda:{index}; torch.cuda.device_count() is {count}"
        )
    return index


def set_device(device: Device) -> None:
    """Choose the device that this thread's calls mean which name none; a number below zero chooses none.

    Raises:
        AssertionError: No device can be used.
        RuntimeError: It is not there.

    Source: torch.cuda.set_device
    """
    if _get_device_index(device) >= 0:
        api().runtime.setDevice(index_of(device))


def _exchange_device(device: int) -> int:
    """Choose a device; gives the one before. A number below zero chooses none, and gives -1.

    Raises:
        RuntimeError: No device can be used.
    """
    if device < 0:
        return -1
    if driver.why_not():
        raise RuntimeError(f"PyTorch was compiled without CUDA support: {driver.why_not()}")
    before = current_device()
    set_device(device)
    return before


_maybe_exchange_device = _exchange_device


class device:
    """A block in which another device is the current one; a number below zero changes nothing.

    Args:
        device: Which.

    Raises:
        RuntimeError: On entering; no device can be used.

    Source: torch.cuda.device

    Example:
        >>> import flambeau as torch
        >>> with torch.cuda.device(-1):
        ...     pass
    """

    def __init__(self, device: Any) -> None:
        self.idx = _get_device_index(device, optional=True)
        self.prev_idx = -1

    def __enter__(self) -> None:
        self.prev_idx = _exchange_device(self.idx)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.idx = _exchange_device(self.prev_idx)


class device_of(device):
    """`device` of a tensor's device; nothing for a tensor on the CPU.

    Source: torch.cuda.device_of
    """

    def __init__(self, obj: Any) -> None:
        super().__init__(obj.get_device() if obj.is_cuda else -1)


class _DeviceGuard(device):
    """`device` of a number."""


def synchronize(device: Device = None) -> None:
    """Wait until all streams of a device have done what they were told.

    Raises:
        AssertionError: No device can be used.

    Source: torch.cuda.synchronize
    """
    with api().Device(index_of(device)) as current:
        current.synchronize()
        report.ask()


def ipc_collect() -> None:
    """Let go of memory that other processes have let go of: none is shared, memory of a GPU stays in its process.

    Source: torch.cuda.ipc_collect
    """
    api()
