"""DistributedDataParallel, whose home is `distributed.data_parallel`: it stands on collectives, and they on modules.

Source: torch.nn.parallel.distributed
"""

from ..._lazy import attach

__getattr__, __dir__ = attach(
    "flambeau.distributed", (), {"DistributedDataParallel": "data_parallel"}, __name__
)
