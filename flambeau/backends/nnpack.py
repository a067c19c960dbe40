"""NNPACK: not used."""

from __future__ import annotations


def is_available() -> bool:
    """Is NNPACK used? It is not.

    Source: torch.backends.nnpack.is_available
    """
    return False
