"""One module on several devices: DataParallel, and what stands around it.

On a machine without accelerators there is one device, so DataParallel runs its module. What scatters, gathers and
copies among devices raises as in PyTorch without them.

Source: torch.nn.parallel
"""

from .data_parallel import DataParallel, data_parallel
from .distributed import DistributedDataParallel
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
