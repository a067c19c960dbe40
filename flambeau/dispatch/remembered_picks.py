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


def picked(call: Callable[..., Any], x: Any, indices: tuple, result: Any) -> Callable | None:
    """The case of a function of a tensor and index tensors; None where it is not learned."""
    if not _is_usual(x, indices, result):
        return None
    with no_grad():
        found = _Asked(call, x, indices, result).answers()
    if found is None:
        return None
    from ..kernels.array.pick import picking

    run = picking(result._array.shape, result._array.dtype, *found)
    if run is None:
        return None
    made, kind = run(x._array, *[index._array for index in indices]), x._kind
    if made is None or made.tobytes() != result._array.tobytes():
        return None

    def pick(x: Any, *indices: Any) -> Any:
        if x._node is not None and mode.recording:
            return None
        array = run(x._array, *[index._array for index in indices])
        return None if array is None else handle.make(array, kind, None, [0], None)

    return pick


def _is_usual(x: Any, indices: tuple, result: Any) -> bool:
    """A new tensor of x's kind, in order, of few elements at a few integers."""
    if result.__class__ is not Tensor or result._kind is not x._kind or result._cell is x._cell:
        return False
    places = [index._array for index in indices]
    arrays = x._array, *places, result._array
    return (
        x._kind.device is CPU
        and len(indices) > 0
        and all(a.dtype.name in ("int32", "int64") for a in places)
        and all(a.__class__ is np.ndarray and 0 < a.size <= _MOST for a in arrays)
        and result._array.flags.c_contiguous
        and all(min(a.strides, default=0) >= 0 for a in arrays)
    )


class _Asked:
    """What a function answers for numbered elements."""

    def __init__(self, call: Callable[..., Any], x: Any, indices: tuple, result: Any):
        self.call, self.x, self.shape = call, x._array, result._array.shape
        self.indices = [(index._array, index._kind) for index in indices]
        numbers = np.arange(self.x.size, dtype=np.float64).reshape(self.x.shape)
        self.numbered = handle.make(numbers, kind_of(float64, CPU), None, [0], None)

    def ask(self, which: int, index: Any) -> Any:
        """Where the elements lie that are picked if one index array holds this and the others 0; None where the function
        refuses."""
        given = []
        for i, (array, kind) in enumerate(self.indices):
            values = np.broadcast_to(index if i == which else 0, array.shape)
            made = np.array(values, array.dtype, order="C")
            given.append(handle.make(made, kind, None, [0], None))
        try:
            answer = self.call(self.numbered, *given)._array
        except _REFUSALS:
            return None
        if answer.shape != self.shape or answer.dtype != np.float64:
            return None
        return reached(self.x, answer.reshape(-1).astype(np.int64))

    def answers(self) -> tuple | None:
        """Where each element begins, what the indices mean, and which index is whose."""
        starts = self.ask(0, 0)
        if starts is None:
            return None
        found = [self.meaning(i, starts) for i in range(len(self.indices))]
        if None in found:
            return None
        return starts, *([item[i] for item in found] for i in range(2))  # type: ignore[index]

    def meaning(self, which: int, starts: Any) -> tuple | None:
        """What one index array means, and where each element's index lies in it."""
        from ..kernels.array.pick import Reach

        array = self.indices[which][0]
        second = self.ask(which, 1)
        if second is None:
            return None
        steps = second - starts
        step, size = int(steps[0]), 2
        if step <= 0 or (steps != step).any():
            return None
        while (more := self.ask(which, size)) is not None:
            if size == _LARGEST or (more != starts + size * step).any():
                return None
            size += 1
        back = self.ask(which, -1)
        if back is not None and (back != starts + (size - 1) * step).any():
            return None
        owner = np.zeros(len(starts), np.int64)
        ordinal = np.arange(array.size).reshape(array.shape)
        for bit in range(array.size.bit_length()):
            found = self.ask(which, ordinal >> bit & 1)
            if found is None:
                return None
            owner |= ((found - starts) // step) << bit
        return Reach(size, step, back is not None, array.itemsize == 4), reached(array, owner)


def reached(array: Any, numbers: Any) -> Any:
    """Where elements lie, by their numbers: bytes from the first."""
    places = np.unravel_index(numbers, array.shape) if array.ndim else ()
    reach = sum(n * step for n, step in zip(places, array.strides))
    return np.zeros(len(numbers), np.int64) + reach


__all__ = ["picked"]
