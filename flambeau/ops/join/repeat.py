"""Elements repeated: repeat, tile, repeat_interleave, grids and products of vectors."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..._caller import warn
from ...core.dtype import int64
from ...core.kind import kind_of
from ...core.layout import contiguous_format
from ...core.size import Size
from ...core.tensor import Tensor, wrap, wrap_dim
from ...dispatch.registry import method, public
from ...dispatch.remembered import remembers
from ...dispatch.rule.rule_operation import operation
from ...dispatch.rule.view_operation import sizes_of, spread_method
from ...dispatch.write import broadcast
from ..index.scatter import index_select
from ..view.expansion import expand
from ..view.shape import reshape
from .cat import listed, stack


@operation(label="Repeat", moves=True)
def repeat_(x: Any, counts: tuple[int, ...]) -> Any:
    """Copies side by side along every dimension."""
    return np.tile(x, counts)


@repeat_.gradient
def _(g: Tensor, counts: tuple[int, ...], shape_x: tuple[int, ...]) -> Tensor:
    shape = (1,) * (len(counts) - len(shape_x)) + shape_x
    parts = reshape(g, tuple(n for pair in zip(counts, shape) for n in pair))
    return reshape(parts.sum(tuple(range(0, 2 * len(counts), 2))), shape_x) if counts else g


@method()
@remembers("self")
def repeat(self: Tensor, *sizes: Any, repeats: Any = None) -> Tensor:
    """Copies side by side along every dimension.

    Args:
        sizes: How many along each, one by one or as a sequence.
        repeats: The same by name.

    Raises:
        RuntimeError: There are fewer counts than dimensions, or one is negative.

    Source: torch.Tensor.repeat

    Example:
        >>> import flambeau as torch
        >>> torch.tensor([1, 2]).repeat(2, 2)
        tensor([[1, 2, 1, 2],
                [1, 2, 1, 2]])
    """
    counts, own = sizes_of(sizes if repeats is None else (repeats,)), self._array.shape
    if len(counts) < len(own):
        raise RuntimeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of "
            "tensor"
        )
    shape = (1,) * (len(counts) - len(own)) + own
    whole = [n * m for n, m in zip(counts, shape)]
    for n, m in zip(counts, whole):
        if n < 0:
            raise RuntimeError(f"Trying to create tensor with negative dimension {m}: {whole}")
    return repeat_(self, counts)


@spread_method
@public()
@remembers("input")
def tile(input: Tensor, dims: Any) -> Tensor:
    """`repeat`, where missing leading counts are 1.

    Source: torch.tile

    Example:
        >>> import flambeau as torch
        >>> torch.tile(torch.tensor([1, 2]), (2,))
        tensor([1, 2, 1, 2])
    """
    counts = sizes_of((dims,))
    return repeat(input, *((1,) * (input._array.ndim - len(counts)) + counts))


def _counts(repeats: Tensor) -> np.ndarray:
    array = repeats._array.copy()  # others may write to it, which NumPy does not expect
    if array.ndim > 1:
        raise RuntimeError("repeats must be 0-dim or 1-dim tensor")
    if array.dtype not in (np.int64, np.int32):
        raise NotImplementedError(
            f'"repeat_interleave_cpu" not implemented for {repeats.dtype.legacy!r}: the counts '
            "must be int32 or int64"
        )
    if array.size and array.min() < 0:
        raise RuntimeError("repeats can not be negative")
    return array.reshape(-1)


@public(method=True)
@remembers("input")
def repeat_interleave(
    input: Tensor, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Each element of a dimension several times in a row; of all elements, without a dimension.

    Args:
        input: The tensor. Given alone, it holds counts, and the result indices: 0 as often as the
            first count says, and so on.
        repeats: One count, or a tensor with one for each element of the dimension.
        dim: The dimension.
        output_size: The size of the result, if known.

    Raises:
        RuntimeError: The counts do not fit, or the output size is another.

    Source: torch.repeat_interleave

    Example:
        >>> import flambeau as torch
        >>> torch.repeat_interleave(torch.tensor([5, 6]), torch.tensor([1, 2]))
        tensor([5, 6, 6])
    """
    kind = kind_of(int64, input.device)
    if repeats is None:
        counts = _counts(input)
        places = np.repeat(np.arange(counts.size), counts)
        _check_output(output_size, places.size)
        return wrap(places.astype(input._kind.numpy), input._kind)
    x = input.reshape(-1) if dim is None else input
    at = 0 if dim is None else wrap_dim(dim, x._array.ndim)
    size = x._array.shape[at] if x._array.ndim else 1
    if not isinstance(repeats, Tensor):
        count = operator.index(repeats)
        if count < 0:
            raise RuntimeError("Repeats must be non-negative")
        _check_output(output_size, size * count)
        return _each(x if x._array.ndim else x.reshape(1), at, count)
    counts = _counts(repeats)
    if counts.size == 1:
        counts = np.broadcast_to(counts, (size,))
    if counts.size != size:
        raise RuntimeError(
            "repeats must have the same size as input along dim, but got repeats.size(0) = "
            f"{counts.size} and input.size({at}) = {size}"
        )
    places = np.repeat(np.arange(size), counts)
    _check_output(output_size, places.size)
    return index_select(x if x._array.ndim else x.reshape(1), at, wrap(places, kind))


def _each(x: Tensor, dim: int, count: int) -> Tensor:
    """Each element of a dimension so many times in a row."""
    shape = x._array.shape
    spread = x.unsqueeze(dim + 1).expand(*shape[: dim + 1], count, *shape[dim + 1 :])  # type: ignore[attr-defined]
    copied = spread.clone(memory_format=contiguous_format)
    return copied.view(*shape[:dim], shape[dim] * count, *shape[dim + 1 :])


def _check_output(wanted: int | None, size: int) -> None:
    if wanted is not None and wanted != size:
        raise RuntimeError(
            f"allocated size does not match required size: output_size is {wanted}, the counts add "
            f"up to {size}"
        )


@public()
@remembers("tensors")
def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """Every tensor expanded to their common shape.

    Raises:
        RuntimeError: They have none.

    Source: torch.broadcast_tensors
    """
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    if not tensors:
        return ()
    shape = broadcast([x._array.shape for x in tensors])
    return tuple(expand(x, shape) for x in tensors)


@public()
def broadcast_shapes(*shapes: Any) -> Size:
    """The common shape that tensors of these shapes broadcast to.

    Raises:
        RuntimeError: There is none.
        ValueError: A size is negative.

    Source: torch.broadcast_shapes

    Example:
        >>> import flambeau as torch
        >>> torch.broadcast_shapes((2, 1), (3,))
        torch.Size([2, 3])
    """
    common: list[int] = []
    for number, shape in enumerate(shapes):
        sizes = [shape] if isinstance(shape, int) else list(shape)
        common = [1] * (len(sizes) - len(common)) + common
        for i in range(-1, -len(sizes) - 1, -1):
            if sizes[i] < 0:
                raise ValueError("Attempting to broadcast a dimension with negative length!")
            if sizes[i] in (1, common[i]):
                continue
            if common[i] != 1:
                raise RuntimeError(
                    f"Attempting to broadcast a dimension of length {sizes[i]} at {i}! Mismatching "
                    f"argument at index {number} had {tuple(sizes)}; but expected shape should be "
                    f"broadcastable to {common}"
                )
            common[i] = sizes[i]
    return Size(common)


@public()
@remembers("tensors")
def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Tensor, ...]:
    """Vectors spread over a grid, one dimension each.

    Args:
        tensors: Vectors (or single numbers), one by one or as a sequence.
        indexing: "ij" for dimensions in the order of the vectors; "xy" exchanges the first two.

    Raises:
        RuntimeError: They have more dimensions, or dtypes differ.

    Source: torch.meshgrid

    Example:
        >>> import flambeau as torch
        >>> torch.meshgrid(torch.tensor([1, 2]), torch.tensor([3, 4]), indexing="ij")[0]
        tensor([[1, 1],
                [2, 2]])
    """
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    if not tensors:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    if indexing is None:
        warn(
            "torch.meshgrid: in an upcoming release, it will be required to pass the indexing "
            "argument.",
            UserWarning,
        )
    elif indexing not in ("ij", "xy"):
        raise RuntimeError(
            f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}'
        )
    for x in tensors:
        if x._kind is not tensors[0]._kind:
            what = "dtype" if x.device == tensors[0].device else "device"
            raise RuntimeError(f"meshgrid expects all tensors to have the same {what}")
    for x in tensors:
        if x._array.ndim > 1:
            raise RuntimeError(
                f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {x}"
            )
    vectors, n = [reshape(x, (-1,)) for x in tensors], len(tensors)
    swap = indexing == "xy" and n > 1
    order = [1, 0, *range(2, n)] if swap else list(range(n))
    shape = [vectors[i]._array.size for i in order]
    return tuple(
        expand(reshape(x, (1,) * order[i] + (-1,) + (1,) * (n - 1 - order[i])), shape)
        for i, x in enumerate(vectors)
    )


def _check_vector(x: Tensor) -> None:
    if x._array.ndim != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(x.shape)}")


@public()
@remembers("tensors")
def cartesian_prod(*tensors: Any) -> Tensor:
    """Every combination of one element from each vector, a row for each.

    Raises:
        RuntimeError: One is not a vector, or dtypes differ.

    Source: torch.cartesian_prod

    Example:
        >>> import flambeau as torch
        >>> torch.cartesian_prod(torch.tensor([1, 2]), torch.tensor([3, 4]))
        tensor([[1, 3],
                [1, 4],
                [2, 3],
                [2, 4]])
    """
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    vectors = listed("cartesian_prod", tensors)
    for x in vectors:
        _check_vector(x)
    if len(vectors) == 1:
        return vectors[0]
    grids = meshgrid(vectors, indexing="ij")
    return stack([reshape(grid, (-1,)) for grid in grids], 1)


@public()
@remembers("input")
def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """Every choice of r elements of a vector, a row for each.

    Args:
        input: The vector.
        r: How many are chosen.
        with_replacement: May an element be chosen more than once?

    Raises:
        RuntimeError: It is not a vector, or r is negative.

    Source: torch.combinations

    Example:
        >>> import flambeau as torch
        >>> torch.combinations(torch.tensor([1, 2, 3]))
        tensor([[1, 2],
                [1, 3],
                [2, 3]])
    """
    _check_vector(input)
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    if r == 0:
        return input.new_empty((0,))
    rows = _choices(input._array.size, r, with_replacement)
    index = wrap(rows, kind_of(int64, input.device))
    return input[index]


def _choices(n: int, r: int, again: bool) -> Any:
    """The rows of r of n numbers in order, each larger than the one before, or no smaller (`again`)."""
    rows = np.arange(n)[:, None]
    for _ in range(r - 1):
        first = rows[:, -1] + (not again)
        counts = np.maximum(n - first, 0)
        begins = np.cumsum(counts) - counts
        last = np.arange(counts.sum()) + np.repeat(first - begins, counts)
        rows = np.concatenate([np.repeat(rows, counts, 0), last[:, None]], 1)
    return rows
