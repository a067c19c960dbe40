"""`Size`: the shape of a tensor, a tuple of ints that stays a Size when it is sliced or joined."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NoReturn, SupportsIndex

_new = tuple.__new__
_item, _add, _multiply = tuple.__getitem__, tuple.__add__, tuple.__mul__


class Size(tuple[int, ...]):
    """The shape of a tensor.

    Args:
        iterable: The sizes: ints, or what has `__index__` (NumPy ints, integer tensors).

    Raises:
        TypeError: An item is no integer.

    Source: torch.Size

    Example:
        >>> import flambeau as torch
        >>> shape = torch.Size([2, 3, 4])
        >>> shape[1:], shape.numel()
        (torch.Size([3, 4]), 24)
    """

    __slots__ = ()

    def __new__(cls, iterable: Iterable[SupportsIndex] = (), /) -> Size:
        items = _new(cls, iterable)
        for item in items:
            if type(item) is not int:
                return _new(cls, map(_as_int, range(len(items)), items))
        return items

    def __init_subclass__(cls, **kwargs: object) -> NoReturn:
        raise TypeError("type 'torch.Size' is not an acceptable base type")

    def numel(self) -> int:
        """The number of elements of a tensor of this shape: the product of its sizes."""
        return math.prod(self)

    def __repr__(self) -> str:
        return f"torch.Size([{', '.join(map(repr, self))}])"

    def __reduce__(self) -> tuple[Any, tuple[tuple[int, ...]]]:
        return Size, (tuple(self),)

    def __getitem__(self, key: Any) -> Any:
        item = _item(self, key)
        return _new(Size, item) if type(item) is tuple else item

    def __add__(self, other: Any) -> Any:
        return Size(_add(self, other)) if isinstance(other, tuple) else NotImplemented

    def __radd__(self, other: Any) -> Any:
        return Size(_add(other, self)) if isinstance(other, tuple) else NotImplemented

    def __mul__(self, count: SupportsIndex) -> Size:
        return _new(Size, _multiply(self, count))

    __rmul__ = __mul__


trusted: Callable[[tuple[int, ...]], Size] = partial(_new, Size)
"""A Size of a tuple known to hold ints, such as an array's shape, in half the time."""


def _as_int(position: int, item: Any) -> int:
    if isinstance(item, int) and type(item) is not bool:
        return item  # of a subclass: a size that a trace keeps open
    try:
        return operator.index(item)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            f"torch.Size() takes an iterable of 'int' "
            f"(item {position} is {type(item).__name__!r}); convert the item with int(...)"
        ) from error
