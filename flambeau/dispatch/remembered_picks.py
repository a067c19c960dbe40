"""Cases of functions that pick elements at an index tensor, learned by asking them.

What such a function reads is linear in its indices: each element of the result begins somewhere and goes so many steps
on as its index says. Both are found by running it on a tensor that holds its elements' numbers, with all indices 0, and
then with those 1 whose own number has a certain bit. The bound is the first index that the function refuses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..autograd.mode import mode, no_grad
from ..core import tensor as handle
from ..core.device import CPU
from ..core.dtype import float64
from ..core.kind import kind_of
from ..core.tensor import Tensor

_MOST = 1 << 11
"""Elements of the tensor, the index and the result at most."""
_LARGEST = 1 << 8
"""The bound of an index at most: each index below it is tried."""
_REFUSALS = (IndexError, RuntimeError)


def picked(call: Callable[..., Any], x: Any, index: Any, result: Any) -> Callable | None:
    """The case of a function of a tensor and an index; None where it is not learned."""
    if not _is_usual(x, index, result):
        return None
    with no_grad():
        found = _Asked(call, x, index, result).answers()
    if found is None:
        return None
    from ..kernels.array.pick import picking

    run = picking(result._array.shape, result._array.dtype, *found)
    if run is None:
        return None
    made, kind = run(x._array, index._array), x._kind
    if made is None or made.tobytes() != result._array.tobytes():
        return None

    def pick(x: Any, index: Any) -> Any:
        if x._node is not None and mode.recording:
            return None
        array = run(x._array, index._array)
        return None if array is None else handle.make(array, kind, None, [0], None)

    return pick


def _is_usual(x: Any, index: Any, result: Any) -> bool:
    """A new tensor of x's kind, in order, of few elements at a few integers."""
    if result.__class__ is not Tensor or result._kind is not x._kind or result._cell is x._cell:
        return False
    arrays = x._array, index._array, result._array
    return (
        x._kind.device is CPU
        and index._array.dtype.name in ("int32", "int64")
        and all(a.__class__ is np.ndarray and 0 < a.size <= _MOST for a in arrays)
        and result._array.flags.c_contiguous
        and all(min(a.strides, default=0) >= 0 for a in arrays)
    )


class _Asked:
    """What a function answers for numbered elements."""

    def __init__(self, call: Callable[..., Any], x: Any, index: Any, result: Any):
        self.call, self.x, self.index = call, x._array, index._array
        self.kind, self.shape = index._kind, result._array.shape
        numbers = np.arange(self.x.size, dtype=np.float64).reshape(self.x.shape)
        self.numbered = handle.make(numbers, kind_of(float64, CPU), None, [0], None)

    def ask(self, index: Any) -> Any:
        """The numbers of the elements that are picked; None where the function refuses."""
        array = np.ascontiguousarray(np.broadcast_to(index, self.index.shape), self.index.dtype)
        try:
            answer = self.call(self.numbered, handle.make(array, self.kind, None, [0], None))._array
        except _REFUSALS:
            return None
        if answer.shape != self.shape or answer.dtype != np.float64:
            return None
        return answer.reshape(-1).astype(np.int64)

    def answers(self) -> tuple | None:
        """Where each element begins, what the index means, and which index is whose."""
        from ..kernels.array.pick import Reach

        first, second = self.ask(0), self.ask(1)
        if first is None or second is None:
            return None
        starts, steps = self.offsets(first), self.offsets(second) - self.offsets(first)
        step, size = int(steps[0]), 2
        if step <= 0 or (steps != step).any():
            return None
        while (more := self.ask(size)) is not None:
            if size == _LARGEST or (self.offsets(more) != starts + size * step).any():
                return None
            size += 1
        back = self.ask(-1)
        wraps = back is not None
        if wraps and (self.offsets(back) != starts + (size - 1) * step).any():
            return None
        owner, ordinal = np.zeros_like(first), np.arange(self.index.size).reshape(self.index.shape)
        for bit in range(self.index.size.bit_length()):
            found = self.ask(ordinal >> bit & 1)
            if found is None:
                return None
            owner |= ((self.offsets(found) - starts) // step) << bit
        places = self.reached(self.index, owner)
        reach = Reach(size, step, wraps, self.index.itemsize == 4)
        return starts, [reach], [places]

    def offsets(self, numbers: Any) -> Any:
        """Where elements lie: bytes from the first."""
        return self.reached(self.x, numbers)

    @staticmethod
    def reached(array: Any, numbers: Any) -> Any:
        places = np.unravel_index(numbers, array.shape) if array.ndim else ()
        reach = sum(n * step for n, step in zip(places, array.strides))
        return np.zeros_like(numbers) + reach


__all__ = ["picked"]
