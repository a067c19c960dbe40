"""oneDNN: not used."""

from __future__ import annotations


def is_available() -> bool:
    """Is oneDNN used? It is not.

    Source: torch.backends.mkldnn.is_available
    """
    return False
