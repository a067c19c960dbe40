"""CUDA: the devices, their streams and memory, graphs of their work.

Arrays on these devices are CuPy's, kernels flambeau's own (`flambeau.kernels.cuda`). Without a device that can be used,
what PyTorch's CPU build answers is answered (`is_available`, `memory_allocated`, seeds), and the rest raises AssertionError,
whose message says what is missing: the driver, a GPU, CuPy.

Source: torch.cuda
"""

from __future__ import annotations

from .._lazy import attach as _attach
from ..core.device import backends
from ..core.error import AcceleratorError, OutOfMemoryError
from ..kernels.cuda import driver as _driver
from .current import (
    _DeviceGuard as _DeviceGuard,
)
from .current import (
    _exchange_device as _exchange_device,
)
from .current import (
    _get_device_index as _get_device_index,
)
from .current import (
    _lazy_call as _lazy_call,
)
from .current import (
    _lazy_init as _lazy_init,
)
from .current import (
    _maybe_exchange_device as _maybe_exchange_device,
)
from .current import (
    current_device,
    device,
    device_of,
    init,
    ipc_collect,
    set_device,
    synchronize,
)

has_half = True
has_magma = False


def is_available() -> bool:
    """Can tensors live on a CUDA device? Cheap: only the driver is asked.

    Source: torch.cuda.is_available
    """
    return not _driver.why_not()


def device_count() -> int:
    """How many CUDA devices there are.

    Source: torch.cuda.device_count
    """
    return _driver.count()


def is_initialized() -> bool:
    """Has CUDA begun to work in this process?

    Source: torch.cuda.is_initialized
    """
    return "cuda" in backends


def _is_compiled() -> bool:
    """Is CUDA there? It is no matter of the build: what is missing can be installed."""
    return is_available()


def _is_in_bad_fork() -> bool:
    """Was this process forked after CUDA had begun? It cannot use CUDA then."""
    return _driver.is_forked()


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
    "capture": "CUDAGraph graph graph_pool_handle is_current_stream_capturing",
    "graphed_callable": "make_graphed_callables",
    "memory": "caching_allocator_alloc caching_allocator_delete caching_allocator_disabled caching_allocator_enable "
    "empty_cache get_allocator_backend get_per_process_memory_fraction mem_get_info set_per_process_memory_fraction",
    "memory_pool": "CUDAPluggableAllocator MemPool change_current_allocator use_mem_pool",
    "memory_statistic": "host_memory_stats host_memory_stats_as_nested_dict max_memory_allocated max_memory_cached "
    "max_memory_reserved memory_allocated memory_cached memory_reserved memory_snapshot memory_stats "
    "memory_stats_as_nested_dict memory_summary reset_accumulated_host_memory_stats reset_accumulated_memory_stats "
    "reset_max_memory_allocated reset_max_memory_cached reset_peak_host_memory_stats reset_peak_memory_stats",
    "nvml": "clock_rate device_memory_used list_gpu_processes memory_usage power_draw temperature utilization",
    "property": "can_device_access_peer current_blas_handle current_solver_handle get_arch_list get_device_capability "
    "get_device_name get_device_properties get_gencode_flags is_bf16_supported is_tf32_supported",
    "random": "default_generators get_rng_state get_rng_state_all initial_seed manual_seed manual_seed_all seed seed_all "
    "set_rng_state set_rng_state_all",
    "runtime": "CudaError DeferredCudaCallError GreenContext check_error cudaStatus cudart get_sync_debug_mode "
    "set_sync_debug_mode",
    "streams": "Event ExternalStream Stream StreamContext current_stream default_stream get_stream_from_external "
    "set_stream stream",
    "tensor": " ".join((*_TENSORS, *_STORAGES)),
}
__getattr__, __dir__ = _attach(
    __name__,
    _MODULES,
    {name: module for module, names in _ELSEWHERE.items() for name in names.split()},
    "torch.cuda",
)
