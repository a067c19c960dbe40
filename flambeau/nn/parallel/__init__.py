"""One module on several devices: DataParallel, and what stands around it.

On a machine without accelerators there is one device, so DataParallel runs its module. What scatters, gathers and
copies among devices raises as in PyTorch without them.

Source: torch.nn.parallel
"""

from typing import Any

from .data_parallel import DataParallel, data_parallel
from .parallel_apply import parallel_apply
from .replicate import replicate
from .scatter_gather import gather, scatter

__all__ = [
    "DataParallel",
    "DistributedDataParallel",
    "data_parallel",
    "gather",
    "parallel_apply",
    "replicate",
    "scatter",
]


def __getattr__(name: str) -> Any:
    if name == "DistributedDataParallel":
        from . import distributed

        return getattr(distributed, name)
    raise AttributeError(f"module 'torch.nn.parallel' has no attribute {name!r}")
