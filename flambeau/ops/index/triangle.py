"""Triangles and diagonals of matrices: tril, triu, diag, diag_embed, trace."""

from __future__ import annotations

import functools
import operator
from typing import Any

import numpy as np

from ... import kernels
from ...autograd.mode import mode
from ...core.tensor import Tensor, wrap_dim
from ...dispatch.registry import method, public
from ...dispatch.remembered import remembers
from ...dispatch.rule.rule_operation import operation
from ...dispatch.write import write_out
from ..view.as_strided import as_strided
from ..view.slice import diagonal, put_diagonal
from .advanced import sibling


def _other(x: Any, diagonal: int, upper: bool) -> Any:
    """Where there are zeros."""
    height, width = x.shape[-2:]
    mask = np.tri(height, width, diagonal - 1, bool)
    return mask if upper else ~mask


def _kept(x: Any, diagonal: int, upper: bool) -> Any:
    nothing = np.zeros((), x.dtype)
    return kernels.array.masked_fill.filled(
        np.ascontiguousarray(x), _other(x, diagonal, upper), nothing
    )


def _clear(x: Any, diagonal: int, upper: bool) -> None:
    nothing = np.zeros((), x.dtype)
    kernels.array.masked_fill.fill(x, _other(x, diagonal, upper), nothing)


_kept_map = kernels.Native("array.triangle", "kept", _kept)
_clear_map = kernels.Native("array.triangle", "clear", _clear)


def _triangle(name: str, side: str) -> Any:
    upper = name == "triu"

    def compute(x: Any, diagonal: int) -> None:
        _clear_map(x, diagonal if upper else diagonal + 1, upper)

    compute.__name__ = f"{name}_"
    compute.__doc__ = f"The {side} triangle; zeros elsewhere."
    made = operation(compute, label=name.capitalize(), moves=True, writes=True)
    made.gradient(lambda g, diagonal: made(g, diagonal))

    @made.afresh
    def _(x: Any, diagonal: int) -> Any:
        return _kept_map(x, diagonal if upper else diagonal + 1, upper)

    @remembers("input")
    def function(input: Tensor, diagonal: int = 0, *, out: Tensor | None = None) -> Tensor:
        result = made(input, _checked(name, input, diagonal))
        return result if out is None else write_out(out, result, name)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""The {side} triangle of matrices; the rest is zero.

    Args:
        input: Matrices, in the last two dimensions.
        diagonal: The last diagonal that is kept: 0 the main one, above it positive.
        out: Where to write the result.

    Raises:
        RuntimeError: There are fewer than two dimensions.

    Source: torch.{name}

    Example:
        >>> import flambeau as torch
        >>> torch.{name}(torch.ones(2, 2))
        tensor([[1., {"0" if name == "tril" else "1"}.],
                [{"1" if name == "tril" else "0"}., 1.]])
    """

    def form(self: Tensor, diagonal: int = 0) -> Tensor:
        options = (_checked(name, self, diagonal),)
        return made.into(self, (), options, mode.recording and self._node is not None)

    form.__name__ = form.__qualname__ = f"{name}_"
    form.__doc__ = f"The in-place form of `{name}`."
    method()(form)
    return public(method=True)(function)


def _checked(name: str, input: Tensor, diagonal: Any) -> int:
    if input._array.ndim < 2:
        raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions")
    if not hasattr(diagonal, "__index__"):
        raise TypeError(f"{name}(): argument 'diagonal' must be int, not {type(diagonal).__name__}")
    return operator.index(diagonal)


tril, triu = _triangle("tril", "lower"), _triangle("triu", "upper")


_diag_embed = sibling(put_diagonal, "DiagEmbed")


@public(method=True)
@remembers("input")
def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The last dimension as the diagonal of matrices.

    Args:
        input: The diagonals.
        offset: Which diagonal: 0 the main one, above it positive.
        dim1, dim2: The dimensions of the matrices in the result.

    Raises:
        RuntimeError: The two dimensions are one.

    Source: torch.diag_embed

    Example:
        >>> import flambeau as torch
        >>> torch.diag_embed(torch.tensor([1, 2]))
        tensor([[1, 0],
                [0, 2]])
    """
    shape = input._array.shape
    a, b = wrap_dim(dim1, len(shape) + 1), wrap_dim(dim2, len(shape) + 1)
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    if not shape:
        wrap_dim(-2, 0)
    size = shape[-1] + abs(offset)
    whole = list(shape[:-1])
    for at in sorted((a, b)):
        whole.insert(at, size)
    return _diag_embed(input, operator.index(offset), a, b, tuple(whole))


@public(method=True)
@remembers("input")
def diag(input: Tensor, diagonal: int = 0, *, out: Tensor | None = None) -> Tensor:
    """The diagonal of a matrix, as a copy; of a vector, the matrix with that diagonal.

    Raises:
        RuntimeError: It is neither.

    Source: torch.diag

    Example:
        >>> import flambeau as torch
        >>> torch.diag(torch.tensor([[1, 2], [3, 4]]))
        tensor([1, 4])
    """
    ndim = input._array.ndim
    if ndim not in (1, 2):
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {ndim}D")
    result = diag_embed(input, diagonal) if ndim == 1 else _diagonal(input, diagonal).clone()
    return result if out is None else write_out(out, result, "diag")


_diagonal = diagonal


@public(method=True)
@remembers("input")
def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """The matrix that has all elements on its diagonal.

    Source: torch.diagflat

    Example:
        >>> import flambeau as torch
        >>> torch.diagflat(torch.tensor([1, 2]), 1)
        tensor([[0, 1, 0],
                [0, 0, 2],
                [0, 0, 0]])
    """
    return diag_embed(input.reshape(-1), offset)


@method()
def fill_diagonal_(self: Tensor, fill_value: Any, wrap: bool = False) -> Tensor:
    """One value on the diagonal, in place.

    Args:
        self: A matrix, or a tensor whose dimensions are all of one size.
        fill_value: The number.
        wrap: Begin anew below the square part of a tall matrix?

    Raises:
        RuntimeError: It is a vector, or has more than two dimensions of different sizes.

    Source: torch.Tensor.fill_diagonal_

    Example:
        >>> import flambeau as torch
        >>> torch.zeros(2, 2).fill_diagonal_(1)
        tensor([[1., 0.],
                [0., 1.]])
    """
    shape = self._array.shape
    if len(shape) < 2:
        raise RuntimeError("dimensions must larger than 1")
    if len(shape) > 2 and len(set(shape)) > 1:
        raise RuntimeError("all dimensions of input must be of equal length")
    if not wrap and len(shape) == 2:
        diagonal(self).fill_(fill_value)
        return self
    size, step, offset = min(shape), sum(self.stride()), self.storage_offset()
    as_strided(self, (size,), (step,), offset).fill_(fill_value)
    if wrap and len(shape) == 2 and shape[0] > shape[1] + 1:
        rest = (self._array.size + shape[1]) // (shape[1] + 1) - size
        start = offset + self.stride(0) * (shape[1] + 1)
        as_strided(self, (rest,), (step,), start).fill_(fill_value)
    return self


@public(method=True)
def trace(input: Tensor) -> Tensor:
    """The sum of the diagonal of a matrix.

    Raises:
        RuntimeError: It is no matrix.

    Source: torch.trace

    Example:
        >>> import flambeau as torch
        >>> torch.trace(torch.tensor([[1, 2], [3, 4]]))
        tensor(5)
    """
    if input._array.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {input.ndim}")
    if input.dtype.name == "bool":
        raise NotImplementedError("\"trace\" not implemented for 'Bool': convert it first")
    return _trace(input)


@operation(label="Trace")
def _trace(x: Any) -> Any:
    """The sum of the diagonal, added up in 64 bits."""
    wide, own = _sum_types(x.dtype)
    return np.asarray(x.diagonal().sum(None, wide), own)


@_trace.gradient
def _(g: Tensor, shape_x: tuple[int, ...]) -> Tensor:
    return put_diagonal(g.expand(min(shape_x)), 0, 0, 1, shape_x)


@functools.cache
def _sum_types(dtype: Any) -> tuple[Any, Any]:
    """In which type elements are added up, and that of the sum: of integers it is int64."""
    category = "f" if dtype.kind == "V" else dtype.kind
    wide = {"f": np.float64, "c": np.complex128}.get(category, np.int64)
    return np.dtype(wide), np.dtype(np.int64) if dtype.kind in "iu" else dtype
