"""NVIDIA's cuSPARSELt: not used."""

from __future__ import annotations


def is_available() -> bool:
    """Is NVIDIA's cuSPARSELt used? It is not.

    Source: torch.backends.cusparselt.is_available
    """
    return False
