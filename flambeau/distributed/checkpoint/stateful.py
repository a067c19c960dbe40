"""Objects that have a state.

Source: torch.distributed.checkpoint.stateful
"""

from .api import Stateful

__all__ = ["Stateful"]
