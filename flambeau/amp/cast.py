"""Weights in the types that `autocast` casts them to, kept until they change."""

from __future__ import annotations

from functools import cache
from sys import getrefcount
from typing import Any
from weakref import ref

import numpy as np

from ..autograd.mode import mode
from ..core.dtype import dtype, float32
from ..core.handler import PLAIN, lower
from ..core.memory import unwatch, watch
from ..core.tensor import UNVERSIONED, Tensor, wrap
from ..ops.create.full import zeros
from ..ops.tensor.convert import in_dtype, known_copy


def converted(x: Tensor, to: dtype) -> Tensor:
    """x in another dtype; as users convert it, where somebody handles the functions that it is given to."""
    return in_dtype(x, to) if x.__class__ in PLAIN and not lower else x.to(to)  # type: ignore[attr-defined]


class _Cast:
    """What a weight was cast to.

    Attributes:
        weight, array: The weight and its array, if they are still there.
        version: The weight's then.
        values: The cast, without history.
        block: The casts of the outermost `autocast` in which it was made.
        lasts: Can nobody have written to the weight's memory uncounted, so that it holds in other blocks too?
    """

    __slots__ = ("array", "block", "lasts", "values", "version", "weight")

    def __init__(self, x: Tensor, values: Tensor, block: Casts, key: tuple[int, dtype]):
        array, place = x._array, id(x._array)

        def forget(_: Any) -> None:
            if _kept.get(key) is self:
                del _kept[key]
            unwatch(place, self)

        self.weight, self.array, self.version = ref(x, forget), ref(array), x._cell[0]
        self.values, self.block = values, block
        self.lasts = False

    def exposed(self) -> None:
        """Somebody got hold of the weight's memory."""
        self.lasts = False


_kept: dict[tuple[int, dtype], _Cast] = {}
"""The casts of weights that are alive, by their ids."""


class Casts:
    """The casts of weights within an outermost `autocast`: a weight that is used again is not cast again.

    A weight is a leaf that wants a gradient, or a parameter. It is cast again when its version counts a write or it has got
    another array. Writes that no version counts are those through `.data`, NumPy arrays and storages. While such are alive
    a cast is kept for one block, in which they do not show, as in PyTorch; and whoever asks for one ends
    the life of a cast with the block.
    """

    def of(self, x: Tensor, to: dtype) -> Tensor:
        """x in another dtype."""
        key = id(x), to
        found = _kept.get(key)
        if found is None and not _is_weight(x):
            return converted(x, to)
        if (
            found is None
            or found.array() is not x._array
            or found.version != x._cell[0]
            or not (found.lasts or found.block is self)
        ):
            return self._made(x, to, key)
        if x._node is None or not mode.recording:
            return found.values
        return known_copy(x, found.values._array)

    def _made(self, x: Tensor, to: dtype, key: tuple[int, dtype]) -> Tensor:
        before = _kept.pop(key, None)
        made = converted(x, to)
        if x.__class__ not in PLAIN or lower or made._array.__class__ is not np.ndarray:
            values = made.detach()  # type: ignore[attr-defined]
        else:
            values = wrap(made._array, made._kind)
        cast = _kept[key] = _Cast(x, values, self, key)
        if before is not None and (array := before.array()) is not None:
            unwatch(id(array), before)
        if _is_alone(x):
            cast.lasts = True
            watch(x._array, cast)
        return made

    @staticmethod
    def clear() -> None:
        """Forget all."""
        _kept.clear()


def _is_weight(x: Any) -> bool:
    if x._node is None:
        return getattr(x.__class__, "mark", None) == "_is_param"  # a layer's, frozen
    return x._base is None and x.is_leaf


def _is_alone(x: Tensor) -> bool:
    """Is x the only one that holds its memory, and are writes to it counted?"""
    array = x._array
    if array.__class__ is not np.ndarray or array.base is not None or x._cell[0] is UNVERSIONED:
        return False
    del array
    return getrefcount(x._array) <= _references()


@cache
def _references() -> int:
    """How often an array is referred to that one tensor alone holds, seen from `_is_alone`."""
    x = zeros(1, dtype=float32)
    return getrefcount(x._array)
