"""Types of tensors by their shapes, for annotations of traced programs.

Source: torch.fx.tensor_type
"""

from __future__ import annotations

from typing import Any

__all__ = ["Dyn", "TensorType", "is_consistent", "is_more_precise"]


class _DynType:
    """A size that is not known."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _DynType)

    def __hash__(self) -> int:
        return hash("Dyn")

    def __repr__(self) -> str:
        return "Dyn"


Dyn = _DynType()


class TensorType:
    """A tensor of this shape: ``TensorType((1, 2, Dyn))``.

    Args:
        dim: The sizes.
    """

    def __init__(self, dim: Any):
        self.__origin__, self.__args__ = TensorType, dim

    def __repr__(self) -> str:
        return f"TensorType[{self.__args__}]"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TensorType) and list(self.__args__) == list(other.__args__)

    def __hash__(self) -> int:
        return hash(tuple(self.__args__))


def _sizes(t: Any) -> list[Any] | None:
    return list(t.__args__) if isinstance(t, TensorType) else None


def is_consistent(t1: Any, t2: Any) -> bool:
    """Can a value be of both?"""
    if Dyn in (t1, t2) or t1 == t2:
        return True
    first, second = _sizes(t1), _sizes(t2)
    if first is None or second is None or len(first) != len(second):
        return False
    return all(map(is_consistent, first, second))


def is_more_precise(t1: Any, t2: Any) -> bool:
    """Does the first say at least what the second says?"""
    if t1 == t2 or t2 == Dyn:
        return True
    first, second = _sizes(t1), _sizes(t2)
    if first is None or second is None or len(first) != len(second):
        return False
    return all(map(is_more_precise, first, second))
