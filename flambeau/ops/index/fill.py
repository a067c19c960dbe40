"""Writing values over a tensor: fill_, zero_, copy_, and fill, which gives a new tensor."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from ... import kernels
from ...autograd.inference import WRITTEN
from ...autograd.mode import mode
from ...core import tensor as handle
from ...core.dtype import convertible
from ...core.layout import is_contiguous
from ...core.memory import is_writable
from ...core.number import converted, number
from ...core.tensor import UNVERSIONED, Tensor, class_name
from ...dispatch.formula.formula_node import REAL
from ...dispatch.inplace import copied as copy_of_few
from ...dispatch.registry import method, public
from ...dispatch.remembered import Finding, keep
from ...dispatch.rule.rule_operation import operation
from ...dispatch.write import broadcast, check_writable, finish_write, store, written_as_known
from ...formula.quiet import quiet
from ...kernels.array import repeated


@operation(operands="x value", label="Fill", writes=True)
def filled(x: Any, value: Any) -> None:
    """`value`, 0-d, in the shape and dtype of x."""
    x[...] = _real(value, x).astype(x.dtype)


@filled.afresh
def _(x: Any, value: Any) -> Any:
    made = np.empty_like(x)
    filled.write(made, value)  # type: ignore[misc]
    return made


@filled.gradient
def _(g: Tensor, needs: tuple) -> tuple:
    return _nothing(g, needs), g.sum() if needs[1] else None


@operation(label="Zero", writes=True)
def zeroed(x: Any) -> None:
    """Zeros in the shape of x."""
    x[...] = 0


@zeroed.gradient
def _(g: Tensor) -> Tensor:
    return g.new_zeros(g.shape)


@operation(operands="x source", label="CopyBackwards", writes=True)
def copied(x: Any, source: Any) -> None:
    """`source` in the shape and dtype of x."""
    kernels.array.copy.copy_into(x, _real(source, x))


@copied.gradient
def _(g: Tensor, needs: tuple) -> tuple:
    return _nothing(g, needs), g


def _nothing(g: Tensor, needs: tuple) -> Tensor | None:
    """The gradient of what was written over."""
    return g.new_zeros(g.shape) if needs[0] else None


def _real(source: Any, target: Any) -> Any:
    return convertible(source, target.dtype)


_FEW = 1 << 8
"""Elements that NumPy fills without further question."""


def _has_history(self: Tensor) -> bool:
    """Would the write be recorded, or have to be refused?"""
    if self._cell[0] is UNVERSIONED and not mode.inference:
        raise RuntimeError(WRITTEN)
    if not mode.recording:
        return False
    base = self._base
    return self._node is not None or (base is not None and base._node is not None)


def _written(self: Tensor, value: Any) -> Tensor:
    """Fill memory of which nobody keeps a history."""
    try:
        with quiet():
            kernels.array.fill.write(self._array, value)
    except ValueError:
        check_writable(self)
        raise
    finish_write(self, None)
    return self


@public("fill_", method=True)
def fill_(input: Tensor, value: Any) -> Tensor:
    """Write one value everywhere.

    Args:
        input: The tensor that is written to.
        value: A number or a 0-d tensor.

    Raises:
        RuntimeError: The dtype cannot hold the number, the value has dimensions, or history would be
            lost.

    Source: torch.Tensor.fill_

    Example:
        >>> import flambeau as torch
        >>> torch.zeros(2).fill_(3)
        tensor([3., 3.])
    """
    self = input
    write = _FILLED.find(_FILLED.token, self, value)
    if write is not None and written_as_known(self, write):
        return self
    if value.__class__ in REAL and self.__class__ is Tensor:
        _FILLED.learn(lambda: repeated.writing(self._array, _element(self, value)), self, value)
    if value.__class__ in REAL and -3e38 < value < 3e38 and not _has_history(self):
        own = self._kind.dtype
        if own.is_floating_point and own.itemsize > 2 and is_writable(self._array):
            kernels.array.fill.write(self._array, value)  # the usual call
            finish_write(self, None)
            return self
    is_tensor = isinstance(value, Tensor)
    if is_tensor:
        _check_value(value)
    else:
        value = converted(
            number(value, "fill_", "value", 1), self._kind.dtype, self._array.size == 1
        )
    if not (_has_history(self) or (is_tensor and mode.recording and value._node is not None)):
        if is_tensor:
            with quiet():
                value = _real(value.to(self.device)._array, self._array).astype(self._kind.numpy)
        return _written(self, value)
    operand = value if is_tensor else self.new_full((), value).detach()
    recorded = mode.recording and (self._node is not None or operand._node is not None)
    return filled.into(self, (operand,), (), recorded, overlaps=True)


_FILLED, _ZEROED, _FRESH, _COPIED = Finding(), Finding(), Finding(), Finding()


def _element(x: Tensor, value: Any) -> Any:
    """A number as an element of x.

    Raises:
        RuntimeError: Its dtype cannot hold the number.
    """
    with quiet():
        return np.array(converted(value, x._kind.dtype, x._array.size == 1), x._kind.numpy)


def _check_value(value: Tensor) -> None:
    if value.ndim:
        raise RuntimeError(
            f"fill_ only supports 0-dimension value tensor but got tensor with {value.ndim} "
            "dimensions."
        )


@public()
def fill(input: Tensor, value: Any) -> Tensor:
    """One value everywhere, in a new tensor.

    Args:
        input: Gives the shape and dtype.
        value: A number or a 0-d tensor.

    Raises:
        RuntimeError: The dtype cannot hold the number, or the value has dimensions.

    Source: torch.fill

    Example:
        >>> import flambeau as torch
        >>> torch.fill(torch.zeros(2), 3)
        tensor([3., 3.])
    """
    if not isinstance(input, Tensor):
        raise TypeError(
            f"fill(): argument 'input' (position 1) must be Tensor, not {class_name(input)}"
        )
    if isinstance(value, Tensor):
        _check_value(value)
    else:
        plain = input.__class__ is Tensor and (input._node is None or not mode.recording)
        if plain:
            make = _FRESH.find(_FRESH.token, input, value)
            if make is not None:
                return handle.make(make(), input._kind, None, [0], None)
        made = (
            copy_of_few(input) if value.__class__ in REAL and is_contiguous(input._array) else None
        )
        if made is not None:
            made.fill_(value)  # type: ignore[attr-defined]
            made._cell[0] = 0
            array = made._array
            _FRESH.learn(lambda: repeated.like(array), input, value)
            return made
        given = value
        value = converted(number(value, "fill", "value", 2), input.dtype, input.numel() == 1)
        value = input.new_full((), value).detach()
        if plain:
            made = filled(input, value)
            _FRESH.learn(lambda: repeated.like(made._array), input, given)
            return made
    return filled(input, value)


@public("zero_", method=True)
def zero_(input: Tensor) -> Tensor:
    """Write zeros.

    Args:
        input: The tensor that is written to.

    Source: torch.Tensor.zero_
    """
    self, array = input, input._array
    if array.__class__ is ndarray and array.size <= _FEW and array.flags.carray:
        if not _has_history(self):
            array.fill(0)
            finish_write(self, None)
            return self
    else:
        write = _ZEROED.find(_ZEROED.token, self)
        if write is not None and written_as_known(self, write):
            return self
        if self.__class__ is Tensor:
            _ZEROED.learn(lambda: repeated.writing(array, 0), self)
    if not _has_history(self):
        return _written(self, 0)
    return zeroed.into(self, (), (), self._node is not None, overlaps=True)


_SMALL = 1 << 14
"""Elements up to which NumPy copies them as fast."""


@method()
def copy_(self: Tensor, other: Tensor, non_blocking: bool = False) -> Tensor:
    """Write another tensor's values here, broadcast and cast.

    Args:
        other: The values, of any dtype and on any device; a number serves too.
        non_blocking: A copy from page-locked memory to an accelerator need not be waited for.

    Shape:
        What broadcasts to this tensor's.

    Raises:
        TypeError: It is no tensor.
        RuntimeError: The shape does not broadcast, or history would be lost.

    Source: torch.Tensor.copy_
    """
    if other.__class__ is Tensor and (other._node is None or not mode.recording):
        write = _COPIED.find(_COPIED.token, self, other)
        if write is not None and written_as_known(self, write, other._array):
            return self
    if not isinstance(other, Tensor):
        if not isinstance(other, (bool, int, float, complex)):  # type: ignore[unreachable]
            raise TypeError(
                f"copy_(): argument 'other' (position 1) must be Tensor, not {class_name(other)}"
            )
        return self.fill_(other)  # type: ignore[unreachable]
    if other is self and not (mode.recording and self._node is not None):
        return self  # nothing changes, even where its elements share memory
    if other._kind.device is not self._kind.device:
        other = other.to(self.device, non_blocking=non_blocking)
    array, source = self._array, other._array
    if array.shape != source.shape:
        common = broadcast([array.shape, source.shape])
        if common != array.shape:
            raise RuntimeError(
                f"output with shape {list(self.shape)} doesn't match the broadcast shape "
                f"{list(common)}"
            )
    if mode.recording and (other._node is not None or self._node is not None):
        return copied.into(self, (other,), ())
    base = self._base
    usual = array.__class__ is ndarray and array.flags.carray
    if not usual or (base is not None and base._node is not None) or self._cell[0] is UNVERSIONED:
        check_writable(self, (self, other))
    if other._kind is self._kind and array.size <= _SMALL:
        np.copyto(array, source)
        if array.__class__ is source.__class__ is ndarray and other.__class__ is Tensor:
            keep(_COPIED.token, (self, other), np.copyto)
    else:
        store(self, _real(source, array))
    finish_write(self, None)
    return self
