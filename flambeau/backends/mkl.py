"""Intel's MKL: not used."""

from __future__ import annotations


def is_available() -> bool:
    """Is Intel's MKL used? It is not.

    Source: torch.backends.mkl.is_available
    """
    return False
