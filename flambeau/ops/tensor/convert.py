"""Conversions: other dtypes, devices and memory formats, copies, and what is written to tensors."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from ... import kernels
from ...autograd.mode import mode
from ...core import tensor as handle
from ...core.accelerator import accelerator
from ...core.device import CPU, resolve, transfer
from ...core.device import device as Device
from ...core.dtype import CONVERSIONS, DTYPES, FLOAT, convertible, dtype
from ...core.dtype import dtype as _dtype
from ...core.kind import kind_of
from ...core.layout import (
    CHANNELS_LAST,
    check_memory_format,
    contiguous_format,
    copy_of,
    preserve_format,
)
from ...core.layout import is_contiguous as is_laid_out
from ...core.promotion import result_dtype
from ...core.tensor import Tensor, class_name, wrap
from ...dispatch.registry import method, public
from ...dispatch.rule.rule_operation import Operation, operation


@operation(label="ToCopy")
def to_copy(x: Any, target: Any, format: Any = None) -> Any:
    """The values in another dtype."""
    if target is None:
        raise NotImplementedError(
            "to(): quantised elements need a scale: use torch.quantize_per_tensor(x, scale, zero_point, dtype)"
        )
    found = _by_kernel(x, target, format)
    if found is not None:
        return found
    x = convertible(x, target)
    if format is None and x.size <= _FEW and x.flags.forc:
        return x.astype(target)
    return copy_of(x, target, format)


@to_copy.gradient
def _(g: Tensor) -> Tensor:
    return g  # the engine casts it back


@operation(label="ToCopy")
def known_copy(x: Any, values: Any) -> Any:
    """The values in another dtype, which somebody has kept (see `amp.cast`); nobody may write to them."""
    return values


@known_copy.gradient
def _(g: Tensor) -> Tensor:
    return g


def _by_kernel(x: Any, target: Any, format: Any) -> Any:
    """The values by machine code; None where there is none, or where dimensions of size 1 have strides to be kept."""
    if x.__class__ is not np.ndarray or format is not None or 1 in x.shape or not kernels.enabled():
        return None
    return kernels.loops.convert.converted(x, target)


_FEW = 4096
"""Elements up to which NumPy copies without further question."""


@operation(label="Clone")
def clone_(x: Any, format: Any = None) -> Any:
    """A copy."""
    if format is None and x.size <= _FEW and x.flags.forc:
        return x.copy(order="K")
    found = _by_kernel(x, x.dtype, format)
    return copy_of(x, x.dtype, format) if found is None else found


@clone_.gradient
def _(g: Tensor) -> Tensor:
    return g


@operation(label="PinMemory")
def pinned_(x: Any) -> Any:
    """A copy in page-locked memory."""
    return accelerator().pinned(x)


@pinned_.gradient
def _(g: Tensor) -> Tensor:
    return g


@public(method=True)
def clone(input: Tensor, *, memory_format: Any = None) -> Tensor:
    """A copy with the same history.

    Args:
        memory_format: How the copy lies in memory; by default as `input` does, without its gaps.

    Raises:
        RuntimeError: The memory format is of another rank.

    Source: torch.clone

    Example:
        >>> import flambeau as torch
        >>> torch.ones(1, 2, 3, 4).clone(memory_format=torch.channels_last).stride()
        (24, 1, 8, 2)
    """
    if memory_format is None:
        return clone_(input)
    check_memory_format("clone", memory_format, input._array.ndim)
    return clone_(input, memory_format)


_ON_CPU = (("cpu",),)


@method()
def to(
    self: Tensor,
    *args: Any,
    dtype: Any = None,
    device: Any = None,
    non_blocking: bool = False,
    copy: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """In another dtype, on another device or in another memory format; itself if nothing changes.

    Args:
        args: A dtype, a device, a device and a dtype, or a tensor to be like; then non_blocking
            and copy.
        non_blocking: A copy from page-locked memory to an accelerator need not be waited for.
        copy: Give a copy even so.
        memory_format: How the result is to lie in memory.

    Raises:
        TypeError: The arguments are in no such order.
        RuntimeError: The device is not there, or the memory format is of another rank.

    Source: torch.Tensor.to

    Example:
        >>> import flambeau as torch
        >>> torch.ones(2).to(torch.int64)
        tensor([1, 1])
    """
    plain = not (dtype or device or copy or memory_format)
    if plain and len(args) == 1 and args[0].__class__ is _dtype:  # the usual call
        return self if args[0] is self._kind.dtype else in_dtype(self, args[0])
    if plain and args in _ON_CPU and self._kind.device is CPU:
        return self
    if args:
        dtype, device, non_blocking, copy = _sorted_out(args, dtype, device, non_blocking, copy)
    if non_blocking.__class__ is not bool or copy.__class__ is not bool:
        raise _bad_target(args or (non_blocking, copy))
    if dtype is not None and dtype.__class__ is not _dtype:
        dtype = _dtype_of(dtype, args or (dtype,))
    return converted(self, dtype, device, non_blocking, copy, memory_format)


def in_dtype(x: Tensor, target: _dtype) -> Tensor:
    """The values in another dtype: straight through the kernel where nothing is recorded."""
    if x._node is None or not mode.recording:
        array = _by_kernel(x._array, target.numpy, None)
        if array is None and target.is_complex and x._array.size <= _FEW and x._array.flags.forc:
            array = x._array.astype(target.numpy)
        if array is not None:
            return handle.make(array, x._kind.with_dtype(target), None, [0], None)
    return to_copy(x, target.numpy)


def _sorted_out(args: tuple, dtype: Any, device: Any, non_blocking: Any, copy: Any) -> tuple:
    """dtype, device, non_blocking and copy of a call of `to` with positional arguments."""
    first, *flags = args
    if isinstance(first, Tensor):
        if dtype is not None or device is not None:
            raise _bad_target(args)
        dtype, device = first.dtype, first.device
    elif isinstance(first, (_dtype, type)):
        if dtype is not None or device is not None:
            raise _bad_target(args)
        dtype = first
    elif first is None or isinstance(first, (str, int, Device)):
        if device is not None or isinstance(first, bool):
            raise _bad_target(args)
        device = first
        if flags and not isinstance(flags[0], bool):
            if dtype is not None:
                raise _bad_target(args)
            dtype = flags.pop(0)
    else:
        raise _bad_target(args)
    if len(flags) > 2:
        raise _bad_target(args)
    return dtype, device, *(*flags, *(non_blocking, copy)[len(flags) :])


def _bad_target(args: tuple) -> TypeError:
    given = ", ".join(type(item).__name__ for item in args)
    return TypeError(
        f"to() received an invalid combination of arguments - got ({given}), but expected a "
        "torch.dtype, a device, a device and a dtype, or a Tensor; then non_blocking and copy (bools)"
    )


def _dtype_of(given: Any, args: tuple) -> Any:
    """A Python type as the dtype it stands for."""
    if given is bool:
        return DTYPES["bool"]
    if given is int:
        return DTYPES["int64"]
    if given is float:
        return DTYPES["float64"]
    raise _bad_target(args)


def converted(
    self: Tensor,
    dtype: Any,
    device: Any = None,
    non_blocking: bool = False,
    copy: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """What `Tensor.to` gives once its arguments are sorted out."""
    if memory_format is not None:
        check_memory_format("to", memory_format, self._array.ndim)
        if memory_format is preserve_format:
            memory_format = None
    result = self
    if device is not None:
        target = resolve(device)
        if target is not self._kind.device:
            result = _move(self, target, self._kind.device, non_blocking)
    if dtype is not None and dtype is not result._kind.dtype:
        return to_copy(result, dtype.numpy, memory_format)
    if memory_format in CHANNELS_LAST and not is_laid_out(result._array, memory_format):
        copy = True
    elif memory_format is contiguous_format and result is not self:
        copy = not result._array.flags.c_contiguous
    elif result is not self:
        copy = False
    return clone_(result, memory_format) if copy else result


class _Moving(Operation):
    """An operation whose result is on another device than its operand."""

    def finish(self, values: Any, tensors: Any, options: tuple) -> Tensor:
        source = tensors[0]
        result = wrap(values, kind_of(source._kind.dtype, options[0]))
        if mode.recording and source._node is not None:
            self.record([result], tensors, (source._node,), options)
        return result


def _moved(x: Any, target: Device, source: Device, non_blocking: bool) -> Any:
    """The values on another device, in the same order in memory where they fill it."""
    order = _order(x)
    if order is None:
        return transfer(x, source, target, non_blocking)
    there = transfer(x.transpose(order), source, target, non_blocking)
    return there.transpose([order.index(axis) for axis in range(x.ndim)])


def _order(x: Any) -> list[int] | None:
    """The dimensions of a dense array from the slowest to the fastest; None for another, and if they are in order."""
    if x.flags.c_contiguous:
        return None
    order = sorted(range(x.ndim), key=lambda axis: -x.strides[axis])
    return order if x.transpose(order).flags.c_contiguous else None


_move = _Moving(_moved, "x", False, "ToCopy", None)


@_move.gradient
def _(g: Tensor, source: Device) -> Tensor:
    return converted(g, None, source)


def _conversion(name: str, target: Any) -> None:
    def convert(self: Tensor, memory_format: Any = None) -> Tensor:
        if memory_format is not None:
            check_memory_format(name, memory_format, self._array.ndim)
            return converted(self, target, memory_format=memory_format)
        return self if self._kind.dtype is target else in_dtype(self, target)

    convert.__name__ = convert.__qualname__ = name
    convert.__doc__ = f"The values as {target}.\n\n    Source: torch.Tensor.{name}\n    "
    method(name)(convert)


for _name, _target in CONVERSIONS.items():
    _conversion(_name, _target)


@method()
def type_as(self: Tensor, other: Tensor) -> Tensor:
    """In another tensor's dtype and on its device.

    Raises:
        TypeError: `other` is no tensor.

    Source: torch.Tensor.type_as
    """
    if not isinstance(other, Tensor):
        raise TypeError(  # type: ignore[unreachable]
            f"type_as(): argument 'other' (position 1) must be Tensor, not {class_name(other)}"
        )
    if self._kind is other._kind:
        return self
    return converted(self, other.dtype, other.device)


@method()
def cpu(self: Tensor, memory_format: Any = preserve_format) -> Tensor:
    """On the CPU.

    Source: torch.Tensor.cpu
    """
    return converted(self, None, CPU, memory_format=memory_format)


def _mover(name: str, title: str) -> None:
    @method(name)
    def move(
        self: Tensor,
        device: Any = None,
        non_blocking: bool = False,
        memory_format: Any = preserve_format,
    ) -> Tensor:
        place = name if device is None else device
        return converted(self, None, place, non_blocking, memory_format=memory_format)

    move.__doc__ = f"""On {title}.

    Args:
        device: Which one; the current one by default.
        non_blocking: A copy from page-locked memory need not be waited for.
        memory_format: How the result is to lie in memory.

    Raises:
        RuntimeError, AssertionError: There is no such device.

    Source: torch.Tensor.{name}
    """
    move.__name__ = name


_mover("cuda", "a CUDA device")
_mover("xpu", "an XPU device")
_mover("mtia", "an MTIA device")
_mover("ipu", "an IPU device")


@public(method=True)
def detach(input: Tensor) -> Tensor:
    """The same memory without history.

    Source: torch.Tensor.detach
    """
    result = handle.make(input._array, input._kind, None, input._cell, input)
    result._base = None  # writes to it are no part of this tensor's history
    return result


@method()
def detach_(self: Tensor) -> Tensor:
    """Drop the history in place."""
    if self._base is not None:
        raise RuntimeError(
            "Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel "
            "(DDP) for training, and gradient_as_bucket_view is set as True, gradients are views of DDP "
            "buckets, and hence detach_() cannot be called on these gradients."
        )
    self._node = None
    return self


@public()
def result_type(tensor: Any, other: Any) -> dtype:
    """The dtype that an operation on these operands would give.

    Args:
        tensor: A tensor or a number.
        other: A tensor or a number.

    Raises:
        RuntimeError: The two do not promote.
        TypeError: One is neither.

    Source: torch.result_type

    Example:
        >>> import flambeau as torch
        >>> torch.result_type(torch.ones(2, dtype=torch.int32), 1.5)
        torch.float32
    """
    if tensor.__class__ is Tensor and other.__class__ is Tensor:
        first, second = tensor._kind.dtype, other._kind.dtype
        if first is second:
            return first
    number = other.__class__ is float or other.__class__ is int
    if number and tensor.__class__ is Tensor and tensor._kind.dtype.category >= FLOAT:
        return tensor._kind.dtype
    if tensor.__class__ is Tensor and other.__class__ in _NUMBERS:
        number_type: Any = other.__class__
        return _beside_number(tensor._kind.dtype, tensor._array.ndim > 0, number_type)
    both = (tensor, other)
    return result_dtype(
        [x.dtype for x in both if isinstance(x, Tensor) and x.ndim],
        [x.dtype for x in both if isinstance(x, Tensor) and not x.ndim],
        [x for x in both if not isinstance(x, Tensor)],
    )


_NUMBERS = frozenset((bool, int, float, complex))


@lru_cache(256)
def _beside_number(own: Any, has_dims: bool, number: type) -> dtype:
    """The dtype of an operation on a tensor and a number, of which the type alone matters."""
    return result_dtype([own] * has_dims, [own] * (not has_dims), [number(1)])


def _question(name: str, ask: Callable[[Tensor], Any], text: str, is_method: bool = False) -> None:
    """Define a function that asks one thing of a tensor."""

    def function(input: Tensor) -> Any:
        if not isinstance(input, Tensor):
            raise TypeError(
                f"{name}(): argument 'input' (position 1) must be Tensor, not {class_name(input)}"
            )
        return ask(input)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{text}\n\n    Source: torch.{name}\n    "
    public(name, method=is_method)(function)


_question("is_floating_point", Tensor.is_floating_point, "Is the dtype a floating-point one?")
_question("is_complex", Tensor.is_complex, "Is the dtype complex?")
_question("is_signed", Tensor.is_signed, "Can the dtype hold negative numbers?")
_question("numel", Tensor.numel, "The number of elements.")
_question("is_nonzero", Tensor.__bool__, "Is the one element of a tensor not zero?", True)
