"""Which ways of computing attention a program allows: what `torch.nn.attention.sdpa_kernel` chooses among."""

from __future__ import annotations

from enum import Enum


class SDPBackend(Enum):
    """A way of computing scaled dot-product attention.

    Two of them exist on a CPU: FLASH_ATTENTION is one pass by blocks, MATH is products and a softmax.

    Source: torch.nn.attention.SDPBackend
    """

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4

    def __int__(self) -> int:
        return int(self.value)

    __index__ = __int__


SWITCHES = (
    SDPBackend.CUDNN_ATTENTION,
    SDPBackend.FLASH_ATTENTION,
    SDPBackend.EFFICIENT_ATTENTION,
    SDPBackend.MATH,
    SDPBackend.OVERRIDEABLE,
)
"""Those that can be allowed, in PyTorch's order of listing them."""


class Allowed:
    """The ways that are allowed, and the order in which they are preferred."""

    ways = frozenset(SWITCHES)
    order = (
        SDPBackend.FLASH_ATTENTION,
        SDPBackend.EFFICIENT_ATTENTION,
        SDPBackend.MATH,
        SDPBackend.CUDNN_ATTENTION,
        SDPBackend.OVERRIDEABLE,
    )
    usual = True  # is everything as it was at the start?


def allow(way: SDPBackend, enabled: bool) -> None:
    """Allow or forbid one way."""
    set_ways((Allowed.ways | {way}) if enabled else (Allowed.ways - {way}))


def set_ways(ways: frozenset[SDPBackend], order: tuple[SDPBackend, ...] | None = None) -> None:
    """Allow these ways and no others, preferred in this order."""
    Allowed.ways = ways
    if order is not None:
        Allowed.order = order
    Allowed.usual = ways == frozenset(SWITCHES) and Allowed.order is _USUAL_ORDER


_USUAL_ORDER = Allowed.order
