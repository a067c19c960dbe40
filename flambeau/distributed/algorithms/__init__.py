"""Algorithms on top of collectives: uneven inputs (`join`), communication hooks (`ddp_comm_hooks`).

Source: torch.distributed.algorithms
"""

from .join import Join, Joinable, JoinHook

__all__ = ["Join", "JoinHook", "Joinable"]
