"""OpenMP: not used."""

from __future__ import annotations


def is_available() -> bool:
    """Is OpenMP used? It is not.

    Source: torch.backends.openmp.is_available
    """
    return False
