"""New tensors of a given shape: zeros, ones, full, empty, in all their forms.

Note: the fast path. `zeros(8, 8)` is asked for so often that a call without options goes straight
to the array and the handle's slots; every other call, and every error, goes the general way.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from ...core import layout as memory
from ...core import tensor as handle
from ...core.device import CPU, defaults
from ...core.dtype import dtype as DType
from ...core.dtype import state
from ...core.kind import Kind, kind_of
from ...core.number import converted, inferred, number
from ...core.size import Size
from ...core.tensor import Tensor, class_name
from ...core.unset import left, unset
from ...dispatch.formula.formula_node import REAL
from ...dispatch.registry import method, public
from ...dispatch.remembered import Finding, kept
from ...formula.quiet import quiet
from ...kernels.array import repeated
from ...kernels.array import zeros as blocks
from .factory import (
    check_placement,
    factory,
    finish,
    is_sparse,
    new_array,
    place,
    shape_of,
    sizes,
    sparse_zeros,
)

_SEQUENCES: frozenset[Any] = frozenset((tuple, list, Size))


def plain_kind() -> Kind | None:
    """The kind of the default dtype on the CPU; None where factories make tensors elsewhere."""
    if defaults.current is not CPU:
        return None
    kind = kind_of(state.default, CPU)
    if state.one_device:
        state.kind = kind
    return kind


def _ones(shape: Any, dtype: Any) -> Any:
    return blocks.full(shape, dtype, 1)


def _fresh(shape: Any, dtype: Any) -> Any:
    array = blocks.fresh(shape, dtype)
    return left(array) if unset.filled else array


def _filled(name: str, value: Any, fill: Callable, what: str) -> Callable:
    def general(
        *size: Any,
        out: Tensor | None = None,
        dtype: Any = None,
        layout: Any = None,
        device: Any = None,
        requires_grad: bool = False,
        pin_memory: bool = False,
        memory_format: Any = None,
        **options: Any,
    ) -> Tensor:
        if "size" in options and not size:
            size = (options.pop("size"),)
        if options or (memory_format is not None and name != "empty"):
            extra = next(iter(options), "memory_format")
            raise TypeError(f"{name}() got an unexpected keyword argument '{extra}'")
        if not size:
            raise TypeError(f'{name}() missing 1 required positional arguments: "size"')
        shape = sizes(size, name)
        if layout is not None or pin_memory is not False or memory_format is not None:
            if is_sparse(layout):
                kind = place(name, out, dtype, device)
                return sparse_zeros(name, layout, shape, kind, requires_grad)
            check_placement(name, layout, pin_memory, memory_format, len(shape))
        kind = place(name, out, dtype, device)
        if memory_format is None:
            array = new_array(name, kind, shape, value)
        else:
            array = left(memory.empty(kind.xp, shape, kind.numpy, memory_format))
        return finish(name, array, kind, out, requires_grad, pin_memory)

    known = None if value is None else Finding()

    def remembered(made: Tensor, *size: Any) -> Tensor:
        case = None if known is None else repeated.like(made._array)
        if known is not None and case is not None:
            known.keep(case, made._kind.dtype, *size)
        return made

    def function(*size: Any, **options: Any) -> Tensor:
        kind = state.kind or plain_kind()
        if size and not options and kind is not None:
            if known is not None:
                make = known.find(known.token, kind.dtype, *size)
                if make is not None:
                    return handle.make(make(), kind, None, [0], None)
            first = size[0]
            if first.__class__ is int or (first.__class__ in _SEQUENCES and len(size) == 1):
                try:
                    array = fill(size if first.__class__ is int else first, kind.numpy)
                except (TypeError, ValueError, MemoryError):
                    return general(*size)
                return remembered(handle.make(array, kind, None, [0], None), *size)
        if len(options) == 1 and options.get("dtype").__class__ is DType and kind is not None:
            first = size[0] if size else None
            if first.__class__ is int or (first.__class__ in _SEQUENCES and len(size) == 1):
                kind = kind_of(options["dtype"], CPU)
                try:
                    array = fill(size if first.__class__ is int else first, kind.numpy)
                except (TypeError, ValueError, MemoryError):
                    return general(*size, **options)
                return handle.make(array, kind, None, [0], None)
        return general(*size, **options)

    function.__name__ = function.__qualname__ = name
    function.__signature__ = inspect.signature(general)  # type: ignore[attr-defined]
    function.__doc__ = f"""{what} of a given shape.

    Args:
        size: The sizes, one by one or as a sequence.
        out: Write there; it decides the dtype and is resized where its shape differs.
        dtype, device: Default: the default dtype and device.
        layout: Only the strided one.
        requires_grad: Is its gradient wanted?

    Raises:
        TypeError: A size is no integer.
        RuntimeError: A size is negative, or there is not the memory.

    Source: torch.{name}

    Example:
        >>> import flambeau as torch
        >>> torch.{name}(2, 3).shape
        torch.Size([2, 3])
    """

    def form(
        self: Tensor, *size: Any, dtype: Any = None, device: Any = None, **options: Any
    ) -> Any:
        if dtype is None and device is None and not options and size:
            kind = self._kind
            on_cpu = kind.device is CPU
            if on_cpu and known is not None:
                make = known.find(known.token, kind.dtype, *size)
                if make is not None:
                    return handle.make(make(), kind, None, [0], None)
            if on_cpu and size[0].__class__ is int and min(size) >= 0:
                array = fill(size, kind.numpy)
            else:
                array = new_array(name, kind, sizes(size, name), value)
            made = handle.make(array, kind, None, [0], None)
            return remembered(made, *size) if on_cpu else made
        dtype, device = dtype or self.dtype, device or self.device
        return general(*size, dtype=dtype, device=device, **options)

    form.__name__ = form.__qualname__ = f"new_{name}"
    form.__doc__ = f"`{name}` with this tensor's dtype and device.\n\n    Source: torch.Tensor.new_{name}\n    "
    method(f"new_{name}")(form)
    return public(name)(function)


zeros = _filled("zeros", 0, blocks.zeros, "Zeros")
ones = _filled("ones", 1, _ones, "Ones")
empty = _filled("empty", None, _fresh, "Uninitialised memory")


def full(size: Any, fill_value: Any, **options: Any) -> Tensor:
    """One value everywhere.

    Args:
        size: The sizes, as a sequence.
        fill_value: The value; without dtype= it decides the dtype.
        options: out, dtype, layout, device, requires_grad, as for `zeros`.

    Raises:
        RuntimeError: The dtype cannot hold the value.

    Source: torch.full

    Example:
        >>> import flambeau as torch
        >>> torch.full((2,), 7)
        tensor([7, 7])
    """
    kind = state.kind or plain_kind()
    if not options and kind is not None:
        found = _FULL.find(_FULL.token, kind.dtype, size, fill_value)
        if found is not None:
            make, own = found
            return handle.make(make(), own, None, [0], None)
        made = _plain_full(kind, size, fill_value)
        case = repeated.like(made._array)
        if case is not None:
            _FULL.keep((case, made._kind), kind.dtype, kept(size), fill_value)
        return made
    return _full(size, fill_value, **options)


_FULL, _FULL_LIKE, _NEW_FULL = Finding(), Finding(), Finding()


def _plain_full(kind: Kind, size: Any, fill_value: Any) -> Tensor:
    plain = fill_value.__class__ is float and size.__class__ in _SEQUENCES
    if plain and -3e38 < fill_value < 3e38 and kind.dtype.itemsize > 2:
        try:
            array = blocks.full(size, kind.numpy, fill_value)
        except (TypeError, ValueError, MemoryError):
            return _full(size, fill_value)
        return handle.make(array, kind, None, [0], None)
    return _full(size, fill_value)


@factory
def _full(kind: Any, size: Any, fill_value: Any) -> Any:
    value = number(fill_value, "full", "fill_value", 2)
    chosen = kind(inferred(value))
    shape = shape_of(size, "full")
    value = converted(value, chosen.dtype, math.prod(shape) == 1)
    return new_array("full", chosen, shape, value), chosen


public()(full)


def _check_like(name: str, input: Any) -> None:
    if not isinstance(input, Tensor):
        raise TypeError(
            f"{name}(): argument 'input' (position 1) must be Tensor, not {class_name(input)}"
        )


def like(
    function: str,
    input: Tensor,
    value: Any,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor in the shape of another, with its dtype, device and strides if nothing else is said."""
    _check_like(function, input)
    if layout is not None or pin_memory is not False or memory_format is not None:
        if is_sparse(layout):
            kind = place(function, None, dtype or input.dtype, device or input.device)
            return sparse_zeros(function, layout, input._array.shape, kind, requires_grad)
        check_placement(function, layout, pin_memory, memory_format, input.ndim)
    kind = input._kind
    if dtype is not None or device is not None:
        kind = place(function, None, dtype or input.dtype, device or input.device)
    array = memory.empty_like(input._array, kind.numpy, memory_format, kind.xp)
    if value is None:
        left(array)
    else:
        with quiet():
            array.fill(converted(value, kind.dtype, array.size == 1))
    return finish(function, array, kind, None, requires_grad, pin_memory)


def _like(name: str, value: Any) -> Callable:
    known = None if value is None else Finding()

    def function(input: Tensor, **options: Any) -> Tensor:
        if options or input.__class__ is not Tensor:
            return general(input, **options)
        kind = input._kind
        make = None if known is None else known.find(known.token, input)
        if make is not None:
            return handle.make(make(), kind, None, [0], None)
        array = input._array
        if array.__class__ is ndarray and array.flags.c_contiguous:
            if value == 0:
                array = np.zeros(array.shape, kind.numpy)
            else:
                array = (_fresh if value is None else _ones)(array.shape, kind.numpy)
        else:
            array = memory.empty_like(array, kind.numpy)
            if value is None:
                left(array)
            else:
                array.fill(value)
        if known is not None:
            known.learn(lambda: repeated.like(array), input)
        return handle.make(array, kind, None, [0], None)

    def general(
        input: Tensor,
        *,
        dtype: Any = None,
        layout: Any = None,
        device: Any = None,
        requires_grad: bool = False,
        pin_memory: bool = False,
        memory_format: Any = None,
    ) -> Tensor:
        return like(
            name, input, value, dtype, layout, device, requires_grad, pin_memory, memory_format
        )

    function.__name__ = function.__qualname__ = name
    function.__signature__ = inspect.signature(general)  # type: ignore[attr-defined]
    function.__doc__ = f"""`{name[:-5]}` in the shape and dtype of another tensor.

    Args:
        input: The other tensor.
        dtype, device: Default: those of the other.
        requires_grad: Is its gradient wanted?
        memory_format: How it is to lie in memory; by default as the other does.

    Source: torch.{name}

    Example:
        >>> import flambeau as torch
        >>> torch.{name}(torch.ones(2, 3)).shape
        torch.Size([2, 3])
    """
    return public(name)(function)


zeros_like = _like("zeros_like", 0)
ones_like = _like("ones_like", 1)
empty_like = _like("empty_like", None)


@public()
def full_like(input: Tensor, fill_value: Any, **options: Any) -> Tensor:
    """One value in the shape and dtype of another tensor.

    Args:
        input: The other tensor.
        fill_value: The value.
        options: dtype, device, requires_grad, memory_format, as for `zeros_like`.

    Source: torch.full_like
    """
    plain = not options and input.__class__ is Tensor
    if plain:
        make = _FULL_LIKE.find(_FULL_LIKE.token, input, fill_value)
        if make is not None:
            return handle.make(make(), input._kind, None, [0], None)
        kind, array = input._kind, input._array
        in_order = array.__class__ is ndarray and array.flags.c_contiguous
        if in_order and _is_plain(kind, array.shape, fill_value):
            made = blocks.full(array.shape, kind.numpy, fill_value)
            _FULL_LIKE.learn(lambda: repeated.like(made), input, fill_value)
            return handle.make(made, kind, None, [0], None)
    result = like("full_like", input, number(fill_value, "full_like", "fill_value", 2), **options)
    if plain:
        _FULL_LIKE.learn(lambda: repeated.like(result._array), input, fill_value)
    return result


@method()
def new_full(self: Tensor, size: Any, fill_value: Any, **options: Any) -> Tensor:
    """`full` with this tensor's dtype and device.

    Source: torch.Tensor.new_full
    """
    kind = self._kind
    if not options and kind.device is CPU:
        make = _NEW_FULL.find(_NEW_FULL.token, kind.dtype, size, fill_value)
        if make is not None:
            return handle.make(make(), kind, None, [0], None)
        made = full(size, fill_value, dtype=kind.dtype, device=CPU)
        case = repeated.like(made._array)
        if case is not None:
            _NEW_FULL.keep(case, kind.dtype, kept(size), fill_value)
        return made
    options["dtype"] = options.get("dtype") or self.dtype
    options["device"] = options.get("device") or self.device
    return full(size, fill_value, **options)


def _is_plain(kind: Kind, size: Any, value: Any) -> bool:
    """Is it a number that the floating dtype holds, for sizes that are just that?"""
    return (
        value.__class__ in REAL
        and -3e38 < value < 3e38
        and kind.device is CPU
        and kind.dtype.is_floating_point
        and kind.dtype.itemsize > 2
        and size.__class__ in _SEQUENCES
        and all(n.__class__ is int and n >= 0 for n in size)
    )


@factory
def _scalar_tensor(kind: Any, s: Any) -> Any:
    """A number as a 0-d tensor of the default dtype.

    Args:
        s: The number.

    Source: torch.scalar_tensor
    """
    chosen = kind()
    value = converted(number(s, "scalar_tensor", "s", 1), chosen.dtype, single=True)
    return new_array("scalar_tensor", chosen, (), value), chosen


def scalar_tensor(*args: Any, **options: Any) -> Tensor:
    if len(args) == 1 and not options:
        kind = state.kind or plain_kind()
        if kind is not None and _is_plain(kind, (), args[0]):
            return handle.make(np.array(args[0], kind.numpy), kind, None, [0], None)
    return _scalar_tensor(*args, **options)


scalar_tensor.__doc__ = _scalar_tensor.__doc__
scalar_tensor.__signature__ = inspect.signature(_scalar_tensor)  # type: ignore[attr-defined]
public()(scalar_tensor)
