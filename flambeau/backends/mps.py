"""Apple's Metal: not used."""

from __future__ import annotations


def is_available() -> bool:
    """Is Apple's Metal used? It is not.

    Source: torch.backends.mps.is_available
    """
    return False


def is_built() -> bool:
    """Is Apple's Metal used? It is not.

    Source: torch.backends.mps.is_built
    """
    return False
