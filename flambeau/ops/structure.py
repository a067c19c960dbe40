"""Operations that move elements: cat, gather, scatter, sort, triangles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.tensor import Tensor, wrap_dim
from .indexing import _check, index_advanced, write
from .registry import public
from .rule import operation


@operation(operands="*tensors", label="Cat")
def cat_(tensors: list[Any], dim: int) -> Any:
    """Arrays one after the other."""
    return np.concatenate(tensors, dim)


@cat_.gradient
def _(g: Tensor, dim: int, shape_tensors: list[tuple[int, ...]]) -> list[Tensor]:
    sizes = [shape[dim] for shape in shape_tensors]
    return list(g.split(sizes, dim))  # type: ignore[attr-defined]


@operation(operands="*tensors", label="Stack")
def stack_(tensors: list[Any], dim: int) -> Any:
    """Arrays along a new dimension."""
    return np.stack(tensors, dim)


@stack_.gradient
def _(g: Tensor, dim: int) -> list[Tensor]:
    return list(g.unbind(dim))  # type: ignore[attr-defined]


def _alike(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Tensors of one dtype."""
    kinds = {x._kind for x in tensors}
    if len(kinds) > 1:
        from ..core.dtype import BY_NUMPY

        common = BY_NUMPY[np.result_type(*(x._kind.numpy for x in tensors))]
        tensors = [x.to(common) for x in tensors]  # type: ignore[attr-defined]
    return list(tensors)


@public("cat", "concat", "concatenate")
def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Tensors one after the other along a dimension.

    Raises:
        RuntimeError: There are none, or their other sizes differ.

    Source: torch.cat

    Example:
        >>> import flambeau as torch
        >>> torch.cat([torch.tensor([1, 2]), torch.tensor([3])])
        tensor([1, 2, 3])
    """
    if not tensors:
        raise RuntimeError("torch.cat(): expected a non-empty list of Tensors")
    parts = _alike(tensors)
    if any(x.ndim == 0 for x in parts):
        raise RuntimeError(
            "zero-dimensional tensor (at position 0) cannot be concatenated: use stack()"
        )
    real = [x for x in parts if x._array.shape != (0,)] or parts[:1]
    at = wrap_dim(dim, real[0].ndim)
    first = real[0]._array.shape
    for i, x in enumerate(real):
        own = x._array.shape
        if len(own) != len(first):
            raise RuntimeError(
                f"Tensors must have same number of dimensions: got {len(first)} and {len(own)}"
            )
        if own[:at] + own[at + 1 :] != first[:at] + first[at + 1 :]:
            raise RuntimeError(
                f"Sizes of tensors must match except in dimension {at}. Expected "
                f"{list(first)} but got {list(own)} for tensor number {i} in the list."
            )
    return cat_(real, at)


@public()
def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Tensors of one shape along a new dimension.

    Source: torch.stack
    """
    if not tensors:
        raise RuntimeError("stack expects a non-empty TensorList")
    parts = _alike(tensors)
    for i, x in enumerate(parts):
        if x._array.shape != parts[0]._array.shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(parts[0].shape)} "
                f"at entry 0 and {list(x.shape)} at entry {i}"
            )
    return stack_(parts, wrap_dim(dim, parts[0].ndim + 1))


def _along(index: Any, dim: int) -> tuple:
    """The key that reads or writes along a dimension at `index`."""
    places = list(np.ogrid[tuple(slice(n) for n in index.shape)])
    places[dim] = index
    return tuple(places)


@public(method=True)
def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor:
    """The elements at indices along a dimension.

    Source: torch.gather
    """
    if index._array.dtype not in (np.int64, np.int32):
        raise RuntimeError(f"gather(): Expected dtype int64 for index, not {index.dtype}")
    if input.ndim == 0 or index.ndim != input.ndim:
        if max(input.ndim, 1) != max(index.ndim, 1):
            raise RuntimeError(
                "Index tensor must have the same number of dimensions as input tensor"
            )
        flat = gather(input.reshape(-1), 0, index.reshape(-1))  # type: ignore[attr-defined]
        return flat.reshape(index.shape)  # type: ignore[attr-defined]
    at = wrap_dim(dim, input.ndim)
    _in_range("gather", index._array, at, input._array.shape)
    return index_advanced(input, _along(index._array, at))


def _in_range(name: str, index: Any, dim: int, shape: tuple[int, ...]) -> None:
    try:
        _check(index, dim, shape)
        wrong = index.size and index.min() < 0
    except IndexError:
        wrong = True
    if wrong:
        raise RuntimeError(
            f"{name}(): index out of bounds for dimension {dim} with size {shape[dim]}"
        )


def _scattered(input: Tensor, dim: int, index: Tensor, src: Any, add: bool, name: str) -> Tensor:
    from .indexing import put_advanced
    from .view import index_basic

    at = wrap_dim(dim, input.ndim)
    _in_range(name, index._array, at, input._array.shape)
    if not isinstance(src, Tensor):
        from ..core.tensor import wrap

        src = wrap(np.full(index._array.shape, src, input._kind.numpy), input._kind)
    elif src._kind.dtype is not input._kind.dtype:
        raise RuntimeError(f"{name}(): Expected self.dtype to be equal to src.dtype")
    if src._array.shape != index._array.shape:
        src = index_basic(src, tuple(slice(n) for n in index._array.shape))
    return put_advanced(input, src, _along(index._array, at), add)


@public(method=True)
def scatter(
    input: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None
) -> Tensor:
    """A copy with values written at indices along a dimension.

    Source: torch.scatter
    """
    return _scattered(input, dim, index, value if src is None else src, False, "scatter")


@public(method=True)
def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """A copy with values added at indices along a dimension.

    Source: torch.scatter_add
    """
    return _scattered(input, dim, index, src, True, "scatter_add")


@public(method="scatter_")
def scatter_(
    input: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None
) -> Tensor:
    """`scatter` in place."""
    return write(input, (src,), lambda: scatter(input, dim, index, src, value=value))


@public(method="scatter_add_")
def scatter_add_(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """`scatter_add` in place."""
    return write(input, (src,), lambda: scatter_add(input, dim, index, src))


def _triangle(name: str) -> Any:
    keep = getattr(np, name)

    def compute(x: Any, diagonal: int) -> Any:
        return keep(x, diagonal)

    compute.__name__ = f"{name}_"
    made = operation(compute, label=name.capitalize())
    made.gradient(lambda g, diagonal: made(g, diagonal))

    def function(input: Tensor, diagonal: int = 0) -> Tensor:
        if input.ndim < 2:
            raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions")
        return made(input, int(diagonal))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"The other triangle set to zero.\n\n    Source: torch.{name}\n    "
    return public(method=True)(function)


tril, triu = _triangle("tril"), _triangle("triu")


@public()
def block_diag(*tensors: Tensor) -> Tensor:
    """Matrices along the diagonal of one.

    Source: torch.block_diag
    """
    from .view import put_basic

    parts = _alike([x if x.ndim == 2 else x.reshape(1, -1) for x in tensors])  # type: ignore[attr-defined]
    shape = tuple(int(math.fsum(x._array.shape[i] for x in parts)) for i in (0, 1))
    row = column = 0
    whole: Any = None
    for x in parts:
        n, m = x._array.shape
        part = put_basic(x, (slice(row, row + n), slice(column, column + m)), shape)
        whole = part if whole is None else whole + part
        row, column = row + n, column + m
    return whole
