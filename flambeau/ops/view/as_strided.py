"""Views by strides, what lies at a place of memory, and the memory itself: contiguous, resize_."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
from numpy import ndarray

from ... import kernels
from ..._caller import warn
from ...core import tensor as handle
from ...core.dtype import BY_NUMPY
from ...core.layout import check_memory_format, contiguous_format, copy_of, preserve_format
from ...core.layout import is_contiguous as is_laid_out
from ...core.limit import EXCEEDED, MAX_DIMS, reworded
from ...core.memory import may_overlap, owner
from ...core.tensor import Tensor, element_strides, register, wrap
from ...core.unset import left
from ...dispatch.registry import method, public
from ...dispatch.remembered import Finding
from ...dispatch.rule.rule_operation import operation
from ...dispatch.rule.view_operation import sizes_of, strided_view, view_operation


def storage_of(x: Tensor) -> Any:
    """All the memory that x and its views share, as one dimension."""
    root = x._root()._array
    span = 1 + sum((n - 1) * step // root.itemsize for n, step in zip(root.shape, root.strides))
    return strided_view(root, (span if root.size else 0,), (root.itemsize,))


def at_strides(flat: Any, shape: tuple[int, ...], steps: tuple[int, ...], offset: int) -> Any:
    """A view of one-dimensional memory by sizes, strides and offset in elements."""
    if 0 in shape:
        return flat[:0].reshape(shape) if flat.size else np.empty(shape, flat.dtype)
    return strided_view(flat[offset:], shape, tuple(n * flat.itemsize for n in steps))


@view_operation("AsStrided", linear=False)
def as_strided_(x: Any, flat: Any, own: tuple, wanted: tuple) -> Any:
    """A view of the memory `flat`; `own` and `wanted` are (shape, strides, offset) in elements."""
    return at_strides(flat, *wanted)


@as_strided_.gradient
def _(g: Tensor, flat: Any, own: tuple, wanted: tuple) -> Tensor:
    return laid(g, flat.size, wanted, own, own)


@operation
def laid(g: Any, size: int, source: tuple, target: tuple, shared: tuple) -> Any:
    """`g` added up in memory where `source` looks, shared out there, and read where `target` does.

    Elements of `shared` that lie at one place are one number, whose gradient they divide among them: what
    made them one (expand, unfold) adds it up again.
    """
    where = at_strides(np.arange(size), *source)
    flat = kernels.gather.indexed.spread((size,), (where,), g.astype(BY_NUMPY[g.dtype].compute))
    if may_overlap(*shared[:2]):
        elements = at_strides(np.arange(size), *shared)
        flat /= np.maximum(np.bincount(elements.reshape(-1), minlength=size), 1)
    return at_strides(flat, *target).astype(g.dtype)


@laid.gradient
def _(g: Tensor, size: int, source: tuple, target: tuple, shared: tuple) -> Tensor:
    return laid(g, size, target, source, shared)


@public(method=True)
def as_strided(input: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """A view by sizes, strides and offset in the memory that the tensor and its views share.

    Raises:
        RuntimeError: It would reach outside that memory.

    Source: torch.as_strided

    Example:
        >>> import flambeau as torch
        >>> torch.as_strided(torch.arange(4), (3, 2), (1, 1))
        tensor([[0, 1],
                [1, 2],
                [2, 3]])
    """
    behind = 0
    if storage_offset.__class__ is int:
        behind = storage_offset - input.storage_offset()  # type: ignore[operator]
    case = _PLACED.find(_PLACED.token, input, size, stride, behind)
    if case is not None:
        return case(input)  # type: ignore[no-any-return]
    result = _placed_at(input, size, stride, storage_offset)
    array, own = result._array, input._array
    if array.__class__ is ndarray and array.size and handle.views is not None:
        offset = behind * array.itemsize
        if 0 <= offset <= _reach(own) - _reach(array):
            sizes, steps = array.shape, element_strides(array)

            def call(x: Tensor) -> Tensor:
                return _placed_at(x, sizes, steps, x.storage_offset() + behind)

            make = partial(handle.views.view, sizes, array.strides, offset, call)
            _PLACED.learn(make, input, size, stride, behind)
    return result


_PLACED = Finding()


def _reach(array: Any) -> int:
    """How many bytes after its first element the last one lies."""
    return sum([(n - 1) * step for n, step in zip(array.shape, array.strides)])


def _placed_at(input: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    own_array = input._array
    if storage_offset is None and input._node is None and own_array.__class__ is ndarray:
        root = owner(own_array)
        whole = root.nbytes == own_array.nbytes and root.flags.c_contiguous
        if whole and own_array.flags.c_contiguous:
            shape, steps, _ = checked_place(own_array.reshape(-1), size, stride, 0)
            if 0 not in shape and len(shape) < MAX_DIMS and math.prod(shape) < 1 << 31:
                places = tuple([n * own_array.itemsize for n in steps])
                return handle.wrap_view(strided_view(own_array, shape, places), input)
    own = input._array.shape, element_strides(input._array), input.storage_offset()
    flat = storage_of(input)
    wanted = checked_place(flat, size, stride, own[2] if storage_offset is None else storage_offset)
    return as_strided_(input, flat, own, wanted)


def checked_place(flat: Any, size: Any, stride: Any, offset: int) -> tuple:
    """(shape, strides, offset) of a view of one-dimensional memory.

    Raises:
        RuntimeError: It would reach outside.
    """
    shape, steps = sizes_of((size,)), sizes_of((stride,))
    if len(shape) != len(steps):
        raise RuntimeError("mismatch in length of strides and shape")
    if any(n < 0 for n in steps):
        raise RuntimeError(
            "as_strided: Negative strides are not supported at the moment, got strides: "
            f"{list(steps)}"
        )
    if any(n < 0 for n in shape):
        raise RuntimeError(
            f"Storage size calculation overflowed with sizes={list(shape)} and "
            f"strides={list(steps)}"
        )
    if offset < 0:
        raise RuntimeError(f"Tensor: invalid storage offset {offset}")
    reach = offset + sum((n - 1) * step for n, step in zip(shape, steps)) + 1
    if 0 not in shape and reach > flat.size:
        raise RuntimeError(
            f"setStorage: sizes {list(shape)}, strides {list(steps)}, storage offset {offset}, and "
            f"itemsize {flat.itemsize} requiring a storage size of {reach * flat.itemsize} are out "
            f"of bounds for storage of size {flat.nbytes}"
        )
    return shape, steps, offset


@operation(label="Clone")
def contiguous_(x: Any, format: Any = contiguous_format) -> Any:
    """A copy in row-major order, or with the channels last."""
    plain = format is contiguous_format
    return kernels.array.copy.contiguous(x) if plain else copy_of(x, x.dtype, format)


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


@method()
def resize_(self: Tensor, *sizes: Any, size: Any = None) -> Tensor:
    """Another shape, in place: of the same memory if it is large enough, else of more.

    What is new is 0, or as `empty` leaves it where programs are to be deterministic. Other views of the
    memory stay as they are; more memory than there was is not shared with them.

    Args:
        sizes: The sizes, one by one or as a sequence.
        size: The same by name.

    Raises:
        RuntimeError: It requires grad, or a size is negative.

    Source: torch.Tensor.resize_
    """
    shape = sizes_of(sizes if size is None else (size,))
    if self._node is not None:
        raise RuntimeError("cannot resize variables that require grad")
    if min(shape, default=0) < 0:
        raise RuntimeError(f"numel: integer multiplication overflow: got the sizes {list(shape)}")
    if self._array.shape == shape:
        return self
    flat, offset, size = storage_of(self), self.storage_offset(), math.prod(shape)
    if offset + size <= flat.size:
        self._array = flat[offset : offset + size].reshape(shape)
        return self
    try:
        whole = np.zeros(offset + size, flat.dtype)
    except EXCEEDED as error:
        raise reworded(error) from None
    left(whole)
    whole[: flat.size] = flat
    memory = wrap(whole, self._kind)
    self._array, self._cell = whole[offset:].reshape(shape), memory._cell
    self._base = memory if offset else None
    register(self, self._cell)
    return self


@public(method=True)
def resize_as_(self: Tensor, the_template: Tensor, *, memory_format: Any = None) -> Tensor:
    """`resize_` to another tensor's shape.

    Source: torch.Tensor.resize_as_
    """
    return resize_(self, the_template._array.shape)


@method()
def resize(self: Tensor, *sizes: Any) -> Tensor:
    """`reshape` to a shape of as many elements, under its old name.

    Raises:
        RuntimeError: There are more or fewer elements.

    Source: torch.Tensor.resize
    """
    warn("non-inplace resize is deprecated: use reshape()")
    shape = sizes_of(sizes)
    if math.prod(shape) != self._array.size:
        raise RuntimeError(
            f"requested resize to {'x'.join(map(str, shape))} ({math.prod(shape)} elements in total), but the "
            f"given tensor has a size of {'x'.join(map(str, self.shape))} ({self._array.size} elements). "
            "autograd's resize can only change the shape of a given tensor, while preserving the number "
            "of elements."
        )
    return self.reshape(shape)  # type: ignore[attr-defined]


@method()
def resize_as(self: Tensor, tensor: Tensor) -> Tensor:
    """`resize` to another tensor's shape.

    Source: torch.Tensor.resize_as
    """
    return resize(self, tensor.shape)


@method()
def _scatter_place(self: Tensor, shape: tuple[int, ...], place: Any) -> Tensor:
    """Zeros of a base's shape with this tensor where a view of it lies."""
    return put_place(self, place, shape)


@operation
def put_place(g: Any, place: Any, shape: tuple[int, ...]) -> Any:
    """Zeros with `g` at a place of memory."""
    return place.holding(g)


@put_place.gradient
def _(g: Tensor, place: Any, shape: tuple[int, ...]) -> Tensor:
    return take_place(g, place)


@operation
def take_place(g: Any, place: Any) -> Any:
    """What lies at a place of memory."""
    whole, part = place.memory(g)
    whole[...] = g
    return part.copy()


@take_place.gradient
def _(g: Tensor, place: Any, shape_g: tuple[int, ...]) -> Tensor:
    return put_place(g, place, shape_g)


@operation
def without_place(g: Any, place: Any) -> Any:
    """`g` with zeros at a place of memory."""
    whole, part = place.memory(g)
    whole[...] = g
    part[...] = 0
    return whole


@without_place.gradient
def _(g: Tensor, place: Any) -> Tensor:
    return without_place(g, place)


method("_take_place")(lambda self, place: take_place(self, place))


@method()
def _put_place(self: Tensor, place: Any, part: Tensor | None) -> Tensor:
    """This tensor with a place of it exchanged for `part` (None: zeros)."""
    rest = without_place(self, place)
    return rest if part is None else rest + put_place(part, place, self._array.shape)
