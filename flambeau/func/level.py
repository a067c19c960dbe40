"""The mappings in force by number, from 1 for the outermost, and samples by their number: PyTorch's private names.

Packages with nested arguments of their own (TensorDict) make samples and take results apart through these.

Source: torch._C._functorch
"""

from __future__ import annotations

from typing import Any

from ..core.handler import state as handlers
from ..core.tensor import Tensor
from .batched import Batched, Mapping, batched


def _mappings() -> list[Mapping]:
    return [mode for mode in handlers.modes if isinstance(mode, Mapping)]


def level_of(mapping: Mapping) -> int:
    """Its number; -1 of one that is over."""
    found = _mappings()
    return found.index(mapping) + 1 if mapping in found else -1


def _mapping(level: int) -> Mapping:
    """The mapping of this number.

    Raises:
        RuntimeError: There is none.
    """
    found = _mappings()
    if not 1 <= level <= len(found):
        raise RuntimeError(f"vmap: there is no level {level}; {len(found)} are in force")
    return found[level - 1]


def _vmap_increment_nesting(batch_size: int, randomness: str) -> int:
    """Enter a mapping over `batch_size` samples; gives its number."""
    Mapping(batch_size, randomness).__enter__()
    return len(_mappings())


def _vmap_decrement_nesting() -> int:
    """Leave the innermost mapping; gives its number.

    Raises:
        RuntimeError: There is none, or another mode was entered after it and is still in force.
    """
    level = len(_mappings())
    if not level or handlers.modes[-1] is not _mapping(level):
        raise RuntimeError("vmap: the innermost mode is no mapping")
    handlers.modes[-1].__exit__()
    return level


def _add_batch_dim(tensor: Tensor, in_dim: int, level: int) -> Tensor:
    """One sample, of the batch along a dimension."""
    return batched(tensor.movedim(in_dim, 0) if in_dim else tensor, _mapping(level))  # type: ignore[attr-defined]


def _remove_batch_dim(tensor: Tensor, level: int, batch_size: int, out_dim: int) -> Tensor:
    """The batch that a sample stands for, along a dimension; of what is no sample, as many of it.

    Raises:
        IndexError: It would not have such a dimension.
    """
    if not -tensor.ndim - 1 <= out_dim <= tensor.ndim:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-tensor.ndim - 1}, {tensor.ndim}], but got "
            f"{out_dim})"
        )
    whole = _mapping(level).spread(tensor)
    return whole.movedim(0, out_dim) if out_dim else whole  # type: ignore[attr-defined]


def is_batchedtensor(tensor: Any) -> bool:
    """Is it a sample of a mapping?"""
    return isinstance(tensor, Batched)


def maybe_get_bdim(tensor: Any) -> int:
    """The dimension of the batch in what a sample stands for: 0; -1 of what is no sample."""
    return 0 if isinstance(tensor, Batched) else -1


def maybe_get_level(tensor: Any) -> int:
    """The number of a sample's mapping; -1 of what is no sample, or one whose mapping is over."""
    return level_of(tensor.mapping) if isinstance(tensor, Batched) else -1


def get_unwrapped(tensor: Any) -> Tensor:
    """The batch that a sample stands for.

    Raises:
        RuntimeError: It is no sample.
    """
    if not isinstance(tensor, Batched):
        raise RuntimeError("No wrappers present!")
    return tensor.physical
