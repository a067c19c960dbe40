"""Optimisers whose state is shared out among processes.

Source: torch.distributed.optim
"""

from .zero_redundancy_optimizer import ZeroRedundancyOptimizer

__all__ = ["ZeroRedundancyOptimizer"]
