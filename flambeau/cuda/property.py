"""What CUDA devices are: names, sizes, abilities.

Source: torch.cuda
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..kernels.cuda import driver, ptx
from .current import Device, api, index_of


@dataclass(frozen=True, repr=False)
class _CudaDeviceProperties:
    """What a device says of itself; sizes in bytes, clocks in kHz."""

    name: str
    major: int
    minor: int
    total_memory: int
    multi_processor_count: int
    is_integrated: int
    is_multi_gpu_board: int
    max_threads_per_block: int
    max_threads_per_multi_processor: int
    regs_per_multiprocessor: int
    shared_memory_per_block: int
    shared_memory_per_block_optin: int
    shared_memory_per_multiprocessor: int
    warp_size: int
    L2_cache_size: int
    uuid: str
    pci_bus_id: int
    pci_device_id: int
    pci_domain_id: int
    clock_rate: int | None
    memory_clock_rate: int | None
    memory_bus_width: int

    gcnArchName = ""

    def __repr__(self) -> str:
        return (
            f"_CudaDeviceProperties(name='{self.name}', major={self.major}, minor={self.minor}, "
            f"total_memory={self.total_memory >> 20}MB, multi_processor_count={self.multi_processor_count}, "
            f"uuid={self.uuid}, pci_bus_id={self.pci_bus_id}, pci_device_id={self.pci_device_id}, "
            f"pci_domain_id={self.pci_domain_id}, L2_cache_size={self.L2_cache_size >> 20}MB)"
        )


_CUDAS = {
    "total_memory": "totalGlobalMem",
    "multi_processor_count": "multiProcessorCount",
    "is_integrated": "integrated",
    "is_multi_gpu_board": "isMultiGpuBoard",
    "max_threads_per_block": "maxThreadsPerBlock",
    "max_threads_per_multi_processor": "maxThreadsPerMultiProcessor",
    "regs_per_multiprocessor": "regsPerMultiprocessor",
    "shared_memory_per_block": "sharedMemPerBlock",
    "shared_memory_per_block_optin": "sharedMemPerBlockOptin",
    "shared_memory_per_multiprocessor": "sharedMemPerMultiprocessor",
    "warp_size": "warpSize",
    "L2_cache_size": "l2CacheSize",
    "pci_bus_id": "pciBusID",
    "pci_device_id": "pciDeviceID",
    "pci_domain_id": "pciDomainID",
    "memory_bus_width": "memoryBusWidth",
}
"""What CUDA calls the properties that have another name there."""


def get_device_properties(device: Device = None) -> Any:
    """What a device says of itself; clocks are None where CUDA has given up telling them (version 13).

    Raises:
        AssertionError: No device can be used.
        RuntimeError: There is none of this number.

    Source: torch.cuda.get_device_properties
    """
    index = index_of(device)
    told = api().runtime.getDeviceProperties(index)
    given = {name: int(told[key]) for name, key in _CUDAS.items()}
    name, code = told["name"].decode().rstrip("\0"), driver.uuid(index).hex()
    lengths = (8, 4, 4, 4, 12)
    starts = [sum(lengths[:i]) for i in range(5)]
    return _CudaDeviceProperties(
        name=name,
        major=int(told["major"]),
        minor=int(told["minor"]),
        uuid="-".join(code[start : start + n] for start, n in zip(starts, lengths)),
        clock_rate=told.get("clockRate"),
        memory_clock_rate=told.get("memoryClockRate"),
        **given,
    )


def get_device_name(device: Device = None) -> str:
    """A device's name.

    Raises:
        AssertionError: No device can be used.

    Source: torch.cuda.get_device_name
    """
    return str(get_device_properties(device).name)


def get_device_capability(device: Device = None) -> tuple[int, int]:
    """What a device can do, as CUDA numbers it: (9, 0).

    Raises:
        AssertionError: No device can be used.

    Source: torch.cuda.get_device_capability
    """
    found = get_device_properties(device)
    return found.major, found.minor


def can_device_access_peer(device: Device, peer_device: Device) -> bool:
    """Can a device read the memory of another one directly?

    Raises:
        AssertionError: No device can be used.
        RuntimeError: There is none of this number.

    Source: torch.cuda.can_device_access_peer
    """
    return bool(api().runtime.deviceCanAccessPeer(index_of(device), index_of(peer_device)))


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Does the current device compute in bfloat16?

    Args:
        including_emulation: Older ones (before compute capability 8) do too, but convert to float32 for it.

    Source: torch.cuda.is_bf16_supported
    """
    if driver.why_not():
        return False
    return including_emulation or get_device_capability()[0] >= 8


def is_tf32_supported() -> bool:
    """Has the current device TF32, float32 products with 10 bits of precision?

    Source: torch.cuda.is_tf32_supported
    """
    return not driver.why_not() and get_device_capability()[0] >= 8


def get_arch_list() -> list[str]:
    """The processors that kernels are made for: those of LLVM, as PTX text that newer ones take as well.

    Source: torch.cuda.get_arch_list
    """
    return [] if driver.why_not() else [f"compute_{number}" for number in ptx.ARCHITECTURES]


def get_gencode_flags() -> str:
    """The same, as nvcc is told it.

    Source: torch.cuda.get_gencode_flags
    """
    return " ".join(f"-gencode compute={name},code={name}" for name in get_arch_list())


def current_blas_handle() -> int:
    """The address of cuBLAS's handle on the current device.

    Raises:
        AssertionError: No device can be used.

    Source: torch.cuda.current_blas_handle
    """
    return int(api().Device().cublas_handle)


def current_solver_handle() -> int:
    """The address of cuSOLVER's handle on the current device.

    Raises:
        AssertionError: No device can be used.

    Source: torch.cuda.current_solver_handle
    """
    return int(api().Device().cusolver_handle)
