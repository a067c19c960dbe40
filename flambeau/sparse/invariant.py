"""What indices must be: the checks of sparse tensors, and whether they are made."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.layout import layout as Layout
from ..core.sparse import BLOCKS, COO, ROWS, SparseArray, batch_dims
from ..core.tensor import Tensor
from . import index


class check_sparse_tensor_invariants:
    """Look at the indices of every sparse tensor that is made: a context manager and decorator.

    Args:
        enable: Look, or do not.

    Source: torch.sparse.check_sparse_tensor_invariants

    Example:
        >>> import flambeau as torch
        >>> with torch.sparse.check_sparse_tensor_invariants():
        ...     torch.sparse_coo_tensor([[5]], [1.0], (2,))
        Traceback (most recent call last):
        RuntimeError: size is inconsistent with indices: for dim 0, size is 2 but found index 5
    """

    _enabled = False

    def __init__(self, enable: bool = True) -> None:
        self.state = enable
        self.saved: bool | None = None

    @staticmethod
    def is_enabled() -> bool:
        """Are they looked at?"""
        return check_sparse_tensor_invariants._enabled

    @staticmethod
    def enable() -> None:
        """From now on look at them."""
        check_sparse_tensor_invariants._enabled = True

    @staticmethod
    def disable() -> None:
        """From now on do not, except where a call says check_invariants=True."""
        check_sparse_tensor_invariants._enabled = False

    def __enter__(self) -> None:
        if self.saved is not None:
            raise RuntimeError(
                "This context manager is already activated. Use another one for nesting."
            )
        self.saved = self.is_enabled()
        check_sparse_tensor_invariants._enabled = self.state

    def __exit__(self, *exception: object) -> None:
        check_sparse_tensor_invariants._enabled = bool(self.saved)
        self.saved = None

    def __call__(self, function: Callable) -> Callable:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with type(self)(self.state):
                return function(*args, **kwargs)

        return wrapped


def wanted(given: bool | None) -> bool:
    """Are the indices of a new tensor looked at?"""
    return check_sparse_tensor_invariants.is_enabled() if given is None else given


def check(x: SparseArray) -> None:
    """Look at all indices.

    Raises:
        RuntimeError: One is out of range, or they are not in order.
    """
    if x.layout is COO:
        _check_coordinates(x)
    else:
        _check_compressed(x)


def _check_coordinates(x: SparseArray) -> None:
    array = x.pattern.arrays[0]
    if not array.shape[1]:
        return
    for dim, (low, high, size) in enumerate(zip(array.min(1), array.max(1), x.shape)):
        if low < 0:
            raise RuntimeError(f"found negative index {int(low)} for dim {dim}")
        if high >= size:
            raise RuntimeError(
                f"size is inconsistent with indices: for dim {dim}, size is {size} but found index {int(high)}"
            )
    if x.pattern.coalesced and array.shape[1] > 1:
        flat = index.ravel(array, x.shape[: array.shape[0]])
        if not (flat[1:] > flat[:-1]).all():
            raise RuntimeError(
                "cannot set is_coalesced to true if indices correspond to uncoalesced COO tensor"
            )


def names(layout: Layout) -> tuple[str, str, str, str]:
    """What messages call the two index tensors of a compressed layout, and what they count."""
    if layout in ROWS:
        return "crow_indices", "col_indices", "nrows", "ncols"
    return "ccol_indices", "row_indices", "ncols", "nrows"


def check_ranks(layout: Layout, pointers: Tensor, plain: Tensor, values: Tensor) -> None:
    """Raises RuntimeError where the numbers of dimensions do not fit."""
    first, second, *_ = names(layout)
    if pointers.ndim < 1 or plain.ndim != pointers.ndim:
        raise RuntimeError(
            f"number of dimensions of {first} and {second} must be the same and at least 1, but got "
            f"{pointers.ndim} and {plain.ndim}, respectively"
        )
    least = pointers.ndim + (2 if layout in BLOCKS else 0)
    if values.ndim < least:
        raise RuntimeError(
            f"values must have dimensionality >= {least} (batch, values{', block' * (layout in BLOCKS)}), but "
            f"got {values.ndim}"
        )
    if pointers.shape[-1] < 1:
        raise RuntimeError(f"expected {first}.shape[-1] to be at least 1, but got 0")


def check_sizes(x: SparseArray) -> None:
    """Raises RuntimeError where the sizes of indices and values do not fit that of the tensor."""
    first, second, many, _ = names(x.layout)
    pointers, plain = x.pattern.arrays
    batch = batch_dims(x)
    block = x.values.shape[batch + 1 : batch + 3] if x.layout in BLOCKS else (1, 1)
    rest = x.values.shape[batch + 1 + (2 if x.layout in BLOCKS else 0) :]
    if len(x.shape) != batch + 2 + len(rest):
        raise RuntimeError(
            f"tensor dimensionality must be sum of batch, base, and dense dimensionalities (={batch} + 2 + "
            f"{len(rest)}) but got {len(x.shape)}"
        )
    if tuple(x.shape[batch + 2 :]) != tuple(rest):
        raise RuntimeError(
            f"values have dense dimensions {list(rest)}, and size has {list(x.shape[batch + 2 :])}"
        )
    sizes = x.shape[batch : batch + 2]
    if any(n % b for n, b in zip(sizes, block)):
        raise RuntimeError(
            f"tensor shape[{batch}:{batch + 2}] {list(sizes)} must be divisible by the blocksize {list(block)}"
        )
    at = 0 if x.layout in ROWS else 1
    count = sizes[at] // block[at]
    if pointers.shape[-1] != count + 1:
        title = "number of rows" if many == "nrows" else "number of columns"
        raise RuntimeError(
            f"{first}.shape[-1] must be equal to the {title} + 1 (={count + 1}), but got {pointers.shape[-1]}"
        )
    if plain.shape[-1] != x.values.shape[batch]:
        raise RuntimeError(
            f"{second}.shape[-1] must be equal to nnz (={x.values.shape[batch]}) as defined by "
            f"values.shape[{batch}], but got {plain.shape[-1]}"
        )
    if (
        not tuple(x.shape[:batch])
        == pointers.shape[:-1]
        == plain.shape[:-1]
        == x.values.shape[:batch]
    ):
        raise RuntimeError(
            f"all batch dimensions of {first} ({list(pointers.shape[:-1])}), {second} "
            f"({list(plain.shape[:-1])}), values ({list(x.values.shape[:batch])}) and size "
            f"({list(x.shape[:batch])}) must be equal"
        )


def _check_compressed(x: SparseArray) -> None:
    first, second, many, others = names(x.layout)
    pointers, plain = x.pattern.arrays
    count = plain.shape[-1]
    block = x.values.shape[batch_dims(x) + 1 :][:2] if x.layout in BLOCKS else (1, 1)
    batch = batch_dims(x)
    at = 1 if x.layout in ROWS else 0
    size = x.shape[batch + at] // block[at]
    _require((pointers[..., 0] == 0).all(), f"`{first}[..., 0] == 0`")
    _require((pointers[..., -1] == count).all(), f"`{first}[..., -1] == nnz`")
    steps = np.diff(pointers)
    _require(
        ((steps >= 0) & (steps <= size)).all(),
        f"`0 <= {first}[..., 1:] - {first}[..., :-1] <= {others}`",
    )
    _require(((plain >= 0) & (plain < size)).all(), f"`0 <= {second} < {others}`")
    flat_pointers = pointers.reshape(-1, pointers.shape[-1])
    for own, columns in zip(flat_pointers, plain.reshape(len(flat_pointers), count)):
        rising = np.diff(columns) > 0
        begins = own[1:-1] - 1
        rising[begins[(begins >= 0) & (begins < len(rising))]] = True
        _require(
            rising.all(),
            f"`{second}[..., {first}[..., i - 1]:{first}[..., i]] for all i = 1, ..., {many} are sorted and "
            "distinct along the last dimension values`",
        )


def _require(holds: Any, what: str) -> None:
    if not holds:
        raise RuntimeError(f"{what} is not satisfied.")
