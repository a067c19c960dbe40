"""Views: other shapes of the same memory, and copies where no view can be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..autograd.mode import mode
from ..core.dtype import dtype as DType
from ..core.kind import kind_of
from ..core.layout import check_memory_format, contiguous_format, copy_of, preserve_format
from ..core.layout import is_contiguous as is_laid_out
from ..core.tensor import Tensor, wrap_dim, wrap_view
from .registry import method, public
from .row import wrap_dims
from .rule import operation


def _shape(args: tuple) -> tuple[int, ...]:
    """Sizes given one by one or as a sequence."""
    if len(args) == 1 and isinstance(args[0], (tuple, list)):
        args = tuple(args[0])
    return tuple(n if n.__class__ is int else n.__index__() for n in args)


def infer(shape: tuple[int, ...], size: int) -> tuple[int, ...]:
    """`shape` with its -1 worked out.

    Raises:
        RuntimeError: It does not hold `size` elements.
    """
    if -1 in shape:
        if shape.count(-1) > 1:
            raise RuntimeError("only one dimension can be inferred")
        known = math.prod(n for n in shape if n != -1)
        if known == 0 and size == 0:
            raise RuntimeError(
                f"cannot reshape tensor of 0 elements into shape {list(shape)} because the unspecified "
                "dimension size -1 can be any value and is ambiguous"
            )
        if known == 0 or size % known:
            raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {size}")
        return tuple(size // known if n == -1 else n for n in shape)
    if math.prod(shape) != size or min(shape, default=0) < 0:
        bad = min(shape, default=0)
        raise RuntimeError(
            f"invalid shape dimension {bad}"
            if bad < -1
            else f"shape '{list(shape)}' is invalid for input of size {size}"
        )
    return shape


def _as_view(array: Any, shape: tuple[int, ...]) -> Any:
    """`array` in another shape without a copy, or None where strides do not allow it."""
    if array.flags.c_contiguous or array.size == 0:
        return array.reshape(shape)
    view = array.view()
    try:
        view.shape = shape
    except AttributeError:
        return None
    return view


@operation(view=True, label="View")
def view_(x: Any, shape: tuple[int, ...]) -> Any:
    """Another shape of the same memory."""
    return x.reshape(shape)


@view_.gradient
def _(g: Tensor, shape_x: tuple[int, ...]) -> Tensor:
    return reshape(g, shape_x)


@operation(label="UnsafeView")
def reshaped(x: Any, shape: tuple[int, ...]) -> Any:
    """Another shape, by a copy."""
    return x.reshape(shape).copy() if x.flags.c_contiguous else x.reshape(shape)


@reshaped.gradient
def _(g: Tensor, shape_x: tuple[int, ...]) -> Tensor:
    return reshape(g, shape_x)


@method()
def view(self: Tensor, *shape: Any) -> Tensor:
    """Another shape, or another dtype, of the same memory.

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
    if self._node is None and not self._kind.overridden and array.flags.c_contiguous:
        try:
            return wrap_view(array.reshape(shape), self)
        except (ValueError, TypeError):
            pass
    if len(shape) == 1 and isinstance(shape[0], DType):
        return view_dtype(self, shape[0])
    wanted = infer(_shape(shape), array.size)
    if _as_view(array, wanted) is None:
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one dimension "
            "spans across two contiguous subspaces). Use .reshape(...) instead."
        )
    return view_(self, wanted)


def view_dtype(x: Tensor, dtype: Any) -> Tensor:
    """The same bytes as another dtype."""
    try:
        array = x._array.view(dtype.numpy) if x.ndim or dtype.itemsize == x.itemsize else None
    except ValueError as error:
        raise RuntimeError(
            f"self.size(-1) must be divisible by the ratio of the element sizes to view "
            f"{x.dtype} as {dtype}: {error}"
        ) from None
    if array is None:
        raise RuntimeError(
            f"self.dim() cannot be 0 to view {x.dtype} as {dtype} (different element sizes)"
        )
    result = wrap_view(array, x)
    result._kind = kind_of(dtype, x.device)
    return result


@public(method=True)
def reshape(input: Tensor, *shape: Any) -> Tensor:
    """Another shape: a view where that can be, else a copy.

    Source: torch.reshape
    """
    wanted = infer(_shape(shape), input._array.size)
    if _as_view(input._array, wanted) is not None:
        return view_(input, wanted)
    return reshaped(input, wanted)


@method()
def view_as(self: Tensor, other: Tensor) -> Tensor:
    """`view` in another tensor's shape."""
    return view(self, other.shape)


@method()
def reshape_as(self: Tensor, other: Tensor) -> Tensor:
    """`reshape` to another tensor's shape."""
    return reshape(self, other.shape)


@operation(view=True, label="Permute")
def permute_(x: Any, dims: tuple[int, ...]) -> Any:
    """The dimensions in another order."""
    return x.transpose(dims)


@permute_.gradient
def _(g: Tensor, dims: tuple[int, ...]) -> Tensor:
    return permute_(g, tuple(int(i) for i in np.argsort(dims)))


@public(method=True)
def permute(input: Tensor, *dims: Any) -> Tensor:
    """The dimensions in another order.

    Raises:
        RuntimeError: Not each dimension is named once.

    Source: torch.permute
    """
    order = _shape(dims)
    if len(order) != input.ndim:
        raise RuntimeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the length "
            f"of the desired ordering of dimensions i.e. input.dim() = {input.ndim} is not equal to "
            f"len(dims) = {len(order)}".replace("(sparse_coo)", "")
        )
    order = tuple(wrap_dim(d, input.ndim) for d in order)
    if len(set(order)) != len(order):
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    return permute_(input, order)


@operation(view=True, label="Transpose")
def transpose_(x: Any, dim0: int, dim1: int) -> Any:
    """Two dimensions exchanged."""
    return x.swapaxes(dim0, dim1)


@transpose_.gradient
def _(g: Tensor, dim0: int, dim1: int) -> Tensor:
    return transpose_(g, dim0, dim1)


@public("transpose", "swapaxes", "swapdims", method="transpose swapaxes swapdims")
def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two dimensions exchanged.

    Source: torch.transpose

    Example:
        >>> import flambeau as torch
        >>> torch.transpose(torch.ones(2, 3), 0, 1).shape
        torch.Size([3, 2])
    """
    a, b = wrap_dim(dim0, input.ndim), wrap_dim(dim1, input.ndim)
    if input.ndim == 0:
        return view_(input, ())
    return transpose_(input, a, b)


@operation(view=True, label="T")
def t_(x: Any) -> Any:
    """The transpose of a matrix; vectors stay."""
    return x.T


@t_.gradient
def _(g: Tensor) -> Tensor:
    return t_(g)


@public(method=True)
def t(input: Tensor) -> Tensor:
    """The transpose of a matrix; vectors stay.

    Raises:
        RuntimeError: It has more than two dimensions.

    Source: torch.t
    """
    if input.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D")
    return t_(input)


def _matrix_transpose(self: Tensor) -> Tensor:
    """The last two dimensions exchanged."""
    if self.ndim < 2:
        raise RuntimeError(
            f"tensor.mT is only supported on matrices or batches of matrices. Got {self.ndim}-D tensor."
        )
    return transpose_(self, self.ndim - 2, self.ndim - 1)


def _adjoint(self: Tensor) -> Tensor:
    """The last two dimensions exchanged, conjugated."""
    swapped = _matrix_transpose(self)
    return swapped.conj() if self.dtype.is_complex else swapped  # type: ignore[attr-defined]


def _hermitian(self: Tensor) -> Tensor:
    """The conjugated transpose of a matrix."""
    if self.ndim not in (0, 2):
        raise RuntimeError(
            f"tensor.H is only supported on matrices (2-D tensors). Got {self.ndim}-D tensor."
        )
    return _adjoint(self) if self.ndim else self


Tensor.T = property(  # type: ignore[attr-defined]
    lambda self: permute_(self, tuple(reversed(range(self.ndim)))),
    doc="The dimensions in reverse order.",
)
Tensor.mT = property(_matrix_transpose)  # type: ignore[attr-defined]
Tensor.mH = property(_adjoint)  # type: ignore[attr-defined]
Tensor.H = property(_hermitian)  # type: ignore[attr-defined]
public("adjoint", method="adjoint")(_adjoint)


@public("movedim", "moveaxis", method="movedim moveaxis")
def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """Dimensions moved to other places.

    Source: torch.movedim
    """
    sources, targets = wrap_dims(source, input.ndim), wrap_dims(destination, input.ndim)
    if len(sources) != len(targets):
        raise RuntimeError(
            f"movedim: Invalid source or destination dims: source ({list(sources)} dims) should "
            f"contain the same number of dims as destination ({list(targets)} dims)"
        )
    order = [i for i in range(input.ndim) if i not in sources]
    for target, dim in sorted(zip(targets, sources)):
        order.insert(target, dim)
    return permute(input, order)


@operation(view=True, label="Unsqueeze")
def unsqueeze_(x: Any, dim: int) -> Any:
    """A new dimension of size 1."""
    return np.expand_dims(x, dim)


@unsqueeze_.gradient
def _(g: Tensor, dim: int) -> Tensor:
    return squeeze_(g, (dim,))


@public(method=True)
def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """A new dimension of size 1.

    Source: torch.unsqueeze
    """
    return unsqueeze_(input, wrap_dim(dim, input.ndim + 1))


@operation(view=True, label="Squeeze")
def squeeze_(x: Any, dims: tuple[int, ...]) -> Any:
    """Without the named dimensions of size 1."""
    return (
        x.reshape(tuple(n for i, n in enumerate(x.shape) if i not in dims))
        if x.size == 0
        else np.squeeze(x, dims)
    )


@squeeze_.gradient
def _(g: Tensor, shape_x: tuple[int, ...]) -> Tensor:
    return reshape(g, shape_x)


@public(method=True)
def squeeze(input: Tensor, dim: Any = None) -> Tensor:
    """Without dimensions of size 1: all of them, or those named.

    Source: torch.squeeze
    """
    dims = wrap_dims(dim, input.ndim)
    return squeeze_(input, tuple(d for d in dims if input.ndim and input._array.shape[d] == 1))


@operation(view=True, label="Expand")
def expand_(x: Any, shape: tuple[int, ...]) -> Any:
    """Spread over larger dimensions without a copy."""
    view = np.lib.stride_tricks.as_strided(
        x,
        shape,
        (0,) * (len(shape) - x.ndim)
        + tuple(
            0 if n == 1 and m != 1 else step
            for n, m, step in zip(x.shape, shape[len(shape) - x.ndim :], x.strides)
        ),
    )
    return view


@expand_.gradient
def _(g: Tensor, shape_x: tuple[int, ...]) -> Tensor:
    return sum_to_size(g, shape_x)


@method()
def expand(self: Tensor, *sizes: Any, implicit: bool = False) -> Tensor:
    """Dimensions of size 1 spread to larger sizes, without a copy; -1 keeps a size.

    Raises:
        RuntimeError: A size does not fit.

    Source: torch.Tensor.expand
    """
    shape = list(_shape(sizes))
    own = self._array.shape
    lead = len(shape) - len(own)
    if lead < 0:
        raise RuntimeError(
            f"expand: the number of sizes provided ({len(shape)}) must be greater or equal to the number "
            f"of dimensions in the tensor ({len(own)})"
        )
    for i, n in enumerate(shape):
        if n == -1:
            if i < lead:
                raise RuntimeError(
                    f"The expanded size of the tensor (-1) isn't allowed in a leading, non-existing "
                    f"dimension {i}"
                )
            shape[i] = own[i - lead]
        elif i >= lead and own[i - lead] not in (1, n):
            raise RuntimeError(
                f"The expanded size of the tensor ({n}) must match the existing size ({own[i - lead]}) "
                f"at non-singleton dimension {i}.  Target sizes: {shape}.  Tensor sizes: {list(own)}"
            )
    return expand_(self, tuple(shape))


@method()
def expand_as(self: Tensor, other: Tensor) -> Tensor:
    """`expand` to another tensor's shape."""
    return expand(self, other.shape)


@public(method=True)
def broadcast_to(input: Tensor, size: Any) -> Tensor:
    """`expand` to a shape.

    Source: torch.broadcast_to
    """
    return expand(input, *_shape((size,)))


@public()
def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """Every tensor expanded to their common shape.

    Source: torch.broadcast_tensors
    """
    from .write import broadcast

    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    shape = broadcast([x._array.shape for x in tensors])
    return tuple(expand(x, *shape) for x in tensors)


@method()
def sum_to_size(self: Tensor, *size: Any) -> Tensor:
    """The sum over what broadcasting from `size` would have spread."""
    shape = _shape(size)
    extra = self.ndim - len(shape)
    dims = [
        *range(extra),
        *(i + extra for i, n in enumerate(shape) if n == 1 and self.shape[i + extra] != 1),
    ]
    if not dims:
        return self
    return reshape(self.sum(dims, keepdim=True), shape)  # type: ignore[attr-defined]


@method()
def _fit(self: Tensor, shape: tuple[int, ...]) -> Tensor:
    """A gradient in the shape of what it belongs to: summed where that was spread, spread where summed."""
    result = self
    if result.ndim > len(shape) or any_larger(result.shape, shape):
        wanted = [
            n if m != 1 else 1 for n, m in zip(result.shape[result.ndim - len(shape) :], shape)
        ]
        result = sum_to_size(result, wanted)
    return result if tuple(result.shape) == tuple(shape) else expand(result, *shape)


def any_larger(a: Sequence[int], b: Sequence[int]) -> bool:
    """Is `b` 1 where `a` is not?"""
    lead = len(b) - len(a)
    return any(n != 1 and b[i + lead] == 1 for i, n in enumerate(a) if i + lead >= 0)


@public(method=True)
def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """A run of dimensions joined into one.

    Source: torch.flatten
    """
    if input.ndim == 0:
        return reshape(input, 1)
    start, end = wrap_dim(start_dim, input.ndim), wrap_dim(end_dim, input.ndim)
    if start > end:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    shape = input.shape
    return (
        input
        if start == end
        else reshape(input, (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]))
    )


@public(method=True)
def ravel(input: Tensor) -> Tensor:
    """All elements in one dimension.

    Source: torch.ravel
    """
    return reshape(input, -1)


@public(method=True)
def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """One dimension split into several.

    Source: torch.unflatten
    """
    at = wrap_dim(dim, input.ndim)
    shape = input.shape
    return reshape(input, (*shape[:at], *infer(_shape((sizes,)), shape[at]), *shape[at + 1 :]))


@operation(view=True, label="Slice")
def index_basic(x: Any, key: Any) -> Any:
    """Integers, slices, None and Ellipsis: a view."""
    return x[key]


@index_basic.gradient
def _(g: Tensor, key: Any, shape_x: tuple[int, ...]) -> Tensor:
    return put_basic(g, key, shape_x)


@operation
def put_basic(g: Any, key: Any, shape: tuple[int, ...]) -> Any:
    """Zeros with `g` where `index_basic` looked."""
    whole = np.zeros(shape, g.dtype)
    whole[key] = g
    return whole


@put_basic.gradient
def _(g: Tensor, key: Any) -> Tensor:
    return index_basic(g, key)


@operation(view=True, label="Select")
def select_(x: Any, dim: int, index: int) -> Any:
    """One slice of a dimension."""
    return x[(*(slice(None),) * dim, index, Ellipsis)]


@select_.gradient
def _(g: Tensor, dim: int, index: int, shape_x: tuple[int, ...]) -> Tensor:
    return put_basic(g, (*(slice(None),) * dim, index, Ellipsis), shape_x)


@public(method=True)
def select(input: Tensor, dim: int, index: int) -> Tensor:
    """One slice of a dimension, which goes away.

    Raises:
        IndexError: Out of range.

    Source: torch.select
    """
    if input.ndim == 0:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    at, index = wrap_dim(dim, input.ndim), int(index)
    size = input._array.shape[at]
    if not -size <= index < size:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(input.shape)} at dimension {dim}"
        )
    return select_(input, at, index)


@public(method=True)
def narrow(input: Tensor, dim: int, start: Any, length: int) -> Tensor:
    """`length` elements of a dimension from `start` on.

    Source: torch.narrow
    """
    at, start = wrap_dim(dim, input.ndim), int(start)
    size = input._array.shape[at]
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    if not -size <= start <= size:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [-{size}, {size}], but got {start})"
        )
    start = start + size if start < 0 else start
    if start + length > size:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({size}).")
    return index_basic(input, (*(slice(None),) * at, slice(start, start + length)))


@operation(view=True, label="Unbind")
def unbind_(x: Any, dim: int) -> Any:
    """Every slice of a dimension."""
    return (
        tuple(np.moveaxis(x, dim, 0))
        if x.ndim > 1
        else tuple(x[i : i + 1].reshape(()) for i in range(x.shape[0]))
    )


@unbind_.gradient
def _(g: list[Tensor], dim: int) -> Tensor:
    from .structure import stack

    return stack(g if isinstance(g, list) else [g], dim)


@public(method=True)
def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """Every slice of a dimension.

    Source: torch.unbind
    """
    return unbind_(input, wrap_dim(dim, input.ndim))


@operation(view=True, label="Split")
def split_(x: Any, sizes: tuple[int, ...], dim: int) -> Any:
    """Parts of a dimension."""
    parts, start = [], 0
    for n in sizes:
        parts.append(x[(*(slice(None),) * dim, slice(start, start + n))])
        start += n
    return tuple(parts)


@split_.gradient
def _(g: list[Tensor], dim: int) -> Tensor:
    from .structure import cat

    return cat(g if isinstance(g, list) else [g], dim)


@public(method=True)
def split(
    tensor: Tensor,
    split_size_or_sections: Any = None,
    dim: int = 0,
    *,
    split_size: Any = None,
) -> tuple[Tensor, ...]:
    """Parts of a given size, or of given sizes.

    Source: torch.split
    """
    sizes = split_size_or_sections if split_size is None else split_size
    at = wrap_dim(dim, tensor.ndim)
    total = tensor._array.shape[at]
    if isinstance(sizes, (list, tuple)):
        if builtin_sum(sizes) != total:
            raise RuntimeError(
                f"split_with_sizes expects split_sizes to sum exactly to {total} (input tensor's size at "
                f"dimension {at}), but got split_sizes={list(sizes)}"
            )
        return split_(tensor, tuple(int(n) for n in sizes), at)
    if sizes < 0 or (sizes == 0 and total):
        raise RuntimeError(f"split expects split_size be non-negative, but got split_size={sizes}")
    count = max(1, -(-total // sizes)) if sizes else 1
    return split_(tensor, (*(sizes,) * (count - 1), total - sizes * (count - 1)), at)


def builtin_sum(sizes: Sequence[int]) -> int:
    """Python's own sum of ints."""
    return int(math.fsum(sizes))


@public(method=True)
def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most `chunks` parts of equal size, the last perhaps smaller.

    Source: torch.chunk
    """
    if chunks <= 0:
        raise RuntimeError("chunk expects `chunks` to be greater than 0, got: " + str(chunks))
    size = input._array.shape[wrap_dim(dim, input.ndim)]
    return (
        split(input, max(1, -(-size // chunks)), dim) if size else split(input, [0] * chunks, dim)
    )


@operation(view=True, label="Diagonal")
def diagonal_(x: Any, offset: int, dim1: int, dim2: int) -> Any:
    """The elements at equal indices of two dimensions, as the last dimension."""
    view = x.diagonal(offset, dim1, dim2)
    if x.flags.writeable:
        view.flags.writeable = True
    return view


@diagonal_.gradient
def _(g: Tensor, offset: int, dim1: int, dim2: int, shape_x: tuple[int, ...]) -> Tensor:
    return put_diagonal(g, offset, dim1, dim2, shape_x)


@operation
def put_diagonal(g: Any, offset: int, dim1: int, dim2: int, shape: tuple[int, ...]) -> Any:
    """Zeros with `g` on a diagonal."""
    whole = np.zeros(shape, g.dtype)
    part = whole.diagonal(offset, dim1, dim2)
    part.flags.writeable = True
    part[...] = g
    return whole


@put_diagonal.gradient
def _(g: Tensor, offset: int, dim1: int, dim2: int) -> Tensor:
    return diagonal_(g, offset, dim1, dim2)


@public(method=True)
def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The elements at equal indices of two dimensions, as the last dimension.

    Source: torch.diagonal
    """
    a, b = wrap_dim(dim1, input.ndim), wrap_dim(dim2, input.ndim)
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return diagonal_(input, offset, a, b)


@public(method=True)
def as_strided(input: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """A view by sizes, strides and offset in the memory of the tensor that owns it.

    Raises:
        RuntimeError: It would reach outside that memory.

    Source: torch.as_strided
    """
    shape, steps = _shape((size,)), _shape((stride,))
    offset = input.storage_offset() if storage_offset is None else storage_offset
    root = input._root()._array
    if len(shape) != len(steps):
        raise RuntimeError("mismatch in length of strides and shape")
    if any(n < 0 for n in steps):
        raise RuntimeError(
            "as_strided: Negative strides are not supported at the moment, got strides: "
            f"{list(steps)}"
        )
    reach = (
        offset + builtin_sum([(n - 1) * s for n, s in zip(shape, steps)]) + 1
        if 0 not in shape
        else 0
    )
    span = 1 + builtin_sum(
        [(n - 1) * (s // root.itemsize) for n, s in zip(root.shape, root.strides)]
    )
    if reach > span or offset < 0:
        raise RuntimeError(
            f"setStorage: sizes {list(shape)}, strides {list(steps)}, storage offset {offset} require "
            f"{reach} elements, out of bounds for storage of {span}"
        )
    flat = np.lib.stride_tricks.as_strided(root, (span,), (root.itemsize,))
    return (
        strided(input, shape, steps, offset - input.storage_offset())
        if mode.recording and (input._node is not None)
        else wrap_view(_strided(flat, shape, steps, offset), input)
    )


def _strided(flat: Any, shape: tuple[int, ...], steps: tuple[int, ...], offset: int) -> Any:
    item = flat.itemsize
    return (
        np.ndarray(
            shape, flat.dtype, flat[offset:] if offset else flat, 0, tuple(s * item for s in steps)
        )
        if flat.size > offset
        else np.zeros(shape, flat.dtype)
    )


@operation(view=True, label="AsStrided")
def strided(x: Any, shape: tuple[int, ...], steps: tuple[int, ...], shift: int) -> Any:
    """A view of a contiguous tensor by sizes, strides and offset in elements."""
    return np.lib.stride_tricks.as_strided(
        x.reshape(-1)[shift:], shape, tuple(s * x.itemsize for s in steps)
    )


@strided.gradient
def _(
    g: Tensor, shape: tuple[int, ...], steps: tuple[int, ...], shift: int, shape_x: tuple[int, ...]
) -> Tensor:
    return put_strided(g, shape, steps, shift, shape_x)


@operation
def put_strided(
    g: Any, shape: tuple[int, ...], steps: tuple[int, ...], shift: int, whole: tuple[int, ...]
) -> Any:
    """Zeros with `g` added where `strided` looked."""
    flat = np.zeros(math.prod(whole), g.dtype)
    where = np.lib.stride_tricks.as_strided(
        np.arange(flat.size)[shift:], shape, tuple(s * 8 for s in steps)
    )
    np.add.at(flat, where, g)
    return flat.reshape(whole)


@put_strided.gradient
def _(g: Tensor, shape: tuple[int, ...], steps: tuple[int, ...], shift: int) -> Tensor:
    return strided(g, shape, steps, shift)


@operation(view=True, label="Unfold")
def unfold_(x: Any, dim: int, size: int, step: int) -> Any:
    """Windows of a dimension, as a new last dimension."""
    windows = np.lib.stride_tricks.sliding_window_view(x, size, dim, writeable=x.flags.writeable)
    return windows[(*(slice(None),) * dim, slice(None, None, step))]


@unfold_.gradient
def _(g: Tensor, dim: int, size: int, step: int, shape_x: tuple[int, ...]) -> Tensor:
    return fold_back(g, dim, size, step, shape_x)


@operation
def fold_back(g: Any, dim: int, size: int, step: int, shape: tuple[int, ...]) -> Any:
    """Windows added up where they came from."""
    whole = np.zeros(shape, g.dtype)
    for i in range(size):
        part = (*(slice(None),) * dim, slice(i, i + (g.shape[dim] - 1) * step + 1, step))
        whole[part] += g[..., i]
    return whole


@fold_back.gradient
def _(g: Tensor, dim: int, size: int, step: int) -> Tensor:
    return unfold_(g, dim, size, step)


@method()
def unfold(self: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """Windows of `size` elements every `step`, as a new last dimension.

    Source: torch.Tensor.unfold
    """
    dim = wrap_dim(dimension, self.ndim)
    limit = self.shape[dim] if self.ndim else 1
    if size > limit:
        raise RuntimeError(
            f"maximum size for tensor at dimension {dimension} is {limit} but size is {size}"
        )
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    return unfold_(self if self.ndim else reshape(self, 1), dim, size, step)


@operation(view=True, label="ViewAsReal")
def view_as_real_(x: Any) -> Any:
    """Real and imaginary parts as a last dimension of size 2."""
    part = x.real
    return np.lib.stride_tricks.as_strided(part, (*x.shape, 2), (*x.strides, part.itemsize))


@view_as_real_.gradient
def _(g: Tensor) -> Tensor:
    return view_as_complex(g)


def _retyped(result: Tensor, dtype: Any) -> Tensor:
    result._kind = kind_of(dtype, result.device)
    if result._node is not None:
        result._node.kind = result._kind
    return result


@public(method=True)
def view_as_real(input: Tensor) -> Tensor:
    """Real and imaginary parts as a last dimension of size 2.

    Source: torch.view_as_real
    """
    if not input.dtype.is_complex:
        raise RuntimeError("view_as_real is only supported for complex tensors")
    return _retyped(view_as_real_(input), input.dtype.to_real())


@operation(view=True, label="ViewAsComplex")
def view_as_complex_(x: Any) -> Any:
    """A last dimension of size 2 as complex numbers."""
    return x.view(np.result_type(x.dtype, np.complex64))[..., 0]


@view_as_complex_.gradient
def _(g: Tensor) -> Tensor:
    return view_as_real(g)


@public(method=True)
def view_as_complex(input: Tensor) -> Tensor:
    """A last dimension of size 2 as complex numbers.

    Source: torch.view_as_complex
    """
    if input.dtype.name not in ("float32", "float64"):
        raise RuntimeError(
            f"view_as_complex is only supported for half, float and double tensors, but got a tensor "
            f"of scalar type: {input.dtype}"
        )
    if input.ndim == 0 or input.shape[-1] != 2:
        raise RuntimeError("Tensor must have a last dimension of size 2")
    if input.stride(-1) != 1:
        raise RuntimeError("Tensor must have a last dimension with stride 1")
    return _retyped(view_as_complex_(input), input.dtype.to_complex())


@operation(label="Clone")
def contiguous_(x: Any, format: Any = contiguous_format) -> Any:
    """A copy in row-major order, or with the channels last."""
    return np.array(x, order="C") if format is contiguous_format else copy_of(x, x.dtype, format)


@contiguous_.gradient
def _(g: Tensor) -> Tensor:
    return g


@method()
def contiguous(self: Tensor, *, memory_format: Any = contiguous_format) -> Tensor:
    """Itself if its elements lie in row-major order (or the given one), else a copy that does.

    Raises:
        RuntimeError: The memory format is of another rank, or is preserve_format.

    Source: torch.Tensor.contiguous
    """
    if memory_format is contiguous_format:
        return self if self._array.flags.c_contiguous else contiguous_(self)
    check_memory_format("contiguous", memory_format, self._array.ndim)
    if is_laid_out(self._array, memory_format):
        return self
    if memory_format is preserve_format:
        raise RuntimeError(
            "preserve memory format is unsupported by the contiguous operator: use clone()"
        )
    return contiguous_(self, memory_format)


@method()
def is_contiguous(self: Tensor, *, memory_format: Any = contiguous_format) -> bool:
    """Do the elements lie in row-major order (or the given one) without gaps?

    Source: torch.Tensor.is_contiguous
    """
    if memory_format is contiguous_format:
        return self._array.flags.c_contiguous
    check_memory_format("is_contiguous", memory_format)
    return is_laid_out(self._array, memory_format)


@operation(label="Flip")
def flip_(x: Any, dims: tuple[int, ...]) -> Any:
    """The order of dimensions' elements reversed."""
    return np.flip(x, dims).copy()


@flip_.gradient
def _(g: Tensor, dims: tuple[int, ...]) -> Tensor:
    return flip_(g, dims)


@public(method=True)
def flip(input: Tensor, *dims: Any) -> Tensor:
    """The order of dimensions' elements reversed (a copy).

    Source: torch.flip
    """
    return flip_(input, wrap_dims(_shape(dims), input.ndim))


@operation(label="Roll")
def roll_(x: Any, shifts: tuple[int, ...], dims: tuple[int, ...] | None) -> Any:
    """Elements shifted round."""
    return np.roll(x, shifts if dims is not None else shifts[0], dims)


@roll_.gradient
def _(g: Tensor, shifts: tuple[int, ...], dims: tuple[int, ...] | None) -> Tensor:
    return roll_(g, tuple(-n for n in shifts), dims)


@public(method=True)
def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """Elements shifted along dimensions; those that fall out come in at the other end.

    Source: torch.roll
    """
    steps = _shape((shifts,))
    if dims is None or dims == ():
        return roll_(input, steps, None)
    where = _shape((dims,))
    if len(where) != len(steps):
        raise RuntimeError(
            f"shifts and dimensions must align. shifts: {len(steps)}, dims:{len(where)}"
        )
    return roll_(input, steps, tuple(wrap_dim(d, input.ndim) for d in where))


@method()
def repeat(self: Tensor, *repeats: Any) -> Tensor:
    """Copies side by side along every dimension.

    Source: torch.Tensor.repeat
    """
    counts = _shape(repeats)
    if len(counts) < self.ndim:
        raise RuntimeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor"
        )
    shape = (1,) * (len(counts) - self.ndim) + tuple(self.shape)
    mixed = [n for pair in zip((1,) * len(shape), shape) for n in pair]
    spread = [n for pair in zip(counts, shape) for n in pair]
    whole = [n * m for n, m in zip(counts, shape)]
    return reshape(contiguous(expand(reshape(self, mixed), *spread)), whole)


@public(method=True)
def tile(input: Tensor, *dims: Any) -> Tensor:
    """`repeat`, where missing leading counts are 1.

    Source: torch.tile
    """
    counts = _shape(dims)
    return repeat(input, *((1,) * (input.ndim - len(counts)) + counts))


def _at_least(n: int) -> Any:
    def function(*tensors: Any) -> Any:
        if len(tensors) == 1 and not isinstance(tensors[0], (list, tuple)):
            return lift(tensors[0])
        several = tensors[0] if len(tensors) == 1 else tensors
        return tuple(lift(x) for x in several)

    def lift(x: Tensor) -> Tensor:
        while x.ndim < n:
            x = unsqueeze(x, 0 if x.ndim < 2 else -1)
        return x

    function.__name__ = function.__qualname__ = f"atleast_{n}d"
    function.__doc__ = f"With at least {n} dimensions.\n\n    Source: torch.atleast_{n}d\n    "
    return public(function.__name__)(function)


for _n in (1, 2, 3):
    _at_least(_n)


@public()
def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Tensor, ...]:
    """Vectors spread over a grid, one dimension each.

    Source: torch.meshgrid
    """
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    if indexing not in (None, "ij", "xy"):
        raise RuntimeError(
            f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}'
        )
    swap = indexing == "xy" and len(tensors) > 1
    vectors = [reshape(x, -1) for x in tensors]
    if swap:
        vectors[0], vectors[1] = vectors[1], vectors[0]
    n = len(vectors)
    shape = [x.shape[0] for x in vectors]
    grids = [
        expand(reshape(x, *(1,) * i, -1, *(1,) * (n - i - 1)), *shape)
        for i, x in enumerate(vectors)
    ]
    if swap:
        grids[0], grids[1] = grids[1], grids[0]
        grids = [transpose(g, 0, 1) for g in grids]
    return tuple(grids)


@method()
def _scatter_place(self: Tensor, shape: tuple[int, ...], place: Any) -> Tensor:
    """Zeros of a base's shape with this tensor where a view of it lies."""
    return put_place(self, place, shape)


@operation
def put_place(g: Any, place: Any, shape: tuple[int, ...]) -> Any:
    """Zeros with `g` at a place of memory."""
    whole, part = place.memory()
    np.copyto(part, g)
    return whole


@put_place.gradient
def _(g: Tensor, place: Any, shape: tuple[int, ...]) -> Tensor:
    return take_place(g, place)


@operation
def take_place(g: Any, place: Any) -> Any:
    """What lies at a place of memory."""
    whole, part = place.memory()
    np.copyto(whole, g)
    return part.copy()


@take_place.gradient
def _(g: Tensor, place: Any, shape_g: tuple[int, ...]) -> Tensor:
    return put_place(g, place, shape_g)


method("_take_place")(lambda self, place: take_place(self, place))


@method()
def _put_place(self: Tensor, place: Any, part: Tensor | None) -> Tensor:
    """This tensor with a place of it exchanged for `part` (None: zeros)."""
    rest = self - put_place(take_place(self, place), place, tuple(self.shape))  # type: ignore[operator]
    return rest if part is None else rest + put_place(part, place, tuple(self.shape))
