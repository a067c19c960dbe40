"""oneDNN: not used; `enabled` says so."""

from __future__ import annotations

enabled = False


def is_available() -> bool:
    """Is oneDNN used? It is not.

    Source: torch.backends.mkldnn.is_available
    """
    return False
