"""A number that changes when an element does."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import kernels
from ...core.dtype import uint64
from ...core.kind import kind_of
from ...core.tensor import Tensor, wrap
from ...dispatch.formula.rowwise import wrap_dims
from ...dispatch.registry import public


@public(method=True)
def hash_tensor(input: Tensor, dim: Any = (), *, keepdim: bool = False, mode: int = 0) -> Tensor:
    """The bits of the elements, as 64-bit numbers, in exclusive or: two runs with equal elements have equal hashes.

    Args:
        input: Floats are taken as float64, all others as int64.
        dim: Dimensions to reduce; none means all.
        keepdim: Keep them, with size 1.
        mode: 0, for exclusive or.

    Raises:
        RuntimeError: There are no elements and no dimension is named, or another mode.
        IndexError: A dimension has size 0.
        NotImplementedError: The numbers are complex.

    Source: torch.hash_tensor

    Example:
        >>> import flambeau as torch
        >>> torch.hash_tensor(torch.tensor([[1, 2], [3, 4]]), 1)
        tensor([3, 7], dtype=torch.uint64)
    """
    if mode != 0:
        raise RuntimeError(f"hash_tensor: unknown mode {mode}: 0 is exclusive or")
    if input.dtype.is_complex:
        raise NotImplementedError(
            f"hash_tensor: not for {input.dtype}: view_as_real() gives its parts"
        )
    every = isinstance(dim, (tuple, list)) and not dim
    dims = wrap_dims(None if every else dim, input.ndim)
    if not input._array.size and every:
        raise RuntimeError(
            "hash_tensor: Expected reduction dim to be specified for input.numel() == 0. Specify the "
            "reduction dim with the 'dim' argument."
        )
    empty = [d for d in dims if input.shape[d] == 0]
    if empty:
        raise IndexError(f"hash_tensor: Expected reduction dim {empty[0]} to have non-zero size.")
    wide = np.float64 if input.dtype.is_floating_point else np.int64
    bits = input._array.astype(wide).view(np.uint64)
    result = kernels.array.xor.reduce(bits, dims, keepdim)
    return wrap(result, kind_of(uint64, input._kind.device))
