"""Quantised tensors: integers with a scale and a zero point, as which a model's weights take a quarter of the memory.

They hold values; nothing but copies, views and conversions back is computed with them. What computes with
bytes are the layers of `ao.nn.quantized.dynamic`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .core.device import CPU
from .core.dtype import dtype as DType
from .core.dtype import float32, float64, int64
from .core.kind import kind_of
from .core.printing import format_values, join_suffixes
from .core.quantized_dtype import (
    INTEGERS,
    QUANTIZED,
    per_channel_affine,
    per_tensor_affine,
    qscheme,
)
from .core.tensor import Tensor, become, wrap
from .dispatch.torch_function import DisableTorchFunctionSubclass


class QuantizedTensor(Tensor):
    """A tensor of a quantised dtype.

    An element of the integer q stands for ``scale * (q - zero_point)``; scale and zero point are one for
    all, or one for each index of the dimension `axis`.

    Attributes:
        scale, zero_point: float64 and int64 arrays, of no dimension or one.
        axis: The dimension of channels; None where there is one scale.
    """

    _quantized: tuple[DType, Any, Any, int | None]

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: tuple = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", str(func))
        if name in _ASKED:
            with DisableTorchFunctionSubclass():
                return func(*args, **(kwargs or {}))
        known = _KNOWN.get(name)
        if known is None:
            raise NotImplementedError(
                f"Could not run 'aten::{name}' with arguments from the 'QuantizedCPU' backend: quantised "
                "tensors are storage here; call .dequantize() first"
            )
        return known(*args, **(kwargs or {}))

    @property
    def dtype(self) -> DType:
        """The quantised type of the elements."""
        return self._quantized[0]

    @property
    def is_quantized(self) -> bool:
        """Whether the elements stand for other numbers."""
        return True

    def qscheme(self) -> qscheme:
        """Whether there is one scale, or one a channel."""
        return per_tensor_affine if self._quantized[3] is None else per_channel_affine

    def q_scale(self) -> float:
        """The scale of a tensor that has one."""
        return float(self._per_tensor("q_scale")[1])

    def q_zero_point(self) -> int:
        """The integer that stands for 0, of a tensor that has one."""
        return int(self._per_tensor("q_zero_point")[2])

    def _per_tensor(self, name: str) -> tuple:
        if self._quantized[3] is not None:
            raise RuntimeError(
                f"{name}: expected a tensor with one scale; see q_per_channel_scales()"
            )
        return self._quantized

    def q_per_channel_scales(self) -> Tensor:
        """The scales of the channels, float64."""
        return wrap(self._per_channel()[1].copy(), kind_of(float64, self.device))

    def q_per_channel_zero_points(self) -> Tensor:
        """The integers that stand for 0 in each channel."""
        return wrap(self._per_channel()[2].copy(), kind_of(int64, self.device))

    def q_per_channel_axis(self) -> int:
        """The dimension of the channels."""
        return self._per_channel()[3]

    def _per_channel(self) -> tuple:
        if self._quantized[3] is None:
            raise RuntimeError("expected a tensor with a scale a channel; see q_scale()")
        return self._quantized

    def int_repr(self) -> Tensor:
        """The integers."""
        return wrap(self._array.copy(), self._kind)

    def dequantize(self) -> Tensor:
        """The numbers that the integers stand for, float32."""
        _, scale, zero, axis = self._quantized
        scale, zero = (_along(x, axis, self._array.ndim) for x in (scale, zero))
        values = (self._array.astype(np.float64) - zero) * scale
        return wrap(values.astype(np.float32), kind_of(float32, self.device))

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        kind, scale, zero, axis = self._quantized
        values = tensor_contents or format_values(self.dequantize()._array, 7)
        notes = [
            f"size={tuple(self._array.shape)}",
            f"dtype={kind}",
            f"quantization_scheme={self.qscheme()}",
        ]
        if axis is None:
            notes += [f"scale={float(scale)}", f"zero_point={int(zero)}"]
        else:
            notes += [
                f"scale={self.q_per_channel_scales()}",
                f"zero_point={self.q_per_channel_zero_points()}",
            ]
            notes += [f"axis={axis}"]
        return join_suffixes("tensor(" + values, notes, 7)

    def __deepcopy__(self, memo: dict) -> QuantizedTensor:
        made = _like(self, self._array.copy())
        memo[id(self)] = made
        return made

    def __reduce_ex__(self, protocol: Any) -> tuple:
        kind, scale, zero, axis = self._quantized
        found = scale.tolist(), zero.tolist(), axis, kind.name
        return rebuilt, (self.int_repr(), *found)


def rebuilt(
    integers: Tensor, scale: Any, zero_point: Any, axis: int | None, name: str
) -> QuantizedTensor:
    """A quantised tensor of its parts, as they are pickled."""
    facts = QUANTIZED[name], np.asarray(scale, np.float64), np.asarray(zero_point, np.int64), axis
    return _made(integers._array, facts)


def _made(integers: Any, facts: tuple) -> QuantizedTensor:
    made: QuantizedTensor = become(
        wrap(integers, kind_of(INTEGERS[facts[0]], CPU)), QuantizedTensor
    )
    made._quantized = facts
    return made


def _like(x: QuantizedTensor, integers: Any) -> QuantizedTensor:
    return _made(integers, x._quantized)


def _along(x: Any, axis: int | None, ndim: int) -> Any:
    """One number a channel, in a shape that broadcasts."""
    return x if axis is None else x.reshape([-1 if i == axis else 1 for i in range(ndim)])


def _quantized(
    input: Tensor, scale: Any, zero_point: Any, axis: int | None, dtype: Any
) -> QuantizedTensor:
    if dtype not in INTEGERS:
        raise RuntimeError(f"expected a quantised dtype such as torch.qint8, got {dtype}")
    if input.dtype is not float32:
        raise RuntimeError(f"Quantize only works on Float Tensor, got {input.dtype.legacy}")
    if input._kind.device is not CPU:
        raise NotImplementedError(
            f"quantised tensors are on the CPU, and these values are on {input._kind.device}: call .cpu() on "
            "them first"
        )
    scale, zero = np.asarray(scale, np.float64), np.asarray(zero_point, np.int64)
    if not (scale > 0).all():
        raise RuntimeError(f"quantize: scales must be above zero, got {scale.tolist()}")
    x = input._array
    held = INTEGERS[dtype].numpy
    limits = np.iinfo(held)
    if (zero < limits.min).any() or (zero > limits.max).any():
        raise RuntimeError(
            f"quantize: zero_point {zero.tolist()} is out of range: {dtype} holds {limits.min} to {limits.max}"
        )
    inverse = (np.float32(1) / scale.astype(np.float32)).astype(np.float32)
    levels = np.rint(x * _along(inverse, axis, x.ndim)).astype(np.float64) + _along(
        zero, axis, x.ndim
    )
    return _made(np.clip(levels, limits.min, limits.max).astype(held), (dtype, scale, zero, axis))


def quantize_per_tensor(
    input: Tensor, scale: Any, zero_point: Any, dtype: DType
) -> QuantizedTensor:
    """A float tensor as integers with one scale.

    Args:
        input: Of float32.
        scale: What a step stands for.
        zero_point: The integer that stands for 0.
        dtype: torch.qint8, torch.quint8 or torch.qint32.

    Raises:
        RuntimeError: A dtype, the scale or the zero point is not usable.

    Source: torch.quantize_per_tensor

    Example:
        >>> import flambeau as torch
        >>> torch.quantize_per_tensor(torch.tensor([-1.0, 0.5]), 0.1, 10, torch.quint8).int_repr()
        tensor([ 0, 15], dtype=torch.uint8)
    """
    scale, zero_point = (x.item() if isinstance(x, Tensor) else x for x in (scale, zero_point))
    return _quantized(input, scale, zero_point, None, dtype)


def quantize_per_channel(
    input: Tensor, scales: Tensor, zero_points: Tensor, axis: int, dtype: DType
) -> QuantizedTensor:
    """A float tensor as integers, with a scale for each index of a dimension.

    Args:
        input: Of float32.
        scales, zero_points: One for each index.
        axis: The dimension.
        dtype: torch.qint8, torch.quint8 or torch.qint32.

    Raises:
        RuntimeError: There is not one for each index, or a value is not usable.

    Source: torch.quantize_per_channel

    Example:
        >>> import flambeau as torch
        >>> x = torch.tensor([[1.0, -1.0], [0.5, 0.2]])
        >>> q = torch.quantize_per_channel(x, torch.tensor([0.1, 0.01]), torch.tensor([0, 0]), 0, torch.qint8)
        >>> q.int_repr()
        tensor([[ 10, -10],
                [ 50,  20]], dtype=torch.int8)
    """
    axis = axis % input.ndim
    for name, given in (("scales", scales), ("zero_points", zero_points)):
        if tuple(given.shape) != (input.shape[axis],):
            raise RuntimeError(
                f"length of {name} must equal to channel, expected {input.shape[axis]} got, {given.numel()}"
            )
    return _quantized(input, scales.cpu()._array, zero_points.cpu()._array, axis, dtype)


def dequantize(tensor: Any) -> Any:
    """The numbers that a quantised tensor stands for; of several, each one's.

    Source: torch.dequantize
    """
    if isinstance(tensor, (tuple, list)):
        return type(tensor)(dequantize(x) for x in tensor)
    return tensor.dequantize() if isinstance(tensor, QuantizedTensor) else tensor.float()  # type: ignore[attr-defined]


def _same(x: QuantizedTensor, *args: Any, **options: Any) -> QuantizedTensor:
    return _like(x, x._array.copy())


def _reshaped(x: QuantizedTensor, *shape: Any) -> QuantizedTensor:
    if x._quantized[3] is not None:
        raise NotImplementedError(
            "a tensor with a scale a channel keeps its shape: dequantize() it first"
        )
    return _like(x, x._array.reshape(*shape))


def _equal(x: Any, y: Any) -> bool:
    both = isinstance(x, QuantizedTensor) and isinstance(y, QuantizedTensor)
    return (
        both
        and x.dtype is y.dtype
        and all(np.array_equal(a, b) for a, b in zip(x._quantized[1:], y._quantized[1:]))
        and np.array_equal(x._array, y._array)
    )


def _method(name: str) -> Callable:
    return lambda x, *args, **options: getattr(QuantizedTensor, name)(x, *args, **options)


_ASKED = frozenset((
    *("__get__", "size", "dim", "ndimension", "numel", "nelement", "stride", "storage_offset", "element_size"),
    *("is_contiguous", "is_floating_point", "is_complex", "is_signed", "__len__", "data_ptr"),
))  # fmt: skip
"""Questions about a tensor that need no values."""

_KNOWN: dict[str, Callable] = {
    **dict.fromkeys(("clone", "detach", "contiguous", "cpu"), _same),
    **dict.fromkeys(("view", "reshape"), _reshaped),
    "equal": _equal,
    **{
        name: _method(name)
        for name in ("dequantize", "int_repr", "__repr__", "__deepcopy__", "__reduce_ex__")
    },
}
