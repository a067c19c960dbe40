"""CUDA's runtime and its errors.

Source: torch.cuda
"""

from __future__ import annotations

from typing import Any, NoReturn

from .current import api


class DeferredCudaCallError(Exception):
    """What was to be called when CUDA begins has failed."""


class CudaError(RuntimeError):
    """The CUDA runtime has reported an error.

    Args:
        code: Its number.
    """

    def __init__(self, code: int) -> None:
        super().__init__(f"CUDA error ({code})")


class cudaStatus:
    """Numbers that the runtime gives back.

    Source: torch.cuda.cudaStatus
    """

    SUCCESS = 0
    ERROR_NOT_READY = 34


def check_error(res: int) -> None:
    """Raises CudaError: the runtime gave back another number than 0.

    Source: torch.cuda.check_error
    """
    if res != cudaStatus.SUCCESS:
        raise CudaError(res)


def cudart() -> Any:
    """CUDA's runtime, as CuPy has it: ``cudart().memGetInfo()``, without "cuda" in the names.

    Raises:
        AssertionError: No device can be used.

    Source: torch.cuda.cudart
    """
    return api().runtime


def set_sync_debug_mode(debug_mode: int | str) -> None:
    """Tell of calls that wait for the device: only "default", which tells of none.

    Raises:
        AssertionError: No device can be used.
        RuntimeError: There is no such mode.
        NotImplementedError: "warn" or "error".

    Source: torch.cuda.set_sync_debug_mode
    """
    api()
    if debug_mode not in ("default", "warn", "error", 0, 1, 2):
        raise RuntimeError(
            "invalid value of debug_mode, expected one of `default`, `warn`, `error`"
        )
    if debug_mode not in ("default", 0):
        raise NotImplementedError(
            f"set_sync_debug_mode({debug_mode!r}): waiting for the device is not watched; leave the mode 'default'"
        )


def get_sync_debug_mode() -> int:
    """The number of the mode: 0, "default".

    Raises:
        AssertionError: No device can be used.

    Source: torch.cuda.get_sync_debug_mode
    """
    api()
    return 0


class GreenContext:
    """A part of a device's processors, as a context of its own: not supported.

    Raises:
        RuntimeError: Always.

    Source: torch.cuda.GreenContext
    """

    def __init__(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise RuntimeError(
            "Tried to instantiate dummy base class GreenContext: CuPy has no green contexts; use streams"
        )


__all__ = [
    "CudaError",
    "DeferredCudaCallError",
    "GreenContext",
    "check_error",
    "cudaStatus",
    "cudart",
]
