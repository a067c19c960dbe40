"""Matrices of a given pattern: eye, indices of triangles, Vandermonde; complex numbers from parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ... import kernels
from ...core.dtype import INTEGER, int64
from ...core.number import integer
from ...core.tensor import Tensor
from ...dispatch.registry import NAMESPACES, public
from .factory import factory, new_array, of_arguments


def _size(value: Any, name: str) -> int:
    if value < 0:
        raise RuntimeError(f"{name} must be greater or equal to 0, got {value}")
    return value


@public()
@of_arguments
@factory
def eye(kind: Any, n: int, m: int | None = None) -> Any:
    """Ones on the diagonal.

    Args:
        n: Rows.
        m: Columns; as many as rows if None.

    Raises:
        RuntimeError: A size is negative.

    Source: torch.eye

    Example:
        >>> import flambeau as torch
        >>> torch.eye(2)
        tensor([[1., 0.],
                [0., 1.]])
    """
    rows = _size(integer(n, "eye", "n", 1), "n")
    columns = rows if m is None else _size(integer(m, "eye", "m", 2), "m")
    chosen = kind()
    array = new_array("eye", chosen, (rows, columns), 0)
    with chosen.backend.on(chosen.device.index):
        array.reshape(-1)[: columns * min(rows, columns) + columns : columns + 1] = 1
    return array, chosen


_FEW = 1024
"""Elements of a matrix up to which NumPy takes less time."""


def _columns(row: int, col: int, offset: int, upper: bool) -> tuple[Any, Any]:
    """For each row the first column of the triangle, and the one behind its last."""
    edge = np.clip(np.arange(row) + (offset if upper else offset + 1), 0, col)
    return (edge, np.full(row, col)) if upper else (np.zeros(row, np.int64), edge)


def _triangle(name: str, find: Callable) -> None:
    upper = name == "triu_indices"

    def function(kind: Any, row: int, col: int, offset: int = 0) -> Any:
        chosen = kind(int64)
        dtype = chosen.dtype
        row, col = integer(row, name, "row", 1), integer(col, name, "col", 2)
        for argument, value in (("row", row), ("col", col)):
            if value < 0:
                raise RuntimeError(f"{argument} must be non-negative, got {value}")
        if not (dtype.category == INTEGER and dtype.is_signed and dtype.itemsize > 1):
            raise NotImplementedError(
                f"\"{name}\" not implemented for '{dtype.legacy}': use an integer dtype of 16 "
                "bits or more"
            )
        offset = integer(offset, name, "offset", 3)
        if row * col > _FEW and kernels.enabled():
            found = kernels.array.ramp.triangle(*_columns(row, col, offset, upper))
        else:
            found = np.stack(find(row, offset, col))
        return chosen.xp.asarray(found.astype(chosen.numpy, copy=False)), chosen

    which = "lower" if name == "tril_indices" else "upper"
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""Row and column indices of the {which} triangle of a matrix.

    Args:
        row: Rows of the matrix.
        col: Its columns.
        offset: How far above the main diagonal the triangle's edge lies.

    Raises:
        RuntimeError: A size is negative.

    Source: torch.{name}

    Example:
        >>> import flambeau as torch
        >>> torch.{name}(2, 2).shape
        torch.Size([2, 3])
    """
    public(name)(of_arguments(factory(function)))


_triangle("tril_indices", np.tril_indices)
_triangle("triu_indices", np.triu_indices)


@public()
def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """Columns of powers of a vector: a Vandermonde matrix.

    Args:
        x: A vector.
        N: How many columns; as many as `x` has elements if None.
        increasing: Is the first column x ** 0, and not the last?

    Raises:
        RuntimeError: `x` is no vector, or N is negative.

    Source: torch.vander

    Example:
        >>> import flambeau as torch
        >>> torch.vander(torch.tensor([1, 2, 3]), N=2)
        tensor([[1, 1],
                [2, 1],
                [3, 1]])
    """
    if x.ndim != 1:
        raise RuntimeError(f"x must be a one-dimensional tensor, not one of shape {list(x.shape)}.")
    count = x.numel() if N is None else N
    if count < 0:
        raise RuntimeError(f"N must be non-negative, got {count}.")
    if x.dtype.category < 2:
        x = x.long()
    columns = x[:, None].expand(x.numel(), max(count - 1, 0))
    ones = x.new_ones((x.numel(), min(count, 1)))  # nan ** 0 is 1
    powers = NAMESPACES["torch"]["cat"]([ones, columns], 1).cumprod(1)
    return powers if increasing else powers.flip(1)
