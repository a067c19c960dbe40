"""What tensors of one kind share: their dtype and device, and how arithmetic treats them."""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

from .device import backends, device
from .dtype import BOOL, INTEGER, dtype

INT64_MIN, INT64_MAX, UINT64_MAX = -(1 << 63), (1 << 63) - 1, (1 << 64) - 1


def check_bits(value: int) -> None:
    """Raises OverflowError for an int that neither int64 nor uint64 holds."""
    if not INT64_MIN <= value <= UINT64_MAX:
        raise OverflowError(
            f"int too big to convert: {value} has more than 64 bits, use a float in its place"
        )


class Kind:
    """One object for each pair of dtype and device, so that ``x._kind is y._kind`` says that two
    tensors can be computed with as they are: the check at the head of every operation.

    Attributes:
        dtype, device: What the kind stands for.
        backend: What can be done on the device.
        xp: The module of its arrays: NumPy, or what definitions see as such.
        ndarray: The class of its arrays.
        has_elements: False for the device meta, whose tensors have only shapes.
        numpy: The array dtype.
        compute: The array dtype of arithmetic (float32 for the half types).
        numbers: The classes of Python numbers that combine with it without changing the dtype.
        strided: The kind of dense tensors of this dtype and device: itself, but for sparse tensors,
            whose kinds (`sparse.SparseKind`) are others so that no fast path takes them for dense ones.
    """

    __slots__ = (
        "_one",
        "_scalars",
        "_zero",
        "backend",
        "compute",
        "device",
        "dtype",
        "has_elements",
        "ndarray",
        "numbers",
        "numpy",
        "strided",
        "xp",
    )

    dtype: dtype
    device: device
    xp: ModuleType
    numbers: frozenset[Any]

    def __init__(self, dtype: dtype, device: device):  # type: ignore[valid-type]
        self.dtype, self.device = dtype, device
        self.backend = backends[device.type]
        self.xp = self.backend.module(device.index)
        self.ndarray = self.xp.ndarray
        self.has_elements = self.backend.has_elements
        self.numpy, self.compute = dtype.numpy, dtype.compute
        self.numbers = frozenset(
            () if dtype.category == BOOL else (int,) if dtype.category == INTEGER else (int, float)
        )
        self.strided: Kind = self
        self._one: Any = None
        self._zero: Any = None
        self._scalars: dict[float, Any] = {}

    def scalar(self, value: float) -> Any:
        """A Python number as an operand of the compute dtype; numbers seen lately are kept.

        Raises:
            OverflowError: For an int that the dtype cannot hold, or that has more than 64 bits.
        """
        found = self._scalars.get(value)
        if found is None:
            if not value and math.copysign(1.0, value) > 0:
                if self._zero is None:
                    self._zero = self.backend.number(self.device.index, value, self.compute)
                return self._zero
            if isinstance(value, int):
                check_bits(value)
            found = self.backend.number(self.device.index, value, self.compute)
            # 0.0 and -0.0 are equal as keys, and so are large floats and ints that are refused.
            if value and not INT64_MAX < abs(value) < math.inf:
                if len(self._scalars) > 512:
                    if self.backend.is_accelerator:
                        return found  # graphs may read those that are kept
                    self._scalars.clear()
                self._scalars[value] = found
        return found

    def check_elements(self, function: str) -> None:
        """Raises NotImplementedError on the device meta, for a function whose result depends on elements."""
        if not self.has_elements:
            raise NotImplementedError(
                f"aten::{function}: attempted to run this operator with Meta tensors, but its result "
                "depends on elements, and they have none"
            )

    def one(self) -> Any:
        """A new 0-d array of 1."""
        if self._one is None:
            self._one = self.backend.number(self.device.index, 1, self.numpy)
        with self.backend.on(self.device.index):
            return self._one.copy()

    def with_dtype(self, dtype: dtype) -> Kind:  # type: ignore[valid-type]
        return kind_of(dtype, self.device)

    def __repr__(self) -> str:
        return f"Kind({self.dtype}, {str(self.device)!r})"


_kinds: dict[tuple[dtype, device], Kind] = {}


def kind_of(dtype: dtype, device: device) -> Kind:
    """The one kind of this dtype and device."""
    found = _kinds.get((dtype, device))
    if found is None:
        if dtype.numpy is None:
            raise NotImplementedError(
                f"there are no tensors of {dtype} but quantised ones: torch.quantize_per_tensor makes those of "
                "torch.qint8, torch.quint8 and torch.qint32"
            )
        found = Kind(dtype, device)
        if not found.backend.holds(dtype.numpy):
            raise NotImplementedError(
                f"there are no tensors of {dtype} on {device.type}: keep them on the CPU, and convert them on the way"
            )
        found = _kinds.setdefault((dtype, device), found)
    return found
