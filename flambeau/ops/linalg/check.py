"""What the linear algebra functions share: the checks at their edge."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.dtype import FLOAT
from ...core.tensor import Tensor


class LinAlgError(RuntimeError):
    """A matrix that a method cannot work on: singular, not positive-definite, not finite.

    Source: torch.linalg.LinAlgError
    """


def matrices(name: str, x: Tensor, argument: str = "A") -> None:
    """Raises RuntimeError for a tensor of fewer than two dimensions."""
    if x.ndim < 2:
        raise RuntimeError(
            f"{name}: The input tensor {argument} must have at least 2 dimensions, got a tensor of "
            f"shape {list(x.shape)}."
        )


def square(name: str, x: Tensor, argument: str = "A") -> None:
    """Raises RuntimeError for a tensor that is not one of square matrices."""
    matrices(name, x, argument)
    if x.shape[-1] != x.shape[-2]:
        raise RuntimeError(
            f"{name}: {argument} must be batches of square matrices, but they are {x.shape[-2]} by "
            f"{x.shape[-1]} matrices"
        )


def floating(name: str, x: Tensor, kernel: str = "") -> None:
    """Raises RuntimeError for integers and, as LAPACK has no such types, for the half types.

    Args:
        name: The function.
        x: Its operand.
        kernel: The kernel that PyTorch says is not implemented (NotImplementedError), where it does.
    """
    dtype = x.dtype
    if dtype.category < FLOAT:
        raise RuntimeError(
            f"{name}: Expected a floating point or complex tensor as input. Got {x.dtype.legacy}"
        )
    if dtype.is_reduced:
        if kernel:
            raise NotImplementedError(
                f"\"{kernel}\" not implemented for '{x.dtype.legacy}': convert to float32 first"
            )
        raise RuntimeError(f"{name}: Low precision dtypes not supported. Got {x.dtype.legacy}")


def implemented(kernel: str, x: Tensor) -> None:
    """Raises NotImplementedError for dtypes that LAPACK does not have."""
    if x.dtype.category < FLOAT or x.dtype.is_reduced:
        raise NotImplementedError(
            f"\"{kernel}\" not implemented for '{x.dtype.legacy}': convert to float32 or float64 first"
        )


def same_dtype(name: str, a: Tensor, b: Tensor, names: tuple[str, str] = ("A", "B")) -> None:
    """Raises RuntimeError where the dtypes of two operands differ."""
    if a.dtype is not b.dtype:
        raise RuntimeError(
            f"{name}: Expected {names[0]} and {names[1]} to have the same dtype, but found "
            f"{names[0]} of type {a.dtype.legacy} and {names[1]} of type {b.dtype.legacy} instead"
        )


def by_columns(x: Any) -> Any:
    """Matrices as LAPACK leaves them in memory, and PyTorch gives them: column by column."""
    turned = x.swapaxes(-1, -2)
    return x if turned.flags.c_contiguous else turned.copy().swapaxes(-1, -2)


def at(batch: tuple[int, ...]) -> str:
    """Which matrix of a batch, in an error message; nothing where there is one only."""
    return f"(Batch element {batch[0]}): " if batch else ""


def first_failure(info: np.ndarray) -> tuple[str, int] | None:
    """Where the first matrix failed and with which code; None if none did."""
    if not np.count_nonzero(info):
        return None
    flat = info.reshape(-1)
    failed = np.flatnonzero(flat)
    if not failed.size:
        return None
    i = int(failed[0])
    return at((i,) if info.ndim else ()), int(flat[i])


def flat(x: np.ndarray, kept: int) -> np.ndarray:
    """The leading dimensions as one, before the last `kept`; there may be no elements."""
    lead = x.shape[: x.ndim - kept]
    return x.reshape(int(np.prod(lead, dtype=np.int64)), *x.shape[x.ndim - kept :])


def identity(n: int, like: Tensor) -> Tensor:
    """The n x n identity in the dtype and on the device of `like`."""
    from ..create.eye import eye

    return eye(n, dtype=like.dtype, device=like.device)


def check_pivots(pivots: np.ndarray, m: int, in_blocks: bool = False) -> None:
    """Raises IndexError if a pivot names no row of `m`.

    Args:
        in_blocks: Two negative ones, one behind the other, stand for a block of two rows.
    """
    if pivots.__class__ is not np.ndarray or not pivots.size:
        return
    rows = np.abs(pivots) if in_blocks else pivots
    if rows.min() < 1 or rows.max() > m:
        raise IndexError(f"pivots name rows from 1 to {m}, got {rows.min()} to {rows.max()}")
    if in_blocks and pivots.min() < 0:
        for swaps in pivots.reshape(-1, pivots.shape[-1]).tolist():
            _check_blocks(swaps)


def _check_blocks(swaps: list[int]) -> None:
    k = 0
    while k < len(swaps):
        if swaps[k] < 0 and not (k + 1 < len(swaps) and swaps[k + 1] < 0):
            raise IndexError(
                f"negative pivots stand for blocks of two rows, and number {k} is alone"
            )
        k += 2 if swaps[k] < 0 else 1


def conjugated(x: Tensor) -> Tensor:
    """The complex conjugate; real tensors as they are."""
    return x.conj() if x.dtype.is_complex else x
