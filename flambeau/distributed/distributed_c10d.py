"""The names of torch.distributed by the module in which PyTorch keeps them.

Source: torch.distributed.distributed_c10d
"""

from __future__ import annotations

from . import *  # noqa: F403
from . import __getattr__ as __getattr__
from .kinds import *  # noqa: F403
from .process_group import NonMember, ProcessGroup, world


def _get_default_group() -> ProcessGroup:
    """The group of all.

    Raises:
        ValueError: There is none.
    """
    return world()


def _rank_not_in_group(group: ProcessGroup | NonMember | None) -> bool:
    """Is this process no member?"""
    return isinstance(group, NonMember)
