"""Other shapes of the same memory: view, reshape, squeeze, expand, flatten."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ... import kernels
from ...core import tensor as handle
from ...core.dtype import dtype as DType
from ...core.kind import kind_of
from ...core.limit import MAX_DIMS, too_many
from ...core.tensor import Tensor, element_strides, wrap, wrap_dim
from ...dispatch.formula.rowwise import wrap_dims
from ...dispatch.registry import method, public
from ...dispatch.remembered import remembers
from ...dispatch.rule.rule_operation import operation
from ...dispatch.rule.view_operation import sizes_of, strided_view, view_operation

_INVALID = (
    "shape '{}' is invalid for input of size {}: {}. One dimension may be -1: it is worked out"
)


def infer(shape: tuple[int, ...], size: int) -> tuple[int, ...]:
    """`shape` with its -1 worked out.

    Raises:
        RuntimeError: It does not hold `size` elements, or has too many dimensions.
    """
    if len(shape) > MAX_DIMS:
        raise too_many(len(shape))
    for i, n in enumerate(shape):
        if n < -1:
            raise RuntimeError(f"invalid shape dimension {n} at index {i} of shape {list(shape)}")
    if shape.count(-1) > 1:
        raise RuntimeError("only one dimension can be inferred")
    known = math.prod(n for n in shape if n != -1)
    if -1 not in shape:
        if known != size:
            raise RuntimeError(_INVALID.format(list(shape), size, f"it has {known} elements"))
        return shape
    if known == 0 and size == 0:
        raise RuntimeError(
            f"cannot reshape tensor of 0 elements into shape {list(shape)} because the unspecified "
            "dimension size -1 can be any value and is ambiguous"
        )
    if known == 0 or size % known:
        what = f"its other dimensions have {known} elements, of which {size} is no multiple"
        raise RuntimeError(_INVALID.format(list(shape), size, what))
    return tuple(size // known if n == -1 else n for n in shape)


def is_shared(result: Any, array: Any) -> bool:
    """Did NumPy's reshape give a view? A view's base is the array, or the array's own base."""
    return result.base is array or (result.base is not None and result.base is array.base)


@view_operation("Alias")
def alias_(x: Any) -> Any:
    """The same elements."""
    return x[...]


@alias_.gradient
def _(g: Tensor) -> Tensor:
    return g


@view_operation("View")
def view_(x: Any, shape: tuple[int, ...]) -> Any:
    """Another shape of the same memory."""
    return x.reshape(shape)


@view_.gradient
def _(g: Tensor, shape_x: tuple[int, ...]) -> Tensor:
    return reshape(g, shape_x)


@operation(label="UnsafeView", moves=True)
def reshaped(x: Any, shape: tuple[int, ...]) -> Any:
    """Another shape, by a copy."""
    return kernels.array.copy.in_order(x).reshape(shape)


@reshaped.gradient
def _(g: Tensor, shape_x: tuple[int, ...]) -> Tensor:
    return reshape(g, shape_x)


@method()
@remembers("self")
def view(self: Tensor, *shape: Any, dtype: Any = None, size: Any = None) -> Tensor:
    """Another shape, or another dtype, of the same memory.

    Args:
        shape: Sizes, one by one or as a sequence, one of which may be -1; or a dtype.
        dtype, size: The same by name.

    Raises:
        RuntimeError: The memory's layout does not allow it: use reshape.

    Source: torch.Tensor.view

    Example:
        >>> import flambeau as torch
        >>> torch.arange(6).view(2, -1)
        tensor([[0, 1, 2],
                [3, 4, 5]])
    """
    array = self._array
    try:
        result = array.reshape(*shape)
        if result.shape == shape or _plain(shape):
            base = result.base  # of a view: the array, or the array's own base
            if base is array or (base is not None and base is array.base):
                return (
                    handle.wrap_view(result, self)
                    if self._node is None
                    else view_(self, result.shape)
                )
    except (ValueError, TypeError):
        pass  # a dtype, or an error: said below in PyTorch's words
    if dtype is None and len(shape) == 1 and isinstance(shape[0], DType):
        dtype = shape[0]
    if dtype is not None:
        return view_dtype(self, dtype)
    if size is not None:
        shape = tuple(size)
    elif not shape:
        raise TypeError("view() received an invalid combination of arguments - got (): give sizes")
    wanted = infer(sizes_of(shape, "view()"), array.size)
    if not is_shared(array.reshape(wanted), array):
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one dimension "
            "spans across two contiguous subspaces). Use .reshape(...) instead."
        )
    return view_(self, wanted)


def view_dtype(x: Tensor, dtype: Any) -> Tensor:
    """The same bytes as another dtype; no gradient flows.

    Raises:
        RuntimeError: The sizes, strides or the place in memory do not fit the other element size.
    """
    array, step = x._array, dtype.itemsize / x._array.itemsize
    if step != 1:
        _check_dtype_view(x, dtype, int(step))
    if step == 1 or array.flags.c_contiguous:
        made = array.view(dtype.numpy)
    else:
        shape = (*array.shape[:-1], int(array.shape[-1] / step))
        flat = strided_view(array, (1 if step < 1 else int(step),), (array.itemsize,))
        made = strided_view(
            flat.view(dtype.numpy), shape, (*array.strides[:-1], dtype.numpy.itemsize)
        )
    result = handle.wrap_view(made, x)
    result._kind = kind_of(dtype, x.device)
    return result


def _check_dtype_view(x: Tensor, dtype: Any, ratio: int) -> None:
    """`ratio`: how many old elements make a new one; 0 if an old one makes several."""
    pair = f"to view {x.dtype.legacy} as {dtype.legacy} (different element sizes)"
    if x.ndim == 0:
        raise RuntimeError(f"self.dim() cannot be 0 {pair}")
    strides, size = element_strides(x._array), x._array.shape[-1]
    if strides[-1] != 1:
        raise RuntimeError(f"self.stride(-1) must be 1 {pair}, but got {strides[-1]}")
    if not ratio:
        return
    checks = [("self.size(-1)", size), ("self.storage_offset()", x.storage_offset())]
    checks += [(f"self.stride({i})", n) for i, n in enumerate(strides[:-1])]
    for what, n in checks:
        if n % ratio:
            raise RuntimeError(f"{what} must be divisible by {ratio} {pair}, but got {n}")


def _plain(shape: tuple) -> bool:
    """Are these sizes that NumPy reads as PyTorch does? It takes any negative one for -1."""
    if len(shape) == 1 and shape[0].__class__ is not int:
        shape = shape[0]
        return min(shape, default=0) >= -1
    return bool(shape) and min(shape) >= -1


@public()
@remembers("input")
def reshape(input: Tensor, shape: Any) -> Tensor:
    """Another shape: a view where that can be, else a copy.

    Raises:
        RuntimeError: The shape holds another number of elements.

    Source: torch.reshape

    Example:
        >>> import flambeau as torch
        >>> torch.reshape(torch.arange(4), (2, 2)).t().reshape(-1)
        tensor([0, 2, 1, 3])
    """
    return _reshape(input, *shape)


@method("reshape")
@remembers("self")
def _reshape(self: Tensor, *shape: Any, **named: Any) -> Tensor:
    """Another shape: a view where that can be, else a copy."""
    if named:
        return reshape(self, *shape, **named)
    array = self._array
    if array.size > _LARGE and not array.flags.c_contiguous:
        return _reshape_large(self, infer(sizes_of(shape, "reshape()"), array.size))
    try:
        result = array.reshape(*shape)
        if result.shape != shape and not _plain(shape):
            raise ValueError
    except (ValueError, TypeError):
        result = array.reshape(infer(sizes_of(shape, "reshape()"), array.size))
    if self._node is None:
        return (
            handle.wrap_view(result, self) if is_shared(result, array) else wrap(result, self._kind)
        )
    return (view_ if is_shared(result, array) else reshaped)(self, result.shape)


_LARGE = 2048
"""Elements of an array not in order above which NumPy is not left to find out by copying."""


def _reshape_large(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    array = x._array
    try:
        view = array.reshape(shape, copy=False)
    except ValueError:
        view = None
    except TypeError:  # NumPy 2.0 and CuPy cannot be asked
        view = array.reshape(shape)
        view = view if is_shared(view, array) else None
    if view is None:
        return reshaped(x, shape)
    return view_(x, shape) if x._node is not None else handle.wrap_view(view, x)


@method()
def view_as(self: Tensor, other: Tensor) -> Tensor:
    """`view` in another tensor's shape."""
    return view(self, other._array.shape)


@method()
def reshape_as(self: Tensor, other: Tensor) -> Tensor:
    """`reshape` to another tensor's shape."""
    return reshape(self, other._array.shape)


@view_operation("Unsqueeze")
def unsqueeze_(x: Any, dim: int) -> Any:
    """A new dimension of size 1."""
    return x[(*(slice(None),) * dim, None)]


@unsqueeze_.gradient
def _(g: Tensor, dim: int) -> Tensor:
    return squeeze_(g, (dim,))


@public(method=True)
@remembers("input")
def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """A new dimension of size 1.

    Source: torch.unsqueeze

    Example:
        >>> import flambeau as torch
        >>> torch.tensor([1, 2]).unsqueeze(1)
        tensor([[1],
                [2]])
    """
    return unsqueeze_(input, wrap_dim(dim, input._array.ndim + 1))


@view_operation("Squeeze")
def squeeze_(x: Any, dims: tuple[int, ...]) -> Any:
    """Without the named dimensions of size 1."""
    return x.squeeze(dims)


@squeeze_.gradient
def _(g: Tensor, shape_x: tuple[int, ...]) -> Tensor:
    return reshape(g, shape_x)


@public(method=True)
@remembers("input")
def squeeze(input: Tensor, dim: Any = None) -> Tensor:
    """Without dimensions of size 1: all of them, or those named.

    Source: torch.squeeze

    Example:
        >>> import flambeau as torch
        >>> torch.zeros(2, 1, 3, 1).squeeze(1).shape
        torch.Size([2, 3, 1])
    """
    shape = input._array.shape
    if dim.__class__ is int:
        dims: tuple[int, ...] = (wrap_dim(dim, len(shape)),)
    else:
        dims = wrap_dims(dim, len(shape))
    return squeeze_(input, tuple([d for d in dims if shape and shape[d] == 1]))


@public(method=True)
@remembers("input")
def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """A run of dimensions joined into one.

    Source: torch.flatten

    Example:
        >>> import flambeau as torch
        >>> torch.zeros(2, 3, 4).flatten(1).shape
        torch.Size([2, 12])
    """
    shape = input._array.shape
    start, end = wrap_dim(start_dim, len(shape)), wrap_dim(end_dim, len(shape))
    if start > end:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if not shape:
        return reshape(input, (1,))
    if start == end:
        return input
    return reshape(input, (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]))


@public(method=True)
@remembers("input")
def ravel(input: Tensor) -> Tensor:
    """All elements in one dimension.

    Source: torch.ravel
    """
    return reshape(input.contiguous(), (-1,))


@public(method=True)
@remembers("input")
def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """One dimension split into several.

    Raises:
        RuntimeError: The sizes do not multiply up to the dimension's.

    Source: torch.unflatten

    Example:
        >>> import flambeau as torch
        >>> torch.arange(4).unflatten(0, (2, -1))
        tensor([[0, 1],
                [2, 3]])
    """
    if not isinstance(sizes, (tuple, list)):
        raise TypeError(
            "unflatten(): argument 'sizes' (position 2) must be tuple of ints, not "
            f"{type(sizes).__name__}"
        )
    shape, parts = input._array.shape, sizes_of((sizes,))
    at = wrap_dim(dim, len(shape))
    if not parts:
        raise RuntimeError("unflatten: sizes must be non-empty")
    if not shape:
        raise RuntimeError(
            "unflatten got an unexpected error: a 0-d tensor has no dimension to split"
        )
    known = math.prod(n for n in parts if n != -1)
    if known != shape[at] if -1 not in parts else known == 0 or shape[at] % known:
        raise RuntimeError(
            f"unflatten: Provided sizes {list(parts)} don't multiply up to the size of dim {at} "
            f"({shape[at]}) in the input tensor"
        )
    return view(input, *shape[:at], *infer(parts, shape[at]), *shape[at + 1 :])
