"""The operands of a formula: what promotion asks of them, their device, and the arrays that are computed with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.device import CPU
from ...core.dtype import BOOL
from ...core.error import two_devices
from ...core.kind import Kind, check_bits
from ...core.number import converted
from ...core.tensor import Tensor, wrap_numpy
from ...formula.quiet import quiet

if TYPE_CHECKING:
    from .specialization import Specialization


def operands_of(x: Tensor, other: Any) -> Any:
    """A tensor and what stands on an operator's other side, as operands; None where that is none.

    With an array both get the dtype that NumPy would compute in, as PyTorch has it: int64 beside float32 gives float64.
    """
    if isinstance(other, (Tensor, bool, int, float, complex, np.generic)):
        return x, other
    if isinstance(other, np.ndarray):
        y = wrap_numpy(other)
        if x._kind.dtype is y._kind.dtype or x._kind.dtype.is_extension:
            return x, y
        dtype = wrap_numpy(np.empty(0, np.result_type(x._array, other))).dtype
        return x.to(dtype), y.to(dtype)  # type: ignore[attr-defined]
    return (x, other) if hasattr(type(other), "__torch_function__") else None


def promotes_as(x: Any) -> Any:
    """What promotion asks of an operand: a tensor's kind and whether it has dimensions, a number's class."""
    return (x._kind, x._array.ndim > 0) if isinstance(x, Tensor) else x.__class__


def arrays_of(operands: Sequence[Any], spec: Specialization) -> list[Any]:
    """The arrays that a specialisation computes with, of the operands that are there.

    A tensor keeps its dtype: where that is not the common one the specialisation casts it.
    """
    arrays = []
    for x, kind in zip(operands, spec.kinds):
        if not isinstance(x, Tensor):
            arrays.append(number_array(x, kind, operands))
        elif kind.device is not x._kind.device and x._array.ndim == 0:
            arrays.append(kind.backend.number(kind.device.index, x._array, x._array.dtype))
        else:
            arrays.append(x._array)
    return arrays


def number_array(value: Any, kind: Kind, operands: Sequence[Any] = ()) -> Any:
    """A Python number as an operand; integers wrap around beside those of a tensor, as PyTorch's do.

    Raises:
        OverflowError: It is an int of more than 64 bits.
        RuntimeError: It is one that int64 cannot hold, beside bools.
    """
    if isinstance(value, int):
        check_bits(value)
    compute = kind.dtype.compute
    try:
        with quiet():
            return kind.backend.number(kind.device.index, value, compute)
    except OverflowError:
        if operands and all(x.dtype.category == BOOL for x in operands if isinstance(x, Tensor)):
            converted(value, kind.dtype)
        bits = 8 * compute.itemsize
        wrapped = np.asarray(int(value) % (1 << bits), f"u{compute.itemsize}").astype(compute)
        return kind.backend.number(kind.device.index, wrapped, compute)


def common_device(tensors: Sequence[Tensor], name: str) -> Any:
    """The one device of the tensors; 0-d CPU tensors go along with any.

    Raises:
        RuntimeError: There are two.
    """
    devices = list(
        dict.fromkeys(
            x._kind.device for x in tensors if x._array.ndim or x._kind.device.type != "cpu"
        )
    )
    if len(devices) > 1:
        raise two_devices(devices, name)
    if devices:
        return devices[0]
    return tensors[0]._kind.device if tensors else CPU
