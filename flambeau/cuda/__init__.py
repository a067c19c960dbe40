"""CUDA, as far as it goes today: there is no CUDA device yet, and the functions say so.

What PyTorch's CPU build answers without a device is answered (`is_available`, `memory_allocated`, seeds); the rest
raises AssertionError, and streams, events and graphs are classes of which no object can be made.

Source: torch.cuda
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

from .._absent import classes as _classes
from .._absent import functions as _functions
from .._lazy import attach as _attach
from ..core.accelerator import _get_device_index as _index
from ..core.device import backends
from ..core.device import device as _Device
from ..core.error import AcceleratorError, OutOfMemoryError


def _not_compiled(name: str = "") -> AssertionError:
    return AssertionError("Torch not compiled with CUDA enabled")


globals().update(
    _functions(
        __name__,
        "can_device_access_peer cudart current_blas_handle current_device current_stream default_stream "
        "get_device_capability get_device_name get_device_properties get_stream_from_external get_sync_debug_mode init "
        "ipc_collect set_sync_debug_mode synchronize _lazy_init check_error clock_rate power_draw temperature "
        "utilization memory_usage",
        _not_compiled,
    )
)
globals().update(_classes(__name__, "Stream ExternalStream Event CUDAGraph MemPool GreenContext"))

default_generators: tuple = ()
has_half = True
has_magma = False


class DeferredCudaCallError(Exception):
    """What was to be called when CUDA begins has failed."""


class CudaError(RuntimeError):
    """The CUDA runtime has reported an error.

    Args:
        code: Its number.
    """

    def __init__(self, code: int) -> None:
        super().__init__(f"CUDA error ({code})")


def is_available() -> bool:
    """Can tensors live on a CUDA device? Not yet.

    Source: torch.cuda.is_available
    """
    backend = backends.find("cuda")
    return backend is not None and backend.is_available()


def device_count() -> int:
    """How many CUDA devices there are.

    Source: torch.cuda.device_count
    """
    backend = backends.find("cuda")
    return 0 if backend is None else backend.device_count()


def is_initialized() -> bool:
    """Has CUDA begun to work in this process?

    Source: torch.cuda.is_initialized
    """
    return False


def _is_compiled() -> bool:
    return False


def _is_in_bad_fork() -> bool:
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Does a CUDA device compute in bfloat16? There is none.

    Source: torch.cuda.is_bf16_supported
    """
    return False


def is_tf32_supported() -> bool:
    """Does a CUDA device compute in TF32? There is none.

    Source: torch.cuda.is_tf32_supported
    """
    return False


def get_arch_list() -> list[str]:
    """The architectures that were compiled for: none.

    Source: torch.cuda.get_arch_list
    """
    return []


def get_gencode_flags() -> str:
    """The compiler's flags for them: none.

    Source: torch.cuda.get_gencode_flags
    """
    return ""


def _get_device_index(device: Any, optional: bool = False, allow_cpu: bool = False) -> int:
    """The number of a CUDA device.

    Raises:
        ValueError: It is another device, or no number is given.
    """
    if isinstance(device, int):
        return device
    if isinstance(device, str):
        device = _Device(device)
    if isinstance(device, _Device) and device.type != "cuda":
        if allow_cpu and device.type == "cpu":
            return -1
        raise ValueError(f"Expected a cuda device, but got: {device}")
    return -1 if device is None and optional else _index(device, optional, allow_cpu)


def set_device(device: Any) -> None:
    """Choose the device that calls mean which name none.

    Raises:
        AssertionError: It is not there. A number below zero chooses none.

    Source: torch.cuda.set_device
    """
    if _get_device_index(device) >= 0:
        raise _not_compiled()


class device:
    """A block in which another device is the current one; a number below zero changes nothing.

    Source: torch.cuda.device
    """

    def __init__(self, device: Any) -> None:
        self.idx = _get_device_index(device, optional=True)

    def __enter__(self) -> None:
        if self.idx >= 0:
            raise RuntimeError("flambeau has no CUDA support")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing to restore."""


class device_of(device):
    """`device` of a tensor's device; nothing for a tensor on the CPU.

    Source: torch.cuda.device_of
    """

    def __init__(self, obj: Any) -> None:
        super().__init__(obj.get_device() if obj.is_cuda else -1)


class StreamContext:
    """A block whose work goes to a stream; None, as on a machine without CUDA, changes nothing.

    Source: torch.cuda.StreamContext
    """

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def __enter__(self) -> None:
        if self.stream is not None:
            raise _not_compiled()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing to restore."""


def stream(stream: Any) -> StreamContext:
    """A block whose work goes to a stream.

    Source: torch.cuda.stream
    """
    return StreamContext(stream)


def set_stream(stream: Any) -> None:
    """Let all later work go to a stream; None changes nothing.

    Raises:
        AssertionError: There is none.

    Source: torch.cuda.set_stream
    """
    if stream is not None:
        raise _not_compiled()


_MODULES = (
    *("amp", "comm", "graphs", "jiterator", "memory", "nccl", "nvtx", "profiler", "random"),
    *("sparse", "streams", "tunable"),
)
_TENSORS = tuple(
    f"{kind}Tensor"
    for kind in ("BFloat16", "Bool", "Byte", "Char", "Double", "Float", "Half", "Int", "Long", "Short")
)  # fmt: skip
_STORAGES = (
    *(name.replace("Tensor", "Storage") for name in _TENSORS),
    "ComplexDoubleStorage",
    "ComplexFloatStorage",
)
_ELSEWHERE = {
    "graphs": "graph graph_pool_handle is_current_stream_capturing make_graphed_callables",
    "memory": "CUDAPluggableAllocator caching_allocator_alloc caching_allocator_delete caching_allocator_enable "
    "change_current_allocator empty_cache get_allocator_backend get_per_process_memory_fraction host_memory_stats "
    "list_gpu_processes max_memory_allocated max_memory_cached max_memory_reserved mem_get_info memory_allocated "
    "memory_cached memory_reserved memory_snapshot memory_stats memory_stats_as_nested_dict memory_summary "
    "reset_accumulated_memory_stats reset_max_memory_allocated reset_max_memory_cached reset_peak_memory_stats "
    "set_per_process_memory_fraction use_mem_pool",
    "random": "get_rng_state get_rng_state_all initial_seed manual_seed manual_seed_all seed seed_all set_rng_state "
    "set_rng_state_all",
    "tensor": " ".join((*_TENSORS, *_STORAGES)),
}
__getattr__, __dir__ = _attach(
    __name__,
    _MODULES,
    {name: module for module, names in _ELSEWHERE.items() for name in names.split()},
    "torch.cuda",
)
