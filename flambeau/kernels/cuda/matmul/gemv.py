"""A matrix times a vector, by cuBLAS."""

from __future__ import annotations

from typing import Any

from .matmul import product


def matrix_vector(a: Any, x: Any) -> Any:
    """a @ x; NotImplemented as `product`."""
    made = product(a, x[:, None])
    return made if made is NotImplemented else made[:, 0]


__all__ = ["matrix_vector"]
