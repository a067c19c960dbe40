"""Tensors joined: cat, stack, hstack and their kin, block_diag."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from ... import kernels
from ...core.promotion import can_cast, promote_types
from ...core.tensor import Tensor, wrap, wrap_dim
from ...dispatch.registry import method, public
from ...dispatch.remembered import remembers
from ...dispatch.rule.rule_operation import operation
from ...dispatch.write import write_out
from ..tensor.convert import result_type
from ..view.shape import reshape, unsqueeze

_FEW = 4096
"""Elements of the first part below which NumPy joins without further question."""


def _is_few(arrays: Any) -> bool:
    first = arrays[0]
    return first.size < _FEW and first.__class__ is ndarray


@operation(operands="*tensors", label="Cat", moves=True)
def cat_(tensors: list[Any], dim: int) -> Any:
    """Arrays one after the other."""
    return kernels.array.concatenate.concatenate(tensors, dim)


@cat_.gradient
def _(g: Tensor, dim: int, shape_tensors: list[tuple[int, ...]]) -> list[Tensor]:
    sizes = [shape[dim] if shape else 1 for shape in shape_tensors]
    return list(g.split(sizes, dim))


@operation(operands="*tensors", label="Stack", moves=True)
def stack_(tensors: list[Any], dim: int) -> Any:
    """Arrays along a new dimension."""
    return kernels.array.concatenate.stack(tensors, dim)


@stack_.gradient
def _(g: Tensor, dim: int) -> list[Tensor]:
    return list(g.unbind(dim))


def listed(name: str, tensors: Any) -> list[Tensor]:
    """The tensors of a sequence.

    Raises:
        TypeError: It is no sequence, or holds something else.
    """
    if not isinstance(tensors, (list, tuple)):
        raise TypeError(
            f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not "
            f"{type(tensors).__name__}"
        )
    for i, x in enumerate(tensors):
        if not isinstance(x, Tensor):
            raise TypeError(
                f"expected Tensor as element {i} in argument 0, but got {type(x).__name__}"
            )
    return list(tensors)


def plain_arrays(tensors: Any) -> list[Any] | None:
    """The arrays of tensors of one kind without history; None where some other way is needed."""
    if (tensors.__class__ is not list and tensors.__class__ is not tuple) or not tensors:
        return None
    arrays, kind = [], getattr(tensors[0], "_kind", None)
    for x in tensors:
        if not isinstance(x, Tensor) or x._kind is not kind or x._node is not None:
            return None
        arrays.append(x._array)
    return arrays


def alike(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Tensors of one dtype: the one that all of them promote to."""
    kind = tensors[0]._kind
    if all(x._kind is kind for x in tensors):
        return list(tensors)
    common = kind.dtype
    dimensioned = [x for x in tensors if x._array.ndim] or tensors
    common = dimensioned[0].dtype
    for x in dimensioned[1:]:
        common = promote_types(common, x.dtype)
    for x in tensors:
        if not x._array.ndim:
            common = result_type(dimensioned[0].new_empty((1,), dtype=common), x)
    return [x if x.dtype is common else x.to(common) for x in tensors]


@public("cat", "concat", "concatenate")
@remembers("tensors")
def cat(tensors: Sequence[Tensor], dim: int = 0, *, out: Tensor | None = None) -> Tensor:
    """Tensors one after the other along a dimension.

    Args:
        tensors: Of one shape, but for the dimension; empty ones of shape (0,) are passed over.
        dim: The dimension.
        out: Where to write the result.

    Raises:
        RuntimeError: Their sizes differ in another dimension.
        ValueError: There are none.

    Source: torch.cat

    Example:
        >>> import flambeau as torch
        >>> torch.cat([torch.tensor([1, 2]), torch.tensor([3])])
        tensor([1, 2, 3])
    """
    arrays = plain_arrays(tensors)
    if arrays is not None and (out is None or getattr(out, "_kind", None) is tensors[0]._kind):
        try:
            join = np.concatenate if _is_few(arrays) else kernels.array.concatenate.concatenate
            made = join(arrays, dim)
            if not made.flags.c_contiguous:
                made = np.ascontiguousarray(made)
            result = wrap(made, tensors[0]._kind)
            return result if out is None else write_out(out, result, "cat", tensors)
        except (ValueError, TypeError):
            pass  # sizes that differ, or empty tensors that are passed over
    parts = listed("cat", tensors)
    if not parts:
        raise ValueError("torch.cat(): expected a non-empty list of Tensors")
    parts = alike(parts)
    for i, x in enumerate(parts):
        if not x._array.ndim:
            raise RuntimeError(
                f"zero-dimensional tensor (at position {i}) cannot be concatenated: use stack()"
            )
    real = [x for x in parts if x._array.shape != (0,)] or parts[:1]
    if real[0]._array.ndim == 1:
        real = parts
    at = wrap_dim(dim, real[0]._array.ndim)
    first = real[0]._array.shape
    rest = first[:at] + first[at + 1 :]
    for x in real:
        own = x._array.shape
        if len(own) != len(first) or own[:at] + own[at + 1 :] != rest:
            _misfit(parts, first, at, x)
    result = cat_(real, at)
    if out is not None and not can_cast(result.dtype, out.dtype):
        raise TypeError(
            f"torch.cat(): input types can't be cast to the desired output type {out.dtype.legacy}"
        )
    return result if out is None else write_out(out, result, "cat", parts)


def _misfit(parts: list[Tensor], first: tuple[int, ...], at: int, x: Tensor) -> None:
    own, number = x._array.shape, next(i for i, part in enumerate(parts) if part is x)
    if len(own) != len(first):
        raise RuntimeError(
            f"Tensors must have same number of dimensions: got {len(first)} and {len(own)}"
        )
    i = next(i for i, (n, m) in enumerate(zip(first, own)) if n != m and i != at)
    raise RuntimeError(
        f"Sizes of tensors must match except in dimension {at}. Expected size {first[i]} but got "
        f"size {own[i]} for tensor number {number} in the list."
    )


@public()
@remembers("tensors")
def stack(tensors: Sequence[Tensor], dim: int = 0, *, out: Tensor | None = None) -> Tensor:
    """Tensors of one shape along a new dimension.

    Raises:
        RuntimeError: There are none, or their shapes differ.

    Source: torch.stack

    Example:
        >>> import flambeau as torch
        >>> torch.stack([torch.tensor([1, 2]), torch.tensor([3, 4])], 1)
        tensor([[1, 3],
                [2, 4]])
    """
    arrays = plain_arrays(tensors)
    if arrays is not None and out is None:
        try:
            join = np.stack if _is_few(arrays) else kernels.array.concatenate.stack
            made = join(arrays, dim)
            if not made.flags.c_contiguous:
                made = np.ascontiguousarray(made)
            return wrap(made, tensors[0]._kind)
        except (ValueError, TypeError, IndexError):
            pass  # said below in PyTorch's words
    parts = listed("stack", tensors)
    if not parts:
        raise RuntimeError("stack expects a non-empty TensorList")
    parts = alike(parts)
    shape = parts[0]._array.shape
    for i, x in enumerate(parts):
        if x._array.shape != shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(shape)} at entry 0 "
                f"and {list(x._array.shape)} at entry {i}: pad them to one size first "
                "(torch.nn.utils.rnn.pad_sequence); a DataLoader does so in its collate_fn="
            )
    result = stack_(parts, wrap_dim(dim, len(shape) + 1))
    return result if out is None else write_out(out, result, "stack", parts)


@method()
def _stacked(self: Tensor, tensors: Sequence[Tensor]) -> Tensor:
    """`stack` as rooms below call it; `self` is one of the tensors."""
    return stack(tensors)


def _at_least(n: int) -> Any:
    def function(*tensors: Any) -> Any:
        if len(tensors) == 1 and isinstance(tensors[0], Tensor):
            return lift(tensors[0])
        several = tensors[0] if len(tensors) == 1 else tensors
        return tuple(lift(x) for x in listed(name, several))

    def lift(x: Tensor) -> Tensor:
        while x._array.ndim < n:
            x = unsqueeze(x, 0 if x._array.ndim < 2 else -1)
        return x

    name = f"atleast_{n}d"
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""With at least {n} dimensions: one tensor, or each of several.

    Source: torch.{name}

    Example:
        >>> import flambeau as torch
        >>> torch.{name}(torch.tensor(1)).shape
        torch.Size({[1] * n})
    """
    return public()(function)


atleast_1d, atleast_2d, atleast_3d = _at_least(1), _at_least(2), _at_least(3)


def _joined(name: str, lift: Any, dim: int, doc: str) -> Any:
    @remembers("tensors")
    def function(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
        parts = [lift(x) for x in listed(name, tensors)]
        if not parts:
            raise RuntimeError(f"{name} expects a non-empty TensorList")
        at = min(dim, max(parts[0]._array.ndim - 1, 0)) if name == "hstack" else dim
        return cat(parts, at, out=out)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""{doc}

    Raises:
        RuntimeError: There are no tensors, or their sizes do not match.

    Source: torch.{name}
    """
    return public()(function)


def _column(x: Tensor) -> Tensor:
    return reshape(x, (x._array.size, 1)) if x._array.ndim < 2 else x


_joined(
    "hstack",
    atleast_1d,
    1,
    "Tensors side by side: along the second dimension, vectors along theirs.",
)
_joined("vstack", atleast_2d, 0, "Tensors one below the other, vectors as rows.")
_joined("row_stack", atleast_2d, 0, "Tensors one below the other, vectors as rows.")
_joined("dstack", atleast_3d, 2, "Tensors behind each other: along the third dimension.")
_joined("column_stack", _column, 1, "Tensors side by side, vectors as columns.")


@public()
@remembers("tensors")
def block_diag(*tensors: Tensor) -> Tensor:
    """Matrices along the diagonal of one; vectors count as rows.

    Raises:
        RuntimeError: One has more than two dimensions.

    Source: torch.block_diag

    Example:
        >>> import flambeau as torch
        >>> torch.block_diag(torch.tensor([[1, 2]]), torch.tensor(3))
        tensor([[1, 2, 0],
                [0, 0, 3]])
    """
    given = listed("block_diag", tensors)
    for i, x in enumerate(given):
        if x._array.ndim > 2:
            raise RuntimeError(
                "torch.block_diag: Input tensors must have 2 or fewer dimensions. Input "
                f"{i} has {x._array.ndim} dimensions"
            )
    if not given:
        from ..create.full import zeros  # the only case without a tensor to start from

        return zeros(1, 0)
    parts = alike([atleast_2d(x) for x in given])
    shape = tuple(sum(x._array.shape[i] for x in parts) for i in (0, 1))
    return blocks_(parts, shape)


@operation(operands="*tensors", label="BlockDiag", moves=True)
def blocks_(tensors: Sequence[Any], shape: tuple[int, int]) -> Any:
    """Zeros with matrices along the diagonal."""
    whole = kernels.array.zeros.zeros(shape, tensors[0].dtype)
    row = column = 0
    for x in tensors:
        n, m = x.shape
        kernels.array.copy.copy_into(whole[row : row + n, column : column + m], x)
        row, column = row + n, column + m
    return whole


@blocks_.gradient
def _(g: Tensor, shape_tensors: list[tuple[int, int]]) -> list[Tensor]:
    found, row, column = [], 0, 0
    for n, m in shape_tensors:
        found.append(g[row : row + n, column : column + m])
        row, column = row + n, column + m
    return found
