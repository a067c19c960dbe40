"""Weights in the types that `autocast` casts them to, kept until they change."""

from __future__ import annotations

from typing import Any

from ..core.dtype import dtype
from ..core.handler import PLAIN, lower
from ..core.tensor import Tensor
from ..ops.tensor.convert import in_dtype, known_copy


def converted(x: Tensor, to: dtype) -> Tensor:
    """x in another dtype; as users convert it, where somebody handles the functions that it is given to."""
    return in_dtype(x, to) if x.__class__ in PLAIN and not lower else x.to(to)  # type: ignore[attr-defined]


class Casts:
    """What a weight was cast to last, while `autocast` is in force: a weight that is used again is not cast again.

    A weight is a leaf that wants a gradient. It is cast again when its version counts a write or it has got another array.
    Writes that no version counts (through `.data` or a NumPy array) show when `autocast` is entered next, as in PyTorch.
    """

    def __init__(self) -> None:
        self.kept: dict[tuple[int, dtype], tuple[Tensor, Any, Any, Any]] = {}

    def of(self, x: Tensor, to: dtype) -> Tensor:
        """x in another dtype."""
        if x._node is None or not x.is_leaf or x._base is not None:  # type: ignore[attr-defined]
            return converted(x, to)
        key, version = (id(x), to), x._cell[0]
        found = self.kept.get(key)
        if found is None or found[1] is not x._array or found[2] != version:
            made = converted(x, to)
            self.kept[key] = x, x._array, version, made._array
            return made
        return known_copy(x, found[3])
