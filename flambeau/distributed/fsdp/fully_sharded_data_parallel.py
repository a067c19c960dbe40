"""FullyShardedDataParallel by the module in which PyTorch keeps it.

Source: torch.distributed.fsdp.fully_sharded_data_parallel
"""

from .api import *  # noqa: F403
from .wrapped import FullyShardedDataParallel as FullyShardedDataParallel
