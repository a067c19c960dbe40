"""What NVIDIA's management library says of a device: load, heat, power. It needs the package nvidia-ml-py, as in PyTorch.

Source: torch.cuda
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from .current import Device, index_of
from .property import get_device_properties


def _library() -> Any:
    """The package, ready.

    Raises:
        ModuleNotFoundError: It is not installed.
    """
    try:
        pynvml = import_module("pynvml")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "nvidia-ml-py does not seem to be installed or it can't be imported: pip install nvidia-ml-py"
        ) from error
    pynvml.nvmlInit()
    return pynvml


def _handle(library: Any, device: Device) -> Any:
    """The library's handle of a device, found by its UUID: CUDA numbers only those that are visible."""
    return library.nvmlDeviceGetHandleByUUID(f"GPU-{get_device_properties(index_of(device)).uuid}")


def _number(device: Device, ask: Callable[[Any, Any], Any]) -> int:
    """What the library says of a device: `ask` takes the library and the device's handle."""
    library = _library()
    return int(ask(library, _handle(library, device)))


def memory_usage(device: Device = None) -> int:
    """The percentage of the last time in which the device's memory was read or written.

    Raises:
        ModuleNotFoundError: nvidia-ml-py is not installed.

    Source: torch.cuda.memory_usage
    """
    return _number(device, lambda library, of: library.nvmlDeviceGetUtilizationRates(of).memory)


def utilization(device: Device = None) -> int:
    """The percentage of the last time in which kernels ran.

    Raises:
        ModuleNotFoundError: nvidia-ml-py is not installed.

    Source: torch.cuda.utilization
    """
    return _number(device, lambda library, of: library.nvmlDeviceGetUtilizationRates(of).gpu)


def temperature(device: Device = None) -> int:
    """Degrees Celsius.

    Raises:
        ModuleNotFoundError: nvidia-ml-py is not installed.

    Source: torch.cuda.temperature
    """
    return _number(device, lambda library, of: library.nvmlDeviceGetTemperature(of, 0))


def power_draw(device: Device = None) -> int:
    """Milliwatts.

    Raises:
        ModuleNotFoundError: nvidia-ml-py is not installed.

    Source: torch.cuda.power_draw
    """
    return _number(device, lambda library, of: library.nvmlDeviceGetPowerUsage(of))


def clock_rate(device: Device = None) -> int:
    """The processors' clock, in MHz.

    Raises:
        ModuleNotFoundError: nvidia-ml-py is not installed.

    Source: torch.cuda.clock_rate
    """
    return _number(device, lambda library, of: library.nvmlDeviceGetClockInfo(of, 1))


def device_memory_used(device: Device = None) -> int:
    """Bytes of a device's memory that all processes together use.

    Raises:
        ModuleNotFoundError: nvidia-ml-py is not installed.

    Source: torch.cuda.device_memory_used
    """
    return _number(device, lambda library, of: library.nvmlDeviceGetMemoryInfo(of).used)


def list_gpu_processes(device: Device = None) -> str:
    """The processes that use a device, and their memory.

    Source: torch.cuda.list_gpu_processes
    """
    try:
        library = _library()
    except ModuleNotFoundError:
        return "pynvml module not found, please install nvidia-ml-py"
    index = index_of(device)
    found = library.nvmlDeviceGetComputeRunningProcesses(_handle(library, index))
    lines = [
        f"process {process.pid:>10d} uses {process.usedGpuMemory / (1 << 20):>12.3f} MB GPU memory"
        for process in found
    ]
    return "\n".join((f"GPU:{index}", *(lines or ["no processes are running"])))
